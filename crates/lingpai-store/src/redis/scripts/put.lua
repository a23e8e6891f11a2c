-- Puts fields into a hash.
redis.call('HSET', KEYS[1], unpack(ARGV))
return 1
