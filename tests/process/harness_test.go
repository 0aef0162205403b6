// Package process tests bsdrun as users meet it: as a process that works on a
// machine that is another process, either of which may be killed.
package process

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	"bsdrun/tests/binary"
)

// rate is how much faster than ours the machine's time runs: the build of the
// main job then takes some seconds, long enough to be met in its midst.
const rate = "200"

// patience bounds how long anything is waited for; nothing is measured by it.
const patience = 5 * time.Minute

// command is the path of the one under test, built once.
var command string

func TestMain(m *testing.M) {
	// These tests wait more than they work.
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	os.Exit(binary.Main(m, &command))
}

// process is one that runs, and what it has printed so far.
type process struct {
	t        *testing.T
	cmd      *exec.Cmd
	out, err lines
	ended    chan struct{}
}

// lines gathers output that is read while it grows.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// start begins a process that ends with the test at the latest.
func start(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(command, args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	p.cmd.Dir = dir
	p.cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_STATE_HOME="+filepath.Join(dir, "state"), "SSH_AUTH_SOCK=")
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
	})
	return p
}

// awaits returns once the process has told something on standard error, and
// what the expression's first group matched there.
func (p *process) awaits(what string) string {
	p.t.Helper()
	expr := regexp.MustCompile(what)
	for began := time.Now(); time.Since(began) < patience; time.Sleep(5 * time.Millisecond) {
		if m := expr.FindStringSubmatch(p.err.String()); m != nil {
			return m[len(m)-1]
		}
		select {
		case <-p.ended:
			if m := expr.FindStringSubmatch(p.err.String()); m != nil {
				return m[len(m)-1]
			}
			p.t.Fatalf("it ended (code %d) before it told %q\n%s", p.cmd.ProcessState.ExitCode(), what, p.err.String())
		default:
		}
	}
	p.t.Fatalf("it did not tell %q\n%s", what, p.err.String())
	return ""
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// kill ends the process without a chance to tidy up.
func (p *process) kill() {
	p.t.Helper()
	p.signal(syscall.SIGKILL)
	if code := p.exit(); code != -1 {
		p.t.Fatalf("it was not killed: exit code %d\n%s", code, p.err.String())
	}
}

// exit waits for the end and returns the exit code; -1 after a signal.
func (p *process) exit() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.signal(syscall.SIGQUIT)
		<-p.ended
		p.t.Fatalf("it does not end\n%s", p.err.String())
	}
	return p.cmd.ProcessState.ExitCode()
}

// exits fails the test unless the process ends with a code.
func (p *process) exits(code int) {
	p.t.Helper()
	if got := p.exit(); got != code {
		p.t.Fatalf("exit code %d, want %d\n%s\n%s", got, code, p.out.String(), p.err.String())
	}
}

// machine is a simulated host that is a process of its own.
type machine struct {
	*process
	address string
	key     string // as known_hosts has it, without the address
}

// serve starts a machine of a profile; listen is its former address, or empty.
func serve(t *testing.T, dir, profile, listen string) *machine {
	t.Helper()
	return serveAt(t, rate, dir, profile, listen)
}

// serveAt is serve at another rate.
func serveAt(t *testing.T, rate, dir, profile, listen string) *machine {
	t.Helper()
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	m := &machine{process: start(t, dir, "sim", profile, "--listen", listen, "--rate", rate)}
	m.key = m.awaits(`(?m)^host key \S+ (.*)$`)
	m.address = m.awaits(`(?m) listens on (.*)$`)
	return m
}

// control is the machine of an administrator: its home, with the journal of
// bsdrun, and an ssh_config that knows the host.
type control struct {
	t   *testing.T
	dir string
}

const (
	host       = "builder.example.org"
	repository = "https://git.example.org/custom-ports.git"
	builds     = "/usr/local/poudriere/data/logs/bulk/143amd64-default"
)

func newControl(t *testing.T, key, address string) *control {
	t.Helper()
	c := &control{t: t, dir: t.TempDir()}
	c.knows(host, key, address)
	return c
}

// knows adds a host to those that ssh_config tells of.
func (c *control) knows(host, key, address string) {
	c.t.Helper()
	name, port, err := net.SplitHostPort(address)
	if err != nil {
		c.t.Fatal(err)
	}
	known := filepath.Join(c.dir, "known_hosts."+host)
	c.write(known, fmt.Sprintf("[%s]:%s %s\n", name, port, key))
	former, err := os.ReadFile(c.config())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		c.t.Fatal(err)
	}
	c.write(c.config(), fmt.Sprintf("%sHost %s\n\tHostName %s\n\tPort %s\n\tUser root\n\tUserKnownHostsFile %s\n\tConnectTimeout %.0f\n", former, host, name, port, known, patience.Seconds()))
}

