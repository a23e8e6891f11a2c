-- Gives a lease back after a fetch that brought nothing: Store::abandon.
local credential = KEYS[1]
local fence, failure, is_settled = ARGV[1], ARGV[2], ARGV[3]

local is = read(credential)
if is.fence ~= fence or not is.hold_node then return 0 end
redis.call('HDEL', credential, unpack(HOLD))
redis.call('HSET', credential, 'failure', failure)
if is_settled == '1' then redis.call('HDEL', credential, unpack(INTENT)) end
return 1
