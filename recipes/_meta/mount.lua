---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---File systems: what is mounted, and what /etc/fstab mounts at boot.
---@class h.mount
local mount = {}

---Makes a file system mounted and a line of /etc/fstab. It is mounted first: a line that does not work would stop the next boot. The line of that mount point is changed where it stands, and a new one goes to the end; comments, order and all other lines stay. Datasets of ZFS need mountpoint=legacy.
---@param mountpoint string the directory; it is made where it is missing
---@param options? mount.ensure.options
---@return mount.Changed
---@overload fun(arguments: mount.ensure.arguments): mount.Changed
function mount.ensure(mountpoint, options) end

---Lists what is mounted and what fstab names, swap too: first what is mounted, in its order.
---@return mount.FileSystem[]
function mount.list() end

---Unmounts a file system and removes its line from /etc/fstab. What is neither mounted nor named there is no failure.
---@param mountpoint string the directory
---@param options? mount.remove.options
---@return mount.Changed
---@overload fun(arguments: mount.remove.arguments): mount.Changed
function mount.remove(mountpoint, options) end

---@class mount.ensure.options
---@field device? string what is mounted: device, dataset, host:/path, or tmpfs
---@field type? "ufs"|"zfs"|"nfs"|"tmpfs"|"nullfs"|"msdosfs"|"devfs"|"procfs"|"fdescfs"|"linprocfs"|"linsysfs"|"cd9660"|"ext2fs" its file system
---@field options? string[] mount options; rw where none says otherwise
---@field dump? integer how often dump(8) saves it (0 by default)
---@field pass? integer pass of fsck(8): 2 for a file system that it checks (0 by default)
---@field mounted? boolean mount it now; without, options must hold noauto or failok, since nobody has tried the line (true by default)
---@field fstab? boolean mount it at boot, too (true by default)

---@class mount.ensure.arguments
---@field mountpoint string the directory; it is made where it is missing
---@field device? string what is mounted: device, dataset, host:/path, or tmpfs
---@field type? "ufs"|"zfs"|"nfs"|"tmpfs"|"nullfs"|"msdosfs"|"devfs"|"procfs"|"fdescfs"|"linprocfs"|"linsysfs"|"cd9660"|"ext2fs" its file system
---@field options? string[] mount options; rw where none says otherwise
---@field dump? integer how often dump(8) saves it (0 by default)
---@field pass? integer pass of fsck(8): 2 for a file system that it checks (0 by default)
---@field mounted? boolean mount it now; without, options must hold noauto or failok, since nobody has tried the line (true by default)
---@field fstab? boolean mount it at boot, too (true by default)

---@class mount.Changed
---@field changed boolean one of the two, or in check mode would be
---@field mounted boolean it was mounted, mounted with other options, or unmounted
---@field fstab boolean fstab was changed

---@class mount.FileSystem
---@field device string device, dataset, host:/path, directory or other source
---@field mountpoint string where; none for swap
---@field type string ufs, zfs, tmpfs, nfs, nullfs, msdosfs, swap ...
---@field options string[] as it is mounted; of what is not, as fstab has them
---@field mounted boolean it is mounted; of swap it is not told
---@field fstab boolean fstab has a line for it
---@field dump integer how often dump(8) is to save it
---@field pass integer in which pass fsck(8) checks it; 0: never

---@class mount.remove.options
---@field force? boolean also when files in it are in use (umount -f)

---@class mount.remove.arguments
---@field mountpoint string the directory
---@field force? boolean also when files in it are in use (umount -f)
