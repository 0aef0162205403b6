package zpoolsim

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/zfs"
	"bsdrun/tests/transcript"
)

// diskSize is that of the partitions the transcripts were recorded on.
const diskSize = 1056178176

// newMachine is a machine of a release without pools, with the disks disk0 to
// disk3.
func newMachine(t *testing.T, release string, params url.Values) *sim.Machine {
	t.Helper()
	m, err := sim.New(sim.Options{Profile: "freebsd-14.3-ufs", Tools: append(base.Tools(), Tools()...), Params: params})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	s := m.State()
	s.Lock()
	s.Release.Version = release
	for n := range 4 {
		s.Disks = append(s.Disks, &state.Disk{Name: fmt.Sprint("disk", n), Size: diskSize, Serial: fmt.Sprint("S", n)})
	}
	s.Unlock()
	m.Devices()
	return m
}

var sh, must = transcript.Sh, transcript.Must

// masks hide what must differ: times, identifiers, sizes, and features that came
// later; columns depend on sizes.
var masks = []transcript.Mask{
	{Pattern: regexp.MustCompile(`/dev/gpt/`), By: "/dev/"},
	{Pattern: regexp.MustCompile(`[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d( UTC)? \d{4}`), By: "DATE"},
	{Pattern: regexp.MustCompile(`\d{4}-\d\d-\d\d\.\d\d:\d\d:\d\d`), By: "DATE"},
	{Pattern: regexp.MustCompile(`\b\d\d:\d\d:\d\d\b`), By: "TIME"},
	{Pattern: regexp.MustCompile(`\b\d{15,20}\b`), By: "GUID"},
	{Pattern: regexp.MustCompile(`"txg":"?\d+"?`), By: "TXG"},
	{Pattern: regexp.MustCompile(`"pass_start":"\d+"`), By: "PASS"},
	{Pattern: regexp.MustCompile(`\b\d{5,10}\b`), By: "BYTES"},
	{Pattern: regexp.MustCompile(`\b\d+(\.\d+)?([KMG]|B\b)`), By: "SIZE"},
	{Pattern: regexp.MustCompile(`\b\d+(\.\d+)?%`), By: "PERCENT"},
	{Pattern: regexp.MustCompile(`\t\d+\t\d+\t1\.00\t`), By: "\tN\tN\t1.00\t"},
	{Pattern: regexp.MustCompile(`\n  ?(dynamic_gang_header|block_cloning_endian|physical_rewrite)\b`), By: ""},
	{Pattern: regexp.MustCompile(`\n {6}(dynamic_gang_header|block_cloning_endian|physical_rewrite)\b`), By: ""},
	{Pattern: regexp.MustCompile(`\n[^\n{]*feature@(dynamic_gang_header|block_cloning_endian|physical_rewrite)\b[^\n]*`), By: ""},
	{Pattern: regexp.MustCompile(`,"feature@(dynamic_gang_header|block_cloning_endian|physical_rewrite)":\{[^{}]*\{[^{}]*\}\}`), By: ""},
	{Pattern: regexp.MustCompile(`\n(dynamic_gang_header|block_cloning_endian|physical_rewrite) [^\n]*\n[^\n]*`), By: ""},
	{Pattern: regexp.MustCompile(`[-]{6,}`), By: "RULE"},
	{Pattern: regexp.MustCompile(`[ ]{2,}`), By: " "},
	{Pattern: regexp.MustCompile(` +\n`), By: "\n"},
}

// local rewrites a recorded command for the simulated machine.
func local(command string) string {
	return strings.NewReplacer(
		"/dev/gpt", "/dev", "/dev/disk/by-partlabel", "/dev", "sleep 2; ", "sleep 200; ", "sleep 4; ", "sleep 200; ", // recorded on a faster machine
		"zpool scrub zroot; zpool", "zpool scrub zroot; sleep 1; zpool",
		"zpool scrub -p zroot; ", "sleep 200; ", // that scrub had just ended
	).Replace(command)
}

