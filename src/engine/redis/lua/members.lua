#!lua flags=no-writes
-- One page of a topic's members, in the order of their ids, and how many there are.
-- KEYS: meta members infos
-- ARGV: server after limit
-- uses: topic
-- returns: {total, id, info, …}
-- codes: OUTDATED
local meta, members, infos = unpack(KEYS)
local server, after, limit = unpack(ARGV)

local epoch = epoch_of(meta, server)
if epoch == nil then return redis.error_reply(OUTDATED) end
if not epoch or redis.call('HGET', meta, 'gathered') ~= epoch then return { 0 } end

local result = { redis.call('ZCARD', members) }
for _, id in ipairs(redis.call('ZRANGEBYLEX', members, after, '+', 'LIMIT', 0, limit)) do
  result[#result + 1] = id
  result[#result + 1] = redis.call('HGET', infos, id) or ''
end
return result
