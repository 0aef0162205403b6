--- Translates the addresses of jails to one address of the outside interface, with pf, so that it cannot lock you out.
---
--- An interface with several addresses needs care: a rule that ends in ($ext_if)
--- takes them in turn, so that connections leave with changing addresses, some of
--- which lead nowhere. This one names one address, or ($ext_if:0) where the address
--- comes by DHCP. The jails' side is a network, written out, so that a boot where
--- jails add their own addresses later still has the rule. Rules are loaded under a
--- guard: the host takes them back unless a new connection comes about.

---@type Recipe
local recipe = {
  needs = { os = "FreeBSD", root = true },
  sim = "jailhost",
  params = {
    interface = { type = "string", pattern = "[a-z][a-z0-9_.]*", doc = "the outside interface; default: that of the default route" },
    address = { type = "string", pattern = "[0-9.]+", doc = "the address that jails leave with; default: the one in the gateway's network" },
    network = { type = "string", pattern = "[0-9.]+/[0-9]+", doc = "the jails' network; default: that of the jails' interface, or what covers all jail addresses" },
    jail_interface = { type = "string", default = "lo1", pattern = "[a-z][a-z0-9_.]*", doc = "the interface that has the jails' addresses; made if it is not there" },
    jail_addresses = { type = "list", doc = "addresses with prefixes that the jails' interface is to have, such as 10.0.0.1/24" },
    file = { type = "string", default = "/etc/pf.conf", pattern = "/.+", doc = "where the rules are kept" },
    replace = { type = "boolean", default = false, doc = "replace rules that this recipe did not write; a copy is kept" },
    probe = { type = "string", pattern = "[^:]+:[0-9]+", doc = "host and port that a jail must reach in the end, such as www.example.org:443" },
    jail = { type = "string", doc = "the jail that tries it; default: the first that is translated" },
    within = { type = "duration", default = "60s", doc = "the host takes the rules back unless a new connection comes about in this time" },
    undo = { type = "boolean", default = false, doc = "put back the rules from before, or turn pf off where there were none" },
  },
}

local marker = "# Written by bsdrun, recipe pf-nat; changes by hand are kept only with another first line."

local function number(address)
  local a, b, c, d = address:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
  return a and ((a * 256 + b) * 256 + c) * 256 + d
end

local function dotted(n)
  return ("%d.%d.%d.%d"):format(math.floor(n / 2 ^ 24), math.floor(n / 2 ^ 16) % 256, math.floor(n / 2 ^ 8) % 256, n % 256)
end

--- The network of an address: its first address, as a number, and its prefix.
local function network_of(address, prefix)
  local size = 2 ^ (32 - prefix)
  return math.floor(number(address) / size) * size, prefix
end

local function covers(network, prefix, address) return network_of(address, prefix) == network end

--- The smallest network of at most /24 that covers all the addresses.
local function covering(addresses)
  for prefix = 24, 1, -1 do
    local network, all = network_of(addresses[1], prefix), true
    for _, address in ipairs(addresses) do all = all and covers(network, prefix, address) end
    if all then return network, prefix end
  end
end

--- Refuses what the stack does not let out: translating it would look right and do
--- nothing.
local function refuse_loopback(address, whose)
  if address:match("^127%.") then
    fail{
      message = ("%s has %s: the stack drops packets from 127/8 that would leave the host, before pf could translate them"):format(whose, address),
      hint = "give it an address of a private network, such as 10.0.0.2, on the jails' interface",
    }
  end
end

