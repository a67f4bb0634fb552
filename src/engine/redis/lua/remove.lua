#!lua flags=allow-oom
-- Removes a connection record and remembers its id for a while, so that nothing late brings it back.
-- KEYS: record acts removed
-- ARGV: fence
-- returns: owner, "" when there was no record
-- codes: FENCED
local record, acts, removed = unpack(KEYS)
local fence = tonumber(ARGV[1])

local REMOVED_MEMORY = 600000

local known = redis.call('HMGET', record, 'fence', 'owner')
if not known[1] then return '' end
if tonumber(known[1]) ~= fence then return redis.error_reply('FENCED the fence is ' .. known[1]) end
redis.call('SET', removed, known[1], 'PX', REMOVED_MEMORY)
redis.call('DEL', record, acts)
return known[2]
