-- What every script begins with. Numbers are written whole: Lua would write a fence as 1.7e+15.

local function read(key)
  local flat = redis.call('HGETALL', key)
  local fields = {}
  for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
  return fields, flat
end

-- Whether a hash has exactly the fields that were read: the number of the names and values in ARGV behind this place.
local function is_as_read(key, place)
  local fields, flat = read(key)
  local count = tonumber(ARGV[place])
  if #flat ~= count then return false end
  for i = place + 1, place + count, 2 do
    if fields[ARGV[i]] ~= ARGV[i + 1] then return false end
  end
  return true
end

local function whole(number) return string.format('%.0f', number) end

local function answer(word, flat)
  local all = { word }
  for i = 1, #flat do all[i + 1] = flat[i] end
  return all
end

local HOLD = { 'hold_node', 'hold_claim', 'hold_from', 'hold_until' }
local INTENT = { 'intent_fence', 'intent_way', 'intent_at', 'intent_deadline', 'intent_lost' }

