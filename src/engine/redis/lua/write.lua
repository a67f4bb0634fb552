#!lua
-- Merges fields into a connection record; each keeps what the highest act under this fence wrote.
-- KEYS: record acts
-- ARGV: fence act fields…
-- returns: "OK"
-- codes: FENCED
local record, acts = unpack(KEYS)
local fence, act = tonumber(ARGV[1]), tonumber(ARGV[2])

local standing = redis.call('HGET', record, 'fence')
if tonumber(standing or 0) ~= fence then
  return redis.error_reply('FENCED ' .. (standing and 'the fence is ' .. standing or 'the record is gone'))
end
for i = 3, #ARGV, 2 do
  local name, text = ARGV[i], ARGV[i + 1]
  if act > tonumber(redis.call('HGET', acts, name) or 0) then
    redis.call('HSET', acts, name, act)
    -- `-` removes, `=` sets: that it did is remembered by its act.
    if text == '-' then redis.call('HDEL', record, name) else redis.call('HSET', record, name, string.sub(text, 2)) end
  end
end
return redis.status_reply('OK')
