package sshd_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/tests/sshd/sshdtest"
)

func TestLongOutputNeedsLittleMemory(t *testing.T) {
	s := sshdtest.Start(t, sshdtest.Options{})
	h := open(t, s.Config())
	do(t, h, sh(":"))
	const size = 100 << 20
	runtime.GC()
	var before, peak runtime.MemStats
	runtime.ReadMemStats(&before)
	meter := &memoryMeter{peak: &peak}
	r := do(t, h, effect.Effect{Op: "t", Shell: "dd if=/dev/zero bs=1048576 count=100 2>/dev/null", Out: meter})
	if r.Stdout.Size() != size {
		t.Errorf("%d bytes, want %d", r.Stdout.Size(), size)
	}
	if grown := int64(peak.HeapInuse) - int64(before.HeapInuse); grown > 24<<20 {
		t.Errorf("the heap grew by %d MB for 100 MB of output", grown>>20)
	}
	if _, err := r.Stdout.Bytes(); err == nil {
		t.Error("100 MB were handed over whole")
	}
	if r.Stdout.Spill() == "" {
		t.Error("the output went nowhere")
	}
}

// memoryMeter looks at the heap while output comes.
type memoryMeter struct {
	mu   sync.Mutex
	n    int
	peak *runtime.MemStats
}

func (m *memoryMeter) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.n++; m.n%200 == 0 {
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		if now.HeapInuse > m.peak.HeapInuse {
			*m.peak = now
		}
	}
	return len(p), nil
}

// events collects what is told.
type events struct {
	mu   sync.Mutex
	list []effect.Event
}

func (e *events) Emit(event effect.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, event)
}

func (e *events) text(op string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var b strings.Builder
	for _, event := range e.list {
		if event.Op == op {
			b.WriteString(event.Text)
		}
	}
	return b.String()
}

func TestStrayOutputBetweenCommandsIsLogged(t *testing.T) {
	s := sshdtest.Start(t, sshdtest.Options{})
	h := open(t, s.Config())
	var heard events
	ctx := effect.WithEvents(context.Background(), &heard)
	if _, err := h.Do(ctx, sh("(while ! [ -e "+s.Dir+"/go ]; do sleep 0.05; done; echo stray; echo stray >&2) & echo started")); err != nil {
		t.Fatal(err)
	}
	write(t, s.Dir+"/go", nil)
	for range 3000 {
		if strings.Count(heard.text("connection.stray"), "stray") == 2 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	r := do(t, h, sh("echo clean"))
	same(t, "next command", string(r.Stdout.Tail(100)), "clean\n")
	same(t, "its stderr", string(r.Stderr.Tail(100)), "")
	if got := heard.text("connection.stray"); strings.Count(got, "stray") != 2 {
		t.Errorf("logged %q", got)
	}
}

func TestDaemonOfAChangeStaysOutOfLaterResults(t *testing.T) {
	s := sshdtest.Start(t, sshdtest.Options{})
	cfg := s.Config()
	cfg.Run = "run-1"
	h := open(t, cfg)
	do(t, h, change("1", "(for i in 1 2 3 4 5 6 7 8 9 10; do echo stray; echo stray >&2; sleep 0.1; done) & echo started"))
	// The daemon prints while these run.
	for range 4 {
		r := do(t, h, sh("sleep 0.1; echo clean"))
		same(t, "stdout", string(r.Stdout.Tail(100)), "clean\n")
		same(t, "stderr", string(r.Stderr.Tail(100)), "")
	}
}

func TestLongChangeShowsItsOutputWhileItRuns(t *testing.T) {
	s := sshdtest.Start(t, sshdtest.Options{})
	cfg := s.Config()
	cfg.Run = "run-1"
	h := open(t, cfg)
	seen := make(chan string, 100)
	e := change("1", "echo early; while ! [ -e "+s.Dir+"/go ]; do sleep 0.05; done; echo late")
	e.Out = writerFunc(func(p []byte) { seen <- string(p) })
	done := make(chan effect.Result, 1)
	go func() { done <- do(t, h, e) }()
	same(t, "while it runs", <-seen, "early\n")
	// Only now may it end.
	do(t, open(t, s.Config()), effect.Effect{Op: "t", Argv: []string{"touch", s.Dir + "/go"}})
	r := <-done
	same(t, "all of it", string(r.Stdout.Tail(100)), "early\nlate\n")
	same(t, "the rest, once", <-seen, "late\n")
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }

func TestDialogueOnATerminal(t *testing.T) {
	s := sshdtest.Start(t, sshdtest.Options{})
	h := open(t, s.Config())
	e := sh(`[ -t 0 ] && [ -t 1 ] && echo terminal; printf 'name? '; read n; printf 'sure (y/n)? '; read y; printf 'sure (y/n)? '; read z; echo "<$n$y$z>"; stty size; exit 3`)
	e.Want = []int{3}
	e.Talk = &effect.Dialogue{Rows: 40, Cols: 100, Exchanges: []effect.Exchange{
		{Expect: `sure \(y/n\)\? $`, Send: "y\n", Repeat: true},
		{Expect: `name\? $`, Send: "s3cret\n", Secret: true},
	}}
	r := do(t, h, e)
	out, _ := r.Text()
	for _, want := range []string{"terminal\n", "<s3cretyy>\n", "40 100\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q lacks %q", out, want)
		}
	}
	if strings.Count(out, "s3cret") != 1 {
		t.Errorf("what was typed is echoed: %q", out)
	}
	if r.Code != 3 {
		t.Errorf("code %d, want 3", r.Code)
	}

	e = sh("echo 'Really destroy?'; " + endless(0))
	e.Talk = &effect.Dialogue{Exchanges: []effect.Exchange{{Expect: "destroy", Fail: "it wants to destroy something"}}}
	failure := fails(t, h, effect.Failed, e)
	same(t, "message", failure.Message, "it wants to destroy something")

	e = sh("echo waiting; " + endless(1) + " & " + endless(1))
	e.Talk, e.Timeout = &effect.Dialogue{}, 400*time.Millisecond
	fails(t, h, effect.Timeout, e)
	ends(t, h, endless(0))
	ends(t, h, endless(1))
}

