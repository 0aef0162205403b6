--- Graphics adapters, and the desktop that shows them.

local notes = require("counterpart_notes")

local no_place_for = notes.no_place_for

local screen = {}

local mib = 2 ^ 20

--- The graphics adapter, and the bytes of its memory.
function screen.adapter(plan, domain, version)
  local first = domain.videos[1]
  if not first or first.model == "none" then return version >= 6 and "none" or nil, 8 * mib end
  for i = 2, #domain.videos do no_place_for(plan, ("graphics adapter %d (%s)"):format(i, domain.videos[i].model), "there is one") end
  if first.accel3d then no_place_for(plan, "3D acceleration") end
  local bytes = math.min(math.max(math.ceil((first.vram or 16 * mib) / mib), 8), 128) * mib
  local model = (first.model == "qxl" or first.model == "virtio") and "vmsvga" or "vboxvga"
  return version >= 6 and model or nil, bytes
end

--- The desktop of VirtualBox speaks RDP, whatever the domain's spoke.
function screen.desktop(plan, domain)
  local first
  for _, g in ipairs(domain.graphics) do
    if g.kind == "vnc" or g.kind == "spice" then
      first = first or g
    else
      no_place_for(plan, "graphics by " .. g.kind)
    end
  end
  if not first then return nil end
  local port = first.port and first.port > 0 and tostring(first.port) or "3389"
  no_place_for(plan, first.kind:upper(), "VirtualBox shows the screen by RDP, or by what an extension pack has, on port " .. port)
  local address = first.listen[1]
  return { enabled = true, ports = port, address = address and address:match("^[%x.:]+$") and address or "127.0.0.1" }
end

return screen
