--- Tests of banner.lua: bsdrun test runs them on simulated machines.

local params = { text = "Be kind." }

test("shows the text, and changes nothing the second time", function()
  local m = rehearse.machine("freebsd-14.3", { name = "web1" })
  local run = rehearse.run(m, { params = params })
  expect.equal(run.step["Reload sshd"], "changed")
  expect.equal(m.file.read("/etc/ssh/banner"), "web1 runs FreeBSD 14.3-RELEASE.\nBe kind.\n")
  expect.contains(m.file.read("/etc/ssh/sshd_config"), "\nBanner /etc/ssh/banner\n")
  expect.equal(rehearse.run(m, { params = params }).changed, 0)
end)

test("a check says what would change and leaves it", function()
  local m = rehearse.machine()
  local run = rehearse.run(m, { check = true, params = params })
  expect.like(run.steps[1], { name = "Write the banner", status = "changed" })
  expect.no(m.file.exists("/etc/ssh/banner"))
end)

test("the text may be in the inventory", function()
  local m = rehearse.machine()
  rehearse.run(m, { vars = { greeting = "Mind the gap." } })
  expect.contains(m.file.read("/etc/ssh/banner"), "Mind the gap.")
end)

test("without a text it says where to put one", function()
  local run = rehearse.run(rehearse.machine(), { ends = "failed" })
  expect.equal(run.error.message, "there is no text")
  expect.contains(run.error.hint, "inventory")
end)

test("where sshd would not start, its configuration stays", function()
  local m = rehearse.machine()
  local before = m.file.read("/etc/ssh/sshd_config")
  rehearse.fail(m, "sshd", { code = 255, message = "bad configuration" })
  rehearse.run(m, { params = params, ends = "failed" })
  expect.equal(m.file.read("/etc/ssh/sshd_config"), before)
end)
