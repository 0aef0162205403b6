// Package sshdtest starts real OpenSSH servers on loopback addresses, for tests
// and benchmarks. It needs sshd to be installed; nothing of the machine's own
// configuration is touched, but that tests as root may make users of their own.
package sshdtest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/sshhost"
)

// Options say how a server differs from the usual.
type Options struct {
	// Addresses are what it listens on; nil: 127.0.0.1.
	Addresses []string
	// Lines are put before all other lines of sshd_config(5).
	Lines []string
	// NoKey leaves the client's key out of authorized_keys.
	NoKey bool
	// NoSFTP leaves the SFTP subsystem out.
	NoSFTP bool
	// User logs in; empty: whoever runs the test.
	User string
	// Within is a command that sshd is started by, as nsenter(1) with its
	// arguments.
	Within []string
}

// Server is a running sshd.
type Server struct {
	Dir        string // keys, configuration, log
	Port       int
	Address    string
	User       string
	Key        string // file of the client's private key
	Signer     ssh.Signer
	HostKey    ssh.PublicKey
	KnownHosts string // file that knows the host key
	HostSigner ssh.Signer

	tb     testing.TB
	within []string
	cmd    *exec.Cmd
	done   chan struct{}
}

// Patience is how long a server on a busy machine may take to let somebody in.
const Patience = 5 * time.Minute

// Path is where sshd is; tests are skipped where it is not.
func Path(tb testing.TB) string {
	tb.Helper()
	for _, path := range []string{"/usr/sbin/sshd", "/usr/local/sbin/sshd"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	tb.Skip("sshd is not installed: apt-get install openssh-server")
	return ""
}

// Start starts a server; it ends with the test.
func Start(tb testing.TB, o Options) *Server {
	tb.Helper()
	s := &Server{Dir: tempDir(tb), tb: tb, within: o.Within, User: o.User, Address: "127.0.0.1"}
	if len(o.Addresses) > 0 {
		s.Address = o.Addresses[0]
	}
	if s.User == "" {
		me, err := user.Current()
		must(tb, err)
		s.User = me.Username
	}
	s.HostSigner = NewKey(tb, filepath.Join(s.Dir, "host_key"), "")
	s.HostKey = s.HostSigner.PublicKey()
	s.Key = filepath.Join(s.Dir, "client_key")
	s.Signer = NewKey(tb, s.Key, "")
	authorized := ssh.MarshalAuthorizedKey(s.Signer.PublicKey())
	if o.NoKey {
		authorized = nil
	}
	write(tb, filepath.Join(s.Dir, "authorized_keys"), authorized)
	s.Port = freePort(tb, s.Address)
	s.KnownHosts = filepath.Join(s.Dir, "known_hosts")
	s.Know(s.KnownHosts, s.HostKey)
	s.configure(o)
	s.run()
	tb.Cleanup(func() {
		s.Stop()
		if tb.Failed() {
			log, _ := os.ReadFile(filepath.Join(s.Dir, "log"))
			tb.Logf("sshd on %s: %s", s.Addr(), log[max(0, len(log)-4000):])
		}
	})
	return s
}

// Addr is host:port.
func (s *Server) Addr() string { return net.JoinHostPort(s.Address, strconv.Itoa(s.Port)) }

// Know writes a known_hosts file that knows the server by one key.
func (s *Server) Know(file string, key ssh.PublicKey) {
	s.tb.Helper()
	write(s.tb, file, []byte(fmt.Sprintf("[%s]:%d %s", s.Address, s.Port, ssh.MarshalAuthorizedKey(key))))
}

// Config reaches the server with its key and known_hosts, and nothing of the
// machine's own.
func (s *Server) Config() sshhost.Config {
	return sshhost.Config{
		Name: "test", Address: s.Addr(), User: s.User, Identity: []string{s.Key}, KnownHosts: []string{s.KnownHosts},
		Shared: s.Shared(""), StateDir: filepath.Join(s.Dir, "state"), ConnectTimeout: Patience,
	}
}

// Shared reads only the given text as ssh_config.
func (s *Server) Shared(config string) *sshhost.Shared {
	s.tb.Helper()
	file := "none"
	if config != "" {
		file = filepath.Join(tempDir(s.tb), "ssh_config")
		write(s.tb, file, []byte(config))
	}
	shared := sshhost.NewShared(sshhost.SharedConfig{ConfigFile: file, Home: s.Dir, AgentSocket: "none", Warn: func(text string) { s.tb.Log(text) }})
	s.tb.Cleanup(shared.Close)
	return shared
}

func (s *Server) configure(o Options) {
	var b bytes.Buffer
	for _, line := range o.Lines {
		fmt.Fprintln(&b, line)
	}
	addresses := o.Addresses
	if len(addresses) == 0 {
		addresses = []string{s.Address}
	}
	for _, a := range addresses {
		fmt.Fprintf(&b, "ListenAddress %s\n", net.JoinHostPort(a, strconv.Itoa(s.Port)))
	}
	fmt.Fprintf(&b, `HostKey %[1]s/host_key
AuthorizedKeysFile %[1]s/authorized_keys
PidFile %[1]s/pid
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 1000
PrintMotd no
LogLevel VERBOSE
`, s.Dir)
	if !o.NoSFTP {
		fmt.Fprintln(&b, "Subsystem sftp internal-sftp")
	}
	write(s.tb, filepath.Join(s.Dir, "sshd_config"), b.Bytes())
	// sshd reads it as the user who logs in.
	must(s.tb, os.Chmod(filepath.Join(s.Dir, "authorized_keys"), 0o644))
}

func (s *Server) run() {
	s.tb.Helper()
	if os.Geteuid() == 0 {
		must(s.tb, os.MkdirAll("/run/sshd", 0o755))
	}
	argv := slices.Concat(s.within, []string{Path(s.tb), "-D", "-f", filepath.Join(s.Dir, "sshd_config"), "-E", filepath.Join(s.Dir, "log")})
	s.cmd = exec.Command(argv[0], argv[1:]...)
	must(s.tb, s.cmd.Start())
	s.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) { _ = cmd.Wait(); close(done) }(s.cmd, s.done)
	for range 3000 {
		conn, err := net.Dial("tcp", s.Addr())
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-s.done:
			log, _ := os.ReadFile(filepath.Join(s.Dir, "log"))
			s.tb.Fatalf("sshd does not start: %s", log)
		case <-time.After(20 * time.Millisecond):
		}
	}
	s.tb.Fatal("sshd does not answer")
}

