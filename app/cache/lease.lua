-- KEYS: value and lease of each record; ARGV: the token, milliseconds. Says 1 for each lease taken.
local taken = {}
for i = 1, #KEYS, 2 do
    -- A value that has come since the reader missed it is as good as a lease in other hands.
    local free = redis.call('EXISTS', KEYS[i]) == 0
    if free and redis.call('SET', KEYS[i + 1], ARGV[1], 'NX', 'PX', ARGV[2]) then
        taken[#taken + 1] = 1
    else
        taken[#taken + 1] = 0
    end
end
return taken
