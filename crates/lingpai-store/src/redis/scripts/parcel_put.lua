-- Keeps a parcel behind all others of its account: Outbox::put_parcel_within.
local parcels, waiting, dead = KEYS[1], KEYS[2], KEYS[3]
local id, content, received_at, delivery, due_at, most =
  ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])

if redis.call('HEXISTS', parcels, id .. ':content') == 1 then
  -- Replicas confirm what is written: without this, whoever asks again would hear of nothing.
  redis.call('HSET', parcels, id .. ':received_at', received_at)
  return 'known'
end
if redis.call('ZCARD', waiting) + redis.call('ZCARD', dead) >= most then return 'full' end
local place = redis.call('HINCRBY', parcels, 'place', 1)
redis.call('HSET', parcels, id .. ':content', content, id .. ':received_at', received_at, id .. ':delivery', delivery,
  id .. ':due_at', due_at)
redis.call('ZADD', due_at == '' and dead or waiting, place, id)
return 'kept'
