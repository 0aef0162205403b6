package ccsim

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/socket"
	"bsdrun/runtime/sim/vfs"
	"bsdrun/stdlib/cc/programs"
	"bsdrun/stdlib/sysctl/sysctlsim"
	"bsdrun/tests/transcript"
)

// onLinux carries out experiments by the rules of Linux.
func onLinux(port uint16, experiments ...string) string {
	var out bytes.Buffer
	b := prober{out: &out, sockets: &socket.Stack{
		Kernel:  func() socket.Kernel { return socket.Linux{} },
		V6Only:  func() bool { return false },
		Daemons: func() []*socket.Socket { return nil },
	}}
	for _, words := range experiments {
		b.experiment(port, words)
	}
	return out.String()
}

// recorded are the experiments that were recorded on Linux, by their words.
func recorded(t *testing.T) map[string]string {
	t.Helper()
	a, err := txtar.ParseFile("testdata/linux.txtar")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range a.Files {
		all[f.Name] = string(f.Data)
	}
	return all
}

func TestTheTwinDoesWhatWasRecordedOnLinux(t *testing.T) {
	for words, want := range recorded(t) {
		head, got, _ := strings.Cut(onLinux(7020, words), "\n")
		if head != "experiment "+words+" port 7020" {
			t.Errorf("%s: begins with %s", words, head)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-recorded +twin):\n%s", words, diff)
		}
	}
}

