#!lua flags=allow-oom
-- Lets a line go and remembers for whom it is kept.
-- KEYS: meta members line party
-- ARGV: id fence act
-- uses: clock topic party
-- returns: "OK"
-- codes: FENCED
local meta, members, line, party_key = unpack(KEYS)
local id, fence, act = unpack(ARGV)

-- A little longer than the line is kept for its last holder.
local RELEASED_MEMORY = 90000000

local party, refused = enter_party(party_key, tonumber(fence))
if not party then return refused end
local begun = begin_act(party, tonumber(act))
save_party(party)
if begun and redis.call('HGET', line, 'holder') == id then
  redis.call('HDEL', line, 'holder')
  redis.call('HSET', line, 'former', id, 'released', milliseconds())
  redis.call('PEXPIRE', line, RELEASED_MEMORY)
  release_topic(meta, members, line)
end
return redis.status_reply('OK')
