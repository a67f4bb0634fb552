-- Redis' own time in milliseconds: every deadline is measured by it, so that the nodes' clocks need not agree.
local function milliseconds()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
