package errors

import (
	"bufio"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"net"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// key makes a private key, and the line that lets it in.
func key(t *testing.T) (private, line string) {
	t.Helper()
	public, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(secret, "")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block)), string(ssh.MarshalAuthorizedKey(signer))
}

// serve starts a simulated machine for ssh clients, and gives its address and the
// line of known_hosts that knows it.
func (b *bench) serve(t *testing.T, profile string, args ...string) (address, known string) {
	t.Helper()
	cmd := exec.Command(command, append([]string{"sim", profile, "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Dir = b.dir
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if _, at, found := strings.Cut(lines.Text(), " listens on "); found {
			address = at
		}
		if line, found := strings.CutPrefix(lines.Text(), "host key "); found {
			return address, line
		}
	}
	t.Fatal("the machine does not listen")
	return "", ""
}

func TestConnectionsThatFail(t *testing.T) {
	mine, _ := key(t)
	_, theirs := key(t)
	b := newBench(t, map[string]string{
		"mine": mine, "theirs": theirs, "nothing": "", "recipe.lua": failing(`h:run{ "true" }`),
		"stranger": "Host *\n  UserKnownHostsFile /dev/null\n",
		"batch":    "Host *\n  BatchMode yes\n",
		"proxy":    "Host *\n  ProxyCommand /usr/bin/false\n",
	})
	// Nobody listens there: the port was just given back.
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := free.Addr().String()
	_ = free.Close()
	b.places["closed"] = closed
	b.places["open"], _ = b.serve(t, "freebsd-14.3")
	b.places["shut"], _ = b.serve(t, "freebsd-14.3", "--authorized-keys", "theirs")

	const to = "-q -F nothing --identity mine --connect-timeout 2s recipe.lua "
	host, port, err := net.SplitHostPort(b.places["open"])
	if err != nil {
		t.Fatal(err)
	}
	b.write(t, "hosts", "["+host+"]:"+port+" "+theirs)
	b.write(t, "changed", "Host *\n  UserKnownHostsFile "+b.dir+"/hosts\n")
	b.check(t, map[string]provoked{
		"unknown host key":      {args: "-q -F stranger --identity mine recipe.lua root@$open", code: 4, says: []string{`the host is not known: it shows the ssh-ed25519 key SHA256:`, `^  at +recipe.lua:5$`, `^  hint compare the fingerprint.*--accept-new`}},
		"changed host key":      {args: "-q -F changed --identity mine recipe.lua root@$open", code: 4, says: []string{`the host key has changed: it shows .* instead of the known`, `^  hint .*ssh-keygen .*-R`}},
		"key turned down":       {args: to + "root@$shut --accept-new", code: 75, says: []string{`no key lets us in as root, and nobody can answer`, `^  hint see which key ssh root@`}},
		"batch mode":            {args: "-q -F batch --identity mine --accept-new recipe.lua root@$shut", code: 4, says: []string{`does not let us in as root: it turned down publickey`, `^  hint see whether ssh root@`}},
		"nobody listens":        {args: to + "root@$closed", code: 4, says: []string{`does not answer: connection refused`, `^  hint see whether the host is up`}},
		"name":                  {args: to + "nosuch.invalid", code: 4, says: []string{`the name nosuch.invalid does not resolve`, `^  hint .*spelled`}},
		"jump host":             {args: to + "root@$open -J root@$closed", code: 4, says: []string{`jump host .* does not answer`}},
		"ProxyCommand":          {args: "-q -F proxy --identity mine recipe.lua host.example.org", code: 4, says: []string{`the ProxyCommand ended before the host answered: /usr/bin/false`, `^  hint run it by hand`}},
		"jail":                  {args: "-q recipe.lua sim:/nosuch", code: 2, says: []string{`no jail nosuch runs on the host`, `^  hint jls`}},
		"unreachable is no end": {args: to + "root@$closed sim:", code: 4, says: []string{`does not answer`}},
	})
}

// TestNothingTechnicalIsAllowed keeps the rule of the catalogue honest.
func TestNothingTechnicalIsAllowed(t *testing.T) {
	for _, text := range []string{"ssh: handshake failed: EOF", "stat none: no such file", "accepts 1 arg(s)", `strconv.ParseInt: parsing "x"`} {
		if !technical.MatchString(text) {
			t.Errorf("%q passes", text)
		}
	}
	if regexp.MustCompile(`\bstat [^/]`).MatchString("stat /etc") {
		t.Error("a command is taken for our own words")
	}
}

// TestAHostThatAnotherRunHas: the first run waits to be gone on with, and a second one
// may not change the host meanwhile.
func TestAHostThatAnotherRunHas(t *testing.T) {
	mine, line := key(t)
	b := newBench(t, map[string]string{
		"mine": mine, "keys": line, "nothing": "",
		"first.lua": failing(`h:run{ "true" } ask("Which pool?")`), "second.lua": failing(`h:run{ "true" }`),
	})
	b.places["at"], _ = b.serve(t, "freebsd-14.3", "--authorized-keys", "keys")
	const login = "-q -F nothing --identity mine --accept-new "
	if code, stderr := b.run(t, login+"first.lua root@$at"); code != 75 {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	b.check(t, map[string]provoked{
		"locked": {args: login + "second.lua root@$at", code: 75, says: []string{`run \w+ \(.*since .*\) holds the host$`, `^  hint .*bsdrun resume \w+`}},
	})
}
