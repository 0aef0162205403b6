package zfssim

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/zfs"
	"bsdrun/tests/transcript"
)

// newMachine is a machine of a release with the pool zroot on two disks; version
// is that of the pool, 0 the newest.
func newMachine(t testing.TB, release string, version int, root map[string]string) *sim.Machine {
	t.Helper()
	m, err := sim.New(sim.Options{Profile: "freebsd-14.3-ufs", Tools: append(base.Tools(), Tools()...)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	s := m.State()
	s.Lock()
	s.Release.Version = release
	for n := range 2 {
		s.Disks = append(s.Disks, &state.Disk{Name: fmt.Sprint("disk", n), Size: 1056178176, Serial: fmt.Sprint("S", n)})
	}
	s.Unlock()
	m.Devices()
	pool, err := zfs.CreatePool(m, zfs.NewPool{Name: "zroot", Version: version, Root: root, Vdevs: []*state.Vdev{
		{Type: "mirror", Children: []*state.Vdev{{Type: "disk", Path: "/dev/disk0"}, {Type: "disk", Path: "/dev/disk1"}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := zfs.MountPool(m, pool); err != nil {
		t.Fatal(err)
	}
	return m
}

var sh, must = transcript.Sh, transcript.Must

// masks hide times, identifiers and sizes; columns depend on sizes.
var masks = []transcript.Mask{
	{Pattern: regexp.MustCompile(`[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [ \d]\d:\d\d(:\d\d)?( UTC)? \d{4}`), By: "DATE"},
	{Pattern: regexp.MustCompile(`\b\d{5,20}\b`), By: "NUMBER"},
	{Pattern: regexp.MustCompile(`("createtxg":"?|createtxg\t|objsetid\t|createtxg +|objsetid +)\d+`), By: "${1}TXG"},
	{Pattern: regexp.MustCompile(`\b\d+(\.\d+)?([KMGB]\b)`), By: "SIZE"},
	{Pattern: regexp.MustCompile(`\b\d+(\.\d+)?KB\b`), By: "SIZE"},
	{Pattern: regexp.MustCompile(`\n\t(zoned|jailed) [^\n]*`), By: ""},
	{Pattern: regexp.MustCompile(`[ ]{2,}`), By: " "},
	{Pattern: regexp.MustCompile(` +\n`), By: "\n"},
}

func TestOpenZFS(t *testing.T) {
	t.Parallel()
	// What the recorded tool, of Linux, calls otherwise.
	linux := strings.NewReplacer(
		"\tzone <nsfile> <filesystem>\n", "\tjail <jailid|jailname> <filesystem>\n", "\tunzone <nsfile> <filesystem>", "\tunjail <jailid|jailname> <filesystem>",
		"zfs-2.3.9-0+deb13u1", "zfs-2.4.0-FreeBSD_ge269af1b3", "zfs-kmod-2.3.9-0+deb13u1", "zfs-kmod-2.4.0-FreeBSD_ge269af1b3",
		"\tzoned\t", "\tjailed\t", "  zoned  ", "  jailed ", "acltype\toff\t", "acltype\tnfsv4\t", "acltype               off    ", "acltype               nfsv4  ",
	)
	for _, c := range []struct {
		name   string
		pool   int
		root   map[string]string
		setup  string
		script transcript.Script
	}{
		{name: "datasets.txt", root: map[string]string{"mountpoint": "none"}, setup: "zfs create -o mountpoint=/z zroot/data", script: transcript.Script{Skip: []string{"zpool"}}},
		{name: "rollback.txt", root: map[string]string{"mountpoint": "none"}, setup: "zfs create zroot/ROOT; zfs create zroot/ROOT/default; zfs create -o mountpoint=/z zroot/data; touch /z/f; zfs snapshot -r zroot@pre-upgrade"},
		{name: "send.txt", setup: "zfs create zroot/s; zfs snapshot zroot/s@1"},
		{name: "unprivileged.txt"},
		{name: "v28-zfs.txt", pool: 28},
		{name: "busy.txt", setup: "zfs create -o mountpoint=/tank zroot/tank", script: transcript.Script{Instead: map[string]string{"cd /tank; zfs unmount tank": "cd /tank; zfs unmount zroot/tank"}}},
		{name: "usage.txt"},
		{name: "version.txt"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t, "15.0", c.pool, c.root)
			if c.setup != "" {
				must(t, m, c.setup)
			}
			c.script.Archive, c.script.Masks, c.script.Only, c.script.Era = "testdata/openzfs.txtar", masks, "zfs", linux
			c.script.Replay(t, m, c.name)
		})
	}
}

func TestNumbered(t *testing.T) {
	t.Parallel()
	// What pool version 23 lacks, and FreeBSD's tool calls otherwise.
	v28 := strings.NewReplacer("mount(1M)", "mount(8)", "already at version 4", "already at version 5",
		"\trename -r <snapshot> <snapshot>\nFor", "\trename -r <snapshot> <snapshot>\n\trename -u [-p] <filesystem> <filesystem>\nFor", "filesystem version 4.", "filesystem version 5.", "1 | 2 | 3 | 4 | current", "1 | 2 | 3 | 4 | 5 | current",
		"discard | groupmask | passthrough\n", "discard | groupmask | passthrough | restricted\n", "\tutf8only ", "\tsync            YES      YES   standard | always | disabled\n\tutf8only ",
		"\tlist [-rH]", "\trename -u [-p] <filesystem> <filesystem>\n\tlist [-rH]", "receive [-vnF] <", "receive [-vnFu] <", "receive [-vnF] -d", "receive [-vnFu] [-d | -e]",
		"\trelease [-r] <tag> <snapshot> ...\n", "\trelease [-r] <tag> <snapshot> ...\n\tdiff [-FHt] <snapshot> [snapshot|filesystem]\n\n\tjail <jailid|jailname> <filesystem>\n\tunjail <jailid|jailname> <filesystem>\n")
	// What pool version 15 lacks.
	v15 := strings.NewReplacer(" | zle", "", "\tdefer_destroy    NO       NO   yes | no\n", "", "\tuserrefs         NO       NO   <count>\n", "",
		"\tdedup           YES      YES   on | off | verify | sha256[,verify]\n", "", "\tlogbias         YES      YES   latency | throughput\n", "",
		"\tmlslabel        YES      YES   <sensitivity label>\n", "", "\tsharenfs ", "\tshareiscsi      YES      YES   on | off | type=<type>\n\tsharenfs ",
		"\nzroot/usr\tlogbias\tlatency\tdefault\nzroot/usr\tdedup\toff\tdefault\nzroot/usr\tmlslabel\toff\t-", "",
		"zroot/usr\txattr\ton\tdefault", "zroot/usr\tshareiscsi\toff\tdefault\nzroot/usr\txattr\toff\ttemporary", "\tzoned\t", "\tjailed\t")
	for _, c := range []struct {
		name, release string
		pool          int
		setup         string
		script        transcript.Script
	}{
		{name: "snap.txt", release: "9.0", pool: 28, setup: "zfs create zroot/old; zfs create zroot/usr", script: transcript.Script{Era: v28}},
		{name: "v15-zfs.txt", release: "8.2", pool: 15, script: transcript.Script{Era: v15}},
		{name: "usage.txt", release: "9.0", pool: 28, script: transcript.Script{Era: v28}},
		{name: "upgrade.txt", release: "9.0", pool: 28, setup: "zfs create zroot/old; zfs create zroot/usr", script: transcript.Script{Era: v28}},
		{name: "upgrade-v.txt", release: "8.2", pool: 15},
		{name: "datasets.txt", release: "9.0", pool: 28, script: transcript.Script{Era: v28, Skip: []string{"zfs list -o space", "zfs snapshot zroot/z@3; zfs send"},
			Instead: map[string]string{"touch /zroot/r/x; zfs send -i 2 zroot/z@3 | zfs receive zroot/r": "zfs snapshot zroot/z@3; touch /zroot/r/x; zfs send -i 2 zroot/z@3 | zfs receive zroot/r"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t, c.release, c.pool, nil)
			if c.setup != "" {
				must(t, m, c.setup)
			}
			c.script.Archive, c.script.Masks, c.script.Only = "testdata/zfs-fuse.txtar", masks, "zfs"
			c.script.Replay(t, m, c.name)
		})
	}
}
