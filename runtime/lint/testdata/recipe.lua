--- A recipe with mistakes. Behind each stands what lint says of its line.
local unread = 1 --! 7 unused: unread is never read
local shared = require("nowhere") --! 24 file: there is no file nowhere.lua
local kept = {}

local recipe = {
  needs = { os = "FreeBSD" },
  params = {
    pool = { type = "string", doc = "pool to look at", default = "zroot" },
    size = { type = "integer", doc = "how much", default = 3 }, --! 5 parameter: nothing reads the parameter "size"
    list = { type = "list", doc = "what" },
  },
}

local function never(h) --! 16 unused: the function never is never called
  return never(h)
end

local function write(h, text)
  h.file.put("/etc/motd", text) --! 3 step: file.put changes the host outside of any step
end

local function two(a, b) return a, b end

function recipe.run(h, p)
  h.zpol.status("zroot") --! 5 field: a host has no field "zpol" (did you mean "zpool"?)
  h.zpool.statuss("zroot") --! 11 field: zpool has no function "statuss" (did you mean "status"?)
  h.file.lines.ensured("/etc/motd", "x") --! 16 field: file has no function "lines.ensured" (did you mean "lines.ensure"?)
  h.zpool.status(p.pol) --! 20 parameter: the recipe declares no parameter "pol" (did you mean "pool"?)
  local pool = step("Look", function() return h.zpool.status(p.pool) end)
  if pool.stat ~= "ONLINE" then log("not well") end --! 11 field: pool has no field "stat" (did you mean "state"?)
  if pool.scan.stat then log("a scan") end --! 16 field: the result has no field "stat" (did you mean "state"?)
  h.zpool.status() --! 17 argument: zpool.status: pool is missing, a string
  h.zpool.status("a", "b") --! 23 argument: zpool.status takes 1 argument
  h.zpool.status(42) --! 18 argument: zpool.status: pool: expected a string, got the number 42
  h.zpool.status(pool) --! 18 argument: zpool.status: pool: expected a string, got a table
  step("a", function() return h.pkg.install("tmux", { lates = true }) end) --! 55 argument: pkg.install: unknown option "lates" (did you mean "latest"?)
  step("b", function() return h.pkg.install("tmux", { latest = "yes" }) end) --! 64 argument: pkg.install: latest: expected a boolean, got the string "yes"
  step("c", function() return h.file.put{ path = "/x", content = "", mode = 644 } end) --! 77 argument: file.put: mode: expected a string, got the number 644
  step("d", { keys = "x" }, function() return write(h, "x") end) --! 15 argument: step: unknown option "keys" (did you mean "key"?)
  step(function() return 1 end) --! 7 argument: step takes at least 2 arguments, got 1
  step("e") --! 7 argument: step takes at least 2 arguments, got 1
  h.facts() --! 10 argument: a table cannot be called
  step("f", function() return h:run() end) --! 36 argument: run: command is missing, a value
  local free = undefined_thing --! 16 undefined: undefined_thing is not defined
  for i, name in ipairs(p.list) do log(name) end --! 7 unused: the loop's i is never read
  global_one = free --! 3 global: global_one is set as a global variable
  log("%s and %s", free) --! 7 format: the format asks for 2 values, got 1
  log("%s", free, p.pool) --! 19 format: the format asks for 1 value, got 2
  kept.text = ("%d"):format() --! 16 format: the format asks for 1 value, got 0
  kept.words = string.splitt("a", "b") --! 23 field: string has no "splitt"
  kept.up = ("x"):uper() --! 19 field: a string has no "uper" (did you mean "upper"?)
  table.insert(kept) --! 15 argument: table.insert takes at least 2 arguments, got 1
  kept.pair = { two(1, 2, 3) } --! 27 argument: this function takes 2 arguments, got 3
  kept.host = pcall(h.zpool.status) --! 20 argument: zpool.status: pool is missing, a string
  local result
  if free then
    local result = h.zpool.list() --! 11 shadow: this result hides the one of line 56, which stays nil
    log(result)
  end
  local count = 0
  step("Count", function()
    count = count + 1 --! 5 step: the step sets count, which is outside of it
    return true
  end)
  local count = count + 1 --! 9 shadow: count is declared again; the one of line 61 is hidden from here on
  local table = {}
  table.insert(count, 1) --! 3 shadow: this is the local table of line 67, not what every script has by this name
  for _, h in ipairs(p.list) do log(h) end --! 10 shadow: the loop's h hides the recipe's, which is at line 25
  kept.twice = { a = 1, b = 2, a = 3 } --! 32 shadow: the key "a" is given twice, first at line 70
  if count > 3 then
    fail("too many")
    log("gone") --! 5 unreachable: this is never come to: line 72 leaves before
  end
  write(h, "x")
  h:run{ "true" } --! 3 step: run changes the host outside of any step
  sleep("1") --! 9 argument: sleep: seconds: expected a number, got the string "1"
  kept.fn = log
  (kept.fn or log)("x") --! 3 ambiguous: these are arguments of the line above
  kept.scrub = function() return h.zpool.wait(p.pool, { "scrubb" }) end --! 55 argument: zpool.wait: activities: expected one of scrub, resilver, replace, remove, checkpoint, got "scrubb" (did you mean "scrub"?)
  kept.quiet = undefined_too -- lint: ignore undefined: another file sets it
  -- lint: ignore: nothing is wrong there --! 3 silence: nothing is found here that could be silenced
  kept.map = h.zpool.list()
  kept.shared, kept.result = shared, result
  return kept
end

function recipe.undo(h)
  h.file.remove("/etc/motd") --! 3 step: file.remove changes the host outside of any step
end

return recipe
