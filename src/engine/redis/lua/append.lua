#!lua
-- Appends one entry to a topic, once: fence, repeat, act, membership or held line, number, in this order.
-- KEYS: meta messages announcements line party channel
-- ARGV: server epoch maxMessages maxBytes maxAge kind from payload requires publishes fence act n key
-- uses: clock topic party line outcomes storing
-- returns: {"stored", place, repeat} | {"earlier_missing", last} | {"not_member" | "not_held" | "overtaken"}
-- codes: OUTDATED FENCED NOPERM
local meta, messages, announcements, line, party_key, channel = unpack(KEYS)
local server, epoch, max_messages, max_bytes, max_age, kind, from, payload, requires, publishes, fence, act, n, key = unpack(ARGV)

local denied = refused_storing(meta, channel)
if denied then return denied end
local topic = open_topic({ meta = meta, messages = messages, announcements = announcements }, server, epoch)
if not topic then return redis.error_reply(OUTDATED) end
touch_topic(topic)
local at = milliseconds()

local party
if publishes == '1' then
  local refused
  party, refused = enter_party(party_key, tonumber(fence), topic.epoch)
  if not party then return refused end
  n = tonumber(n)
  -- A repeat is answered whatever has become of the publisher since.
  local known, refused_then = recall_outcome(party, n, key, topic, at)
  if known or refused_then then
    save_party(party)
    return known and { 'stored', known, 1 } or { refused_then }
  end
  act = tonumber(act)
  if act and not begin_act(party, act) then
    save_party(party)
    return { 'overtaken' }
  end
end

local refusal
if requires == 'member' and not (party and party.member) then
  refusal = 'not_member'
elseif requires == 'held' and not line_holder(line, topic.epoch) then
  refusal = 'not_held'
end
if refusal then
  if party then
    keep_refusal(party, key, refusal, at)
    save_party(party)
  end
  return { refusal }
end
if party and n and n > party.last + 1 then
  save_party(party)
  return { 'earlier_missing', party.last }
end

local bounds = { messages = tonumber(max_messages), bytes = tonumber(max_bytes), age = tonumber(max_age) }
store_entry(topic, kind, from, payload, at, bounds, channel)
save_topic(topic)
if party then
  keep_outcome(party, n, key, topic, at)
  save_party(party)
end
return { 'stored', place(topic), 0 }
