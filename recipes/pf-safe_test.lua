--- Tests of pf-safe.

local good = "set skip on lo\nblock in\npass out\npass in proto tcp to port 22\n"
local other = "set skip on lo\nblock in\npass out\npass in proto { tcp icmp } to any\n"
local closed = "set skip on lo\nblock in\npass out\n"

local function put(m, text, options)
  options = options or {}
  options.params = { text = text }
  return rehearse.run(m, options)
end

test("rules with an error are refused with their line", function()
  local m = rehearse.machine("jailhost")
  local run = put(m, "block in\npass oot\n", { ends = "failed" })
  expect.contains(run.error.message, "line 2: syntax error")
  expect.equal(run.changed, 0)
end)

test("a check shows what would change and leaves it", function()
  local m = rehearse.machine("jailhost")
  local run = put(m, good, { check = true })
  expect.yes(run.changed > 0)
  expect.no(m.pf.status().enabled)
end)

test("good rules come in force, once, and last", function()
  local m = rehearse.machine("jailhost")
  expect.equal(put(m, good).result.enabled, true)
  expect.equal(put(m, good).result.loaded, false, "the second run loads nothing")
  m:reboot()
  expect.yes(m.pf.status().enabled)
  expect.contains(m.file.read("/etc/pf.conf"), "port 22")
end)

test("what changes in the rules is told", function()
  local m = rehearse.machine("jailhost")
  put(m, good)
  local run = put(m, other)
  expect.contains(table.concat(run.log, "\n"), "+ pass in proto icmp")
  expect.contains(table.concat(run.log, "\n"), "- pass in proto tcp")
end)

test("rules that lock us out are taken back", function()
  local m = rehearse.machine("jailhost")
  put(m, good)
  local run = put(m, closed, { ends = "failed" })
  expect.contains(run.error.message, "the change was taken back")
  expect.equal(m.file.read("/etc/pf.conf"), good)
end)

test("the rules from before can be put back", function()
  local m = rehearse.machine("jailhost")
  local none = rehearse.run(m, { params = { restore = true }, ends = "failed" })
  expect.contains(none.error.message, "there is no /etc/pf.conf.before")
  put(m, good)
  put(m, other)
  rehearse.run(m, { params = { restore = true } })
  expect.equal(m.file.read("/etc/pf.conf"), good)
end)

test("rules come from one place", function()
  local run = rehearse.run(rehearse.machine("jailhost"), { params = { text = good, rules = local_file("lib/pools.lua") }, ends = "failed" })
  expect.contains(run.error.message, "which rules?")
end)

test("rules may be a file of ours, which the host's own pfctl reads first", function()
  local run = rehearse.run(rehearse.machine("jailhost"), { params = { rules = local_file("lib/pools.lua") }, ends = "failed" })
  expect.contains(run.error.message, "pf does not take the rules: line 1")
end)
