#!lua flags=allow-oom
-- Forgets a node whose lease lapsed at least `age` ms ago.
-- KEYS: leases
-- ARGV: node age
-- uses: clock
-- returns: "OK"
-- codes: none
local leases = KEYS[1]
local node, age = unpack(ARGV)

local ends = redis.call('ZSCORE', leases, node)
if ends and milliseconds() - ends >= tonumber(age) then redis.call('ZREM', leases, node) end
return redis.status_reply('OK')
