-- Writes again what a token that is to be confirmed was stored with, so that a server that waits for its replicas after this waits
-- for that token too: Store::confirm. Answers 0 if this server does not have it.
local credential, generation = KEYS[1], ARGV[1]

local is = redis.call('HGET', credential, 'generation')
if (tonumber(is) or -1) < tonumber(generation) then return 0 end
redis.call('HSET', credential, 'generation', is)
return 1
