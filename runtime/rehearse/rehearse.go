// Package rehearse runs tests of recipes: Lua files that arrange simulated
// machines, run the recipe on them, and check what came of it. Each test has a VM,
// a network, machines and a journal of its own.
package rehearse

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/journal"
	"bsdrun/runtime/script"
	"bsdrun/runtime/sim"
)

// File is a Lua file: tests, or a recipe.
type File struct {
	Name   string // as people know it
	Source []byte
	Root   string            // its folder; empty: Files has what it loads
	Files  map[string][]byte // by path from its folder
}

// Options say what is tested and how.
type Options struct {
	Files    []File
	Modules  []binding.Module
	Tools    []*sim.Tool
	Run      *regexp.Regexp // only tests whose name it matches; nil: all
	Parallel int            // tests at once; 0: as many as there are processors
	Timeout  time.Duration  // of a test, in our time; 0: none
	Cover    *script.Coverage
	// Find gives the recipe of that name beside a file of tests.
	Find func(tests File, name string) (File, error)
	// Done hears of every test as it ends; it is called from one at a time.
	Done func(Result)
}

// The outcomes of a test.
const (
	Passed  = "passed"
	Failed  = "failed"
	Skipped = "skipped"
)

// Result is what a test came to.
type Result struct {
	File    string
	Name    string
	At      string // file and line
	Outcome string
	Took    time.Duration // our time
	Err     error         // why it failed, or was skipped
	Excerpt string        // the test's lines around the failure
	Output  []string      // what it logged and printed
}

// suffix is how the files of tests end.
const suffix = "_test.lua"

// IsTest tells a file of tests by its name.
func IsTest(name string) bool { return strings.HasSuffix(name, suffix) }

// Test runs the tests, in the order of files and tests. Its error is for files
// that cannot be read as tests: nothing has been run then.
func Test(ctx context.Context, o Options) ([]Result, error) {
	jobs, err := collect(o)
	if err != nil {
		return nil, err
	}
	if o.Parallel <= 0 {
		o.Parallel = runtime.GOMAXPROCS(0)
	}
	results := make([]Result, len(jobs))
	next := make(chan int)
	var workers sync.WaitGroup
	var told sync.Mutex
	for range min(o.Parallel, len(jobs)) {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for i := range next {
				results[i] = jobs[i].do(ctx, &o)
				if o.Done != nil {
					told.Lock()
					o.Done(results[i])
					told.Unlock()
				}
			}
		}()
	}
	for i := range jobs {
		next <- i
	}
	close(next)
	workers.Wait()
	return results, nil
}

// job is one test to do.
type job struct {
	file  File
	suite *script.Suite
	index int
}

func collect(o Options) ([]job, error) {
	var jobs []job
	var errs []error
	for _, f := range o.Files {
		suite, err := script.CompileTests(f.Name, f.Source, script.Options{Root: f.Root, Files: f.Files})
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for i, t := range suite.Tests {
			if o.Run == nil || o.Run.MatchString(t.Name) || o.Run.MatchString(path.Base(f.Name)+": "+t.Name) {
				jobs = append(jobs, job{file: f, suite: suite, index: i})
			}
		}
	}
	return jobs, errors.Join(errs...)
}

// session is a test that is being run.
type session struct {
	o       *Options
	file    File
	network *sim.Network
	journal *journal.Store

	mu       sync.Mutex
	machines map[string]*machine
	order    []*machine
	last     *machine // that the test spoke to
}

type sessionKey struct{}

// current is the test that a function was called from.
func current(ctx context.Context, op string) (*session, error) {
	if t, ok := ctx.Value(sessionKey{}).(*session); ok {
		return t, nil
	}
	return nil, effect.Errorf(effect.Invalid, op, "%v", errNoTest)
}

// do runs one test.
func (j job) do(ctx context.Context, o *Options) Result {
	began := time.Now()
	t := j.suite.Tests[j.index]
	r := Result{File: j.file.Name, Name: t.Name, At: t.At, Outcome: Passed}
	var said lines
	r.Err = j.run(ctx, o, &said)
	r.Took, r.Output = time.Since(began), said.list()
	var skipped *script.Skipped
	switch {
	case errors.As(r.Err, &skipped):
		r.Outcome = Skipped
	case r.Err != nil:
		r.Outcome = Failed
		if at := effect.AsError(r.Err).At; at != "" {
			r.At, r.Excerpt = at, j.suite.Excerpt(at)
		}
	}
	return r
}

func (j job) run(ctx context.Context, o *Options, said *lines) (err error) {
	store, err := journal.Memory()
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	t := &session{o: o, file: j.file, network: sim.NewNetwork(), journal: store, machines: map[string]*machine{}}
	defer func() {
		for _, m := range t.order {
			m.hangUp(context.WithoutCancel(ctx))
			err = errors.Join(err, m.sim.Close())
		}
	}()
	if o.Timeout > 0 {
		late := effect.Errorf(effect.Timeout, "test", "it took longer than %s", o.Timeout)
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, o.Timeout, late)
		defer cancel()
	}
	add := func(_ context.Context, text string) { said.add(text) }
	ctx = clock.With(context.WithValue(ctx, sessionKey{}, t), testClock{t})
	return j.suite.Run(ctx, j.index, script.World{
		Host: "test", Modules: append(slices.Clone(o.Modules), Modules()...), Root: j.file.Root, Files: j.file.Files, Log: add, Print: add,
	})
}

// recipe is the recipe that the test is for, or another one beside it.
func (t *session) recipe(name string) (File, error) {
	if name == "" {
		name = strings.TrimSuffix(path.Base(filepath.ToSlash(t.file.Name)), suffix) + ".lua"
	}
	if t.o.Find != nil {
		return t.o.Find(t.file, name)
	}
	source, err := os.ReadFile(filepath.Join(t.file.Root, name))
	if err != nil {
		return File{}, fmt.Errorf("there is no recipe %s beside %s", name, t.file.Name)
	}
	return File{Name: filepath.ToSlash(filepath.Join(filepath.Dir(t.file.Name), name)), Source: source, Root: t.file.Root}, nil
}

// recipeProfile is the machine that the recipe names for a bare sim:.
func (t *session) recipeProfile() string {
	f, err := t.recipe("")
	if err != nil {
		return defaultProfile
	}
	program, err := script.Compile(f.Name, f.Source, script.Options{Root: f.Root, Files: f.Files})
	if err != nil || program.Recipe == nil || program.Recipe.Sim == "" {
		return defaultProfile
	}
	return program.Recipe.Sim
}
