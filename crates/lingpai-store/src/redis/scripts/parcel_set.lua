-- Says how it stands with a parcel: Outbox::set_delivery. A due_at of '' is a dead one's, of which the oldest make room.
local parcels, waiting, dead = KEYS[1], KEYS[2], KEYS[3]
local id, delivery, due_at, most = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])

local place = redis.call('ZSCORE', waiting, id) or redis.call('ZSCORE', dead, id)
if not place then return 0 end
local from, to = dead, waiting
if due_at == '' then from, to = waiting, dead end
redis.call('HSET', parcels, id .. ':delivery', delivery, id .. ':due_at', due_at)
redis.call('ZREM', from, id)
redis.call('ZADD', to, place, id)
for _, old in ipairs(redis.call('ZRANGE', dead, 0, -1 - most)) do
  redis.call('ZREM', dead, old)
  redis.call('HDEL', parcels, old .. ':content', old .. ':received_at', old .. ':delivery', old .. ':due_at')
end
return 1
