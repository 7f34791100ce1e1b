-- reserve: takes the next so many slots of a sequence that all nodes share; answers the microseconds until the first
-- KEYS[1] slots     hash: at, by the server's clock, and ahead: how far slots were taken beyond it then; microseconds
-- ARGV[1] count
-- ARGV[2] gap       microseconds from one slot to the next
--
-- Only what passed since the last time is counted off, so a clock that is set back makes nobody wait longer.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local slots = redis.call('HMGET', KEYS[1], 'at', 'ahead')
local first = math.max(0, (slots[2] or 0) - math.max(0, now - (slots[1] or now)))
local ahead = first + ARGV[1] * ARGV[2]
redis.call('HSET', KEYS[1], 'at', string.format('%.0f', now), 'ahead', string.format('%.3f', ahead))
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.min(ahead / 1000, 1e12) + 1000))
return string.format('%.0f', first)
