-- Puts back what is written of a store that has lost something, as far as it is missing or older, and begins a new epoch unless
-- another node has done so. Answers with what is written of it then.
local meta = KEYS[1]
local epoch, rekeys = tonumber(ARGV[1]), tonumber(ARGV[2])

local is = read(meta)
local is_older = not is.schema or (tonumber(is.rekeys) or 0) < rekeys
for i = 3, #ARGV, 2 do
  local is_key = string.sub(ARGV[i], 1, 4) == 'key:'
  if not is[ARGV[i]] or (is_older and is_key) then redis.call('HSET', meta, ARGV[i], ARGV[i + 1]) end
end
if is_older then redis.call('HSET', meta, 'rekeys', whole(rekeys)) end
if (tonumber(is.epoch) or 0) <= epoch then
  local time = redis.call('TIME')
  redis.call('HSET', meta, 'epoch', whole(math.max(epoch + 1, time[1] * 1000 + math.floor(time[2] / 1000))))
end
return redis.call('HGETALL', meta)
