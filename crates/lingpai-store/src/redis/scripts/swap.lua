-- Puts an account in the place of the one that was read, field for field: Directory::put_account. Answers with 0, and changes
-- nothing, if something else stands there by now. A tombstone is put so too, where no account is; then 0 means that somebody has
-- added the account again, or buried it, which is as good.
local account = KEYS[1] -- ARGV: what was read, then the fields to write

if not is_as_read(account, 1) then return 0 end
redis.call('DEL', account)
redis.call('HSET', account, unpack(ARGV, ARGV[1] + 2))
return 1
