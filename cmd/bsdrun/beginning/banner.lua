--- Shows people a text before they log in by ssh.
---
--- The text comes from the parameter, or from the inventory's variable greeting.

---@type Recipe
local recipe = {
  needs = { os = "FreeBSD", root = true },
  params = {
    text = { type = "string", doc = "what they read; default: the host's variable greeting" },
  },
}

--- What they read.
---@param h Host
---@param greeting string
local function banner(h, greeting)
  return ("%s runs FreeBSD %s.\n%s\n"):format(h.name, h.facts.release, greeting)
end

---@param h Host
---@param p { text?: string }
function recipe.run(h, p)
  local greeting = p.text or h.vars.greeting
  if not greeting then
    fail{ message = "there is no text", hint = "give -p text=..., or the variable greeting in the inventory" }
  end
  step("Write the banner", function()
    return h.file.put("/etc/ssh/banner", banner(h, greeting), { mode = "0644" })
  end)
  local config = step("Name it in sshd_config", function()
    return h.file.lines.ensure("/etc/ssh/sshd_config", "Banner /etc/ssh/banner",
      { match = "^#?Banner ", validate = { "/usr/sbin/sshd", "-t", "-f", "%s" } })
  end)
  if config.changed then
    step("Reload sshd", function() return h.service.reload("sshd") end)
  end
  return { changed = config.changed }
end

return recipe
