-- journal_prune: drops what is too old, at most a piece of it; the last of the answer is 1 when more is left
-- KEYS[1] meta      hash: epoch, head, first, fence, last
-- KEYS[2] records   stream: entry <offset>-0 with t = time, b = the record's bytes
-- KEYS[3] ids       sorted set: offset -> "<time>:" and the record without its payload
-- KEYS[4] values    hash: conflation key -> its last record
-- KEYS[5] order     sorted set: conflation key -> offset of its last record
-- ARGV[1] fence
-- ARGV[2] keep      newest records that stay
-- ARGV[3] since     records before the first one of this time or later go
-- ARGV[4] keep_ids  newest ids that stay when their records go
-- ARGV[5] ids_since and none older than this
-- ARGV[6] keep_keys newest keys whose last record stays
-- ARGV[7] piece     entries looked at in one run
local m = redis.call('HMGET', KEYS[1], 'epoch', 'head', 'first', 'fence', 'last')
if not m[1] then
  return {'D', '0', '0', '1', '0', '0', 0}
end
if tonumber(ARGV[1]) < tonumber(m[4]) then
  return {'F', m[1], m[2], m[3], m[4], m[5], 0}
end
if tonumber(ARGV[1]) > tonumber(m[4]) then
  redis.call('HSET', KEYS[1], 'fence', ARGV[1])
  m[4] = ARGV[1]
end
local head, first, piece = tonumber(m[2]), tonumber(m[3]), tonumber(ARGV[7])
local more = 0
first = math.max(first, head - tonumber(ARGV[2]) + 1)
if first <= head then
  local old = redis.call('XRANGE', KEYS[2], string.format('%.0f-0', first), '+', 'COUNT', piece)
  local seen = 0
  for _, entry in ipairs(old) do
    if tonumber(entry[2][2]) >= tonumber(ARGV[3]) then
      break
    end
    first = first + 1
    seen = seen + 1
  end
  if seen == piece then
    more = 1
  end
end
local text = string.format('%.0f', first)
redis.call('XTRIM', KEYS[2], 'MINID', text .. '-0')
redis.call('HSET', KEYS[1], 'first', text)
m[3] = text

-- Ids below the window: those beyond the newest keep_ids go by rank, those too old by their time.
local count = redis.call('ZCARD', KEYS[3])
local below = redis.call('ZCOUNT', KEYS[3], '-inf', '(' .. text)
local surplus = math.min(count - tonumber(ARGV[4]), below)
if surplus > 0 then
  redis.call('ZREMRANGEBYRANK', KEYS[3], 0, math.min(surplus, piece) - 1)
  if surplus > piece then
    more = 1
  end
end
local ids = redis.call('ZRANGE', KEYS[3], '-inf', '(' .. text, 'BYSCORE', 'LIMIT', 0, piece)
for i, id in ipairs(ids) do
  if tonumber(string.match(id, '^(%d+):')) >= tonumber(ARGV[5]) then
    break
  end
  redis.call('ZREM', KEYS[3], id)
  if i == piece then
    more = 1
  end
end

local keys = redis.call('ZCARD', KEYS[5]) - tonumber(ARGV[6])
if keys > 0 then
  local oldest = redis.call('ZRANGE', KEYS[5], 0, math.min(keys, piece) - 1, 'WITHSCORES')
  for i = 1, #oldest, 2 do
    if tonumber(oldest[i + 1]) < first then
      redis.call('ZREM', KEYS[5], oldest[i])
      redis.call('HDEL', KEYS[4], oldest[i])
      if i + 1 == 2 * piece then
        more = 1
      end
    end
  end
end
return {'D', m[1], m[2], m[3], m[4], m[5], more}
