-- KEYS: value and lease of each record; ARGV: the token, milliseconds, what all tokens of this reader's process
-- begin with, 1 if it takes a value instead where there is one. Returns the value, or 1 for a lease taken, or 0.
local found = {}
for i = 1, #KEYS, 2 do
    local value = ARGV[4] == '1' and get(KEYS[i])
    local lease = KEYS[i + 1]
    if value then
        found[#found + 1] = value
    elseif redis.call('SET', lease, ARGV[1], 'NX', 'PX', ARGV[2]) then
        found[#found + 1] = 1
    elseif string.sub(get(lease) or ARGV[3], 1, #ARGV[3]) == ARGV[3] then
        -- Its own process has one on the way, and does not join it: something has changed since that one set out.
        -- Its value must no longer be stored, and no reader waits for it. Or it was of another type, and is gone now.
        redis.call('SET', lease, ARGV[1], 'PX', ARGV[2])
        found[#found + 1] = 1
    else
        found[#found + 1] = 0
    end
end
return found
