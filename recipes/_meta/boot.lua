---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---Boot code on every disk the host may start from: is it that of /boot, and does it read the pool?
---@class h.boot
local boot = {}

---Tells whether the installed boot code would read the root pool after zpool upgrade, and if not, why. Boot code does not tell its age: only what is byte for byte that of /boot is known to read what the release writes. A member of the pool that is not there speaks against it, since its boot code is unknown.
---@return boot.Verdict
function boot.check() end

---Tells of every disk of the root pool, or of the root file system, which boot code it has and needs, compared with the files in /boot. BIOS: pmbr in the first sector, gptzfsboot or gptboot in the freebsd-boot partition. UEFI: the loader on the EFI partition, at the paths where it is. A disk may have both. An EFI partition that is not mounted is mounted read-only in a private place for the moment. Members that are not there are named.
---@return boot.Plan
function boot.plan() end

---Writes the boot code of /boot to every disk that has older one, and reads it back. Before anything is written it refuses where a disk cannot be updated. What was there is kept in a folder of the host; a loader on an EFI partition also beside the new one, as NAME-OLD.EFI, where there is room. A program on an EFI partition that is not FreeBSD's is left alone. What is current is not written.
---@param options? boot.update.options
---@return boot.Updated
function boot.update(options) end

---Tells of every imported pool which features an upgrade would enable, and whether the host still starts after it.
---@return boot.Upgradable[]
function boot.upgradable() end

---@class boot.Code
---@field kind string pmbr, gptzfsboot, gptboot, loader.efi or boot1.efi
---@field device string where it lies, without /dev/: ada0, ada0p1
---@field path? string file on an EFI partition: /EFI/BOOT/BOOTX64.EFI
---@field file string file of the running system that belongs there: /boot/gptzfsboot
---@field state string current, old, absent, foreign (not FreeBSD's), too_small (no room for the file), no_place (no such partition), no_file (there is none in /boot) or unreadable
---@field needed boolean the host's firmware boots by it
---@field size integer of the file in /boot
---@field room integer that the place has: the partition, or what is free on the EFI partition
---@field installed? string SHA-256 of what is there, over the file's length
---@field wanted? string SHA-256 of the file
---@field note? string what there is to say besides

---@class boot.Disk
---@field name string name of the disk: ada0; as the pool names it where it is not there
---@field member? string what the root lies on there, as the pool or the mount names it: gpt/zfs0; a disk that only boots has none
---@field health? string the pool's word for it: ONLINE, OFFLINE ...
---@field missing boolean the disk is not there: its boot code is unknown and cannot be updated
---@field state string current, old or absent: the worst of the code that the firmware needs; stuck where an update cannot help; missing
---@field codes boot.Code[] its boot code

---@class boot.Verdict
---@field ok boolean every disk's boot code reads the root pool, also once all features of the running release are enabled
---@field reasons string[] what speaks against it, in words; empty where ok
---@field warnings string[] what to keep in mind
---@field release string release of the boot code in /boot
---@field running string release of the running kernel, whose features an upgrade enables
---@field pool? string root pool, if the root is on one
---@field disks boot.Disk[] the disks with their boot code

---@class boot.Plan
---@field method string how the firmware boots: BIOS or UEFI
---@field root_type string zfs or ufs
---@field root string dataset or device of the root file system
---@field pool? string root pool
---@field current boolean all boot code that is there and can be read is that of /boot, and nothing that is needed lacks
---@field disks boot.Disk[] disks of the root pool or of the root file system
---@field missing string[] members of the pool that are not there
---@field problems string[] what an update cannot put right, in words

---@class boot.update.options
---@field backup? string folder of the host that keeps what was there ("/var/backups/bootcode" by default)
---@field skip? string[] disks to leave alone, such as one whose partition is too small

---@class boot.Updated
---@field changed boolean boot code was, or in check mode would be, written
---@field written string[] places that were written: ada0, ada0p1, ada1p1:/EFI/BOOT/BOOTX64.EFI
---@field missing string[] members of the pool that are not there, and so keep what they have
---@field problems string[] what is not as it should be on disks that were skipped or are missing
---@field backups string[] files with what was there before
---@field disks boot.Disk[] the disks as they are now, read back

---@class boot.Upgradable
---@field pool string name of the pool
---@field root boolean the host boots from it
---@field version? integer version of an old pool; one with features has none
---@field supports? integer version that the running release supports; 5000 stands for features
---@field pending string[] features of the running release that are not enabled
---@field needed boolean an upgrade would change something
---@field safe boolean the host still starts after zpool upgrade
---@field features string[] pending features that boot code reads even when they are active; all of them where the host does not boot from the pool, none where it is not safe
---@field reasons string[] why it is not safe
---@field warnings string[] what an upgrade makes impossible, and what to avoid after it
