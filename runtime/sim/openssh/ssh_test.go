package openssh_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/openssh"
)

// pair is two machines of one network; root of the first has a key that root of the
// second accepts.
type pair struct {
	t    *testing.T
	a, b *sim.Machine
}

func newPair(t *testing.T, params string) *pair {
	t.Helper()
	network := sim.NewNetwork()
	q, err := url.ParseQuery(params)
	if err != nil {
		t.Fatal(err)
	}
	make := func(name string, q url.Values) *sim.Machine {
		m, err := sim.New(sim.Options{Name: name, Network: network, Params: q, Tools: append(base.Tools(), openssh.Tools()...)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = m.Close() })
		return m
	}
	p := &pair{t, make("alpha", nil), make("beta", q)}
	p.want(p.a, "ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519 -C key", "", "", 0)
	p.authorize("")
	return p
}

// authorize has beta accept alpha's key with options.
func (p *pair) authorize(options string) {
	p.t.Helper()
	key := p.run(p.a, "cat /root/.ssh/id_ed25519.pub").out
	if options != "" {
		key = options + " " + key
	}
	if _, errs, code := p.b.ExecInput(context.Background(), "root", "mkdir -p -m 700 /root/.ssh; cat > /root/.ssh/authorized_keys", key); code != 0 {
		p.t.Fatal(errs)
	}
}

type answer struct {
	out, errs string
	code      int
}

func (p *pair) run(m *sim.Machine, script string) answer {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	out, errs, code := m.Exec(ctx, "root", script)
	return answer{out, errs, code}
}

func (p *pair) want(m *sim.Machine, script, out, errs string, code int) {
	p.t.Helper()
	if got, want := p.run(m, script), (answer{out, errs, code}); got != want {
		p.t.Errorf("%s\n  out  %q\n  want %q\n  err  %q\n  want %q\n  code %d, want %d", script, got.out, out, got.errs, errs, got.code, code)
	}
}

const sshNew = "ssh -o StrictHostKeyChecking=accept-new -o LogLevel=ERROR "

func TestCommandsRunOnTheOtherMachine(t *testing.T) {
	p := newPair(t, "")
	p.want(p.a, sshNew+"beta hostname", "beta.example.org\n", "", 0)
	p.want(p.a, "ssh beta 'echo out; echo err >&2; exit 7'", "out\n", "err\n", 7)
	p.want(p.a, "printf 'one\\ntwo\\n' | ssh root@beta.example.org cat", "", "Host key verification failed.\r\n", 255)
	p.want(p.a, "printf 'one\\ntwo\\n' | ssh root@beta 'cat; echo end'", "one\ntwo\nend\n", "", 0)
	p.want(p.a, "ssh beta 'dd if=/dev/zero bs=1M count=8 status=none' | md5", "96995b58d4cbf6aaa9041b4f00c7f6ae\n", "", 0)
	p.want(p.a, "dd if=/dev/zero bs=1M count=8 status=none | ssh beta md5", "96995b58d4cbf6aaa9041b4f00c7f6ae\n", "", 0)
	p.want(p.a, "ssh beta 'yes | head -c 100000000' | head -n 1", "y\n", "", 0)
	p.want(p.a, "ssh -n beta cat", "", "", 0)
	p.want(p.a, "ssh beta 'kill -9 $$'", "", "", 255)
	p.want(p.a, "ssh -x -q beta", "", "", 0)
	p.want(p.a, "ssh beta -- echo x", "x\n", "", 0)
}

func TestTimePassesOnBothMachines(t *testing.T) {
	p := newPair(t, "")
	p.want(p.a, sshNew+"beta true", "", "", 0)
	for _, c := range []struct {
		script string
		least  time.Duration
	}{
		{"ssh beta sleep 100", 100 * time.Second},
		{"(sleep 50; echo x) | ssh beta 'cat >/dev/null'", 50 * time.Second},
		{"ssh beta 'dd if=/dev/zero bs=1M count=64 status=none' | (sleep 30; cat >/dev/null)", 30 * time.Second},
		{"(sleep 10; ssh beta touch /tmp/go) & ssh beta 'while ! test -e /tmp/go; do sleep 1; done'; wait", 10 * time.Second},
	} {
		a, b := p.a.Now(), p.b.Now()
		p.want(p.a, c.script, "", "", 0)
		if d := p.a.Now().Sub(a); d < c.least || d > 2*c.least {
			t.Errorf("%s: %s passed here, want %s", c.script, d, c.least)
		}
		if d := p.b.Now().Sub(b); d < c.least-time.Second || d > 2*c.least {
			t.Errorf("%s: %s passed there, want %s", c.script, d, c.least)
		}
	}
	p.want(p.a, "timeout 600 ssh beta echo x", "x\n", "", 0)
}

