-- What storing an entry runs once it has begun to write.
local STORING = { 'XADD', 'PEXPIRE', 'XRANGE', 'XDEL', 'SPUBLISH', 'HSET', 'HGET', 'HDEL', 'PERSIST' }

-- A permission that was withdrawn would stop it halfway, with an entry that nobody has counted. So it is asked for before:
-- nil, or the error to answer with. (Redis itself has looked at the keys.)
local function refused_storing(key, channel)
  for _, command in ipairs(STORING) do
    local on = command == 'SPUBLISH' and channel or key
    if not redis.acl_check_cmd(command, on) then
      return redis.error_reply('NOPERM this user may not run ' .. command .. ' on ' .. on)
    end
  end
end
