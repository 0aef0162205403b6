---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---ZFS pools: their devices, health, scrubs, properties and format.
---@class h.zpool
local zpool = {}

---Returns all that is known of a pool: state, the tree of its devices with their errors, the last scrub or resilver, damaged files.
---@param pool string name of the pool
---@return zpool.Status
---@overload fun(arguments: zpool.status.arguments): zpool.Status
function zpool.status(pool) end

---Tells whether pools are well: every device online, no errors counted, nothing resilvering, no data lost. A pool of an old format is healthy; so is one that is being scrubbed.
---@param pools? string|string[] only these pools; default: all
---@return zpool.Health
---@overload fun(arguments: zpool.healthy.arguments): zpool.Health
function zpool.healthy(pools) end

---Returns the imported pools with their sizes.
---@param pool? string only this pool; default: all
---@return zpool.Pool[]
---@overload fun(arguments: zpool.list.arguments): zpool.Pool[]
function zpool.list(pool) end

---Returns properties of a pool, by name.
---@param pool string name of the pool
---@param properties? string|string[] names, as bootfs or feature@lz4_compress; default: all
---@return table<string, zpool.Property>
---@overload fun(arguments: zpool.get.arguments): table<string, zpool.Property>
function zpool.get(pool, properties) end

---Returns each device of a pool with the disk and the partition that it lies on, by whatever name the pool knows it.
---@param pool string name of the pool
---@return zpool.Disk[]
---@overload fun(arguments: zpool.disks.arguments): zpool.Disk[]
function zpool.disks(pool) end

---Returns the format of a pool: its version, or its features.
---@param pool string name of the pool
---@return zpool.Features
---@overload fun(arguments: zpool.features.arguments): zpool.Features
function zpool.features(pool) end

---Returns the commands that made a pool what it is, oldest first.
---@param pool string name of the pool
---@param options? zpool.history.options
---@return zpool.Entry[]
---@overload fun(arguments: zpool.history.arguments): zpool.Entry[]
function zpool.history(pool, options) end

---Returns what the kernel noted of pools since it booted, oldest first. It came with FreeBSD 13.
---@param pool? string only of this pool; default: all
---@param options? zpool.events.options
---@return zpool.Event[]
---@overload fun(arguments: zpool.events.arguments): zpool.Event[]
function zpool.events(pool, options) end

---Returns the traffic of a pool and its devices, as an average or measured for a while.
---@param pool string name of the pool
---@param options? zpool.iostat.options
---@return zpool.Iostat
---@overload fun(arguments: zpool.iostat.arguments): zpool.Iostat
function zpool.iostat(pool, options) end

---Returns the pools that could be imported, as their devices tell of them.
---@param dirs? string|string[] folders to look for devices in; default: /dev
---@return zpool.Status[]
---@overload fun(arguments: zpool.importable.arguments): zpool.Status[]
function zpool.importable(dirs) end

---Makes a pool. One of that name that has all of the devices is left alone. With force it uses devices that seem to be in use, which is irreversible.
---@param pool string name of the pool
---@param devices string|string[] devices and groups, as zpool create takes them: {"mirror", "gpt/disk0", "gpt/disk1"}
---@param options? zpool.create.options
---@return zpool.Changed
---@overload fun(arguments: zpool.create.arguments): zpool.Changed
function zpool.create(pool, devices, options) end

---Destroys a pool and all that is in it. One that is not there is left alone.
---@param pool string name of the pool
---@param options? zpool.destroy.options
---@return zpool.Changed
---@overload fun(arguments: zpool.destroy.arguments): zpool.Changed
function zpool.destroy(pool, options) end

---Makes a pool known to the system. One that is imported is left alone. With force, rewind, checkpoint or missing_log it may lose data, which is irreversible.
---@param pool string name of the pool, or its guid
---@param options? zpool.import.options
---@return zpool.Changed
---@overload fun(arguments: zpool.import.arguments): zpool.Changed
function zpool.import(pool, options) end

---Takes a pool away from the system, so that another one may import it. One that is not imported is left alone.
---@param pool string name of the pool
---@param options? zpool.export.options
---@return zpool.Changed
---@overload fun(arguments: zpool.export.arguments): zpool.Changed
function zpool.export(pool, options) end

