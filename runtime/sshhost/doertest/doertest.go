// Package doertest is one suite of tests for every bottom Doer: this machine, a
// real sshd, a simulated machine.
package doertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
)

// Suite says what is tested, and how far.
type Suite struct {
	Doer effect.Doer
	// Dir is a directory on the host that belongs to the test.
	Dir string
	// Context carries the host's clock; nil: the background.
	Context context.Context
	// Big is how much output the big output test asks for; 0: 1 MiB.
	Big int
	// Quick leaves out what takes seconds.
	Quick bool
	// Virtual says that the host's time jumps: a sleep is over at once, so what
	// must be ended is busy instead.
	Virtual bool
}

// Run runs all of it.
func Run(t *testing.T, s Suite) {
	if s.Context == nil {
		s.Context = context.Background()
	}
	if s.Big == 0 {
		s.Big = 1 << 20
	}
	for _, test := range []struct {
		name string
		run  func(*testing.T, Suite)
	}{
		{"Commands", commands},
		{"Failures", failures},
		{"Surroundings", surroundings},
		{"Hostile", hostile},
		{"Binary", binary},
		{"BigOutput", bigOutput},
		{"Live", live},
		{"Stdin", stdin},
		{"Sink", sink},
		{"Parallel", parallel},
		{"Ending", ending},
		{"Put", put},
		{"PutMeta", putMeta},
		{"PutLarge", putLarge},
		{"Get", get},
		{"Stat", stat},
		{"List", list},
		{"Change", change},
		{"Jobs", jobs},
		{"Batch", batch},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, s) })
	}
}

func (s Suite) do(t *testing.T, e effect.Effect) effect.Result {
	t.Helper()
	r, err := s.Doer.Do(s.Context, e)
	if err != nil {
		t.Fatalf("%s: %v\nstdout: %s\nstderr: %s", describe(e), err, r.Stdout.Tail(500), effect.AsError(err).Err)
	}
	return r
}

func (s Suite) fails(t *testing.T, kind effect.ErrKind, e effect.Effect) effect.Error {
	t.Helper()
	_, err := s.Doer.Do(s.Context, e)
	if err == nil {
		t.Fatalf("%s: no error", describe(e))
	}
	failure := effect.AsError(err)
	if failure.Kind != kind {
		t.Fatalf("%s: kind %s, want %s (%v)", describe(e), failure.Kind, kind, err)
	}
	return *failure
}

func describe(e effect.Effect) string {
	switch {
	case e.File != nil:
		return fmt.Sprintf("%s %s", e.File.Verb, e.File.Path)
	case e.Job != nil:
		return fmt.Sprintf("job %s", e.Job.Verb)
	default:
		return strings.Join(e.Argv, " ") + e.Shell
	}
}