func TestLinkTakesTime(t *testing.T) {
	p := newPair(t, "bandwidth=64K")
	p.want(p.a, sshNew+"beta true", "", "", 0)
	a := p.a.Now()
	p.want(p.a, "ssh beta 'dd if=/dev/zero bs=64K count=30 status=none' >/dev/null", "", "", 0)
	if d := p.a.Now().Sub(a); d < 29*time.Second || d > 45*time.Second {
		t.Errorf("1.9 MB at 64 KB/s took %s", d)
	}
}

func TestConnectionsThatFail(t *testing.T) {
	p := newPair(t, "")
	p.want(p.a, "ssh nowhere true", "", "ssh: Could not resolve hostname nowhere: Name does not resolve\r\n", 255)
	p.want(p.a, "ssh -p 23 beta true", "", "ssh: connect to host beta port 23: Connection refused\r\n", 255)
	p.want(p.a, "ssh -o BatchMode=yes beta true", "", "Host key verification failed.\r\n", 255)
	p.want(p.a, "ssh -o StrictHostKeyChecking=yes beta true", "", "No ED25519 host key is known for beta and you have requested strict checking.\r\nHost key verification failed.\r\n", 255)
	p.want(p.a, "ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null beta true", "", "Warning: Permanently added 'beta' (ED25519) to the list of known hosts.\r\n", 0)
	p.want(p.a, "ssh -o Nonsense=1 beta true", "", "command-line: line 0: Bad configuration option: nonsense\r\n", 255)
	p.want(p.a, sshNew+"-i /none nobody@beta true", "", "Warning: Identity file /none not accessible: No such file or directory.\nnobody@beta: Permission denied (publickey,keyboard-interactive).\r\n", 255)
	p.want(p.a, "ssh-keyscan -q -t ed25519 beta >/root/.ssh/known_hosts; chmod 644 /root/.ssh/id_ed25519; ssh beta true 2>&1 | tail -n 2", "Load key \"/root/.ssh/id_ed25519\": bad permissions\r\nroot@beta: Permission denied (publickey,keyboard-interactive).\r\n", "", 0)
	p.want(p.a, "chmod 600 /root/.ssh/id_ed25519; ssh-keygen -q -t ed25519 -N '' -f /tmp/k; echo beta $(cat /tmp/k.pub) >/root/.ssh/known_hosts; ssh beta true 2>&1 | grep -c 'IDENTIFICATION HAS CHANGED'; ssh beta true >/dev/null 2>&1", "1\n", "", 255)
	p.want(p.a, "ssh-keygen -q -R beta; ssh-keygen -F beta; ls /root/.ssh", "id_ed25519\nid_ed25519.pub\nknown_hosts\nknown_hosts.old\n", "", 0)
	p.b.Network().SetUnreachable("beta", "Operation timed out")
	p.want(p.a, "ssh beta true", "", "ssh: connect to host beta port 22: Operation timed out\r\n", 255)
}

func TestKeysDoWhatTheirOptionsSay(t *testing.T) {
	p := newPair(t, "")
	p.want(p.a, sshNew+"beta true", "", "", 0)
	const denied = "root@beta: Permission denied (publickey,keyboard-interactive).\r\n"
	for _, c := range []struct {
		options, script, out, errs string
		code                       int
	}{
		{`restrict,command="echo \"forced: $SSH_ORIGINAL_COMMAND\""`, "ssh beta rm -rf /", "forced: rm -rf /\n", "", 0},
		{`command="echo [$SSH_ORIGINAL_COMMAND]"`, "ssh -T beta", "[]\n", "", 0},
		{`restrict`, "ssh -tt beta echo x", "x\n", "PTY allocation request failed on channel 0\n", 0},
		{`no-pty`, "ssh -tt beta echo x", "x\n", "PTY allocation request failed on channel 0\n", 0},
		{`restrict,pty`, "ssh -tt beta echo x", "x\r\n", "", 0},
		{`from="192.0.2.0/24"`, "ssh beta echo x", "x\n", "", 0},
		{`from="192.0.2.*,!` + p.a.Address() + `"`, "ssh beta echo x", "", denied, 255},
		{`from="198.51.100.1"`, "ssh beta echo x", "", denied, 255},
		{`expiry-time="20200101"`, "ssh beta echo x", "", denied, 255},
		{`expiry-time="20990101120000Z"`, "ssh beta echo x", "x\n", "", 0},
		{`what-is-this`, "ssh beta echo x", "", denied, 255},
		{`environment="A=b"`, "ssh beta 'echo $A'", "\n", "", 0},
	} {
		p.authorize(c.options)
		p.want(p.a, c.script, c.out, c.errs, c.code)
	}
	p.authorize("")
	p.want(p.b, "chmod 666 /root/.ssh/authorized_keys", "", "", 0)
	p.want(p.a, "ssh beta echo x", "", denied, 255)
	p.want(p.b, "chmod 600 /root/.ssh/authorized_keys; sed -i '' 's/^PermitRootLogin.*/PermitRootLogin forced-commands-only/' /etc/ssh/sshd_config", "", "", 0)
	if err := p.b.StartSSHD(); err != nil {
		t.Fatal(err)
	}
	p.want(p.a, "ssh beta echo x", "", denied, 255)
	p.authorize(`command="echo forced"`)
	p.want(p.a, "ssh beta echo x", "forced\n", "", 0)
}

