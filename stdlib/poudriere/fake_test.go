package poudriere

import (
	"context"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
)

// fake is a host of a few files, scripted commands and one job at a time. Its
// clock jumps, and every look at a job is a second of its life.
type fake struct {
	t        *testing.T
	ctx      context.Context
	now      time.Time
	files    map[string]string
	commands map[string]func(args []string) (out string, code int) // by the first two words
	changes  []effect.Effect
	seen     []string // commands in the order of their run

	job *fakeJob
	ids int
}

// fakeJob is a job's life: what it prints, and what it does at each second.
type fakeJob struct {
	state effect.JobState
	log   string
	steps []func(f *fake)
}

func newFake(t *testing.T) *fake {
	f := &fake{t: t, now: time.Unix(1769860800, 0), files: map[string]string{}, commands: map[string]func([]string) (string, int){}}
	f.ctx = clock.With(t.Context(), f)
	f.files[confPath] = "BASEFS=/usr/local/poudriere\nNO_ZFS=yes\n"
	f.register(jailsDir, "143amd64", map[string]string{"version": "14.3-RELEASE", "arch": "amd64", "method": "http", "mnt": "/usr/local/poudriere/jails/143amd64"})
	f.register(portsDir, "default", map[string]string{"method": "null", "mnt": "/usr/local/poudriere/ports/default"})
	return f
}

func (f *fake) register(dir, name string, values map[string]string) {
	for key, value := range values {
		f.files[path.Join(dir, name, key)] = value + "\n"
	}
}

func (f *fake) Now() time.Time { return f.now }

func (f *fake) Sleep(ctx context.Context, d time.Duration) error {
	f.now = f.now.Add(d)
	return ctx.Err()
}

func (f *fake) Do(ctx context.Context, e effect.Effect) (effect.Result, error) {
	if e.Batch != nil {
		return e.Each(ctx, f), nil
	}
	if e.Kind == effect.Change {
		f.changes = append(f.changes, e)
	}
	switch {
	case e.Job != nil:
		return f.doJob(e)
	case e.File != nil:
		return f.doFile(e)
	}
	if e.Conn != nil || len(e.Argv) == 0 {
		f.t.Fatalf("the fake cannot do %+v", e)
	}
	if len(e.Argv) > 4 && e.Argv[2] == listState {
		return text(f.listing(e.Argv[4], e.Argv[5])), nil
	}
	line := strings.Join(e.Argv, " ")
	f.seen = append(f.seen, line)
	for start, run := range f.commands {
		if !strings.HasPrefix(line, start) {
			continue
		}
		out, code := run(e.Argv)
		if !e.Wants(code) {
			return effect.Result{}, &effect.Error{Op: e.Op, Kind: effect.Failed, Code: code, Command: line, Err: out}
		}
		res := text(out)
		res.Code = code
		return res, nil
	}
	if e.Argv[0] == "sh" && e.Argv[2] == tailLogs {
		var out strings.Builder
		for _, name := range e.Argv[5:] {
			out.WriteString(f.files[name] + "\x00")
		}
		return text(out.String()), nil
	}
	f.t.Fatalf("the fake has no command %q", line)
	return effect.Result{}, nil
}

func text(out string) effect.Result { return effect.Result{Stdout: effect.OutputOf([]byte(out))} }

// listing is what listState prints.
func (f *fake) listing(dir, only string) string {
	names := map[string][]string{}
	for file, value := range f.files {
		rest, below := strings.CutPrefix(file, dir+"/")
		name, key, ok := strings.Cut(rest, "/")
		if below && ok && (only == "" || only == name) {
			names[name] = append(names[name], "value\t"+key+"\t"+strings.TrimSpace(value)+"\n")
		}
	}
	var out strings.Builder
	sorted := []string{}
	for name := range names {
		sorted = append(sorted, name)
	}
	sort.Strings(sorted)
	for _, name := range sorted {
		slices.Sort(names[name])
		out.WriteString("entry\t" + name + "\n" + strings.Join(names[name], ""))
	}
	return out.String()
}

