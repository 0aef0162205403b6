package sshd_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sshhost"
	"bsdrun/stdlib/bectl/bectlsim"
	"bsdrun/stdlib/sysctl/sysctlsim"
	"bsdrun/tests/sshd/sshdtest"
)

// rebooted makes a lock one that was taken under an earlier boot.
func rebooted(t *testing.T, s *sshdtest.Server) {
	t.Helper()
	file := filepath.Join(s.Dir, "state/lock/owner")
	lines := strings.SplitN(content(t, file), "\n", 3)
	lines[1] = "boot 11111111-2222-3333-4444-555555555555"
	write(t, file, []byte(strings.Join(lines, "\n")))
}

// another is the configuration of another run.
func another(cfg sshhost.Config, run string) sshhost.Config {
	cfg.Run, cfg.Controller, cfg.Return = run, "ops@other.example.org", time.Nanosecond
	return cfg
}

// held is a server that a run has taken by its first change, which wrote to the log in
// a folder of the host.
func held(t *testing.T) (s *sshdtest.Server, cfg sshhost.Config, dir string, first *sshhost.Host) {
	t.Helper()
	s = sshdtest.Start(t, sshdtest.Options{})
	dir = hostDir(t, s)
	cfg, _ = running(t, s)
	first = open(t, cfg)
	do(t, first, change("1", "echo one >>"+dir+"/log"))
	return s, cfg, dir, first
}

func TestLockOfAnEarlierBoot(t *testing.T) {
	t.Parallel()
	s, cfg, dir, first := held(t)
	rebooted(t, s)

	// Its run may be waiting for the host.
	early := another(cfg, "run-2")
	early.Return = 1 << 62
	failure := fails(t, open(t, early), effect.Locked, change("2", "touch "+dir+"/forbidden"))
	if !strings.Contains(failure.Message, "run-1") || !strings.Contains(failure.Message, "seconds ago") || !strings.Contains(failure.Hint, "come back") {
		t.Errorf("%s\n%s", failure.Message, failure.Hint)
	}
	// The same run takes it again, and for this boot.
	back := cfg
	back.Resumed = true
	do(t, open(t, back), change("3", ":"))
	fails(t, open(t, another(cfg, "run-2")), effect.Locked, change("2", "touch "+dir+"/forbidden"))
	if _, err := os.Stat(dir + "/forbidden"); err == nil {
		t.Fatal("a locked host was changed")
	}

	// One that has not come back loses it, and everybody is told.
	rebooted(t, s)
	var heard events
	second := open(t, another(cfg, "run-2"))
	if _, err := second.Do(effect.WithEvents(context.Background(), &heard), change("2", "echo two >>"+dir+"/log")); err != nil {
		t.Fatal(err)
	}
	if told := heard.text("connection.lock"); !strings.Contains(told, "run run-1") || !strings.Contains(told, "ops@control.example.org") {
		t.Errorf("told: %q", told)
	}
	for range 2 {
		failure = fails(t, first, effect.Locked, change("4", "touch "+dir+"/forbidden"))
		if !strings.Contains(failure.Message, "run run-2") || !strings.Contains(failure.Message, "ops@other.example.org") || !strings.Contains(failure.Hint, "bsdrun resume run-1") {
			t.Errorf("%s\n%s", failure.Message, failure.Hint)
		}
	}
	failure = fails(t, open(t, back), effect.Locked, change("4", "touch "+dir+"/forbidden"))
	if !strings.Contains(failure.Message, "run run-2") {
		t.Errorf("resumed while it is locked: %s", failure.Message)
	}
	if err := second.Close(context.Background(), false); err != nil {
		t.Fatal(err)
	}
	fails(t, first, effect.Locked, change("4", "touch "+dir+"/forbidden"))
	if _, err := os.Stat(dir + "/forbidden"); err == nil {
		t.Error("a lost host was changed")
	}

	// Resumed by a person it goes on, and its ledger is there.
	heard = events{}
	again := change("1", "echo one >>"+dir+"/log")
	again.Again = true
	resumed := open(t, back)
	r, err := resumed.Do(effect.WithEvents(context.Background(), &heard), again)
	if err != nil || !r.Recorded {
		t.Errorf("recorded %v: %v", r.Recorded, err)
	}
	if told := heard.text("connection.lock"); !strings.Contains(told, "run run-2") {
		t.Errorf("told: %q", told)
	}
	same(t, "log", content(t, dir+"/log"), "one\ntwo\n")
	if err := resumed.Close(context.Background(), false); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(s.Dir, "state", "*")); len(left) > 0 {
		t.Errorf("the runs left %v", left)
	}
}

