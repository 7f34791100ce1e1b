-- heartbeat: joins a member or shows that it lives, removes silent ones, and says what there is
-- KEYS[1] state
-- ARGV[1] node
-- ARGV[2] changes
-- ARGV[3] epoch
-- ARGV[4] drawn
-- ARGV[5] beat      number of this heartbeat
-- ARGV[6] word      state of the member: joining, up, leaving
-- ARGV[7] facts     what else the node says of itself
-- ARGV[8] highest   fence that the node has ever heard of
-- ARGV[9] table     epoch of the table that the node's engine holds
-- ARGV[10] version  of that table
-- ARGV[11] shards   of the cluster as the node was told
-- ARGV[12...] ring  servers that things are spread over, as the node was told; then silent members: node and beat, in turn
--
-- Leases are not told: whoever holds the table of this version knows which of its leases are in it.
local epoch = current_epoch()
if tonumber(ARGV[8]) > tonumber(redis.call('HGET', KEYS[1], 'fence') or 0) then
  redis.call('HSET', KEYS[1], 'fence', ARGV[8])
end

-- A node that was told otherwise would look for channels, or for other nodes, in other places.
local nodes = redis.call('HGET', KEYS[1], 'nodes') or ''
local function agree(field, mine, theirs, complaint)
  if mine ~= theirs then
    if theirs and nodes ~= '' and nodes ~= ARGV[1] then
      error({ err = complaint })
    end

    redis.call('HSET', KEYS[1], field, mine)
  end
end

local shards = redis.call('HGET', KEYS[1], 'shards')
agree('shards', ARGV[11], shards, 'SHARDS the cluster has ' .. (shards or '') .. ' shards and this node is told of ' .. ARGV[11] .. ': set Cluster:Shards to ' .. (shards or '')
  .. ', or stop all nodes, delete ' .. KEYS[1] .. ' and start them with the new number')

-- Members that told of no ring knew of one server only.
local ring = redis.call('HGET', KEYS[1], 'ring') or shards and 'main'
agree('ring', ARGV[12], ring, 'RING the cluster is spread over the servers "' .. (ring or '') .. '" and this node is told of "' .. ARGV[12]
  .. '": set Redis:Servers alike on all nodes, or stop all nodes, delete ' .. KEYS[1] .. ' if some were killed, and start them with the new servers (docs/cluster-redis.md, Several servers)')

local beat, word = string.match(redis.call('HGET', KEYS[1], 'n:' .. ARGV[1]) or '', '^(%d+) (%S+)')
if not beat or tonumber(ARGV[5]) > tonumber(beat) then
  local changed = word ~= ARGV[6]
  if not beat then
    redis.call('HSET', KEYS[1], 'nodes', nodes == '' and ARGV[1] or nodes .. ' ' .. ARGV[1])
  end

  redis.call('HSET', KEYS[1], 'n:' .. ARGV[1], ARGV[5] .. ' ' .. ARGV[6] .. ' ' .. ARGV[7])
  local gone = {}
  for i = 13, epoch == ARGV[3] and #ARGV or 0, 2 do
    local last = string.match(redis.call('HGET', KEYS[1], 'n:' .. ARGV[i]) or '', '^%d+')
    if last == ARGV[i + 1] and ARGV[i] ~= ARGV[1] then
      gone[ARGV[i]] = true
    end
  end

  if next(gone) then
    remove(gone)
    changed = true
  end

  if changed then
    raise()
  end
end

local members = {}
for node in string.gmatch(redis.call('HGET', KEYS[1], 'nodes'), '%S+') do
  members[#members + 1] = node
  members[#members + 1] = redis.call('HGET', KEYS[1], 'n:' .. node)
end

local version = redis.call('HGET', KEYS[1], 'version')
local isKnown = ARGV[9] == epoch and ARGV[10] == version
return { epoch, version, members, not isKnown and redis.call('HGETALL', KEYS[1]) }
