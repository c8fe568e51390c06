-- Submit a task of the type given, and again, each client with a token of its own.
dofile(os.getenv("BENCH_FOLDER") .. "/client.lua")

local request

function prepare(arguments)
  local body = '{"type":"' .. table.remove(arguments, 1) .. '","data":{}}'
  local token = arguments[(number - 1) % #arguments + 1]
  local headers = "Authorization: Bearer " .. token .. "\r\nContent-Type: application/json\r\n"
  request = http("POST", "/sfp/api/tasks", headers, body)
end

function ask()
  return request, "submit"
end

function answered(status, body)
  if status ~= 201 then
    return "submit answered " .. status .. ": " .. body
  end
  cycles = cycles + 1
end
