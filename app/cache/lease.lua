-- KEYS: value and lease of each record; ARGV: the token, milliseconds, what all tokens of this reader's process
-- begin with, 1 if it takes a value instead where there is one. Returns the value, or 1 for a lease taken, or 0.

-- A key of another type, which another program has written, counts as absent and is removed: nothing else would ever
-- remove it, and with an error all records would go unread until then. Every other error ends the script.
local function get(key)
    local reply = redis.pcall('GET', key)
    if type(reply) ~= 'table' then
        return reply
    end
    if not string.find(reply.err, 'WRONGTYPE', 1, true) then
        return redis.call('GET', key)
    end
    redis.call('DEL', key)
    return false
end

local found = {}
for i = 1, #KEYS, 2 do
    local value = ARGV[4] == '1' and get(KEYS[i])
    local lease = KEYS[i + 1]
    if value then
        found[#found + 1] = value
    elseif redis.call('SET', lease, ARGV[1], 'NX', 'PX', ARGV[2]) then
        found[#found + 1] = 1
    elseif string.sub(get(lease) or '', 1, #ARGV[3]) == ARGV[3] then
        -- Its own process has one on the way, and does not join it: something has changed since that one set out.
        -- Its value must no longer be stored, and no reader waits for it.
        redis.call('SET', lease, ARGV[1], 'PX', ARGV[2])
        found[#found + 1] = 1
    else
        found[#found + 1] = 0
    end
end
return found
