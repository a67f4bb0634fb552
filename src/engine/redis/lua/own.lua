#!lua
-- Enters a connection in the index of what a node owns. Done before the record names the node.
-- KEYS: owned entries
-- ARGV: id fence
-- uses: clock
-- returns: "OK"
-- codes: none
local owned, entries = unpack(KEYS)
local id, fence = ARGV[1], tonumber(ARGV[2])

local known = redis.call('HGET', entries, id)
local standing = known and tonumber(string.match(known, '^%d+')) or 0
redis.call('ZADD', owned, 0, id)
redis.call('HSET', entries, id, string.format('%d %d', math.max(fence, standing), milliseconds()))
return redis.status_reply('OK')
