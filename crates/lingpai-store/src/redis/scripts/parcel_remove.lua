-- Forgets a parcel: Outbox::remove_parcel.
local parcels, waiting, dead = KEYS[1], KEYS[2], KEYS[3]
local id = ARGV[1]

redis.call('ZREM', waiting, id)
redis.call('ZREM', dead, id)
redis.call('HDEL', parcels, id .. ':received_at', id .. ':delivery', id .. ':due_at')
return redis.call('HDEL', parcels, id .. ':content')
