-- add_if_below: adds to a counter unless that would exceed a ceiling
-- KEYS[1] counter
-- ARGV[1] amount
-- ARGV[2] ceiling
local now = tonumber(redis.call('GET', KEYS[1]) or '0')
if now + tonumber(ARGV[1]) > tonumber(ARGV[2]) then
  return redis.error_reply('CEILING ' .. now)
end
return redis.call('INCRBY', KEYS[1], ARGV[1])
