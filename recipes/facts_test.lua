--- Tests of facts.

test("tells what the host is and changes nothing", function()
  local run = rehearse.run(rehearse.machine("freebsd-14.3-zfs-mirror-uefi"))
  expect.equal(run.changed, 0)
  expect.like(run.result, { os = "FreeBSD", release = "14.3-RELEASE", arch = "amd64", root = { type = "zfs", pool = "zroot" } })
end)

test("a check tells the same", function()
  local run = rehearse.run(rehearse.machine("freebsd-13.5"), { check = true })
  expect.equal(run.result.release, "13.5-RELEASE")
end)

test("knows Linux", function()
  expect.equal(rehearse.run(rehearse.machine("kvmhost")).result.os, "Linux")
end)