---Makes a second pool of one device of each mirror.
---@param pool string name of a pool of mirrors
---@param new string name of the pool to be made of one device of each mirror
---@param options? zpool.split.options
---@return zpool.Changed
---@overload fun(arguments: zpool.split.arguments): zpool.Changed
function zpool.split(pool, new, options) end

---Removes the label that makes a device part of a pool, after the pool has gone.
---@param device string device, as /dev/gpt/disk1
---@param options? zpool.labelclear.options
---@return zpool.Changed
---@overload fun(arguments: zpool.labelclear.arguments): zpool.Changed
function zpool.labelclear(device, options) end

---Enables all features of a pool that the running system supports and the pool's compatibility allows, or brings it to a later version. What is up to date is left alone. Older systems and boot code cannot read the pool afterwards: h.boot.check tells whether the host's can.
---@param pool string name of the pool
---@param options? zpool.upgrade.options
---@return zpool.Upgraded
---@overload fun(arguments: zpool.upgrade.arguments): zpool.Upgraded
function zpool.upgrade(pool, options) end

---Makes a pool larger. If it has all of the devices already, it is left alone.
---@param pool string name of the pool
---@param devices string|string[] devices and groups, as zpool add takes them: {"mirror", "gpt/a", "gpt/b"}, {"cache", "nda0"}
---@param options? zpool.add.options
---@return zpool.Changed
---@overload fun(arguments: zpool.add.arguments): zpool.Changed
function zpool.add(pool, devices, options) end

---Takes devices out of a pool; their data moves to the others, which zpool.wait waits for. A device that the pool does not have is left alone.
---@param pool string name of the pool
---@param devices string|string[] devices or groups, as h.zpool.status names them
---@param options? zpool.remove.options
---@return zpool.Changed
---@overload fun(arguments: zpool.remove.arguments): zpool.Changed
function zpool.remove(pool, devices, options) end

---Makes a device a mirror, or a mirror wider. One that is there is left alone. The resilver goes on after the call: zpool.wait waits for it.
---@param pool string name of the pool
---@param device string device that the new one shall mirror, or a raidz group to widen
---@param new string device to attach
---@param options? zpool.attach.options
---@return zpool.Changed
---@overload fun(arguments: zpool.attach.arguments): zpool.Changed
function zpool.attach(pool, device, new, options) end

---Takes a device out of a mirror. A device that the pool does not have is left alone.
---@param pool string name of the pool
---@param device string device of a mirror
---@return zpool.Changed
---@overload fun(arguments: zpool.detach.arguments): zpool.Changed
function zpool.detach(pool, device) end

---Puts another device in a device's place. The resilver goes on after the call: zpool.wait waits for it.
---@param pool string name of the pool
---@param device string device to replace: its name, or the guid that status shows for one that is gone
---@param new? string device that takes its place; default: another disk in the same place
---@param options? zpool.replace.options
---@return zpool.Changed
---@overload fun(arguments: zpool.replace.arguments): zpool.Changed
function zpool.replace(pool, device, new, options) end

---Brings devices back into use. Those that are online are left alone.
---@param pool string name of the pool
---@param devices string|string[] devices
---@param options? zpool.online.options
---@return zpool.Changed
---@overload fun(arguments: zpool.online.arguments): zpool.Changed
function zpool.online(pool, devices, options) end

---Takes devices out of use. The pool stays readable without them, or the tool refuses.
---@param pool string name of the pool
---@param devices string|string[] devices
---@param options? zpool.offline.options
---@return zpool.Changed
---@overload fun(arguments: zpool.offline.arguments): zpool.Changed
function zpool.offline(pool, devices, options) end

---Gives properties of a pool the values that they do not have yet. A feature or a version is irreversible, as an upgrade is.
---@param pool string name of the pool
---@param properties table<string, any> values by name: strings, numbers (bytes), true and false for on and off
---@return zpool.Changed
---@overload fun(arguments: zpool.set.arguments): zpool.Changed
function zpool.set(pool, properties) end

---Forgets the errors that were counted, and lets a suspended pool go on. Without errors nothing is done.
---@param pool string name of the pool
---@param device? string only this device; default: all
---@return zpool.Changed
---@overload fun(arguments: zpool.clear.arguments): zpool.Changed
function zpool.clear(pool, device) end

