-- journal_append: stores records behind the stream's head, all or none, unless the fence is lower than one the stream has seen
-- KEYS[1] meta      hash: epoch, head, first, fence, last
-- KEYS[2] records   stream: entry <offset>-0 with t = time, b = the record's bytes
-- KEYS[3] ids       sorted set: offset -> "<time>:" and the record without its payload
-- KEYS[4] values    hash: conflation key -> its last record
-- KEYS[5] order     sorted set: conflation key -> offset of its last record
-- ARGV[1] fence
-- ARGV[2] epoch
-- ARGV[3] first     offset of the first record
-- ARGV[4] last      offset of the last record
-- ARGV[5...] records  five each: offset, time, id entry or '', key with a '=' before it or '', bytes
local m = redis.call('HMGET', KEYS[1], 'epoch', 'head', 'first', 'fence', 'last')
if not m[1] then
  return {'C', '0', '0', '1', '0', '0'}
end
if tonumber(ARGV[1]) < tonumber(m[4]) then
  return {'F', m[1], m[2], m[3], m[4], m[5]}
end
if ARGV[2] ~= m[1] then
  return {'C', m[1], m[2], m[3], m[4], m[5]}
end
if tonumber(ARGV[3]) ~= tonumber(m[2]) + 1 then
  -- The repeat of an append whose answer was lost has the same last record at the same place.
  local code = 'C'
  if tonumber(ARGV[4]) <= tonumber(m[2]) then
    local stored = redis.call('XRANGE', KEYS[2], ARGV[4] .. '-0', ARGV[4] .. '-0')
    if stored[1] and stored[1][2][4] == ARGV[#ARGV] then
      code = 'R'
      -- A write, so that a WAIT behind it is about the append too, whichever connection that came over.
      redis.call('HSET', KEYS[1], 'fence', m[4])
    end
  end
  return {code, m[1], m[2], m[3], m[4], m[5]}
end
for i = 5, #ARGV, 5 do
  redis.call('XADD', KEYS[2], ARGV[i] .. '-0', 't', ARGV[i + 1], 'b', ARGV[i + 4])
  if ARGV[i + 2] ~= '' then
    redis.call('ZADD', KEYS[3], ARGV[i], ARGV[i + 2])
  end
  if ARGV[i + 3] ~= '' then
    redis.call('HSET', KEYS[4], ARGV[i + 3], ARGV[i + 4])
    redis.call('ZADD', KEYS[5], ARGV[i], ARGV[i + 3])
  end
end
local fence = m[4]
if tonumber(ARGV[1]) > tonumber(fence) then
  fence = ARGV[1]
end
local time = ARGV[#ARGV - 3]
redis.call('HSET', KEYS[1], 'head', ARGV[4], 'fence', fence, 'last', time)
return {'D', m[1], ARGV[4], m[3], fence, time}
