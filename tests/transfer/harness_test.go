// Package transfer moves big files to, from and between real OpenSSH servers, and
// lets that be killed and cut.
package transfer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/effect"
	"bsdrun/tests/binary"
	"bsdrun/tests/sshd/sshdtest"
)

// command is the path of the one under test, built once.
var command string

// atOnce is how many tests run at a time: what they wait for is their lines.
const atOnce = "6"

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", atOnce); err != nil {
		panic(err)
	}
	os.Exit(binary.Main(m, &command))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// image makes a file that holds random data in some places.
func image(t testing.TB, name string, size int64, parts ...effect.Extent) {
	t.Helper()
	f, err := os.Create(name)
	must(t, err)
	must(t, f.Truncate(size))
	random := rand.NewChaCha8([32]byte{1})
	for _, x := range parts {
		_, err := io.CopyN(io.NewOffsetWriter(f, x.Offset), random, x.Length)
		must(t, err)
	}
	must(t, f.Close())
}

func sum(t testing.TB, name string) string {
	t.Helper()
	f, err := os.Open(name)
	must(t, err)
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	must(t, err)
	return hex.EncodeToString(h.Sum(nil))
}

// controller is the machine of an administrator: its home, with the journal of
// bsdrun, a recipe, an ssh_config that knows hosts, and an inventory that tells where
// they keep bsdrun's state: they are one machine.
type controller struct {
	t   *testing.T
	dir string
}

func newController(t *testing.T) *controller {
	t.Helper()
	return &controller{t, t.TempDir()}
}

// file is the path of one of the controller's files.
func (c *controller) file(name string) string { return filepath.Join(c.dir, name) }

// knows adds a server to those that ssh_config tells of, under a name and perhaps
// by another address.
func (c *controller) knows(name string, s *sshdtest.Server, address string) {
	c.t.Helper()
	if address == "" {
		address = s.Addr()
	}
	host, port, err := net.SplitHostPort(address)
	must(c.t, err)
	must(c.t, os.WriteFile(c.file(name), fmt.Appendf(nil, "[%s]:%s %s", host, port, ssh.MarshalAuthorizedKey(s.HostKey)), 0o600))
	c.adds("ssh_config", `Host %s
	HostName %s
	Port %s
	User %s
	IdentityFile %s
	IdentitiesOnly yes
	UserKnownHostsFile %s
	ConnectTimeout %.0f
`, name, host, port, s.User, s.Key, c.file(name), sshdtest.Patience.Seconds())
	state := c.t.TempDir()
	must(c.t, os.Chmod(state, 0o777))
	c.adds("hosts.toml", "[hosts.%s]\nstate_dir = %q\n", name, state+"/state")
}