func TestRebootsCutConnections(t *testing.T) {
	p := newPair(t, "")
	p.want(p.a, sshNew+"beta true", "", "", 0)
	p.want(p.a, "ssh beta 'shutdown -r now >/dev/null; sleep 1000'", "", "Connection to beta closed by remote host.\r\n", 255)
	p.b.CutLinkAfter(200_000)
	p.want(p.a, "ssh beta 'head -c 1000000 /dev/zero' | wc -c | awk '{print ($1 < 200000 && $1 > 0)}'", "1\n", "Connection to beta closed by remote host.\r\n", 0)
	p.want(p.a, "ssh beta 'head -c 1000000 /dev/zero' | wc -c", " 1000000\n", "", 0)
}

func TestSCP(t *testing.T) {
	p := newPair(t, "")
	p.want(p.a, sshNew+"beta true; mkdir -p /tmp/d/e; echo one >/tmp/d/a; echo two >/tmp/d/e/b; chmod 640 /tmp/d/a", "", "", 0)
	p.want(p.a, "scp -q /tmp/d/a beta:/tmp/x && ssh beta 'cat /tmp/x; stat -f %Lp /tmp/x'", "one\n640\n", "", 0)
	p.want(p.a, "scp -rp /tmp/d beta:/var/tmp && ssh beta 'find /var/tmp/d -type f | sort'", "/var/tmp/d/a\n/var/tmp/d/e/b\n", "", 0)
	p.want(p.a, "scp beta:/var/tmp/d/e/b /tmp/back && cat /tmp/back", "two\n", "", 0)
	p.want(p.a, "scp beta:/none /tmp/", "", "scp: /none: No such file or directory\n", 1)
	p.want(p.a, "scp /tmp/d beta:/tmp/", "", "scp: /tmp/d: not a regular file\n", 1)
	p.want(p.a, "scp /tmp/d/a beta:/none/x", "", "scp: dest open \"/none/x\": No such file or directory\n", 1)
	if got := p.run(p.a, "scp /tmp/d/a"); got.code != 1 || !strings.HasPrefix(got.errs, "usage: scp") {
		t.Errorf("%+v", got)
	}
}

func TestLinuxAndFreeBSD(t *testing.T) {
	network := sim.NewNetwork()
	make := func(name, profile string) *sim.Machine {
		m, err := sim.New(sim.Options{
			Name: name, Profile: profile, Network: network,
			Tools: append(append(base.Tools(), base.GNUTools()...), openssh.Tools()...),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = m.Close() })
		return m
	}
	p := &pair{t, make("kvm", "kvmhost"), make("vbox", "freebsd-14.3")}
	p.want(p.a, "ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519 -C key", "", "", 0)
	p.authorize("")
	p.want(p.a, sshNew+"vbox 'uname -s; stat -f %z /etc/fstab | wc -l'", "FreeBSD\n       1\n", "", 0)
	p.want(p.a, "truncate -s 20M f; printf end >>f; ssh vbox 'cat >/tmp/f; sha256 -q /tmp/f' <f >there; sha256sum <f | cut -d' ' -f1 | cmp - there && echo same", "same\n", "", 0)
	p.want(p.b, "mkdir -pm 700 /root/.ssh; ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519", "", "", 0)
	p.want(p.b, sshNew+"kvm true", "", "root@kvm: Permission denied (publickey,password).\r\n", 255)
	key := p.run(p.b, "cat /root/.ssh/id_ed25519.pub").out
	if _, errs, code := p.a.ExecInput(context.Background(), "root", "cat >>/root/.ssh/authorized_keys", key); code != 0 {
		t.Fatal(errs)
	}
	p.want(p.b, "ssh kvm 'uname -s; nosuch'", "Linux\n", "bash: line 1: nosuch: command not found\n", 127)
	p.want(p.b, "scp -q kvm:/etc/os-release /tmp/ && grep -c bookworm /tmp/os-release", "3\n", "", 0)
	p.want(p.a, "ssh nowhere", "", "ssh: Could not resolve hostname nowhere: Name or service not known\r\n", 255)
}
