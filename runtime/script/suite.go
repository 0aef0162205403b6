package script

import (
	"context"
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"bsdrun/runtime/effect"
)

// Suite is a file of tests: what it gives to test(), each run in a VM of its own.
type Suite struct {
	program *Program
	Tests   []SuiteTest
}

// SuiteTest is one test by its name, and the line that declares it.
type SuiteTest struct {
	Name string
	At   string
}

var testGlobal = Global{
	Name: "test", Usage: "test(name, fn)",
	Doc:    "Declares a test of the recipe, in a file NAME_test.lua beside it. Each test runs by itself, with machines of its own; an error fails it, skip ends it as skipped.",
	Params: []GlobalParam{{"name", "string", "what must be so"}, {"fn", "fun()", "arranges machines, runs the recipe, and checks what came of it"}},
	Example: `test("a full pool is reported", function()
  local m = rehearse.machine("freebsd-14.3-zfs-mirror-uefi")
  local run = rehearse.run(m, { params = { max_capacity = 1 }, ends = "failed" })
  expect.contains(run.error.message, "% full")
end)`,
}

// testGlobals are what tests have besides what every script has.
var testGlobals []Global

func init() {
	testGlobals = append([]Global{testGlobal}, expectGlobals...)
}

// noTest are the functions of scripts that need a run, which a test is not.
var noTest = []string{"step", "confirm", "ask", "secret", "guard", "connect"}

// TestGlobals are the functions that tests have besides those of every script.
func TestGlobals() []Global { return testGlobals }

// NotInTests are the functions of scripts that tests do not have.
func NotInTests() []string { return noTest }

// CompileTests reads a file of tests.
func CompileTests(name string, source []byte, o Options) (*Suite, error) {
	p := &Program{Name: name, Source: source, units: map[string]*unit{}}
	_, proto, err := compile(name, source, nil)
	if err != nil {
		return nil, err
	}
	p.proto = proto
	v := newVM(context.Background(), p, newSandbox(o.Root, o.Allow, o.Files, o.Loaded))
	defer v.close()
	tests, _, err := v.collectTests()
	if err != nil {
		return nil, err
	}
	if len(tests) == 0 {
		return nil, &effect.Error{Kind: effect.Script, At: name, Message: "the file declares no test", Hint: "test(name, function() ... end) declares one"}
	}
	return &Suite{program: p, Tests: tests}, nil
}

// collectTests runs the file, which declares its tests.
func (v *vm) collectTests() (tests []SuiteTest, fns []*lua.LFunction, err error) {
	known := map[string]bool{}
	v.state.SetGlobal("test", v.state.NewFunction(func(L *lua.LState) int {
		name, fn := v.wantString(L, 1, "test", "name"), v.wantFunction(L, 2, "test", "fn")
		if known[name] {
			v.invalidf(L, "test", "name: there is a test %q already", name)
		}
		known[name] = true
		tests = append(tests, SuiteTest{Name: name, At: v.where(L)})
		fns = append(fns, fn)
		return 0
	}))
	v.openExpect()
	_, err = v.run(v.program.proto)
	return tests, fns, err
}

// Run runs one test. Its error is why the test failed, or a *Skipped.
func (s *Suite) Run(ctx context.Context, i int, w World) error {
	v := newVM(ctx, s.program, newSandbox(w.Root, w.Allow, w.Files, w.Loaded))
	defer v.close()
	w.Doer = effect.DoerFunc(func(_ context.Context, e effect.Effect) (effect.Result, error) {
		return effect.Result{}, effect.Errorf(effect.Invalid, e.Op, "a test has no host of its own; rehearse.machine gives one")
	})
	v.enter(&w)
	v.absent = noTest
	_, fns, err := v.collectTests()
	if err != nil {
		return err
	}
	if i >= len(fns) {
		return effect.Errorf(effect.Script, "test", "the file declares %d tests this time, not %d: it must declare the same ones always", len(fns), len(s.Tests))
	}
	_, err = v.call(fns[i])
	return err
}

// Excerpt shows the lines around a failure's place in the file of tests.
func (s *Suite) Excerpt(at string) string { return s.program.Excerpt(at) }

// expectation is the error of a test that saw something else than it expected.
func expectation(op, format string, args ...any) error {
	return &effect.Error{Kind: effect.Failed, Op: op, Message: fmt.Sprintf(format, args...)}
}