---Lets a pool read and check all of its data, or pauses or cancels that. A scrub that is under way, and with max_age a recent one, is left alone.
---@param pool string name of the pool
---@param options? zpool.scrub.options
---@return zpool.Scrubbed
---@overload fun(arguments: zpool.scrub.arguments): zpool.Scrubbed
function zpool.scrub(pool, options) end

---Tells the devices of a pool which of their space is free. A trim that is under way is left alone. It came with FreeBSD 13.
---@param pool string name of the pool
---@param devices? string|string[] only these devices; default: all
---@param options? zpool.trim.options
---@return zpool.Changed
---@overload fun(arguments: zpool.trim.arguments): zpool.Changed
function zpool.trim(pool, devices, options) end

---Waits until nothing of the kind is under way on a pool, and returns its status. It works on releases without zpool wait, too.
---@param pool string name of the pool
---@param activities? ("scrub"|"resilver"|"replace"|"remove"|"checkpoint")[] what to wait for the end of; default: all of them
---@param options? zpool.wait.options
---@return zpool.Status
---@overload fun(arguments: zpool.wait.arguments): zpool.Status
function zpool.wait(pool, activities, options) end

---Keeps the present state of a pool, so that import can rewind to it, or discards that. A pool has one checkpoint at most: one that is there stays.
---@param pool string name of the pool
---@param options? zpool.checkpoint.options
---@return zpool.Changed
---@overload fun(arguments: zpool.checkpoint.arguments): zpool.Changed
function zpool.checkpoint(pool, options) end

---@class zpool.status.arguments
---@field pool string name of the pool

---@class zpool.Scan
---@field kind string scrub, resilver, or none
---@field state string none, running, paused, finished or canceled
---@field started string when it began, where the tool tells
---@field ended string when it finished or was canceled
---@field took number how long it took
---@field repaired integer data it has put right
---@field errors integer errors that it could not put right
---@field done number how far it is, in percent
---@field left number how long it is expected to take yet; 0: not told
---@field text? string the tool's own words, line by line; absent since FreeBSD 15

---@class zpool.Checkpoint
---@field exists boolean there is one
---@field created string when it was made
---@field size integer space it holds
---@field discarding boolean it is being removed

---@class zpool.Vdev
---@field name string as the tool names it, without /dev/: mirror-0, gpt/disk0; the guid of a device that is gone
---@field type string mirror, raidz1 to raidz3, draid, replacing, spare, indirect, hole, missing, disk or file
---@field class string what it is for: normal, log, cache, spare, special or dedup
---@field state string ONLINE, DEGRADED, FAULTED, OFFLINE, UNAVAIL, REMOVED; of a spare AVAIL or INUSE
---@field path? string absolute path of a device or file; the last known one of a device that is gone
---@field guid? string identifier, where the tool tells it: of devices that are gone, and since FreeBSD 15
---@field read integer read errors
---@field write integer write errors
---@field checksum integer checksum errors
---@field note? string what the tool says of it besides: (resilvering), 12K resilvered, was /dev/gpt/disk1
---@field vdevs zpool.Vdev[] what the group consists of

---@class zpool.Errors
---@field count integer damaged files and objects; -1 where the tool does not tell
---@field files string[] paths and objects that are damaged
---@field text string the tool's words

---@class zpool.Status
---@field name string name of the pool
---@field guid? string identifier, where the tool tells it: of pools that can be imported, and since FreeBSD 15
---@field state string ONLINE, DEGRADED, FAULTED, OFFLINE, UNAVAIL, REMOVED or SUSPENDED; a pool that has lost data may be ONLINE
---@field healthy boolean every device is well, nothing is being repaired, no error was counted
---@field problems string[] what keeps the pool from being healthy, in words
---@field status? string what the tool has to say about the pool
---@field action? string what it advises
---@field see? string address that explains it
---@field message? string code of that explanation, as ZFS-8000-9P
---@field scan zpool.Scan last scrub or resilver
---@field removal? string removal of a device, in the tool's words
---@field checkpoint zpool.Checkpoint checkpoint of the pool
---@field read integer read errors of the pool
---@field write integer write errors of the pool
---@field checksum integer checksum errors of the pool
---@field vdevs zpool.Vdev[] the pool's devices and groups, logs, caches and spares included
---@field errors zpool.Errors data that is lost
---@field other table<string, string> further lines of the tool, by their label

