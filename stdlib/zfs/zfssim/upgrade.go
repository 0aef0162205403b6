package zfssim

import (
	"strconv"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/zfs"
	"bsdrun/runtime/sim/zfs/cli"
)

// newest is the newest version of file systems that the running kernel knows.
func (c *call) newest() int { return zfs.FileSystemVersion(zfs.SupportedVersion(c.Machine)) }

// upgrade is zfs upgrade.
func (c *call) upgrade() int {
	version := c.newest()
	if text := c.Value("V"); text != "" && text != "current" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > version {
			return c.misuse("invalid version %s", text)
		}
		version = n
	}
	change := c.Has("a") || len(c.Operands) > 0
	switch {
	case !change && (c.Has("r") || c.Given("V")), c.Has("v") && (change || c.Has("r") || c.Given("V")), c.Has("a") && len(c.Operands) > 0:
		return c.usage()
	case c.Has("v"):
		c.listVersions()
		return 0
	case !change:
		c.listOutdated()
		return 0
	}
	found, ok := c.choose(c.Operands, selection{want: fileSystems, paths: true, recurse: c.Has("r"), limit: -1})
	return c.upgradeAll(found, version, ok)
}

// poolFor is the pool version that a version of file systems needs.
func poolFor(version int) int {
	return map[int]int{1: 1, 2: 1, 3: 9, 4: 15, 5: 24}[version]
}

// upgradeAll brings file systems to a version.
func (c *call) upgradeAll(found []*state.Dataset, version int, ok bool) int {
	upgraded, same := 0, 0
	var changed []string
	for _, d := range found {
		pool := zfs.FindPool(c.Machine, poolOf(d.Name))
		switch {
		case pool.Version < poolFor(version):
			c.Printf("%s: can not be upgraded; the pool version needs to first be upgraded\nto version %d\n\n", d.Name, poolFor(version))
			ok = false
		case d.Version > version:
			c.Printf("%s: can not be downgraded; it is already at version %d\n", d.Name, d.Version)
			ok = false
		case d.Version == version:
			same++
		case c.setOne(d.Name, "version", strconv.Itoa(version)) != 0:
			ok = false
		default:
			upgraded++
			changed = append(changed, d.Name)
		}
	}
	c.Printf("%d filesystems upgraded\n", upgraded)
	if same > 0 {
		c.Printf("%d filesystems already at this version\n", same)
	}
	c.record(changed...)
	return exitCode(ok)
}

// listOutdated lists the file systems that are not of the newest version.
func (c *call) listOutdated() {
	c.Printf("This system is currently running ZFS filesystem version %d.\n\n", c.newest())
	found, _ := c.choose(nil, selection{want: fileSystems, limit: -1})
	var older, newer []*state.Dataset
	for _, d := range found {
		switch {
		case d.Version < c.newest():
			older = append(older, d)
		case d.Version > c.newest():
			newer = append(newer, d)
		}
	}
	c.versionTable(older, "The following filesystems are out of date, and can be upgraded.  After being\nupgraded, these filesystems (and any 'zfs send' streams generated from\nsubsequent snapshots) will no longer be accessible by older software versions.\n")
	c.versionTable(newer, "The following filesystems are formatted using a newer software version and\ncannot be accessed on the current system.\n")
	if len(older) == 0 && len(newer) == 0 {
		c.Printf("All filesystems are formatted with the current version.\n")
	}
}

func (c *call) versionTable(list []*state.Dataset, text string) {
	if len(list) == 0 {
		return
	}
	c.Printf("%s\n\nVER  FILESYSTEM\n---  ------------\n", text)
	for _, d := range list {
		c.Printf("%2d   %s\n", d.Version, d.Name)
	}
}

// listVersions is zfs upgrade -v.
func (c *call) listVersions() {
	fuid := "Case insensitive and filesystem user identifier (FUID)"
	if c.Era == cli.Numbered {
		fuid = "Case insensitive and File system unique identifier (FUID)"
	}
	c.Printf("The following filesystem versions are supported:\n\nVER  DESCRIPTION\n---  --------------------------------------------------------\n")
	texts := []string{"Initial ZFS filesystem version", "Enhanced directory entries", fuid, "userquota, groupquota properties", "System attributes"}
	for n, text := range texts[:c.newest()] {
		c.Printf(" %d   %s\n", n+1, text)
	}
	if c.Era == cli.Numbered {
		c.Printf("\nFor more information on a particular version, including supported releases, see:\n\nhttp://www.opensolaris.org/os/community/zfs/version/zpl/N\n\nWhere 'N' is the version number.\n")
		return
	}
	c.Printf("\nFor more information on a particular version, including supported releases,\nsee the ZFS Administration Guide.\n\n")
}
