#!lua flags=no-writes
-- One page of a topic's members, in the order of their ids, and how many there are.
-- KEYS: members infos
-- ARGV: after limit
-- returns: {total, id, info, …}
-- codes: none
local members, infos = unpack(KEYS)
local after, limit = unpack(ARGV)

local result = { redis.call('ZCARD', members) }
for _, id in ipairs(redis.call('ZRANGEBYLEX', members, after, '+', 'LIMIT', 0, limit)) do
  result[#result + 1] = id
  result[#result + 1] = redis.call('HGET', infos, id) or ''
end
return result
