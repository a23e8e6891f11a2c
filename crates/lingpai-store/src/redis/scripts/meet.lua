-- Takes note that a node lives, forgets those that were not seen for long, and answers with the time and all others: Store::meet.
local nodes = KEYS[1]
local node, body, kept_for = ARGV[1], ARGV[2], tonumber(ARGV[3])

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', nodes, node, whole(now) .. ' ' .. body)
local seen = { whole(now) }
local flat = redis.call('HGETALL', nodes)
for i = 1, #flat, 2 do
  local at = tonumber(string.match(flat[i + 1], '^%d+'))
  if at and now - at <= kept_for then
    seen[#seen + 1] = flat[i + 1]
  else
    redis.call('HDEL', nodes, flat[i])
  end
end
return seen
