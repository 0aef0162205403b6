package sshd_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/sshhost"
	"bsdrun/tests/sshd/sshdtest"
)

// line is a network that can be cut.
type line struct {
	mu    sync.Mutex
	addr  string
	conns []net.Conn
}

func (l *line) dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", l.addr)
	if err == nil {
		l.mu.Lock()
		l.conns = append(l.conns, c)
		l.mu.Unlock()
	}
	return c, err
}

func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		_ = c.Close()
	}
	l.conns = nil
}

func running(t *testing.T, s *sshdtest.Server) (sshhost.Config, *line) {
	t.Helper()
	l := &line{addr: s.Addr()}
	cfg := s.Config()
	cfg.Run, cfg.Controller, cfg.Dialer = "run-1", "ops@control.example.org", l.dial
	return cfg, l
}

func waitFor(t *testing.T, file string) {
	t.Helper()
	for range 30000 {
		if _, err := os.Stat(file); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s does not appear", file)
}

func content(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestChangeSurvivesALostConnection(t *testing.T) {
	t.Parallel()
	s := sshdtest.Start(t, sshdtest.Options{})
	for name, lose := range map[string]func(*line){
		"line cut":       (*line).cut,
		"server crashed": func(*line) { s.DropConnections() },
	} {
		t.Run(name, func(t *testing.T) {
			dir := hostDir(t, s)
			cfg, l := running(t, s)
			h := open(t, cfg)
			go func() { waitFor(t, dir+"/begun"); lose(l); write(t, dir+"/go", nil) }()
			r := do(t, h, change("1", "echo x >>"+dir+"/begun; while ! [ -e "+dir+"/go ]; do sleep 0.05; done; sleep 0.5; echo out; echo err >&2; exit 0"))
			same(t, "ran once", content(t, dir+"/begun"), "x\n")
			same(t, "stdout", string(r.Stdout.Tail(100)), "out\n")
			same(t, "stderr", string(r.Stderr.Tail(100)), "err\n")
			if !r.Recorded {
				t.Error("the answer is not from the ledger")
			}
			same(t, "afterwards", text(t, h, sh("echo fine")), "fine\n")
			if err := h.Close(context.Background(), false); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestReadIsRepeatedAfterALostConnection(t *testing.T) {
	t.Parallel()
	s := sshdtest.Start(t, sshdtest.Options{})
	dir := hostDir(t, s)
	cfg, l := running(t, s)
	h := open(t, cfg)
	go func() { waitFor(t, dir+"/begun"); l.cut(); write(t, dir+"/go", nil) }()
	r := do(t, h, sh("echo partial; touch "+dir+"/begun; while ! [ -e "+dir+"/go ]; do sleep 0.05; done; echo whole"))
	same(t, "output", string(r.Stdout.Tail(100)), "partial\nwhole\n")
}

func TestServerThatComesBack(t *testing.T) {
	t.Parallel()
	s := sshdtest.Start(t, sshdtest.Options{})
	cfg, _ := running(t, s)
	h := open(t, cfg)
	do(t, h, sh(":"))
	s.Stop()
	restarted := make(chan struct{})
	go func() { time.Sleep(700 * time.Millisecond); s.Restart(); close(restarted) }()
	same(t, "after the restart", text(t, h, sh("echo back")), "back\n")
	<-restarted
	// One that does not come back is unreachable.
	cfg.Reconnect = time.Nanosecond
	gone := open(t, cfg)
	do(t, gone, sh(":"))
	s.Stop()
	failure := fails(t, gone, effect.Unreachable, sh(":"))
	if failure.Hint == "" {
		t.Error("no hint")
	}
	s.Restart()
}

func TestAgainAsksTheLedgerFirst(t *testing.T) {
	t.Parallel()
	s := sshdtest.Start(t, sshdtest.Options{})
	dir := hostDir(t, s)
	cfg, _ := running(t, s)
	first := open(t, cfg)
	e := change("step/1", "echo x >>"+dir+"/ran; echo out; exit 4")
	e.Want = []int{4}
	do(t, first, e)
	_ = first.Close(context.Background(), true)

	// A new session of the same run.
	cfg.Resumed = true
	h := open(t, cfg)
	e.Again = true
	r := do(t, h, e)
	if !r.Recorded || r.Code != 4 {
		t.Errorf("recorded %v, code %d", r.Recorded, r.Code)
	}
	same(t, "recorded output", string(r.Stdout.Tail(100)), "out\n")
	same(t, "ran once", content(t, dir+"/ran"), "x\n")

	other := change("step/2", "echo y >>"+dir+"/ran")
	other.Again = true
	if r := do(t, h, other); r.Recorded {
		t.Error("what was never started is recorded")
	}
	same(t, "the other ran", content(t, dir+"/ran"), "x\ny\n")
	put := effect.Effect{Op: "t", Kind: effect.Change, ID: "step/3", File: &effect.FileOp{Verb: effect.FilePut, Path: dir + "/put", Data: []byte("one")}}
	do(t, h, put)
	write(t, dir+"/put", []byte("somebody else's"))
	put.Again = true
	if r := do(t, h, put); !r.Recorded {
		t.Error("a put that was done is not recorded")
	}
	same(t, "it was not put again", content(t, dir+"/put"), "somebody else's")
	if err := h.Close(context.Background(), false); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(s.Dir, "state", "*")); len(left) > 0 {
		t.Errorf("the run left %v", left)
	}
}

// A dialogue that was begun is not held again, but where that is said to be harmless.
func TestDialogueOfAResumedRun(t *testing.T) {
	t.Parallel()
	s := sshdtest.Start(t, sshdtest.Options{})
	dir := hostDir(t, s)
	cfg, _ := running(t, s)
	first := open(t, cfg)
	e := change("1", "echo x >>"+dir+"/ran")
	e.Talk = &effect.Dialogue{}
	do(t, first, e)
	_ = first.Close(context.Background(), true)
	cfg.Resumed = true
	h := open(t, cfg)
	e.Again = true
	fails(t, h, effect.Failed, e)
	same(t, "ran once", content(t, dir+"/ran"), "x\n")
	e.Anew = true
	do(t, h, e)
	same(t, "ran again", content(t, dir+"/ran"), "x\nx\n")
}

func TestInterruptedChangeIsNamed(t *testing.T) {
	t.Parallel()
	s := sshdtest.Start(t, sshdtest.Options{})
	dir := hostDir(t, s)
	cfg, l := running(t, s)
	h := open(t, cfg)
	go func() {
		waitFor(t, dir+"/pid")
		time.Sleep(50 * time.Millisecond)
		l.cut()
		// Its shell is killed while nobody listens.
		do(t, open(t, s.Config()), sh("kill -KILL $(cat "+dir+"/pid)"))
	}()
	failure := fails(t, h, effect.Failed, change("1", "echo $$ >"+dir+"/pid; "+endless(2)))
	if !strings.Contains(failure.Message, "ended from outside") || failure.Hint == "" || failure.Reached == "" {
		t.Errorf("%+v", failure)
	}
	do(t, open(t, s.Config()), sh("pkill -f '^"+endless(2)+"$'; :"))
}

func TestCutByAReboot(t *testing.T) {
	t.Parallel()
	s := sshdtest.Start(t, sshdtest.Options{})
	cfg, _ := running(t, s)
	first := open(t, cfg)
	do(t, first, change("1", ":"))
	_ = first.Close(context.Background(), true)
	// The ledger as a reboot leaves it: started under another boot, not ended.
	file := filepath.Join(s.Dir, "state/runs/run-1/ledger")
	name, _, _ := strings.Cut(content(t, file), " ")
	write(t, file, []byte(name+" s 11111111-2222-3333-4444-555555555555 1 Mon Jan 1 00:00:00 2024\n"))
	e := change("1", ":")
	e.Again = true
	failure := fails(t, open(t, cfg), effect.Failed, e)
	if !strings.Contains(failure.Message, "cut by a reboot") {
		t.Errorf("%+v", failure)
	}
}

func TestLockOnTheHost(t *testing.T) {
	t.Parallel()
	s := sshdtest.Start(t, sshdtest.Options{})
	cfg, _ := running(t, s)
	first := open(t, cfg)
	do(t, first, sh("echo reading needs no lock"))
	if _, err := os.Stat(filepath.Join(s.Dir, "state")); err == nil {
		t.Error("a read left something on the host")
	}
	do(t, first, change("1", ":"))
	other := cfg
	other.Run = "run-2"
	second := open(t, other)
	for _, e := range []effect.Effect{
		change("2", "touch "+s.Dir+"/forbidden"),
		{Op: "t", Kind: effect.Change, ID: "3", Shell: "touch " + s.Dir + "/forbidden", Job: &effect.JobOp{Verb: effect.JobStart, Key: "k"}},
		{Op: "t", Kind: effect.Change, ID: "4", Shell: "touch " + s.Dir + "/forbidden", Talk: &effect.Dialogue{}},
		{Op: "t", Kind: effect.Change, ID: "5", File: &effect.FileOp{Verb: effect.FilePut, Path: s.Dir + "/forbidden"}},
		{Op: "t", Kind: effect.Change, ID: "6", Shell: "touch " + s.Dir + "/forbidden", Stdin: strings.NewReader(strings.Repeat("x", 100<<10))},
	} {
		failure := fails(t, second, effect.Locked, e)
		for _, want := range []string{"run-1", "ops@control.example.org"} {
			if !strings.Contains(failure.Message, want) {
				t.Errorf("%q lacks %s", failure.Message, want)
			}
		}
		if !strings.Contains(failure.Hint, "bsdrun resume run-1") || !strings.Contains(failure.Hint, "--take-over run-1") {
			t.Errorf("hint %q", failure.Hint)
		}
	}
	if _, err := os.Stat(s.Dir + "/forbidden"); err == nil {
		t.Error("a locked host was changed")
	}
	do(t, second, sh("echo reading is free"))
	// The same run comes in again, from another session.
	do(t, open(t, cfg), change("7", ":"))
	if err := first.Close(context.Background(), false); err != nil {
		t.Fatal(err)
	}
	do(t, second, change("8", ":"))
	// Ending a run that does not hold the lock leaves it alone.
	third := cfg
	third.Run, third.Resumed = "run-3", true
	if err := open(t, third).Close(context.Background(), false); err != nil {
		t.Fatal(err)
	}
	if owner := content(t, filepath.Join(s.Dir, "state/lock/owner")); !strings.HasPrefix(owner, "run-2\n") {
		t.Errorf("the lock is %q", owner)
	}
}

func TestJobsSurviveTheConnection(t *testing.T) {
	t.Parallel()
	s := sshdtest.Start(t, sshdtest.Options{})
	dir := hostDir(t, s)
	cfg, l := running(t, s)
	h := open(t, cfg)
	start := effect.Effect{Op: "t", Kind: effect.Change, ID: "build", Job: &effect.JobOp{Verb: effect.JobStart, Key: "build"},
		Shell: "echo x >>" + dir + "/ran; echo begun; while ! [ -e " + dir + "/go ]; do sleep 0.05; done; echo ended; exit 3"}
	job := do(t, h, start).Job
	l.cut()
	s.Stop()
	s.Restart()
	_ = h.Close(context.Background(), true)

	// Another session of the run attaches, another run is told whose it is.
	h = open(t, cfg)
	start.Again = true
	again := do(t, h, start).Job
	if !again.Attached || again.Foreign || again.PID != job.PID || !again.Running() {
		t.Errorf("attached: %+v", again)
	}
	write(t, dir+"/go", nil)
	var state *effect.JobState
	for range 3000 {
		r := do(t, h, effect.Effect{Op: "t", Job: &effect.JobOp{Verb: effect.JobLog, ID: job.ID}})
		if state = r.Job; !state.Running() {
			same(t, "log", string(r.Data), "begun\nended\n")
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if state.State != "exited" || state.Code != 3 {
		t.Errorf("ended: %+v", state)
	}
	// The same effect of the same run is answered, not run again.
	if r := do(t, h, start); r.Job.State != "exited" || r.Job.Code != 3 {
		t.Errorf("asked again: %+v", r.Job)
	}
	same(t, "ran once", content(t, dir+"/ran"), "x\n")
	// A later effect of the same key is a new job.
	start.ID, start.Again = "build#2", false
	if r := do(t, h, start); r.Job.Attached {
		t.Errorf("a new job: %+v", r.Job)
	}
	// The wrapper can be run again by itself, as after a restart of a machine.
	do(t, h, sh("sleep 0.3; sh "+filepath.Join(s.Dir, "state/jobs", job.ID, "run")))
	r := do(t, h, effect.Effect{Op: "t", Job: &effect.JobOp{Verb: effect.JobStatus, ID: job.ID}})
	if r.Job.State != "exited" || r.Job.Code != 3 {
		t.Errorf("run by hand: %+v", r.Job)
	}
}

func TestForeignJob(t *testing.T) {
	t.Parallel()
	s := sshdtest.Start(t, sshdtest.Options{})
	cfg := s.Config()
	first, second := open(t, cfg), open(t, func() sshhost.Config { c := cfg; c.Run = "run-2"; return c }())
	start := effect.Effect{Op: "t", Kind: effect.Change, Shell: endless(3), Job: &effect.JobOp{Verb: effect.JobStart, Key: "k"}}
	job := do(t, first, start).Job
	got := do(t, second, start).Job
	if !got.Attached || !got.Foreign || got.ID != job.ID {
		t.Errorf("%+v", got)
	}
	do(t, first, effect.Effect{Op: "t", Kind: effect.Change, Job: &effect.JobOp{Verb: effect.JobStop, ID: job.ID}})
}

func TestJobAfterAReboot(t *testing.T) {
	t.Parallel()
	s := sshdtest.Start(t, sshdtest.Options{})
	h := open(t, s.Config())
	start := effect.Effect{Op: "t", Kind: effect.Change, Shell: endless(4), Job: &effect.JobOp{Verb: effect.JobStart, Key: "k"}}
	job := do(t, h, start).Job
	dir := filepath.Join(s.Dir, "state/jobs", job.ID)
	do(t, h, sh("kill -KILL "+strings.Fields(content(t, dir+"/pid"))[0]+"; pkill -f '^"+endless(4)+"$'; :"))
	status := effect.Effect{Op: "t", Job: &effect.JobOp{Verb: effect.JobStatus, ID: job.ID}}
	if got := do(t, h, status).Job; got.State != "lost" {
		t.Errorf("killed: %+v", got)
	}
	write(t, dir+"/boot", []byte("11111111-2222-3333-4444-555555555555\n"))
	if got := do(t, h, status).Job; got.State != "rebooted" {
		t.Errorf("under another boot: %+v", got)
	}
	if got := do(t, h, start).Job; !got.Running() || got.Attached {
		t.Errorf("started anew: %+v", got)
	}
	do(t, h, effect.Effect{Op: "t", Kind: effect.Change, Job: &effect.JobOp{Verb: effect.JobStop, ID: job.ID}})
}

func TestChangeThatTakesTooLongEndsOnTheHost(t *testing.T) {
	t.Parallel()
	s := sshdtest.Start(t, sshdtest.Options{})
	cfg, _ := running(t, s)
	h := open(t, cfg)
	for id, e := range map[string]effect.Effect{
		"timeout": {Timeout: 10 * time.Second},
		"idle":    {Idle: 10 * time.Second},
	} {
		e.Op, e.Kind, e.ID, e.Shell = "t", effect.Change, id, "echo begun; ("+endless(7)+") & "+endless(7)
		failure := fails(t, h, effect.Timeout, e)
		same(t, id+": what it had said", failure.Out, "begun\n")
		if !strings.Contains(failure.Hint, "--timeout") {
			t.Errorf("%s: nothing is said of --timeout: %q", id, failure.Hint)
		}
	}
	ends(t, h, endless(7))
	// One that prints now and then is not idle.
	do(t, h, effect.Effect{Op: "t", Kind: effect.Change, ID: "busy", Idle: 10 * time.Second, Shell: "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo $i; sleep 1; done"})
}

func TestTheLockGoesThoughTheOnlyChangeTookTooLong(t *testing.T) {
	t.Parallel()
	s := sshdtest.Start(t, sshdtest.Options{})
	cfg, _ := running(t, s)
	h := open(t, cfg)
	fails(t, h, effect.Timeout, effect.Effect{Op: "t", Kind: effect.Change, ID: "1", Shell: endless(5), Timeout: 300 * time.Millisecond})
	if err := h.Close(context.Background(), false); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(s.Dir, "state/lock")); err == nil {
		t.Error("the host is still locked by a run that has ended")
	}
}

func TestManyEffectsLoseOneConnection(t *testing.T) {
	t.Parallel()
	s := sshdtest.Start(t, sshdtest.Options{})
	dir := hostDir(t, s)
	cfg, l := running(t, s)
	h := open(t, cfg)
	do(t, h, sh(":"))
	go func() { waitFor(t, dir+"/begun"); l.cut() }()
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			r, err := h.Do(context.Background(), change(string(rune('a'+i)), "echo x >>"+dir+"/begun; sleep 0.2; echo "+string(rune('a'+i))))
			if err != nil || string(r.Stdout.Tail(10)) != string(rune('a'+i))+"\n" {
				t.Errorf("%d: %q, %v", i, r.Stdout.Tail(10), err)
			}
		}()
	}
	wg.Wait()
	same(t, "each ran once", content(t, dir+"/begun"), strings.Repeat("x\n", 6))
}
