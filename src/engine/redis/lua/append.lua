#!lua
-- Appends one entry to a topic, once: fence, repeat, membership or held line, number, in this order.
-- KEYS: meta messages announcements line party channel
-- ARGV: server epoch maxMessages maxBytes maxAge kind from payload requires publishes fence n key
-- uses: clock topic party outcomes
-- returns: {"stored", place, repeat} | {"earlier_missing", last} | {"not_member"} | {"not_held"}
-- codes: OUTDATED FENCED
local meta, messages, announcements, line, party_key, channel = unpack(KEYS)
local server, epoch, max_messages, max_bytes, max_age, kind, from, payload, requires, publishes, fence, n, key = unpack(ARGV)

local topic = open_topic({ meta = meta, messages = messages, announcements = announcements }, server, epoch)
if not topic then return redis.error_reply(OUTDATED) end
touch_topic(topic)
local at = milliseconds()

local party
if publishes == '1' then
  local refused
  party, refused = enter_party(party_key, tonumber(fence))
  if not party then return refused end
  renew_outcomes(party, topic.epoch)
  n = tonumber(n)
  -- A repeat is answered whatever has become of the publisher since.
  local known = recall_outcome(party, n, key, topic, at)
  if known then
    save_party(party)
    return { 'stored', known, 1 }
  end
end

local refusal
if requires == 'member' and not (party and party.member) then
  refusal = { 'not_member' }
elseif requires == 'held' and redis.call('HEXISTS', line, 'holder') == 0 then
  refusal = { 'not_held' }
elseif party and n and n > party.last + 1 then
  refusal = { 'earlier_missing', party.last }
end
if refusal then
  if party then save_party(party) end
  return refusal
end

local bounds = { messages = tonumber(max_messages), bytes = tonumber(max_bytes), age = tonumber(max_age) }
store_entry(topic, kind, from, payload, at, bounds, channel)
save_topic(topic)
if party then
  keep_outcome(party, n, key, topic, at)
  save_party(party)
end
return { 'stored', place(topic), 0 }
