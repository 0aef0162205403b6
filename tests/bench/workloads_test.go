//go:build linux

package bench

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"golang.org/x/crypto/ssh"

	"bsdrun/tests/binary"
	"bsdrun/tests/sshd/sshdtest"
)

var (
	times = flag.Int("rounds", 3, "how often each contender does a workload, by turns")
	gate  = flag.Bool("gate", false, "fail where bsdrun is behind what it must reach")
	only  = flag.String("contenders", "", "measure only the contenders whose names begin with one of these, comma-separated")
)

func marshalKey(key ssh.PublicKey) []byte { return ssh.MarshalAuthorizedKey(key) }

// workload is one thing to do on many hosts, and what bsdrun must reach: its time and
// its processor time over the floor's at most, others' times over its own at least.
type workload struct {
	name         string
	hosts, times int
	floor, cpu   float64
	best         float64            // over every peer
	peers        map[string]float64 // over one of them
}

var workloads = []workload{
	{name: "W1: 1 host, 30 commands in sequence", hosts: 1, times: 30, floor: 1.3, best: 2, peers: map[string]float64{"pyinfra": 20}},
	{name: "W2: 50 hosts, 10 commands", hosts: 50, times: 10, floor: 1.2, cpu: 1.5, best: 1.4},
	{name: "W3: 100 hosts, 1 command", hosts: 100, times: 1, floor: 1.15, cpu: 1.5, best: 1},
}

// took is what one contender took, by rounds.
type took struct{ wall, cpu []time.Duration }

func BenchmarkW1(b *testing.B) { workloads[0].compare(b) }
func BenchmarkW2(b *testing.B) { workloads[1].compare(b) }
func BenchmarkW3(b *testing.B) { workloads[2].compare(b) }

// compare compares bsdrun, as whole processes, with the floor and with every peer that
// is installed (see the script peers beside this file). Peers that are not are told.
func (w workload) compare(b *testing.B) {
	b.Helper()
	var o sshdtest.Options
	o.Addresses = []string{"0.0.0.0"}
	if os.Geteuid() == 0 {
		o.User, _ = sshdtest.NewUser(b, "/bin/sh", "")
	}
	server := sshdtest.Start(b, o)
	bin, floor := binary.Of(b), filepath.Join(b.TempDir(), "floor")
	out, err := exec.Command("go", "build", "-o", floor, "bsdrun/tests/bench/bare/program").CombinedOutput()
	if err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	b.Setenv("XDG_STATE_HOME", b.TempDir())
	b.Setenv("SSH_AUTH_SOCK", "")
	present, absent := installed(contenders(bin, floor))
	g := newGroup(b, server, w.hosts, w.times)
	results := map[string]*took{}
	for b.Loop() {
		results = w.measure(b, g, present)
	}
	b.ReportMetric(0, "ns/op")
	w.print(b, present, absent, results)
	w.judge(b, present, results)
}

// installed parts the contenders that are asked for by whether their program is there.
func installed(all []contender) (present []contender, absent []string) {
	for _, c := range all {
		wanted := *only == "" || slices.ContainsFunc(strings.Split(*only, ","), func(p string) bool { return strings.HasPrefix(c.name, p) })
		if !wanted {
			continue
		}
		if _, err := exec.LookPath(c.needs); c.needs != "" && err != nil {
			absent = append(absent, c.name)
			continue
		}
		present = append(present, c)
	}
	return present, absent
}

// measure lets all contenders do the workload by turns. One that fails is out, and
// that is told.
func (w workload) measure(b *testing.B, g *group, all []contender) map[string]*took {
	b.Helper()
	results := map[string]*took{}
	failed := map[string]bool{}
	for range *times {
		for _, c := range all {
			if failed[c.name] || c.alone && len(g.addresses) > 1 {
				continue
			}
			wall, cpu, err := measured(g.fill(c.script))
			if err != nil {
				failed[c.name] = true
				delete(results, c.name)
				if c.ours || c.floor {
					b.Fatalf("%s: %v", c.name, err)
				}
				fmt.Printf("%s fails: %v\n", c.name, err)
				continue
			}
			if results[c.name] == nil {
				results[c.name] = &took{}
			}
			results[c.name].wall = append(results[c.name].wall, wall)
			results[c.name].cpu = append(results[c.name].cpu, cpu)
		}
	}
	return results
}

// measured runs a script and returns how long it took, and the processor time of its
// processes.
func measured(script string) (wall, cpu time.Duration, err error) {
	cmd := exec.Command("/bin/sh", "-c", script)
	began := time.Now()
	out, err := cmd.CombinedOutput()
	wall = time.Since(began)
	if err != nil {
		return 0, 0, fmt.Errorf("%w: %s", err, out[max(0, len(out)-500):])
	}
	return wall, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

// floorName is what bsdrun is measured against.
const floorName = "floor shell+qa"

func (w workload) print(b *testing.B, all []contender, absent []string, results map[string]*took) {
	b.Helper()
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(os.Stdout, "\n%s\n", w.name)
	fmt.Fprintln(table, "seconds\tprocessor\tx floor\tx bsdrun\t  \t")
	for _, c := range all {
		r, floor, ours := results[c.name], results[floorName], results["bsdrun"]
		if r == nil {
			continue
		}
		fmt.Fprintf(table, "%.3f\t%.3f\t%s\t%s\t  %s\t\n", median(r.wall).Seconds(), median(r.cpu).Seconds(), over(r, floor), over(r, ours), c.name)
	}
	_ = table.Flush()
	if len(absent) > 0 {
		fmt.Fprintf(os.Stdout, "not installed: %s\n", strings.Join(absent, ", "))
	}
}

// over is a ratio, where there is something to compare with.
func over(a, other *took) string {
	if other == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f", ratio(a.wall, other.wall))
}

// judge tells what bsdrun must reach and does not.
func (w workload) judge(b *testing.B, all []contender, results map[string]*took) {
	b.Helper()
	complain := b.Logf
	if *gate {
		complain = b.Errorf
	}
	ours, floor := results["bsdrun"], results[floorName]
	if ours == nil {
		return
	}
	if floor != nil {
		if r := ratio(ours.wall, floor.wall); r > w.floor {
			complain("%s: %.2f times the floor, not %.2f", w.name, r, w.floor)
		}
		if r := ratio(ours.cpu, floor.cpu); w.cpu > 0 && r > w.cpu {
			complain("%s: %.2f times the floor's processor time, not %.2f", w.name, r, w.cpu)
		}
	}
	for _, c := range all {
		peer := results[c.name]
		if c.ours || c.floor || peer == nil {
			continue
		}
		least := max(w.best, w.peers[c.name])
		if r := ratio(peer.wall, ours.wall); r < least {
			complain("%s: %.2f times as fast as %s, not %.2f", w.name, r, c.name, least)
		}
	}
}
