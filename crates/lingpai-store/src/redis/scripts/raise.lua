-- Raises lines of a day's ledger: Archive::raise_ledger.
local ledger, kept_for = KEYS[1], ARGV[1]

for i = 2, #ARGV, 2 do
  local is = tonumber(redis.call('HGET', ledger, ARGV[i])) or 0
  if is < tonumber(ARGV[i + 1]) then redis.call('HSET', ledger, ARGV[i], ARGV[i + 1]) end
end
redis.call('EXPIRE', ledger, kept_for)
return 1
