-- Compare, lease, intent and ledger in one step: Store::begin. Without a way nothing is fetched: no intent, no count.
local credential, kinds, fences, ledger = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local kind, node, claim, known, settles = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local way, at, deadline, lease = ARGV[6], ARGV[7], ARGV[8], tonumber(ARGV[9])
local day, kept_for, clock, highest = ARGV[10], ARGV[11], ARGV[12], ARGV[13]
-- A lease that was given this much after "now" was given before the clock was set back.
local SCATTER = 2000

local time = redis.call('TIME')
local micros = time[1] * 1000000 + time[2]
local now = tonumber(clock) or math.floor(micros / 1000)
local is, flat = read(credential)

if is.hold_claim == claim then
  -- The same claim again: its answer was lost on the way.
  return { 'granted', is.fence, is.usage_fetches, is.usage_forced }
end
if (tonumber(is.generation) or 0) > known then return answer('newer', flat) end
if is.hold_node and is.hold_node ~= node then
  local from, till = tonumber(is.hold_from), tonumber(is.hold_until)
  if now < till and now + SCATTER >= from then
    return { 'held', is.hold_node, whole(till - now) }
  end
end
if way ~= '' and is.intent_fence and is.intent_fence ~= settles then
  return { 'unfinished', is.intent_fence, is.intent_way, is.intent_at, is.intent_deadline, is.intent_lost }
end

-- Above every earlier one, and above those that a Redis has forgotten which lost its data: no counter goes as fast as time. Its
-- clock may be behind that of another which it replaces; so above those that the node has seen, too.
local last = math.max(tonumber(redis.call('GET', fences)) or 0, tonumber(is.fence) or 0, tonumber(highest))
local fence = whole(math.max(last + 1, micros))
redis.call('SET', fences, fence)

if way ~= '' then
  redis.call('HINCRBY', ledger, 'fetch/' .. kind .. '/' .. way, 1)
  redis.call('EXPIRE', ledger, kept_for)
end
local fetches, forced = 0, 0
for _, of in ipairs({ 'primary', 'forced', 'fallback' }) do
  local times = tonumber(redis.call('HGET', ledger, 'fetch/' .. kind .. '/' .. of)) or 0
  fetches = fetches + times
  if of == 'forced' then forced = times end
end

redis.call('HSET', credential, 'fence', fence, 'generation', is.generation or '0',
  'hold_node', node, 'hold_claim', claim, 'hold_from', whole(now), 'hold_until', whole(now + lease),
  'usage_day', day, 'usage_fetches', whole(fetches), 'usage_forced', whole(forced))
if way ~= '' then
  local lost = is.intent_fence and tonumber(is.intent_lost) + 1 or 0
  redis.call('HSET', credential, 'intent_fence', fence, 'intent_way', way, 'intent_at', at,
    'intent_deadline', deadline, 'intent_lost', whole(lost))
end
if way == 'forced' then redis.call('HSET', credential, 'last_forced_at', at) end
redis.call('SADD', kinds, kind)
return { 'granted', fence, whole(fetches), whole(forced) }