func (s Suite) text(t *testing.T, e effect.Effect) string {
	t.Helper()
	text, err := s.do(t, e).Text()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func sh(script string) effect.Effect { return effect.Effect{Op: "test.sh", Shell: script} }

func argv(words ...string) effect.Effect { return effect.Effect{Op: "test.argv", Argv: words} }

func same(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func commands(t *testing.T, s Suite) {
	same(t, "argv", s.text(t, argv("printf", "%s\n", "a b", "it's", "$HOME", "*")), "a b\nit's\n$HOME\n*\n")
	same(t, "script", s.text(t, sh("x=1\nfor i in 1 2; do echo $((x+i)); done")), "2\n3\n")
	same(t, "no newline at the end", s.text(t, sh("printf abc")), "abc")
	same(t, "nothing", s.text(t, sh(":")), "")
	r := s.do(t, sh("echo out; echo err >&2"))
	same(t, "stdout", string(r.Stdout.Tail(100)), "out\n")
	same(t, "stderr", string(r.Stderr.Tail(100)), "err\n")
	r = s.do(t, effect.Effect{Op: "t", Shell: "exit 3", Want: []int{0, 3}})
	if r.Code != 3 {
		t.Errorf("code %d, want 3", r.Code)
	}
	same(t, "stdin is empty", s.text(t, sh("cat; echo end")), "end\n")
	// What one command sets must not reach the next.
	s.do(t, sh("cd /; x=left; exec >/dev/null; umask 0; set -e"))
	same(t, "nothing is left behind", s.text(t, sh("echo ${x:-clean}")), "clean\n")
}

func failures(t *testing.T, s Suite) {
	e := s.fails(t, effect.Failed, effect.Effect{Op: "tool.do", Shell: "echo one; echo two >&2; exit 7"})
	if e.Code != 7 || e.Op != "tool.do" {
		t.Errorf("code %d of %s", e.Code, e.Op)
	}
	same(t, "stdout of the error", e.Out, "one\n")
	same(t, "stderr of the error", e.Err, "two\n")
	if e := s.fails(t, effect.Missing, argv("no-such-program-anywhere")); e.Code != 127 {
		t.Errorf("code %d, want 127", e.Code)
	}
	s.fails(t, effect.Invalid, argv("echo", "a\x00b"))
	s.fails(t, effect.Invalid, effect.Effect{Op: "t"})
	s.fails(t, effect.Invalid, effect.Effect{Op: "t", Argv: []string{"true"}, Env: []string{"not a name=1"}})
}

func surroundings(t *testing.T, s Suite) {
	same(t, "directory", strings.TrimSpace(s.text(t, effect.Effect{Op: "t", Argv: []string{"pwd"}, Dir: "/usr"})), "/usr")
	same(t, "environment", s.text(t, effect.Effect{Op: "t", Shell: `printf '%s|' "$A" "$B"`, Env: []string{"A=it's $A", "B=two\nlines"}}), "it's $A|two\nlines|")
	same(t, "environment of argv", s.text(t, effect.Effect{Op: "t", Argv: []string{"sh", "-c", `printf %s "$A"`}, Env: []string{"A=x y"}}), "x y")
	if _, err := s.Doer.Do(s.Context, effect.Effect{Op: "t", Argv: []string{"pwd"}, Dir: "/no/such/dir"}); err == nil {
		t.Error("a missing directory is no error")
	}
}

// hostile scripts must not derail the shell: the next command still works.
func hostile(t *testing.T, s Suite) {
	for _, script := range []string{
		"if", "echo 'unterminated", "echo \"unterminated", "(", ")", "}", "fi", "done", ";;", "cat <<EOF\nnever ended",
		"exit 5", "exec false", "echo $(", "`", "#", "\\",
		"return 1", "set -e; false", "break", "unset PATH; true",
	} {
		_, _ = s.Doer.Do(s.Context, sh(script))
		same(t, "after "+script, s.text(t, sh("echo fine")), "fine\n")
	}
	s.fails(t, effect.Failed, sh("if"))
}

func binary(t *testing.T, s Suite) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	var script strings.Builder
	for _, b := range all {
		fmt.Fprintf(&script, "\\%03o", b)
	}
	got, err := s.do(t, sh("printf '"+script.String()+"'; printf '"+script.String()+"' >&2")).Output()
	if err != nil || !bytes.Equal(got, all) {
		t.Errorf("got %q (%v)", got, err)
	}
	// Every byte but NUL as an argument.
	got, err = s.do(t, argv("printf", "%s", string(all[1:]))).Output()
	if err != nil || !bytes.Equal(got, all[1:]) {
		t.Errorf("as an argument: got %q (%v)", got, err)
	}
}

func bigOutput(t *testing.T, s Suite) {
	e := argv("dd", "if=/dev/zero", "bs=1024", fmt.Sprintf("count=%d", s.Big/1024))
	r := s.do(t, e)
	if r.Stdout.Size() != int64(s.Big) {
		t.Errorf("%d bytes, want %d", r.Stdout.Size(), s.Big)
	}
	same(t, "next command", s.text(t, sh("echo next")), "next\n")
}

func live(t *testing.T, s Suite) {
	var buf safeBuffer
	r := s.do(t, effect.Effect{Op: "t", Shell: "echo one; echo two >&2", Out: &buf})
	if got := buf.String(); !strings.Contains(got, "one\n") || !strings.Contains(got, "two\n") {
		t.Errorf("live output %q", got)
	}
	same(t, "kept as well", string(r.Stdout.Tail(100)), "one\n")
}

type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func stdin(t *testing.T, s Suite) {
	e := argv("cat")
	e.Stdin = strings.NewReader("small \x00 input")
	same(t, "small input", s.text(t, e), "small \x00 input")
	large := randomBytes(300 << 10)
	e.Stdin = bytes.NewReader(large)
	got, err := s.do(t, e).Output()
	if err != nil || !bytes.Equal(got, large) {
		t.Errorf("large input: %d bytes back, want %d (%v)", len(got), len(large), err)
	}
	e = effect.Effect{Op: "t", Shell: "read x; echo $x; exit 4", Stdin: io.MultiReader(strings.NewReader("first\n"), bytes.NewReader(large)), Want: []int{4}}
	if r := s.do(t, e); r.Code != 4 || string(r.Stdout.Tail(100)) != "first\n" {
		t.Errorf("code %d, %q", r.Code, r.Stdout.Tail(100))
	}
	e = effect.Effect{Op: "t", Shell: strings.Repeat("# it's a long script\n", 10000) + "wc -c", Stdin: bytes.NewReader(large)}
	same(t, "a long script with input", strings.TrimSpace(s.text(t, e)), "307200")
	e = effect.Effect{Op: "t", Shell: strings.Repeat(": 'a long script'\n", 10000) + "echo end"}
	same(t, "a long script", s.text(t, e), "end\n")
	e = effect.Effect{Op: "t", Shell: "cat >/dev/null; exit 9", Stdin: strings.NewReader("x")}
	if failure := s.fails(t, effect.Failed, e); failure.Code != 9 {
		t.Errorf("code %d, want 9", failure.Code)
	}
}

func sink(t *testing.T, s Suite) {
	large := randomBytes(300 << 10)
	e := effect.Effect{Op: "t", Shell: "echo aside >&2; cat", Stdin: bytes.NewReader(large)}
	var got bytes.Buffer
	e.Sink = &got
	r := s.do(t, e)
	if !bytes.Equal(got.Bytes(), large) || r.Stdout.Size() != 0 || string(r.Stderr.Tail(100)) != "aside\n" {
		t.Errorf("%d bytes into the sink, want %d; %d bytes kept; stderr %q", got.Len(), len(large), r.Stdout.Size(), r.Stderr.Tail(100))
	}
	e = effect.Effect{Op: "t", Shell: "echo some; echo why >&2; exit 3", Sink: io.Discard}
	if failure := s.fails(t, effect.Failed, e); failure.Code != 3 || failure.Err != "why\n" {
		t.Errorf("code %d, %q; want 3, why", failure.Code, failure.Err)
	}
	// A sink that fails ends what would write for ever.
	w := brokenWriter{errors.New("the far end is full")}
	r, err := s.Doer.Do(s.Context, effect.Effect{Op: "t", Shell: "while :; do echo more; done", Sink: w})
	if !errors.Is(err, w.err) {
		t.Errorf("a sink that fails: %v, %v", r, err)
	}
	s.pipe(t)
}

// pipe feeds one command with what another one of the same host prints.
func (s Suite) pipe(t *testing.T) {
	large := randomBytes(300 << 10)
	from, to := io.Pipe()
	go func() {
		_, err := s.Doer.Do(s.Context, effect.Effect{Op: "t", Shell: "cat", Stdin: bytes.NewReader(large), Sink: to})
		_ = to.CloseWithError(err)
	}()
	got, err := s.do(t, effect.Effect{Op: "t", Shell: "cat", Stdin: from}).Output()
	if err != nil || !bytes.Equal(got, large) {
		t.Errorf("through a pipe: %d bytes, want %d (%v)", len(got), len(large), err)
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

func randomBytes(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range b {
		b[i] = byte(r.UintN(256))
	}
	return b
}

func parallel(t *testing.T, s Suite) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			r, err := s.Doer.Do(s.Context, sh(fmt.Sprintf("echo %d", i)))
			if text, _ := r.Text(); err != nil || text != fmt.Sprintf("%d\n", i) {
				t.Errorf("command %d: %q (%v)", i, text, err)
			}
		}()
	}
	wg.Wait()
}

