-- What every script begins with. Numbers are written whole: Lua would write a fence as 1.7e+15.

local function read(key)
  local flat = redis.call('HGETALL', key)
  local fields = {}
  for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
  return fields, flat
end

local function whole(number) return string.format('%.0f', number) end

local function answer(word, flat)
  local all = { word }
  for i = 1, #flat do all[i + 1] = flat[i] end
  return all
end

local HOLD = { 'hold_node', 'hold_claim', 'hold_from', 'hold_until' }
local INTENT = { 'intent_fence', 'intent_way', 'intent_at', 'intent_deadline', 'intent_lost' }

