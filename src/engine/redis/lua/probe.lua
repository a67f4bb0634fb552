#!lua flags=allow-oom
-- Runs each command that any script runs, once and on a key of its own, and asks for the keys and channels of each kind (two
-- lists as JSON): a permission that is missing is found here, and not in the middle of a script that has begun to write.
-- KEYS: probe channel
-- ARGV: keys channels
-- returns: "OK"
-- codes: NOPERM
local probe, channel = unpack(KEYS)
local keys, channels = cjson.decode(ARGV[1]), cjson.decode(ARGV[2])

local function ask(name, ...)
  if redis.acl_check_cmd(...) then return nil end
  return redis.error_reply('NOPERM this user may not use ' .. name)
end
for _, key in ipairs(keys) do
  local denied = ask(key, 'EVALSHA', '', '1', key)
  if denied then return denied end
end
for _, name in ipairs(channels) do
  local denied = ask(name, 'SPUBLISH', name, '') or ask(name, 'SSUBSCRIBE', name)
  if denied then return denied end
end

redis.call('TIME')
redis.call('DEL', probe)
redis.call('HSET', probe, 'a', '1', 'b', '2')
redis.call('HGET', probe, 'a')
redis.call('HMGET', probe, 'a', 'b')
redis.call('HGETALL', probe)
redis.call('HEXISTS', probe, 'a')
redis.call('HDEL', probe, 'a')
redis.call('PEXPIRE', probe, 60000)
redis.call('PERSIST', probe)
redis.call('EXISTS', probe)
redis.call('DEL', probe)
redis.call('ZADD', probe, 0, 'a')
redis.call('ZSCORE', probe, 'a')
redis.call('ZCARD', probe)
redis.call('ZRANGE', probe, 0, -1)
redis.call('ZRANGEBYLEX', probe, '-', '+')
redis.call('ZREM', probe, 'a')
redis.call('XADD', probe, '1-0', 'a', '1')
redis.call('XRANGE', probe, '-', '+')
redis.call('XDEL', probe, '1-0')
redis.call('SET', probe, '1', 'PX', 1)
redis.call('DEL', probe)
redis.call('SPUBLISH', channel, '')
return redis.status_reply('OK')
