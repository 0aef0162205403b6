---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---Disk images of virtual machines: what they are, what they hold, and raw ones made of them.
---@class h.image
local image = {}

---Removes a raw image that to_raw made, and what it noted of it. Any other file is left alone.
---@param path string the raw image's absolute path
---@return image.Discarded
---@overload fun(arguments: image.discard.arguments): image.Discarded
function image.discard(path) end

---Returns which ranges of an image hold data and which read as zeroes, through the whole chain of backing files. Neighbours of a kind are one range.
---@param path string the image's absolute path
---@param options? image.extents.options
---@return image.Extents
---@overload fun(arguments: image.extents.arguments): image.Extents
function image.extents(path, options) end

---Returns what an image is: format, sizes, snapshots in it, and the chain of its backing files. Without format the image itself says what it is; a raw one that a guest has written can say anything, so that the definition of its machine should be believed instead.
---@param path string the image's absolute path
---@param options? image.info.options
---@return image.Info
---@overload fun(arguments: image.info.arguments): image.Info
function image.info(path, options) end

---Returns how large an image is: for the guest, and on the disk. Its backing files do not count.
---@param path string the image's absolute path
---@param options? image.size.options
---@return image.Size
---@overload fun(arguments: image.size.arguments): image.Size
function image.size(path, options) end

---Makes a sparse raw image of an image with all of its backing files. It runs as a job that a lost connection does not end; the result gets its name once it is whole and compared with the source. One that was made of the same source, neither of them changed since, is left alone. It belongs to the user that made it and is nobody else's to read.
---@param from string the image's absolute path
---@param to string the raw image's absolute path
---@param options? image.to_raw.options
---@return image.Raw
---@overload fun(arguments: image.to_raw.arguments): image.Raw
function image.to_raw(from, to, options) end

---@class image.discard.arguments
---@field path string the raw image's absolute path

---@class image.Discarded
---@field changed boolean it was there, or in check mode is
---@field path string where it was

---@class image.extents.options
---@field format? string its format; default: as it says itself
---@field force_share? boolean look although a running machine writes to it: what is found may be out of date or make no sense (-U)
---@field totals? boolean leave the ranges out: a scattered image has a million of them

---@class image.extents.arguments
---@field path string the image's absolute path
---@field format? string its format; default: as it says itself
---@field force_share? boolean look although a running machine writes to it: what is found may be out of date or make no sense (-U)
---@field totals? boolean leave the ranges out: a scattered image has a million of them

---@class image.Extent
---@field start integer offset of its first byte
---@field length integer its bytes
---@field data boolean it holds data; else it reads as zeroes

---@class image.Extents
---@field size integer bytes that a guest sees
---@field data integer bytes of ranges with data, which is what a raw image of it takes
---@field vdi integer bytes of the MiB in which there is any data, which is what a VDI image of it takes
---@field zero integer bytes of ranges that read as zeroes
---@field extents image.Extent[] the ranges, from the start to the end; none with totals

---@class image.info.options
---@field format? string its format; default: as it says itself
---@field force_share? boolean look although a running machine writes to it: what is found may be out of date or make no sense (-U)

---@class image.info.arguments
---@field path string the image's absolute path
---@field format? string its format; default: as it says itself
---@field force_share? boolean look although a running machine writes to it: what is found may be out of date or make no sense (-U)

---@class image.Snapshot
---@field id string its number
---@field name string its name
---@field time string when it was made
---@field memory integer bytes of the machine's memory in it; 0: the disk alone

---@class image.Image
---@field path string its file or device
---@field format string raw, qcow2, vdi, vmdk, ...
---@field virtual_size integer bytes that a guest sees
---@field actual_size integer bytes that it takes on the disk
---@field cluster_size? integer bytes of a cluster
---@field compat? string version of qcow2: 0.10 or 1.1
---@field compression? string how compressed clusters are: zlib or zstd
---@field encrypted boolean it is encrypted
---@field dirty boolean it was not closed well
---@field corrupt boolean QEMU has found it damaged
---@field backing? string its backing file, as it names it
---@field backing_path? string where that is
---@field backing_format? string the format that it says the backing file has
---@field data_file? string the file that has its data, where that is another
---@field snapshots image.Snapshot[] snapshots that it holds

---@class image.Info
---@field path string its file or device
---@field format string raw, qcow2, vdi, vmdk, ...
---@field virtual_size integer bytes that a guest sees
---@field actual_size integer bytes that it takes on the disk
---@field cluster_size? integer bytes of a cluster
---@field compat? string version of qcow2: 0.10 or 1.1
---@field compression? string how compressed clusters are: zlib or zstd
---@field encrypted boolean it is encrypted
---@field dirty boolean it was not closed well
---@field corrupt boolean QEMU has found it damaged
---@field backing? string its backing file, as it names it
---@field backing_path? string where that is
---@field backing_format? string the format that it says the backing file has
---@field data_file? string the file that has its data, where that is another
---@field snapshots image.Snapshot[] snapshots that it holds
---@field chain image.Image[] the image, the file that backs it, and so on

---@class image.size.options
---@field format? string its format; default: as it says itself
---@field force_share? boolean look although a running machine writes to it: what is found may be out of date or make no sense (-U)

---@class image.size.arguments
---@field path string the image's absolute path
---@field format? string its format; default: as it says itself
---@field force_share? boolean look although a running machine writes to it: what is found may be out of date or make no sense (-U)

---@class image.Size
---@field virtual integer bytes that a guest sees
---@field actual integer bytes that it takes on the disk

---@class image.to_raw.options
---@field format? string the image's format; default: as it says itself
---@field snapshot? string a snapshot inside the image, by name, instead of what it holds now; such a copy is not compared
---@field verify? boolean compare the copy with the image; default: yes
---@field replace? boolean write over a file at the destination that was not made by this
---@field force_share? boolean copy although a running machine writes to it: the copy then is of no one moment, and is not compared
---@field timeout? number stop waiting after this, while the job goes on; 0: never

---@class image.to_raw.arguments
---@field from string the image's absolute path
---@field to string the raw image's absolute path
---@field format? string the image's format; default: as it says itself
---@field snapshot? string a snapshot inside the image, by name, instead of what it holds now; such a copy is not compared
---@field verify? boolean compare the copy with the image; default: yes
---@field replace? boolean write over a file at the destination that was not made by this
---@field force_share? boolean copy although a running machine writes to it: the copy then is of no one moment, and is not compared
---@field timeout? number stop waiting after this, while the job goes on; 0: never

---@class image.Raw
---@field changed boolean it was made, or in check mode would be
---@field path string where it is
---@field virtual_size integer its bytes, as a guest sees them
---@field actual_size integer bytes that it takes on the disk
---@field verified boolean it was compared with its source
