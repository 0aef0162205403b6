--- Tests of poudriere.

test("sets up a builder and builds; a second run changes nothing", function()
  local m = rehearse.machine("builder")
  local run = rehearse.run(m)
  expect.yes(#run.result.built > 0)
  expect.equal(run.result.failed, {})
  expect.contains(m.poudriere.jail.list(), { name = run.result.jail })
  expect.contains(m.poudriere.ports.list(), { name = "default", method = "null" })
  local again = rehearse.run(m)
  expect.equal(#again.result.built, 0)
  for _, name in ipairs{ "Install what is missing", "Configure portshaker", "Configure poudriere", "Create the jail" } do
    expect.equal(again.step[name], "ok", name)
  end
end)

test("a check changes nothing", function()
  local m = rehearse.machine("builder")
  local run = rehearse.run(m, { check = true })
  expect.yes(run.changed > 0)
  expect.no(m.file.exists("/usr/local/bin/poudriere"), "poudriere is installed")
end)

test("a port that fails is told after the others were built", function()
  local origin = rehearse.run(rehearse.machine("builder")).result.built[1].origin
  local run = rehearse.run(rehearse.machine("builder", { params = { fail = origin .. ":build" } }), { ends = "failed" })
  expect.contains(run.error.message, origin .. " failed in phase build")
  expect.contains(run.result.failed, { origin = origin, phase = "build" })
end)

test("options, make.conf, a set and a published repository", function()
  local m = rehearse.machine("builder")
  local run = rehearse.run(m, {
    params = {
      set = "small", make_conf = "DEFAULT_VERSIONS+=ssl=openssl\n", publish = "/var/repo", zfs = "no",
      options = { ["devel/gmake"] = { on = { "NLS" }, off = { "DOCS" } } }, conflicts = "take",
    },
  })
  expect.equal(run.step["Publish the packages"], "changed")
  local where = "/usr/local/etc/poudriere.d/"
  expect.contains(m:read{ "sh", "-c", "cat " .. where .. "*make.conf" }.stdout, "ssl=openssl")
  expect.yes(#m.file.find(where, { name = "options", type = "file" }) > 0)
end)

test("a release that is newer than the host's kernel is refused", function()
  local run = rehearse.run(rehearse.machine("builder"), { params = { release = "15.0-RELEASE" }, ends = "failed" })
  expect.contains(run.error.message, "a jail of 15.0-RELEASE cannot run on a kernel of")
  expect.equal(run.changed, 0)
end)

test("too little room, and no pool, are told before anything is done", function()
  local m = rehearse.machine("builder")
  expect.contains(rehearse.run(m, { params = { space = 100000 }, ends = "failed" }).error.message, "100000 are wanted")
  local ufs = rehearse.machine("freebsd-14.3-ufs")
  expect.contains(rehearse.run(ufs, { params = { zfs = "yes", space = 0 }, ends = "failed" }).error.message, "no ZFS pool is named")
end)

test("a repository that is out of reach is told by name", function()
  rehearse.unreachable("https://git.example.org")
  local run = rehearse.run(rehearse.machine("builder"), { ends = "failed" })
  expect.equal(run.step["Look at the repositories"], "failed")
  expect.contains(run.error.message, "git.example.org")
end)

test("ports that the merged tree does not have are named", function()
  local m = rehearse.machine("builder")
  local run = rehearse.run(m, { params = { origins = { "misc/nowhere", "devel/gmake" } }, ends = "failed" })
  expect.equal(run.error.message, "no such port in the merged tree: misc/nowhere")
  expect.equal(rehearse.run(m, { params = { origins = { "devel/gmake" } } }).step["Build the ports"], "changed")
end)

test("a run that was stopped goes on where it stood", function()
  local m = rehearse.machine("builder")
  local stopped = rehearse.run(m, { interrupt = "Build the ports", ends = "stopped" })
  local run = rehearse.resume(stopped.id)
  expect.yes(#run.result.built > 0)
end)
