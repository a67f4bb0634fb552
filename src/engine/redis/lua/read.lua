#!lua flags=allow-oom
-- The entries after a position, where reading really begins, and how many messages are missing before it (-1: unknown).
-- KEYS: meta messages announcements
-- ARGV: server epoch maxAge afterEpoch afterOffset afterCount limit
-- uses: clock topic
-- returns: {head place, from place, missed, offset, kind, header, payload, …}
-- codes: OUTDATED
local meta, messages, announcements = unpack(KEYS)
local server, epoch, max_age, after_epoch, after_offset, after_count, limit = unpack(ARGV)
after_offset, after_count, limit = tonumber(after_offset), tonumber(after_count), tonumber(limit)

local topic = open_topic({ meta = meta, messages = messages, announcements = announcements }, server, epoch)
if not topic then return redis.error_reply(OUTDATED) end
touch_topic(topic)
local at = milliseconds()
max_age = tonumber(max_age)
local stood = topic.base
local oldest = trim_messages(topic, at, max_age, math.huge, math.huge)
trim_announcements(topic, at, max_age, math.huge, math.huge)
if topic.base ~= stood then save_topic(topic) end

-- The last forgotten message; forgotten announcements are nobody's loss.
local base_count = oldest and oldest.count - 1 or topic.count
local offset, count, missed
if after_epoch ~= topic.epoch then
  offset, count, missed = topic.base, base_count, -1
elseif after_offset > topic.offset then
  offset, count, missed = topic.offset, topic.count, -1
elseif after_offset >= topic.base then
  offset, count, missed = after_offset, after_count, 0
else
  offset, count, missed = topic.base, base_count, base_count - after_count
  -- The position comes from outside: it cannot lack no message, nor more than there were entries.
  if missed < 1 or missed > topic.base - after_offset then missed = -1 end
end

local result = { place(topic), string.format('%s %d %d', topic.epoch, offset, count), missed }
if limit < 1 then return result end
local after = string.format('(%d-0', offset)
local told = redis.call('XRANGE', messages, after, '+', 'COUNT', limit)
local others = redis.call('XRANGE', announcements, after, '+', 'COUNT', limit)
local function offset_of(entry) return entry and tonumber(string.match(entry[1], '^%d+')) or math.huge end
local m, a = 1, 1
local next_m, next_a = offset_of(told[1]), offset_of(others[1])
for _ = 1, limit do
  local entry, kind, entry_offset
  if next_m == math.huge and next_a == math.huge then break end
  if next_m < next_a then
    entry, kind, entry_offset = told[m], 'message', next_m
    m = m + 1
    next_m = offset_of(told[m])
  else
    entry, kind, entry_offset = others[a], 'announcement', next_a
    a = a + 1
    next_a = offset_of(others[a])
  end
  local size = #result
  result[size + 1] = entry_offset
  result[size + 2] = kind
  result[size + 3] = entry[2][2]
  result[size + 4] = entry[2][4]
end
return result
