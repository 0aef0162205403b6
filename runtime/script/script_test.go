package script

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
)

// fakeHost answers every effect with canned output and remembers it.
type fakeHost struct {
	done  []effect.Effect
	check bool
	fail  error
	// forget keeps nothing: for benchmarks.
	forget bool
}

func (f *fakeHost) Do(_ context.Context, e effect.Effect) (effect.Result, error) {
	if !f.forget {
		f.done = append(f.done, e)
	}
	if f.fail != nil {
		return effect.Result{}, f.fail
	}
	if f.check && e.Kind == effect.Change {
		return effect.Result{Skipped: true}, nil
	}
	return effect.Result{Stdout: effect.OutputOf([]byte("ONLINE\n"))}, nil
}

type statusArgs struct {
	Pool    string        `lua:"pool,required" doc:"the pool"`
	Verbose bool          `lua:"verbose" doc:"more of it"`
	Depth   int           `lua:"depth" doc:"how deep" default:"3"`
	Sort    string        `lua:"sort" doc:"by what" enum:"name|size"`
	Only    []string      `lua:"only" doc:"these alone"`
	Source  effect.Doer   `lua:"source" doc:"another host"`
	Key     effect.Secret `lua:"key" doc:"the key"`
}

type pool struct {
	Name   string   `lua:"name"`
	State  string   `lua:"state"`
	Errors []string `lua:"errors"`
	Depth  int      `lua:"depth"`
	Note   string   `lua:"note,omitempty"`
}

func status(ctx context.Context, h effect.Doer, a statusArgs) (pool, error) {
	out, err := h.Do(ctx, effect.Effect{Op: "zpool.status", Kind: effect.Read, Argv: []string{"zpool", "status", a.Pool}})
	if err != nil {
		return pool{}, err
	}
	state, err := out.Line()
	return pool{Name: a.Pool, State: state, Depth: a.Depth}, err
}

type createArgs struct {
	Name string `lua:"name,required" doc:"the name"`
}

type created struct {
	Changed bool     `lua:"changed"`
	Name    string   `lua:"name"`
	GUID    string   `lua:"guid,produced"`
	Disks   []string `lua:"disks,produced"`
}

func create(ctx context.Context, h effect.Doer, a createArgs) (created, error) {
	out, err := h.Do(ctx, effect.Effect{Op: "zpool.create", Kind: effect.Change, Argv: []string{"zpool", "create", a.Name}})
	return created{Changed: true, Name: a.Name, GUID: "123", Disks: []string{"ada0"}}, errors.Join(err, ignore(out))
}

func ignore(effect.Result) error { return nil }

type build struct {
	Changed bool     `lua:"changed"`
	Built   []string `lua:"built"`
}

// built reads what its change printed, which check mode cannot know.
func built(ctx context.Context, h effect.Doer) (build, error) {
	out, err := h.Do(ctx, effect.Effect{Op: "zpool.bulk", Kind: effect.Change, Argv: []string{"bulk"}})
	if err != nil {
		return build{}, err
	}
	text, err := out.Line()
	return build{Changed: true, Built: []string{text}}, err
}

type jobResult struct {
	ID string `lua:"id,produced"`
}

func (j jobResult) Handle() binding.Handle { return binding.Handle{Kind: "job", ID: j.ID} }

type jobArgs struct {
	ID      string  `lua:"id,required" doc:"the job"`
	Timeout float64 `lua:"timeout" doc:"seconds"`
}

