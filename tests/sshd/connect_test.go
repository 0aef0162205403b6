package sshd_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/sshhost"
	"bsdrun/tests/sshd/sshdtest"
)

func TestUnknownHostIsRefused(t *testing.T) {
	s := sshdtest.Start(t, sshdtest.Options{})
	cfg := s.Config()
	cfg.KnownHosts = []string{filepath.Join(s.Dir, "none")}
	failure := fails(t, open(t, cfg), effect.Unreachable, sh(":"))
	if print := ssh.FingerprintSHA256(s.HostKey); !strings.Contains(failure.Message, print) {
		t.Errorf("%q lacks the fingerprint %s", failure.Message, print)
	}
	if !strings.Contains(failure.Hint, "--accept-new") {
		t.Errorf("hint %q", failure.Hint)
	}
}

func TestAcceptNewLearnsOnce(t *testing.T) {
	s := sshdtest.Start(t, sshdtest.Options{})
	cfg := s.Config()
	file := filepath.Join(s.Dir, "learned")
	// What is there stays, even without a newline at its end.
	if err := os.WriteFile(file, []byte("# mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.KnownHosts, cfg.AcceptNew = []string{file}, true
	do(t, open(t, cfg), sh(":"))
	do(t, open(t, cfg), sh(":"))
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(strings.TrimSpace(string(content)), "\n"); len(lines) != 2 || lines[0] != "# mine" {
		t.Errorf("known_hosts: %q", content)
	}
	cfg.AcceptNew, cfg.Shared = false, s.Shared("")
	do(t, open(t, cfg), sh(":"))
}

func TestChangedKeyIsRefused(t *testing.T) {
	s := sshdtest.Start(t, sshdtest.Options{})
	other := sshdtest.NewKey(t, filepath.Join(s.Dir, "other"), "").PublicKey()
	cfg := s.Config()
	cfg.KnownHosts, cfg.AcceptNew = []string{filepath.Join(s.Dir, "changed")}, true
	s.Know(cfg.KnownHosts[0], other)
	failure := fails(t, open(t, cfg), effect.Unreachable, sh(":"))
	for _, key := range []ssh.PublicKey{s.HostKey, other} {
		if print := ssh.FingerprintSHA256(key); !strings.Contains(failure.Message, print) {
			t.Errorf("%q lacks %s", failure.Message, print)
		}
	}
}

// TestKnownKeyTypeIsOfferedFirst: the server has keys of two types, we know one
// of them.
func TestKnownKeyTypeIsOfferedFirst(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ecdsa")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", file).CombinedOutput(); err != nil {
		t.Skipf("ssh-keygen: %v: %s", err, out)
	}
	public, err := os.ReadFile(file + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	ecdsa, _, _, _, err := ssh.ParseAuthorizedKey(public)
	if err != nil {
		t.Fatal(err)
	}
	s := sshdtest.Start(t, sshdtest.Options{Lines: []string{"HostKey " + file}})
	for _, key := range []ssh.PublicKey{s.HostKey, ecdsa} {
		cfg := s.Config()
		cfg.KnownHosts = []string{filepath.Join(s.Dir, "known-"+key.Type())}
		s.Know(cfg.KnownHosts[0], key)
		do(t, open(t, cfg), sh(":"))
	}
}

func TestAgent(t *testing.T) {
	s := sshdtest.Start(t, sshdtest.Options{NoKey: true})
	signer := sshdtest.NewKey(t, filepath.Join(s.Dir, "agent_key"), "")
	s.Authorize(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	socket := serveAgent(t, s, filepath.Join(s.Dir, "agent_key"), nil)
	shared := sshhost.NewShared(sshhost.SharedConfig{ConfigFile: "none", Home: s.Dir, AgentSocket: socket})
	t.Cleanup(shared.Close)
	cfg := s.Config()
	cfg.Shared, cfg.Identity = shared, nil
	same(t, "by the agent", text(t, open(t, cfg), sh("echo in")), "in\n")
	cfg.Shared = s.Shared("")
	failure := fails(t, open(t, cfg), effect.Unreachable, sh(":"))
	if !strings.Contains(failure.Message, "does not let us in as "+s.User) {
		t.Errorf("message %q", failure.Message)
	}
}

func serveAgent(t *testing.T, s *sshdtest.Server, key string, cert *ssh.Certificate) string {
	t.Helper()
	content, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := ssh.ParseRawPrivateKey(content)
	if err != nil {
		t.Fatal(err)
	}
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: private, Certificate: cert}); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(s.Dir, "agent.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(ring, conn) }()
		}
	}()
	return socket
}

