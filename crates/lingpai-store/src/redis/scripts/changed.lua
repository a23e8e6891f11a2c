-- Takes note that accounts were changed. Goes with time, so that a number is never given twice, not even by a Redis that has lost
-- its data.
local time = redis.call('TIME')
local last = tonumber(redis.call('GET', KEYS[1])) or 0
redis.call('SET', KEYS[1], whole(math.max(last + 1, time[1] * 1000000 + time[2])))
return 1
