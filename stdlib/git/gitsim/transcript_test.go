package gitsim

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"bsdrun/runtime/sim"
)

// do runs shell text on the machine and wants it to end well.
func do(t *testing.T, m *sim.Machine, script string) string {
	t.Helper()
	out, errs, code := m.Exec(context.Background(), "root", identity+script)
	if code != 0 {
		t.Fatalf("%s: exit %d\n%s%s", script, code, out, errs)
	}
	return out
}

// TestErrorsOfTransport holds what real git 2.39 printed where the far side can't be
// had; the rest of the transcripts is covered by running real git itself.
func TestErrorsOfTransport(t *testing.T) {
	m := machine(t)
	m.Network().SetUnreachable("down.example.org", "Connection refused")
	m.Network().SetUnreachable("slow.example.org", "Operation timed out")
	do(t, m, "git init -q --bare /srv/repo.git")
	const access = "fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.\n"
	for _, c := range []struct{ command, errs string }{
		{"git clone https://down.example.org/r.git x", "Cloning into 'x'...\nfatal: unable to access 'https://down.example.org/r.git/': Failed to connect to down.example.org port 443 after 0 ms: Couldn't connect to server\n"},
		{"git clone https://no-such-host.invalid/r.git x", "Cloning into 'x'...\nfatal: unable to access 'https://no-such-host.invalid/r.git/': Could not resolve host: no-such-host.invalid\n"},
		{"git clone https://git.example.org/missing.git x", "Cloning into 'x'...\nfatal: repository 'https://git.example.org/missing.git/' not found\n"},
		{"git clone git@down.example.org:r.git x", "Cloning into 'x'...\nssh: connect to host down.example.org port 22: Connection refused\r\n" + access},
		{"git clone bogus://x/y x", "Cloning into 'x'...\ngit: 'remote-bogus' is not a git command. See 'git --help'.\n"},
		{"git clone file:///srv/none.git x", "Cloning into 'x'...\nfatal: '/srv/none.git' does not appear to be a git repository\n" + access},
		{"git ls-remote https://no-such-host.invalid/r.git", "fatal: unable to access 'https://no-such-host.invalid/r.git/': Could not resolve host: no-such-host.invalid\n"},
	} {
		out, errs, code := m.Exec(context.Background(), "root", "cd /tmp; "+c.command)
		if out != "" || errs != c.errs || code != 128 {
			t.Errorf("%s: exit %d, stdout %q, stderr\n%s\nwant\n%s", c.command, code, out, errs, c.errs)
		}
	}
}

func TestDubiousOwnership(t *testing.T) {
	m := machine(t)
	do(t, m, "mkdir -p /srv; git init -q -b main /srv/w1; chown -R 1234 /srv/w1")
	const want = "fatal: detected dubious ownership in repository at '/srv/w1'\nTo add an exception for this directory, call:\n\n\tgit config --global --add safe.directory /srv/w1\n"
	if _, errs, code := m.Exec(context.Background(), "root", "cd /srv/w1; git status"); errs != want || code != 128 {
		t.Errorf("exit %d\n%s", code, errs)
	}
	do(t, m, "cd /srv/w1; git -c safe.directory=/srv/w1 status")
	do(t, m, "cd /srv/w1; git config --global --add safe.directory /srv/w1; git status")
}

// TestSeeds clones what the simulated network brings along.
func TestSeeds(t *testing.T) {
	m := machine(t)
	do(t, m, "git clone -q --depth 1 https://git.FreeBSD.org/ports.git /usr/ports; test -f /usr/ports/www/nginx/Makefile; test -f /usr/ports/ports-mgmt/pkg/Makefile; test -f /usr/ports/MOVED")
	if n := do(t, m, "git -C /usr/ports rev-list --count HEAD"); n != "1\n" {
		t.Errorf("a clone of depth 1 has %s commits", n)
	}
	do(t, m, "git clone -q -b "+quarterly+" https://github.com/freebsd/freebsd-ports.git /tmp/q")
	if v := do(t, m, "git -C /tmp/q grep 2>/dev/null || cat /tmp/q/www/nginx/Makefile"); !strings.Contains(v, "PORTREVISION=\t2") {
		t.Errorf("the quarterly branch has the port of main:\n%s", v)
	}
	do(t, m, "git clone -q https://git.example.org/custom-ports.git /tmp/c; test -f /tmp/c/misc/greeter/Makefile; test -f /tmp/c/devel/libgreet/Makefile")
}

