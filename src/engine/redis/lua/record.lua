#!lua flags=no-writes
-- A whole connection record.
-- KEYS: record
-- ARGV: none
-- returns: {field, text, …}, empty when there is none
-- codes: none
return redis.call('HGETALL', KEYS[1])
