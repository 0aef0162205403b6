--- The way into a host: what it takes to log in again after a reboot. It is looked
--- at before a procedure and again before each reboot, while a connection is there
--- to mend what would lock everybody out.

local way_in = {}

--- Settings of sshd that decide who gets in, and where.
local decisive = {
  "port", "listenaddress", "addressfamily", "permitrootlogin", "pubkeyauthentication", "passwordauthentication",
  "kbdinteractiveauthentication", "usepam", "authenticationmethods", "authorizedkeysfile", "authorizedkeyscommand",
  "trustedusercakeys", "allowusers", "allowgroups", "denyusers", "denygroups", "forcecommand", "chrootdirectory", "subsystem",
}

local lists = { allowusers = true, allowgroups = true, denyusers = true, denygroups = true }

--- Newer releases print some settings by another name.
local renamed = { ["without-password"] = "prohibit-password", challengeresponseauthentication = "kbdinteractiveauthentication" }

--- The account of a user, as programs see it: from the password database.
local function account(h, login)
  local ok, entry = pcall(h.read, h, { "id", "-P", login })
  if not ok then return nil end
  local uid, home, shell = entry.stdout:match("^[^:]*:[^:]*:(%d+):%d+:[^:]*:[^:]*:[^:]*:[^:]*:([^:]*):([^:\n]*)")
  if not uid then return nil end
  return { uid = uid, home = home, shell = shell ~= "" and shell or "/bin/sh" }
end

--- The decisive settings of sshd for our login as it would start now, each as one
--- text. With Match blocks in its configuration sshd wants to know whom they are for.
local function sshd_settings(h)
  local from = h:read('echo "${SSH_CONNECTION%% *}"').stdout:match("%S+") or "127.0.0.1"
  local whom = ("user=%s,host=%s,addr=%s"):format(h.facts.privilege.login, from, from)
  local values = {}
  for keyword, value in h:read{ "/usr/sbin/sshd", "-T", "-C", whom }.stdout:gmatch("([^%s]+) ([^\n]*)") do
    keyword = renamed[keyword] or keyword
    values[keyword] = values[keyword] or {}
    table.insert(values[keyword], renamed[value] or value)
  end
  local settings = {}
  for _, keyword in ipairs(decisive) do
    local list = values[keyword]
    if list then
      table.sort(list)
      settings[keyword] = table.concat(list, ", ")
    end
  end
  return settings
end

--- SHA-256 of the files with the user's public keys, by path.
local function keys(h, login, user, patterns)
  local files = {}
  for pattern in (patterns or ".ssh/authorized_keys"):gmatch("%S+") do
    local file = pattern:gsub("%%%%", "%%"):gsub("%%h", user.home):gsub("%%u", login)
    if file:sub(1, 1) ~= "/" then file = user.home .. "/" .. file end
    if h.file.exists(file) then files[file] = h.file.hash(file) end
  end
  return files
end

--- The programs that a login needs beside sshd, each with how to see that it works.
local function programs(h, login)
  local user = account(h, login)
  local needed = { user and { user.shell, "-c", "exit 0" } }
  local method = h.facts.privilege.method
  if method == "sudo" then needed[#needed + 1] = { "/usr/local/sbin/visudo", "-c" } end
  if method == "doas" then needed[#needed + 1] = { "/usr/local/bin/doas", "-C", "/usr/local/etc/doas.conf" } end
  return needed
end

--- What rc.conf says, by variable.
local function rc_conf(h)
  return h.file.exists("/etc/rc.conf") and h.shellvars.read("/etc/rc.conf").values or {}
end

--- What the way in is like now: compare with it later.
function way_in.look(h)
  local login = h.facts.privilege.login
  local user = account(h, login)
  if not user then
    fail{ message = ("the password database does not know %s, as whom we logged in"):format(login), hint = "pwd_mkdb -p /etc/master.passwd makes it anew" }
  end
  local sshd = sshd_settings(h)
  return { login = login, user = user, sshd = sshd, keys = keys(h, login, user, sshd.authorizedkeysfile), rc_conf = rc_conf(h) }
end

--- Adds the differences of two tables of texts, in words, sorted.
local function differences(found, what, before, now)
  local lines = {}
  local function add(name)
    lines[#lines + 1] = ("%s %s was %s and is %s"):format(what, name, before[name] or "not set", now[name] or "not set")
  end
  for name, value in pairs(before) do
    if now[name] ~= value then add(name) end
  end
  for name in pairs(now) do
    if before[name] == nil then add(name) end
  end
  table.sort(lines)
  for _, line in ipairs(lines) do found[#found + 1] = line end
end

--- What is wrong with the account and the keys.
local function account_problems(h, before, found)
  local user = account(h, before.login)
  if not user then
    found[#found + 1] = ("there is no account %s any more"):format(before.login)
    return
  end
  for _, field in ipairs{ "uid", "home" } do
    if user[field] ~= before.user[field] then
      found[#found + 1] = ("%s's %s was %s and is %s"):format(before.login, field, before.user[field], user[field])
    end
  end
  for file, hash in pairs(before.keys) do
    if not h.file.exists(file) then
      found[#found + 1] = ("%s with the keys of %s is gone"):format(file, before.login)
    elseif h.file.hash(file) ~= hash then
      found[#found + 1] = ("%s with the keys of %s is another one"):format(file, before.login)
    end
  end
end

--- What would keep us out after a reboot, in words; empty when nothing would.
function way_in.problems(h, before)
  local found = {}
  account_problems(h, before, found)
  local ok, err = pcall(h.read, h, { "/usr/sbin/sshd", "-t" })
  if not ok then
    found[#found + 1] = "sshd would not start: " .. (err.stderr or err.message)
  else
    local settings = sshd_settings(h)
    for keyword in pairs(settings) do
      -- What the old release did not tell cannot be compared, but for the lists,
      -- which are told only where they are set.
      if not before.sshd[keyword] and not lists[keyword] then settings[keyword] = nil end
    end
    differences(found, "sshd's", before.sshd, settings)
  end
  differences(found, "rc.conf's", before.rc_conf, rc_conf(h))
  for _, command in ipairs(programs(h, before.login)) do
    local runs, why = pcall(h.read, h, command)
    if not runs then found[#found + 1] = ("%s does not run: %s"):format(command[1], why.stderr or why.message) end
  end
  return found
end

--- Stops the run, to be resumed, when a reboot would lock us out.
function way_in.check(h, before)
  h:run{ "service", "sshd", "keygen" } -- keys that the next start would make are known before
  local found = way_in.problems(h, before)
  if #found > 0 then
    fail{
      message = "after a reboot nobody might get in: " .. table.concat(found, "; "),
      hint = "mend it on the host, which still runs, then resume: the check is made again. Nothing is rebooted before",
      resumable = true,
    }
  end
  return { login = before.login }
end

--- The programs among those of a login that need a library of a list of paths, each
--- in words: they would not run once the libraries are gone.
function way_in.needing(h, before, libraries)
  local going = {}
  for _, path in ipairs(libraries) do going[path] = true end
  local found = {}
  for _, command in ipairs(programs(h, before.login)) do
    local ok, linked = pcall(h.read, h, { "ldd", command[1] })
    for library, path in (ok and linked.stdout or ""):gmatch("(%S+) => (%S+)") do
      if going[path] and not h.file.exists("/usr/local/lib/compat/" .. library) then
        found[#found + 1] = ("%s needs %s"):format(command[1], path)
      end
    end
  end
  return found
end

return way_in