// script says how transcripts are replayed.
type script struct {
	archive string
	skip    []string                             // beginnings of commands that are left out
	instead map[string]func(*sim.Machine) string // by beginning: what happens instead; the rest of the command, from its first zpool, follows
	era     *strings.Replacer                    // what the recorded tool says and the simulated one does not
}

// replay runs a transcript's commands and compares the answers.
func (s script) replay(t *testing.T, m *sim.Machine, name string) {
	t.Helper()
	ran := 0
	for _, e := range transcript.Read(t, "testdata/"+s.archive, name) {
		if s.leaves(e.Command) {
			continue
		}
		ran++
		user, command := transcript.As(local(e.Command))
		for prefix, do := range s.instead {
			if strings.HasPrefix(e.Command, prefix) {
				command = do(m) + local(strings.TrimPrefix(e.Command, prefix))
			}
		}
		out, errs, code := m.Exec(context.Background(), user, "cd /; "+command)
		if s.archive == "zfs-fuse.txtar" { // files there, whole disks here
			e.Stdout = strings.ReplaceAll(e.Stdout, "    /dev/gpt/", "    ")
		}
		if s.era != nil {
			e.Stdout, e.Stderr = s.era.Replace(e.Stdout), s.era.Replace(e.Stderr)
		}
		e.Compare(t, name, masks, out, errs, code)
	}
	if ran == 0 {
		t.Errorf("%s: nothing replayed", name)
	}
}

func (s script) leaves(command string) bool {
	for _, p := range s.skip {
		if strings.HasPrefix(command, p) {
			return true
		}
	}
	return !strings.Contains(command, "zpool")
}

// fill gives a pool some data.
func fill(m *sim.Machine, pool string, size int64) {
	p := zfs.FindPool(m, pool)
	s := m.State()
	s.Lock()
	defer s.Unlock()
	p.Datasets[0].Written = size
}

const (
	create28 = "zpool create -f -o version=28 -O mountpoint=none -O canmount=off zroot mirror disk0 disk1"
	create   = "zpool create -f -O mountpoint=none zroot mirror disk0 disk1"
)

// slow makes scans last.
var slow = url.Values{zfs.RateParam: {"20M"}}

// damage puts wrong data on a device.
func damage(t *testing.T, device string, size int64) func(*sim.Machine) string {
	return func(m *sim.Machine) string {
		if err := zfs.Damage(m, "zroot", device, size); err != nil {
			t.Error(err)
		}
		return ""
	}
}

// wipe has a device's label gone, as new: rubbish lies where it was.
func wipe(device string) func(*sim.Machine) string {
	return func(m *sim.Machine) string {
		s := m.State()
		s.Lock()
		defer s.Unlock()
		for _, d := range s.Disks {
			if d.Name == device {
				d.Serial += "-blank"
			}
		}
		return ""
	}
}

func TestOpenZFS(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, setup string
		script      script
	}{
		{"empty.txt", "", script{}},
		{"missing.txt", "", script{}},
		{"create-v28.txt", "", script{}},
		{"v28.txt", create28, script{skip: []string{"zpool status -L", "zpool list -Hpv", "zpool history"}}},
		{"upgrade.txt", create28, script{}},
		{"partial-features.txt", "", script{}},
		{"checkpoint.txt", create, script{}},
		{"scrub.txt", create, script{}},
		{"offline.txt", create + "; zpool scrub -w zroot", script{}},
		{"usage.txt", "", script{}},
		{"unprivileged.txt", create, script{}},
		{"init.txt", create, script{}},
		{"props.txt", "zpool create tank disk0", script{}},
		{"destroy.txt", create + "; zpool export zroot", script{instead: map[string]func(*sim.Machine) string{
			"zpool destroy zroot": func(m *sim.Machine) string {
				wipe("disk1")(m)
				return "zpool destroy zroot"
			}}}},
		{"labelclear.txt", "zpool create tank disk2; zpool export tank; zpool import tank", script{}},
		{"busy.txt", "zpool create tank disk2", script{}},
		{"faulted.txt", create + "; zpool export zroot", script{skip: []string{"wipefs", "zpool import -d /dev/disk/by-partlabel zroot", "zpool status", "zpool list", "zpool export zroot; zpool import -d"}}},
		{"corrupt.txt", create, script{
			skip: []string{"dd if=/dev/urandom of=/dev/gpt/disk1 bs=1M seek=60 count=300", "zpool status -x; zpool list", "zpool events"},
			instead: map[string]func(*sim.Machine) string{
				"dd if=/dev/urandom of=/dev/gpt/disk1 bs=1M seek=60 count=200 conv=notrunc 2>/dev/null; sync; echo 3 > /proc/sys/vm/drop_caches; ": damage(t, "disk1", 659*128<<10),
			}}},
		{"missing-disk.txt", create, script{instead: map[string]func(*sim.Machine) string{
			"zpool export zroot; wipefs": func(m *sim.Machine) string {
				wipe("disk1")(m)
				return "zpool export zroot; zpool import -d /dev #"
			}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t, "15.0", slow)
			if rest, ok := strings.CutPrefix(c.setup, create); ok {
				must(t, m, create)
				fill(m, "zroot", 150<<20)
				must(t, m, strings.TrimPrefix(rest, "; "))
			} else {
				must(t, m, c.setup)
			}
			c.script.archive = "openzfs.txtar"
			c.script.replay(t, m, c.name)
		})
	}
}