func testModules() []binding.Module {
	return []binding.Module{
		{Name: "zpool", Doc: "Pools.", Funcs: []binding.Func{
			{Name: "status", Doc: "Tells.", Kind: effect.Read, Call: status},
			{Name: "create", Doc: "Makes.", Kind: effect.Change, Call: create},
			{Name: "bulk", Doc: "Builds.", Kind: effect.Change, Call: built},
			{Name: "late", Doc: "Depends on a change before.", Kind: effect.Change, Call: func(context.Context, effect.Doer) (build, error) {
				return build{}, effect.ErrUnknown
			}},
			{Name: "broken", Doc: "Panics.", Kind: effect.Read, Call: func(context.Context, effect.Doer) error { panic("oh") }},
			{Name: "disk.list", Doc: "Lists.", Kind: effect.Read, Call: func(ctx context.Context, h effect.Doer) ([]pool, error) {
				return nil, nil
			}},
		}},
		{Name: "verbs", Doc: "Verbs.", Verbs: true, Funcs: []binding.Func{
			{Name: "job", Doc: "Starts.", Kind: effect.Change, Call: func(ctx context.Context, h effect.Doer, a createArgs) (jobResult, error) {
				r, err := h.Do(ctx, effect.Effect{Op: "job", Kind: effect.Change})
				if r.Skipped {
					return jobResult{}, err
				}
				return jobResult{ID: a.Name}, err
			}},
			{Name: "as", Doc: "As.", Kind: effect.Read, Call: func(ctx context.Context, h effect.Doer, a createArgs) (binding.Host, error) {
				return binding.Host{Doer: h, Kind: "as", ID: a.Name, Name: "web1/" + a.Name}, nil
			}},
			{Name: "facts", Doc: "Facts.", Property: true, Kind: effect.Read, Call: func(ctx context.Context, h effect.Doer) (pool, error) {
				_, err := h.Do(ctx, effect.Effect{Op: "facts"})
				return pool{Name: "FreeBSD"}, err
			}},
		}, Classes: []binding.Class{{Name: "job", Doc: "A job.", Funcs: []binding.Func{
			{Name: "wait", Doc: "Waits.", Kind: effect.Read, Call: func(ctx context.Context, h effect.Doer, a jobArgs) (string, error) {
				_, err := h.Do(ctx, effect.Effect{Op: "job.wait"})
				return fmt.Sprintf("waited for %s %g", a.ID, a.Timeout), err
			}},
		}}}},
		{Name: "version", Doc: "Versions.", Global: true, Funcs: []binding.Func{
			{Name: "double", Doc: "Doubles.", Call: func(ctx context.Context, a struct {
				N int `lua:"n,required" doc:"n"`
			}) (int, error) {
				return 2 * a.N, nil
			}},
		}},
	}
}

// fakeSteps keeps steps in memory.
type fakeSteps struct {
	recorded map[string]any
	ended    []string
	values   map[string]any
}

type fakeStep struct {
	steps *fakeSteps
	name  string
}

func (s *fakeSteps) Begin(ctx context.Context, name string, o StepOptions) (context.Context, StepRun, error) {
	if o.Key != "" {
		name += "/" + o.Key
	}
	return effect.WithStep(ctx, &effect.Step{Name: name, Path: name}), &fakeStep{s, name}, nil
}

func (r *fakeStep) Recorded() (any, bool) {
	value, ok := r.steps.recorded[r.name]
	return value, ok
}

func (r *fakeStep) End(value any, err error) error {
	if err != nil && effect.KindOf(err) == effect.Unknown {
		r.steps.ended = append(r.steps.ended, r.name+": unknown")
		return nil
	}
	if err != nil {
		r.steps.ended = append(r.steps.ended, r.name+": "+err.Error())
		return err
	}
	r.steps.ended = append(r.steps.ended, r.name+": ok")
	if r.steps.values == nil {
		r.steps.values = map[string]any{}
	}
	r.steps.values[r.name] = value
	return nil
}

func (r *fakeStep) Skip(reason string) error {
	r.steps.ended = append(r.steps.ended, r.name+": skipped, "+reason)
	return nil
}

type fakeSecrets map[string]string

func (s fakeSecrets) Secret(_ context.Context, name string) (effect.Secret, error) {
	value, ok := s[name]
	if !ok {
		return effect.Secret{}, effect.Errorf(effect.Missing, "secret", "there is no secret %s", name)
	}
	return effect.NewSecret(name, value), nil
}

