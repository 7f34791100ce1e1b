-- release: frees those shards that the node holds by the given fences
-- KEYS[1] state
-- ARGV[1] node
-- ARGV[2] changes
-- ARGV[3] epoch
-- ARGV[4...] drawn  then shard and fence, in turn
if current_epoch() ~= ARGV[3] then
  return 0
end

local freed = 0
for i = 5, #ARGV, 2 do
  local fence, owner = held(ARGV[i])
  if owner == ARGV[1] and fence == ARGV[i + 1] then
    free(ARGV[i], fence)
    freed = freed + 1
  end
end

if freed > 0 then
  raise()
end

return freed
