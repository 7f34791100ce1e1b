-- claim: gives a member those shards that nobody holds, and those that it holds itself a new fence
-- KEYS[1] state
-- ARGV[1] node
-- ARGV[2] changes
-- ARGV[3] epoch
-- ARGV[4...] drawn  then the shards
--
-- The new fence of a shard that is held already takes the effect from whatever was sent under the old one.
local epoch = current_epoch()
if epoch ~= ARGV[3] or not is_member(ARGV[1]) then
  return { epoch }
end

local shards, previous = {}, {}
for i = 5, #ARGV do
  local fence, owner = held(ARGV[i])
  if owner == '-' or owner == ARGV[1] then
    shards[#shards + 1] = ARGV[i]
    previous[#previous + 1] = fence
  end
end

local answer = { epoch }
if #shards == 0 then
  return answer
end

local first = new_fences(#shards)
for i, shard in ipairs(shards) do
  local fence = digits(first + i - 1)
  hold(shard, fence, ARGV[1], previous[i], '-')
  answer[#answer + 1] = shard
  answer[#answer + 1] = fence
  answer[#answer + 1] = previous[i]
end

raise()
return answer
