#!lua
-- Takes a line for a connection: a free one, its own, or one whose last holder proves to be the same person.
-- KEYS: meta messages announcements line party
-- ARGV: server epoch id fence act proofs
-- uses: clock topic party line
-- returns: "held" | "refused"
-- codes: OUTDATED FENCED
local meta, messages, announcements, line, party_key = unpack(KEYS)
local server, epoch, id, fence, act, proofs = unpack(ARGV)

-- How long a line is kept for whoever held it last.
local LINE_MEMORY = 86400000

local topic = open_topic({ meta = meta, messages = messages, announcements = announcements }, server, epoch)
if not topic then return redis.error_reply(OUTDATED) end
touch_topic(topic)
local party, refused = enter_party(party_key, tonumber(fence), topic.epoch)
if not party then return refused end
local begun = begin_act(party, tonumber(act))
save_party(party)

-- Who held it in another epoch has let go: with its end, though nobody knows when that was.
local stale = redis.call('HGET', line, 'holder')
if stale and not line_holder(line, topic.epoch) then free_line(line, stale, milliseconds()) end
local known = redis.call('HMGET', line, 'holder', 'former', 'proofs', 'released')
local holder, former = known[1], known[2]
if not begun then return redis.status_reply(holder == id and 'held' or 'refused') end

local function free()
  if not former or former == id or milliseconds() - known[4] >= LINE_MEMORY then return true end
  local kept = cjson.decode(known[3])
  for _, proof in ipairs(cjson.decode(proofs)) do
    for _, other in ipairs(kept) do
      if proof == other then return true end
    end
  end
  return false
end

if holder and holder ~= id or not holder and not free() then return redis.status_reply('refused') end
redis.call('HSET', line, 'holder', id, 'proofs', proofs, 'epoch', topic.epoch)
redis.call('PERSIST', line)
keep_topic(topic)
return redis.status_reply('held')
