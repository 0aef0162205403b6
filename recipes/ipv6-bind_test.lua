--- Tests of ipv6-bind.

--- A compiler that makes one program of everything.
local function compiler(m, program)
  m.file.put("/usr/bin/cc", "#!/bin/sh\ncat >\"$2\" <<'PROGRAM'\n" .. program .. "PROGRAM\nchmod 755 \"$2\"\n", { mode = "0755" })
end

test("measures several hosts into one table", function()
  local m, mapped, bare = rehearse.machine("freebsd-14.3"), rehearse.machine("freebsd-13.5"), rehearse.machine("freebsd-14.3-ufs")
  mapped.sysctl.set("net.inet6.ip6.v6only", 0)
  bare:run("rm /usr/bin/cc /usr/bin/clang")
  local run = rehearse.run(m, { others = { mapped, bare } })
  expect.equal(run.changed, 0)
  expect.like(run.result, { v6only = 1, measured = true, getaddrinfo = "IPv6 first" })
  expect.equal(run.hosts["freebsd-14.3-ufs"].result.reason, "there is no C compiler")
  expect.equal(run.summary.proof, "works on every host that was measured")
  expect.contains(run.summary.sockets, { host = "freebsd-13.5", proto = "tcp", v6only = "default (0)", verdict = "works with IPv4 first" })
  expect.contains(run.summary.sockets, { host = "freebsd-14.3-ufs", verdict = "not measured: there is no C compiler" })
end)

test("a check measures the same, on Linux, too", function()
  local run = rehearse.run(rehearse.machine("kvmhost"), { check = true, ends = "any" })
  expect.equal(run.changed, 0)
  expect.equal(#rehearse.run(rehearse.machine(), { check = true }).result.experiments, 12)
end)

test("a port may be named; one that is taken is no measurement", function()
  local m = rehearse.machine()
  expect.equal(rehearse.run(m, { params = { port = 7020, reuse = true } }).summary.sockets[1].verdict, "either order works")
  local taken = rehearse.run(m, { params = { port = 22 } }).summary.sockets[1]
  expect.like(taken, { verdict = "the port is not free", v4_first = "none (errno 48)" })
  local wrong = rehearse.run(m, { params = { port = 99999 }, ends = "failed" })
  expect.equal(wrong.error.message, "port 99999: ports are numbers from 0 to 65535")
end)

test("a kernel without IPv6 has no sockets of it", function()
  local m = rehearse.machine()
  compiler(m, [[
#!/bin/sh
shift 2
for words; do
  echo "experiment $words port 7020"
  echo "getaddrinfo: 2 results"
  echo "AF_INET6 socket: errno=47 Address family not supported by protocol family"
  echo "AF_INET bind: ok"
done
]])
  local run = rehearse.run(m)
  expect.like(run.summary.sockets[1], { verdict = "no sockets of AF_INET6", v6_first = "AF_INET alone (errno 47)" })
  expect.contains(run.summary.proof, "not on ")
end)

test("one family alone is no proof", function()
  local m = rehearse.machine()
  compiler(m, "#!/bin/sh\nshift 2\nfor words; do\necho \"experiment $words port 7020\"\necho 'AF_INET bind: ok'\ndone\n")
  expect.equal(rehearse.run(m).summary.sockets[1].verdict, "getaddrinfo() gives one family alone")
end)

for name, case in pairs{
  ["fails"] = { "printf 'getaddrinfo: no' >&2\nexit 1\n", "bind-probe ended with 1: getaddrinfo: no" },
  ["prints something else"] = { "echo hello\n", "bind-probe printed something else" },
  ["answers another question"] = { "echo 'experiment tcp,odd port 1'\n", "which was not asked" },
  ["ends early"] = { "echo 'experiment tcp port 1'\n", "bind-probe ended after 1 of 12 experiments" },
} do
  test("a program that " .. name .. " is no measurement", function()
    local m = rehearse.machine()
    compiler(m, "#!/bin/sh\n" .. case[1])
    local run = rehearse.run(m, { ends = "failed" })
    expect.contains(run.error.message, case[2])
    expect.equal(run.summary.proof, "no host was measured")
  end)
end