func (f *fake) doFile(e effect.Effect) (effect.Result, error) {
	p := e.File.Path
	content, there := f.files[p]
	dir := slices.ContainsFunc(f.paths(), func(have string) bool { return strings.HasPrefix(have, p+"/") })
	switch e.File.Verb {
	case effect.FileStat, effect.FileLstat:
		switch {
		case there:
			return effect.Result{Info: &effect.FileInfo{Name: path.Base(p), Path: p, Type: "file", Size: int64(len(content)), Mode: 0o644}}, nil
		case dir:
			return effect.Result{Info: &effect.FileInfo{Name: path.Base(p), Path: p, Type: "directory", Mode: 0o755}}, nil
		}
		return effect.Result{}, nil
	case effect.FileGet:
		if !there {
			return effect.Result{}, effect.Errorf(effect.Missing, e.Op, "%s: no such file", p)
		}
		return effect.Result{Data: []byte(content)}, nil
	case effect.FilePut:
		f.files[p] = string(e.File.Data)
	case effect.FileMkdir:
		f.files[p+"/."] = ""
	case effect.FileRemove:
		for _, have := range f.paths() {
			if have == p || strings.HasPrefix(have, p+"/") {
				delete(f.files, have)
			}
		}
	default:
		f.t.Fatalf("the fake cannot %s %s", e.File.Verb, p)
	}
	return effect.Result{}, nil
}

func (f *fake) paths() []string {
	var all []string
	for p := range f.files {
		all = append(all, p)
	}
	return all
}

func (f *fake) doJob(e effect.Effect) (effect.Result, error) {
	switch e.Job.Verb {
	case effect.JobStart:
		f.seen = append(f.seen, "job: "+strings.Join(e.Argv[min(4, len(e.Argv)-1):], " "))
		if f.job == nil {
			f.t.Fatal("a job was started that the test did not expect")
		}
		f.ids++
		f.job.state.ID, f.job.state.Key = fmt.Sprint("job", f.ids), e.Job.Key
		if f.job.state.State == "" {
			f.job.state.State = "running"
		}
	case effect.JobStatus:
		if f.job == nil || f.job.state.Key != e.Job.Key {
			return effect.Result{Job: &effect.JobState{State: "absent"}}, nil
		}
	case effect.JobLog:
		if len(f.job.steps) > 0 {
			f.job.steps[0](f)
			f.job.steps = f.job.steps[1:]
		}
	default:
		f.t.Fatalf("the fake cannot %s a job", e.Job.Verb)
	}
	f.job.state.LogSize = int64(len(f.job.log))
	state := f.job.state
	res := effect.Result{Job: &state}
	if e.Job.Verb == effect.JobLog {
		res.Data = []byte(f.job.log[min(int(e.Job.Offset), len(f.job.log)):])
	}
	return res, nil
}

// end ends the job.
func (f *fake) end(state string, code int) {
	f.job.state.State, f.job.state.Code = state, code
}

func (f *fake) changed() []string {
	var ops []string
	for _, e := range f.changes {
		ops = append(ops, e.Op)
	}
	return ops
}

func failure(t *testing.T, err error, kind effect.ErrKind, words ...string) {
	t.Helper()
	e := effect.AsError(err)
	if e == nil || e.Kind != kind {
		t.Fatalf("got the error %v of kind %s, want kind %s", err, effect.KindOf(err), kind)
	}
	for _, word := range words {
		if !strings.Contains(e.Error()+e.Hint+e.Reached, word) {
			t.Errorf("%q is not in: %s (reached: %s) (hint: %s)", word, e.Error(), e.Reached, e.Hint)
		}
	}
}

// must gives a call's value; an error ends the test with all it tells.
func must[T any](value T, err error) T {
	if err != nil {
		e := effect.AsError(err)
		panic(fmt.Sprintf("%v\nstdout: %s\nstderr: %s\nhint: %s", err, e.Out, e.Err, e.Hint))
	}
	return value
}
