-- KEYS: value and lease of each record; ARGV: its token, bytes, milliseconds. Returns 1 for each value stored.
local kept = {}
for i = 1, #KEYS, 2 do
    local first = (i - 1) / 2 * 3
    -- A lease that is gone means the record was invalidated while it was being fetched: do not keep it.
    if get(KEYS[i + 1]) == ARGV[first + 1] then
        redis.call('SET', KEYS[i], ARGV[first + 2], 'PX', ARGV[first + 3])
        -- Without an owner for a moment: a reader that missed the value just before reads it again instead of fetching it.
        redis.call('SET', KEYS[i + 1], '', 'PX', 100)
        kept[#kept + 1] = 1
    else
        kept[#kept + 1] = 0
    end
end
return kept
