package hostverbs

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
)

// fakeHost answers by a function and remembers what it was asked.
type fakeHost struct {
	done   []effect.Effect
	answer func(e effect.Effect) (effect.Result, error)
}

func (f *fakeHost) Do(_ context.Context, e effect.Effect) (effect.Result, error) {
	f.done = append(f.done, e)
	if f.answer == nil {
		return effect.Result{Code: 3, Stdout: effect.OutputOf([]byte("out\n")), Stderr: effect.OutputOf([]byte("err\n")), Took: 2 * time.Second}, nil
	}
	return f.answer(e)
}

// jumping is a clock that jumps.
type jumping struct{ now time.Time }

func (c *jumping) Now() time.Time { return c.now }

func (c *jumping) Sleep(ctx context.Context, d time.Duration) error {
	c.now = c.now.Add(d)
	return ctx.Err()
}

func options(pairs ...any) *binding.Table {
	t := &binding.Table{Named: map[string]any{}}
	for i := 0; i < len(pairs); i += 2 {
		t.Named[pairs[i].(string)] = pairs[i+1]
	}
	return t
}

func list(items ...any) *binding.Table { return &binding.Table{List: items} }

func call(t *testing.T, h effect.Doer, name string, args ...any) (any, error) {
	t.Helper()
	e, ok := binding.Find([]binding.Module{Module}, name)
	if !ok || e.Func == nil {
		t.Fatalf("there is no %s", name)
	}
	ctx := clock.With(t.Context(), &jumping{now: time.Unix(1000, 0)})
	return e.Func.Invoke(ctx, name, h, args)
}

func TestModule(t *testing.T) {
	if err := Module.Validate(); err != nil {
		t.Error(err)
	}
}

