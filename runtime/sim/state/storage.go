package state

import "time"

// Disk is a disk as GEOM sees it.
type Disk struct {
	Name   string // ada0
	Size   int64  // bytes
	Sector int64  // bytes; 0: 512
	Model  string
	Serial string
	Gone   bool   // pulled out, or dead: neither firmware nor kernel sees it
	Table  *Table // partition table; nil: none
}

// Table is a disk's partition table.
type Table struct {
	Scheme  string // GPT, MBR, BSD
	Entries int    // places in a GPT: 128
	First   int64  // first and last sector that partitions may take
	Last    int64
	Corrupt bool // the second copy is damaged or missing
	Boot    Code // boot program of the first sector, as gpart bootcode -b writes it; nil: none
	Parts   []*Partition
}

// Partition is a part of a disk. Start and Size count sectors.
type Partition struct {
	Index      int    // ada0p1 has 1
	Type       string // freebsd-boot, efi, freebsd-swap, freebsd-zfs, freebsd-ufs ...
	Label      string // name in /dev/gpt; empty: none
	GUID       string
	Start      int64
	Size       int64
	Attributes []string // bootme, bootonce, bootfailed, active
	// Raw is what was written to the partition's beginning by gpart bootcode -p
	// or dd: a boot program, or rubbish. nil: what lies there is described
	// otherwise, by FileSystem or by a pool's label.
	Raw Code
	// FileSystem is msdosfs or ufs when one was made here. Its files are those
	// of the tree's file system with the source /dev/ada0p1.
	FileSystem string
}

// Pool is a ZFS pool.
type Pool struct {
	Name     string
	GUID     uint64
	Imported bool
	Created  time.Time
	TXG      uint64 `json:",omitempty"` // the last transaction group given to a dataset
	// Version is the format: 1 to 28, or 5000 for feature flags.
	Version int
	// Features are those enabled or active (feature flags only), by short name:
	// "lz4_compress" -> "active". What is missing is disabled.
	Features   map[string]string `json:",omitempty"`
	Properties map[string]string `json:",omitempty"` // set locally: bootfs, comment, compatibility ...
	// NextBoot is the dataset the loader boots once (bectl activate -t); the
	// loader clears it as it reads it.
	NextBoot   string      `json:",omitempty"`
	Vdevs      []*Vdev     // top level, data first
	Scan       *Scan       `json:",omitempty"`
	Trim       *Scan       `json:",omitempty"`
	Checkpoint *Checkpoint `json:",omitempty"`
	Damaged    []string    `json:",omitempty"` // files with permanent errors
	Suspended  bool        `json:",omitempty"`
	History    []PoolEvent `json:",omitempty"`
	Datasets   []*Dataset  // file systems, volumes and snapshots, the root file system first
}

// Vdev is a device of a pool, or a group of them.
type Vdev struct {
	Type     string // disk, file, mirror, raidz1, raidz2, raidz3, replacing, spare
	Class    string `json:",omitempty"` // of a top-level one: "" (data), log, cache, spare, special, dedup
	Path     string `json:",omitempty"` // of a leaf: /dev/gpt/disk0, /dev/ada0p3
	GUID     uint64
	Size     int64  // bytes the leaf gives
	State    string `json:",omitempty"` // of a leaf, as set: OFFLINE, FAULTED, REMOVED; empty: what its device says
	Read     int64  `json:",omitempty"` // errors
	Write    int64  `json:",omitempty"`
	Checksum int64  `json:",omitempty"`
	// Stale is what a leaf lacks, in bytes: it has to be resilvered.
	Stale int64 `json:",omitempty"`
	// Damage is what a leaf holds wrongly, in bytes: a scrub finds and, where
	// another copy exists, repairs it.
	Damage    int64 `json:",omitempty"`
	Untrimmed bool  `json:",omitempty"`
	// Device is what the leaf's label lies on, whatever it is called now: the
	// GUID of a partition or the serial number of a disk. Empty: what Path names.
	Device    string `json:",omitempty"`
	Processed int64  `json:",omitempty"` // bytes the last scan wrote to the leaf
	// Left is what was allocated in the pool when the leaf stopped taking part:
	// it will lack what comes since. 0: it misses nothing.
	Left      int64     `json:",omitempty"`
	Temporary bool      `json:",omitempty"` // offline until the next boot
	Removed   bool      `json:",omitempty"` // by zpool remove: shown as indirect-N
	Children  []*Vdev   `json:",omitempty"`
	Since     time.Time // when it joined
}

// Scan is a scrub, a resilver or a trim: the last one, or the one under way.
type Scan struct {
	Function string // SCRUB, RESILVER, TRIM
	State    string // SCANNING, PAUSED, FINISHED, CANCELED
	Start    time.Time
	End      time.Time     // when it ended, or will if nothing comes between
	Total    int64         // bytes to look at
	Repaired int64         // bytes repaired or resilvered
	Errors   int64         // not repaired
	Took     time.Duration // of running, without pauses
}

// Checkpoint is a pool's checkpoint.
type Checkpoint struct {
	Created time.Time
	Used    int64
	Version int
	// Features, Properties and Datasets are what a rewind gives back.
	Features   map[string]string
	Properties map[string]string `json:",omitempty"`
	Datasets   []*Dataset
}

// PoolEvent is a line of zpool history.
type PoolEvent struct {
	When    time.Time
	Command string
	User    string
}

// Dataset is a file system, volume or snapshot. Its files are those of the
// tree's file system whose source is its name (POOL/FS, POOL/FS@SNAP).
type Dataset struct {
	Name       string // zroot/ROOT/default, zroot/ROOT/default@before
	Type       string // filesystem, volume, snapshot, bookmark
	GUID       uint64
	Created    time.Time
	TXG        uint64
	Version    int               // zfs version of a file system: 1 to 5
	Origin     string            `json:",omitempty"` // of a clone: the snapshot it was made from
	Properties map[string]string `json:",omitempty"` // set here: mountpoint, canmount, compression, org.example:note ...
	Received   map[string]string `json:",omitempty"` // set by zfs receive
	Mounted    bool              `json:",omitempty"`
	Size       int64             `json:",omitempty"` // of a volume; of a snapshot: what it refers to
	Written    int64             `json:",omitempty"` // bytes beyond what the tree holds, given by a profile
	Holds      map[string]string `json:",omitempty"` // of a snapshot: tag -> when (RFC 3339)
	Token      string            `json:",omitempty"` // receive_resume_token
}