--- The addresses of jails that are to be translated; jails of their own stack, or
--- with an address of the outside interface, are not.
local function jail_addresses(h, outside)
  local own, list = {}, {}
  for _, address in ipairs(outside) do own[address.address] = true end
  for _, jail in ipairs(h.jail.list()) do
    if jail.vnet then
      log("jail %s has a network stack of its own and is left alone", jail.name)
    else
      for _, address in ipairs(jail.ip4) do
        refuse_loopback(address, "jail " .. jail.name)
        if not own[address] then list[#list + 1] = { jail = jail.name, address = address } end
      end
    end
  end
  return list
end

--- The address that jails leave with.
local function choose_address(h, p, interface, outside, gateway)
  if p.address then
    for _, a in ipairs(outside) do
      if a.address == p.address then return p.address end
    end
    fail{ message = ("%s has no address %s"):format(interface, p.address), hint = "name one of the interface's, or give it the address first" }
  end
  local by_dhcp = (h.sysrc.get("ifconfig_" .. interface) or ""):upper():match("DHCP")
  if by_dhcp then return ("(%s:0)"):format(interface) end
  for _, a in ipairs(outside) do
    if gateway and covers(network_of(a.address, a.prefix), a.prefix, gateway) then return a.address end
  end
  return outside[1].address
end

--- The jails' network, in words for pf.
local function choose_network(h, p, jails)
  if p.network then
    refuse_loopback(p.network, "the parameter network")
    local address, prefix = p.network:match("^(.*)/(%d+)$")
    local network = network_of(address, tonumber(prefix))
    for _, jail in ipairs(jails) do
      if not covers(network, tonumber(prefix), jail.address) then
        fail{ message = ("%s does not cover %s of jail %s"):format(p.network, jail.address, jail.jail), hint = "choose a larger network" }
      end
    end
    return ("%s/%d"):format(dotted(network), prefix)
  end
  local addresses = {}
  for i, jail in ipairs(jails) do addresses[i] = jail.address end
  for _, text in ipairs(p.jail_addresses or {}) do addresses[#addresses + 1] = text:match("^[^/]+") end
  local known = h.net.addresses{ family = "inet" }
  for _, text in ipairs(p.jail_addresses or {}) do
    local address, prefix = text:match("^(.*)/(%d+)$")
    if address then known[#known + 1] = { interface = p.jail_interface, address = address, prefix = tonumber(prefix) } end
  end
  for _, a in ipairs(known) do
    if a.interface == p.jail_interface and a.prefix < 32 and a.prefix > 0 then
      local network, all = network_of(a.address, a.prefix), true
      for _, address in ipairs(addresses) do all = all and covers(network, a.prefix, address) end
      if all then return ("%s/%d"):format(dotted(network), a.prefix) end
    end
  end
  if #addresses == 0 then fail{ message = "no jail runs and no jail_addresses are given: which network is to be translated?", hint = "give network=10.0.0.0/24" } end
  local network, prefix = covering(addresses)
  return ("%s/%d"):format(dotted(network), prefix)
end

local function look(h, p)
  local route = h.net.default_route()
  local interface = p.interface or route.found and route.interface
  if not interface then fail{ message = "there is no default route, so no outside interface", hint = "give interface=" } end
  local outside = h.net.addresses{ interface = interface, family = "inet" }
  if #outside == 0 then fail{ message = interface .. " has no IPv4 address", hint = "give the parameter interface" } end
  for _, text in ipairs(p.jail_addresses or {}) do refuse_loopback(text, "the parameter jail_addresses") end
  local jails = jail_addresses(h, outside)
  local plan = {
    interface = interface, addresses = {}, jails = jails,
    address = choose_address(h, p, interface, outside, route.gateway), network = choose_network(h, p, jails),
  }
  for i, a in ipairs(outside) do
    plan.addresses[i] = a.address
    local network, prefix = plan.network:match("^(.*)/(%d+)$")
    if covers(number(network), tonumber(prefix), a.address) then
      fail{ message = ("the jails' network %s holds the outside address %s"):format(plan.network, a.address), hint = "give the parameter network" }
    end
  end
  log("%s leaves %s as %s", plan.network, interface, plan.address)
  return plan
end

--- What is in the file now, and whether it is this recipe's.
local function current(h, p)
  if not h.file.exists(p.file) then return { ours = true } end
  local text = h.file.read(p.file)
  return { text = text, ours = text:sub(1, #marker) == marker or text:match("^%s*$") ~= nil }
end

local function rules(h, plan)
  return marker .. "\n" .. h.pf.ruleset{
    macros = { ext_if = plan.interface, jails = plan.network },
    options = { { name = "skip", on = { "lo" } } },
    nat = { { on = { "$ext_if" }, family = "inet", from = { "$jails" }, to = { "any" }, target = { (plan.address:gsub("^%(.*:0%)$", "($ext_if:0)")) } } },
    filter = { { action = "pass" } },
  }
end

--- Puts the rules in force. Rules of somebody else stay unless told.
local function put(h, p, plan)
  local now = current(h, p)
  if not now.ours and not p.replace then
    fail{
      message = p.file .. " was not written by this recipe, and stays",
      hint = ("add this line before its filter rules and load it with the recipe pf-safe, or give replace=true: nat on %s inet from %s to any -> %s"):format(plan.interface, plan.network, plan.address),
    }
  end
  return h.pf.put(rules(h, plan), { file = p.file, within = p.within, backup = now.ours and ".previous" or ".before-nat" })
end

--- Shows the translation, and tries it from a jail.
local function verify(h, p, plan)
  local found
  for _, rule in ipairs(h.pf.nat()) do
    if rule.from == plan.network and rule.interface == plan.interface then found = rule end
  end
  if not found then fail{ message = "the translation is not in force", hint = "see h.pf.nat()" } end
  if not found.steady then fail{ message = "connections would leave with changing addresses: " .. found.text, hint = "give the parameter address" } end
  local result = { rule = found.text }
  local jail = p.jail or plan.jails[1] and plan.jails[1].jail
  if not p.probe or not jail then return result end
  local target, port = p.probe:match("^(.*):(%d+)$")
  local answer = h:jail(jail).net.reachable(target, { port = tonumber(port) })
  if not answer.reachable then
    fail{ message = ("jail %s does not reach %s: %s"):format(jail, p.probe, answer.error or "no answer"), hint = "does the host reach it? h.net.reachable; is the address routed back?", result = result }
  end
  result.probe, result.states = p.probe, h.pf.states{ from = plan.network }
  return result
end

--- Back to the rules from before this recipe.
local function put_back(h, p)
  local kept = p.file .. ".before-nat"
  if h.file.exists(kept) then
    local done = h.pf.put(h.file.read(kept), { file = p.file, within = p.within, backup = ".previous" })
    h.file.remove(kept)
    return { changed = true, rules = kept, loaded = done.loaded }
  end
  if not h.file.exists(p.file) or not current(h, p).ours then return { changed = false } end
  local off = h.pf.disable()
  local boot = h.sysrc.set({ pf_enable = false })
  local gone = h.file.remove(p.file)
  return { changed = off.changed or boot.changed or gone.changed }
end

function recipe.undo(h, p)
  return step("Put back the rules from before", function() return put_back(h, p) end)
end

function recipe.run(h, p)
  if p.undo then return recipe.undo(h, p) end
  local plan = step("Look at addresses and jails", function() return look(h, p) end)
  if p.jail_addresses and #p.jail_addresses > 0 then
    step("Make the jails' interface", function() return h.net.clone.ensure(p.jail_interface, { addresses = p.jail_addresses }) end)
  end
  local done = step("Put the rules in force", function() return put(h, p, plan) end)
  local seen = step("Verify the translation", function() return verify(h, p, plan) end)
  return { interface = plan.interface, address = plan.address, network = plan.network, jails = plan.jails, changed = done.changed, verified = seen }
end

return recipe