// testWorld is a world with a fake host; printed lines end up in out.
func testWorld(out *[]string) (World, *fakeHost) {
	host := &fakeHost{}
	return World{
		Host: "web1", Doer: host, Modules: testModules(), Steps: &fakeSteps{}, Secrets: fakeSecrets{"db": "s3cret"},
		Vars: map[string]any{"site": "north"},
		Log: func(_ context.Context, text string) {
			if out != nil {
				*out = append(*out, text)
			}
		},
	}, host
}

// eval runs ad hoc code.
func eval(t *testing.T, w World, code string) (any, error) {
	t.Helper()
	p, err := Compile("test.lua", []byte(code), Options{})
	if err != nil {
		t.Fatalf("compile: %v", err)
	}
	return p.Run(t.Context(), w)
}

func TestResults(t *testing.T) {
	tests := []struct {
		name, code string
		want       any
	}{
		{"a record", `return h.zpool.status("zroot")`, map[string]any{"name": "zroot", "state": "ONLINE", "errors": []any{}, "depth": int64(3)}},
		{"a method call", `return h.zpool:status("zroot").state`, "ONLINE"},
		{"an option", `return h.zpool.status("zroot", {depth = 7}).depth`, int64(7)},
		{"a table of names", `return h.zpool.status{pool = "zroot", depth = 7}.depth`, int64(7)},
		{"an empty list", `return h.zpool.disk.list()`, []any{}},
		{"a method of a group", `return h.zpool.disk:list()`, []any{}},
		{"an empty table", `return {}`, map[string]any{}},
		{"what is no data, by its name", `return { print, secret("db"), 1 }`, []any{"(function)", "(secret)", int64(1)}},
		{"the name", `return h.name`, "web1"},
		{"the variables", `return h.vars.site`, "north"},
		{"a property", `return h.facts.name`, "FreeBSD"},
		{"a global module", `return version.double(21)`, int64(42)},
		{"a handle's method", `return h:job("x"):wait{timeout = 5}`, "waited for x 5"},
		{"another host as argument", `return h.zpool.status("a", {source = h:as("www")}).name`, "a"},
		{"omitted when empty", `return h.zpool.status("a").note == nil`, true},
		{"numbers", `return {1, 1.5, 2^53, -3}`, []any{int64(1), 1.5, int64(1 << 53), int64(-3)}},
		{"locals survive a caught error", `local n = 0; local function up() n = n + 1 end; pcall(function() local a; a.b = 1 end); up(); return n`, int64(1)},
		{"xpcall", `return select(2, xpcall(function() error("x", 0) end, function(e) return "<" .. e .. ">" end))`, "<x>"},
		{"a coroutine", `local c = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end); return c() + c() + c()`, int64(6)},
		{"format", `return string.format("%5.1f|%-4s|%04d|%x|%%|%q", 1.25, "a", 7, 255, 'x"y')`, `  1.2|a   |0007|ff|%|"x\"y"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w, _ := testWorld(nil)
			got, err := eval(t, w, test.code)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestArgumentErrors(t *testing.T) {
	tests := []struct{ code, want string }{
		{`h.zpool.status()`, `zpool.status: pool: missing, expected a string`},
		{`h.zpool.status(5)`, `zpool.status: pool: expected a string, got the number 5`},
		{`h.zpool.status(nil)`, `zpool.status: pool: missing, expected a string`},
		{`h.zpool.status(true)`, `zpool.status: pool: expected a string, got the boolean true`},
		{`h.zpool.status(print)`, `zpool.status: pool: expected a string, got a function`},
		{`h.zpool.status(h)`, `zpool.status: pool: expected a string, got a host`},
		{`h.zpool.status("a", "b")`, `zpool.status: takes one argument and a table of options, got the string "b"`},
		{`h.zpool.status("a", {}, {})`, `zpool.status: takes one argument and a table of options, got an empty table`},
		{`h.zpool.status("a", {"b"})`, `zpool.status: options are given by name, got a list`},
		{`h.zpool.status("a", {verbos = true})`, `zpool.status: unknown option "verbos" (did you mean "verbose"?)`},
		{`h.zpool.status("a", {colour = true})`, `zpool.status: unknown option "colour"`},
		{`h.zpool.status("a", {verbose = "yes"})`, `zpool.status: verbose: expected a boolean, got the string "yes"`},
		{`h.zpool.status("a", {depth = 1.5})`, `zpool.status: depth: expected a whole number, got 1.5`},
		{`h.zpool.status("a", {depth = "3"})`, `zpool.status: depth: expected a whole number, got the string "3"`},
		{`h.zpool.status("a", {depth = 0/0})`, `zpool.status: depth: expected a whole number, got the number NaN`},
		{`h.zpool.status("a", {sort = "nam"})`, `zpool.status: sort: expected one of name, size, got "nam" (did you mean "name"?)`},
		{`h.zpool.status("a", {only = "x"})`, `zpool.status: only: expected a list of strings, got the string "x"`},
		{`h.zpool.status("a", {only = {"x", 2}})`, `zpool.status: only[2]: expected a string, got the number 2`},
		{`h.zpool.status("a", {only = {x = 1}})`, `zpool.status: only: expected a list of strings, got a table with the key "x"`},
		{`h.zpool.status("a", {source = "web2"})`, `zpool.status: source: expected a host, got the string "web2"`},
		{`h.zpool.status("a", {pool = "b"})`, `zpool.status: pool: given twice, by place and by name`},
		{`h.zpool.status(secret("db"))`, `zpool.status: pool: expected a string, got the secret db`},
		{`h.zpool.status("a", {only = {secret("db")}})`, `zpool.status: only[1]: expected a string, got the secret db`},
		{`h.zpool.status("a", {key = 5})`, `zpool.status: key: expected a secret, got the number 5`},
		{`h.zpool.stats("a")`, `zpool: there is no function "stats" (did you mean "status"?)`},
		{`h.zpol.status("a")`, `h: a host has no field "zpol" (did you mean "zpool"?)`},
		{`h.zpool.bulk(1)`, `zpool.bulk: takes no arguments, got the number 1`},
		{`h.zpool.disk.lst()`, `zpool: there is no function "disk.lst" (did you mean "disk.list"?)`},
		{`version.double("2")`, `version.double: n: expected a whole number, got the string "2"`},
		{`h:job("a"):wait{timeout = "x"}`, `job:wait: timeout: expected a number, got the string "x"`},
		{`h.name = "x"`, `h: the fields of a host cannot be set`},
		{`h.zpool.x = 1`, `zpool: a module cannot be changed`},
		{`step("x")`, `step: fn: expected a function, got nil`},
		{`step(nil, print)`, `step: name: expected a string, got nil`},
		{`step("x", {kee = "a"}, print)`, `step: unknown option "kee" (did you mean "key"?)`},
		{`sleep("x")`, `sleep: seconds: expected a number, 0 or more, got the string "x"`},
		{`retry({times = 0}, print)`, `retry: times: expected 1 or more, got 0`},
		{`tostring(secret("db"))`, `secret: a secret cannot be turned into a string`},
		{`return ("x"):rep(1e9)`, `string.rep: the result would be longer than 16777216 bytes`},
		{`connect("web2")`, `connect: this run has no other hosts`},
	}
	for _, test := range tests {
		t.Run(test.code, func(t *testing.T) {
			w, host := testWorld(nil)
			_, err := eval(t, w, "local x = 1\n"+test.code)
			if err == nil {
				t.Fatal("no error")
			}
			e := effect.AsError(err)
			if got := e.Error(); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if e.At != "test.lua:2" {
				t.Errorf("at %q, want test.lua:2", e.At)
			}
			if e.Kind != effect.Invalid {
				t.Errorf("kind %s", e.Kind)
			}
			for _, done := range host.done {
				if done.Op == "zpool.status" {
					t.Error("the function was called")
				}
			}
		})
	}
}