// TestTakeOver: a run that somebody gives up loses the host, but not while a change
// of it is under way, and not one that is being worked on.
func TestTakeOver(t *testing.T) {
	t.Parallel()
	_, cfg, dir, first := held(t)
	ended := make(chan error)
	go func() {
		_, err := first.Do(context.Background(), change("2", ": >"+dir+"/begun; until [ -e "+dir+"/enough ]; do sleep 0.05; done"))
		ended <- err
	}()
	for begun := false; !begun; time.Sleep(20 * time.Millisecond) {
		_, err := os.Stat(dir + "/begun")
		begun = err == nil
	}

	second := another(cfg, "run-2")
	failure := fails(t, open(t, second), effect.Locked, change("3", ":"))
	if !strings.Contains(failure.Message, "a change of it is under way") || !strings.Contains(failure.Hint, "bsdrun resume run-1") || !strings.Contains(failure.Hint, "--take-over run-1") {
		t.Errorf("%s\n%s", failure.Message, failure.Hint)
	}
	second.TakeOver = []string{"run-0", "run-1"}
	failure = fails(t, open(t, second), effect.Locked, change("3", ":"))
	if !strings.Contains(failure.Message, "a change of it is under way") || !strings.Contains(failure.Hint, "wait until that has ended") {
		t.Errorf("%s\n%s", failure.Message, failure.Hint)
	}
	write(t, dir+"/enough", nil)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}

	known := sshhost.Owner{Told: "x.lua is under way", Active: true}
	second.Owner = func(_ context.Context, run string) sshhost.Owner {
		if run != "run-1" {
			t.Errorf("asked for %s", run)
		}
		return known
	}
	failure = fails(t, open(t, second), effect.Locked, change("3", ":"))
	if !strings.Contains(failure.Message, "x.lua is under way") || strings.Contains(failure.Hint, "take-over") {
		t.Errorf("%s\n%s", failure.Message, failure.Hint)
	}
	known = sshhost.Owner{Told: "x.lua ended here unreachable"}
	h := open(t, second)
	var heard events
	if _, err := h.Do(effect.WithEvents(context.Background(), &heard), change("3", "echo two >>"+dir+"/log")); err != nil {
		t.Fatal(err)
	}
	if told := heard.text("connection.lock"); !strings.Contains(told, "run run-1") || !strings.Contains(told, known.Told) {
		t.Errorf("told: %q", told)
	}
	fails(t, first, effect.Locked, change("4", "touch "+dir+"/forbidden"))
	if err := h.Close(context.Background(), false); err != nil {
		t.Fatal(err)
	}

	// Who gave it up may think better of it.
	cfg.Resumed = true
	again := change("1", "echo one >>"+dir+"/log")
	again.Again = true
	if r := do(t, open(t, cfg), again); !r.Recorded {
		t.Error("it was done a second time")
	}
	same(t, "log", content(t, dir+"/log"), "one\ntwo\n")
}

// TestLockOfARunThatIsOver: a run that was cut off before it could let go keeps
// nobody out.
func TestLockOfARunThatIsOver(t *testing.T) {
	t.Parallel()
	s := sshdtest.Start(t, sshdtest.Options{})
	cfg, _ := running(t, s)
	do(t, open(t, cfg), change("1", ":"))
	second := another(cfg, "run-2")
	second.Owner = func(context.Context, string) sshhost.Owner {
		return sshhost.Owner{Told: "x.lua ended done", Over: true}
	}
	h := open(t, second)
	do(t, h, change("2", ":"))
	if err := h.Close(context.Background(), false); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(s.Dir, "state", "*")); len(left) > 0 {
		t.Errorf("the runs left %v", left)
	}
}

func TestOnlyOneTakesOver(t *testing.T) {
	t.Parallel()
	s := sshdtest.Start(t, sshdtest.Options{})
	dir := hostDir(t, s)
	cfg, _ := running(t, s)
	do(t, open(t, cfg), change("1", ":"))
	rebooted(t, s)
	errs := make(chan error)
	for _, run := range []string{"run-2", "run-3", "run-4"} {
		h := open(t, another(cfg, run))
		go func() {
			_, err := h.Do(context.Background(), change("2", "echo x >>"+dir+"/log"))
			errs <- err
		}()
	}
	locked := 0
	for range 3 {
		switch err := <-errs; effect.KindOf(err) {
		case "":
		case effect.Locked:
			locked++
		default:
			t.Error(err)
		}
	}
	if locked != 2 {
		t.Errorf("%d runs found the host locked, want 2", locked)
	}
	same(t, "log", content(t, dir+"/log"), "x\n")
}

