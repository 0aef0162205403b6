// Package zpool looks at and changes ZFS pools, from pool version 15 of FreeBSD
// 8.2 on.
package zpool

import (
	"slices"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
)

const (
	raisesMissing = `kind "missing": there is no such pool`
	raisesDevice  = `kind "missing": the pool has no such device, or there is none`
	raisesDenied  = `kind "denied": only root may do this`
	raisesRefused = `kind "failed": the tool refuses, with its reason and what to do`
)

// Module is h.zpool.
var Module = binding.Module{
	Name:  "zpool",
	Doc:   "ZFS pools: their devices, health, scrubs, properties and format.",
	Funcs: slices.Concat(looking, lifecycle, members, care),
}

var looking = []binding.Func{
	{
		Name: "status", Kind: effect.Read, Call: StatusOf, See: []string{"zpool-status(8)"},
		Doc:     "Returns all that is known of a pool: state, the tree of its devices with their errors, the last scrub or resilver, damaged files.",
		Raises:  []string{raisesMissing},
		Example: `for _, group in ipairs(h.zpool.status("zroot").vdevs) do log("%s is %s", group.name, group.state) end`,
	},
	{
		Name: "healthy", Kind: effect.Read, Call: Healthy, See: []string{"zpool-status(8)"},
		Doc: "Tells whether pools are well: every device online, no errors counted, nothing resilvering, no data lost. " +
			"A pool of an old format is healthy; so is one that is being scrubbed.",
		Raises:  []string{raisesMissing},
		Example: `local pools = h.zpool.healthy(); if not pools.healthy then fail(table.concat(pools.problems, "; ")) end`,
	},
	{
		Name: "list", Kind: effect.Read, Call: List, See: []string{"zpool-list(8)"},
		Doc:     "Returns the imported pools with their sizes.",
		Raises:  []string{raisesMissing},
		Example: `for _, pool in ipairs(h.zpool.list()) do log("%s: %d%% full", pool.name, pool.capacity) end`,
	},
	{
		Name: "get", Kind: effect.Read, Call: Get, See: []string{"zpool-get(8)", "zpoolprops(7)"},
		Doc:     "Returns properties of a pool, by name.",
		Raises:  []string{raisesMissing, `kind "failed": this release has no such property`},
		Example: `log(h.zpool.get("zroot", { "bootfs" }).bootfs.value)`,
	},
	{
		Name: "disks", Kind: effect.Read, Call: Disks, See: []string{"zpool-status(8)", "glabel(8)", "gpart(8)"},
		Doc:     "Returns each device of a pool with the disk and the partition that it lies on, by whatever name the pool knows it.",
		Raises:  []string{raisesMissing},
		Example: `for _, d in ipairs(h.zpool.disks("zroot")) do log("%s is partition %d of %s", d.device, d.partition or 0, d.disk or "?") end`,
	},
	{
		Name: "features", Kind: effect.Read, Call: FeaturesOf, See: []string{"zpool-features(7)"},
		Doc:     "Returns the format of a pool: its version, or its features.",
		Raises:  []string{raisesMissing},
		Example: `log(h.zpool.features("zroot").version or "feature flags")`,
	},
	{
		Name: "history", Kind: effect.Read, Call: History, See: []string{"zpool-history(8)"},
		Doc:     "Returns the commands that made a pool what it is, oldest first.",
		Raises:  []string{raisesMissing, raisesDenied},
		Example: `for _, entry in ipairs(h.zpool.history("zroot", { last = 10 })) do log("%s %s", entry.time, entry.command) end`,
	},
	{
		Name: "events", Kind: effect.Read, Call: Events, See: []string{"zpool-events(8)"},
		Doc:     "Returns what the kernel noted of pools since it booted, oldest first. It came with FreeBSD 13.",
		Raises:  []string{`kind "failed": the release has no events`},
		Example: `for _, event in ipairs(h.zpool.events{ last = 5 }) do log("%s %s", event.time, event.class) end`,
	},
	{
		Name: "iostat", Kind: effect.Read, Call: IostatOf, See: []string{"zpool-iostat(8)"},
		Doc:     "Returns the traffic of a pool and its devices, as an average or measured for a while.",
		Raises:  []string{raisesMissing},
		Example: `log("%d bytes read a second", h.zpool.iostat("zroot", { interval = 5 }).read_bytes)`,
	},
	{
		Name: "importable", Kind: effect.Read, Call: Importable, See: []string{"zpool-import(8)"},
		Doc:     "Returns the pools that could be imported, as their devices tell of them.",
		Raises:  []string{raisesDenied},
		Example: `for _, pool in ipairs(h.zpool.importable()) do log("%s (%s) is %s", pool.name, pool.guid, pool.state) end`,
	},
}

