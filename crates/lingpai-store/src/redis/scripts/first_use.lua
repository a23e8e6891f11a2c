-- Notes in a key's record when it was first used, if that is not known: 1 then, else 0. The record is changed as a text,
-- since cjson writes an empty list as an object.
local body = redis.call('HGET', KEYS[1], ARGV[1])
if not body or string.sub(body, 1, 2) ~= '{"' or string.find(body, '"first_used_at":', 1, true) then
    return 0
end
redis.call('HSET', KEYS[1], ARGV[1], '{"first_used_at":' .. ARGV[2] .. ',' .. string.sub(body, 2))
return 1
