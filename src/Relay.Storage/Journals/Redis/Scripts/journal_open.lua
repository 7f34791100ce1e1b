-- journal_open: takes a stream over, making it when it is missing, and raises its fence
-- KEYS[1] meta      hash: epoch, head, first, fence, last
-- KEYS[2] records   stream: entry <offset>-0 with t = time, b = the record's bytes
-- KEYS[3] ids       sorted set: offset -> "<time>:" and the record without its payload
-- KEYS[4] values    hash: conflation key -> its last record
-- KEYS[5] order     sorted set: conflation key -> offset of its last record
-- KEYS[6] index     sorted set of all streams' names, all with score 0
-- ARGV[1] stream
-- ARGV[2] fence
-- ARGV[3] epoch     of a stream that is made
local m = redis.call('HMGET', KEYS[1], 'epoch', 'head', 'first', 'fence', 'last')
if not m[1] then
  -- The server may have lost the meta hash alone (an eviction): what is left of the old life must not be read as the new one's.
  redis.call('DEL', KEYS[2], KEYS[3], KEYS[4], KEYS[5])
  m = {ARGV[3], '0', '1', ARGV[2], '0'}
  redis.call('HSET', KEYS[1], 'epoch', m[1], 'head', m[2], 'first', m[3], 'fence', m[4], 'last', m[5])
  redis.call('ZADD', KEYS[6], 0, ARGV[1])
  return {'D', m[1], m[2], m[3], m[4], m[5]}
end
if tonumber(ARGV[2]) < tonumber(m[4]) then
  return {'F', m[1], m[2], m[3], m[4], m[5]}
end
-- Always a write: a WAIT behind it is then about everything that the new owner is going to read.
m[4] = ARGV[2]
redis.call('HSET', KEYS[1], 'fence', m[4])
return {'D', m[1], m[2], m[3], m[4], m[5]}
