---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---Partition tables of disks, and the boot code in them.
---@class h.gpart
local gpart = {}

---Adds a partition. It is known by its label or its index: one that is there already, of the same type and, where given, size, is left alone.
---@param disk string the disk
---@param type string freebsd-boot, efi, freebsd-swap, freebsd-zfs, freebsd-ufs ...
---@param options? gpart.add.options
---@return gpart.Added
---@overload fun(arguments: gpart.add.arguments): gpart.Added
function gpart.add(disk, type, options) end

---Returns a disk's table as the text that gpart restore takes.
---@param disk string the disk
---@return gpart.Saved
---@overload fun(arguments: gpart.backup.arguments): gpart.Saved
function gpart.backup(disk) end

---Writes boot code to a GPT disk: partcode into its freebsd-boot partition and bootcode into its first sector. The partition is found by its type, and one of another type is refused, since gpart itself would write over an EFI partition without a word. Code that is larger than the partition is refused. What was written is read back and compared. The former contents are kept in files below backup. What is there already is not written again.
---@param disk string the disk
---@param partcode string what goes into the freebsd-boot partition (-p): /boot/gptzfsboot where the root is on ZFS, /boot/gptboot on UFS
---@param options? gpart.bootcode.options
---@return gpart.Booted
---@overload fun(arguments: gpart.bootcode.arguments): gpart.Booted
function gpart.bootcode(disk, partcode, options) end

---Creates a partition table. One of the same scheme is left alone; another one is not replaced. A disk that is not blank at its beginning needs leave, as what has no way back.
---@param disk string the disk
---@param options? gpart.create.options
---@return gpart.Changed
---@overload fun(arguments: gpart.create.arguments): gpart.Changed
function gpart.create(disk, options) end

---Destroys a disk's partition table. A disk without one is left alone. A table that still has partitions is destroyed with force=true alone.
---@param disk string the disk
---@param options? gpart.destroy.options
---@return gpart.Changed
---@overload fun(arguments: gpart.destroy.arguments): gpart.Changed
function gpart.destroy(disk, options) end

---Gives a GPT partition its label, the name below /dev/gpt.
---@param disk string the disk
---@param index integer the partition's number
---@param label string the label; empty: none
---@return gpart.Changed
---@overload fun(arguments: gpart.label.arguments): gpart.Changed
function gpart.label(disk, index, label) end

---Removes a partition (gpart delete), named by index or label. One that is not there is no error.
---@param disk string the disk
---@param options? gpart.remove.options
---@return gpart.Changed
---@overload fun(arguments: gpart.remove.arguments): gpart.Changed
function gpart.remove(disk, options) end

---Gives a partition another size; without one, all the room that follows it. A file system or pool in it does not grow by itself. A smaller size is Irreversible: what lies beyond is lost.
---@param disk string the disk
---@param index integer the partition's number
---@param options? gpart.resize.options
---@return gpart.Changed
---@overload fun(arguments: gpart.resize.arguments): gpart.Changed
function gpart.resize(disk, index, options) end

---Writes a table that backup returned to a disk. A disk that has it is left alone; another table is replaced with force=true alone.
---@param disk string the disk
---@param text string what backup returned
---@param options? gpart.restore.options
---@return gpart.Changed
---@overload fun(arguments: gpart.restore.arguments): gpart.Changed
function gpart.restore(disk, text, options) end

---Returns the partition tables of all disks, or of one: partitions with type, label and place, and the gaps.
---@param disk? string one disk; default: all that have a table
---@return gpart.Table[]
---@overload fun(arguments: gpart.show.arguments): gpart.Table[]
function gpart.show(disk) end

---@class gpart.add.options
---@field label? string its GPT label; the partition is known by it
---@field index? integer its number; without a label the partition is known by it
---@field size? integer how large; default: all of the largest gap
---@field offset? integer where it begins; default: in the first gap in which it fits
---@field align? integer it begins at a multiple of this, and without a size ends at one (1048576 by default)

---@class gpart.add.arguments
---@field disk string the disk
---@field type string freebsd-boot, efi, freebsd-swap, freebsd-zfs, freebsd-ufs ...
---@field label? string its GPT label; the partition is known by it
---@field index? integer its number; without a label the partition is known by it
---@field size? integer how large; default: all of the largest gap
---@field offset? integer where it begins; default: in the first gap in which it fits
---@field align? integer it begins at a multiple of this, and without a size ends at one (1048576 by default)