func TestCommands(t *testing.T) {
	tests := []struct {
		name string
		verb string
		args []any
		want effect.Effect
	}{
		{"a list", "run", []any{list("zpool", "status", 5.0)}, effect.Effect{Op: "run", Kind: effect.Change, Argv: []string{"zpool", "status", "5"}}},
		{"a script", "run", []any{"a | b"}, effect.Effect{Op: "run", Kind: effect.Change, Shell: "a | b"}},
		{"a query", "read", []any{list("id")}, effect.Effect{Op: "read", Argv: []string{"id"}}},
		{"everything else", "run", []any{list("make"), options(
			"dir", "/usr/src", "env", options("B", "2", "A", "1 x"), "as", "build", "timeout", 60.0, "idle", 1.5,
			"codes", list(0.0, 2.0), "writes", list("file:/usr/obj/"),
		)}, effect.Effect{
			Op: "run", Kind: effect.Change, Argv: []string{"make"}, Dir: "/usr/src", Env: []string{"A=1 x", "B=2"}, As: "build",
			Timeout: time.Minute, Idle: 1500 * time.Millisecond, Want: []int{0, 2}, Writes: []effect.Resource{"file:/usr/obj/"},
		}},
		{"touching nothing", "run", []any{"true", options("writes", list())}, effect.Effect{Op: "run", Kind: effect.Change, Shell: "true", Writes: []effect.Resource{}}},
		{"looking at one file", "read", []any{"true", options("reads", list("file:/etc/rc.conf"))}, effect.Effect{Op: "read", Shell: "true", Reads: []effect.Resource{"file:/etc/rc.conf"}}},
		{"output to a file", "run", []any{list("cat", "it's", ""), options("to", "/var/log/a b")}, effect.Effect{Op: "run", Kind: effect.Change, Shell: "exec >'/var/log/a b'\ncat \"it's\" ''"}},
		{"a script's output to a file", "run", []any{"a # note", options("to", "/x")}, effect.Effect{Op: "run", Kind: effect.Change, Shell: "exec >/x\na # note"}},
		{"the lock", "lock", nil, effect.Effect{
			Op: "lock", Kind: effect.Change, Argv: []string{"true"}, Writes: effect.Nothing,
			Diff: &effect.Diff{Path: "lock of the host", Note: "take"},
		}},
		{"a dialogue", "interact", []any{list("passwd"), list(
			options("expect", "Password:", "send", effect.NewSecret("pw", "s3cret\n"), "repeat", true),
			options("expect", "sorry", "fail", "refused"),
		)}, effect.Effect{Op: "interact", Kind: effect.Change, Idle: 30 * time.Minute, Argv: []string{"passwd"}, Talk: &effect.Dialogue{Exchanges: []effect.Exchange{
			{Expect: "Password:", Send: "s3cret\n", Secret: true, Repeat: true},
			{Expect: "sorry", Fail: "refused"},
		}}}},
		{"a reboot", "reboot", []any{options("within", 60.0)}, effect.Effect{
			Op: "reboot", Kind: effect.Change, Risk: effect.Disruptive, Note: "the host reboots",
			Conn: &effect.ConnOp{Verb: effect.ConnReboot, Within: time.Minute},
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := &fakeHost{}
			if _, err := call(t, h, test.verb, test.args...); err != nil {
				t.Fatal(err)
			}
			if len(h.done) != 1 {
				t.Fatalf("%d effects", len(h.done))
			}
			if diff := cmp.Diff(test.want, h.done[0]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRefusedBeforeAnything(t *testing.T) {
	secret := effect.NewSecret("pw", "s3cret")
	tests := []struct {
		verb string
		args []any
		want string
	}{
		{"run", nil, "run: command: missing, expected a value"},
		{"run", []any{5.0}, "run: command: expected a list or a string, got the number 5"},
		{"run", []any{""}, "run: command: expected a script, got an empty string"},
		{"run", []any{" \n"}, "run: command: expected a script, got an empty string"},
		{"run", []any{list()}, "run: command: expected a command, got an empty list"},
		{"run", []any{list("")}, "run: command[1]: expected a command, got an empty string"},
		{"run", []any{list("a", true)}, "run: command[2]: expected a string, got the boolean true"},
		{"run", []any{list("a", list("b"))}, "run: command[2]: expected a string, got a list"},
		{"run", []any{list("a", "b\x00")}, "run: command[2]: an argument cannot hold a zero byte"},
		{"run", []any{list("mysql", "-p", secret)}, "run: command[3]: the secret pw would show in the list of processes"},
		{"run", []any{secret}, "run: command: the secret pw would show in the list of processes"},
		{"run", []any{"x", options("env", options("PASSWORD", secret))}, "run: env.PASSWORD: expected a string, got the secret pw"},
		{"run", []any{"x", options("env", options("A=B", "c"))}, `run: env: "A=B" is no name of a variable`},
		{"run", []any{"x", options("codes", list("0"))}, `run: codes[1]: expected a whole number, got the string "0"`},
		{"run", []any{"x", options("timeout", -1.0)}, "run: timeout: expected 0 seconds or more, got -1"},
		{"run", []any{&binding.Table{List: []any{"a"}, Named: map[string]any{"timeout": 5.0}}}, `run: command: expected a list or a table of names, got a table with both list items and the key "timeout"`},
		{"interact", []any{"x", list(options("send", "a"))}, "interact: dialogue[1].expect: missing, expected a string"},
		{"interact", []any{"x", list(options("expect", "a(", "send", "b"))}, "interact: dialogue[1].expect: error parsing regexp: missing closing ): `a(`"},
		{"interact", []any{"x", list(options("expect", "a"))}, "interact: dialogue[1]: expected send or fail"},
		{"interact", []any{"x", list(options("expect", "a", "sned", "b"))}, `interact: dialogue[1]: unknown field "sned" (did you mean "send"?)`},
		{"as", []any{"-x"}, `as: user: "-x" is no user's name`},
		{"as", []any{"a b"}, `as: user: "a b" is no user's name`},
		{"jail", []any{""}, `jail: name: "" is no jail's name`},
		{"job:tail", []any{"j", options("limit", 0.0)}, "job.tail: limit: expected 1 to 16777216 bytes, got 0"},
		{"job:tail", []any{"j", options("from", -1.0)}, "job.tail: from: expected 0 or more, got -1"},
	}
	for _, test := range tests {
		h := &fakeHost{}
		_, err := call(t, h, test.verb, test.args...)
		if err == nil || err.Error() != test.want || effect.KindOf(err) != effect.Invalid {
			t.Errorf("%s%v: got %v, want %s", test.verb, test.args, err, test.want)
		}
		if len(h.done) > 0 {
			t.Errorf("%s%v: the host was asked", test.verb, test.args)
		}
	}
}

func TestResultOfACommand(t *testing.T) {
	got, err := call(t, &fakeHost{}, "run", "x")
	want := Changed{Changed: true, Result: Result{Code: 3, Stdout: "out\n", Stderr: "err\n", Took: 2 * time.Second}}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	failure := errors.New("no connection")
	if _, err := call(t, &fakeHost{answer: func(effect.Effect) (effect.Result, error) { return effect.Result{}, failure }}, "read", "x"); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
}

func TestOutputTooLong(t *testing.T) {
	capture := effect.NewCapture(t.TempDir())
	chunk := []byte(strings.Repeat("x", 1<<20))
	for range 17 {
		if _, err := capture.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	out, err := capture.Output()
	if err != nil {
		t.Fatal(err)
	}
	h := &fakeHost{answer: func(effect.Effect) (effect.Result, error) { return effect.Result{Stdout: out}, nil }}
	_, err = call(t, h, "read", "x")
	if e := effect.AsError(err); e == nil || e.Hint != "with to= the output goes to a file of the host" {
		t.Errorf("got %+v", e)
	}
}

// source is a local file.
type source struct {
	text   string
	closed bool
}

func (s *source) Open() (io.ReadCloser, error) { return s, nil }
func (s *source) Size() int64                  { return int64(len(s.text)) }
func (s *source) SHA256() (string, error)      { return "", nil }
func (s *source) Path() string                 { return "/tmp/x" }
func (s *source) Close() error                 { s.closed = true; return nil }
func (s *source) Read(p []byte) (int, error) {
	if s.text == "" {
		return 0, io.EOF
	}
	n := copy(p, s.text)
	s.text = s.text[n:]
	return n, nil
}

func TestStdin(t *testing.T) {
	file := &source{text: "from a file"}
	tests := []struct {
		stdin any
		want  string
	}{
		{"text", "text"}, {effect.NewSecret("pw", "s3cret"), "s3cret"}, {file, "from a file"},
	}
	for _, test := range tests {
		got := ""
		h := &fakeHost{answer: func(e effect.Effect) (effect.Result, error) {
			b, err := io.ReadAll(e.Stdin)
			got = string(b)
			return effect.Result{}, err
		}}
		if _, err := call(t, h, "run", "x", options("stdin", test.stdin)); err != nil || got != test.want {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if !file.closed {
		t.Error("the local file stays open")
	}
	h := &fakeHost{}
	if _, err := call(t, h, "run", "x"); err != nil || h.done[0].Stdin != nil {
		t.Errorf("without stdin: %v, %v", h.done[0].Stdin, err)
	}
}

func TestWaitUntil(t *testing.T) {
	tries := 0
	h := &fakeHost{answer: func(e effect.Effect) (effect.Result, error) {
		tries++
		if !e.Wants(1) || e.Kind != effect.Read {
			t.Errorf("effect %+v", e)
		}
		if tries < 4 {
			return effect.Result{Code: 1, Stderr: effect.OutputOf([]byte("not yet"))}, nil
		}
		return effect.Result{Stdout: effect.OutputOf([]byte("there"))}, nil
	}}
	got, err := call(t, h, "wait_until", "probe")
	if err != nil || got.(Result).Stdout != "there" || tries != 4 {
		t.Errorf("got %+v, %v after %d tries", got, err, tries)
	}
	tries = -1000
	_, err = call(t, h, "wait_until", "probe", options("timeout", 30.0))
	if e := effect.AsError(err); e == nil || e.Kind != effect.Timeout || e.Op != "wait_until" || e.Err != "not yet" || e.Code != 1 {
		t.Errorf("got %+v", e)
	}
}

// job answers job operations from a script of states.
func job(states ...effect.JobState) *fakeHost {
	return &fakeHost{answer: func(e effect.Effect) (effect.Result, error) {
		state := states[0]
		if len(states) > 1 {
			states = states[1:]
		}
		log := []byte("first line\nsecond line\n")
		from := min(e.Job.Offset, int64(len(log)))
		return effect.Result{Job: &state, Data: log[from:]}, nil
	}}
}

func TestJob(t *testing.T) {
	started, ended := time.Unix(1000, 0), time.Unix(1090, 0)
	running := effect.JobState{ID: "j1", Key: "k", State: "running", Started: started, PID: 42, Command: "make", LogSize: 23}
	done := effect.JobState{ID: "j1", State: "exited", Code: 2, Started: started, Ended: ended, Command: "make", LogSize: 23}

	h := job(running)
	got, err := call(t, h, "job", list("make"), options("key", "k"))
	if err != nil {
		t.Fatal(err)
	}
	if j := got.(Job); j.Handle() != (binding.Handle{Kind: "job", ID: "j1"}) || !j.Changed || j.Attached || j.Key != "k" {
		t.Errorf("got %+v", j)
	}
	if e := h.done[0]; e.Job.Verb != effect.JobStart || e.Job.Key != "k" || e.Kind != effect.Change || e.Argv[0] != "make" {
		t.Errorf("effect %+v", e)
	}
	attached := running
	attached.Attached = true
	got, err = call(t, job(attached), "job", list("make"))
	if j := got.(Job); err != nil || j.Changed || !j.Attached {
		t.Errorf("got %+v, %v", j, err)
	}

	got, err = call(t, job(running), "job:status", "j1")
	want := State{State: "running", Running: true, PID: 42, Command: "make", Started: started, Size: 23}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	got, err = call(t, job(running), "job:tail", "j1", options("from", 11.0))
	if diff := cmp.Diff(Part{Text: "second line\n", From: 11, Next: 23, Running: true}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}

	got, err = call(t, job(running, running, done), "job:wait", "j1", options("codes", list(0.0, 2.0)))
	if diff := cmp.Diff(Ended{Code: 2, Tail: "first line\nsecond line\n", Size: 23, Took: 90 * time.Second}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	_, err = call(t, job(done), "job:wait", "j1")
	if e := effect.AsError(err); e == nil || e.Kind != effect.Failed || e.Code != 2 || e.Command != "make" || e.Out != "first line\nsecond line\n" {
		t.Errorf("got %+v", e)
	}
	_, err = call(t, job(running), "job:wait", "j1", options("timeout", 600.0))
	if e := effect.AsError(err); e == nil || e.Kind != effect.Timeout || !strings.Contains(e.Message, "the job j1 runs still after 10m") {
		t.Errorf("got %+v", e)
	}
	rebooted := done
	rebooted.State = "rebooted"
	if _, err = call(t, job(rebooted), "job:wait", "j1"); effect.KindOf(err) != effect.Failed {
		t.Errorf("got %v", err)
	}

	h = job(running, done)
	got, err = call(t, h, "job:stop", "j1", options("grace", 30.0))
	if diff := cmp.Diff(Stopped{Changed: true, State: "exited"}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	if stop := h.done[1]; stop.Job.Verb != effect.JobStop || stop.Job.Grace != 30*time.Second || stop.Kind != effect.Change {
		t.Errorf("effect %+v", stop)
	}
	h = job(done)
	got, err = call(t, h, "job:stop", "j1")
	if diff := cmp.Diff(Stopped{State: "exited"}, got); diff != "" || err != nil || len(h.done) != 1 {
		t.Errorf("an ended job: %v %s, %d effects", err, diff, len(h.done))
	}
}

func TestOtherHosts(t *testing.T) {
	h := &fakeHost{}
	for _, test := range []struct {
		verb, arg, name string
		want            effect.Effect
	}{
		{"as", "www", "", effect.Effect{Op: "x", As: "www"}},
		{"jail", "web", "/web", effect.Effect{Op: "x", In: "web"}},
	} {
		got, err := call(t, h, test.verb, test.arg)
		if err != nil {
			t.Fatal(err)
		}
		other := got.(binding.Host)
		if other.Name != test.name || other.Kind != test.verb || other.ID != test.arg {
			t.Errorf("got %+v", other)
		}
		h.done = nil
		if _, err := other.Doer.Do(t.Context(), effect.Effect{Op: "x"}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, h.done[0]); diff != "" {
			t.Error(diff)
		}
	}
}
