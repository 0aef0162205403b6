--- Builds custom ports with portshaker and poudriere.
---
--- Merges a git repository of your own ports (laid out category/port) into the
--- FreeBSD ports tree and builds packages of them in a clean jail. The first run
--- installs and sets up whatever is missing; every later run updates, merges and
--- rebuilds what changed. Ports that fail make the run fail, after everything
--- else was built.

local space = require("space")

---@type Recipe
local recipe = {
  needs = { os = "FreeBSD", root = true },
  sim = "builder",
  params = {
    repository = { type = "string", required = true, doc = "git repository of the custom ports, laid out category/port" },
    branch = { type = "string", default = "main", doc = "its branch" },
    push_from = { type = "local", doc = "a repository on this machine, pushed to the host and used there in place of `repository`: for hosts without a route to it" },
    origins = { type = "list", doc = "the ports to build (category/port, or category/port@flavor); default: every port of the repository" },

    ports_repository = { type = "string", default = "https://git.FreeBSD.org/ports.git", doc = "git repository of the ports tree" },
    ports_branch = { type = "string", default = "main", doc = "its branch: main, or a quarterly one such as 2026Q4" },
    tree = { type = "string", default = "default", pattern = "[A-Za-z0-9_]+", doc = "name of the merged ports tree" },
    conflicts = { type = "string", enum = { "fail", "take" }, default = "fail", doc = "where a custom port has the tree's version but other files: stop, or take the custom one" },
    adopt = { type = "boolean", default = false, doc = "reset a tree at the target that is not portshaker's making (its files are lost)" },

    jail = { type = "string", pattern = "[A-Za-z0-9_-]+", doc = "name of the build jail; default: of release and architecture, such as 143amd64" },
    release = { type = "string", pattern = "[0-9]+[.][0-9]+-[A-Z0-9-]+", doc = "release of the jail; default: the host's" },
    arch = { type = "string", doc = "architecture of the jail; default: the host's" },
    set = { type = "string", pattern = "[A-Za-z0-9_]+", doc = "name of a set: a variant with its own options and packages" },
    options = { type = "table", doc = "port options by origin: {['www/nginx'] = {on = {'HTTPV3'}, off = {'MAIL'}}}" },
    make_conf = { type = "string", doc = "content of the jail's make.conf" },

    base = { type = "string", default = "/usr/local/poudriere", pattern = "/.+", doc = "poudriere's folder (BASEFS)" },
    zfs = { type = "string", enum = { "auto", "yes", "no" }, default = "auto", doc = "whether poudriere keeps jails on ZFS; auto: where the root file system is ZFS" },
    pool = { type = "string", doc = "ZFS pool for poudriere; default: the root pool" },
    distfiles = { type = "string", default = "/usr/ports/distfiles", pattern = "/.+", doc = "cache of fetched sources" },
    freebsd_host = { type = "string", default = "https://download.FreeBSD.org", doc = "where the jail is fetched from" },
    jobs = { type = "integer", doc = "ports built at once; default: poudriere's own choice, one a CPU" },
    space = { type = "number", default = 20, doc = "GiB that must be free below `base` before the first build" },
    poudriere_package = { type = "string", default = "poudriere", enum = { "poudriere", "poudriere-devel" }, doc = "which package brings poudriere" },

    signing_key = { type = "string", pattern = "/.+", doc = "RSA key on the host that signs the package repository" },
    publish = { type = "string", pattern = "/.+", doc = "folder on the host that receives the finished package repository" },
  },
  example = {
    repository = "https://git.example.org/custom-ports.git",
  },
}

local mirror = "/var/cache/portshaker"

--- The jail's name and release, from the parameters or the host.
local function jail_of(facts, p)
  local release = p.release or facts.release
  local arch = p.arch or facts.arch
  local name = p.jail or (release:match("^%d+%.%d+"):gsub("%.", "") .. arch)
  return { name = name, release = release, arch = p.arch }
end

--- Refuses hosts on which the procedure cannot end well.
local function check_host(h, p)
  local facts = h.facts
  local jail = jail_of(facts, p)
  if version.compare(jail.release, facts.release) > 0 then
    fail{
      message = ("a jail of %s cannot run on a kernel of %s"):format(jail.release, facts.release),
      hint = "the host's kernel must be the same or newer: upgrade the host or choose an older release",
    }
  end
  local free = space.free(h, p.base)
  if free < p.space and not h.file.exists(p.base .. "/data/packages") then
    fail{
      message = ("%.1f GiB are free for %s, %g are wanted"):format(free, p.base, p.space),
      hint = "free some, choose another base, or lower the parameter space",
    }
  end
  local zfs = p.zfs == "yes" or (p.zfs == "auto" and facts.root.type == "zfs")
  local pool = zfs and (p.pool or facts.root.pool) or nil
  if zfs and not pool then
    fail{ message = "no ZFS pool is named and the root file system is not on one", hint = "give the parameter pool, or zfs=no" }
  end
  return { jail = jail, pool = pool }
end

--- Brings the tools.
local function install(h, p)
  h.pkg.bootstrap()
  return h.pkg.install({ "git", "rsync", "portshaker", p.poudriere_package })
end

--- The custom ports' URL as the host sees it.
local function custom_url(h, p)
  if not p.push_from then return p.repository end
  local bare = mirror .. "/pushed/custom.git"
  h.git.push_from_local(p.push_from, bare, { branches = { p.branch } })
  return "file://" .. bare
