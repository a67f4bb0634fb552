#!lua flags=allow-oom
-- Where a topic's log ends. Makes the topic when there is none.
-- KEYS: meta messages announcements
-- ARGV: server epoch
-- uses: topic
-- returns: place
-- codes: OUTDATED
local meta, messages, announcements = unpack(KEYS)
local server, epoch = unpack(ARGV)

local topic = open_topic({ meta = meta, messages = messages, announcements = announcements }, server, epoch)
if not topic then return redis.error_reply(OUTDATED) end
touch_topic(topic)
return place(topic)
