--- Which services run, before something that may end them and after it.

local services = {}

--- The names of the services that are started at boot and have a process now.
function services.running(h)
  local names = {}
  for _, service in ipairs(h.service.list{ enabled = true, running = true }) do
    if #service.status.pids > 0 then names[#names + 1] = service.name end
  end
  return names
end

--- Those of the named services that do not run, each with what its script says.
--- Services start one after another at boot, so that it is asked for a while.
local function missing_of(h, names)
  local missing
  pcall(retry, { times = 6, delay = 2, on = "failed" }, function()
    missing = {}
    for _, name in ipairs(names) do
      local status = h.service.status(name)
      if not status.running then
        missing[#missing + 1] = { name = name, exists = status.exists, text = status.text }
      end
    end
    if #missing > 0 then fail("%d services do not run yet", #missing) end
  end)
  return missing
end

--- Stops the run, to be resumed, while services that ran before do not run.
function services.verify(h, names)
  local missing = missing_of(h, names)
  if #missing == 0 then return names end
  local said = {}
  for i, service in ipairs(missing) do said[i] = service.name .. (service.exists and "" or " (the release has it no more)") end
  fail{
    message = "services that ran before do not run: " .. table.concat(said, ", "),
    hint = "start them on the host, or disable what is not wanted any more, then resume",
    result = { version = h.facts.version, services = missing },
    resumable = true,
  }
end

return services