// adds writes to the end of one of the controller's files.
func (c *controller) adds(name, format string, args ...any) {
	c.t.Helper()
	f, err := os.OpenFile(c.file(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(c.t, err)
	_, err = fmt.Fprintf(f, format, args...)
	must(c.t, errors.Join(err, f.Close()))
}

// recipe writes what runs on a host.
func (c *controller) recipe(body string) {
	c.t.Helper()
	must(c.t, os.WriteFile(c.file("move.lua"), []byte(`--- Moves a file.
local recipe = { params = { to = { type = "host", doc = "receives" } } }
function recipe.run(h, p)
  return step("Move", function()
    `+body+`
  end)
end
return recipe
`), 0o600))
}

// run is bsdrun at work.
type run struct {
	t        *testing.T
	cmd      *exec.Cmd
	out, err bytes.Buffer
	ended    chan struct{}
}

// starts begins bsdrun; it ends with the test at the latest.
func (c *controller) starts(args ...string) *run {
	c.t.Helper()
	r := &run{t: c.t, cmd: exec.Command(command, args...), ended: make(chan struct{})}
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.err
	r.cmd.Dir = c.dir
	r.cmd.Env = append(os.Environ(), "HOME="+c.dir, "XDG_STATE_HOME="+c.file("state"), "SSH_AUTH_SOCK=")
	must(c.t, r.cmd.Start())
	go func() {
		_ = r.cmd.Wait()
		close(r.ended)
	}()
	c.t.Cleanup(r.kill)
	return r
}

// moves begins the recipe on a host.
func (c *controller) moves(host string, args ...string) *run {
	c.t.Helper()
	return c.starts(append([]string{c.file("move.lua"), "-F", c.file("ssh_config"), "-i", c.file("hosts.toml"), "-o", "json", host}, args...)...)
}

// resumes goes on with the last run.
func (c *controller) resumes() *run {
	c.t.Helper()
	return c.starts("resume", "-F", c.file("ssh_config"), "last", "-o", "json")
}

// kill ends it without a chance to tidy up.
func (r *run) kill() {
	_ = r.cmd.Process.Kill()
	<-r.ended
}

// exits fails the test unless it ends with a code.
func (r *run) exits(code int) {
	r.t.Helper()
	select {
	case <-r.ended:
	case <-time.After(5 * time.Minute):
		r.kill()
		r.t.Fatalf("it does not end\n%s", r.err.String())
	}
	// Whatever the length of a file, of it there is little in memory.
	if used := r.cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss; used > 100<<10 {
		r.t.Errorf("%d MB of memory were used", used>>10)
	}
	if got := r.cmd.ProcessState.ExitCode(); got != code {
		r.t.Fatalf("exit code %d, want %d\n%s\n%s", got, code, r.out.String(), r.err.String())
	}
}

// result is what the recipe returned.
func (r *run) result(into any) {
	r.t.Helper()
	var o struct {
		Hosts []struct{ Result json.RawMessage }
	}
	must(r.t, json.Unmarshal(r.out.Bytes(), &o))
	must(r.t, json.Unmarshal(o.Hosts[0].Result, into))
}

// lineRate is how many bytes a second go over a line, each way: it is the line that
// things wait for, as it would be anywhere else.
const lineRate = 128 << 20

// line is a way to a server that counts what goes over it, and can be cut.
type line struct {
	to       string
	address  string
	up, down atomic.Int64
	made     atomic.Int64 // connections

	mu    sync.Mutex
	conns []net.Conn
	at    int64 // cut once so much has gone up or down
	cut   func()
}

func newLine(t *testing.T, to string) *line {
	t.Helper()
	l := &line{to: to}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	must(t, err)
	l.address = listener.Addr().String()
	t.Cleanup(func() {
		_ = listener.Close()
		l.drop()
	})
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			l.join(near)
		}
	}()
	return l
}

func (l *line) join(near net.Conn) {
	far, err := net.Dial("tcp", l.to)
	if err != nil {
		_ = near.Close()
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, near, far)
	l.made.Add(1)
	go l.copy(far, near, &l.up)
	go l.copy(near, far, &l.down)
}

func (l *line) copy(to, from net.Conn, count *atomic.Int64) {
	defer func() { _, _ = to.Close(), from.Close() }()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		time.Sleep(time.Second * time.Duration(n) / lineRate)
		count.Add(int64(n))
		l.watch()
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// after has something done, once, when so much more has gone over the line.
func (l *line) after(bytes int64, cut func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at, l.cut = l.up.Load()+l.down.Load()+bytes, cut
}

func (l *line) watch() {
	l.mu.Lock()
	cut := l.cut
	if cut == nil || l.up.Load()+l.down.Load() < l.at {
		l.mu.Unlock()
		return
	}
	l.cut = nil
	l.mu.Unlock()
	cut()
}

// drop ends every connection; new ones are taken.
func (l *line) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		_ = c.Close()
	}
	l.conns = nil
}

// dropLast ends the connection that was made last.
func (l *line) dropLast() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns[len(l.conns)-2:] {
		_ = c.Close()
	}
}
