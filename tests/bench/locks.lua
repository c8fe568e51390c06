-- Request, acquire, release, and again, on any of the environments given.
dofile(os.getenv("BENCH_FOLDER") .. "/client.lua")

local EXPECTED = { request = 201, acquire = 200, release = 200 }
local NEXT = { request = "acquire", acquire = "release", release = "request" }
local BODY = '{"leaseDurationSeconds":600,"reason":"Deploying"}'
local REPOSITORY = "?repositoryName=bench"
local headers, environments, environment, ticket
local step = "request"

function prepare(arguments)
  environments = arguments
  headers = "Authorization: Bearer " .. os.getenv("BENCH_TOKEN")
    .. "\r\nContent-Type: application/json\r\n"
  environment = environments[math.random(#environments)]
end

function ask()
  local lock = "/sfp/api/environments/" .. environment .. "/lock"
  if step == "request" then
    return http("POST", lock .. REPOSITORY, headers, BODY), step
  elseif step == "acquire" then
    return http("PUT", lock .. "/" .. ticket .. "/acquire" .. REPOSITORY, headers, ""), step
  else
    return http("DELETE", lock .. "/" .. ticket .. REPOSITORY, headers, ""), step
  end
end

function answered(status, body)
  local asked = step
  local named = body:match('"ticketId":"(ticket_[%x-]+)"')
  if status ~= EXPECTED[asked] or not named or (asked ~= "request" and named ~= ticket) then
    step = "request"
    return asked .. " answered " .. status .. ": " .. body
  end
  ticket, step = named, NEXT[asked]
  if asked == "release" then
    cycles = cycles + 1
    environment = environments[math.random(#environments)]
  end
end
