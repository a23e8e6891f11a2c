-- Adds to a day's ledger, which is forgotten after a while: Store::count.
local ledger = KEYS[1]
local entry, times, kept_for = ARGV[1], ARGV[2], ARGV[3]

redis.call('HINCRBY', ledger, entry, times)
redis.call('EXPIRE', ledger, kept_for)
return 1
