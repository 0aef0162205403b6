---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---ZFS datasets: file systems, volumes, snapshots, and sending them to other hosts.
---@class h.zfs
local zfs = {}

---Delegates permissions on a dataset. Without any it only lists what is delegated.
---@param name string a dataset
---@param permissions? string|string[] permissions and sets of them ("@backup"); to unallow without any: all
---@param options? zfs.allow.options
---@return zfs.Delegated
---@overload fun(arguments: zfs.allow.arguments): zfs.Delegated
function zfs.allow(name, permissions, options) end

---Keeps the place of a snapshot in time, to send from when the snapshot itself has gone. FreeBSD 10 and later.
---@param snapshot string a snapshot
---@param name string the bookmark: "#name", or in full
---@return zfs.Changed
---@overload fun(arguments: zfs.bookmark.arguments): zfs.Changed
function zfs.bookmark(snapshot, name) end

---Changes the key that unlocks an encrypted dataset. FreeBSD 13 and later.
---@param name string an encrypted dataset whose key is loaded
---@param options? zfs.change_key.options
---@return zfs.Changed
---@overload fun(arguments: zfs.change_key.arguments): zfs.Changed
function zfs.change_key(name, options) end

---Makes a dataset that begins as a snapshot. A clone of it that is there is left alone, but for its properties.
---@param snapshot string the snapshot, such as "zroot/data@monday"
---@param name string the new dataset
---@param options? zfs.clone.options
---@return zfs.Created
---@overload fun(arguments: zfs.clone.arguments): zfs.Created
function zfs.clone(snapshot, name, options) end

---Makes a file system or a volume. One that is there is given the properties that differ.
---@param name string the new file system, or volume
---@param options? zfs.create.options
---@return zfs.Created
---@overload fun(arguments: zfs.create.arguments): zfs.Created
function zfs.create(name, options) end

---Destroys a dataset, snapshot or bookmark, and returns what went. What is not there is left at that.
---@param name string a dataset, snapshot or bookmark
---@param options? zfs.destroy.options
---@return zfs.Destroyed
---@overload fun(arguments: zfs.destroy.arguments): zfs.Destroyed
function zfs.destroy(name, options) end

---Returns which files differ from a snapshot. FreeBSD 8.3 and later.
---@param from string a snapshot
---@param to? string a later snapshot of it; default: the file system as it is
---@return zfs.Difference[]
---@overload fun(arguments: zfs.diff.arguments): zfs.Difference[]
function zfs.diff(from, to) end

---Returns properties of a dataset, by name, with where each comes from.
---@param name string a dataset, snapshot or bookmark
---@param properties? string|string[] properties; default: all
---@return table<string, zfs.Property>
---@overload fun(arguments: zfs.get.arguments): table<string, zfs.Property>
function zfs.get(name, properties) end

---Keeps snapshots from being destroyed. FreeBSD 8.3 and later.
---@param tag string name of the hold
---@param snapshots string|string[] snapshots, such as "zroot@before"
---@param options? zfs.hold.options
---@return zfs.Held
---@overload fun(arguments: zfs.hold.arguments): zfs.Held
function zfs.hold(tag, snapshots, options) end

---Returns the holds on snapshots.
---@param snapshots string|string[] snapshots
---@param options? zfs.holds.options
---@return zfs.Hold[]
---@overload fun(arguments: zfs.holds.arguments): zfs.Hold[]
function zfs.holds(snapshots, options) end

---Gives up a dataset's own values of properties, so that those from above count.
---@param name string a dataset or snapshot
---@param properties string|string[] properties that shall come from above again
---@param options? zfs.inherit.options
---@return zfs.Inherited
---@overload fun(arguments: zfs.inherit.arguments): zfs.Inherited
function zfs.inherit(name, properties, options) end

---Returns datasets, in the order of their names; snapshots of one dataset in the order of time.
---@param name? string a dataset; default: all pools
---@param options? zfs.list.options
---@return zfs.Dataset[]
---@overload fun(arguments: zfs.list.arguments): zfs.Dataset[]
function zfs.list(name, options) end

---Loads the key of an encrypted dataset, where that is not loaded. FreeBSD 13 and later.
---@param name string an encryption root
---@param options? zfs.load_key.options
---@return zfs.Changed
---@overload fun(arguments: zfs.load_key.arguments): zfs.Changed
function zfs.load_key(name, options) end

