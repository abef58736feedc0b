-- Posts one callback over and over, each time with an id of its own.
-- wrk ... -s callbacks.lua URL -- TEMPLATE RUN DELAY_MS
-- TEMPLATE is a file with the whole request, in which one id of twelve "@" stands; RUN is a number of
-- four digits that no other run has; DELAY_MS is how long each connection rests before a request.

local before, after
local number = 0

function init(args)
    local file = assert(io.open(args[1], "rb"))
    local template = file:read("*a")
    file:close()
    local first, last = template:find(string.rep("@", 12), 1, true)
    before = template:sub(1, first - 1) .. args[2]
    after = template:sub(last + 1)
    local rest_ms = tonumber(args[3])
    if rest_ms > 0 then
        function delay() return rest_ms end
    end
end

function request()
    number = number + 1
    return before .. string.format("%08d", number) .. after
end

function done(summary, latency, _)
    local errors = summary.errors
    io.write(string.format(
        '\n{"requests": %d, "duration_us": %d, "p50_us": %d, "p99_us": %d, "longest_us": %d, ',
        summary.requests, summary.duration,
        latency:percentile(50), latency:percentile(99), latency.max))
    io.write(string.format(
        '"errors": {"connect": %d, "read": %d, "write": %d, "timeout": %d, "not 200": %d}}\n',
        errors.connect, errors.read, errors.write, errors.timeout, errors.status))
end
