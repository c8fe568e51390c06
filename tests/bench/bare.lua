-- A route that does nothing: a small JSON body in, a small one out.
dofile(os.getenv("BENCH_FOLDER") .. "/client.lua")

local request, method

function prepare(arguments)
  method = arguments[1]
  local body = method == "POST" and '{"leaseDurationSeconds":600,"reason":"Deploying"}' or ""
  request = http(method, "/ask", "Content-Type: application/json\r\n", body)
end

function ask()
  return request, method
end

function answered(status, body)
  if status >= 300 then
    return method .. " answered " .. status .. ": " .. body
  end
  cycles = cycles + 1
end
