-- journal_read: records of a stream's window, oldest first
-- KEYS[1] records   stream: entry <offset>-0 with t = time, b = the record's bytes
-- ARGV[1] from      lowest offset
-- ARGV[2] since     only from the first record of this time or later
-- ARGV[3] limit
-- ARGV[4] newest    1: the newest of those that fit, 0: the oldest
local from, limit = tonumber(ARGV[1]), tonumber(ARGV[3])
local since = tonumber(ARGV[2])
local page = 200
if since > 0 then
  -- The first young one is looked for from the window's start, wherever reading begins.
  local at = '-'
  local start = nil
  while not start do
    local entries = redis.call('XRANGE', KEYS[1], at, '+', 'COUNT', page)
    for _, entry in ipairs(entries) do
      if tonumber(entry[2][2]) >= since then
        start = tonumber(string.match(entry[1], '^(%d+)'))
        break
      end
    end
    if not start then
      if #entries < page then
        return {}
      end
      at = '(' .. entries[#entries][1]
    end
  end
  from = math.max(from, start)
end
local low = string.format('%.0f-0', from)
local found
if ARGV[4] == '1' then
  local back = redis.call('XREVRANGE', KEYS[1], '+', low, 'COUNT', limit)
  found = {}
  for i = #back, 1, -1 do
    found[#found + 1] = back[i]
  end
else
  found = redis.call('XRANGE', KEYS[1], low, '+', 'COUNT', limit)
end
local result = {}
for _, entry in ipairs(found) do
  result[#result + 1] = string.match(entry[1], '^(%d+)')
  result[#result + 1] = entry[2][4]
end
return result
