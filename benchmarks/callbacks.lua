-- wrk ... -s callbacks.lua URL -- REQUEST RUN DELAY_MS
-- Sends the request in the file REQUEST again and again, each time with a new id in place of its
-- 21 "@": RUN, thirteen digits, and a counter. DELAY_MS is the pause before each request.

local before, after
local number = 0

function init(args)
    local file = assert(io.open(args[1], "rb"))
    local request = file:read("*a")
    file:close()
    local first, last = request:find(string.rep("@", 21), 1, true)
    before = request:sub(1, first - 1) .. args[2]
    after = request:sub(last + 1)
    local delay_ms = tonumber(args[3])
    if delay_ms > 0 then
        function delay() return delay_ms end
    end
end

function request()
    number = number + 1
    return before .. string.format("%08d", number) .. after
end

function done(summary, latency, _)
    local errors = summary.errors
    io.write(string.format(
        '\n{"answers": %d, "refused": %d, "socket_errors": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f}\n',
        summary.requests, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
        summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
