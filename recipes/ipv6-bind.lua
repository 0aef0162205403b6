--- Reports whether servers can listen for IPv4 and IPv6 on one port, in which order of binding, and what is portable.
---
--- A small program is compiled on every host. It binds wildcard sockets of both
--- families in both orders, with IPV6_V6ONLY as it comes, off and on, for TCP
--- and UDP. A host without a C compiler is not measured. Nothing is changed.

---@type Recipe
local recipe = {
  params = {
    port  = { type = "integer", default = 0, doc = "the port to try; 0: any that is free in both families" },
    reuse = { type = "boolean", default = false, doc = "set SO_REUSEADDR, as servers do" },
  },
}

--- What lists the sockets of a port, which the program has in $port.
local listings = {
  FreeBSD = [[sockstat -46l -p "$port"; netstat -an | grep "[.]$port "]],
  Linux = [[ss -H -lntue "sport = :$port" 2>/dev/null || netstat -lan | grep ":$port "]],
}
local any_listing = [[netstat -an | grep "[.:]$port "]]

local defaults = [[
for variable in net.inet6.ip6.v6only net.ipv6.bindv6only; do
  PATH=$PATH:/sbin:/usr/sbin sysctl -n "$variable" 2>/dev/null && exit
done
cat /proc/sys/net/ipv6/bindv6only 2>/dev/null || :]]

local settings = { { name = "default" }, { name = "0", word = "set0" }, { name = "1", word = "set1" } }

