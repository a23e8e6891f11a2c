-- Sets a mark above the last one, and answers with both. A mark that is below one that was set before shows that this server has
-- lost what it had.
local last = redis.call('GET', KEYS[1]) or '0'
local time = redis.call('TIME')
local mark = whole(math.max(tonumber(last) + 1, time[1] * 1000000 + time[2]))
redis.call('SET', KEYS[1], mark)
return { last, mark }
