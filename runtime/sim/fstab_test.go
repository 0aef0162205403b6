package sim_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/sim"
)

func TestParseFstab(t *testing.T) {
	list, wrong := sim.ParseFstab("# Device\n/dev/ada0p2\t/\tufs\trw\t1\t1\n\ntmpfs /a\\040b tmpfs rw,size=1m\n/dev/x /x ufs noatime 0 0\n/dev/y /y ufs xx 0 0\nshort line\n/dev/s none swap sw 0 0\n")
	want := []sim.FstabEntry{
		{Source: "/dev/ada0p2", Point: "/", Type: "ufs", Options: []string{"rw"}, Dump: 1, Pass: 1},
		{Source: "tmpfs", Point: "/a b", Type: "tmpfs", Options: []string{"rw", "size=1m"}},
		{Source: "/dev/s", Point: "none", Type: "swap", Options: []string{"sw"}},
	}
	if diff := cmp.Diff(want, list); diff != "" || !slices.Equal(wrong, []int{5, 7}) {
		t.Errorf("%v wrong\n%s", wrong, diff)
	}
}

// What cannot be mounted as it boots is said aloud, and is not there.
func TestBootSaysWhatItCannotMount(t *testing.T) {
	m := bootMachine(t, "freebsd-14.3-ufs", nil)
	appendTo(t, m, "/etc/fstab", "nfs.example.org:/x /mnt nfs ro 0 0\n")
	m.Reboot()
	await(t, m)
	if console := strings.Join(m.Console(), "\n"); m.Down() || !strings.Contains(console, "the simulator can't: mount -t nfs") {
		t.Errorf("down %v:\n%s", m.Down(), console)
	}
	for _, u := range m.Tree().Mounts() {
		if u.Point == "/mnt" {
			t.Error("something is mounted there")
		}
	}
}

func FuzzParseFstab(f *testing.F) {
	f.Add("/dev/ada0p2\t/\tufs\trw\t1\t1\n# x\ntmpfs /a\\040b tmpfs rw\n")
	f.Fuzz(func(t *testing.T, text string) {
		list, wrong := sim.ParseFstab(text)
		if lines := strings.Count(text, "\n") + 1; len(list)+len(wrong) > lines {
			t.Errorf("%q: %d entries and %d wrong lines of %d", text, len(list), len(wrong), lines)
		}
	})
}
