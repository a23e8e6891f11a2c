-- One page of the stream, from the newest to the oldest: where the next page begins, and the events of one account, or of all.
local stream = KEYS[1]
local from, length, account = ARGV[1], tonumber(ARGV[2]), ARGV[3]

local page = redis.call('XREVRANGE', stream, from, '-', 'COUNT', length)
local found = { #page == length and '(' .. page[length][1] or '' }
for _, entry in ipairs(page) do
  local fields = entry[2]
  if account == '' or fields[2] == account then found[#found + 1] = fields[4] end
end
return found
