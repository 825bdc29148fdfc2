-- KEYS: value and lease of each record; ARGV: the token, milliseconds, what all tokens of this reader's process
-- begin with. Says 1 for each lease taken.
local taken = {}
for i = 2, #KEYS, 2 do
    if redis.call('SET', KEYS[i], ARGV[1], 'NX', 'PX', ARGV[2]) then
        taken[#taken + 1] = 1
    elseif string.sub(redis.call('GET', KEYS[i]) or '', 1, #ARGV[3]) == ARGV[3] then
        -- Its own process has one on the way, and does not join it: something has changed since that one set out.
        -- What it brings must not be kept any more, and nobody shall wait for it.
        redis.call('SET', KEYS[i], ARGV[1], 'PX', ARGV[2])
        taken[#taken + 1] = 1
    else
        taken[#taken + 1] = 0
    end
end
return taken