// certificate makes one for a key, signed by an authority.
func certificate(t *testing.T, authority ssh.Signer, key ssh.PublicKey, kind uint32, names ...string) *ssh.Certificate {
	t.Helper()
	c := &ssh.Certificate{
		Key: key, CertType: kind, KeyId: "test", ValidPrincipals: names,
		ValidAfter: uint64(time.Now().Add(-time.Hour).Unix()), ValidBefore: uint64(time.Now().Add(time.Hour).Unix()),
	}
	if err := c.SignCert(rand.Reader, authority); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCertificates(t *testing.T) {
	dir := t.TempDir()
	authority := sshdtest.NewKey(t, filepath.Join(dir, "authority"), "")
	s := sshdtest.Start(t, sshdtest.Options{NoKey: true, Lines: []string{
		"TrustedUserCAKeys " + filepath.Join(dir, "authority.pub"),
	}})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	// The server's certificate needs its key, so the server starts anew.
	host := certificate(t, authority, s.HostKey, ssh.HostCert, "127.0.0.1")
	write(t, filepath.Join(s.Dir, "host_key-cert.pub"), ssh.MarshalAuthorizedKey(host))
	config, err := os.ReadFile(filepath.Join(s.Dir, "sshd_config"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(s.Dir, "sshd_config"), append([]byte("HostCertificate "+s.Dir+"/host_key-cert.pub\n"), config...))
	s.Stop()
	s.Restart()

	cfg := s.Config()
	known := filepath.Join(dir, "known")
	write(t, known, []byte("@cert-authority 127.0.0.1,[127.0.0.1]:* "+string(ssh.MarshalAuthorizedKey(authority.PublicKey()))))
	cfg.KnownHosts = []string{known}
	fails(t, open(t, cfg), effect.Unreachable, sh(":")) // our key is not certified yet
	user := certificate(t, authority, s.Signer.PublicKey(), ssh.UserCert, s.User)
	write(t, s.Key+"-cert.pub", ssh.MarshalAuthorizedKey(user))
	cfg.Shared = s.Shared("")
	same(t, "by certificates", text(t, open(t, cfg), sh("echo in")), "in\n")

	// Another authority's word is worth nothing.
	stranger := sshdtest.NewKey(t, filepath.Join(dir, "stranger"), "")
	write(t, known, []byte("@cert-authority 127.0.0.1,[127.0.0.1]:* "+string(ssh.MarshalAuthorizedKey(stranger.PublicKey()))))
	cfg.Shared = s.Shared("")
	failure := fails(t, open(t, cfg), effect.Unreachable, sh(":"))
	if strings.Contains(failure.Message, "let us in") {
		t.Errorf("refused for another reason: %v", failure)
	}
}

func write(t testing.TB, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestKeyWithPassphraseIsAskedForOnce(t *testing.T) {
	s := sshdtest.Start(t, sshdtest.Options{NoKey: true})
	file := filepath.Join(s.Dir, "locked")
	s.Authorize(string(ssh.MarshalAuthorizedKey(sshdtest.NewKey(t, file, "open sesame").PublicKey())))
	cfg := s.Config()
	cfg.Identity = []string{file}
	var asked []string
	ctx := effect.WithAsker(context.Background(), asker(func(q effect.Question) (string, error) {
		if !q.Secret {
			t.Errorf("the answer would show: %+v", q)
		}
		asked = append(asked, q.Text)
		if len(asked) == 1 {
			return "wrong", nil
		}
		return "open sesame", nil
	}))
	for range 2 {
		if _, err := open(t, cfg).Do(ctx, sh(":")); err != nil {
			t.Fatal(err)
		}
	}
	if len(asked) != 2 || !strings.Contains(asked[0], file) {
		t.Errorf("asked %q", asked)
	}
}

type asker func(effect.Question) (string, error)

func (a asker) Ask(_ context.Context, _ string, q effect.Question) (string, error) { return a(q) }

func TestPasswordLogin(t *testing.T) {
	name, _ := sshdtest.NewUser(t, "/bin/sh", "correct horse")
	s := sshdtest.Start(t, sshdtest.Options{NoKey: true, User: name, Lines: []string{"PasswordAuthentication yes"}})
	cfg := s.Config()
	cfg.Identity = nil
	ctx := effect.WithAsker(context.Background(), asker(func(effect.Question) (string, error) { return "correct horse", nil }))
	if _, err := open(t, cfg).Do(ctx, sh(":")); err != nil {
		t.Error(err)
	}
}

// jumpConfig is an ssh_config for two servers, the second behind the first.
func jumpConfig(first, second *sshdtest.Server, extra string) string {
	return fmt.Sprintf(`Host bastion
  HostName %s
  Port %d
  User %s
  IdentityFile %s
  UserKnownHostsFile %s
Host inner
  HostName %s
  Port %d
  User %s
  IdentityFile %s
  UserKnownHostsFile %s
  %s
`, first.Address, first.Port, first.User, first.Key, first.KnownHosts, second.Address, second.Port, second.User, second.Key, second.KnownHosts, extra)
}

func TestJumpHosts(t *testing.T) {
	first := sshdtest.Start(t, sshdtest.Options{Addresses: []string{"127.0.0.2"}})
	second := sshdtest.Start(t, sshdtest.Options{Addresses: []string{"127.0.0.3"}, Lines: []string{"Match Address *,!127.0.0.2", "  MaxAuthTries 6", "Match all"}})
	for name, way := range map[string]struct{ config, jump string }{
		"ProxyJump":    {"ProxyJump bastion", ""},
		"-J":           {"", "bastion"},
		"ProxyCommand": {"ProxyCommand ssh -q -F " + first.Dir + "/cfg -W %h:%p bastion", ""},
	} {
		t.Run(name, func(t *testing.T) {
			config := jumpConfig(first, second, way.config)
			write(t, first.Dir+"/cfg", []byte(config))
			cfg := sshhost.Config{Name: "inner", Jump: way.jump, Shared: second.Shared(config)}
			h := open(t, cfg)
			same(t, "through", text(t, h, sh("echo ${SSH_CONNECTION%% *}")), text(t, h, sh("set -- $SSH_CONNECTION; echo $1")))
			if log, _ := os.ReadFile(first.Dir + "/log"); !strings.Contains(string(log), "Accepted") {
				t.Error("the first server was not asked")
			}
		})
	}
	// Many hosts behind one: one connection to it.
	before := accepted(t, first)
	shared := second.Shared(jumpConfig(first, second, "ProxyJump bastion"))
	for range 5 {
		do(t, open(t, sshhost.Config{Name: "inner", Shared: shared}), sh(":"))
	}
	if n := accepted(t, first) - before; n != 1 {
		t.Errorf("%d connections to the jump host", n)
	}
}

func accepted(t *testing.T, s *sshdtest.Server) int {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(s.Dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(log), "Accepted publickey")
}

func TestHostKeyAliasAndNothingListening(t *testing.T) {
	s := sshdtest.Start(t, sshdtest.Options{})
	known := filepath.Join(s.Dir, "alias")
	write(t, known, []byte("the-alias "+string(ssh.MarshalAuthorizedKey(s.HostKey))))
	shared := s.Shared(fmt.Sprintf("Host x\n HostName %s\n Port %d\n User %s\n IdentityFile %s\n UserKnownHostsFile %s\n HostKeyAlias the-alias\n", s.Address, s.Port, s.User, s.Key, known))
	do(t, open(t, sshhost.Config{Name: "x", Shared: shared}), sh(":"))
	s.Stop()
	failure := fails(t, open(t, s.Config()), effect.Unreachable, sh(":"))
	if failure.Hint == "" || failure.Host != "test" {
		t.Errorf("%+v", failure)
	}
	s.Restart()
}

func TestSilentServerTimesOut(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	cfg := sshhost.Config{Name: "silent", Address: l.Addr().String(), ConnectTimeout: 300 * time.Millisecond,
		Shared: sshhost.NewShared(sshhost.SharedConfig{ConfigFile: "none", Home: t.TempDir(), AgentSocket: "none"})}
	failure := fails(t, open(t, cfg), effect.Unreachable, sh(":"))
	if !strings.Contains(failure.Message, "does not answer within") {
		t.Errorf("message %q", failure.Message)
	}
}

func TestOldAlgorithmsOnlyWhereAskedFor(t *testing.T) {
	s := sshdtest.Start(t, sshdtest.Options{Lines: []string{"KexAlgorithms diffie-hellman-group14-sha1", "Ciphers aes128-cbc", "MACs hmac-sha1"}})
	failure := fails(t, open(t, s.Config()), effect.Unreachable, sh(":"))
	if !strings.Contains(failure.Hint, "legacy=true") {
		t.Errorf("hint %q", failure.Hint)
	}
	cfg := s.Config()
	cfg.Legacy = true
	do(t, open(t, cfg), sh(":"))
	cfg = s.Config()
	cfg.Shared = s.Shared("KexAlgorithms +diffie-hellman-group14-sha1\nCiphers aes128-cbc\n")
	do(t, open(t, cfg), sh(":"))
}

func TestProbeAndReconnect(t *testing.T) {
	s := sshdtest.Start(t, sshdtest.Options{})
	h := open(t, s.Config())
	first := text(t, h, sh("echo $$"))
	do(t, h, effect.Effect{Op: "t", Conn: &effect.ConnOp{Verb: effect.ConnProbe}})
	same(t, "a probe leaves the shell", text(t, h, sh("echo $$")), first)
	do(t, h, effect.Effect{Op: "t", Conn: &effect.ConnOp{Verb: effect.ConnReconnect}})
	if text(t, h, sh("echo $$")) == first {
		t.Error("still the same shell")
	}
}

func TestGreeting(t *testing.T) {
	s := sshdtest.Start(t, sshdtest.Options{})
	for _, at := range []bool{false, true} {
		cfg := s.Config()
		cfg.Greeting, cfg.Greet = "echo x >>"+s.Dir+"/greeted; echo fact one; echo; echo fact two; exit 1", at
		h := open(t, cfg)
		greet := effect.Effect{Op: "t", Conn: &effect.ConnOp{Verb: effect.ConnGreeting}}
		if !at {
			h = open(t, func() sshhost.Config { cfg.Greeting = strings.TrimSuffix(cfg.Greeting, "; exit 1"); return cfg }())
		}
		for range 2 {
			same(t, "greeting", text(t, h, greet), "fact one\n\nfact two\n")
		}
	}
	content, _ := os.ReadFile(s.Dir + "/greeted")
	same(t, "asked once each", string(content), "x\nx\n")
}

func TestGreetingIsForgottenAfterChanges(t *testing.T) {
	s := sshdtest.Start(t, sshdtest.Options{})
	cfg := s.Config()
	cfg.Greeting, cfg.Greet = "cat "+s.Dir+"/fact", true
	write(t, s.Dir+"/fact", []byte("one"))
	h := open(t, cfg)
	greet := effect.Effect{Op: "t", Conn: &effect.ConnOp{Verb: effect.ConnGreeting}}
	same(t, "at first", text(t, h, greet), "one")
	write(t, s.Dir+"/fact", []byte("two"))
	do(t, h, effect.Effect{Op: "t", Kind: effect.Change, Shell: ":", Writes: []effect.Resource{effect.File("/etc/motd")}})
	same(t, "after a change of a file", text(t, h, greet), "one")
	do(t, h, effect.Effect{Op: "t", Kind: effect.Change, Shell: ":"})
	same(t, "after a change of anything", text(t, h, greet), "two")
}