func TestLedgerOfAnEarlierTime(t *testing.T) {
	t.Parallel()
	s := sshdtest.Start(t, sshdtest.Options{})
	dir := hostDir(t, s)
	cfg, _ := running(t, s)
	first := open(t, cfg)
	do(t, first, change("1", ":"))
	ledger := filepath.Join(s.Dir, "state/runs/run-1/ledger")
	old := content(t, ledger)
	do(t, first, change("2", ":"))
	_ = first.Close(context.Background(), true)

	cfg.Resumed, cfg.Noted = true, "2"
	third := change("3", "touch "+dir+"/third")
	third.Again = true
	whole := open(t, cfg)
	do(t, whole, third)
	_ = whole.Close(context.Background(), true)
	if err := os.Remove(dir + "/third"); err != nil {
		t.Fatal(err)
	}

	// The files are put back to what they were after the first change.
	write(t, ledger, []byte(old))
	var heard events
	ctx := effect.WithEvents(context.Background(), &heard)
	h := open(t, cfg)
	_, err := h.Do(ctx, third)
	failure := effect.AsError(err)
	if failure == nil || failure.Kind != effect.Failed || !strings.Contains(failure.Message, "earlier time") || failure.Hint == "" {
		t.Fatalf("%+v", failure)
	}
	if _, err := os.Stat(dir + "/third"); err == nil {
		t.Error("what may have been done was done again")
	}
	if told := heard.text("connection.ledger"); !strings.Contains(told, "earlier time") {
		t.Errorf("told: %q", told)
	}
	// What is begun in these files is known in them.
	do(t, h, change("4", ":"))
	do(t, h, third)
	if _, err := os.Stat(dir + "/third"); err != nil {
		t.Error(err)
	}
}

// withEnvironments is a simulated machine on ZFS, with boot environments.
func withEnvironments(t *testing.T) (sshhost.Config, context.Context) {
	t.Helper()
	m, err := sim.New(sim.Options{Profile: "freebsd-14.3-zfs-mirror-uefi", Tools: append(append(base.Tools(), sysctlsim.Tools()...), bectlsim.Tools()...)})
	if err != nil {
		t.Fatal(err)
	}
	return sshhost.Config{
		Name: m.Name, User: "root", Dialer: m.Dial, HostKey: m.Trust(), Auth: m.Auth(),
		Greeting: host.FactsScript, Greet: true, Run: "run-1", Controller: "ops@control.example.org",
	}, clock.With(context.Background(), m.Clock())
}

// inEnvironment boots another environment once: the next reboot leads back.
func inEnvironment(t *testing.T, ctx context.Context, h effect.Doer, name string) {
	t.Helper()
	must(t, ctx, h, change("activate-"+name, "bectl activate "+name))
	if _, err := h.Do(ctx, effect.Effect{Op: "t", Kind: effect.Change, ID: "reboot-" + name, Conn: &effect.ConnOp{Verb: effect.ConnReboot}}); err != nil {
		t.Fatal(err)
	}
	if got := must(t, ctx, h, sh("mount -p | awk '$2 == \"/\" { print $1 }'")); got != "zroot/ROOT/"+name+"\n" {
		t.Fatalf("the root is %s", got)
	}
}

func must(t *testing.T, ctx context.Context, h effect.Doer, e effect.Effect) string {
	t.Helper()
	r, err := h.Do(ctx, e)
	if err != nil {
		t.Fatalf("%s: %v", e.Shell, err)
	}
	return string(r.Stdout.Tail(4096))
}

