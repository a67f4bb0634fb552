#!lua flags=allow-oom
-- Ends a membership, once for each act, and announces it in small company. Leaves fence and act behind in any case.
-- KEYS: meta messages announcements members infos line party channel
-- ARGV: server epoch maxMessages maxBytes maxAge id fence act announcement upTo from
-- uses: clock topic party storing
-- returns: {place or "", repeat}
-- codes: OUTDATED FENCED NOPERM
local meta, messages, announcements, members, infos, line, party_key, channel = unpack(KEYS)
local server, epoch, max_messages, max_bytes, max_age, id, fence, act, announcement, up_to, from = unpack(ARGV)

local denied = announcement ~= '' and refused_storing(meta, channel)
if denied then return denied end
local topic = open_topic({ meta = meta, messages = messages, announcements = announcements }, server, epoch)
if not topic then return redis.error_reply(OUTDATED) end
touch_topic(topic)
local party, refused = enter_party(party_key, tonumber(fence), topic.epoch)
if not party then return refused end
gather(topic, members, infos)

if not begin_act(party, tonumber(act)) or not party.member then
  save_party(party)
  local left = party.left or ''
  return { left, left == '' and 0 or 1 }
end

party.left = place(topic)
party.member = false
if announcement ~= '' and redis.call('ZCARD', members) <= tonumber(up_to) then
  local bounds = { messages = tonumber(max_messages), bytes = tonumber(max_bytes), age = tonumber(max_age) }
  store_entry(topic, 'announcement', from, string.sub(announcement, 2), milliseconds(), bounds, channel)
  save_topic(topic)
end
redis.call('ZREM', members, id)
redis.call('HDEL', infos, id)
save_party(party)
release_topic(meta, members, line)
return { party.left, 0 }