---Mounts a file system where its mountpoint says.
---@param name string a file system
---@param options? zfs.mount.options
---@return zfs.Mounted
---@overload fun(arguments: zfs.mount.arguments): zfs.Mounted
function zfs.mount(name, options) end

---Turns a clone and the dataset it comes from around, so that the latter can go.
---@param name string a clone
---@return zfs.Promoted
---@overload fun(arguments: zfs.promote.arguments): zfs.Promoted
function zfs.promote(name) end

---Lifts holds on snapshots.
---@param tag string name of the hold
---@param snapshots string|string[] snapshots, such as "zroot@before"
---@param options? zfs.release.options
---@return zfs.Held
---@overload fun(arguments: zfs.release.arguments): zfs.Held
function zfs.release(tag, snapshots, options) end

---Renames a dataset with what is below it, or a snapshot. One that has the new name already is left alone.
---@param from string a dataset or snapshot
---@param to string its new name; of a snapshot "@name" is enough
---@param options? zfs.rename.options
---@return zfs.Changed
---@overload fun(arguments: zfs.rename.arguments): zfs.Changed
function zfs.rename(from, to, options) end

---Brings a dataset back to a snapshot. What was written since is lost; later snapshots only go with recursive, which alone is irreversible.
---@param snapshot string the snapshot to go back to
---@param options? zfs.rollback.options
---@return zfs.RolledBack
---@overload fun(arguments: zfs.rollback.arguments): zfs.RolledBack
function zfs.rollback(snapshot, options) end

---Brings a dataset's snapshots to another host: the difference from the last common one, or all. The stream goes through this machine, and nothing of it is kept here. Where the other host can (FreeBSD 11 and later), a stream that was cut is resumed. What arrives is not mounted, and is verified.
---@param dataset string dataset of this host, up to its last snapshot; or the snapshot
---@param host Host the host that receives
---@param options? zfs.send_to.options
---@return zfs.Sent
---@overload fun(arguments: zfs.send_to.arguments): zfs.Sent
function zfs.send_to(dataset, host, options) end

---Sets properties of a dataset. What is so already is left alone; what is only inherited is set.
---@param name string a dataset or snapshot
---@param properties table<string, any> values by property: text, numbers, true and false for on and off
---@return zfs.Set
---@overload fun(arguments: zfs.set.arguments): zfs.Set
function zfs.set(name, properties) end

---Takes snapshots. Those that are there are left alone.
---@param names string|string[] snapshots to take, such as "zroot@before"
---@param options? zfs.snapshot.options
---@return zfs.Snapshots
---@overload fun(arguments: zfs.snapshot.arguments): zfs.Snapshots
function zfs.snapshot(names, options) end

---Takes delegated permissions back.
---@param name string a dataset
---@param permissions? string|string[] permissions and sets of them ("@backup"); to unallow without any: all
---@param options? zfs.unallow.options
---@return zfs.Delegated
---@overload fun(arguments: zfs.unallow.arguments): zfs.Delegated
function zfs.unallow(name, permissions, options) end

---Unmounts a file system.
---@param name string a file system
---@param options? zfs.unmount.options
---@return zfs.Mounted
---@overload fun(arguments: zfs.unmount.arguments): zfs.Mounted
function zfs.unmount(name, options) end

---Returns which file systems are of an older version, and upgrades those that are named, or all. Without either it changes nothing.
---@param names? string|string[] file systems to upgrade
---@param options? zfs.upgrade.options
---@return zfs.Upgraded
---@overload fun(arguments: zfs.upgrade.arguments): zfs.Upgraded
function zfs.upgrade(names, options) end

---@class zfs.allow.options
---@field users? string[] for these users
---@field groups? string[] for these groups
---@field everyone? boolean for everyone
---@field create? boolean for whoever creates a dataset below, on that dataset
---@field set? string in this set of permissions, such as "@backup"
---@field scope? "both"|"local"|"descendent" where it counts: local is the dataset alone, descendent what is below ("both" by default)

---@class zfs.allow.arguments
---@field name string a dataset
---@field permissions? string|string[] permissions and sets of them ("@backup"); to unallow without any: all
---@field users? string[] for these users
---@field groups? string[] for these groups
---@field everyone? boolean for everyone
---@field create? boolean for whoever creates a dataset below, on that dataset
---@field set? string in this set of permissions, such as "@backup"
---@field scope? "both"|"local"|"descendent" where it counts: local is the dataset alone, descendent what is below ("both" by default)