---@class zpool.healthy.arguments
---@field pools? string|string[] only these pools; default: all

---@class zpool.Health
---@field healthy boolean every pool is
---@field problems string[] what is wrong, each with the pool's name
---@field pools zpool.Status[] each pool, as zpool.status tells of it

---@class zpool.list.arguments
---@field pool? string only this pool; default: all

---@class zpool.Pool
---@field name string name
---@field guid string identifier
---@field size integer raw size of its devices
---@field allocated integer in use
---@field free integer not in use
---@field capacity number in use, in percent
---@field fragmentation number of the free space, in percent; 0 where it is not told
---@field dedup number deduplication ratio; 1 without
---@field health string ONLINE, DEGRADED, FAULTED, ...
---@field altroot? string folder that its mount points are below
---@field version? integer version of an old pool; absent where features count
---@field bootfs? string dataset that it boots
---@field exact boolean sizes are exact; older releases round them to three digits

---@class zpool.get.arguments
---@field pool string name of the pool
---@field properties? string|string[] names, as bootfs or feature@lz4_compress; default: all

---@class zpool.Property
---@field value string as the tool has it: sizes in bytes where it tells them exactly
---@field source string local, default, temporary, received, inherited from NAME, or - for what cannot be set

---@class zpool.disks.arguments
---@field pool string name of the pool

---@class zpool.Disk
---@field device string as the pool names it: gpt/disk0; the guid of one that is gone
---@field state string ONLINE, OFFLINE, ...
---@field class string normal, log, cache, spare, special or dedup
---@field provider? string what it is in truth: ada0p3; absent where that is not known
---@field disk? string disk that it lies on: ada0
---@field partition? integer index of the partition: 3; absent of whole disks
---@field type? string type of the partition: freebsd-zfs
---@field label? string GPT label of the partition: disk0
---@field encrypted boolean it lies on geli(8)
---@field file boolean it is a file

---@class zpool.features.arguments
---@field pool string name of the pool

---@class zpool.Features
---@field version? integer version of an old pool; absent where features count
---@field features table<string, string> disabled, enabled or active, by name; empty where the release knows no features
---@field unsupported string[] features in use that the running system does not know
---@field compatibility? string what an upgrade may enable: off (all), legacy (none), or names of sets

---@class zpool.history.options
---@field internal? boolean also what ZFS itself noted
---@field last? integer only so many of the latest; 0: all

---@class zpool.history.arguments
---@field pool string name of the pool
---@field internal? boolean also what ZFS itself noted
---@field last? integer only so many of the latest; 0: all

---@class zpool.Entry
---@field time string when
---@field command string command, or what ZFS noted
---@field by? string user, host and zone, as the tool has them

---@class zpool.events.options
---@field last? integer only so many of the latest; 0: all that the kernel keeps

---@class zpool.events.arguments
---@field pool? string only of this pool; default: all
---@field last? integer only so many of the latest; 0: all that the kernel keeps

---@class zpool.Event
---@field time string when
---@field class string what: sysevent.fs.zfs.scrub_finish, ereport.fs.zfs.checksum, ...

---@class zpool.iostat.options
---@field interval? number measure for so long, in whole seconds; 0: the average since the pool was imported

---@class zpool.iostat.arguments
---@field pool string name of the pool
---@field interval? number measure for so long, in whole seconds; 0: the average since the pool was imported

---@class zpool.Iostat
---@field name string pool, group or device
---@field allocated integer in use; 0 of single devices
---@field free integer not in use; 0 of single devices
---@field reads integer read operations a second
---@field writes integer write operations a second
---@field read_bytes integer read a second
---@field write_bytes integer written a second
---@field devices zpool.Iostat[] what it consists of

---@class zpool.importable.arguments
---@field dirs? string|string[] folders to look for devices in; default: /dev

