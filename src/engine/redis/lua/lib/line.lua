-- Who holds a topic as its line.

-- A little longer than the line is kept for its last holder.
local RELEASED_MEMORY = 90000000

-- Whoever held it in another epoch has to take it again.
local function line_holder(line, epoch)
  local known = redis.call('HMGET', line, 'holder', 'epoch')
  return known[2] == epoch and known[1] or nil
end

local function free_line(line, holder, at)
  redis.call('HDEL', line, 'holder')
  redis.call('HSET', line, 'former', holder, 'released', at)
  redis.call('PEXPIRE', line, RELEASED_MEMORY)
end
