-- One client for each thread of wrk, on one connection: so what a thread remembers is
-- what its client knows. A script defines
--   prepare(arguments)       once
--   ask() -> request, step   called again if nothing came of it: changes nothing
--   answered(status, body)   -> nil if that was right, else what was wrong
-- and counts its `cycles`. Latencies are counted by step and in 0.1 ms, in a flat table
-- whose keys are text: wrk copies no other from one thread to another.
local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds, nanoseconds; } moment;
  int clock_gettime(int clock, moment *at);
]]
local MONOTONIC = 1
local now = ffi.new("moment")
local threads = {}
local started, step

local function tenths_of_ms()
  ffi.C.clock_gettime(MONOTONIC, now)
  return tonumber(now.seconds) * 1e4 + tonumber(now.nanoseconds) / 1e5
end

function setup(thread)
  threads[#threads + 1] = thread
  thread:set("number", #threads)
end

function init(arguments)
  math.randomseed(number)
  latencies, cycles, calls, errors, problem = {}, 0, 0, 0, ""
  prepare(arguments)
end

function request()
  local text
  text, step = ask()
  started = tenths_of_ms()
  return text
end

function response(status, headers, body)
  local took = string.format("%s %d", step, tenths_of_ms() - started)
  latencies[took] = (latencies[took] or 0) + 1
  calls = calls + 1
  local wrong = answered(status, body)
  if wrong then
    errors, problem = errors + 1, wrong
  end
end

function http(method, path, headers, body)
  return method .. " " .. path .. " HTTP/1.1\r\nHost: 127.0.0.1\r\n" .. headers
    .. "Content-Length: " .. #body .. "\r\n\r\n" .. body
end

-- One line for each value, after its name and a tab.
local function tell(name, value)
  print(name .. "\t" .. value)
end

function done(summary)
  local sum = { calls = 0, cycles = 0, errors = 0 }
  local counts, wrong = {}, ""
  for _, thread in ipairs(threads) do
    for name in pairs(sum) do
      sum[name] = sum[name] + thread:get(name)
    end
    for took, count in pairs(thread:get("latencies")) do
      counts[took] = (counts[took] or 0) + count
    end
    wrong = thread:get("problem") ~= "" and thread:get("problem") or wrong
  end
  local lost = summary.errors
  sum.errors = sum.errors + lost.connect + lost.read + lost.write + lost.timeout
  for name, value in pairs(sum) do tell(name, value) end
  for took, count in pairs(counts) do tell("latency " .. took, count) end
  tell("seconds", summary.duration / 1e6)
  tell("problem", wrong:gsub("%s+", " "))
end