// TestOnController clones a repository of the controller's disk.
func TestOnController(t *testing.T) {
	root := t.TempDir()
	line := "git init -q -b main src && cd src && printf x >f && git add f && git commit -qm one && git gc -q && printf y >f && git commit -qam two"
	if out := onReal(t, root, "mkdir -p "+root+"/srv && cd "+root+"/srv && "+line); !strings.HasSuffix(out, "exit 0\n") {
		t.Skip("no git here: ", out)
	}
	m := machine(t)
	m.Network().MapGit("https://git.example.net/src.git", root+"/srv/src")
	do(t, m, "git clone -q https://git.example.net/src.git /tmp/x")
	if got := do(t, m, "git -C /tmp/x log --format=%s"); got != "two\none\n" {
		t.Errorf("got %q", got)
	}
	if want := onReal(t, root, "git -C src rev-parse HEAD"); !strings.Contains(want, do(t, m, "git -C /tmp/x rev-parse HEAD")) {
		t.Error("the commits differ")
	}
}

// TestPushedPack takes a pack that came by another way, as git.push_from_local
// sends it.
func TestPushedPack(t *testing.T) {
	root := t.TempDir()
	script := "mkdir -p " + root + "/srv && cd " + root + "/srv && git init -q -b main src && cd src && printf 'a\\nb\\nc\\n' >f && git add f && git commit -qm one && printf 'a\\nb\\nc\\nd\\n' >f && git commit -qam two && git tag -a v1 -m v1 && git pack-objects --all --stdout -q --delta-base-offset </dev/null | base64 && git rev-parse HEAD"
	out := onReal(t, root, script)
	if !strings.HasSuffix(out, "exit 0\n") {
		t.Skip("no git here: ", out)
	}
	body := strings.TrimPrefix(out[:strings.Index(out, "--- stderr")], "--- stdout\n")
	lines := strings.Split(strings.TrimSpace(body), "\n")
	hash := lines[len(lines)-1]
	pack := decode(t, strings.Join(lines[:len(lines)-1], ""))
	for _, how := range []string{"index-pack --stdin", "unpack-objects -q"} {
		m := machine(t)
		do(t, m, "mkdir -p /srv; git init -q --bare -b main /srv/p.git")
		if _, errs, code := m.ExecInput(context.Background(), "root", "git -C /srv/p.git "+how, string(pack)); code != 0 {
			t.Fatalf("%s: exit %d\n%s", how, code, errs)
		}
		zero := strings.Repeat("0", 40)
		update := func(old string) (string, int) {
			_, errs, code := m.ExecInput(context.Background(), "root", "git -C /srv/p.git update-ref --stdin", fmt.Sprintf("update refs/heads/main %s %s\n", hash, old))
			return errs, code
		}
		if errs, code := update(zero); code != 0 {
			t.Fatal(errs)
		}
		if errs, code := update(zero); code != 128 || errs != "fatal: cannot lock ref 'refs/heads/main': reference already exists\n" {
			t.Errorf("exit %d, %s", code, errs)
		}
		if got := do(t, m, "git -C /srv/p.git fsck; git clone -q /srv/p.git /tmp/out; cat /tmp/out/f"); got != "a\nb\nc\nd\n" {
			t.Errorf("%s: got %q", how, got)
		}
	}
	m := machine(t)
	do(t, m, "git init -q --bare -b main /srv/p.git")
	if _, errs, code := m.ExecInput(context.Background(), "root", "git -C /srv/p.git index-pack --stdin", string(pack[:len(pack)-1])+"x"); code != 128 || !strings.Contains(errs, "pack is corrupted") {
		t.Errorf("a broken pack: exit %d, %s", code, errs)
	}
}

func TestFullDisk(t *testing.T) {
	m := machine(t)
	do(t, m, "mkdir -p /srv")
	if err := m.Tree().Fill("/srv"); err != nil {
		t.Fatal(err)
	}
	_, errs, code := m.Exec(context.Background(), "root", "git clone https://git.example.org/custom-ports.git /srv/x")
	if code != 128 || !strings.Contains(errs, "No space left on device") {
		t.Errorf("exit %d, %s", code, errs)
	}
}