var lifecycle = []binding.Func{
	{
		Name: "create", Kind: effect.Change, Call: Create, See: []string{"zpool-create(8)"},
		Doc: "Makes a pool. One of that name that has all of the devices is left alone. " +
			"With force it uses devices that seem to be in use, which is irreversible.",
		Raises:  []string{`kind "failed": there is a pool of that name with other devices, or a device is in use`, raisesDevice, raisesDenied},
		Example: `h.zpool.create("tank", { "mirror", "gpt/tank0", "gpt/tank1" }, { fs_properties = { compression = "lz4" } })`,
	},
	{
		Name: "destroy", Kind: effect.Change, Risk: effect.Irreversible, Call: Destroy, See: []string{"zpool-destroy(8)"},
		Doc:     "Destroys a pool and all that is in it. One that is not there is left alone.",
		Raises:  []string{`kind "failed": something in it is in use`, raisesDenied},
		Example: `h.zpool.destroy("tank")`,
	},
	{
		Name: "import", Kind: effect.Change, Call: Import, See: []string{"zpool-import(8)"},
		Doc: "Makes a pool known to the system. One that is imported is left alone. " +
			"With force, rewind, checkpoint or missing_log it may lose data, which is irreversible.",
		Raises:  []string{`kind "missing": no device tells of such a pool`, raisesRefused, raisesDenied},
		Example: `h.zpool.import("tank", { altroot = "/mnt" })`,
	},
	{
		Name: "export", Kind: effect.Change, Risk: effect.Disruptive, Call: Export, See: []string{"zpool-export(8)"},
		Doc:     "Takes a pool away from the system, so that another one may import it. One that is not imported is left alone.",
		Raises:  []string{`kind "failed": something in it is in use`, raisesDenied},
		Example: `h.zpool.export("tank")`,
	},
	{
		Name: "split", Kind: effect.Change, Risk: effect.Irreversible, Call: Split, See: []string{"zpool-split(8)"},
		Doc:     "Makes a second pool of one device of each mirror.",
		Raises:  []string{raisesMissing, `kind "failed": the pool has no mirrors, or the tool refuses`, raisesDenied},
		Example: `h.zpool.split("tank", "copy")`,
	},
	{
		Name: "labelclear", Kind: effect.Change, Risk: effect.Irreversible, Call: Labelclear, See: []string{"zpool-labelclear(8)"},
		Doc:     "Removes the label that makes a device part of a pool, after the pool has gone.",
		Raises:  []string{`kind "failed": the device is in use, or has no label`, raisesDenied},
		Example: `h.zpool.labelclear("/dev/gpt/old0")`,
	},
	{
		Name: "upgrade", Kind: effect.Change, Risk: effect.Irreversible, Call: Upgrade, See: []string{"zpool-upgrade(8)", "zpool-features(7)"},
		Doc: "Enables all features of a pool that the running system supports and the pool's compatibility allows, or brings it to a later version. " +
			"What is up to date is left alone. Older systems and boot code cannot read the pool afterwards: h.boot.check tells whether the host's can.",
		Raises:  []string{raisesMissing, raisesDenied},
		Example: `for _, feature in ipairs(h.zpool.upgrade("zroot").features) do log("enabled %s", feature) end`,
	},
}

