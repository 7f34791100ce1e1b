-- journal_renew: ends the stream's life and begins another one without records
-- KEYS[1] meta      hash: epoch, head, first, fence, last
-- KEYS[2] records   stream: entry <offset>-0 with t = time, b = the record's bytes
-- KEYS[3] ids       sorted set: offset -> "<time>:" and the record without its payload
-- KEYS[4] values    hash: conflation key -> its last record
-- KEYS[5] order     sorted set: conflation key -> offset of its last record
-- KEYS[6] index     sorted set of all streams' names, all with score 0
-- ARGV[1] stream
-- ARGV[2] fence
-- ARGV[3] epoch     the new one
local m = redis.call('HMGET', KEYS[1], 'epoch', 'head', 'first', 'fence', 'last')
if m[1] and tonumber(ARGV[2]) < tonumber(m[4]) then
  return {'F', m[1], m[2], m[3], m[4], m[5]}
end
redis.call('DEL', KEYS[2], KEYS[3], KEYS[4], KEYS[5])
redis.call('HSET', KEYS[1], 'epoch', ARGV[3], 'head', '0', 'first', '1', 'fence', ARGV[2], 'last', '0')
redis.call('ZADD', KEYS[6], 0, ARGV[1])
return {'D', ARGV[3], '0', '1', ARGV[2], '0'}