// TestCannot is what the simulator owns up to.
func TestCannot(t *testing.T) {
	m := machine(t)
	for _, c := range []string{"git stash", "git blame x", "git clone --filter=blob:none https://git.example.org/custom-ports.git"} {
		if _, errs, code := m.Exec(context.Background(), "root", c); code != sim.CannotCode || !strings.HasPrefix(errs, "the simulator can't") {
			t.Errorf("%s: exit %d, %s", c, code, errs)
		}
	}
}

// TestSeedsAreShared clones from several machines at once.
func TestSeedsAreShared(t *testing.T) {
	done := make(chan string)
	const machines = 4
	for range machines {
		m := machine(t)
		go func() {
			out, errs, _ := m.Exec(context.Background(), "root", "git clone -q --depth 1 https://git.FreeBSD.org/ports.git /tmp/p && git -C /tmp/p rev-parse HEAD")
			done <- out + errs
		}()
	}
	first := <-done
	for range machines - 1 {
		if other := <-done; other != first || len(other) != 41 {
			t.Errorf("one has %q, another %q", first, other)
		}
	}
}

// TestAuthentication holds what real git printed for a server that refuses.
func TestAuthentication(t *testing.T) {
	m := machine(t)
	m.Params["git-error"] = []string{"https://git.example.org/private.git=401", "https://git.example.org/forbidden.git=403"}
	for _, c := range []struct{ command, errs string }{
		{"GIT_TERMINAL_PROMPT=0 git clone https://git.example.org/private.git x", "fatal: could not read Username for 'https://git.example.org': terminal prompts disabled\n"},
		{"git clone https://git.example.org/private.git x", "fatal: could not read Username for 'https://git.example.org': Device not configured\n"},
		{"git clone https://user:bad@git.example.org/private.git x", "fatal: Authentication failed for 'https://git.example.org/private.git/'\n"},
		{"git clone https://git.example.org/forbidden.git x", "fatal: unable to access 'https://git.example.org/forbidden.git/': The requested URL returned error: 403\n"},
	} {
		if _, errs, code := m.Exec(context.Background(), "root", "cd /tmp; "+c.command); errs != "Cloning into 'x'...\n"+c.errs || code != 128 {
			t.Errorf("%s: exit %d\n%s", c.command, code, errs)
		}
	}
}

// TestSubmodules clones a repository with a submodule that real git made.
func TestSubmodules(t *testing.T) {
	root := t.TempDir()
	script := "mkdir -p " + root + "/srv; cd " + root + "/srv; git init -q -b main sub; cd sub; printf s >s; git add s; git commit -qm sub; cd ..; " +
		"git init -q -b main top; cd top; git -c protocol.file.allow=always submodule add -q /srv/sub mod/sub; " +
		"git config -f .gitmodules submodule.mod/sub.url ../sub.git; git add -A; git commit -qm top"
	if out := onReal(t, root, script); !strings.HasSuffix(out, "exit 0\n") {
		t.Skip("no git here: ", out)
	}
	m := machine(t)
	m.Network().MapGit("https://git.example.net/top.git", root+"/srv/top")
	m.Network().MapGit("https://git.example.net/sub.git", root+"/srv/sub")
	do(t, m, "git clone -q --recurse-submodules https://git.example.net/top.git /tmp/a; test -f /tmp/a/mod/sub/s")
	out := do(t, m, "git clone -q https://git.example.net/top.git /tmp/b; cd /tmp/b; git submodule status; git submodule --quiet update --init; git submodule status; git status --porcelain")
	hash := strings.Fields(onReal(t, root, "git -C sub rev-parse HEAD"))[2]
	if want := "-" + hash + " mod/sub\n " + hash + " mod/sub (heads/main)\n"; out != want {
		t.Errorf("got %q, want %q", out, want)
	}
	do(t, m, "cd /tmp/b/mod/sub; printf t >t; git add t; git -c user.name=x -c user.email=x@example.org commit -qm more")
	if out = do(t, m, "cd /tmp/b; git submodule status; git status --porcelain"); !strings.HasPrefix(out, "+") || !strings.HasSuffix(out, " M mod/sub\n") {
		t.Errorf("got %q", out)
	}
}