// ending tests that what runs out of time, or is cancelled, ends on the host
// with all its children, and that the next command works.
func ending(t *testing.T, s Suite) {
	// A length that no other test's sleep has.
	nap := fmt.Sprintf("sleep %d", 100000+rand.IntN(900000))
	tree := "(" + nap + "; :) & " + nap + "; :"
	if s.Virtual {
		tree = "(while :; do :; done) & while :; do :; done"
	}
	e := s.fails(t, effect.Timeout, effect.Effect{Op: "t", Shell: tree, Timeout: 500 * time.Millisecond})
	if strings.Contains(e.Hint, "still run") {
		t.Errorf("hint %q: the processes should have been ended", e.Hint)
	}
	same(t, "after a timeout", s.text(t, sh("echo next")), "next\n")

	ctx, cancel := context.WithCancel(s.Context)
	go func() { time.Sleep(300 * time.Millisecond); cancel() }()
	_, err := s.Doer.Do(ctx, sh(tree))
	if effect.KindOf(err) != effect.Cancelled {
		t.Errorf("cancelled: %v", err)
	}
	same(t, "after cancelling", s.text(t, sh("echo next")), "next\n")

	// A killed process takes a moment to go.
	count := "for i in 1 2 3 4 5 6 7 8 9 10; do n=$(ps -axo args | grep -c '^" + nap + "'); [ $n = 0 ] && break; sleep $i; done; echo $n"
	same(t, "processes left", s.text(t, sh(count)), "0\n")
	if s.Quick {
		return
	}
	stubborn := "trap '' TERM; echo begin; while :; do sleep 1; done"
	if s.Virtual {
		stubborn = "trap '' TERM; echo begin; while :; do :; done"
	}
	s.fails(t, effect.Timeout, effect.Effect{Op: "t", Shell: stubborn, Idle: 400 * time.Millisecond})
	same(t, "after one that ignores TERM", s.text(t, sh("echo next")), "next\n")
}

