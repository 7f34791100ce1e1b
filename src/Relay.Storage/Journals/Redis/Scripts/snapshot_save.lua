-- snapshot_save: keeps a snapshot unless a newer one of the same life is there
-- KEYS[1] snapshot  hash: epoch, number, body
-- ARGV[1] epoch
-- ARGV[2] number    the last event it contains
-- ARGV[3] body
local s = redis.call('HMGET', KEYS[1], 'epoch', 'number')
if not s[1] or s[1] ~= ARGV[1] or tonumber(s[2]) <= tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'number', ARGV[2], 'body', ARGV[3])
end
return 'D'
