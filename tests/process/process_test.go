package process

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A run that was killed in the midst of a build attaches to that build.
func TestKilledDuringTheBuild(t *testing.T) {
	t.Parallel()
	m := serve(t, t.TempDir(), "builder", "")
	c := newControl(t, m.key, m.address)
	c.building().kill()
	c.completes(c.starts("resume", "last", "-o", "json"))
}

// A connection that drops is made again, and the run goes on by itself.
func TestConnectionDropped(t *testing.T) {
	t.Parallel()
	m := serve(t, t.TempDir(), "builder", "")
	line := newProxy(t, m.address)
	c := newControl(t, m.key, line.address)
	p := c.builds("-o", "json")
	p.awaits(underWay)
	before := line.connections()
	line.cut()
	c.completes(p)
	if line.connections() == before {
		t.Error("the connection was not made again")
	}
}

// While the host cannot be reached, bsdrun waits for it and says so, and may be
// told to stop; the build goes on meanwhile.
func TestConnectionGone(t *testing.T) {
	t.Parallel()
	m := serve(t, t.TempDir(), "builder", "")
	line := newProxy(t, m.address)
	c := newControl(t, m.key, line.address)
	p := c.building()
	line.close()
	p.awaits("waiting for the host to answer again")
	p.signal(syscall.SIGINT)
	p.exits(130)
	p.says(`bsdrun resume \w+`)
	p = c.starts("resume", "last")
	p.exits(4)
	p.says(`bsdrun resume \w+`)
	line.listen()
	c.completes(c.starts("resume", "last", "-o", "json"))
}

// The first Ctrl-C lets go of a build and leaves it to itself.
func TestInterruptedDuringTheBuild(t *testing.T) {
	t.Parallel()
	m := serve(t, t.TempDir(), "builder", "")
	c := newControl(t, m.key, m.address)
	p := c.building()
	p.signal(syscall.SIGINT)
	p.exits(130)
	p.says(`bsdrun resume \w+`)
	if p.has(`changed +Build the ports`) {
		t.Errorf("the interrupt waited for the build:\n%s", p.err.String())
	}
	c.completes(c.starts("resume", "last", "-o", "json"))
}

// Two runs never change one host at once: the second fails and names the
// first, also when the first was killed; that one may go on.
func TestTwoRunsOnOneHost(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	profile := "builder?state=" + filepath.Join(dir, "machine")
	m := serveAt(t, "40", dir, profile, "") // so that the build outlasts several processes
	c := newControl(t, m.key, m.address)
	first := c.building()
	run := c.lastRun()
	for _, state := range []struct{ when, advice string }{{"alive", "wait for it, or stop it .*bsdrun resume "}, {"killed", "go on with it: bsdrun resume "}} {
		second := c.starts("exec", host, "--", "touch", "/var/tmp/second")
		second.exits(75)
		second.says(`run ` + run + ` \(.*controller \S+@`)
		second.says(state.advice + run)
		if state.when == "alive" {
			held := c.starts("resume", run)
			held.exits(75)
			held.says("worked on by another bsdrun")
			first.kill()
		}
	}
	m.kill()
	serveAt(t, "2000", dir, profile, m.address)
	c.completes(c.starts("resume", run, "-o", "json"))
	third := c.starts("exec", host, "--", "test", "!", "-e", "/var/tmp/second")
	third.exits(0) // the lock is gone, and the second did nothing
}

// A machine that dies under the build comes back from its state file, with its
// build; the run that waited for it ends as if nothing had been.
func TestMachineKilledDuringTheBuild(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	profile := "builder?state=" + filepath.Join(dir, "machine")
	m := serve(t, dir, profile, "")
	c := newControl(t, m.key, m.address)
	p := c.builds("-o", "json")
	p.awaits(underWay)
	m.kill()
	p.awaits("waiting for the host to answer again")
	serve(t, dir, profile, m.address)
	c.completes(p)
}

// Where a machine dies under a command that does not come back with it, the run
// says which one that was, and goes on when it is resumed.
func TestMachineKilledUnderACommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	profile := "builder?state=" + filepath.Join(dir, "machine")
	m := serveAt(t, "20", dir, profile, "")
	c := newControl(t, m.key, m.address)
	p := c.builds("-o", "json")
	p.awaits("Configure portshaker")
	m.kill()
	serveAt(t, "2000", dir, profile, m.address)
	if p.exit() != 0 { // it was under way
		p.exits(2)
		e := p.outcome().Hosts[0].Error
		if e == nil || !strings.Contains(e.Message, "ended from outside") || !strings.Contains(e.Command, "portshaker -u") || e.Hint == "" {
			t.Errorf("it does not tell what was cut off: %+v", e)
		}
		p = c.starts("resume", "last", "-o", "json")
	}
	c.completes(p)
}

// A build comes back with its machine for a run that had been killed, too.
func TestBothKilledDuringTheBuild(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	profile := "builder?state=" + filepath.Join(dir, "machine")
	m := serve(t, dir, profile, "")
	c := newControl(t, m.key, m.address)
	c.building().kill()
	m.kill()
	serve(t, dir, profile, m.address)
	c.completes(c.starts("resume", "last", "-o", "json"))
	again := c.builds("-o", "json")
	again.exits(0)
	if built := again.outcome().Hosts[0].Result.Built; len(built) > 0 {
		t.Errorf("another run builds anew: %v", built)
	}
}

// lastRun is the identity of the newest run.
func (c *control) lastRun() string {
	c.t.Helper()
	p := start(c.t, c.dir, "show", "last", "-o", "json")
	p.exits(0)
	return p.outcome().Run
}

// The journal is the only thing that a run leaves with the administrator.
func TestNothingElseIsLeft(t *testing.T) {
	t.Parallel()
	m := serve(t, t.TempDir(), "freebsd-14.3", "")
	c := newControl(t, m.key, m.address)
	c.starts("exec", host, "--", "touch", "/var/tmp/x").exits(0)
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		switch e.Name() {
		case "known_hosts", "known_hosts." + host, "ssh_config", "state": // the test's own
		default:
			t.Errorf("%s was left behind", e.Name())
		}
	}
}
