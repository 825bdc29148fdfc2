-- Sends prepared requests in a prepared order, and writes down what wrk has seen.
local folder = os.getenv("FOLDER")
local requests, order, place = {}, {}, 0

function init()
  local file = io.open(folder .. "/requests", "rb")
  for request in (file:read("*a") .. "\30"):gmatch("([^\30]*)\30") do requests[#requests + 1] = request end
  file:close()
  for line in io.lines(folder .. "/order") do order[#order + 1] = tonumber(line) + 1 end
  place = tonumber(os.getenv("START")) % #order
end

function request()
  place = place % #order + 1
  return requests[order[place]]
end

function done(summary, latency)
  local errors = summary.errors
  local file = io.open(folder .. "/measured", "w")
  file:write(string.format('{"requests":%d,"seconds":%f,"p50":%f,"p99":%f,"failed":%d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e6, latency:percentile(99) / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
  file:close()
end
