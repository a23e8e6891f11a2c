-- Takes the first parcel of an account that is not dead, if it is due, and puts it off: Outbox::take_due.
local parcels, waiting = KEYS[1], KEYS[2]
local now, until_then = tonumber(ARGV[1]), ARGV[2]

local id = redis.call('ZRANGE', waiting, 0, 0)[1]
if not id then return { 'none' } end
if tonumber(redis.call('HGET', parcels, id .. ':due_at')) > now then return { 'later' } end
redis.call('HSET', parcels, id .. ':due_at', until_then)
return { 'taken', id }
