-- KEYS: values and leases; ARGV: a channel, a message. The message is sent only after everything is removed: an error of DEL ends the
-- script. Returns to how many subscribers.
redis.call('DEL', unpack(KEYS))
return redis.call('PUBLISH', ARGV[1], ARGV[2])
