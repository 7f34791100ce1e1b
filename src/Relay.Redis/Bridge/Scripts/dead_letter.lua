-- dead_letter: moves an entry that cannot be delivered out of its group's way, with the reason
-- KEYS[1] stream
-- KEYS[2] dead      stream that takes it
-- ARGV[1] group
-- ARGV[2] id        of the entry
-- ARGV[3] reason
-- ARGV[4] kept      about so many dead entries are kept
-- ARGV[5...] fields names and values of the entry in turn
--
-- One step, so that a connection that breaks here neither loses the entry nor moves it twice: it is added only by whoever acknowledges it.
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then
  return 0
end

local entry = { 'XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], '*', 'stream_id', ARGV[2], 'reason', ARGV[3] }
for i = 5, #ARGV do
  entry[#entry + 1] = ARGV[i]
end

redis.call(unpack(entry))
return 1
