--- Puts a pf.conf in force so that it cannot lock you out: the host takes it back unless a new connection comes about.
---
--- The host's own pfctl reads the rules first; nothing is changed where it finds an
--- error. Then a timer on the host is armed, the rules are loaded, and a new connection
--- must come about; only then pf.conf and rc.conf are written. A host that is cut off,
--- or rebooted in between, goes back to the former rules by itself.

---@type Recipe
local recipe = {
  needs = { os = "FreeBSD", root = true },
  sim = "jailhost",
  params = {
    rules = { type = "local", doc = "the pf.conf on this machine; left out with restore" },
    text = { type = "string", doc = "the rules themselves, instead of a file" },
    file = { type = "string", default = "/etc/pf.conf", pattern = "/.+", doc = "where the host keeps them" },
    within = { type = "duration", default = "60s", doc = "the host takes the rules back unless a new connection comes about in this time" },
    restore = { type = "boolean", default = false, doc = "put back what was in force before the last run, from the copy that it kept" },
  },
  example = { text = "set skip on lo\nblock in log\npass in proto tcp to port ssh\npass out\n" },
}

local function wanted(h, p)
  if p.restore then
    local kept = p.file .. ".before"
    if not h.file.exists(kept) then fail{ message = "there is no " .. kept, hint = "a run that replaces rules keeps the former file there" } end
    return h.file.read(kept)
  end
  if (p.rules == nil) == (p.text == nil) then
    fail{ message = "which rules? Give rules, a file on this machine, or text", hint = "-p rules=./pf.conf" }
  end
  if p.text then return p.text end
  local new = p.file .. ".new" -- the host's own pfctl is to read them
  h.file.put(new, p.rules, { mode = "0600" })
  local text = h.file.read(new)
  h.file.remove(new)
  return text
end

--- What loading the rules would change, where rules are loaded.
local function compare(h, text)
  local status = h.pf.status()
  local checked = h.pf.check{ text = text }
  if not checked.ok then
    local lines = {}
    for i, problem in ipairs(checked.errors) do lines[i] = ("line %d: %s"):format(problem.line, problem.text) end
    fail{ message = "pf does not take the rules: " .. table.concat(lines, "; "), hint = "nothing was changed" }
  end
  if not status.loaded then return { enabled = false } end
  local diff = h.pf.diff{ text = text }
  for _, rule in ipairs(diff.removed) do log("- %s", rule) end
  for _, rule in ipairs(diff.added) do log("+ %s", rule) end
  return { enabled = status.enabled, same = diff.same }
end

function recipe.run(h, p)
  local text = step("Read the rules", function() return wanted(h, p) end)
  step("Compare them with those in force", function() return compare(h, text) end)
  return step("Put them in force", function() return h.pf.put(text, { file = p.file, within = p.within }) end)
end

return recipe