func (c *control) config() string { return filepath.Join(c.dir, "ssh_config") }

func (c *control) write(name, text string) {
	c.t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// underWay is what bsdrun tells while ports are being built.
const underWay = `\d+ of \d+: \d+ built`

// starts begins bsdrun.
func (c *control) starts(command string, args ...string) *process {
	c.t.Helper()
	return start(c.t, c.dir, append([]string{command, "-F", c.config()}, args...)...)
}

// builds begins the main job.
func (c *control) builds(args ...string) *process {
	c.t.Helper()
	return c.starts("poudriere", append([]string{"-p", "repository=" + repository, host}, args...)...)
}

// building begins the main job and returns once ports are being built.
func (c *control) building() *process {
	c.t.Helper()
	p := c.builds()
	p.awaits(underWay)
	return p
}

// outcome is what "-o json" tells of a run.
type outcome struct {
	Run   string
	Hosts []struct {
		Status string
		Steps  []struct{ Name, Status string }
		Result struct {
			Built  []struct{ Origin, Package string }
			Failed []struct{ Origin string }
		}
		Error *struct {
			Message, Command, Hint string
		}
	}
}

func (p *process) outcome() outcome {
	p.t.Helper()
	var o outcome
	if err := json.Unmarshal([]byte(p.out.String()), &o); err != nil {
		p.t.Fatalf("%v\n%s\n%s", err, p.out.String(), p.err.String())
	}
	if len(o.Hosts) != 1 {
		p.t.Fatalf("%d hosts in\n%s", len(o.Hosts), p.out.String())
	}
	return o
}

// completes checks that a run that prints JSON ends with all packages, and that
// the machine has begun one build, not more.
func (c *control) completes(p *process) {
	c.t.Helper()
	p.exits(0)
	h := p.outcome().Hosts[0]
	packages := map[string]bool{}
	for _, port := range h.Result.Built {
		packages[port.Package] = true
	}
	for _, name := range []string{"greeter-2.1_1", "libgreet-1.4.2", "site-backup-0.9.3", "greet-web-1.0.4", "python311-3.11.14"} {
		if !packages[name] {
			c.t.Errorf("%s is not among what was built: %v", name, h.Result.Built)
		}
	}
	if len(h.Result.Failed) > 0 || h.Status != "ok" {
		c.t.Errorf("status %s, failed ports: %v", h.Status, h.Result.Failed)
	}
	if n := c.begun(); n != 1 {
		c.t.Errorf("%d builds were begun", n)
	}
}

// begun counts the builds that the machine has begun.
func (c *control) begun() int {
	c.t.Helper()
	p := c.starts("exec", "--read", "-q", host, "--", "ls", builds)
	p.exits(0)
	return len(regexp.MustCompile(`(?m)^\d{4}-\d\d-\d\d_\S+$`).FindAllString(p.out.String(), -1))
}

// proxy stands between bsdrun and the machine and can cut the line.
type proxy struct {
	t        *testing.T
	to       string
	address  string
	mu       sync.Mutex
	listener net.Listener
	open     []net.Conn
	accepted int
}

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	p := &proxy{t: t, to: to, address: "127.0.0.1:0"}
	p.listen()
	t.Cleanup(p.close)
	return p
}

// listen takes connections, at the same address each time.
func (p *proxy) listen() {
	p.t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", p.address)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listener, p.address = l, l.Addr().String()
	go func() {
		for {
			near, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				p.join(near)
			}
		}
	}()
}

func (p *proxy) join(near net.Conn) {
	far, err := net.Dial("tcp", p.to)
	if err != nil {
		_ = near.Close()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.accepted++
	p.open = append(p.open, near, far)
	for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
		go func() {
			_, _ = io.Copy(way[1], way[0])
			_, _ = way[0].Close(), way[1].Close()
		}()
	}
}

// cut drops every connection; new ones are taken.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.open {
		_ = conn.Close()
	}
	p.open = nil
}

// close drops every connection and takes no new one.
func (p *proxy) close() {
	p.mu.Lock()
	_ = p.listener.Close()
	p.mu.Unlock()
	p.cut()
}

func (p *proxy) connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted
}

// has tells whether a process has said a thing on either stream.
func (p *process) has(expr string) bool {
	return regexp.MustCompile(expr).MatchString(p.out.String() + p.err.String())
}

// says checks that a process has said a thing.
func (p *process) says(expr string) {
	p.t.Helper()
	if !p.has(expr) {
		p.t.Errorf("it does not say %q:\n%s\n%s", expr, p.out.String(), p.err.String())
	}
}