// Stop ends the server, and its sessions' connections with it.
func (s *Server) Stop() {
	s.DropConnections()
	_ = s.cmd.Process.Kill()
	<-s.done
}

// Restart starts the server again after Stop, with the same keys and port.
func (s *Server) Restart() { s.tb.Helper(); s.run() }

// DropConnections kills the processes that serve connections, as a crash would:
// what runs in the sessions is left alone.
func (s *Server) DropConnections() {
	for _, pid := range s.serving(s.cmd.Process.Pid) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// serving lists the sshd processes below one.
func (s *Server) serving(parent int) []int {
	out, err := exec.Command("ps", "-axo", "pid=,ppid=,comm=").Output()
	if err != nil {
		s.tb.Log(err)
		return nil
	}
	var found []int
	for _, line := range strings.Split(string(out), "\n") {
		f := strings.Fields(line)
		if len(f) < 3 || f[1] != strconv.Itoa(parent) || !strings.HasPrefix(f[2], "sshd") {
			continue
		}
		pid, _ := strconv.Atoi(f[0])
		found = append(append(found, pid), s.serving(pid)...)
	}
	return found
}

// NewKey makes an ed25519 key in a file, with its public half beside it.
func NewKey(tb testing.TB, file, passphrase string) ssh.Signer {
	tb.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	must(tb, err)
	var block *pem.Block
	if passphrase == "" {
		block, err = ssh.MarshalPrivateKey(private, "test")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "test", []byte(passphrase))
	}
	must(tb, err)
	write(tb, file, pem.EncodeToMemory(block))
	signer, err := ssh.NewSignerFromKey(private)
	must(tb, err)
	write(tb, file+".pub", ssh.MarshalAuthorizedKey(signer.PublicKey()))
	return signer
}

// Authorize lets a key log in.
func (s *Server) Authorize(line string) {
	s.tb.Helper()
	f, err := os.OpenFile(filepath.Join(s.Dir, "authorized_keys"), os.O_APPEND|os.O_WRONLY, 0o600)
	must(s.tb, err)
	_, err = f.WriteString(line + "\n")
	must(s.tb, err)
	must(s.tb, f.Close())
}

// NewUser makes a user with a login shell and a home directory of its own, for
// as long as the test runs; only root can.
func NewUser(tb testing.TB, shell, password string) (name, home string) {
	tb.Helper()
	if os.Geteuid() != 0 {
		tb.Skip("only root can make a user with another login shell")
	}
	if _, err := os.Stat(shell); err != nil {
		tb.Skipf("%s is not installed", shell)
	}
	home = tempDir(tb)
	name = fmt.Sprintf("bsdrun%d", time.Now().UnixNano()%1e9)
	run(tb, "", "useradd", "-M", "-d", home, "-s", shell, name)
	// Its last processes may take a moment to end; userdel waits for none.
	tb.Cleanup(func() {
		if out, err := exec.Command("userdel", "-f", name).CombinedOutput(); err != nil && !strings.Contains(string(out), "currently used") {
			tb.Logf("userdel: %v: %s", err, out)
		}
	})
	run(tb, "", "chown", name, home)
	if password == "" {
		// A locked password locks the account where PAM is not asked.
		password = "unused-" + name
	}
	run(tb, name+":"+password+"\n", "chpasswd")
	return name, home
}

func run(tb testing.TB, input, name string, args ...string) {
	tb.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("%s: %v: %s", name, err, out)
	}
}

// freePort is one that nothing listens on, for a server that may stop and start
// again. The system gives the ports from 32768 on to whoever asks for any.
func freePort(tb testing.TB, address string) int {
	tb.Helper()
	for range 100 {
		port := 16384 + mathrand.IntN(16384)
		if l, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(port))); err == nil {
			must(tb, l.Close())
			return port
		}
	}
	tb.Fatal("there is no free port")
	return 0
}

// tempDir is a directory that any user may pass through.
func tempDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "bsdrun-test-")
	must(tb, err)
	must(tb, os.Chmod(dir, 0o755))
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func write(tb testing.TB, file string, content []byte) {
	tb.Helper()
	must(tb, os.WriteFile(file, content, 0o600))
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
