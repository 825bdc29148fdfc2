-- GCRA for many buckets at once. A bucket is one number: the moment (µs) at which it is full again.
-- ARGV per key: µs per unit, units per window, units wanted in advance, units owed, n, and n weights; a
-- negative weight gives unused units back. What is owed has been used already: it is taken whatever is left,
-- so a bucket can be empty for up to one window more, and never longer: what a clock that was ahead, or a longer window
-- has left behind counts for no more. Answers per key: units left, units granted, then per weight 0, or
-- the µs to wait.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local answers, at = {}, 1

-- What is no bucket, as another program may have written it, counts as a full one: with an error no bucket of this round
-- trip would be counted. Every other error ends the script.
local function stored(key)
  local reply = redis.pcall('GET', key)
  if type(reply) == 'table' then
    -- At the beginning only: what follows may name a user. Called again to raise the error, with its code.
    return string.sub(reply.err, 1, 9) == 'WRONGTYPE' and now or redis.call('GET', key)
  end
  local moment = tonumber(reply or now)
  return moment == moment and moment or now -- nil: no number; not equal to itself: nan
end

for _, key in ipairs(KEYS) do
  local interval, limit, wanted = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local owed, n = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  at = at + 5
  local window = interval * limit
  local full = math.min(math.max(stored(key), now), now + 2 * window)
  full = math.max(full, math.min(full + owed * interval, now + 2 * window))
  local waits = {}
  for i = 1, n do
    local after = full + tonumber(ARGV[at]) * interval
    at = at + 1
    -- A tenth of a unit is tolerated: fractions of a microsecond must not cost the last request.
    local over = after - now - window
    if over <= interval / 10 then
      full = math.max(after, now)
      waits[i] = 0
    else
      waits[i] = math.ceil(over)
    end
  end
  local left = math.max(math.floor((now + window - full) / interval + 0.1), 0)
  -- A quarter of what is left: what others hold in advance must not be missed by the last callers.
  local granted = math.min(wanted, math.floor(left / 4))
  full = full + granted * interval
  if full > now then
    redis.call('SET', key, string.format('%.17g', full), 'PX', math.ceil((full - now) / 1000))
  else
    redis.call('DEL', key)
  end
  answers[#answers + 1] = left - granted
  answers[#answers + 1] = granted
  for i = 1, n do answers[#answers + 1] = waits[i] end
end

return answers
