-- Lock and unlock, and again, on any of the names given: etcd's own lock service over
-- its HTTP gateway. Each client has one lease for the whole run, as etcd's clients do.
dofile(os.getenv("BENCH_FOLDER") .. "/client.lua")

local names, name, lease, key
local step = "grant"
local NEXT = { grant = "lock", lock = "unlock", unlock = "lock" }
local HEADERS = "Content-Type: application/json\r\n"

function prepare(arguments)
  names = arguments
  name = names[math.random(#names)]
end

function ask()
  if step == "grant" then
    return http("POST", "/v3/lease/grant", HEADERS, '{"TTL":600}'), step
  elseif step == "lock" then
    local body = '{"name":"' .. name .. '","lease":"' .. lease .. '"}'
    return http("POST", "/v3/lock/lock", HEADERS, body), step
  else
    return http("POST", "/v3/lock/unlock", HEADERS, '{"key":"' .. key .. '"}'), step
  end
end

function answered(status, body)
  local asked = step
  if status ~= 200 then
    return asked .. " answered " .. status .. ": " .. body
  end
  if asked == "grant" then
    lease = body:match('"ID":"(%d+)"')
  elseif asked == "lock" then
    key = body:match('"key":"([^"]+)"')
  else
    cycles = cycles + 1
    name = names[math.random(#names)]
  end
  step = NEXT[asked]
end
