-- Puts a tombstone in the place of an account, and removes its parcels and the credentials that are named:
-- Directory::remove_account, and remove_as_read. Answers with 'again' if it has other credentials by now, or is not as it was
-- read; -1 in the place of a number is for whoever has not read it.
local account, kinds = KEYS[1], KEYS[2] -- then three of parcels, then the credentials
local read_before = tonumber(ARGV[1]) -- so many names and values, then the kinds
local first = 2 + math.max(read_before, 0)

if read_before >= 0 and not is_as_read(account, 1) then return 'again' end
if redis.call('SCARD', kinds) ~= #KEYS - 5 then return 'again' end
for i = first, #ARGV do
  if redis.call('SISMEMBER', kinds, ARGV[i]) == 0 then return 'again' end
end
for i = 2, #KEYS do redis.call('DEL', KEYS[i]) end
local was_there = redis.call('HEXISTS', account, 'secret') == 1
if was_there then
  redis.call('DEL', account)
  redis.call('HSET', account, 'removed_at', redis.call('TIME')[1] .. '000')
end
return was_there and 'removed' or 'none'