func TestLockInABootEnvironment(t *testing.T) {
	t.Parallel()
	cfg, ctx := withEnvironments(t)
	first := open(t, cfg)
	must(t, ctx, first, change("1", "echo 1 >>/root/log"))
	must(t, ctx, first, change("2", "bectl create old"))
	must(t, ctx, first, change("3", "echo 3 >>/root/log"))

	// The same run goes on in the old environment, whose lock and ledger are
	// copies, without a word of a lock.
	var heard events
	inEnvironment(t, effect.WithEvents(ctx, &heard), first, "old")
	must(t, ctx, first, change("4", "echo 4 >>/root/log"))
	if got := must(t, ctx, first, sh("cat /root/log")); got != "1\n4\n" {
		t.Errorf("the old files have %q", got)
	}
	if told := heard.text("connection.lock") + heard.text("connection.ledger"); told != "" {
		t.Errorf("told: %q", told)
	}
	// Right after the boot its lock is this boot's.
	failsIn(t, ctx, open(t, another(cfg, "run-2")), effect.Locked, change("5", ":"))
	if err := first.Close(ctx, false); err != nil {
		t.Fatal(err)
	}

	// Its copy in the other environment keeps another run out for some minutes,
	// and not for longer.
	aside := cfg
	aside.Run = ""
	inEnvironment(t, ctx, open(t, aside), "default")
	second := cfg
	second.Run = "run-2"
	h := open(t, second)
	failure := failsIn(t, ctx, h, effect.Locked, change("5", ":"))
	if !strings.Contains(failure.Message, "run-1") || !strings.Contains(failure.Hint, "5m0s") {
		t.Errorf("%s\n%s", failure.Message, failure.Hint)
	}
	if err := clock.Sleep(ctx, 5*time.Minute); err != nil {
		t.Fatal(err)
	}
	heard = events{}
	must(t, effect.WithEvents(ctx, &heard), h, change("5", "bectl create copy"))
	if told := heard.text("connection.lock"); !strings.Contains(told, "run-1") {
		t.Errorf("told: %q", told)
	}
	if err := h.Close(ctx, false); err != nil {
		t.Fatal(err)
	}

	// A run that has the host takes it along into an environment that shows
	// the lock of another.
	third := cfg
	third.Run = "run-3"
	h = open(t, third)
	must(t, ctx, h, change("1", ":"))
	heard = events{}
	inEnvironment(t, effect.WithEvents(ctx, &heard), h, "copy")
	must(t, ctx, h, change("2", ":"))
	if told := heard.text("connection.lock"); !strings.Contains(told, "run-2") {
		t.Errorf("told: %q", told)
	}
}

func TestUnexpectedRebootIntoAnOldEnvironment(t *testing.T) {
	t.Parallel()
	cfg, ctx := withEnvironments(t)
	h := open(t, cfg)
	must(t, ctx, h, change("1", "bectl create old; bectl activate old"))
	must(t, ctx, h, change("2", "echo 2 >>/root/log"))
	// Somebody else reboots it.
	aside := cfg
	aside.Run = ""
	if _, err := open(t, aside).Do(ctx, effect.Effect{Op: "t", Kind: effect.Change, Conn: &effect.ConnOp{Verb: effect.ConnReboot}}); err != nil {
		t.Fatal(err)
	}
	var heard events
	if _, err := h.Do(effect.WithEvents(ctx, &heard), sh("true")); err != nil {
		t.Fatal(err)
	}
	if told := heard.text("connection.ledger"); !strings.Contains(told, "earlier time") {
		t.Errorf("told: %q", told)
	}
	// The lock is this boot's already, though nothing was changed since.
	failsIn(t, ctx, open(t, another(cfg, "run-2")), effect.Locked, change("1", ":"))
}

func TestLostHostStopsTheRun(t *testing.T) {
	t.Parallel()
	cfg, ctx := withEnvironments(t)
	first := open(t, cfg)
	must(t, ctx, first, change("1", ":"))
	// It is away for longer than a run may be.
	aside := cfg
	aside.Run = ""
	if _, err := open(t, aside).Do(ctx, effect.Effect{Op: "t", Kind: effect.Change, Conn: &effect.ConnOp{Verb: effect.ConnReboot}}); err != nil {
		t.Fatal(err)
	}
	second := open(t, another(cfg, "run-2"))
	must(t, ctx, second, change("1", ":"))
	for _, e := range []effect.Effect{sh("echo a read"), change("2", "touch /root/forbidden"), sh("echo again")} {
		failure := failsIn(t, ctx, first, effect.Locked, e)
		if !strings.Contains(failure.Message, "run run-2") || !strings.Contains(failure.Hint, "bsdrun resume run-1") {
			t.Errorf("%s\n%s", failure.Message, failure.Hint)
		}
	}
	if got := must(t, ctx, second, sh("ls /root/forbidden 2>/dev/null; :")); got != "" {
		t.Error("a lost host was changed")
	}
}

func failsIn(t *testing.T, ctx context.Context, h effect.Doer, kind effect.ErrKind, e effect.Effect) effect.Error {
	t.Helper()
	_, err := h.Do(ctx, e)
	if effect.KindOf(err) != kind {
		t.Fatalf("kind %q, want %q: %v", effect.KindOf(err), kind, err)
	}
	return *effect.AsError(err)
}
