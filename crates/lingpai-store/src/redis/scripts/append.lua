-- Adds lines to a journal and lets the oldest go: Store::append. An id in the stream is the time of its line; one that comes late
-- is put after those that are there.
local stream = KEYS[1]
local count, oldest = ARGV[1], ARGV[2]

local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)
local at, number = 0, 0
if last[1] then
  local dash = string.find(last[1][1], '-', 1, true)
  at, number = tonumber(string.sub(last[1][1], 1, dash - 1)), tonumber(string.sub(last[1][1], dash + 1))
end
for i = 3, #ARGV, 3 do
  local when = tonumber(ARGV[i])
  if when > at then
    at, number = when, 0
  else
    number = number + 1
  end
  redis.call('XADD', stream, whole(at) .. '-' .. whole(number), 'account', ARGV[i + 1], 'body', ARGV[i + 2])
end
redis.call('XTRIM', stream, 'MAXLEN', '=', count)
redis.call('XTRIM', stream, 'MINID', '=', oldest)
return 1