var members = []binding.Func{
	{
		Name: "add", Kind: effect.Change, Risk: effect.Irreversible, Call: Add, See: []string{"zpool-add(8)"},
		Doc:     "Makes a pool larger. If it has all of the devices already, it is left alone.",
		Raises:  []string{raisesMissing, raisesRefused, raisesDenied},
		Example: `h.zpool.add("tank", { "mirror", "gpt/tank2", "gpt/tank3" })`,
	},
	{
		Name: "remove", Kind: effect.Change, Risk: effect.Disruptive, Call: Remove, See: []string{"zpool-remove(8)"},
		Doc:     "Takes devices out of a pool; their data moves to the others, which zpool.wait waits for. A device that the pool does not have is left alone.",
		Raises:  []string{raisesMissing, raisesRefused, raisesDenied},
		Example: `h.zpool.remove("tank", { "mirror-1" })`,
	},
	{
		Name: "attach", Kind: effect.Change, Call: Attach, See: []string{"zpool-attach(8)"},
		Doc:     "Makes a device a mirror, or a mirror wider. One that is there is left alone. The resilver goes on after the call: zpool.wait waits for it.",
		Raises:  []string{raisesMissing, raisesDevice, raisesRefused, raisesDenied},
		Example: `h.zpool.attach("zroot", "gpt/zfs0", "gpt/zfs1"); h.zpool.wait("zroot", { "resilver" })`,
	},
	{
		Name: "detach", Kind: effect.Change, Risk: effect.Disruptive, Call: Detach, See: []string{"zpool-detach(8)"},
		Doc:     "Takes a device out of a mirror. A device that the pool does not have is left alone.",
		Raises:  []string{raisesMissing, raisesRefused, raisesDenied},
		Example: `h.zpool.detach("zroot", "gpt/zfs1")`,
	},
	{
		Name: "replace", Kind: effect.Change, Risk: effect.Disruptive, Call: Replace, See: []string{"zpool-replace(8)"},
		Doc:     "Puts another device in a device's place. The resilver goes on after the call: zpool.wait waits for it.",
		Raises:  []string{raisesMissing, raisesDevice, raisesRefused, raisesDenied},
		Example: `h.zpool.replace("zroot", "gpt/zfs1", "gpt/zfs2"); h.zpool.wait("zroot", { "resilver", "replace" })`,
	},
	{
		Name: "online", Kind: effect.Change, Call: Online, See: []string{"zpool-online(8)"},
		Doc:     "Brings devices back into use. Those that are online are left alone.",
		Raises:  []string{raisesMissing, raisesDevice, `kind "failed": the device remains faulted and needs to be replaced`, raisesDenied},
		Example: `h.zpool.online("zroot", { "gpt/zfs1" })`,
	},
	{
		Name: "offline", Kind: effect.Change, Risk: effect.Disruptive, Call: Offline, See: []string{"zpool-offline(8)"},
		Doc:     "Takes devices out of use. The pool stays readable without them, or the tool refuses.",
		Raises:  []string{raisesMissing, raisesDevice, `kind "failed": the other devices do not hold all of the data`, raisesDenied},
		Example: `h.zpool.offline("zroot", { "gpt/zfs1" })`,
	},
}

var care = []binding.Func{
	{
		Name: "set", Kind: effect.Change, Call: Set, See: []string{"zpool-set(8)", "zpoolprops(7)"},
		Doc: "Gives properties of a pool the values that they do not have yet. " +
			"A feature or a version is irreversible, as an upgrade is.",
		Raises:  []string{raisesMissing, `kind "failed": this release has no such property, or it cannot have the value`, raisesDenied},
		Example: `h.zpool.set("zroot", { autotrim = true, comment = "root of this host" })`,
	},
	{
		Name: "clear", Kind: effect.Change, Call: Clear, See: []string{"zpool-clear(8)"},
		Doc:     "Forgets the errors that were counted, and lets a suspended pool go on. Without errors nothing is done.",
		Raises:  []string{raisesMissing, raisesDevice, raisesDenied},
		Example: `h.zpool.clear("zroot")`,
	},
	{
		Name: "scrub", Kind: effect.Change, Call: Scrub, See: []string{"zpool-scrub(8)"},
		Doc: "Lets a pool read and check all of its data, or pauses or cancels that. " +
			"A scrub that is under way, and with max_age a recent one, is left alone.",
		Raises:  []string{raisesMissing, `kind "failed": the pool resilvers`, `kind "timeout": it takes longer than within`, raisesDenied},
		Example: `h.zpool.scrub("zroot", { max_age = 7 * 86400, wait = true })`,
	},
	{
		Name: "trim", Kind: effect.Change, Call: Trim, See: []string{"zpool-trim(8)"},
		Doc:     "Tells the devices of a pool which of their space is free. A trim that is under way is left alone. It came with FreeBSD 13.",
		Raises:  []string{raisesMissing, `kind "failed": the devices or the release know no trim`, raisesDenied},
		Example: `h.zpool.trim("zroot")`,
	},
	{
		Name: "wait", Kind: effect.Read, Call: Wait, See: []string{"zpool-wait(8)"},
		Doc:     "Waits until nothing of the kind is under way on a pool, and returns its status. It works on releases without zpool wait, too.",
		Raises:  []string{raisesMissing, `kind "timeout": it takes longer than within`},
		Example: `h.zpool.wait("zroot", { "resilver" }, { within = 3600 })`,
	},
	{
		Name: "checkpoint", Kind: effect.Change, Call: MakeCheckpoint, See: []string{"zpool-checkpoint(8)"},
		Doc:     "Keeps the present state of a pool, so that import can rewind to it, or discards that. A pool has one checkpoint at most: one that is there stays.",
		Raises:  []string{raisesMissing, `kind "failed": the release or the pool's format knows no checkpoints`, raisesDenied},
		Example: `h.zpool.checkpoint("tank")`,
	},
}
