-- journal_open: takes a stream over, making it when it is missing, and raises its fence
-- KEYS[1] meta      hash: epoch, head, first, fence, last
-- KEYS[2] records   stream: entry <offset>-0 with t = time, b = the record's bytes
-- KEYS[3] ids       sorted set: offset -> "<time>:" and the record without its payload
-- KEYS[4] values    hash: conflation key -> its last record
-- KEYS[5] order     sorted set: conflation key -> offset of its last record
-- KEYS[6] index     sorted set of all streams' names, all with score 0
-- KEYS[7] ring      string: the servers that streams are spread over, for whoever put them here
-- ARGV[1] stream
-- ARGV[2] fence
-- ARGV[3] epoch     of a stream that is made
-- ARGV[4] ring      as the node was told
--
-- With other servers on the ring some streams would not be found, and be made anew elsewhere: nothing is opened then. Who wrote streams and no ring knew of one server only.
local ring = redis.call('GET', KEYS[7]) or redis.call('EXISTS', KEYS[6]) == 1 and 'main'
if not ring then
  error({ err = 'NORING nothing lies here yet' })
end
if ring ~= ARGV[4] then
  error({ err = 'RING the streams here were spread over the servers "' .. ring .. '" and this node is told of "' .. ARGV[4]
    .. '": set Redis:Servers as they were, or move the streams first (--move-redis-streams; docs/cluster-redis.md, Several servers)' })
end
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
