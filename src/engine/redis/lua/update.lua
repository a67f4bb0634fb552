#!lua
-- Replaces what others see of a member, unless a later act has.
-- KEYS: meta messages announcements infos party
-- ARGV: server epoch id fence act info
-- uses: topic party
-- returns: "OK"
-- codes: OUTDATED FENCED
local meta, messages, announcements, infos, party_key = unpack(KEYS)
local server, epoch, id, fence, act, info = unpack(ARGV)

local topic = open_topic({ meta = meta, messages = messages, announcements = announcements }, server, epoch)
if not topic then return redis.error_reply(OUTDATED) end
touch_topic(topic)
local party, refused = enter_party(party_key, tonumber(fence), topic.epoch)
if not party then return refused end
act = tonumber(act)
if party.member and act > party.info_act then
  redis.call('HSET', infos, id, info)
  party.info_act = act
end
save_party(party)
return redis.status_reply('OK')
