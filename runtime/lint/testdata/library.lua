local M = {}
function M.pools(h) return h.zpool.list(h.facts.hostnme) end --! 49 field: the result has no field "hostnme" (did you mean "hostname"?)
function M.name() return h.name end --! 26 undefined: h is not defined
function M.time() return os.execute("date") end --! 29 field: os has no "execute"
function M.read() return io.open("x") end --! 26 undefined: io is not defined
function M.check(x, y) return version.compare(x) + version.compare(x, y) end --! 46 argument: version.compare: b is missing, a string
function M.walk(list) for i = 1, #list do local unused = list[i] end end --! 49 unused: unused is never read
function M.long(...) return select("#", ...), h1 end --! 47 undefined: h1 is not defined
-- lint: ignore undefind: --! 1 silence: no rule is called "undefind" (did you mean "undefined"?)
return M
