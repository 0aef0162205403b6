package zfssim

import (
	"strings"

	"bsdrun/runtime/sim/zfs"
	"bsdrun/runtime/sim/zfs/cli"
)

// makeBookmark marks the moment of a snapshot; a name without its file system is
// of the one that the snapshot is of.
func (c *call) makeBookmark(from, name string) int {
	of, _ := cutName(from)
	if strings.HasPrefix(from, "@") || strings.HasPrefix(from, "#") {
		of, _ = cutName(name)
		from = of + from
	}
	if strings.HasPrefix(name, "#") {
		name = of + name
	}
	fail := func(reason any) int { return c.refuse("create bookmark", name, reason) }
	if err := c.checkName(name, bookmarks); err != nil {
		return fail(err)
	}
	if !strings.Contains(name, "#") {
		return fail("missing '#' delimiter in bookmark name")
	}
	if c.open(from, snapshots|bookmarks) == nil {
		return 1
	}
	if !c.may(of, "bookmark") {
		return fail(denied)
	}
	if err := zfs.TakeBookmark(c.Machine, from, name); err != nil {
		return fail(err)
	}
	c.record(name)
	return 0
}

// destroyBookmark destroys a bookmark.
func (c *call) destroyBookmark(name string) int {
	for option, text := range map[string]string{"n": "dryrun", "d": "defer destroy", "r": "recursive", "R": "recursive"} {
		if c.Has(option) {
			c.Errorf("%s is not supported with bookmark\n", text)
			return 255
		}
	}
	if !c.exists(name) {
		c.Errorf("bookmark '%s' does not exist.\n", name)
		return 1
	}
	if !c.may(name, "destroy") {
		c.Errorf("cannot destroy bookmark: %s\n", denied)
		return 1
	}
	if err := zfs.DestroyDataset(c.Machine, name); err != nil {
		c.Errorf("cannot destroy bookmark: %v\n", err)
		return 1
	}
	c.record(name)
	return 0
}

// version is zfs version.
func (c *call) version() int {
	name := cli.Version(c.Release)
	if c.Has("j") {
		return c.PrintJSON("zfs version", cli.Field{Key: "zfs_version", Value: cli.Object{
			{Key: "userland", Value: "zfs-" + name}, {Key: "kernel", Value: "zfs-kmod-" + name},
		}})
	}
	c.Printf("zfs-%s\nzfs-kmod-%s\n", name, name)
	return 0
}
