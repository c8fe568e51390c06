-- Lock and unlock, and again, on any of the names given: etcd's own lock service over
-- its HTTP gateway. The first argument says how long a lease is: for a "hold", as
-- `etcdctl lock` has one for each command that it runs; or for a "client", all the time.
dofile(os.getenv("BENCH_FOLDER") .. "/client.lua")

local HEADERS = "Content-Type: application/json\r\n"
local NEXT = {
  hold = { grant = "lock", lock = "unlock", unlock = "revoke", revoke = "grant" },
  client = { grant = "lock", lock = "unlock", unlock = "lock" },
}
local names, name, after, lease, key
local step = "grant"

function prepare(arguments)
  after = NEXT[table.remove(arguments, 1)]
  names = arguments
  name = names[math.random(#names)]
end

function ask()
  local path, body
  if step == "grant" then
    path, body = "/v3/lease/grant", '{"TTL":600}'
  elseif step == "lock" then
    path, body = "/v3/lock/lock", '{"name":"' .. name .. '","lease":"' .. lease .. '"}'
  elseif step == "unlock" then
    path, body = "/v3/lock/unlock", '{"key":"' .. key .. '"}'
  else
    path, body = "/v3/lease/revoke", '{"ID":"' .. lease .. '"}'
  end
  return http("POST", path, HEADERS, body), step
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
  end
  step = after[asked]
  if asked == "unlock" then
    cycles = cycles + 1
    name = names[math.random(#names)]
  end
end
