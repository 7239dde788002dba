-- For wrk: one request in twenty reads one per cent of the catalogue, the others one entry each. Out come
-- requests, failures, microseconds and the 50th, 99th and 99.9th percentile of the answers' times.
wrk.headers["Connection"] = "close"

local count = 0

function request()
    count = count + 1
    local route = count % 20 == 0 and "/much/" or "/little/"
    return wrk.format("GET", route .. count * 397)
end

function done(summary, latency, _)
    -- what wrk calls a timeout was answered, and later than it can record: see --timeout in speed.py
    local failed = summary.errors.connect + summary.errors.status + summary.errors.timeout
    io.write(string.format("%d %d %d %d %d %d\n", summary.requests, failed, summary.duration,
        latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
