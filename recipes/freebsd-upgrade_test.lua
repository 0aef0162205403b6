--- Tests of freebsd-upgrade.

local zfs = "freebsd-14.3-zfs-mirror-uefi"

local function text_of(run) return table.concat(run.log, "\n") end

test("upgrades to the next release; a second run has nothing to do", function()
  local m = rehearse.machine(zfs)
  local run = rehearse.run(m)
  expect.matches(run.result.now.userland, "^15%.0%-RELEASE")
  expect.equal(run.result.packages.how, "pkg")
  expect.yes(m.file.exists("/var/backups/before-15.0-RELEASE/loader.conf"))
  expect.equal(rehearse.run(m).changed, 0)
end)

test("a check lists the steps and does nothing", function()
  local m = rehearse.machine(zfs)
  local run = rehearse.run(m, { check = true })
  expect.equal(run.step["Make a way back"], "changed")
  expect.equal(run.step["Fetch the upgrade"], "unknown")
  expect.contains(text_of(run), "starts in before-15.0-RELEASE by itself")
  expect.equal(m.facts.version, "14.3-RELEASE")
end)

test("an old host with old algorithms has a snapshot and the old kernel to go back to", function()
  local m = rehearse.machine("freebsd-8.2-zfs-mirror", { legacy = true })
  local run = rehearse.run(m, { params = { to = "9.0" } })
  expect.matches(run.result.now.version, "^9%.0%-RELEASE")
  expect.contains(text_of(run), "there is no automatic way back")
  expect.yes(m.file.exists("/boot/kernel.before-9.0-RELEASE"))
end)

test("on UFS the old kernel is kept; a service whose packages were left behind stops the run", function()
  local m = rehearse.machine("freebsd-14.3-ufs")
  local run = rehearse.run(m, { params = { packages = "none" }, ends = "stopped" })
  expect.contains(text_of(run), "have a backup")
  expect.equal(run.step["Renew the packages"], "skipped")
  expect.equal(run.error.message, "services that ran before do not run: nginx")
  expect.yes(m.file.exists("/boot/kernel.before-15.0-RELEASE"))
  m.pkg.bootstrap{ force = true }
  m.pkg.upgrade{ force = true }
  m.service.start("nginx")
  expect.contains(rehearse.resume(run.id).result.now.services, "nginx")
end)

test("pools are upgraded with leave alone, and the run goes on when it has it", function()
  local m = rehearse.machine("freebsd-13.5-zfs-mirror")
  local stopped = rehearse.run(m, { params = { to = "14.3", upgrade_pools = true }, ends = "stopped" })
  expect.contains(stopped.error.hint, "irreversible")
  local run = rehearse.resume(stopped.id, { irreversible = true })
  expect.equal(run.result.pools.pools[1], "zroot")
  expect.contains(rehearse.undo(run.id, { ends = "failed" }).error.message, "pools were upgraded")
end)

for name, case in pairs{
  ["a base system from packages"] = { "freebsd-15.0-pkgbase", { to = "15.1" }, "comes from packages" },
  ["an older release"] = { zfs, { to = "13.5" }, "is older than" },
  ["too little room"] = { zfs, { free = 100000 }, "100000 are wanted" },
} do
  test(name .. " is refused before anything is done", function()
    local run = rehearse.run(rehearse.machine(case[1]), { params = case[2], ends = "failed" })
    expect.contains(run.error.message, case[3])
    expect.equal(run.changed, 0)
  end)
end

test("a pool that is not well, or was not read for long, is refused", function()
  local m = rehearse.machine(zfs)
  m.zpool.offline("zroot", "ada1p4")
  expect.contains(rehearse.run(m, { ends = "failed" }).error.message, "pool zroot is not well")
  local old = rehearse.machine(zfs)
  rehearse.pass(old, 40 * 86400)
  expect.contains(rehearse.run(old, { ends = "failed" }).error.message, "was last read as a whole")
end)

test("jails, another pool that is not well and modules of others are told", function()
  local m = rehearse.machine("jailhost")
  local run = rehearse.run(m, { check = true, params = { max_scrub_age = 0 } })
  expect.contains(text_of(run), "jail www keeps its own userland: upgrade it afterwards")
  local mirror = rehearse.machine(zfs)
  mirror:run("truncate -s 1g /a /b && zpool create tank mirror /a /b && zpool offline tank /b")
  expect.contains(text_of(rehearse.run(mirror, { check = true })), "pool tank is not well")
end)

test("an upgrade that was begun before is adopted, or refused", function()
  local m = rehearse.machine(zfs)
  m.freebsd_update.upgrade("15.0")
  local refused = rehearse.run(m, { params = { half_done = "refuse" }, ends = "failed" })
  expect.contains(refused.error.message, "is half done")
  local run = rehearse.run(m)
  expect.contains(run.result.way_back, "the upgrade was begun before")
  expect.equal(run.step["Bring the release to its last patch level"], "skipped")
  expect.matches(run.result.now.userland, "^15%.0%-RELEASE")
end)

test("an upgrade is taken back by booting the old release, unless its pools were upgraded", function()
  local m = rehearse.machine(zfs)
  local run = rehearse.run(m)
  local undone = rehearse.undo(run.id)
  expect.like(undone.result, { changed = true, environment = "before-15.0-RELEASE" })
  expect.equal(m.facts.userland:match("^14%.3"), "14.3")
end)

test("a kernel that panics: the host is back as it was", function()
  local m = rehearse.machine(zfs, { params = { panic = "15.0" } })
  local run = rehearse.run(m, { ends = "failed" })
  expect.contains(run.error.message, "went back to before-15.0-RELEASE by itself")
  expect.equal(m.facts.userland:match("^14%.3"), "14.3")
end)

test("what would lock us out stops before the reboot, and is tried again", function()
  local m = rehearse.machine(zfs)
  local stopped = rehearse.run(m, { interrupt = "Check the way in", ends = "stopped" })
  m.file.put("/root/.ssh/authorized_keys", "another key\n")
  m.user.remove("tester")
  local config = m.file.read("/etc/ssh/sshd_config")
  m.file.put("/etc/ssh/sshd_config", config .. "\nPort 2222\n")
  local refused = rehearse.resume(stopped.id, { ends = "stopped" })
  expect.contains(refused.error.message, "after a reboot nobody might get in")
  expect.equal(m.facts.version, "14.3-RELEASE")
end)

test("old libraries alone come from a ports tree, which must be there", function()
  local run = rehearse.run(rehearse.machine(zfs), { params = { packages = "compat" }, ends = "failed" })
  expect.contains(run.error.message, "there is no port misc/compat14x")
  expect.equal(run.step["Renew the packages"], "failed")
end)

test("a securelevel is refused", function()
  local m = rehearse.machine(zfs)
  m:run{ "sysctl", "kern.securelevel=1" }
  expect.contains(rehearse.run(m, { ends = "failed" }).error.message, "kern.securelevel is 1")
end)