---@class zfs.Delegation
---@field kind string user, group, everyone, create or set
---@field who string name of the user, group or set
---@field scope string local, descendent or both; empty for create and set
---@field permissions string[]

---@class zfs.Delegated
---@field changed boolean
---@field before zfs.Delegation[] what the dataset itself had delegated; what it has from above is not in it

---@class zfs.bookmark.arguments
---@field snapshot string a snapshot
---@field name string the bookmark: "#name", or in full

---@class zfs.Changed
---@field changed boolean

---@class zfs.change_key.options
---@field key? Secret|string the new key or passphrase (a secret), which goes by standard input
---@field format? "raw"|"hex"|"passphrase" what the new key is; default: as before
---@field location? string where it lies from now on: prompt or file:///path; default: as before, or prompt with key
---@field inherit? boolean use the key of the dataset above instead of one of its own

---@class zfs.change_key.arguments
---@field name string an encrypted dataset whose key is loaded
---@field key? Secret|string the new key or passphrase (a secret), which goes by standard input
---@field format? "raw"|"hex"|"passphrase" what the new key is; default: as before
---@field location? string where it lies from now on: prompt or file:///path; default: as before, or prompt with key
---@field inherit? boolean use the key of the dataset above instead of one of its own

---@class zfs.clone.options
---@field properties? table<string, any> values by property
---@field parents? boolean create what is missing above it

---@class zfs.clone.arguments
---@field snapshot string the snapshot, such as "zroot/data@monday"
---@field name string the new dataset
---@field properties? table<string, any> values by property
---@field parents? boolean create what is missing above it

---@class zfs.Created
---@field changed boolean
---@field created boolean it was not there; otherwise only properties were set

---@class zfs.create.options
---@field size? any makes it a volume of this size: bytes, or text such as "10G"
---@field sparse? boolean a volume that reserves no space
---@field properties? table<string, any> values by property
---@field parents? boolean create what is missing above it
---@field mount? boolean mount it, as canmount and mountpoint have it; false needs FreeBSD 13 or later (true by default)
---@field key? Secret|string key or passphrase of a new encryption root; goes by standard input

---@class zfs.create.arguments
---@field name string the new file system, or volume
---@field size? any makes it a volume of this size: bytes, or text such as "10G"
---@field sparse? boolean a volume that reserves no space
---@field properties? table<string, any> values by property
---@field parents? boolean create what is missing above it
---@field mount? boolean mount it, as canmount and mountpoint have it; false needs FreeBSD 13 or later (true by default)
---@field key? Secret|string key or passphrase of a new encryption root; goes by standard input

---@class zfs.destroy.options
---@field recursive? boolean with all that is below; of a snapshot: those of that name of all datasets below
---@field dependents? boolean with all that is below and all clones of it, wherever they are
---@field defer? boolean a snapshot that is held or cloned goes once it no longer is
---@field force? boolean unmount file systems that are in use

---@class zfs.destroy.arguments
---@field name string a dataset, snapshot or bookmark
---@field recursive? boolean with all that is below; of a snapshot: those of that name of all datasets below
---@field dependents? boolean with all that is below and all clones of it, wherever they are
---@field defer? boolean a snapshot that is held or cloned goes once it no longer is
---@field force? boolean unmount file systems that are in use

---@class zfs.Destroyed
---@field changed boolean false when there was nothing of that name
---@field destroyed string[] full names; in check mode of what would be destroyed
---@field reclaimed? integer space that becomes free, where zfs(8) tells it beforehand

---@class zfs.diff.arguments
---@field from string a snapshot
---@field to? string a later snapshot of it; default: the file system as it is

---@class zfs.Difference
---@field change string added, removed, modified or renamed
---@field type string file, directory, link, block, character, fifo, socket, door, port or other
---@field path string where it is, or was before it was removed or renamed
---@field to? string new path of what was renamed
---@field links? integer how many hard links were made; negative: removed
---@field time string when it was changed

---@class zfs.get.arguments
---@field name string a dataset, snapshot or bookmark
---@field properties? string|string[] properties; default: all

---@class zfs.Property
---@field value any bytes and counts are numbers, times RFC 3339, all else is text
---@field source string local, default, inherited, received, temporary, or - for what is not set but is so
---@field from? string the dataset that it is inherited from

