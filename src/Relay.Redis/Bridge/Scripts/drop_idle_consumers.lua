-- drop_idle_consumers: removes consumers of a group that hold nothing and have not been seen for long, so that nodes with random names do not pile up there
-- KEYS[1] stream
-- ARGV[1] group
-- ARGV[2] idle      milliseconds since the consumer last asked for entries
--
-- Removing a consumer drops what it holds; asking and removing in one step is what makes "holds nothing" true.
local dropped = 0
for _, fields in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local consumer = {}
  for i = 1, #fields, 2 do
    consumer[fields[i]] = fields[i + 1]
  end

  if consumer.pending == 0 and consumer.idle > tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer.name)
    dropped = dropped + 1
  end
end

return dropped
