local state = h.zpool.list()[1].heath --! 33 field: the result has no field "heath" (did you mean "health"?)
local job = h:job{ "make" }
job:wate() --! 5 field: job has no field "wate"
log(job.id, job:wait().code)
local other = connect("a", "b") --! 28 argument: connect takes at most 1 argument, got 2
other.pkgs.list() --! 7 field: a host has no field "pkgs" (did you mean "pkg"?)
h:jail("www").service.restart(12) --! 31 argument: service.restart: name: expected a string, got the number 12
h.jail.list()
h.run(h, "true")
while true do
  if state then return p.anything end
end
log("gone") --! 1 unreachable: this is never come to: line 10 leaves before
