#!lua
-- Makes a connection a member of a topic, once for each act, and announces it in small company.
-- KEYS: meta messages announcements members infos party channel
-- ARGV: server epoch maxMessages maxBytes maxAge id fence act info last announcement upTo from
-- uses: clock topic party storing
-- returns: {place, repeat, last, members}
-- codes: OUTDATED FENCED NOPERM
local meta, messages, announcements, members, infos, party_key, channel = unpack(KEYS)
local server, epoch, max_messages, max_bytes, max_age, id, fence, act, info, last, announcement, up_to, from = unpack(ARGV)

local denied = announcement ~= '' and refused_storing(meta, channel)
if denied then return denied end
local topic = open_topic({ meta = meta, messages = messages, announcements = announcements }, server, epoch)
if not topic then return redis.error_reply(OUTDATED) end
local party, refused = enter_party(party_key, tonumber(fence), topic.epoch)
if not party then return refused end
gather(topic, members, infos)
act, last = tonumber(act), tonumber(last)

local function joined(again)
  save_party(party)
  touch_topic(topic)
  local first = party.joined
  if not first or first == '' then first = place(topic) end
  return { first, again, party.last, redis.call('ZCARD', members) }
end

if not begin_act(party, act) then return joined(1) end
-- Somebody knows of a higher number: the store that had stored it was lost.
if last > party.last then
  party.last = last
  party.since = last + 1
end
if party.member then
  if act > party.info_act then
    redis.call('HSET', infos, id, info)
    party.info_act = act
  end
  return joined(1)
end

party.member = true
party.info_act = act
redis.call('HSET', infos, id, info)
redis.call('ZADD', members, 0, id)
keep_topic(topic)
if announcement ~= '' and redis.call('ZCARD', members) <= tonumber(up_to) then
  local bounds = { messages = tonumber(max_messages), bytes = tonumber(max_bytes), age = tonumber(max_age) }
  store_entry(topic, 'announcement', from, string.sub(announcement, 2), milliseconds(), bounds, channel)
  save_topic(topic)
end
party.joined = place(topic)
return joined(0)
