-- What became of a publisher's latest appends: of the last 256 numbers and of the last 256 keys, in the party's hash.
--   n<block>       where 16 numbers in a row were stored, 12 bytes each (offset, count); 17 blocks go round, so that the last
--                  256 are among them. Valid for numbers since `since` and above `last - 256`
--   k<key>         `epoch offset count at serial`, with a refusal in the place of the epoch where nothing was stored
--   r<serial>      the key stored under that serial, so that the oldest can go
--   serial oldest  of the last key, and of the oldest that is kept

local OUTCOMES = 256
local BLOCK, BLOCKS, SPOT = 16, 17, 12

-- A key is a client's own; one that turns up again after this time is taken for a new one.
local KEY_MEMORY = 600000

local function block_of(n) return 'n' .. math.floor(n / BLOCK) % BLOCKS end

-- The place of then, or the head where only the fact is remembered; nil and the refusal of then; nil for something new.
-- `key` is '' or '=' and the key.
local function recall_outcome(party, n, key, topic, at)
  if n and n <= party.last then
    local known = n > party.last - OUTCOMES and n >= party.since and redis.call('HGET', party.key, block_of(n))
    if not known then return place(topic) end
    return string.format('%s %d %d', topic.epoch, struct.unpack('>I6I6', known, n % BLOCK * SPOT + 1))
  end
  if key == '' then return nil end
  local known = redis.call('HGET', party.key, 'k' .. key)
  if not known then return nil end
  local epoch, offset, count, stored = string.match(known, '^(%S+) (%d+) (%d+) (%d+)')
  if at - stored >= KEY_MEMORY then return nil end
  if epoch == 'not_member' or epoch == 'not_held' then return nil, epoch end
  -- A position of a former epoch is no answer: the head, as for all that is forgotten.
  return epoch == topic.epoch and epoch .. ' ' .. offset .. ' ' .. count or place(topic)
end

local function keep_number(party, n, topic)
  party.last = n
  local before = n % BLOCK * SPOT
  local block = before > 0 and string.sub(redis.call('HGET', party.key, block_of(n)) or '', 1, before) or ''
  -- Spots that were never filled are those of numbers before `since`.
  local gap = string.rep('\0', before - #block)
  redis.call('HSET', party.key, block_of(n), block .. gap .. struct.pack('>I6I6', topic.offset, topic.count))
end

-- Of the keys before this serial the oldest go: those that are too many, and a few of those that are too old.
local function forget_keys(party, serial, oldest, at)
  local stop = math.min(serial, oldest + 4)
  while oldest < stop do
    local slot = 'r' .. oldest
    local key = redis.call('HGET', party.key, slot)
    local known = key and redis.call('HGET', party.key, 'k' .. key)
    local stored, under = string.match(known or '', '(%d+) (%d+)$')
    if stored and serial - oldest < OUTCOMES and at - stored < KEY_MEMORY then break end
    redis.call('HDEL', party.key, slot)
    -- It may have been stored again since, after it had been forgotten.
    if tonumber(under) == oldest then redis.call('HDEL', party.key, 'k' .. key) end
    oldest = oldest + 1
  end
  return oldest
end

local function keep_key(party, key, became, at)
  local known = redis.call('HMGET', party.key, 'serial', 'oldest')
  local serial = tonumber(known[1] or 0) + 1
  local oldest = forget_keys(party, serial, tonumber(known[2] or 1), at)
  redis.call('HSET', party.key, 'serial', serial, 'oldest', oldest, 'r' .. serial, key,
    'k' .. key, string.format('%s %d %d', became, at, serial))
end

local function keep_outcome(party, n, key, topic, at)
  if n then keep_number(party, n, topic) end
  if key ~= '' then keep_key(party, key, place(topic), at) end
end

local function keep_refusal(party, key, refusal, at)
  if key ~= '' then keep_key(party, key, refusal .. ' 0 0', at) end
end
