-- dead_letter: moves an entry that cannot be delivered out of its group's way, with the reason
-- KEYS[1] stream
-- KEYS[2] dead      stream that takes it
-- ARGV[1] group
-- ARGV[2] consumer  who holds the entry
-- ARGV[3] id        of the entry
-- ARGV[4] reason
-- ARGV[5] tries     how often it was tried
-- ARGV[6] time      of now
-- ARGV[7] kept      about so many dead entries are kept
--
-- One step, so that a connection that breaks here neither loses the entry nor moves it twice. A script is not undone when a command in it fails (no memory, no
-- right, a key of another type): so the dead entry is added first and the other acknowledged behind it, and only by the consumer that holds it.
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)
if #pending == 0 or pending[1][2] ~= ARGV[2] then
  return 0
end

-- Lua's unpack ends near 8,000 values: an entry with more is spread over several.
local most = 7000
local entry = redis.call('XRANGE', KEYS[1], ARGV[3], ARGV[3])
local fields = entry[1] and entry[1][2] or {}
local added = {}
for from = 1, math.max(#fields, 1), most do
  local dead = { 'XADD', KEYS[2], 'MAXLEN', '~', ARGV[7], '*', 'reason', ARGV[4], 'entry_id', ARGV[3], 'tries', ARGV[5], 'time', ARGV[6] }
  for i = from, math.min(from + most - 1, #fields) do
    dead[#dead + 1] = fields[i]
  end

  local id = redis.pcall(unpack(dead))
  if type(id) == 'table' then
    for _, one in ipairs(added) do
      redis.call('XDEL', KEYS[2], one)
    end

    return id
  end

  added[#added + 1] = id
end

local acknowledged = redis.pcall('XACK', KEYS[1], ARGV[1], ARGV[3])
if type(acknowledged) == 'table' then
  for _, one in ipairs(added) do
    redis.call('XDEL', KEYS[2], one)
  end

  return acknowledged
end

return 1
