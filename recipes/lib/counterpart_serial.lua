--- Serial ports and consoles.

local notes = require("counterpart_notes")

local no_place_for = notes.no_place_for

--- Serial ports; what the guest says on a terminal of the host is kept in a file.
local function serial(plan, domain, folder)
  local list = {}
  for i, serial in ipairs(domain.serials) do
    local to = { mode = "file", path = ("%s/com%d.log"):format(folder, i) }
    if i > 4 then
      no_place_for(plan, ("serial port %d"):format(i), "there are four")
    elseif serial.target and not serial.target:find("isa") and serial.target ~= "serial" then
      no_place_for(plan, ("serial port %d (%s)"):format(i, serial.target))
    else
      if serial.kind == "tcp" and serial.listen then
        to = { mode = "tcpserver", path = serial.port }
      elseif serial.kind == "unix" then
        to = { mode = serial.listen and "server" or "client", path = ("%s/com%d.sock"):format(folder, i) }
      elseif serial.kind ~= "file" then
        no_place_for(plan, ("serial port %d on a %s"):format(i, serial.kind), "what the guest says is kept in " .. to.path)
      end
      list[#list + 1] = to
    end
  end
  for _, console in ipairs(domain.consoles) do
    if console.target == "virtio" then no_place_for(plan, "console by virtio", "let the guest use COM1 or the screen") end
  end
  return list
end

return serial