func put(t *testing.T, s Suite) {
	file := s.Dir + "/put"
	for _, content := range []string{"", "text\n", "-dash %s \\ 'quoted'", "no newline", string(randomBytes(5000)), "--\n"} {
		e := effect.Effect{Op: "file.put", Kind: effect.Change, File: &effect.FileOp{Verb: effect.FilePut, Path: file, Data: []byte(content)}}
		if r := s.do(t, e); r.Unchanged {
			t.Errorf("%.20q: unchanged at first", content)
		}
		if r := s.do(t, e); !r.Unchanged {
			t.Errorf("%.20q: changed a second time", content)
		}
		got := s.do(t, effect.Effect{Op: "file.get", File: &effect.FileOp{Verb: effect.FileGet, Path: file}})
		same(t, "content", string(got.Data), content)
	}
	if rest := strings.TrimSpace(s.text(t, effect.Effect{Op: "t", Argv: []string{"ls", "-A", s.Dir}})); strings.Contains(rest, ".bsdrun") {
		t.Errorf("temporary files are left: %s", rest)
	}
	s.fails(t, effect.Missing, effect.Effect{Op: "file.put", Kind: effect.Change, File: &effect.FileOp{Verb: effect.FilePut, Path: s.Dir + "/no/such/dir/file", Data: []byte("x")}})
	s.fails(t, effect.Failed, effect.Effect{Op: "file.put", Kind: effect.Change, File: &effect.FileOp{Verb: effect.FilePut, Path: s.Dir, Data: []byte("x")}})
	s.fails(t, effect.Invalid, effect.Effect{Op: "file.put", Kind: effect.Change, File: &effect.FileOp{Verb: effect.FilePut, Path: "relative", Data: []byte("x")}})
}

func mode(m fs.FileMode) *fs.FileMode { return &m }

func (s Suite) lstat(t *testing.T, file string) *effect.FileInfo {
	t.Helper()
	return s.do(t, effect.Effect{Op: "file.stat", File: &effect.FileOp{Verb: effect.FileLstat, Path: file}}).Info
}

func putMeta(t *testing.T, s Suite) {
	file := s.Dir + "/meta"
	op := effect.FileOp{Verb: effect.FilePut, Path: file, Data: []byte("one")}
	e := effect.Effect{Op: "file.put", Kind: effect.Change, File: &op}
	s.do(t, e)
	if got := s.lstat(t, file).Mode; got != 0o644 {
		t.Errorf("a new file has mode %o, want 644", got)
	}
	op.Mode = mode(0o4750)
	if r := s.do(t, e); r.Unchanged {
		t.Error("another mode is unchanged")
	}
	if r := s.do(t, e); !r.Unchanged {
		t.Error("the same mode is a change")
	}
	if got := s.lstat(t, file).Mode; got != 0o4750 {
		t.Errorf("mode %o, want 4750", got)
	}
	op.Mode, op.Data = nil, []byte("two")
	s.do(t, e)
	if got := s.lstat(t, file).Mode; got != 0o4750 {
		t.Errorf("new content changed the mode to %o", got)
	}
	op.Data, op.Backup = []byte("three"), file+".bak"
	op.Validate = []string{"grep", "-q", "four", "%s"}
	failure := s.fails(t, effect.Failed, e)
	if !strings.Contains(failure.Message, "refused") {
		t.Errorf("message %q", failure.Message)
	}
	get := func(file string) string {
		return string(s.do(t, effect.Effect{Op: "file.get", File: &effect.FileOp{Verb: effect.FileGet, Path: file}}).Data)
	}
	same(t, "refused content", get(file), "two")
	op.Data = []byte("four")
	s.do(t, e)
	same(t, "accepted content", get(file), "four")
	same(t, "backup", get(file+".bak"), "two")
	// Through a symbolic link: the link stays.
	link := s.Dir + "/metalink"
	s.do(t, effect.Effect{Op: "file.link", Kind: effect.Change, File: &effect.FileOp{Verb: effect.FileLink, Path: link, To: file, Symbolic: true}})
	s.do(t, effect.Effect{Op: "file.put", Kind: effect.Change, File: &effect.FileOp{Verb: effect.FilePut, Path: link, Data: []byte("by link")}})
	if info := s.lstat(t, link); info.Type != "link" || info.Target != file {
		t.Errorf("the link became %+v", info)
	}
	same(t, "content by link", get(file), "by link")
}

