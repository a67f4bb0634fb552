#!lua
-- Writes a connection record again that this store has lost. The highest fence wins.
-- KEYS: record acts removed
-- ARGV: owner fence fields…
-- returns: {"restored" | "standing" | "fenced", owner before or "", fence before}
-- codes: none
local record, acts, removed = unpack(KEYS)
local owner, fence = ARGV[1], tonumber(ARGV[2])

local known = redis.call('HMGET', record, 'owner', 'fence')
local standing, standing_fence = known[1] or '', tonumber(known[2] or 0)
if standing == owner and standing_fence == fence then return { 'standing', standing, standing_fence } end
if redis.call('EXISTS', removed) == 1 or standing_fence >= fence then return { 'fenced', standing, standing_fence } end
redis.call('DEL', record, acts)
redis.call('HSET', record, 'version', 1, 'fence', fence, 'owner', owner, unpack(ARGV, 3))
return { 'restored', standing, standing_fence }
