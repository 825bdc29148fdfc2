-- KEYS: value and lease of each record; ARGV: its token, bytes, milliseconds. Says 1 for each value kept.
local kept = {}
for i = 1, #KEYS, 2 do
    local first = (i - 1) / 2 * 3
    -- A lease that is gone means the record was invalidated while it was being fetched: do not keep it.
    if redis.call('GET', KEYS[i + 1]) == ARGV[first + 1] then
        redis.call('SET', KEYS[i], ARGV[first + 2], 'PX', ARGV[first + 3])
        -- Nobody's for a moment: whoever missed the value just before it came shall look again, not fetch again.
        redis.call('SET', KEYS[i + 1], '', 'PX', 100)
        kept[#kept + 1] = 1
    else
        kept[#kept + 1] = 0
    end
end
return kept