local function experiments(p)
  local list = {}
  for _, proto in ipairs{ "tcp", "udp" } do
    for _, setting in ipairs(settings) do
      for _, order in ipairs{ "asis", "reverse" } do
        local words = { proto }
        if setting.word then words[#words + 1] = setting.word end
        if order == "reverse" then words[#words + 1] = order end
        if p.reuse then words[#words + 1] = "reuse" end
        list[#list + 1] = { proto = proto, v6only = setting.name, words = table.concat(words, ",") }
      end
    end
  end
  return list
end

--- Adds what one line of the program tells to the experiment.
local function read_line(e, line)
  local family, call, outcome = line:match("^(AF_INET6?) (%l+): (.*)$")
  if family then
    local errno, text = outcome:match("^errno=(%d+) (.*)$")
    e.calls[#e.calls + 1] = { family = family, call = call, errno = tonumber(errno), problem = text }
  end
  e.socket_default = tonumber(line:match("^AF_INET6 IPV6_V6ONLY default=(%d+)")) or e.socket_default
end

--- Reads what the program printed: each experiment with its calls and with what
--- the host's own tools showed meanwhile.
local function read_output(output, list)
  local at, shown = 0, nil
  for line in output:gmatch("([^\n]*)\n") do
    local words, port = line:match("^experiment (%S+) port (%d+)$")
    if words then
      at, shown = at + 1, nil
      if not list[at] or list[at].words ~= words then fail("bind-probe answers %q, which was not asked", words) end
      list[at].port, list[at].calls = tonumber(port), {}
    elseif at == 0 then
      fail("bind-probe printed something else: %q", line)
    elseif line == "-- shown" then
      shown = {}
      list[at].shown = shown
    elseif shown then
      shown[#shown + 1] = line
    else
      read_line(list[at], line)
    end
  end
  if at ~= #list then fail("bind-probe ended after %d of %d experiments", at, #list) end
end

--- How a line of the host's tools names an open socket: tcp46 and its like by
--- sockstat and netstat; the address by ss, which tells * from [::].
local function name_in(line, os, port)
  local words = {}
  for word in line:gmatch("%S+") do words[#words + 1] = word end
  if os == "FreeBSD" then -- netstat says the same a second time
    return (words[5] or ""):match("^%l+[46]+$")
  elseif words[2] == "LISTEN" or words[2] == "UNCONN" then
    return (words[5] or ""):match("^(.*):" .. port .. "$")
  elseif (words[4] or ""):find("[.:]" .. port .. "$") then
    return words[1]
  end
end

local function names_of(e, os)
  local names = {}
  for _, line in ipairs(e.shown or {}) do names[#names + 1] = name_in(line, os, e.port) end
  return names
end

--- Judges one experiment: which family came first, and what is open in the end.
local function judge(e, os)
  e.names, e.open = names_of(e, os), {}
  e.first, e.families = e.calls[1] and e.calls[1].family, 0
  for _, call in ipairs(e.calls) do
    if call.call ~= "listen" then e.families = e.families + 1 end
    if call.call == "bind" and not call.errno then e.open[#e.open + 1] = call.family end
    if call.call == "listen" and call.errno then e.open[#e.open] = nil end
    if call.call == "socket" then e.no_socket = call.family end
    if call.errno then e.errno, e.problem = call.errno, ("%s %s: %s"):format(call.family, call.call, call.problem) end
  end
  e.both = #e.open == 2
end

local function probe(h, p)
  local list = experiments(p)
  local words = { tostring(p.port), listings[h.facts.os] or any_listing }
  for _, e in ipairs(list) do words[#words + 1] = e.words end
  local ran = h.cc.read(h.cc.source("bind-probe"), { args = words, timeout = 300 })
  if not ran.compiled then return { reason = ran.reason } end
  if ran.code ~= 0 then fail("bind-probe ended with %d: %s", ran.code, ran.stderr) end
  read_output(ran.stdout, list)
  for _, e in ipairs(list) do judge(e, h.facts.os) end
  return { compiler = ran.compiler, experiments = list }
end

function recipe.run(h, p)
  if p.port < 0 or p.port > 65535 then fail("port %d: ports are numbers from 0 to 65535", p.port) end
  local os = h.facts.os .. (h.facts.release and " " .. h.facts.release or "")
  local default = step("Read the system's default", function()
    return tonumber(h:read(defaults).stdout:match("%d+"))
  end)
  local found = step("Bind in both orders", function() return probe(h, p) end)
  local result = { os = os, v6only = default, measured = found.experiments ~= nil, reason = found.reason, compiler = found.compiler,
    experiments = found.experiments }
  if result.measured then result.getaddrinfo = found.experiments[1].first == "AF_INET6" and "IPv6 first" or "IPv4 first" end
  return result
end

--- What is open after an experiment, in a cell of the table. The host's tools also
--- show the sockets of others, who may have had the port before.
local function cell(e)
  if #e.open == 0 then return e.errno and ("none (errno %d)"):format(e.errno) or "none" end
  local names = table.concat(#e.names > 0 and e.names or e.open, " + ")
  return e.errno and ("%s alone (errno %d)"):format(names, e.errno) or names
end

--- Judges both orders of one protocol and setting.
local function verdict(v4_first, v6_first)
  local missing = v4_first.no_socket or v6_first.no_socket
  if missing then return "no sockets of " .. missing end
  if v4_first.families < 2 then return "getaddrinfo() gives one family alone" end
  if v4_first.both and v6_first.both then return "either order works" end
  if v4_first.both then return "works with IPv4 first" end
  if v6_first.both then return "works with IPv6 first" end
  if #v4_first.open + #v6_first.open == 0 then return "the port is not free" end
  return "only the first one listens"
end

--- The rows of one host: two experiments each, which differ in their order.
local function add_rows(rows, host)
  local result = host.result
  for i = 1, #result.experiments, 2 do
    local a, b = result.experiments[i], result.experiments[i + 1]
    local v4_first, v6_first = a, b
    if a.first == "AF_INET6" then v4_first, v6_first = b, a end
    local v6only = a.v6only
    if v6only == "default" then v6only = ("default (%s)"):format(a.socket_default or "?") end
    rows[#rows + 1] = {
      host = host.host, os = result.os, proto = a.proto, v6only = v6only, getaddrinfo = result.getaddrinfo,
      v4_first = cell(v4_first), v6_first = cell(v6_first), verdict = verdict(v4_first, v6_first),
    }
  end
end

local fix = "set IPV6_V6ONLY to 1 on every AF_INET6 socket before bind(), try every answer of getaddrinfo(), and go on when at least one listens"

--- Tells whether the portable way works wherever it was tried.
local function holds(rows)
  local tried = 0
  for _, row in ipairs(rows) do
    if row.v6only == "1" and row.verdict ~= "either order works" then return ("not on %s: %s"):format(row.host, row.verdict) end
    if row.v6only == "1" then tried = tried + 1 end
  end
  return tried > 0 and "works on every host that was measured" or "no host was measured"
end

function recipe.summary(hosts)
  local rows = {}
  for _, host in ipairs(hosts) do
    local result = host.result
    if result and result.measured then
      add_rows(rows, host)
    else
      rows[#rows + 1] = { host = host.host, os = result and result.os, verdict = "not measured: " .. (result and result.reason or host.error or host.status) }
    end
  end
  return { portable = fix, proof = holds(rows), sockets = rows }
end

return recipe