---@class zpool.create.options
---@field properties? table<string, any> of the pool: ashift, autotrim, compatibility, version of an old pool, feature@NAME
---@field fs_properties? table<string, any> of its first dataset: compression, mountpoint, ...
---@field mountpoint? string folder, legacy or none; default: /POOL
---@field altroot? string folder that its mount points are below until it is exported
---@field bare? boolean enable no features but those named in properties
---@field force? boolean use devices that seem to be in use, or of unlike redundancy

---@class zpool.create.arguments
---@field pool string name of the pool
---@field devices string|string[] devices and groups, as zpool create takes them: {"mirror", "gpt/disk0", "gpt/disk1"}
---@field properties? table<string, any> of the pool: ashift, autotrim, compatibility, version of an old pool, feature@NAME
---@field fs_properties? table<string, any> of its first dataset: compression, mountpoint, ...
---@field mountpoint? string folder, legacy or none; default: /POOL
---@field altroot? string folder that its mount points are below until it is exported
---@field bare? boolean enable no features but those named in properties
---@field force? boolean use devices that seem to be in use, or of unlike redundancy

---@class zpool.Changed
---@field changed boolean something was, or in check mode would be, changed

---@class zpool.destroy.options
---@field force? boolean unmount what is in use

---@class zpool.destroy.arguments
---@field pool string name of the pool
---@field force? boolean unmount what is in use

---@class zpool.import.options
---@field as? string name to give it; default: its own
---@field dirs? string[] folders to look for its devices in; default: /dev
---@field properties? table<string, any> of the pool, for as long as it is imported
---@field altroot? string folder that its mount points are below
---@field readonly? boolean import it without writing to it
---@field no_mount? boolean mount nothing
---@field load_keys? boolean load the keys that are in files
---@field force? boolean although another system seems to use it: a pool that two systems write to is lost
---@field missing_log? boolean without its log device: what was written last is lost
---@field rewind? boolean give up the last transactions to make it importable
---@field checkpoint? boolean rewind to the pool's checkpoint: all later changes are lost

---@class zpool.import.arguments
---@field pool string name of the pool, or its guid
---@field as? string name to give it; default: its own
---@field dirs? string[] folders to look for its devices in; default: /dev
---@field properties? table<string, any> of the pool, for as long as it is imported
---@field altroot? string folder that its mount points are below
---@field readonly? boolean import it without writing to it
---@field no_mount? boolean mount nothing
---@field load_keys? boolean load the keys that are in files
---@field force? boolean although another system seems to use it: a pool that two systems write to is lost
---@field missing_log? boolean without its log device: what was written last is lost
---@field rewind? boolean give up the last transactions to make it importable
---@field checkpoint? boolean rewind to the pool's checkpoint: all later changes are lost

---@class zpool.export.options
---@field force? boolean unmount what is in use

---@class zpool.export.arguments
---@field pool string name of the pool
---@field force? boolean unmount what is in use

---@class zpool.split.options
---@field devices? string[] which device of each mirror; default: the last
---@field properties? table<string, any> of the new pool
---@field altroot? string import the new pool with its mount points below this folder; without it, it stays exported

---@class zpool.split.arguments
---@field pool string name of a pool of mirrors
---@field new string name of the pool to be made of one device of each mirror
---@field devices? string[] which device of each mirror; default: the last
---@field properties? table<string, any> of the new pool
---@field altroot? string import the new pool with its mount points below this folder; without it, it stays exported

---@class zpool.labelclear.options
---@field force? boolean also where it is part of an exported pool or one that is not known to be gone

---@class zpool.labelclear.arguments
---@field device string device, as /dev/gpt/disk1
---@field force? boolean also where it is part of an exported pool or one that is not known to be gone

---@class zpool.upgrade.options
---@field version? integer upgrade an old pool to this version only; default: to all that the system supports

---@class zpool.upgrade.arguments
---@field pool string name of the pool
---@field version? integer upgrade an old pool to this version only; default: to all that the system supports

---@class zpool.Upgraded
---@field changed boolean the pool was, or in check mode would be, upgraded
---@field from? integer version of an old pool before
---@field pending string[] features that were not enabled before and that the compatibility of the pool allows
---@field to? integer version after; absent where features count
---@field features string[] features that were enabled
---@field text string what the tool said

