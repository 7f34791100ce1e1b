-- prelude: what the scripts on a cluster's state have in common; put between the first lines of each and the rest of it
-- KEYS[1] state     hash: epoch, run, version, fence, nodes, shards, ring; n:{node} -> beat, state and facts; s:{shard} -> fence, owner, and the fence and owner that a hand-over replaced
-- ARGV[1] node      who asks
-- ARGV[2] changes   channel that is told of every new version
-- ARGV[3] epoch     that the node believes in
-- ARGV[4] drawn     epoch to take where a new one is needed
--
-- All of a cluster lies under one key without expiry: it is lost as a whole or not at all. No clock decides anything here but that fences grow.

-- Lua would write large numbers as 1.7e+15.
local function digits(number)
  return string.format('%.0f', number)
end

-- The changes are a hint; a user who may not publish there must not leave a step half done.
local function tell(version)
  redis.pcall('PUBLISH', ARGV[2], version)
end

-- Names one unbroken memory. Another run than the one that wrote the state was started anew or was a replica until now, and may not know what was written last.
local function current_epoch()
  local stored = redis.call('HMGET', KEYS[1], 'epoch', 'run', 'version')
  local info = redis.pcall('INFO', 'server')
  local run = type(info) == 'string' and string.match(info, 'run_id:(%x+)')
  if not run then
    error({ err = 'NORUNID the server does not tell its run_id in INFO (the user needs +info), so a loss of its memory would stay unseen' })
  end

  if stored[1] and stored[2] == run then
    return stored[1]
  end

  redis.call('HSET', KEYS[1], 'epoch', ARGV[4], 'run', run)
  tell(stored[3] or '0')
  return ARGV[4]
end

-- After every change of an owner, a fence, the members or a member's state.
local function raise()
  local version = redis.call('HINCRBY', KEYS[1], 'version', 1)
  tell(digits(version))
end

-- The first of so many new fences. Microseconds of the clock make them grow where the last one is forgotten.
local function new_fences(count)
  local time = redis.call('TIME')
  local first = math.max((redis.call('HGET', KEYS[1], 'fence') or 0) + 1, time[1] * 1000000 + time[2])
  redis.call('HSET', KEYS[1], 'fence', digits(first + count - 1))
  return first
end

local function parse(row)
  return string.match(row, '^(%d+) (%S+) (%d+) (%S+)$')
end

-- Fence, owner, and what a hand-over replaced; '-' is nobody.
local function held(shard)
  return parse(redis.call('HGET', KEYS[1], 's:' .. shard) or '0 - 0 -')
end

local function hold(shard, fence, owner, replaced, from)
  redis.call('HSET', KEYS[1], 's:' .. shard, fence .. ' ' .. owner .. ' ' .. replaced .. ' ' .. from)
end

local function free(shard, fence)
  hold(shard, fence, '-', '0', '-')
end

local function is_member(node)
  return redis.call('HEXISTS', KEYS[1], 'n:' .. node) == 1
end

-- Members end, and hold nothing from then on; their shards keep their last fence.
local function remove(gone)
  local left = {}
  for node in string.gmatch(redis.call('HGET', KEYS[1], 'nodes') or '', '%S+') do
    if gone[node] then
      redis.call('HDEL', KEYS[1], 'n:' .. node)
    else
      left[#left + 1] = node
    end
  end

  redis.call('HSET', KEYS[1], 'nodes', table.concat(left, ' '))
  local fields = redis.call('HGETALL', KEYS[1])
  for i = 1, #fields, 2 do
    local shard = string.match(fields[i], '^s:(%d+)$')
    if shard then
      local fence, owner = parse(fields[i + 1])
      if gone[owner] then
        free(shard, fence)
      end
    end
  end
end
