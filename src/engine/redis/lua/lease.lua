#!lua flags=allow-oom
-- Sets a node's lease to end `ms` from now. `unlessLonger` 1: only enters the node, and shortens no lease.
-- KEYS: leases
-- ARGV: node ms unlessLonger
-- uses: clock
-- returns: 1 where the node was entered before, 0 where nothing was known of it
-- codes: none
local leases = KEYS[1]
local node, ms, unless_longer = unpack(ARGV)

local known = redis.call('ZSCORE', leases, node) and 1 or 0
local ends = milliseconds() + ms
if unless_longer == '1' then redis.call('ZADD', leases, 'GT', ends, node) else redis.call('ZADD', leases, ends, node) end
return known