// endless is a command that takes longer than any test, and that no other test
// and no other process runs; each has a number of its own.
func endless(number int) string { return fmt.Sprintf("sleep 30%d.%d", number, os.Getpid()) }

// ends checks that a command runs no more, or not for long: a killed process takes
// a moment to go.
func ends(t *testing.T, h effect.Doer, command string) {
	t.Helper()
	left := "for i in 1 2 3 4 5 6 7 8 9 10; do n=$(ps -axo args | grep -c '^" + command + "$'); [ $n = 0 ] && break; sleep $i; done; echo $n"
	same(t, "processes left of "+command, text(t, h, sh(left)), "0\n")
}

func TestStdinThatIsSlow(t *testing.T) {
	s := sshdtest.Start(t, sshdtest.Options{})
	h := open(t, s.Config())
	r, w := io.Pipe()
	go func() {
		_, _ = w.Write([]byte(strings.Repeat("x", 70<<10)))
		time.Sleep(100 * time.Millisecond)
		_, _ = w.Write([]byte("end"))
		_ = w.Close()
	}()
	e := effect.Effect{Op: "t", Shell: "wc -c", Stdin: r}
	same(t, "bytes", strings.TrimSpace(text(t, h, e)), "71683")
}

func TestKilledShellIsReplaced(t *testing.T) {
	s := sshdtest.Start(t, sshdtest.Options{})
	h := open(t, s.Config())
	e := effect.Effect{Op: "t", Kind: effect.Change, Shell: "kill -KILL $$; sleep 20"}
	failure := fails(t, h, effect.Unreachable, e)
	if failure.Hint == "" {
		t.Error("no hint")
	}
	same(t, "afterwards", text(t, h, sh("echo fine")), "fine\n")
}

func TestSpeaksThroughManyConnectionsAtOnce(t *testing.T) {
	s := sshdtest.Start(t, sshdtest.Options{})
	var wg sync.WaitGroup
	for range 20 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			same(t, "answer", text(t, open(t, s.Config()), sh("echo here")), "here\n")
		}()
	}
	wg.Wait()
}

// slowSink takes its time over what comes first.
type slowSink struct {
	first sync.Once
	got   int
}

func (s *slowSink) Write(p []byte) (int, error) {
	s.first.Do(func() { time.Sleep(3 * time.Second) })
	s.got += len(p)
	return len(p), nil
}

// The command ends long before what it printed is taken.
func TestSlowSinkGetsAll(t *testing.T) {
	t.Parallel()
	s := sshdtest.Start(t, sshdtest.Options{})
	h := open(t, s.Config())
	for _, size := range []int{1 << 20, 8 << 20} { // within the channel's window, and beyond it
		sink := &slowSink{}
		do(t, h, effect.Effect{Op: "t", Shell: fmt.Sprintf("head -c %d /dev/zero", size), Sink: sink})
		if sink.got != size {
			t.Errorf("%d bytes came, of %d", sink.got, size)
		}
	}
}

// lateClock sees whether the command runs already when its limit is set.
type lateClock struct {
	clock.Clock
	mark string
	ran  atomic.Bool
}

func (c *lateClock) AfterFunc(time.Duration, func()) (stop func()) {
	time.Sleep(300 * time.Millisecond)
	if _, err := os.Stat(c.mark); err == nil {
		c.ran.Store(true)
	}
	return func() {}
}

// A simulated machine's time may jump over a limit that is set too late.
func TestLimitIsSetBeforeTheCommandIsSent(t *testing.T) {
	t.Parallel()
	s := sshdtest.Start(t, sshdtest.Options{})
	h := open(t, s.Config())
	for how, e := range map[string]effect.Effect{
		"read":     {},
		"change":   {Kind: effect.Change, ID: "1"},
		"input":    {Stdin: strings.NewReader("x")},
		"dialogue": {Talk: &effect.Dialogue{}},
		"batch":    {},
	} {
		t.Run(how, func(t *testing.T) {
			c := &lateClock{Clock: clock.Real, mark: filepath.Join(t.TempDir(), "ran")}
			e.Op, e.Shell, e.Timeout = "t", "true >"+c.mark, time.Hour
			if how == "batch" {
				e = effect.Effect{Op: "t", Timeout: time.Hour, Batch: []effect.Effect{e}}
			}
			if _, err := h.Do(clock.With(t.Context(), c), e); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(c.mark); err != nil {
				t.Error("the command did not run")
			}
			if c.ran.Load() {
				t.Error("the command ran before its time began")
			}
		})
	}
}
