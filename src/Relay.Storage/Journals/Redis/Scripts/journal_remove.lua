-- journal_remove: forgets a stream as if it had never been
-- KEYS[1] meta      hash: epoch, head, first, fence, last
-- KEYS[2] records   stream: entry <offset>-0 with t = time, b = the record's bytes
-- KEYS[3] ids       sorted set: offset -> "<time>:" and the record without its payload
-- KEYS[4] values    hash: conflation key -> its last record
-- KEYS[5] order     sorted set: conflation key -> offset of its last record
-- KEYS[6] index     sorted set of all streams' names, all with score 0
-- KEYS[7] snapshot  hash: epoch, number, body
-- ARGV[1] stream
-- ARGV[2] fence
local m = redis.call('HMGET', KEYS[1], 'epoch', 'head', 'first', 'fence', 'last')
if m[1] and tonumber(ARGV[2]) < tonumber(m[4]) then
  return {'F', m[1], m[2], m[3], m[4], m[5]}
end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[7])
redis.call('ZREM', KEYS[6], ARGV[1])
return {'D', '0', '0', '1', '0', '0'}
