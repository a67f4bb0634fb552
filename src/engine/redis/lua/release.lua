#!lua flags=allow-oom
-- Lets a line go and remembers for whom it is kept.
-- KEYS: meta messages announcements members line party
-- ARGV: server epoch id fence act
-- uses: clock topic party line
-- returns: "OK"
-- codes: OUTDATED FENCED
local meta, messages, announcements, members, line, party_key = unpack(KEYS)
local server, epoch, id, fence, act = unpack(ARGV)

local topic = open_topic({ meta = meta, messages = messages, announcements = announcements }, server, epoch)
if not topic then return redis.error_reply(OUTDATED) end
touch_topic(topic)
local party, refused = enter_party(party_key, tonumber(fence), topic.epoch)
if not party then return refused end
local begun = begin_act(party, tonumber(act))
save_party(party)
if begun and redis.call('HGET', line, 'holder') == id then
  free_line(line, id, milliseconds())
  release_topic(meta, members, line)
end
return redis.status_reply('OK')