---@class zpool.add.options
---@field force? boolean use devices that seem to be in use, or mix kinds of redundancy

---@class zpool.add.arguments
---@field pool string name of the pool
---@field devices string|string[] devices and groups, as zpool add takes them: {"mirror", "gpt/a", "gpt/b"}, {"cache", "nda0"}
---@field force? boolean use devices that seem to be in use, or mix kinds of redundancy

---@class zpool.remove.options
---@field cancel? boolean cancel a removal that is under way instead; devices may then be empty

---@class zpool.remove.arguments
---@field pool string name of the pool
---@field devices string|string[] devices or groups, as h.zpool.status names them
---@field cancel? boolean cancel a removal that is under way instead; devices may then be empty

---@class zpool.attach.options
---@field force? boolean use the new device although it seems to be in use

---@class zpool.attach.arguments
---@field pool string name of the pool
---@field device string device that the new one shall mirror, or a raidz group to widen
---@field new string device to attach
---@field force? boolean use the new device although it seems to be in use

---@class zpool.detach.arguments
---@field pool string name of the pool
---@field device string device of a mirror

---@class zpool.replace.options
---@field force? boolean use the new device although it seems to be in use

---@class zpool.replace.arguments
---@field pool string name of the pool
---@field device string device to replace: its name, or the guid that status shows for one that is gone
---@field new? string device that takes its place; default: another disk in the same place
---@field force? boolean use the new device although it seems to be in use

---@class zpool.online.options
---@field expand? boolean let the pool use what a larger device offers

---@class zpool.online.arguments
---@field pool string name of the pool
---@field devices string|string[] devices
---@field expand? boolean let the pool use what a larger device offers

---@class zpool.offline.options
---@field temporary? boolean until the next boot only

---@class zpool.offline.arguments
---@field pool string name of the pool
---@field devices string|string[] devices
---@field temporary? boolean until the next boot only

---@class zpool.set.arguments
---@field pool string name of the pool
---@field properties table<string, any> values by name: strings, numbers (bytes), true and false for on and off

---@class zpool.clear.arguments
---@field pool string name of the pool
---@field device? string only this device; default: all

---@class zpool.scrub.options
---@field max_age? number a scrub that finished without errors no longer ago is good enough; 0: none is
---@field wait? boolean wait until the scrub has ended
---@field stop? boolean cancel a scrub instead
---@field pause? boolean pause a scrub instead; scrub goes on with it
---@field within? number with wait: fail when it takes longer; 0: wait as long as it takes

---@class zpool.scrub.arguments
---@field pool string name of the pool
---@field max_age? number a scrub that finished without errors no longer ago is good enough; 0: none is
---@field wait? boolean wait until the scrub has ended
---@field stop? boolean cancel a scrub instead
---@field pause? boolean pause a scrub instead; scrub goes on with it
---@field within? number with wait: fail when it takes longer; 0: wait as long as it takes

---@class zpool.Scrubbed
---@field changed boolean a scrub was, or in check mode would be, started, paused or canceled
---@field scan zpool.Scan the scrub; with wait the ended one

---@class zpool.trim.options
---@field rate? integer at most so much a second; 0: as fast as it goes
---@field secure? boolean let the devices erase what is freed
---@field stop? boolean cancel instead
---@field suspend? boolean suspend instead; trim goes on with it

---@class zpool.trim.arguments
---@field pool string name of the pool
---@field devices? string|string[] only these devices; default: all
---@field rate? integer at most so much a second; 0: as fast as it goes
---@field secure? boolean let the devices erase what is freed
---@field stop? boolean cancel instead
---@field suspend? boolean suspend instead; trim goes on with it

---@class zpool.wait.options
---@field within? number fail when it takes longer; 0: wait as long as it takes

---@class zpool.wait.arguments
---@field pool string name of the pool
---@field activities? ("scrub"|"resilver"|"replace"|"remove"|"checkpoint")[] what to wait for the end of; default: all of them
---@field within? number fail when it takes longer; 0: wait as long as it takes

---@class zpool.checkpoint.options
---@field discard? boolean remove the checkpoint instead

---@class zpool.checkpoint.arguments
---@field pool string name of the pool
---@field discard? boolean remove the checkpoint instead
