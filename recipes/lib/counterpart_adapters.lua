--- Network adapters: their chip, what they are connected to, and what the guest calls
--- them before and after.

local notes = require("counterpart_notes")

local no_place_for, tell = notes.no_place_for, notes.tell

local chips = {
  virtio = "virtio", ["virtio-net-pci"] = "virtio", ["virtio-transitional"] = "virtio", ["virtio-non-transitional"] = "virtio",
  e1000 = "82540EM", ["e1000-82544gc"] = "82543GC", ["e1000-82545em"] = "82545EM", e1000e = "82540EM",
  pcnet = "Am79C973", rtl8139 = "82540EM",
}

--- The names of adapters in a FreeBSD guest, by their model in the domain and their
--- chip in VirtualBox.
local drivers = { virtio = "vtnet", e1000 = "em", e1000e = "em", pcnet = "pcn", rtl8139 = "re", ["82540EM"] = "em", ["82543GC"] = "em", ["82545EM"] = "em", Am79C973 = "le" }

--- What an adapter is connected to.
local function connection(plan, nic, o)
  local what = "interface " .. nic.mac
  if nic.kind == "user" then return { kind = "nat" } end
  if nic.kind == "bridge" or nic.kind == "direct" then
    local adapter = o.bridges[nic.source or ""] or o.bridge
    if nic.mode and nic.mode ~= "bridge" then no_place_for(plan, ("mode %s of %s"):format(nic.mode, what), "it is bridged") end
    return { kind = "bridged", adapter = adapter }
  end
  if nic.kind == "network" then
    local network = o.network(nic.source)
    if network.forward == "nat" or network.forward == "route" then
      if network.forward == "route" then no_place_for(plan, ("routed network %s of %s"):format(nic.source, what), "it is behind NAT") end
      return { kind = "nat" }
    elseif network.forward == "bridge" or network.forward == "passthrough" or network.forward == "private" or network.forward == "vepa" then
      return { kind = "bridged", adapter = o.bridges[nic.source] or o.bridges[network.bridge or ""] or o.bridge }
    elseif network.forward == "none" then
      return { kind = "intnet", network = nic.source }
    end
    no_place_for(plan, ("network %s of %s"):format(nic.source, what), "it is behind NAT")
    return { kind = "nat" }
  end
  no_place_for(plan, ("%s of kind %s"):format(what, nic.kind), "it is connected to nothing")
  return { kind = "null" }
end

local function nic_details(plan, nic)
  local what = " of interface " .. nic.mac
  if #nic.vlans > 0 then no_place_for(plan, "VLAN tags" .. what, "the host's interface must be of that VLAN") end
  if nic.filter then no_place_for(plan, ("network filter %s%s"):format(nic.filter, what)) end
  if nic.mtu then no_place_for(plan, ("MTU %d%s"):format(nic.mtu, what)) end
  if nic.portgroup then no_place_for(plan, ("port group %s%s"):format(nic.portgroup, what)) end
  if nic.virtualport then no_place_for(plan, ("virtual port %s%s"):format(nic.virtualport, what)) end
end

--- The adapters of the machine, in order.
local function adapters(plan, domain, o)
  local list, before, after = {}, {}, {}
  local most = plan.settings.chipset == "ich9" and 36 or 8
  for i, nic in ipairs(domain.interfaces) do
    local model = nic.model or "rtl8139"
    if i > most then
      no_place_for(plan, "interface " .. nic.mac, ("the board takes %d"):format(most))
    else
      local to = connection(plan, nic, o)
      to.mac = nic.mac:gsub(":", ""):upper()
      to.type = chips[model]
      if not to.type then
        to.type = "82540EM"
        no_place_for(plan, ("model %s of interface %s"):format(model, nic.mac), "it becomes an Intel one")
      end
      to.cable = not nic.link_down
      nic_details(plan, nic)
      list[#list + 1] = to
      local old = drivers[model:match("^virtio") or model:match("^e1000") or model] or "?"
      local new = to.type == "virtio" and "vtnet" or drivers[to.type]
      before[old], after[new] = (before[old] or -1) + 1, (after[new] or -1) + 1
      if old .. before[old] ~= new .. after[new] then
        tell(plan, "interface %s%d becomes %s%d: ifconfig_%s%d in rc.conf(5), and rules that name it, must follow", old, before[old], new, after[new], old, before[old])
      end
    end
  end
  return list
end

return adapters
