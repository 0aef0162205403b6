--- Reports the health of ZFS pools: state, errors, age of the last scrub, space, missing disks, pending upgrades.
---
--- A host whose pools are not all well fails, with every reason. Nothing is
--- changed, but that scrub=true starts the scrubs that are due and waits for them.

local last_read = require("pools").last_read

---@type Recipe
local recipe = {
  needs = { os = "FreeBSD" },
  sim = "freebsd-14.3-zfs-mirror-uefi",
  params = {
    pools = { type = "list", doc = "only these pools; default: all" },
    max_scrub_age = { type = "duration", default = "840h", doc = "a pool is not well when it was last read as a whole longer ago than this; 0: never mind" },
    max_capacity = { type = "number", default = 80, doc = "a pool is not well when it is fuller than this, in percent; 100: never mind" },
    scrub = { type = "boolean", default = false, doc = "scrub what is due, and wait until it is done" },
  },
}

--- The devices that a pool misses: disks that do not answer or were taken out. The
--- tool names those by a number, and tells where they were.
local function missing(vdevs, found)
  found = found or {}
  for _, vdev in ipairs(vdevs) do
    missing(vdev.vdevs, found)
    local spare = vdev.class == "spare" and (vdev.state == "AVAIL" or vdev.state == "INUSE")
    if #vdev.vdevs == 0 and vdev.state ~= "ONLINE" and not spare then
      local place = vdev.path and vdev.path:gsub("^/dev/", "")
      found[#found + 1] = { name = place or vdev.name, state = vdev.state, note = vdev.note }
    end
  end
  return found
end

--- The features that an upgrade would enable; of a pool of an old format its
--- version tells.
local function upgradable(format)
  local names = {}
  for name, state in pairs(format.features) do
    if state == "disabled" then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

local function is_due(p, age) return p.max_scrub_age > 0 and age and age > p.max_scrub_age end

local function look(h, p, name)
  local pool, space, format = h.zpool.status(name), h.zpool.list(name)[1], h.zpool.features(name)
  local since = last_read(h, pool)
  local found = {
    name = name, state = pool.state, problems = pool.problems, missing = missing(pool.vdevs),
    read = pool.read, write = pool.write, checksum = pool.checksum, damaged = pool.errors.count,
    scan = pool.scan.kind, scan_state = pool.scan.state, scan_errors = pool.scan.errors,
    since = since, age = since and time.between(since, time.now()),
    capacity = space.capacity, size = space.size, free = space.free,
    version = format.version, upgradable = upgradable(format), compatibility = format.compatibility,
  }
  if is_due(p, found.age) and pool.scan.state ~= "running" then
    found.problems[#found.problems + 1] = ("not scrubbed for %s"):format(time.duration(found.age))
    found.due = true
  end
  if space.capacity > p.max_capacity then
    found.problems[#found.problems + 1] = ("%g%% full"):format(space.capacity)
  end
  return found
end

local function names_of(h, p)
  if p.pools and #p.pools > 0 then return p.pools end
  local names = {}
  for i, pool in ipairs(h.zpool.list()) do names[i] = pool.name end
  if #names == 0 then skip("there is no pool") end
  return names
end

local function reasons(pools)
  local lines = {}
  for _, pool in ipairs(pools) do
    for _, problem in ipairs(pool.problems) do lines[#lines + 1] = pool.name .. ": " .. problem end
  end
  return lines
end

function recipe.run(h, p)
  local names = step("Find the pools", function() return names_of(h, p) end) or {}
  local pools = {}
  for i, name in ipairs(names) do
    local pool = step("Look at the pool", { key = name }, function() return look(h, p, name) end)
    if pool.due and p.scrub then
      step("Scrub the pool", { key = name }, function() return h.zpool.scrub(name, { wait = true }) end)
      pool = step("Look at it again", { key = name }, function() return look(h, p, name) end)
    end
    pools[i] = pool
  end
  local lines = reasons(pools)
  local result = { healthy = #lines == 0, pools = pools }
  if not result.healthy then
    fail{ message = table.concat(lines, "; "), hint = "zpool status -v on the host tells more", result = result }
  end
  return result
end

return recipe
