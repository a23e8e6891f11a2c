-- Puts a credential in the place of what is there, unless that is of a later generation: Archive::keep.
local credential, kinds, fences = KEYS[1], KEYS[2], KEYS[3]
local kind, generation, fence = ARGV[1], ARGV[2], ARGV[3]
local channel, message = ARGV[4], ARGV[5]

local is = read(credential)
local highest = whole(math.max(tonumber(fence), tonumber(is.fence) or 0, tonumber(redis.call('GET', fences)) or 0))
redis.call('SET', fences, highest)
if (tonumber(is.generation) or 0) > tonumber(generation) then return 0 end
redis.call('DEL', credential)
redis.call('HSET', credential, 'generation', generation, 'fence', whole(math.max(tonumber(fence), tonumber(is.fence) or 0)),
  unpack(ARGV, 6))
redis.call('SADD', kinds, kind)
redis.pcall('PUBLISH', channel, message)
return 1
