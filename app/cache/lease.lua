-- KEYS: value and lease of each record; ARGV: the token, milliseconds. Says 1 for each lease taken.
local taken = {}
for i = 2, #KEYS, 2 do
    if redis.call('SET', KEYS[i], ARGV[1], 'NX', 'PX', ARGV[2]) then
        taken[#taken + 1] = 1
    else
        taken[#taken + 1] = 0
    end
end
return taken