end

--- Says early, and in the host's own words, which repository cannot be reached.
local function look_at_repositories(h, p, custom)
  return {
    ports = h.git.remote_revision(p.ports_repository, p.ports_branch).revision,
    custom = h.git.remote_revision(custom, p.branch).revision,
  }
end

local function configure_portshaker(h, p, custom)
  h.portshaker.source.put("freebsd", { method = "git", uri = p.ports_repository, branch = p.ports_branch })
  h.portshaker.source.put("custom", { method = "git", uri = custom, branch = p.branch })
  h.portshaker.configure{
    mirror_base_dir = mirror,
    poudriere_ports_mountpoint = p.base .. "/ports",
    targets = {
      [p.tree] = {
        poudriere_tree = p.tree,
        merge_from = { "freebsd", p.conflicts == "take" and "custom!" or "custom" },
      },
    },
  }
end

--- Updates the sources and merges them into the tree.
local function refresh_tree(h, p)
  local updated = h.portshaker.update()
  local merged = h.portshaker.merge(p.tree, { adopt = p.adopt })
  return { updated = updated, merged = merged }
end

local function configure_poudriere(h, p, plan)
  h.poudriere.configure{
    basefs = p.base,
    zfs = plan.pool ~= nil,
    zpool = plan.pool,
    freebsd_host = p.freebsd_host,
    distfiles_cache = p.distfiles,
    parallel_jobs = p.jobs,
    signing_key = p.signing_key,
  }
end

--- Options and make.conf of the jail, tree and set.
local function configure_builds(h, p, jail)
  local where = { jail = jail.name, tree = p.tree, set = p.set }
  if p.make_conf then h.poudriere.makeconf(p.make_conf, where) end
  for origin, choice in pairs(p.options or {}) do
    h.poudriere.options(origin, { on = choice.on, off = choice.off, jail = jail.name, tree = p.tree, set = p.set })
  end
end

--- The ports to build: those asked for, each of which must be in the tree, or
--- all of the custom repository.
local function choose_origins(h, p)
  local tree = p.base .. "/ports/" .. p.tree
  if not p.origins or #p.origins == 0 then
    local origins = {}
    for _, path in ipairs(h.file.find(mirror .. "/custom", { type = "file", name = "Makefile", min_depth = 3, max_depth = 3 })) do
      local origin = path:match("([^/]+/[^/]+)/Makefile$")
      if not origin:match("^Mk/") then origins[#origins + 1] = origin end
    end
    table.sort(origins)
    if #origins == 0 then
      fail{ message = "the repository has no port: no category/port/Makefile in it", hint = "lay it out as the ports tree is" }
    end
    return origins
  end
  local missing = {}
  for _, origin in ipairs(p.origins) do
    if not h.file.exists(tree .. "/" .. origin:gsub("@.*", "") .. "/Makefile") then missing[#missing + 1] = origin end
  end
  if #missing > 0 then
    fail{
      message = "no such port in the merged tree: " .. table.concat(missing, ", "),
      hint = "an origin is category/port; see what the repository's branch holds",
    }
  end
  return p.origins
end

--- What failed, in one line.
local function failures(failed)
  local lines = {}
  for _, port in ipairs(failed) do
    lines[#lines + 1] = ("%s failed in phase %s (%s)"):format(port.origin, port.phase, port.errortype)
  end
  return table.concat(lines, "; ")
end

function recipe.run(h, p)
  local plan = step("Check the host", function() return check_host(h, p) end)
  step("Install what is missing", function() return install(h, p) end)
  local custom = step("Find the custom ports", function() return custom_url(h, p) end)
  step("Look at the repositories", function() return look_at_repositories(h, p, custom) end)
  step("Configure portshaker", function() configure_portshaker(h, p, custom) end)
  local trees = step("Update and merge the trees", function() return refresh_tree(h, p) end)
  local origins = step("Choose the ports", function() return choose_origins(h, p) end)
  step("Configure poudriere", function() configure_poudriere(h, p, plan) end)
  step("Register the ports tree", function()
    return h.poudriere.ports.create(p.tree, { method = "null", path = p.base .. "/ports/" .. p.tree })
  end)
  step("Create the jail", function()
    return h.poudriere.jail.create(plan.jail.name, { version = plan.jail.release, arch = plan.jail.arch })
  end)
  step("Configure the builds", function() configure_builds(h, p, plan.jail) end)
  local build = step("Build the ports", function()
    return h.poudriere.bulk(plan.jail.name, origins, { tree = p.tree, set = p.set })
  end)
  if p.publish then
    step("Publish the packages", function()
      return h.poudriere.repo.publish(plan.jail.name, p.publish, { tree = p.tree, set = p.set })
    end)
  end
  local result = {
    jail = plan.jail.name,
    tree = p.tree,
    merged = trees.merged.targets[1].ports,
    built = build.built,
    failed = build.failed,
    skipped = build.skipped,
    ignored = build.ignored,
    packages = build.packages,
    log = build.log,
  }
  if #build.failed > 0 then
    fail{
      message = failures(build.failed),
      hint = "the ends of their logs are in the result; mend the ports and run again: only what is missing is built",
      result = result,
    }
  end
  return result
end

return recipe