func TestNumbered(t *testing.T) {
	t.Parallel()
	const pool = "zpool create -o version=%d zroot mirror disk0 disk1"
	for _, c := range []struct {
		name, release string
		version       int
		setup         string
		script        script
	}{
		{"empty.txt", "9.0", 0, "", script{era: strings.NewReplacer("version 23", "version 28")}},
		{"missing.txt", "9.0", 0, "", script{era: strings.NewReplacer("version 23", "version 28")}},
		{"v15.txt", "9.0", 15, "", script{skip: []string{"zpool iostat", "zpool list -H -o name,size,used", "zpool history"},
			era: strings.NewReplacer("version 23", "version 28", " scrub: none", "  scan: none", "\tashift            YES   <ashift, 9-13, or 0=default>\n", "", "\nzroot  ashift         0           default", "")}},
		{"upgrade.txt", "9.0", 15, "", script{skip: []string{"zpool status", "zfs"}, era: strings.NewReplacer("version 23", "version 28", "zroot  version   23", "zroot  version   28", "version '23'", "version '28'")}},
		{"upgrade-v.txt", "8.2", 0, "", script{skip: []string{"zfs"}, era: strings.NewReplacer("version 23", "version 15",
			" 16  stmf property support\n 17  Triple-parity RAID-Z\n 18  Snapshot user holds\n 19  Log device removal\n 20  Compression using zle (zero-length encoding)\n 21  Deduplication\n 22  Received properties\n 23  Slim ZIL\n", "")}},
		{"offline.txt", "8.2", 15, "zpool scrub zroot; sleep 200", script{skip: []string{"zpool list"}, era: strings.NewReplacer("mirror-0", "mirror")}},
		{"corrupt.txt", "8.2", 15, "", script{era: strings.NewReplacer("mirror-0", "mirror", "disk2", "disk1"), instead: map[string]func(*sim.Machine) string{
			"dd if=/dev/urandom of=gpt/disk2 bs=1M seek=8 count=100 conv=notrunc 2>/dev/null; zpool scrub zroot; sleep 5; ": func(m *sim.Machine) string {
				return damage(t, "disk1", 832*128<<10)(m) + "zpool scrub zroot; sleep 200; "
			}}}},
		{"usage.txt", "9.0", 0, "", script{skip: []string{"zfs"}}},
		{"create-v15.txt", "8.2", 0, "", script{era: strings.NewReplacer("Defaulting to 4K blocksize (ashift=12) for '/dev/gpt/disk0'\nDefaulting to 4K blocksize (ashift=12) for '/dev/gpt/disk1'", "")}},
		{"destroy.txt", "8.2", 15, "", script{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t, c.release, slow)
			if c.version > 0 {
				must(t, m, fmt.Sprintf(pool, c.version))
				fill(m, "zroot", 62<<20)
				must(t, m, c.setup)
			}
			c.script.archive = "zfs-fuse.txtar"
			c.script.replay(t, m, c.name)
		})
	}
}
