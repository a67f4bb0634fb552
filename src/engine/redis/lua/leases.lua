#!lua flags=no-writes
-- Every node that is remembered, with what is left of its lease (milliseconds; 0 or less: lapsed so long ago).
-- KEYS: leases
-- ARGV: none
-- uses: clock
-- returns: {node, remaining, …}
-- codes: none
local leases = KEYS[1]

local now = milliseconds()
local result = redis.call('ZRANGE', leases, 0, -1, 'WITHSCORES')
for i = 2, #result, 2 do result[i] = result[i] - now end
return result
