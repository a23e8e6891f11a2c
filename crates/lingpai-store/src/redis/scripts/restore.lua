-- Puts an account back that this Redis has lost, or has only as it was before. One that was removed stays so.
local account = KEYS[1]
local updated_at = tonumber(ARGV[1])

local is = redis.call('HMGET', account, 'updated_at', 'removed_at')
if is[2] or (is[1] and tonumber(is[1]) >= updated_at) then return 0 end
redis.call('DEL', account)
redis.call('HSET', account, unpack(ARGV, 2))
return 1
