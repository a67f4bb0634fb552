-- One topic: its meta hash, and its log as two streams (messages, announcements) under one offset counter.
--
-- A stream's id is the entry's offset. Its header is `count at total from`: messages up to it, when it was stored, bytes
-- of its kind ever stored up to and with it, and the sender as JSON. Length, bytes and base of a stream all follow from its
-- oldest entry and the meta's counters; so a stream that Redis has expired (its newest entry was maxAge old) needs no repair.

-- How long epoch and offsets of a topic without members and holder are remembered: longer than any cursor lives.
local TOPIC_MEMORY = 90000000

-- `keys`: meta, messages, announcements. nil for a caller whose server identity this topic has seen replaced.
local function open_topic(keys, server, epoch)
  local known = redis.call('HMGET', keys.meta,
    'server', 'former', 'epoch', 'offset', 'count', 'last', 'base', 'bytes', 'announced', 'gathered')
  if known[1] ~= server then
    if known[2] == server then return nil end
    -- New, or written by a server that may have known more than this one does: from here on positions mean something else.
    if known[1] then
      redis.call('DEL', keys.messages, keys.announcements)
      redis.call('HDEL', keys.meta, 'offset', 'count', 'last', 'base', 'bytes', 'announced')
      redis.call('HSET', keys.meta, 'server', server, 'former', known[1], 'epoch', epoch)
    else
      redis.call('HSET', keys.meta, 'server', server, 'epoch', epoch)
    end
    -- Whoever was in it, or held it, has to come again.
    redis.call('PEXPIRE', keys.meta, TOPIC_MEMORY)
    known = { server, false, epoch }
  end
  return {
    keys = keys,
    epoch = known[3],
    offset = tonumber(known[4] or 0),
    count = tonumber(known[5] or 0),
    -- Offsets of the newest message, and of the newest message forgotten.
    last = tonumber(known[6] or 0),
    base = tonumber(known[7] or 0),
    -- Bytes of messages and of announcements ever stored.
    bytes = tonumber(known[8] or 0),
    announced = tonumber(known[9] or 0),
    -- The epoch whose members are in the set.
    gathered = known[10],
  }
end

local OUTDATED = 'OUTDATED the topic was written through a later connection to another server'

-- The epoch in which a topic was left, without opening it: false where the next use begins a new one. nil as above.
local function epoch_of(meta, server)
  local known = redis.call('HMGET', meta, 'server', 'former', 'epoch')
  if known[1] == server then return known[3] end
  if known[2] == server then return nil end
  return false
end

-- A new epoch has no members: those of the one before it go with the first who comes.
local function gather(topic, members, infos)
  if topic.gathered == topic.epoch then return end
  redis.call('DEL', members, infos)
  redis.call('HSET', topic.keys.meta, 'gathered', topic.epoch)
end

-- The position at the head, as text.
local function place(topic)
  return string.format('%s %d %d', topic.epoch, topic.offset, topic.count)
end

-- A topic with members or a holder has no deadline, and keeps having none.
local function touch_topic(topic)
  redis.call('PEXPIRE', topic.keys.meta, TOPIC_MEMORY, 'XX')
end

local function keep_topic(topic)
  redis.call('PERSIST', topic.keys.meta)
end

local function release_topic(meta, members, line)
  if redis.call('ZCARD', members) == 0 and redis.call('HEXISTS', line, 'holder') == 0 then
    redis.call('PEXPIRE', meta, TOPIC_MEMORY)
  end
end

local function save_topic(topic)
  redis.call('HSET', topic.keys.meta, 'offset', topic.offset, 'count', topic.count, 'last', topic.last,
    'base', topic.base, 'bytes', topic.bytes, 'announced', topic.announced)
end

-- The oldest entry of a stream: offset, count, time, total, payload. nil when it is empty.
local function oldest_entry(stream)
  local entry = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  if not entry then return nil end
  local count, at, total = string.match(entry[2][2], '^(%d+) (%d+) (%d+) ')
  return {
    id = entry[1],
    offset = tonumber(string.match(entry[1], '^%d+')),
    count = tonumber(count),
    at = tonumber(at),
    total = tonumber(total),
    payload = entry[2][4],
  }
end

-- Forgets what is too old or too much; returns the oldest message kept. The newest entry of a kind stays whatever its size.
local function trim_messages(topic, at, max_age, max_messages, max_bytes)
  while true do
    local oldest = oldest_entry(topic.keys.messages)
    if not oldest then
      topic.base = topic.last
      return nil
    end
    local length = topic.count - oldest.count + 1
    local bytes = topic.bytes - oldest.total + #oldest.payload
    local over = length > max_messages or (bytes > max_bytes and length > 1)
    if not over and at - oldest.at < max_age then return oldest end
    redis.call('XDEL', topic.keys.messages, oldest.id)
    topic.base = oldest.offset
  end
end

local function trim_announcements(topic, at, max_age, max_messages, max_bytes)
  while true do
    local oldest = oldest_entry(topic.keys.announcements)
    if not oldest then return end
    local length = (topic.offset - topic.count) - (oldest.offset - oldest.count) + 1
    local bytes = topic.announced - oldest.total + #oldest.payload
    local over = length > max_messages or (bytes > max_bytes and length > 1)
    if not over and at - oldest.at < max_age then return end
    redis.call('XDEL', topic.keys.announcements, oldest.id)
  end
end

-- Stores one entry and tells the nodes that watch. `from` is JSON. The caller saves the topic.
local function store_entry(topic, kind, from, payload, at, bounds, channel)
  local stream, total
  topic.offset = topic.offset + 1
  if kind == 'message' then
    -- Where the stream is gone with its age, what it held is forgotten.
    if redis.call('EXISTS', topic.keys.messages) == 0 then topic.base = topic.last end
    topic.count = topic.count + 1
    topic.last = topic.offset
    topic.bytes = topic.bytes + #payload
    stream, total = topic.keys.messages, topic.bytes
  else
    topic.announced = topic.announced + #payload
    stream, total = topic.keys.announcements, topic.announced
  end
  redis.call('XADD', stream, string.format('%d-0', topic.offset),
    'h', string.format('%d %d %d %s', topic.count, at, total, from), 'p', payload)
  redis.call('PEXPIRE', stream, bounds.age)
  if kind == 'message' then
    trim_messages(topic, at, bounds.age, bounds.messages, bounds.bytes)
  else
    trim_announcements(topic, at, bounds.age, math.ceil(bounds.messages / 4), math.ceil(bounds.bytes / 4))
  end
  redis.call('SPUBLISH', channel,
    string.format('1 %s %d %d %s %s\n', topic.epoch, topic.offset, topic.count, kind, from) .. payload)
end
