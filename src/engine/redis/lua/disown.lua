#!lua flags=allow-oom
-- Takes a connection out of a node's index, if its entry is of this fence or an older one and at least `age` ms old; and
-- hands the node a note (where it is not empty).
-- KEYS: owned entries inbox
-- ARGV: id fence age note
-- uses: clock
-- returns: 1 when it is not in the index (any more), 0 when it stays
-- codes: none
local owned, entries, inbox = unpack(KEYS)
local id, fence, age, note = unpack(ARGV)

if note ~= '' then redis.call('SPUBLISH', inbox, note) end
local known = redis.call('HGET', entries, id)
if not known then return 1 end
local standing, at = string.match(known, '^(%d+) (%d+)')
if tonumber(standing) > tonumber(fence) or milliseconds() - at < tonumber(age) then return 0 end
redis.call('ZREM', owned, id)
redis.call('HDEL', entries, id)
return 1