---@class gpart.Added
---@field changed boolean the partition was, or in check mode would be, added
---@field name string its device without /dev/

---@class gpart.backup.arguments
---@field disk string the disk

---@class gpart.Saved
---@field text string what gpart restore takes
---@field scheme string kind of table

---@class gpart.bootcode.options
---@field bootcode? string what goes into the first sector (-b) ("/boot/pmbr" by default)
---@field index? integer number of the partition, where the disk has several of the type freebsd-boot
---@field backup? string directory that keeps what was there ("/var/backups/bootcode" by default)

---@class gpart.bootcode.arguments
---@field disk string the disk
---@field partcode string what goes into the freebsd-boot partition (-p): /boot/gptzfsboot where the root is on ZFS, /boot/gptboot on UFS
---@field bootcode? string what goes into the first sector (-b) ("/boot/pmbr" by default)
---@field index? integer number of the partition, where the disk has several of the type freebsd-boot
---@field backup? string directory that keeps what was there ("/var/backups/bootcode" by default)

---@class gpart.Booted
---@field changed boolean boot code was, or in check mode would be, written
---@field partition string the freebsd-boot partition
---@field index integer its number
---@field backups string[] files with what was there before; empty where nothing was written

---@class gpart.create.options
---@field scheme? "GPT"|"MBR"|"BSD"|"APM"|"EBR"|"VTOC8"|"LDM" kind of table ("GPT" by default)
---@field entries? integer places for partitions (-n); default: gpart's

---@class gpart.create.arguments
---@field disk string the disk
---@field scheme? "GPT"|"MBR"|"BSD"|"APM"|"EBR"|"VTOC8"|"LDM" kind of table ("GPT" by default)
---@field entries? integer places for partitions (-n); default: gpart's

---@class gpart.Changed
---@field changed boolean the table is, or in check mode would be, different now

---@class gpart.destroy.options
---@field force? boolean with all its partitions (-F)

---@class gpart.destroy.arguments
---@field disk string the disk
---@field force? boolean with all its partitions (-F)

---@class gpart.label.arguments
---@field disk string the disk
---@field index integer the partition's number
---@field label string the label; empty: none

---@class gpart.remove.options
---@field index? integer the partition's number
---@field label? string or its label

---@class gpart.remove.arguments
---@field disk string the disk
---@field index? integer the partition's number
---@field label? string or its label

---@class gpart.resize.options
---@field size? integer its new size; default: all the room there is
---@field align? integer without a size, the partition's size is a multiple of this (1048576 by default)

---@class gpart.resize.arguments
---@field disk string the disk
---@field index integer the partition's number
---@field size? integer its new size; default: all the room there is
---@field align? integer without a size, the partition's size is a multiple of this (1048576 by default)

---@class gpart.restore.options
---@field force? boolean replace another table (-F)
---@field labels? boolean restore the labels, too (-l); not for a second disk of the same host, where they would be there twice (true by default)

---@class gpart.restore.arguments
---@field disk string the disk
---@field text string what backup returned
---@field force? boolean replace another table (-F)
---@field labels? boolean restore the labels, too (-l); not for a second disk of the same host, where they would be there twice (true by default)

---@class gpart.show.arguments
---@field disk? string one disk; default: all that have a table

---@class gpart.Partition
---@field index integer its number: ada0p1 has 1
---@field name string its device without /dev/: ada0p1
---@field type string freebsd-boot, efi, freebsd-swap, freebsd-zfs, freebsd-ufs ...
---@field label? string its GPT label, if any
---@field offset integer where it begins
---@field size integer how large it is
---@field attributes string[] bootme, active ...

---@class gpart.Range
---@field offset integer where it begins
---@field size integer how large it is

---@class gpart.Table
---@field disk string name of the disk, or of what else holds the table
---@field scheme string GPT, MBR, BSD ...
---@field sector_size integer of a sector
---@field offset integer where the room for partitions begins
---@field size integer of the room for partitions
---@field corrupt boolean a copy of the table is damaged: gpart recover
---@field partitions gpart.Partition[] in the order of the disk
---@field free gpart.Range[] gaps, in the order of the disk