func putLarge(t *testing.T, s Suite) {
	content := randomBytes(700 << 10)
	file := s.Dir + "/large"
	op := effect.FileOp{Verb: effect.FilePut, Path: file, Data: content, Mode: mode(0o600)}
	e := effect.Effect{Op: "file.put", Kind: effect.Change, File: &op}
	if r := s.do(t, e); r.Unchanged {
		t.Error("unchanged at first")
	}
	if r := s.do(t, e); !r.Unchanged {
		t.Error("changed a second time")
	}
	got := s.do(t, effect.Effect{Op: "file.get", File: &effect.FileOp{Verb: effect.FileGet, Path: file}})
	if !bytes.Equal(got.Data, content) {
		t.Errorf("%d bytes back, want %d", len(got.Data), len(content))
	}
	if got := s.lstat(t, file).Mode; got != 0o600 {
		t.Errorf("mode %o, want 600", got)
	}
	op.Data, op.Validate = append(content[:len(content):len(content)], 'x'), []string{"false"}
	s.fails(t, effect.Failed, e)
	if rest := s.text(t, effect.Effect{Op: "t", Argv: []string{"ls", "-A", s.Dir}}); strings.Contains(rest, ".bsdrun") {
		t.Errorf("temporary files are left: %s", rest)
	}
}

func get(t *testing.T, s Suite) {
	file := s.Dir + "/get"
	s.do(t, effect.Effect{Op: "file.put", Kind: effect.Change, File: &effect.FileOp{Verb: effect.FilePut, Path: file, Data: []byte("0123456789")}})
	get := func(op effect.FileOp) effect.Effect {
		op.Verb, op.Path = effect.FileGet, file
		return effect.Effect{Op: "file.get", File: &op}
	}
	same(t, "range", string(s.do(t, get(effect.FileOp{Offset: 3, Length: 4})).Data), "3456")
	same(t, "to the end", string(s.do(t, get(effect.FileOp{Offset: 8})).Data), "89")
	same(t, "beyond the end", string(s.do(t, get(effect.FileOp{Offset: 20, Length: 4})).Data), "")
	same(t, "exactly the limit", string(s.do(t, get(effect.FileOp{Limit: 10})).Data), "0123456789")
	s.fails(t, effect.Failed, get(effect.FileOp{Limit: 9}))
	var out bytes.Buffer
	e := get(effect.FileOp{Limit: 4})
	e.Out = &out
	s.do(t, e)
	same(t, "beyond the limit", out.String(), "0123456789")
	e = get(effect.FileOp{})
	e.File.Path = s.Dir + "/missing"
	s.fails(t, effect.Missing, e)
	e.File = &effect.FileOp{Verb: effect.FileGet, Path: file}
	sum := s.do(t, effect.Effect{Op: "file.hash", File: &effect.FileOp{Verb: effect.FileHash, Path: file}})
	same(t, "hash", string(sum.Data), "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882")
}

