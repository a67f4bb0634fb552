#!lua
-- Creates a connection record with fence 1, unless there is or was one.
-- KEYS: record removed
-- ARGV: owner fields…
-- returns: "" (created) | owner of the record that stands | "-" where it was removed
-- codes: none
local record, removed = unpack(KEYS)
local owner = ARGV[1]

if redis.call('EXISTS', removed) == 1 then return '-' end
local standing = redis.call('HGET', record, 'owner')
if standing then return '=' .. standing end
redis.call('HSET', record, 'version', 1, 'fence', 1, 'owner', owner, unpack(ARGV, 2))
return ''
