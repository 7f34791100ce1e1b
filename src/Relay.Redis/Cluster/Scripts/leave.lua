-- leave: ends a membership and frees everything that the node holds
-- KEYS[1] state
-- ARGV[1] node
-- ARGV[2] changes
if not is_member(ARGV[1]) then
  return 0
end

remove({ [ARGV[1]] = true })
raise()
return 1