---@class zfs.hold.options
---@field recursive? boolean the snapshots of that name of all datasets below, too

---@class zfs.hold.arguments
---@field tag string name of the hold
---@field snapshots string|string[] snapshots, such as "zroot@before"
---@field recursive? boolean the snapshots of that name of all datasets below, too

---@class zfs.Held
---@field changed boolean
---@field snapshots string[] where a hold was put or lifted

---@class zfs.holds.options
---@field recursive? boolean the snapshots of that name of all datasets below, too

---@class zfs.holds.arguments
---@field snapshots string|string[] snapshots
---@field recursive? boolean the snapshots of that name of all datasets below, too

---@class zfs.Hold
---@field snapshot string full name
---@field tag string name of the hold
---@field created string when it was put, to the minute

---@class zfs.inherit.options
---@field recursive? boolean on all that is below, too
---@field received? boolean go back to the received value, where there is one

---@class zfs.inherit.arguments
---@field name string a dataset or snapshot
---@field properties string|string[] properties that shall come from above again
---@field recursive? boolean on all that is below, too
---@field received? boolean go back to the received value, where there is one

---@class zfs.Inherited
---@field changed boolean
---@field datasets string[] where a value of its own was given up

---@class zfs.list.options
---@field recursive? boolean with what is below it (true by default)
---@field types? string[] filesystem, volume, snapshot, bookmark; default: filesystem and volume
---@field properties? string[] further properties, to be found in properties

---@class zfs.list.arguments
---@field name? string a dataset; default: all pools
---@field recursive? boolean with what is below it (true by default)
---@field types? string[] filesystem, volume, snapshot, bookmark; default: filesystem and volume
---@field properties? string[] further properties, to be found in properties

---@class zfs.Dataset
---@field name string full name
---@field type string filesystem, volume, snapshot or bookmark
---@field pool string pool that it lies in
---@field used integer space that it and what is below it takes
---@field available integer space that it may still take
---@field referenced integer space of what it shows
---@field mountpoint? string where it is mounted: a path, none or legacy
---@field mounted boolean it is mounted now
---@field origin? string snapshot that it is a clone of
---@field creation string when it was made
---@field guid? string identity, the same wherever it is received; not told by every old release
---@field properties table<string, any> the properties that were asked for

---@class zfs.load_key.options
---@field key? Secret|string key or passphrase (a secret), which goes by standard input; default: from its keylocation

---@class zfs.load_key.arguments
---@field name string an encryption root
---@field key? Secret|string key or passphrase (a secret), which goes by standard input; default: from its keylocation

---@class zfs.mount.options
---@field options? string[] options of this mount, such as ro; see zfs-mount(8)
---@field overlay? boolean mount over a folder that is not empty (-O)

---@class zfs.mount.arguments
---@field name string a file system
---@field options? string[] options of this mount, such as ro; see zfs-mount(8)
---@field overlay? boolean mount over a folder that is not empty (-O)

---@class zfs.Mounted
---@field changed boolean
---@field mountpoint string where the file system is, or was, mounted

---@class zfs.promote.arguments
---@field name string a clone

---@class zfs.Promoted
---@field changed boolean false for what is no clone
---@field origin? string the snapshot that it was a clone of, which is its own now

---@class zfs.release.options
---@field recursive? boolean the snapshots of that name of all datasets below, too

---@class zfs.release.arguments
---@field tag string name of the hold
---@field snapshots string|string[] snapshots, such as "zroot@before"
---@field recursive? boolean the snapshots of that name of all datasets below, too

---@class zfs.rename.options
---@field recursive? boolean the snapshots of that name of all datasets below
---@field parents? boolean create what is missing above the new name
---@field force? boolean unmount file systems that are in use

---@class zfs.rename.arguments
---@field from string a dataset or snapshot
---@field to string its new name; of a snapshot "@name" is enough
---@field recursive? boolean the snapshots of that name of all datasets below
---@field parents? boolean create what is missing above the new name
---@field force? boolean unmount file systems that are in use

---@class zfs.rollback.options
---@field recursive? boolean destroy the snapshots and bookmarks that were made since; irreversible
---@field dependents? boolean destroy those and their clones; irreversible
---@field force? boolean unmount clones that are in use

---@class zfs.rollback.arguments
---@field snapshot string the snapshot to go back to
---@field recursive? boolean destroy the snapshots and bookmarks that were made since; irreversible
---@field dependents? boolean destroy those and their clones; irreversible
---@field force? boolean unmount clones that are in use

