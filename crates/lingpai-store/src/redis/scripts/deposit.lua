-- Puts a token where programs of other people look for it, unless a newer one is there.
-- KEYS: the value; what is known of it.
-- ARGV: value, generation, issued_at, expires_at, fingerprint, milliseconds to live, how far clocks may differ, and for how
-- long after that it is known what was there.

local held = read(KEYS[2])
local generation, issued_at, expires_at = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

if held.fingerprint and held.fingerprint ~= ARGV[5] then
  local later = issued_at - tonumber(held.issued_at)
  local clocks = tonumber(ARGV[7])
  local before = tonumber(held.generation)
  local older = later < -clocks
  if later >= -clocks and later <= clocks then
    if generation == before then older = later < 0 else older = generation < before end
  end
  if older then return 'newer' end
end

if held.fingerprint == ARGV[5] and tonumber(held.expires_at) >= expires_at - 1000 then
  local there = redis.call('GET', KEYS[1])
  if there and redis.sha1hex(there) == held.written and redis.call('PTTL', KEYS[1]) > 0 then return 'kept' end
end

redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[6])
redis.call('HSET', KEYS[2], 'generation', ARGV[2], 'issued_at', ARGV[3], 'expires_at', ARGV[4], 'fingerprint', ARGV[5],
  'written', redis.sha1hex(ARGV[1]))
redis.call('PEXPIRE', KEYS[2], whole(tonumber(ARGV[6]) + tonumber(ARGV[8])))
return 'written'
