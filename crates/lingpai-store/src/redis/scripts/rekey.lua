-- Puts data keys that are sealed with another master key in the place of all others, unless somebody was faster.
local meta, rekeys = KEYS[1], ARGV[1]

local is = read(meta)
if is.rekeys ~= rekeys then return 0 end
for name in pairs(is) do
  if string.sub(name, 1, 4) == 'key:' then redis.call('HDEL', meta, name) end
end
redis.call('HSET', meta, 'rekeys', whole(tonumber(rekeys) + 1), unpack(ARGV, 2))
return 1
