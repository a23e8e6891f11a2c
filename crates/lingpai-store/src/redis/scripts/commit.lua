-- Stores the token of the latest lease, or nothing, and tells the other nodes: Store::commit.
local credential = KEYS[1]
local fence, generation, fingerprint, previous_until = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local token, issued_at, expires_at, full_life, way = ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local channel, message, companion = ARGV[10], ARGV[11], ARGV[12]

local is, flat = read(credential)
if is.fence ~= fence then return answer('fenced', flat) end
local other = is.fingerprint ~= fingerprint
local stored = tonumber(is.generation)
if tonumber(generation) < stored or (other and tonumber(generation) == stored) then
  return { 'unfit', is.generation }
end
if other then
  if is.fingerprint and previous_until ~= '' then
    redis.call('HSET', credential, 'previous_fingerprint', is.fingerprint, 'previous_until', previous_until)
  else
    redis.call('HDEL', credential, 'previous_fingerprint', 'previous_until')
  end
end
redis.call('HSET', credential, 'generation', generation, 'fingerprint', fingerprint, 'token', token,
  'issued_at', issued_at, 'expires_at', expires_at, 'full_life', full_life, 'way', way)
-- Where none came, the one before stays.
if companion ~= '' then redis.call('HSET', credential, 'companion', companion) end
redis.call('HDEL', credential, 'failure', unpack(HOLD))
redis.call('HDEL', credential, unpack(INTENT))
-- A hint: that it cannot be told must not undo the commit.
local time = redis.call('TIME')
redis.pcall('PUBLISH', channel, message .. ' ' .. whole(time[1] * 1000 + math.floor(time[2] / 1000)))
return { 'stored' }
