-- handover: makes another member the owner of a shard, when who asks holds it by this fence
-- KEYS[1] state
-- ARGV[1] node
-- ARGV[2] changes
-- ARGV[3] epoch
-- ARGV[4] drawn
-- ARGV[5] to
-- ARGV[6] shard
-- ARGV[7] fence
--
-- What was replaced is kept, so that the same question after a lost answer gets the same answer.
if current_epoch() ~= ARGV[3] then
  return { 'not owner' }
end

local fence, owner, replaced, from = held(ARGV[6])
if owner == ARGV[5] and from == ARGV[1] and replaced == ARGV[7] then
  return { 'done', fence }
end

if owner ~= ARGV[1] or fence ~= ARGV[7] then
  return { 'not owner' }
end

local member = redis.call('HGET', KEYS[1], 'n:' .. ARGV[5])
if not member or string.match(member, '^%d+ (%S+)') ~= 'up' then
  return { 'target gone' }
end

local new = digits(new_fences(1))
hold(ARGV[6], new, ARGV[5], fence, ARGV[1])
raise()
return { 'done', new }
