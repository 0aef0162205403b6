--- Tests of ports-refresh.

--- A builder that the poudriere recipe has set up.
local function builder(params)
  local m = rehearse.machine("builder", { params = params })
  rehearse.run(m, { recipe = "poudriere.lua", ends = "any" })
  return m
end

test("a host without a build jail is told what sets up everything", function()
  local m = rehearse.machine("builder")
  m.pkg.install({ "poudriere", "portshaker" })
  m.poudriere.configure{ basefs = "/usr/local/poudriere", zfs = false, freebsd_host = "https://download.FreeBSD.org" }
  local run = rehearse.run(m, { ends = "failed" })
  expect.equal(run.error.message, "there is no build jail")
  expect.contains(run.error.hint, "bsdrun poudriere")
  expect.equal(run.changed, 0)
end)

test("what is up to date is not built again, and is published", function()
  local m = builder()
  local run = rehearse.run(m, { params = { publish = "/var/repo" } })
  expect.equal(#run.result.built, 0)
  expect.equal(run.step["Publish the packages"], "changed")
  expect.yes(m.file.exists("/var/repo"))
end)

test("only the ports that are asked for are built", function()
  local m = builder()
  local run = rehearse.run(m, { params = { origins = { "devel/gmake" } } })
  expect.equal(run.step["Choose the ports"], "ok")
  for _, port in ipairs(run.result.built) do expect.equal(port.origin, "devel/gmake") end
end)

test("several jails need a choice, and one that is not there is refused", function()
  local m = builder()
  m.poudriere.jail.create("other", { version = "14.3-RELEASE" })
  local run = rehearse.run(m, { ends = "failed" })
  expect.contains(run.error.message, "there are several build jails")
  expect.contains(rehearse.run(m, { params = { jail = "nowhere" }, ends = "failed" }).error.message, "there is no build jail nowhere")
  expect.equal(rehearse.run(m, { params = { jail = "other" } }).result.jail, "other")
end)

test("a port that fails makes the run fail, after everything else", function()
  local origin = builder().portshaker.merge("default").targets[1].ports[1].origin
  local run = rehearse.run(builder{ fail = origin .. ":build" }, { ends = "failed" })
  expect.equal(run.error.message, origin .. " failed in phase build")
  expect.contains(run.result.failed, { origin = origin, phase = "build" })
end)

test("without a custom port it says what to name", function()
  local m = builder()
  m.portshaker.configure{ targets = { default = { poudriere_tree = "default", merge_from = { "freebsd" } } } }
  local run = rehearse.run(m, { ends = "failed" })
  expect.equal(run.error.message, "no port comes from a custom source")
end)
