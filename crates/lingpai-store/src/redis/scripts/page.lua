-- One page of a journal, from the newest to the oldest or the other way: where the next page begins, and the lines of one account,
-- or of all, each as its id, its account and its text.
local stream = KEYS[1]
local from, length, account, way = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]

local page
if way == 'on' then
  page = redis.call('XRANGE', stream, from, '+', 'COUNT', length)
else
  page = redis.call('XREVRANGE', stream, from, '-', 'COUNT', length)
end
local found = { #page == length and '(' .. page[length][1] or '' }
for _, entry in ipairs(page) do
  local fields = entry[2]
  if account == '' or fields[2] == account then
    found[#found + 1] = entry[1]
    found[#found + 1] = fields[2]
    found[#found + 1] = fields[4]
  end
end
return found
