package zfs

import (
	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
)

const (
	raisesMissing = `kind "missing": there is no such dataset`
	raisesDenied  = `kind "denied": neither root nor delegated`
)

// Module is h.zfs.
var Module = binding.Module{
	Name: "zfs",
	Doc:  "ZFS datasets: file systems, volumes, snapshots, and sending them to other hosts.",
	Funcs: []binding.Func{
		{
			Name: "allow", Kind: effect.Change, Call: Allow, See: []string{"zfs-allow(8)"},
			Doc:     "Delegates permissions on a dataset. Without any it only lists what is delegated.",
			Raises:  []string{raisesMissing, raisesDenied},
			Example: `h.zfs.allow("zroot/home", { "snapshot", "send" }, { users = { "backup" } })`,
		},
		{
			Name: "bookmark", Kind: effect.Change, Call: Bookmark, See: []string{"zfs-bookmark(8)"},
			Doc:     "Keeps the place of a snapshot in time, to send from when the snapshot itself has gone. FreeBSD 10 and later.",
			Raises:  []string{raisesMissing},
			Example: `h.zfs.bookmark("zroot/data@monday", "#monday")`,
		},
		{
			Name: "change_key", Kind: effect.Change, Call: ChangeKey, See: []string{"zfs-change-key(8)"},
			Doc:     "Changes the key that unlocks an encrypted dataset. FreeBSD 13 and later.",
			Raises:  []string{raisesMissing, raisesDenied},
			Example: `h.zfs.change_key("zroot/vault", { key = secret("vault"), format = "passphrase" })`,
		},
		{
			Name: "clone", Kind: effect.Change, Call: Clone, See: []string{"zfs-clone(8)"},
			Doc:     "Makes a dataset that begins as a snapshot. A clone of it that is there is left alone, but for its properties.",
			Raises:  []string{raisesMissing},
			Example: `h.zfs.clone("zroot/data@monday", "zroot/look", { properties = { readonly = true } })`,
		},
		{
			Name: "create", Kind: effect.Change, Call: Create, See: []string{"zfs-create(8)"},
			Doc:     "Makes a file system or a volume. One that is there is given the properties that differ.",
			Raises:  []string{`kind "failed": it is there and is something else`, raisesDenied},
			Example: `h.zfs.create("zroot/data", { properties = { mountpoint = "/data", compression = "lz4" } })`,
		},
		{
			Name: "destroy", Kind: effect.Change, Risk: effect.Irreversible, Call: Destroy, See: []string{"zfs-destroy(8)"},
			Doc:     "Destroys a dataset, snapshot or bookmark, and returns what went. What is not there is left at that.",
			Raises:  []string{`kind "failed": there is something below it, or a hold or a clone keeps it`, raisesDenied},
			Example: `local gone = h.zfs.destroy("zroot/old", { recursive = true }).destroyed`,
		},
		{
			Name: "diff", Kind: effect.Read, Call: Diff, See: []string{"zfs-diff(8)"},
			Doc:     "Returns which files differ from a snapshot. FreeBSD 8.3 and later.",
			Raises:  []string{raisesMissing, raisesDenied},
			Example: `for _, d in ipairs(h.zfs.diff("zroot/data@monday")) do log("%s %s", d.change, d.path) end`,
		},
		{
			Name: "get", Kind: effect.Read, Call: Get, See: []string{"zfs-get(8)", "zfsprops(7)"},
			Doc:     "Returns properties of a dataset, by name, with where each comes from.",
			Raises:  []string{raisesMissing},
			Example: `if h.zfs.get("zroot/data", "compression").compression.value == "off" then log("not compressed") end`,
		},
		{
			Name: "hold", Kind: effect.Change, Call: PutHold, See: []string{"zfs-hold(8)"},
			Doc:     "Keeps snapshots from being destroyed. FreeBSD 8.3 and later.",
			Raises:  []string{raisesMissing, raisesDenied},
			Example: `h.zfs.hold("backup", "zroot/data@monday")`,
		},
		{
			Name: "holds", Kind: effect.Read, Call: Holds, See: []string{"zfs-holds(8)"},
			Doc:     "Returns the holds on snapshots.",
			Raises:  []string{raisesMissing},
			Example: `if #h.zfs.holds("zroot/data@monday") > 0 then log("it is kept") end`,
		},
		{
			Name: "inherit", Kind: effect.Change, Call: Inherit, See: []string{"zfs-inherit(8)"},
			Doc:     "Gives up a dataset's own values of properties, so that those from above count.",
			Raises:  []string{raisesMissing, raisesDenied},
			Example: `h.zfs.inherit("zroot/data", "compression", { recursive = true })`,
		},
		{
			Name: "list", Kind: effect.Read, Call: List, See: []string{"zfs-list(8)"},
			Doc:     "Returns datasets, in the order of their names; snapshots of one dataset in the order of time.",
			Raises:  []string{raisesMissing},
			Example: `for _, s in ipairs(h.zfs.list("zroot/data", { types = { "snapshot" } })) do log("%s: %d bytes", s.name, s.used) end`,
		},
		{
			Name: "load_key", Kind: effect.Change, Call: LoadKey, See: []string{"zfs-load-key(8)"},
			Doc:     "Loads the key of an encrypted dataset, where that is not loaded. FreeBSD 13 and later.",
			Raises:  []string{raisesMissing, `kind "denied": it is not the right key`},
			Example: `h.zfs.load_key("zroot/vault", { key = secret("vault") }); h.zfs.mount("zroot/vault")`,
		},
		{
			Name: "mount", Kind: effect.Change, Call: Mount, See: []string{"zfs-mount(8)"},
			Doc:     "Mounts a file system where its mountpoint says.",
			Raises:  []string{raisesMissing, raisesDenied},
			Example: `h.zfs.mount("zroot/data")`,
		},
		{
			Name: "promote", Kind: effect.Change, Call: Promote, See: []string{"zfs-promote(8)"},
			Doc:     "Turns a clone and the dataset it comes from around, so that the latter can go.",
			Raises:  []string{raisesMissing},
			Example: `h.zfs.promote("zroot/look")`,
		},
		{
			Name: "release", Kind: effect.Change, Call: Release, See: []string{"zfs-release(8)"},
			Doc:     "Lifts holds on snapshots.",
			Raises:  []string{raisesMissing, raisesDenied},
			Example: `h.zfs.release("backup", "zroot/data@monday")`,
		},
		{
			Name: "rename", Kind: effect.Change, Call: Rename, See: []string{"zfs-rename(8)"},
			Doc:     "Renames a dataset with what is below it, or a snapshot. One that has the new name already is left alone.",
			Raises:  []string{raisesMissing},
			Example: `h.zfs.rename("zroot/data@new", "@monday", { recursive = true })`,
		},
		{
			Name: "rollback", Kind: effect.Change, Risk: effect.Irreversible, Call: Rollback, See: []string{"zfs-rollback(8)"},
			Doc:     "Brings a dataset back to a snapshot. What was written since is lost; later snapshots only go with recursive, which alone is irreversible.",
			Raises:  []string{raisesMissing, `kind "failed": there are later snapshots`},
			Example: `h.zfs.rollback("zroot/data@monday")`,
		},
		{
			Name: "send_to", Kind: effect.Change, Call: SendTo, See: []string{"zfs-send(8)", "zfs-receive(8)"},
			Doc: "Brings a dataset's snapshots to another host: the difference from the last common one, or all. " +
				"The stream goes through this machine, and nothing of it is kept here. Where the other host can (FreeBSD 11 and later), a stream that was cut is resumed. " +
				"What arrives is not mounted, and is verified.",
			Raises:  []string{raisesMissing, `kind "failed": the other host has nothing in common, or later snapshots`},
			Example: `h.zfs.send_to{ dataset = "zroot/data", host = connect("backup.example.org"), to = "tank/data" }`,
		},
		{
			Name: "set", Kind: effect.Change, Call: SetProperties, See: []string{"zfs-set(8)", "zfsprops(7)"},
			Doc:     "Sets properties of a dataset. What is so already is left alone; what is only inherited is set.",
			Raises:  []string{raisesMissing, raisesDenied},
			Example: `h.zfs.set("zroot/data", { compression = "lz4", quota = "10G", atime = false })`,
		},
		{
			Name: "snapshot", Kind: effect.Change, Call: Snapshot, See: []string{"zfs-snapshot(8)"},
			Doc:     "Takes snapshots. Those that are there are left alone.",
			Raises:  []string{raisesMissing, raisesDenied},
			Example: `h.zfs.snapshot("zroot@before", { recursive = true })`,
		},
		{
			Name: "unallow", Kind: effect.Change, Call: Unallow, See: []string{"zfs-unallow(8)"},
			Doc:     "Takes delegated permissions back.",
			Raises:  []string{raisesMissing, raisesDenied},
			Example: `h.zfs.unallow("zroot/home", { users = { "backup" } })`,
		},
		{
			Name: "unmount", Kind: effect.Change, Call: Unmount, See: []string{"zfs-unmount(8)"},
			Doc:     "Unmounts a file system.",
			Raises:  []string{raisesMissing, `kind "failed": it is in use`},
			Example: `h.zfs.unmount("zroot/data")`,
		},
		{
			Name: "upgrade", Kind: effect.Change, Risk: effect.Irreversible, Call: Upgrade, See: []string{"zfs-upgrade(8)"},
			Doc:     "Returns which file systems are of an older version, and upgrades those that are named, or all. Without either it changes nothing.",
			Raises:  []string{raisesMissing, `kind "failed": some could not be upgraded, as when the pool is too old`},
			Example: `if #h.zfs.upgrade().old > 0 then h.zfs.upgrade{ all = true } end`,
		},
	},
}