// batch: several Reads at once come to what each comes to by itself, whatever the
// others do.
func batch(t *testing.T, s Suite) {
	binary := string(randomBytes(5000)) + "\x00\n"
	file, link := s.Dir+"/batch", s.Dir+"/batchlink"
	s.do(t, effect.Effect{Op: "t", Kind: effect.Change, File: &effect.FileOp{Verb: effect.FilePut, Path: file, Data: []byte(binary)}})
	s.do(t, effect.Effect{Op: "t", Kind: effect.Change, File: &effect.FileOp{Verb: effect.FileLink, Path: link, To: "batch", Symbolic: true}})
	read := func(verb effect.FileVerb, path string) effect.Effect {
		return effect.Effect{Op: "t", File: &effect.FileOp{Verb: verb, Path: path}}
	}
	short := read(effect.FileGet, file)
	short.File.Limit = 100
	r := s.do(t, effect.Effect{Op: "t", Batch: []effect.Effect{
		argv("printf", "%s\n", "it's"), sh("echo out; echo err >&2; exit 3"), sh("echo ("), sh("cd /; cat; exit"),
		read(effect.FileGet, file), read(effect.FileGet, s.Dir+"/missing"), read(effect.FileGet, s.Dir), read(effect.FileGet, "/dev/null"), short,
		read(effect.FileLstat, link), read(effect.FileStat, link), read(effect.FileStat, s.Dir+"/missing"), read(effect.FileReadlink, link),
		read(effect.FileList, s.Dir), read(effect.FileHash, file),
		{Op: "t", Job: &effect.JobOp{Verb: effect.JobStatus, Key: "no such job"}}, {Op: "t", Job: &effect.JobOp{Verb: effect.JobList}}, sh("echo last"),
	}}).Batch
	kinds := map[int]effect.ErrKind{1: effect.Failed, 2: effect.Failed, 5: effect.Missing, 6: effect.Failed, 7: effect.Failed, 8: effect.Failed}
	for i, o := range r {
		if want := kinds[i]; want == "" && o.Err != nil || want != "" && (o.Err == nil || effect.KindOf(o.Err) != want) {
			t.Errorf("part %d: %v, want %q", i, o.Err, want)
		}
	}
	if t.Failed() {
		return
	}
	same(t, "argv", string(r[0].Result.Stdout.Tail(100)), "it's\n")
	failed := effect.AsError(r[1].Err)
	same(t, "streams of a failure", failed.Out+failed.Err, "out\nerr\n")
	same(t, "nothing to read", string(r[3].Result.Stdout.Tail(100)), "")
	same(t, "content", string(r[4].Result.Data), binary)
	same(t, "link", r[9].Result.Info.Type+" "+r[10].Result.Info.Type, "link file")
	if r[11].Result.Info != nil || len(r[13].Result.List) < 2 || len(r[14].Result.Data) != 64 || r[15].Result.Job.State != "absent" {
		t.Errorf("missing %+v, list %v, hash %s, job %+v", r[11].Result.Info, r[13].Result.List, r[14].Result.Data, r[15].Result.Job)
	}
	same(t, "target", string(r[12].Result.Data), "batch")
	same(t, "the last", string(r[17].Result.Stdout.Tail(100)), "last\n")

	s.fails(t, effect.Invalid, effect.Effect{Op: "t", Batch: []effect.Effect{{Op: "t", Kind: effect.Change, Shell: "rm " + file}}})
	if s.lstat(t, file) == nil {
		t.Error("a change was made as a part of a batch")
	}
	endless := sh("while :; do :; done")
	s.fails(t, effect.Timeout, effect.Effect{Op: "t", Batch: []effect.Effect{endless, sh("echo"), endless}, Timeout: 500 * time.Millisecond})
	same(t, "after a timeout", s.text(t, sh("echo next")), "next\n")
}

