-- Puts a tombstone in the place of an account, and removes its parcels and the credentials that are named:
-- Directory::remove_account. Answers with 'again' if it has other credentials by now.
local account, kinds = KEYS[1], KEYS[2] -- then three of parcels, then the credentials

if redis.call('SCARD', kinds) ~= #KEYS - 5 then return 'again' end
for i = 1, #ARGV do
  if redis.call('SISMEMBER', kinds, ARGV[i]) == 0 then return 'again' end
end
for i = 2, #KEYS do redis.call('DEL', KEYS[i]) end
local was_there = redis.call('HEXISTS', account, 'secret') == 1
if was_there then
  redis.call('DEL', account)
  redis.call('HSET', account, 'removed_at', redis.call('TIME')[1] .. '000')
end
return was_there and 'removed' or 'none'
