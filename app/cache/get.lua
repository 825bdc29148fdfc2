-- Placed before the scripts that read a key. A key of another type, which another program has written, counts as absent
-- and is removed: nothing else would ever remove it, and with an error all records would go unread until then.
local function get(key)
    local reply = redis.pcall('GET', key)
    if type(reply) ~= 'table' then
        return reply
    end
    -- At the beginning only: what follows may name a user.
    if string.sub(reply.err, 1, 9) ~= 'WRONGTYPE' then
        return redis.call('GET', key) -- Called again to raise the error, with its code.
    end
    redis.call('DEL', key)
    return false
end