// TestTheTwinDoesWhatTheProgramDoes compiles the program on this machine; free
// ports differ.
func TestTheTwinDoesWhatTheProgramDoes(t *testing.T) {
	compiler, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("there is no C compiler")
	}
	program := filepath.Join(t.TempDir(), "bind-probe")
	compile := exec.Command(compiler, "-Wall", "-Wextra", "-Werror", "-x", "c", "-o", program, "-")
	compile.Stdin = strings.NewReader(programs.Source(programs.BindProbe))
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	experiments := []string{"udp", "udp,reverse", "udp,set0", "udp,set1", "udp,set1,reverse", "udp,reuse"}
	for words := range recorded(t) {
		experiments = append(experiments, words)
	}
	slices.Sort(experiments)
	out, err := exec.Command(program, append([]string{"0", ""}, experiments...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	real := string(out)
	if !strings.Contains(real, "errno=98") || !strings.Contains(real, "AF_INET6 IPV6_V6ONLY default=0") {
		t.Skip("this machine is no Linux with IPv6 as it comes")
	}
	if diff := cmp.Diff(withoutPorts(real), withoutPorts(onLinux(0, experiments...))); diff != "" {
		t.Errorf("(-program +twin):\n%s", diff)
	}
}

func withoutPorts(out string) string {
	var lines []string
	for line := range strings.Lines(out) {
		if i := strings.Index(line, " port "); i >= 0 {
			line = line[:i] + "\n"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "")
}

// machine is one whose root directory holds the sources of the programs.
func machine(t *testing.T, profile string) *sim.Machine {
	t.Helper()
	m, err := sim.New(sim.Options{Profile: profile, Tools: slices.Concat(base.Tools(), sysctlsim.Tools(), Tools())})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	for _, name := range []string{programs.BindProbe, programs.Trial} {
		if err := m.View(vfs.Root, "/").WriteFile("/"+name+".c", []byte(programs.Source(name)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// TestOnFreeBSD holds the twin to in_pcbbind_setup() and in6_pcbbind(): by default
// both families have their own port; a socket of IPv6 that hears IPv4, too, may
// come second, not first.
func TestOnFreeBSD(t *testing.T) {
	m := machine(t, "")
	transcript.Must(t, m, "cc -O2 -o probe bind-probe.c")
	for _, c := range []struct{ before, words, want string }{
		{"", "tcp", "6 ok 6 ok 4 ok 4 ok"},
		{"", "tcp,reverse", "4 ok 4 ok 6 ok 6 ok"},
		{"", "tcp,set0", "6 ok 6 ok 4 errno=48"},
		{"", "tcp,set0,reverse", "4 ok 4 ok 6 ok 6 ok"},
		{"", "udp", "6 ok 4 ok"},
		{"", "udp,set0", "6 ok 4 errno=48"},
		{"sysctl net.inet6.ip6.v6only=0 >/dev/null", "tcp", "6 ok 6 ok 4 errno=48"},
		{"", "tcp,set1", "6 ok 6 ok 4 ok 4 ok"},
	} {
		out := transcript.Must(t, m, c.before+"\n./probe 7020 '' "+c.words+
			` | sed -n 's/^AF_INET\(6*\) [a-z]*: \(ok\).*/\1 \2/p; s/^AF_INET\(6*\) [a-z]*: \(errno=[0-9]*\).*/\1 \2/p' | sed 's/^ /4 /' | xargs echo`)
		if got := strings.TrimSpace(out); got != c.want {
			t.Errorf("%s %s: got %q, want %q", c.before, c.words, got, c.want)
		}
	}
}

func TestToolsShowTheSocketsOfTheProgram(t *testing.T) {
	m := machine(t, "")
	out := transcript.Must(t, m, `cc -o probe bind-probe.c && ./probe 7020 'sockstat -46lq -p $port | awk "{print \$5,\$6}"; netstat -an -p tcp | grep 7020' tcp,set0,reverse; sockstat -q -p 7020`)
	want := `-- shown
tcp4 *:7020
tcp46 *:7020
tcp46      0      0  *.7020                 *.*                    LISTEN
tcp4       0      0  *.7020                 *.*                    LISTEN
`
	if _, got, _ := strings.Cut(out, "AF_INET6 listen: ok\n"); got != want {
		t.Errorf("got\n%s", got)
	}
}

// TestASocketHearsItsFamilies connects to what the probe has open.
func TestASocketHearsItsFamilies(t *testing.T) {
	m := machine(t, "")
	transcript.Must(t, m, "cc -o probe bind-probe.c")
	for words, want := range map[string]string{
		"tcp,set0":         "4 6 ", // one socket for both
		"tcp,set1,reverse": "4 6 ",
		"tcp,set0,reverse": "4 6 ",
	} {
		out := transcript.Must(t, m, `./probe 7020 'nc -z 127.0.0.1 $port && printf "4 "; nc -z ::1 $port && printf "6 "; echo' `+words+`; nc -z ::1 7020 || echo closed`)
		if _, got, _ := strings.Cut(out, "-- shown\n"); got != want+"\nclosed\n" {
			t.Errorf("%s: got %q", words, got)
		}
	}
}

// TestPortsOfOthersAreInUse runs the probe where sshd listens.
func TestPortsOfOthersAreInUse(t *testing.T) {
	out := transcript.Must(t, machine(t, ""), "cc -o probe bind-probe.c && ./probe 22 '' tcp")
	for _, want := range []string{"AF_INET6 bind: errno=48 Address already in use", "AF_INET bind: errno=48 Address already in use"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
}

func TestCompiler(t *testing.T) {
	m := machine(t, "")
	transcript.Must(t, m, "printf 'int main(void) { return 3; }\n' >other.c")
	for _, c := range []struct {
		script, out, errs string
		code              int
	}{
		{"cc trial.c && ./a.out", "", "", 0},
		{"clang -O2 -Wall -std=c99 -o t trial.c && ./t", "", "", 0},
		{"cc", "", "cc: error: no input files\n", 1},
		{"cc nofile.c", "", "cc: error: no such file or directory: 'nofile.c'\ncc: error: no input files\n", 1},
		{"cc trial.c -o", "", "cc: error: argument to '-o' is missing (expected 1 value)\n", 1},
		{"cc -o /nowhere/t trial.c", "", "ld: error: cannot open output file /nowhere/t: No such file or directory\ncc: error: linker command failed with exit code 1 (use -v to see invocation)\n", 1},
		{"cc other.c", "", "the simulator can't: compile other.c, which is no program of bsdrun\n", 70},
		{"cc -DX trial.c", "", "the simulator can't: cc -DX\n", 70},
		{"cc trial.c other.c", "", "the simulator can't: cc trial.c other.c\n", 70},
		{"cc -o t bind-probe.c && ./t", "", "usage: bind-probe PORT COMMAND EXPERIMENT...\n", 2},
	} {
		if out, errs, code := transcript.Sh(m, c.script); code != c.code || out != c.out || errs != c.errs {
			t.Errorf("%s: %d\n%s%s", c.script, code, out, errs)
		}
	}
}

func TestOldReleasesHaveNoClang(t *testing.T) {
	m := machine(t, "freebsd-8.2-zfs-mirror")
	if out := transcript.Must(t, m, "cc trial.c && ./a.out; ls /usr/bin/cc /usr/bin/clang 2>/dev/null || :"); out != "/usr/bin/cc\n" {
		t.Errorf("got %s", out)
	}
}
