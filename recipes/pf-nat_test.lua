--- Tests of pf-nat.

local naive = 'ext_if = "em0"\nnat on $ext_if from 10.0.0.0/24 to any -> ($ext_if)\npass\n'

test("jails leave with one address, which lasts over a boot", function()
  local m = rehearse.machine("jailhost")
  local params = { probe = "www.freebsd.org:443" }
  local run = rehearse.run(m, { params = params })
  expect.like(run.result, { address = "192.0.2.10", network = "10.0.0.0/24", interface = "em0" })
  expect.matches(run.result.verified.states[1].outside, "^192.0.2.10:")
  expect.equal(rehearse.run(m).changed, 0)
  m:reboot()
  m:wait_until("jls -j www >/dev/null 2>&1")
  expect.equal(rehearse.run(m, { params = params }).changed, 0)
end)

test("a check shows the plan and changes nothing", function()
  local m = rehearse.machine("jailhost")
  local run = rehearse.run(m, { check = true, params = { address = "198.51.100.1" }, ends = "any" })
  expect.equal(run.log[1], "10.0.0.0/24 leaves em0 as 198.51.100.1")
  expect.no(m.file.exists("/etc/pf.conf"))
end)

test("rules of somebody else stay unless told, and come back", function()
  local m = rehearse.machine("jailhost")
  m.pf.put(naive)
  local run = rehearse.run(m, { ends = "failed" })
  expect.contains(run.error.message, "was not written by this recipe")
  expect.contains(run.error.hint, "nat on em0 inet from 10.0.0.0/24 to any -> 192.0.2.10")
  rehearse.run(m, { params = { replace = true } })
  rehearse.run(m, { params = { undo = true } })
  expect.equal(m.file.read("/etc/pf.conf"), naive)
end)

test("a run is taken back by its recipe", function()
  local m = rehearse.machine("jailhost")
  m.pf.put(naive)
  local run = rehearse.run(m, { params = { replace = true } })
  expect.equal(rehearse.undo(run.id, { check = true }).step["Put back the rules from before"], "changed")
  expect.no(m.file.read("/etc/pf.conf") == naive)
  local undone = rehearse.undo(run.id)
  expect.equal(undone.result.changed, true)
  expect.equal(m.file.read("/etc/pf.conf"), naive)
  expect.contains(rehearse.undo(undone.id, { ends = "failed" }).error.message, "took back run " .. run.id)
end)

test("what it made goes away where nothing was before", function()
  local m = rehearse.machine("jailhost")
  rehearse.run(m)
  expect.equal(rehearse.run(m, { params = { undo = true } }).result.changed, true)
  expect.no(m.pf.status().enabled)
  expect.no(m.file.exists("/etc/pf.conf"))
  expect.equal(rehearse.run(m, { params = { undo = true } }).result.changed, false)
end)

for name, case in pairs{
  ["an address that the interface lacks"] = { { address = "203.0.113.9" }, "em0 has no address 203.0.113.9" },
  ["a loopback network"] = { { network = "127.0.0.0/8" }, "the stack drops packets from 127/8" },
  ["loopback addresses of jails"] = { { jail_addresses = { "127.0.1.1/24" } }, "the stack drops packets from 127/8" },
  ["a network that does not cover the jails"] = { { network = "10.0.1.0/24" }, "does not cover 10.0.0." },
  ["a network that holds the outside address"] = { { network = "0.0.0.0/0" }, "holds the outside address" },
  ["an interface without an address"] = { { interface = "em9" }, "em9" },
  ["a target that no jail reaches"] = { { probe = "192.0.2.99:9" }, "does not reach 192.0.2.99:9" },
} do
  test(name .. " is refused", function()
    local run = rehearse.run(rehearse.machine("jailhost"), { params = case[1], ends = "failed" })
    expect.contains(run.error.message, case[2])
  end)
end

test("the jails' interface is made where it is not there", function()
  local m = rehearse.machine("freebsd-14.3")
  local none = rehearse.run(m, { ends = "failed" })
  expect.contains(none.error.message, "which network is to be translated?")
  local run = rehearse.run(m, { params = { jail_addresses = { "10.1.0.1/24", "10.1.0.2/32" } } })
  expect.equal(run.result.network, "10.1.0.0/24")
  expect.contains(m.net.addresses{ interface = "lo1" }, { address = "10.1.0.1", prefix = 24 })
end)

test("where the address comes by DHCP the rule follows it", function()
  local m = rehearse.machine("jailhost")
  m.sysrc.set{ ifconfig_em0 = "DHCP" }
  local run = rehearse.run(m, { params = { network = "10.0.0.0/16" }, ends = "any" })
  expect.equal(run.log[1], "10.0.0.0/16 leaves em0 as (em0:0)")
end)

test("without a default route it asks for the interface", function()
  local m = rehearse.machine("jailhost")
  m.sysrc.remove("defaultrouter")
  m:reboot()
  expect.contains(rehearse.run(m, { ends = "any" }).error.message, "there is no default route")
end)