func stat(t *testing.T, s Suite) {
	file := s.Dir + "/stat me"
	s.do(t, effect.Effect{Op: "file.put", Kind: effect.Change, File: &effect.FileOp{Verb: effect.FilePut, Path: file, Data: []byte("12345"), Mode: mode(0o640)}})
	info := s.lstat(t, file)
	if info == nil || info.Type != "file" || info.Size != 5 || info.Mode != 0o640 || info.Name != "stat me" || info.Path != file || info.Owner == "" || info.Links != 1 || info.Inode == 0 {
		t.Fatalf("stat: %+v", info)
	}
	if age := clock.Now(s.Context).Sub(info.MTime); age < -time.Hour || age > time.Hour {
		t.Errorf("modified at %s", info.MTime)
	}
	if info := s.lstat(t, s.Dir); !info.IsDir() {
		t.Errorf("directory: %+v", info)
	}
	if info := s.lstat(t, s.Dir+"/missing"); info != nil {
		t.Errorf("missing: %+v", info)
	}
	if info := s.lstat(t, file+"/below"); info != nil {
		t.Errorf("below a file: %+v", info)
	}
	link := s.Dir + "/statlink"
	s.do(t, effect.Effect{Op: "t", Kind: effect.Change, File: &effect.FileOp{Verb: effect.FileLink, Path: link, To: "stat me", Symbolic: true}})
	if info := s.lstat(t, link); info.Type != "link" || info.Target != "stat me" {
		t.Errorf("link: %+v", info)
	}
	follow := effect.Effect{Op: "t", File: &effect.FileOp{Verb: effect.FileStat, Path: link}}
	if info := s.do(t, follow).Info; info == nil || info.Type != "file" || info.Size != 5 {
		t.Errorf("through a link: %+v", info)
	}
	same(t, "readlink", string(s.do(t, effect.Effect{Op: "t", File: &effect.FileOp{Verb: effect.FileReadlink, Path: link}}).Data), "stat me")
	s.do(t, effect.Effect{Op: "t", Kind: effect.Change, File: &effect.FileOp{Verb: effect.FileLink, Path: link, To: "nowhere", Symbolic: true}})
	if info := s.do(t, follow).Info; info != nil {
		t.Errorf("through a dangling link: %+v", info)
	}
}

func list(t *testing.T, s Suite) {
	dir := s.Dir + "/list"
	s.do(t, effect.Effect{Op: "t", Kind: effect.Change, File: &effect.FileOp{Verb: effect.FileMkdir, Path: dir}})
	empty := effect.Effect{Op: "t", File: &effect.FileOp{Verb: effect.FileList, Path: dir}}
	if r := s.do(t, empty); len(r.List) != 0 || r.List == nil {
		t.Errorf("empty: %+v", r.List)
	}
	names := []string{" blank", ".hidden", "a/", "b c", "new\nline", "ü"}
	for _, name := range names {
		op := effect.FileOp{Verb: effect.FilePut, Path: path.Join(dir, name), Data: []byte(name)}
		if strings.HasSuffix(name, "/") {
			op.Verb = effect.FileMkdir
		}
		s.do(t, effect.Effect{Op: "t", Kind: effect.Change, File: &op})
	}
	r := s.do(t, empty)
	var got []string
	for _, info := range r.List {
		name := info.Name
		if info.IsDir() {
			name += "/"
		}
		got = append(got, name)
		if info.Path != path.Join(dir, info.Name) {
			t.Errorf("path %q of %q", info.Path, info.Name)
		}
	}
	same(t, "names", strings.Join(got, "|"), strings.Join(names, "|"))
	s.fails(t, effect.Missing, effect.Effect{Op: "t", File: &effect.FileOp{Verb: effect.FileList, Path: dir + "/missing"}})
}

func change(t *testing.T, s Suite) {
	base := s.Dir + "/change"
	do := func(op effect.FileOp) effect.Result {
		t.Helper()
		return s.do(t, effect.Effect{Op: "t", Kind: effect.Change, File: &op})
	}
	twice := func(what string, op effect.FileOp) {
		t.Helper()
		if r := do(op); r.Unchanged {
			t.Errorf("%s: unchanged at first", what)
		}
		if r := do(op); !r.Unchanged {
			t.Errorf("%s: changed a second time", what)
		}
	}
	s.fails(t, effect.Missing, effect.Effect{Op: "t", Kind: effect.Change, File: &effect.FileOp{Verb: effect.FileMkdir, Path: base + "/deep/er"}})
	twice("mkdir -p", effect.FileOp{Verb: effect.FileMkdir, Path: base + "/deep/er", Parents: true})
	twice("mkdir with a mode", effect.FileOp{Verb: effect.FileMkdir, Path: base + "/private", Mode: mode(0o700)})
	twice("chmod", effect.FileOp{Verb: effect.FileChmod, Path: base + "/private", Mode: mode(0o711)})
	do(effect.FileOp{Verb: effect.FilePut, Path: base + "/a", Data: []byte("a")})
	twice("hard link", effect.FileOp{Verb: effect.FileLink, Path: base + "/b", To: base + "/a"})
	twice("symbolic link", effect.FileOp{Verb: effect.FileLink, Path: base + "/c", To: "a", Symbolic: true})
	twice("another target", effect.FileOp{Verb: effect.FileLink, Path: base + "/c", To: "deep", Symbolic: true})
	do(effect.FileOp{Verb: effect.FileRename, Path: base + "/a", To: base + "/moved"})
	if s.lstat(t, base+"/a") != nil || s.lstat(t, base+"/moved") == nil {
		t.Error("rename moved nothing")
	}
	s.fails(t, effect.Missing, effect.Effect{Op: "t", Kind: effect.Change, File: &effect.FileOp{Verb: effect.FileRename, Path: base + "/a", To: base + "/x"}})
	s.fails(t, effect.Failed, effect.Effect{Op: "t", Kind: effect.Change, File: &effect.FileOp{Verb: effect.FileRemove, Path: base}})
	twice("remove", effect.FileOp{Verb: effect.FileRemove, Path: base + "/moved"})
	twice("remove a link, not its target", effect.FileOp{Verb: effect.FileRemove, Path: base + "/c", Recursive: true})
	if s.lstat(t, base+"/deep") == nil {
		t.Error("the link's target is gone")
	}
	twice("remove a tree", effect.FileOp{Verb: effect.FileRemove, Path: base, Recursive: true})
	s.fails(t, effect.Invalid, effect.Effect{Op: "t", Kind: effect.Change, File: &effect.FileOp{Verb: effect.FileRemove, Path: "/", Recursive: true}})
}

