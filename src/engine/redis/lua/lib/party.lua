-- Everything a topic knows of one connection: member, publisher, holder, or what is left of one. A member's hash has no
-- deadline; that of anybody else is forgotten some minutes after it was last touched.

local PARTY_MEMORY = 600000

-- The party under this fence, in this epoch of the topic. nil and an error reply for an older fence.
local function enter_party(key, fence, epoch)
  local known = redis.call('HMGET', key, 'fence', 'act', 'info_act', 'member', 'joined', 'left', 'last', 'since', 'epoch')
  local party = {
    key = key,
    fence = tonumber(known[1] or 0),
    -- The last act that came, went, held or released, and the last that set the info, under this fence.
    act = tonumber(known[2] or 0),
    info_act = tonumber(known[3] or 0),
    member = known[4] == '1',
    joined = known[5],
    left = known[6],
    -- Highest number stored, and the lowest whose outcome is known. All but fence and number are of this epoch.
    last = tonumber(known[7] or 0),
    since = tonumber(known[8] or 1),
    epoch = epoch,
  }
  if fence < party.fence then
    return nil, redis.error_reply('FENCED fence ' .. fence .. ' has been overtaken by ' .. party.fence)
  end
  local anew = known[9] ~= epoch
  if anew or fence > party.fence then
    party.fence = fence
    party.act = 0
    party.info_act = 0
  end
  if anew then
    party.member = false
    party.joined = ''
    party.left = ''
    party.since = party.last + 1
  end
  return party
end

-- False for an act that has been done, or that a later one has overtaken.
local function begin_act(party, act)
  if act <= party.act then return false end
  party.act = act
  return true
end

local function save_party(party)
  redis.call('HSET', party.key, 'fence', party.fence, 'act', party.act, 'info_act', party.info_act,
    'member', party.member and '1' or '0', 'joined', party.joined or '', 'left', party.left or '',
    'last', party.last, 'since', party.since, 'epoch', party.epoch)
  if party.member then redis.call('PERSIST', party.key) else redis.call('PEXPIRE', party.key, PARTY_MEMORY) end
end
