package bectlsim

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/zfs"
)

func machine(t testing.TB, profile string) *sim.Machine {
	t.Helper()
	m, err := sim.New(sim.Options{Profile: profile, Tools: append(base.Tools(), Tools()...)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

const (
	zfs13 = "freebsd-13.5-zfs-mirror"
	zfs14 = "freebsd-14.3-zfs-mirror-uefi"
	zfs15 = "freebsd-15.0-pkgbase"
)

// stamps hides when things were made.
var stamps = regexp.MustCompile(`\d{4}-\d\d-\d\d([ -]\d\d:\d\d(:\d\d)?)`)

// as runs a script as a user: the code and both streams, with times hidden.
func as(m *sim.Machine, user, script string) string {
	out, errs, code := m.Exec(context.Background(), user, "cd /; "+script)
	return stamps.ReplaceAllString(fmt.Sprintf("%d\n%s%s", code, out, errs), "TIME")
}

func must(t *testing.T, m *sim.Machine, script string) string {
	t.Helper()
	said := as(m, "root", script)
	if !strings.HasPrefix(said, "0\n") {
		t.Fatalf("%s: %s", script, said)
	}
	return said[2:]
}

// session is a series of commands with what each says.
type session []struct{ script, want string }

func (s session) replay(t *testing.T, m *sim.Machine) {
	t.Helper()
	for _, step := range s {
		if diff := cmp.Diff(step.want, as(m, "root", step.script)); diff != "" {
			t.Errorf("%s:\n%s", step.script, diff)
		}
	}
}

func TestLifeOfAnEnvironment(t *testing.T) {
	m := machine(t, zfs14)
	session{
		{"bectl check", "0\n"},
		{"bectl create new", "0\n"},
		{"bectl create new", "2\nboot environment name already taken\nboot environment name already taken\nFailed to create bootenv new\n"},
		{"bectl create -e gone other", "3\nspecified boot environment does not exist\nFailed to create bootenv other from snapshot gone\n"},
		{"bectl create -e new@gone other", "3\nspecified boot environment does not exist\nFailed to create bootenv other from snapshot new@gone\n"},
		{"bectl create new@kept", "0\n"},
		{"bectl create gone@kept", "3\nspecified boot environment does not exist\nFailed to create a snapshot 'kept' of 'gone'\n"},
		{"bectl create -e new@kept third", "0\n"},
		{"bectl list -H | cut -f 1-3", "0\ndefault\tNR\t/\nnew\t-\t-\nthird\t-\t-\n"},
		{"bectl rename third last", "0\n"},
		{"bectl rename last new", "0\nboot environment name already taken\nFailed to rename bootenv last to new\n"},
		{"bectl rename gone other", "0\nspecified boot environment does not exist\nFailed to rename bootenv gone to other\n"},
		{"bectl mount new /mnt", "0\nSuccessfully mounted new at /mnt\n"},
		{"bectl mount new /media", "12\nboot environment is already mounted\nFailed to mount bootenv new at /media\n"},
		{"bectl mount gone", "3\nspecified boot environment does not exist\nFailed to mount bootenv gone at temporary path (null)\n"},
		{"ls -d /mnt/bin/sh /mnt/boot/kernel", "0\n/mnt/bin/sh\n/mnt/boot/kernel\n"},
		{"bectl destroy new", "6\ncannot destroy mounted boot env unless forced\n"},
		{"bectl umount new", "0\n"},
		{"bectl umount new", "0\n"},
		{"bectl unmount gone", "14\ncannot open 'zroot/ROOT/gone': dataset does not exist\ncalling zfs_open() failed\nFailed to unmount bootenv gone\n"},
		{"bectl destroy new@kept", "21\nsnapshot has clones\n"},
		{"bectl destroy last", "0\nbectl destroy: leaving origin 'zroot/ROOT/new@kept' intact\n"},
		{"bectl destroy new@kept", "0\n"},
		{"bectl destroy new", "0\n"},
		{"bectl destroy new", "3\ncannot open 'zroot/ROOT/new': dataset does not exist\nspecified boot environment does not exist\n"},
		{"bectl destroy -F default", "5\ncannot destroy active boot environment\n"},
	}.replay(t, m)
	// The create that failed took its snapshot first, and leaves it.
	left := zfs.Children(m, "zroot/ROOT")
	if len(left) != 2 || left[0].Name != "zroot/ROOT/default" || left[1].Type != zfs.Snapshot {
		t.Errorf("%d datasets are left", len(left))
	}
}

func TestWhatAnEnvironmentIs(t *testing.T) {
	m := machine(t, zfs14)
	must(t, m, "echo before >/etc/note; bectl create old; echo after >/etc/note")
	_, d := zfs.FindDataset(m, "zroot/ROOT/old")
	if d == nil || d.Properties["canmount"] != "noauto" || d.Properties["mountpoint"] != "/" || !strings.HasPrefix(d.Origin, "zroot/ROOT/default@2") || !strings.HasSuffix(d.Origin, "-0") {
		t.Fatalf("%+v", d)
	}
	at := strings.TrimSpace(must(t, m, "bectl mount old"))
	at = at[strings.LastIndex(at, " ")+1:]
	if !regexp.MustCompile(`^/tmp/be_mount\.\w{4}$`).MatchString(at) {
		t.Errorf("mounted on %q", at)
	}
	if got := must(t, m, "cat "+at+"/etc/note /etc/note"); got != "before\nafter\n" {
		t.Errorf("%q", got)
	}
}

func reboot(t *testing.T, m *sim.Machine) string {
	t.Helper()
	m.Reboot()
	if err := m.Clock().Sleep(t.Context(), 5*time.Minute); err != nil {
		t.Fatal(err)
	}
	if m.Down() {
		t.Fatalf("it does not start:\n%s", strings.Join(m.Console(), "\n"))
	}
	return m.Tree().Mounts()[0].Source
}

// An environment activated for one boot is left again by the next one.
func TestBootOnce(t *testing.T) {
	for _, profile := range []string{zfs13, zfs14, zfs15} {
		t.Run(profile, func(t *testing.T) {
			m := machine(t, profile)
			must(t, m, "bectl create new && bectl activate -t new")
			if got := must(t, m, "bectl list -H | cut -f 1,2"); got != "default\tNR\nnew\tT\n" {
				t.Errorf("%q", got)
			}
			if root := reboot(t, m); root != "zroot/ROOT/new" {
				t.Errorf("booted %s", root)
			}
			if got := must(t, m, "bectl list -H | cut -f 1-3"); got != "default\tR\t-\nnew\tN\t/\n" {
				t.Errorf("%q", got)
			}
			if root := reboot(t, m); root != "zroot/ROOT/default" {
				t.Errorf("booted %s", root)
			}
			must(t, m, "bectl activate -t new && bectl activate -T")
			if root := reboot(t, m); root != "zroot/ROOT/default" {
				t.Errorf("booted %s although it was taken back", root)
			}
		})
	}
}

// A clone that is activated no longer depends on what it was made of, which can
// be destroyed then.
func TestActivate(t *testing.T) {
	m := machine(t, zfs14)
	session{
		{"bectl create new; bectl activate new", "0\nSuccessfully activated boot environment new\n"},
		{"bectl list -H | cut -f 1,2", "0\ndefault\tN\nnew\tR\n"},
		{"bectl destroy new", "5\ncannot destroy active boot environment\n"},
		{"bectl activate gone", "3\nDid not successfully activate boot environment gone\nspecified boot environment does not exist\n"},
		{"bectl activate -t gone", "3\nDid not successfully activate boot environment gone\nfor next boot\nspecified boot environment does not exist\n"},
	}.replay(t, m)
	if root := reboot(t, m); root != "zroot/ROOT/new" {
		t.Fatalf("booted %s", root)
	}
	session{
		{"bectl destroy default", "0\n"},
		{"bectl list -H | cut -f 1-3", "0\nnew\tNR\t/\n"},
	}.replay(t, m)
	if root := reboot(t, m); root != "zroot/ROOT/new" {
		t.Errorf("booted %s", root)
	}
	if left := zfs.Children(m, "zroot/ROOT"); len(left) != 1 {
		t.Errorf("%d datasets are left", len(left))
	}
}

// What was cloned from an environment that goes becomes independent.
func TestDestroyPromotes(t *testing.T) {
	m := machine(t, zfs14)
	must(t, m, "bectl create a && bectl create -e a b && bectl destroy a")
	_, b := zfs.FindDataset(m, "zroot/ROOT/b")
	if b == nil || !strings.HasPrefix(b.Origin, "zroot/ROOT/default@") {
		t.Errorf("%+v", b)
	}
	if said := as(m, "root", "bectl destroy -o default; bectl destroy -o b"); said != "0\ncannot destroy active boot environment\n" {
		t.Error(said)
	}
}

func TestList(t *testing.T) {
	m := machine(t, zfs14)
	must(t, m, "bectl create with-a-long-name && bectl create default@mine")
	lines := strings.Split(as(m, "root", "bectl list"), "\n")
	want := []string{
		"0",
		"BE               Active Mountpoint Space Created",
		"default          NR     /          ",
		"with-a-long-name -      -          ",
		"",
	}
	for n, line := range want {
		if len(lines) != len(want) || !strings.HasPrefix(lines[n], line) || n > 1 && line != "" && !regexp.MustCompile(`^\d[\d.]*[KMG]? +TIME$`).MatchString(lines[n][len(line):]) {
			t.Errorf("line %d: %q", n, lines)
		}
	}
	details := must(t, m, "bectl list -s | sed 's/ .*TIME$//'")
	if !strings.HasPrefix(details, "BE/Dataset/Snapshot") || !strings.Contains(details, "\n\ndefault\n  zroot/ROOT/default ") ||
		!strings.Contains(details, "\n  default@mine ") || !strings.Contains(details, "\n    zroot/ROOT/default@TIME-0 ") {
		t.Errorf("%s", details)
	}
	for _, c := range []struct{ options, want string }{
		{"-C name", "with-a-long-name\ndefault\n"}, {"-c creation", "default\nwith-a-long-name\n"}, {"-c used", "with-a-long-name\ndefault\n"},
	} {
		if got := must(t, m, "bectl list -H "+c.options+" | cut -f 1"); got != c.want {
			t.Errorf("%s: %q", c.options, got)
		}
	}
}

func TestWrongCalls(t *testing.T) {
	m := machine(t, zfs14)
	usage := as(m, "root", "bectl -h")[2:]
	if !strings.HasPrefix(usage, "Usage:\tbectl {-h | -? | subcommand [args...]}\n\tbectl activate [-t] beName\n") {
		t.Error(usage)
	}
	for script, want := range map[string]string{
		"bectl":                   "",
		"bectl nonsense":          "Unknown command: nonsense\n",
		"bectl activate":          "bectl activate: wrong number of arguments\n",
		"bectl activate -t -T":    "",
		"bectl activate -x a":     "bectl: illegal option -- x\nbectl activate: unknown option '-x'\n",
		"bectl create -e":         "bectl: option requires an argument -- e\nbectl create: unknown option '-e'\n",
		"bectl list new":          "bectl list: extra argument provided\n",
		"bectl mount":             "bectl mount: missing argument(s)\n",
		"bectl rename a":          "bectl rename: missing argument\n",
		"bectl umount":            "bectl umount: wrong number of arguments\n",
		"bectl destroy a b":       "bectl destroy: wrong number of arguments\n",
		"bectl -r zroot/ROOT":     "",
		"bectl check something":   "bectl check: wrong number of arguments\n",
		"bectl rename a b c":      "bectl rename: too many arguments\n",
		"bectl mount a /mnt more": "bectl mount: too many arguments\n",
	} {
		if diff := cmp.Diff("64\n"+want+usage, as(m, "root", script)); diff != "" {
			t.Errorf("%s: %s", script, diff)
		}
	}
	for _, script := range []string{"bectl jail default", "bectl ujail 1", "bectl export default", "bectl list -c usedds"} {
		if said := as(m, "root", script); !strings.HasPrefix(said, "70\nthe simulator can't: ") {
			t.Errorf("%s: %s", script, said)
		}
	}
}

func TestOnlyRootMayChange(t *testing.T) {
	m := machine(t, zfs14)
	if err := m.AddUser("jo"); err != nil {
		t.Fatal(err)
	}
	must(t, m, "bectl create new")
	for script, want := range map[string]string{
		"bectl list -H | cut -f 1": "0\ndefault\nnew\n",
		"bectl create other":       "19\ncannot create snapshot 'zroot/ROOT/default@TIME-1': permission denied\nunknown error\nFailed to create bootenv other\n",
		"bectl activate new":       "255\nDid not successfully activate boot environment new\ncannot set property for 'zroot/ROOT/default': permission denied\n",
		"bectl activate -t new":    "1\nDid not successfully activate boot environment new\nfor next boot\n",
		"bectl destroy new":        "19\ncannot destroy 'zroot/ROOT/new': permission denied\nunknown error\n",
		"bectl rename new other":   "0\ncannot rename 'zroot/ROOT/new': permission denied\nunknown error\nFailed to rename bootenv new to other\n",
	} {
		said := strings.Replace(as(m, "jo", script), "TIME-0", "TIME-1", 1) // the second may have changed
		if said != want {
			t.Errorf("%s: %s", script, said)
		}
	}
}

func TestHostsWithoutEnvironments(t *testing.T) {
	session{
		{"bectl list", "255\nlibbe_init(\"\") failed.\n"},
		{"bectl check", "255\n"},
		{"bectl -r zroot/ROOT list", "255\ncannot open 'zroot': no such pool\nlibbe_init(\"zroot/ROOT\") failed.\n"},
	}.replay(t, machine(t, "freebsd-14.3-ufs"))
	if said := as(machine(t, "freebsd-8.2-zfs-mirror"), "root", "bectl list"); !strings.HasPrefix(said, "127\n") {
		t.Error(said)
	}
	m := machine(t, zfs14)
	must(t, m, "bectl create new")
	if got := must(t, m, "bectl -r zroot/ROOT list -H | cut -f 1"); got != "default\nnew\n" {
		t.Errorf("%q", got)
	}
}

// The words of 15.0, and that it keeps a record in the pool.
func TestFifteen(t *testing.T) {
	m := machine(t, zfs15)
	session{
		{"bectl create new; bectl activate -t new", "0\nSuccessfully activated boot environment new for next boot\n"},
		{"bectl mount new /mnt", "0\n/mnt\n"},
		{"bectl rename default new", "2\nboot environment name already taken\nFailed to rename bootenv default to new\n"},
		{"bectl -r zroot/ROOT unmount new", "0\n"},
	}.replay(t, m)
	history := zfs.FindPool(m, "zroot").History
	if n := len(history); n < 2 || history[n-2].Command != "bectl create new" || history[n-1].Command != "bectl activate -t new" {
		t.Errorf("%+v", history)
	}
}

// Datasets below an environment come along with -r, and are mounted with it.
func TestDeep(t *testing.T) {
	m := machine(t, zfs14)
	if _, err := zfs.CreateDataset(m, zfs.NewDataset{
		Name: "zroot/ROOT/default/srv", Type: zfs.FileSystem, Properties: map[string]string{"canmount": "noauto", "mountpoint": "/srv"}, NoMount: true,
	}); err != nil {
		t.Fatal(err)
	}
	must(t, m, "bectl create flat && bectl create -r deep && bectl mount deep /mnt && bectl mount flat /media")
	var points []string
	for _, u := range m.Tree().Mounts() {
		if strings.HasPrefix(u.Source, "zroot/ROOT/deep") || strings.HasPrefix(u.Source, "zroot/ROOT/flat") {
			points = append(points, u.Source+" "+u.Point)
		}
	}
	want := []string{"zroot/ROOT/deep /mnt", "zroot/ROOT/deep/srv /mnt/srv", "zroot/ROOT/flat /media"}
	if diff := cmp.Diff(want, points); diff != "" {
		t.Error(diff)
	}
	if said := as(m, "root", "bectl unmount deep && bectl destroy deep && bectl destroy -F flat && bectl list -H | cut -f 1"); said != "0\ndefault\n" {
		t.Error(said)
	}
}

func TestNice(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 1023: "1023", 1024: "1K", 1536: "1.50K", 10 << 20: "10M", 12_345_678: "11.8M", 123_456_789: "118M", 1 << 40: "1T"} {
		if got := nice(n); got != want {
			t.Errorf("%d: %s, not %s", n, got, want)
		}
	}
}

// FuzzCommandLine looks for words that bectl cannot take: it always answers, with
// an exit code it has, and the machine keeps what it runs from.
func FuzzCommandLine(f *testing.F) {
	for _, seed := range []string{
		"list -aDHs -c name", "create -r -e default@x new", "activate -t new", "destroy -Fo new", "mount new /mnt", "umount -f new",
		"rename new other", "-r zroot/ROOT list", "check", "create default@x", "activate -T", "create -e new@ a", "rename default b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, words string) {
		if strings.ContainsAny(words, "'\x00") {
			t.Skip()
		}
		m := machine(t, zfs14)
		must(t, m, "bectl create new")
		var quoted []string
		for _, w := range strings.Fields(words) {
			quoted = append(quoted, "'"+w+"'")
		}
		_, _, code := m.Exec(context.Background(), "root", "bectl "+strings.Join(quoted, " "))
		if code != 64 && code != 255 && code != sim.CannotCode && (code < 0 || code > 21) {
			t.Errorf("bectl %s: code %d", words, code)
		}
		if said := as(m, "root", "bectl list -H"); !strings.Contains(said, "\tN") {
			t.Errorf("bectl list after %s: %s", words, said)
		}
	})
}