func jobs(t *testing.T, s Suite) {
	start := effect.Effect{Op: "t", Kind: effect.Change, Shell: "echo begun; while ! [ -e " + s.Dir + "/go ]; do sleep 0.1; done; echo err >&2; exit 3", Job: &effect.JobOp{Verb: effect.JobStart, Key: "a key/with ü"}}
	job := s.do(t, start).Job
	if !job.Running() || job.Attached || job.Key != "a key/with ü" || job.PID == 0 {
		t.Fatalf("started: %+v", job)
	}
	if again := s.do(t, start).Job; !again.Attached || again.PID != job.PID {
		t.Errorf("started again: %+v", again)
	}
	s.do(t, effect.Effect{Op: "t", Kind: effect.Change, File: &effect.FileOp{Verb: effect.FilePut, Path: s.Dir + "/go"}})
	status := s.await(t, job.ID)
	if status.State != "exited" || status.Code != 3 || status.Ended.IsZero() {
		t.Errorf("ended: %+v", status)
	}
	log := s.do(t, effect.Effect{Op: "t", Job: &effect.JobOp{Verb: effect.JobLog, ID: job.ID}})
	same(t, "log", string(log.Data), "begun\nerr\n")
	log = s.do(t, effect.Effect{Op: "t", Job: &effect.JobOp{Verb: effect.JobLog, ID: job.ID, Offset: 6, Limit: 2}})
	same(t, "part of the log", string(log.Data), "er")
	found := false
	for _, other := range s.do(t, effect.Effect{Op: "t", Job: &effect.JobOp{Verb: effect.JobList}}).Jobs {
		found = found || other.ID == job.ID && other.State == "exited"
	}
	if !found {
		t.Error("the job is not in the list")
	}
	s.do(t, effect.Effect{Op: "t", Kind: effect.Change, Job: &effect.JobOp{Verb: effect.JobRemove, ID: job.ID}})
	if state := s.do(t, effect.Effect{Op: "t", Job: &effect.JobOp{Verb: effect.JobStatus, ID: job.ID}}).Job; state.State != "absent" {
		t.Errorf("removed: %+v", state)
	}
	if s.Virtual {
		return
	}
	start.Shell, start.Job.Key = "sleep 3600 & sleep 3600", "to be stopped"
	job = s.do(t, start).Job
	stopped := s.do(t, effect.Effect{Op: "t", Kind: effect.Change, Job: &effect.JobOp{Verb: effect.JobStop, ID: job.ID, Grace: time.Minute}}).Job
	if stopped.State != "exited" || stopped.Code == 0 {
		t.Errorf("stopped: %+v", stopped)
	}
	s.do(t, effect.Effect{Op: "t", Kind: effect.Change, Job: &effect.JobOp{Verb: effect.JobRemove, ID: job.ID}})
}

// await waits for a job to end.
func (s Suite) await(t *testing.T, id string) *effect.JobState {
	t.Helper()
	for range 3000 {
		state := s.do(t, effect.Effect{Op: "t", Job: &effect.JobOp{Verb: effect.JobStatus, ID: id}}).Job
		if !state.Running() {
			return state
		}
		if err := clock.Sleep(s.Context, 100*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal(errors.New("the job does not end"))
	return nil
}