---@class zfs.RolledBack
---@field changed boolean false when nothing was written since, as far as the release tells
---@field destroyed string[] later snapshots and bookmarks that went

---@class zfs.send_to.options
---@field to? string dataset there; default: of the same name
---@field recursive? boolean with all datasets below
---@field intermediate? boolean every snapshot since the last common one, not the newest alone (true by default)
---@field properties? boolean with the datasets' properties (-p)
---@field raw? boolean encrypted datasets as they are on the disk (-w); the other host needs no key
---@field compressed? boolean compressed blocks as they are on the disk (-c)
---@field large_blocks? boolean blocks of more than 128 KiB as they are (-L)
---@field mount? boolean mount there what is received
---@field force? boolean give up there what stands in the way: later snapshots, and what was written since the common one; irreversible

---@class zfs.send_to.arguments
---@field dataset string dataset of this host, up to its last snapshot; or the snapshot
---@field host Host the host that receives
---@field to? string dataset there; default: of the same name
---@field recursive? boolean with all datasets below
---@field intermediate? boolean every snapshot since the last common one, not the newest alone (true by default)
---@field properties? boolean with the datasets' properties (-p)
---@field raw? boolean encrypted datasets as they are on the disk (-w); the other host needs no key
---@field compressed? boolean compressed blocks as they are on the disk (-c)
---@field large_blocks? boolean blocks of more than 128 KiB as they are (-L)
---@field mount? boolean mount there what is received
---@field force? boolean give up there what stands in the way: later snapshots, and what was written since the common one; irreversible

---@class zfs.SentSnapshot
---@field snapshot string full name on this host
---@field target string full name on the other host
---@field from? string the common snapshot or bookmark that it was sent as the difference from
---@field resumed boolean its beginning was there from an attempt that had been cut

---@class zfs.Sent
---@field changed boolean
---@field snapshots zfs.SentSnapshot[] what was sent, in this order
---@field lost string[] snapshots of the other host that were destroyed
---@field bytes integer how much went over

---@class zfs.set.arguments
---@field name string a dataset or snapshot
---@field properties table<string, any> values by property: text, numbers, true and false for on and off

---@class zfs.Set
---@field changed boolean
---@field before table<string, string> former values of what was changed

---@class zfs.snapshot.options
---@field recursive? boolean of all datasets below, too, at the same instant
---@field properties? table<string, any> values by property of the snapshots

---@class zfs.snapshot.arguments
---@field names string|string[] snapshots to take, such as "zroot@before"
---@field recursive? boolean of all datasets below, too, at the same instant
---@field properties? table<string, any> values by property of the snapshots

---@class zfs.Snapshots
---@field changed boolean
---@field created string[] full names

---@class zfs.unallow.options
---@field users? string[] for these users
---@field groups? string[] for these groups
---@field everyone? boolean for everyone
---@field create? boolean for whoever creates a dataset below, on that dataset
---@field set? string in this set of permissions, such as "@backup"
---@field scope? "both"|"local"|"descendent" where it counts: local is the dataset alone, descendent what is below ("both" by default)

---@class zfs.unallow.arguments
---@field name string a dataset
---@field permissions? string|string[] permissions and sets of them ("@backup"); to unallow without any: all
---@field users? string[] for these users
---@field groups? string[] for these groups
---@field everyone? boolean for everyone
---@field create? boolean for whoever creates a dataset below, on that dataset
---@field set? string in this set of permissions, such as "@backup"
---@field scope? "both"|"local"|"descendent" where it counts: local is the dataset alone, descendent what is below ("both" by default)

---@class zfs.unmount.options
---@field force? boolean even if it is in use

---@class zfs.unmount.arguments
---@field name string a file system
---@field force? boolean even if it is in use

---@class zfs.upgrade.options
---@field all? boolean upgrade all file systems of all pools

---@class zfs.upgrade.arguments
---@field names? string|string[] file systems to upgrade
---@field all? boolean upgrade all file systems of all pools

---@class zfs.OldFileSystem
---@field name string full name
---@field version integer version of the file system

---@class zfs.Upgraded
---@field changed boolean
---@field supported integer newest version that the host knows
---@field old zfs.OldFileSystem[] file systems of older versions, as they were before
---@field upgraded string[] those that were upgraded
