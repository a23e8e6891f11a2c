-- Puts an account in the place of the one that was read, field for field: Directory::put_account. Answers with 0, and changes
-- nothing, if something else stands there by now.
local account, count = KEYS[1], tonumber(ARGV[1]) -- then so many names and values that were read, then those to write

local is, flat = read(account)
if #flat ~= count then return 0 end
for i = 2, count, 2 do
  if is[ARGV[i]] ~= ARGV[i + 1] then return 0 end
end
redis.call('DEL', account)
redis.call('HSET', account, unpack(ARGV, count + 2))
return 1
