--- Refreshes custom packages: updates and merges the ports trees, rebuilds what changed, publishes.
---
--- For a host that the poudriere recipe, or a person, has set up. Nothing is
--- configured here; what portshaker.conf and poudriere.conf say is used as it is.

---@type Recipe
local recipe = {
  needs = { os = "FreeBSD", root = true },
  sim = "builder",
  params = {
    tree = { type = "string", default = "default", pattern = "[A-Za-z0-9_]+", doc = "the merged ports tree" },
    jail = { type = "string", pattern = "[A-Za-z0-9_-]+", doc = "the build jail; default: the only one there is" },
    set = { type = "string", pattern = "[A-Za-z0-9_]+", doc = "the set" },
    origins = { type = "list", doc = "the ports to build; default: every port that is merged from a custom source" },
    publish = { type = "string", pattern = "/.+", doc = "folder on the host that receives the finished package repository" },
  },
}

--- The jail that was named, or the only one.
local function jail_name(h, p)
  local jails = h.poudriere.jail.list()
  if #jails == 0 then
    fail{ message = "there is no build jail", hint = "the poudriere recipe sets up everything: bsdrun poudriere HOST" }
  end
  if not p.jail and #jails > 1 then
    local names = {}
    for i, jail in ipairs(jails) do names[i] = jail.name end
    fail{ message = "there are several build jails: " .. table.concat(names, ", "), hint = "choose one: -p jail=NAME" }
  end
  for _, jail in ipairs(jails) do
    if not p.jail or jail.name == p.jail then return jail.name end
  end
  fail{ message = ("there is no build jail %s"):format(p.jail), hint = "poudriere jail -l lists them" }
end

local function refresh(h, p)
  h.portshaker.update()
  return h.portshaker.merge(p.tree).targets[1].ports
end

--- The ports asked for, or those of the custom sources.
local function origins_of(p, merged)
  if p.origins and #p.origins > 0 then return p.origins end
  local origins = {}
  for i, port in ipairs(merged) do origins[i] = port.origin end
  if #origins == 0 then
    fail{ message = "no port comes from a custom source", hint = "name what to build: -p origins=category/port,..." }
  end
  table.sort(origins)
  return origins
end

local function failures(failed)
  local lines = {}
  for i, port in ipairs(failed) do lines[i] = ("%s failed in phase %s"):format(port.origin, port.phase) end
  return table.concat(lines, "; ")
end

function recipe.run(h, p)
  local jail = step("Find the jail", function() return jail_name(h, p) end)
  local merged = step("Update and merge the trees", function() return refresh(h, p) end)
  local origins = step("Choose the ports", function() return origins_of(p, merged) end)
  local build = step("Build what changed", function()
    return h.poudriere.bulk(jail, origins, { tree = p.tree, set = p.set })
  end)
  if p.publish then
    step("Publish the packages", function() return h.poudriere.repo.publish(jail, p.publish, { tree = p.tree, set = p.set }) end)
  end
  local result = {
    jail = jail, tree = p.tree, built = build.built, failed = build.failed,
    skipped = build.skipped, ignored = build.ignored, packages = build.packages, log = build.log,
  }
  if #build.failed > 0 then
    fail{ message = failures(build.failed), hint = "see the log tails; mend the ports and run again", result = result }
  end
  return result
end

return recipe
