#!lua flags=no-writes
-- Who holds a line.
-- KEYS: meta line
-- ARGV: server
-- uses: topic line
-- returns: id, "" when nobody does
-- codes: OUTDATED
local meta, line = unpack(KEYS)
local server = unpack(ARGV)

local epoch = epoch_of(meta, server)
if epoch == nil then return redis.error_reply(OUTDATED) end
return epoch and line_holder(line, epoch) or ''
