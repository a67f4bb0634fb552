#!lua
-- Moves a connection record to a new owner if its fence still is the expected one.
-- KEYS: record acts
-- ARGV: owner expect fields…
-- returns: {"claimed" | "moved", owner before, owner before that, {record}} | {"gone"}; "" for an owner nobody was
-- codes: none
local record, acts = unpack(KEYS)
local owner, expect = ARGV[1], tonumber(ARGV[2])

local known = redis.call('HMGET', record, 'fence', 'owner', 'former', 'earlier')
local fence = tonumber(known[1] or 0)
if fence == 0 then return { 'gone' } end
if fence ~= expect then
  -- Asked again by the node that got it: told the same, with the former owners, in case it died before it was told.
  if fence == expect + 1 and known[2] == owner then
    return { 'claimed', known[3] or '', known[4] or '', redis.call('HGETALL', record) }
  end
  return { 'moved', '', '', redis.call('HGETALL', record) }
end
-- Acts start anew under a new fence.
redis.call('HSET', record, 'fence', fence + 1, 'owner', owner, 'former', known[2], 'earlier', known[3] or '', unpack(ARGV, 3))
redis.call('DEL', acts)
return { 'claimed', known[2], known[3] or '', redis.call('HGETALL', record) }
