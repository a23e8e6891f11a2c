-- Brings a store of the first layout to this one: it gets a data key of its own, and that of before is kept for what is sealed
-- with it; it is written down where a copy is from before. Answers with what is written of the store.
local meta = KEYS[1]
if redis.call('HGET', meta, 'schema') == '1' then
  redis.call('HDEL', meta, 'key_check')
  redis.call('HSET', meta, unpack(ARGV))
end
return redis.call('HGETALL', meta)
