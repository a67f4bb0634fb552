#!lua
-- Replaces what others see of a member, unless a later act has.
-- KEYS: infos party
-- ARGV: id fence act info
-- uses: party
-- returns: "OK"
-- codes: FENCED
local infos, party_key = unpack(KEYS)
local id, fence, act, info = unpack(ARGV)

local party, refused = enter_party(party_key, tonumber(fence))
if not party then return refused end
act = tonumber(act)
if party.member and act > party.info_act then
  redis.call('HSET', infos, id, info)
  party.info_act = act
end
save_party(party)
return redis.status_reply('OK')
