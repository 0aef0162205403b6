--- Tests of pool-health.

local function machine(params)
  return rehearse.machine("freebsd-14.3-zfs-mirror-uefi", { params = params })
end

test("a new pool is well, and nothing is changed", function()
  local run = rehearse.run(machine())
  expect.equal(run.changed, 0)
  expect.like(run.result, { healthy = true, pools = { { name = "zroot", state = "ONLINE", missing = {} } } })
end)

test("a pool that was not read for long is not well", function()
  local m = machine()
  rehearse.pass(m, 40 * 86400)
  local run = rehearse.run(m, { ends = "failed" })
  expect.equal(run.error.message, "zroot: not scrubbed for 40d00h00m")
  expect.equal(run.result.pools[1].due, true)
  expect.yes(rehearse.run(m, { params = { max_scrub_age = 0 } }).result.healthy)
end)

test("a scrub that is due is made, once", function()
  local m = machine()
  rehearse.pass(m, 40 * 86400)
  local check = rehearse.run(m, { check = true, params = { scrub = true } })
  expect.equal(check.changed, 1)
  expect.equal(check.step["Look at it again[zroot]"], "unknown")
  expect.equal(m.zpool.status("zroot").scan.kind, "none", "a check scrubs nothing")
  local run = rehearse.run(m, { params = { scrub = true } })
  expect.like(run.result.pools[1], { scan = "scrub", scan_state = "finished", scan_errors = 0 })
  expect.equal(rehearse.run(m, { params = { scrub = true } }).changed, 0)
end)

test("a full pool is not well", function()
  local run = rehearse.run(machine(), { params = { max_capacity = -1 }, ends = "failed" })
  expect.contains(run.error.message, "zroot: 0% full")
end)

test("a disk that was taken offline or pulled out is missing by its name", function()
  local m = machine()
  m.zpool.offline("zroot", "ada1p4")
  local offline = rehearse.run(m, { ends = "failed" })
  expect.contains(offline.error.message, "ada1p4 is OFFLINE")
  local gone = rehearse.run(machine{ gone = "ada1" }, { ends = "failed" })
  expect.like(gone.result.pools[1], { state = "DEGRADED", missing = { { name = "ada1p4" } } })
end)

test("a pool that there is not fails", function()
  local run = rehearse.run(machine(), { params = { pools = { "tank" } }, ends = "failed" })
  expect.contains(run.error.message, "no such pool")
  expect.equal(run.step["Look at the pool[tank]"], "failed")
end)

test("without a pool there is nothing to complain of", function()
  local run = rehearse.run(rehearse.machine("freebsd-14.3-ufs"))
  expect.equal(run.step["Find the pools"], "skipped")
  expect.yes(run.result.healthy)
end)

test("a pool of the first years has a version, and what an upgrade would enable is told", function()
  local old = rehearse.run(rehearse.machine("freebsd-8.2-zfs-mirror", { legacy = true }))
  expect.equal(old.result.pools[1].version, 15)
  local m = machine()
  m:run{ "truncate", "-s", "1g", "/disk" }
  m:run{ "zpool", "create", "-d", "tank", "/disk" }
  local run = rehearse.run(m, { params = { pools = { "tank" } } })
  expect.contains(run.result.pools[1].upgradable, "lz4_compress")
end)
