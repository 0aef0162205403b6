//go:build linux

package fleet

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"bsdrun/tests/binary"
)

var (
	hosts = flag.Int("hosts", 10_000, "how many hosts the largest run has")
	gate  = flag.Bool("gate", false, "fail where a run needs more than it may")
)

// farmSize makes the test binary a farm of so many machines.
const farmSize, farmKnownHosts = "BSDRUN_TEST_FARM", "BSDRUN_TEST_FARM_KNOWN_HOSTS"

func TestMain(m *testing.M) {
	if size, err := strconv.Atoi(os.Getenv(farmSize)); err == nil {
		if err := serveFarm(size, os.Getenv(farmKnownHosts)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	flag.Parse()
	os.Exit(m.Run())
}

// recipe is five operations on a host: two queries, two changes and a file. MEET is
// where all hosts wait for each other.
const recipe = `
step("name", function() return h:read { "uname", "-n" }.stdout end)
step("file", function() return h.file.put("/tmp/bench", h.name .. "\n") end)
step("directory", function() return h:run { "mkdir", "-p", "/tmp/bench.d" }.code end)
--MEET
step("move", function() return h:run { "mv", "/tmp/bench", "/tmp/bench.d" }.code end)
return step("list", function() return h:read { "ls", "/tmp/bench.d" }.stdout end)
`

// cost is what a run took, on each side.
type cost struct {
	took           time.Duration
	cpu            time.Duration // of the client
	client, server int64         // bytes resident, at most
}

// BenchmarkFleet runs five operations on many hosts over TCP and SSH: with the
// default number of forks, and all connected at once, where they meet at a barrier.
// Each is run with half the hosts, too.
//
//	client-MB      of the command, at most 1536 with 10,000 hosts
//	total-MB       of both sides, at most 8192 with 10,000 hosts
//	x-memory       client with all hosts / with half of them, at most 2 (fixed costs help)
//	x-cpu          likewise for the client's processor time, at most 2.2
//	ms-cpu/host    the client's processor time for a host
func BenchmarkFleet(b *testing.B) {
	bin := binary.Of(b)
	for _, c := range []struct{ name, source string }{
		{"forks", recipe},
		{"meeting", strings.Replace(recipe, "--MEET", `fleet.barrier("all")`, 1)},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				half := measure(b, bin, c.source, *hosts/2)
				whole := measure(b, bin, c.source, *hosts)
				report(b, half, whole)
			}
		})
	}
}

func report(b *testing.B, half, whole cost) {
	b.Helper()
	const mb = 1 << 20
	memory, cpu := float64(whole.client)/float64(half.client), float64(whole.cpu)/float64(half.cpu)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(whole.took.Seconds(), "s")
	b.ReportMetric(float64(whole.took)/float64(half.took), "x-time")
	b.ReportMetric(float64(whole.client)/mb, "client-MB")
	b.ReportMetric(float64(whole.client+whole.server)/mb, "total-MB")
	b.ReportMetric(float64(whole.client-half.client)/1024/float64(*hosts-*hosts/2), "client-KiB/host")
	b.ReportMetric(whole.cpu.Seconds()*1000/float64(*hosts), "ms-cpu/host")
	b.ReportMetric(memory, "x-memory")
	b.ReportMetric(cpu, "x-cpu")
	share := float64(*hosts) / 10_000
	if *gate && (memory > 2.05 || cpu > 2.2 || float64(whole.client) > 1536*mb*max(share, 0.1) || float64(whole.client+whole.server) > 8192*mb*max(share, 0.1)) {
		b.Errorf("more than it may be: %+v, with half the hosts %+v", whole, half)
	}
}

// measure runs the recipe on a fresh farm, in processes of their own.
func measure(b *testing.B, bin, source string, size int) cost {
	b.Helper()
	dir := b.TempDir()
	farm := exec.Command(os.Args[0])
	known := filepath.Join(dir, "known_hosts")
	farm.Env = append(os.Environ(), fmt.Sprintf("%s=%d", farmSize, size), farmKnownHosts+"="+known)
	farm.Stderr = os.Stderr
	stop, err := farm.StdinPipe()
	check(b, err)
	out, err := farm.StdoutPipe()
	check(b, err)
	check(b, farm.Start())
	port, err := bufio.NewReader(out).ReadString('\n')
	check(b, err)

	run := command(b, bin, dir, source, size, known, strings.TrimSpace(port))
	began := time.Now()
	err = run.Run()
	c := cost{took: time.Since(began)}
	if err != nil {
		b.Fatalf("%v\n%s", err, tail(run.Stderr.(*bytes.Buffer).String()))
	}
	c.client, c.cpu = used(run)
	allDone(b, run.Stdout.(*bytes.Buffer), size)
	_ = stop.Close()
	_, _ = io.Copy(io.Discard, out)
	check(b, farm.Wait())
	c.server, _ = used(farm)
	return c
}

// command is the run on the machines of a farm.
func command(b *testing.B, bin, dir, source string, size int, known, port string) *exec.Cmd {
	b.Helper()
	inventory := filepath.Join(dir, "fleet.toml")
	var names []string
	for n := range size {
		names = append(names, strconv.Quote(address(n)))
	}
	check(b, os.WriteFile(inventory, fmt.Appendf(nil, "[groups.all]\nport = %s\nuser = \"root\"\nknown_hosts = %q\n[groups.farm]\nhosts = [%s]\n",
		port, known, strings.Join(names, ",")), 0o600))
	run := exec.Command(bin, "-q", "-o", "json", "-F", "none", "-i", inventory, "-e", source, "farm")
	run.Env = append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(dir, "state"), "SSH_AUTH_SOCK=", "HOME="+dir)
	run.Dir = dir
	run.Stdout, run.Stderr = &bytes.Buffer{}, &bytes.Buffer{}
	return run
}

// used is what an ended process has used: memory at most, and processor time.
func used(cmd *exec.Cmd) (memory int64, cpu time.Duration) {
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return usage.Maxrss << 10, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// allDone fails unless every host has done all of it.
func allDone(b *testing.B, out *bytes.Buffer, size int) {
	b.Helper()
	var r struct {
		Hosts []struct {
			Name, Status string
			Changed      int
		}
	}
	check(b, json.Unmarshal(out.Bytes(), &r))
	done := 0
	for _, h := range r.Hosts {
		if h.Status == "ok" && h.Changed == 3 {
			done++
		}
	}
	if done != size {
		b.Fatalf("%d of %d hosts are done", done, size)
	}
}

func tail(text string) string { return text[max(0, len(text)-2000):] }

func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
