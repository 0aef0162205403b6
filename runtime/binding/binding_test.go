package binding

import (
	"context"
	"flag"
	"io"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/effect"
)

var update = flag.Bool("update", false, "rewrite testdata")

type limits struct {
	CPU int           `lua:"cpu,required" doc:"processors"`
	For time.Duration `lua:"for" doc:"how long"`
}

type access struct {
	User string        `lua:"user" doc:"as whom"`
	Key  effect.Secret `lua:"key" doc:"the key"`
}

type everything struct {
	Name    string             `lua:"name,required" doc:"the name"`
	Count   int                `lua:"count,pos" doc:"how many" default:"2"`
	Flag    bool               `lua:"flag" doc:"a flag" default:"true"`
	Maybe   *bool              `lua:"maybe" doc:"yes, no or neither"`
	Big     *int64             `lua:"big" doc:"a large number"`
	Small   uint8              `lua:"small" doc:"a small number"`
	Ratio   float64            `lua:"ratio" doc:"a ratio"`
	Wait    time.Duration      `lua:"wait" doc:"how long" default:"1.5"`
	Since   time.Time          `lua:"since" doc:"since when"`
	Words   []string           `lua:"words" doc:"words" default:"a,b"`
	Mode    string             `lua:"mode" doc:"how" enum:"fast|slow"`
	Modes   []string           `lua:"modes" doc:"hows" enum:"fast|slow"`
	Level   int                `lua:"level" doc:"level" enum:"1|2"`
	Env     map[string]string  `lua:"env" doc:"variables"`
	Limits  limits             `lua:"limits" doc:"bounds"`
	Each    []limits           `lua:"each" doc:"bounds each"`
	By      map[string]limits  `lua:"by" doc:"bounds by name"`
	Content Content            `lua:"content" doc:"content"`
	Local   Local              `lua:"local" doc:"a local file"`
	Other   effect.Doer        `lua:"other" doc:"another host"`
	Any     any                `lua:"any" doc:"anything"`
	Bytes   []byte             `lua:"bytes" doc:"bytes"`
	Numbers map[string]float64 `lua:"numbers" doc:"numbers"`
	access  `lua:",inline"`
}

type file struct{ path string }

func (f file) Path() string                 { return f.path }
func (f file) Open() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("x")), nil }
func (f file) Size() int64                  { return 1 }
func (f file) SHA256() (string, error)      { return "", nil }

var nowhere = effect.DoerFunc(func(context.Context, effect.Effect) (effect.Result, error) { return effect.Result{}, nil })

func named(pairs ...any) *Table {
	t := &Table{Named: map[string]any{}}
	for i := 0; i < len(pairs); i += 2 {
		t.Named[pairs[i].(string)] = pairs[i+1]
	}
	return t
}

func items(list ...any) *Table { return &Table{List: list} }

// taking is a function that keeps its arguments.
func taking(got *everything) *Func {
	return &Func{Name: "take", Doc: "Takes.", Call: func(_ context.Context, _ effect.Doer, a everything) error {
		*got = a
		return nil
	}}
}

func TestArguments(t *testing.T) {
	yes, big := true, int64(1<<53)
	base := everything{Name: "n", Count: 2, Flag: true, Wait: 1500 * time.Millisecond, Words: []string{"a", "b"}}
	with := func(change func(e *everything)) everything {
		e := base
		change(&e)
		return e
	}
	tests := []struct {
		name string
		args []any
		want everything
	}{
		{"defaults", []any{"n"}, base},
		{"positional", []any{"n", 5.0}, with(func(e *everything) { e.Count = 5 })},
		{"a nil for an optional one", []any{"n", nil, named("flag", false)}, with(func(e *everything) { e.Flag = false })},
		{"options instead of an optional one", []any{"n", named("count", 7.0)}, with(func(e *everything) { e.Count = 7 })},
		{"all by name", []any{named("name", "n", "count", 3.0)}, with(func(e *everything) { e.Count = 3 })},
		{"trailing nils", []any{"n", nil, nil}, base},
		{"no options", []any{"n", 2.0, named()}, base},
		{"scalars", []any{"n", named("maybe", true, "big", float64(1<<53), "small", 255.0, "ratio", 0.5, "wait", 0.0)}, with(func(e *everything) {
			e.Maybe, e.Big, e.Small, e.Ratio, e.Wait = &yes, &big, 255, 0.5, 0
		})},
		{"a time", []any{"n", named("since", "2025-01-31T13:00:00+01:00")}, with(func(e *everything) {
			e.Since = time.Date(2025, 1, 31, 12, 0, 0, 0, time.UTC)
		})},
		{"empty lists are lists", []any{"n", named("words", items(), "modes", named())}, with(func(e *everything) {
			e.Words, e.Modes = []string{}, []string{}
		})},
		{"enums", []any{"n", named("mode", "slow", "modes", items("fast", "slow"), "level", 2.0)}, with(func(e *everything) {
			e.Mode, e.Modes, e.Level = "slow", []string{"fast", "slow"}, 2
		})},
		{"tables", []any{"n", named("env", named("A", "b"), "limits", named("cpu", 1.0, "for", 2.0), "each", items(named("cpu", 3.0)), "by", named("x", named("cpu", 4.0)))}, with(func(e *everything) {
			e.Env, e.Limits = map[string]string{"A": "b"}, limits{1, 2 * time.Second}
			e.Each, e.By = []limits{{CPU: 3}}, map[string]limits{"x": {CPU: 4}}
		})},
		{"an inlined field", []any{"n", named("user", "www")}, with(func(e *everything) { e.User = "www" })},
		{"a local file", []any{"n", named("local", file{"/x"}, "content", file{"/y"})}, with(func(e *everything) {
			e.Local, e.Content = Local{Path: "/x"}, Content{Source: file{"/y"}}
		})},
		{"content", []any{"n", named("content", "text", "bytes", "\x00\xff")}, with(func(e *everything) {
			e.Content, e.Bytes = Content{Data: []byte("text")}, []byte("\x00\xff")
		})},
		{"a secret as content", []any{"n", named("content", effect.NewSecret("s", "v"))}, with(func(e *everything) {
			e.Content = Content{Data: []byte("v"), Secret: true}
		})},
		{"anything", []any{"n", named("any", items(1.0, named("a", items())))}, with(func(e *everything) {
			e.Any = []any{1.0, map[string]any{"a": []any{}}}
		})},
		{"a handle for its id", []any{Handle{Kind: "job", ID: "n"}}, base},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got everything
			if _, err := taking(&got).Invoke(t.Context(), "m.take", nowhere, test.args); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

func TestSecretArguments(t *testing.T) {
	var got everything
	secret := effect.NewSecret("db", "v")
	if _, err := taking(&got).Invoke(t.Context(), "m.take", nowhere, []any{"n", named("key", secret)}); err != nil || got.Key.Reveal() != "v" {
		t.Errorf("a secret: %v, %v", got.Key, err)
	}
	if _, err := taking(&got).Invoke(t.Context(), "m.take", nowhere, []any{"n", named("key", "typed")}); err != nil || got.Key.Reveal() != "typed" {
		t.Errorf("a string: %v, %v", got.Key, err)
	}
}

func TestWrongArguments(t *testing.T) {
	secret := effect.NewSecret("db", "hidden")
	tests := []struct {
		args []any
		want string
	}{
		{nil, "name: missing, expected a string"},
		{[]any{named("count", 1.0)}, "name: missing, expected a string"},
		{[]any{secret}, "name: expected a string, got the secret db"},
		{[]any{"n", 1.0, 2.0}, "takes 2 arguments and a table of options, got the number 2"},
		{[]any{"n", 1.0, items("x")}, "options are given by name, got a list"},
		{[]any{"n", 1.0, &Table{Odd: "the key 1.5"}}, "options are given by name, got a table with the key 1.5"},
		{[]any{"n", "x"}, `count: expected a whole number, got the string "x"`},
		{[]any{"n", math.Inf(1)}, "count: expected a whole number, got +Inf"},
		{[]any{"n", math.NaN()}, "count: expected a whole number, got the number NaN"},
		{[]any{"n", 1e300}, "count: expected a whole number, got 1e+300"},
		{[]any{"n", named("small", 256.0)}, "small: 256 does not fit"},
		{[]any{"n", named("small", -1.0)}, "small: expected 0 or more, got -1"},
		{[]any{"n", named("flag", 1.0)}, "flag: expected a boolean, got the number 1"},
		{[]any{"n", named("maybe", "no")}, `maybe: expected a boolean, got the string "no"`},
		{[]any{"n", named("wait", "5s")}, `wait: expected a number of seconds, got the string "5s"`},
		{[]any{"n", named("wait", 1e300)}, "wait: 1e+300 seconds are too many"},
		{[]any{"n", named("since", "yesterday")}, `since: expected a time like 2025-01-31T12:00:00Z, got "yesterday"`},
		{[]any{"n", named("since", 5.0)}, "since: expected a time, got the number 5"},
		{[]any{"n", named("mode", "slwo")}, `mode: expected one of fast, slow, got "slwo" (did you mean "slow"?)`},
		{[]any{"n", named("modes", items("fast", "x"))}, `modes[2]: expected one of fast, slow, got "x"`},
		{[]any{"n", named("level", 3.0)}, `level: expected one of 1, 2, got "3"`},
		{[]any{"n", named("env", items("a"))}, "env: expected a table of strings by name, got a list"},
		{[]any{"n", named("env", named("A", 1.0))}, "env.A: expected a string, got the number 1"},
		{[]any{"n", named("limits", named("for", 1.0))}, "limits.cpu: missing, expected a whole number"},
		{[]any{"n", named("limits", named("cpu", 1.0, "mem", 2.0))}, `limits: unknown field "mem"`},
		{[]any{"n", named("limits", items(1.0))}, "limits: expected a table of named fields, got a list"},
		{[]any{"n", named("each", items(named("cpu", 1.0), named("cpu", "x")))}, `each[2].cpu: expected a whole number, got the string "x"`},
		{[]any{"n", named("each", named("cpu", 1.0))}, `each: expected a list of tables, got a table with the key "cpu"`},
		{[]any{"n", named("by", named("x", named()))}, "by.x.cpu: missing, expected a whole number"},
		{[]any{"n", named("content", 5.0)}, "content: expected a string, a secret or a local file, got the number 5"},
		{[]any{"n", named("local", "/etc/passwd")}, "local: expected a local file, got a string"},
		{[]any{"n", named("other", "web2")}, `other: expected a host, got the string "web2"`},
		{[]any{"n", named("any", Opaque("a function"))}, "any: expected plain data, got a function"},
		{[]any{"n", named("any", &Table{List: []any{1.0}, Named: map[string]any{"x": 1.0}})}, `any: expected a list or a table of names, got a table with both list items and the key "x"`},
		{[]any{"n", named("name", "m")}, "name: given twice, by place and by name"},
		{[]any{"n", named("uzer", "m")}, `unknown option "uzer" (did you mean "user"?)`},
		{[]any{strings.Repeat("x", 100), named("mode", 1.0)}, "mode: expected a string, got the number 1"},
		{[]any{"n", strings.Repeat("x", 100)}, `count: expected a whole number, got the string "` + strings.Repeat("x", 37) + `..."`},
	}
	for _, test := range tests {
		var got everything
		_, err := taking(&got).Invoke(t.Context(), "m.take", nowhere, test.args)
		if err == nil || err.Error() != "m.take: "+test.want || effect.KindOf(err) != effect.Invalid {
			t.Errorf("got  %v\nwant m.take: %s", err, test.want)
		}
		if !reflect.DeepEqual(got, everything{}) {
			t.Errorf("%s: the function was called", test.want)
		}
		if err := taking(&got).Check("m.take", test.args); err == nil {
			t.Errorf("%s: Check accepts it", test.want)
		}
	}
}

// A first argument that is itself a table stays one.
func TestTableAsFirstArgument(t *testing.T) {
	type args struct {
		Names []string `lua:"names,required" doc:"names"`
		Jail  string   `lua:"jail" doc:"a jail"`
	}
	var got args
	f := &Func{Name: "install", Doc: "I.", Call: func(_ context.Context, _ effect.Doer, a args) error { got = a; return nil }}
	tests := []struct {
		args []any
		want args
	}{
		{[]any{items("a", "b")}, args{Names: []string{"a", "b"}}},
		{[]any{items("a"), named("jail", "j")}, args{[]string{"a"}, "j"}},
		{[]any{items()}, args{Names: []string{}}},
		{[]any{named("names", items("a"), "jail", "j")}, args{[]string{"a"}, "j"}},
	}
	for _, test := range tests {
		got = args{}
		if _, err := f.Invoke(t.Context(), "pkg.install", nowhere, test.args); err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("got %+v, %v", got, err)
		}
	}
}

type outcome struct {
	Changed bool              `lua:"changed" doc:"it differs"`
	Name    string            `lua:"name" doc:"its name"`
	Sum     string            `lua:"sum,produced" doc:"its hash"`
	Size    int64             `lua:"size" doc:"its size" unit:"bytes"`
	Note    string            `lua:"note,omitempty" doc:"a note"`
	At      time.Time         `lua:"at" doc:"when"`
	Took    time.Duration     `lua:"took" doc:"how long"`
	Code    *int              `lua:"code" doc:"exit code"`
	List    []limits          `lua:"list" doc:"bounds"`
	Map     map[string]string `lua:"map" doc:"labels"`
	Any     any               `lua:"any" doc:"anything"`
	access  `lua:",inline"`
}

func TestConvert(t *testing.T) {
	code := 3
	full := outcome{
		Changed: true, Name: "n", Sum: "abc", Size: 1 << 40, Note: "x", At: time.Date(2025, 1, 31, 13, 0, 0, 0, time.FixedZone("", 3600)),
		Took: 1500 * time.Millisecond, Code: &code, List: []limits{{CPU: 1}}, Map: map[string]string{"b": "2", "a": "1"},
		Any: []any{nil, true, map[string]any{"k": 1.5}}, access: access{User: "u"},
	}
	field := func(name string, value Value) NamedValue { return NamedValue{Name: name, Value: value} }
	secret := effect.Secret{}
	tests := []struct {
		name    string
		value   any
		skipped bool
		want    Value
	}{
		{"full", full, false, &RecordValue{Fields: []NamedValue{
			field("changed", true), field("name", "n"), field("sum", "abc"), field("size", int64(1<<40)), field("note", "x"),
			field("at", "2025-01-31T12:00:00Z"), field("took", 1.5), field("code", int64(3)),
			field("list", ListValue{&RecordValue{Fields: []NamedValue{field("cpu", int64(1)), field("for", 0.0)}}}),
			field("map", MapValue{field("a", "1"), field("b", "2")}),
			field("any", ListValue{nil, true, MapValue{field("k", 1.5)}}), field("user", "u"), field("key", secret),
		}}},
		{"empty and skipped", &outcome{}, true, &RecordValue{Fields: []NamedValue{
			field("changed", false), field("name", ""), {Name: "sum", Unknown: true}, field("size", int64(0)),
			field("at", nil), field("took", 0.0), field("code", nil), field("list", ListValue{}), field("map", MapValue{}),
			field("any", nil), field("user", ""), field("key", secret),
		}}},
		{"nothing", nil, false, nil},
		{"a nil pointer", (*outcome)(nil), false, nil},
		{"a list", []string{"a"}, false, ListValue{"a"}},
		{"a nil list", []string(nil), false, ListValue{}},
		{"bytes", []byte("a\xff"), false, "a\xff"},
		{"a number", uint64(7), false, 7.0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := Convert(test.value, test.skipped); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %#v\nwant %#v", got, test.want)
			}
		})
	}
}

func TestUnknownResult(t *testing.T) {
	f := &Func{Call: func(context.Context, effect.Doer) (outcome, error) { return outcome{}, nil }}
	got := f.UnknownResult()
	if !reflect.DeepEqual(got.Fields[0], NamedValue{Name: "changed", Value: true}) || len(got.Fields) != 13 {
		t.Fatalf("got %+v", got)
	}
	for _, field := range got.Fields[1:] {
		if !field.Unknown {
			t.Errorf("%s is known", field.Name)
		}
	}
}

func TestValidate(t *testing.T) {
	ok := func(context.Context, effect.Doer) (string, error) { return "", nil }
	fn := func(call any) []Func { return []Func{{Name: "f", Doc: "F.", Call: call}} }
	type untagged struct{ A string }
	type undocumented struct {
		A string `lua:"a"`
	}
	type twice struct {
		A string `lua:"a" doc:"a"`
		B string `lua:"a" doc:"b"`
	}
	type channel struct {
		A chan int `lua:"a" doc:"a"`
	}
	type badDefault struct {
		A int `lua:"a" doc:"a" default:"many"`
	}
	type offEnum struct {
		A string `lua:"a" doc:"a" default:"z" enum:"x|y"`
	}
	type requiredDefault struct {
		A string `lua:"a,required" doc:"a" default:"z"`
	}
	type badWord struct {
		A string `lua:"a,requird" doc:"a"`
	}
	type intKeys struct {
		A map[int]string `lua:"a" doc:"a"`
	}
	type nested struct {
		A []untagged `lua:"a" doc:"a"`
	}
	tests := []struct {
		name   string
		module Module
		want   string
	}{
		{"fine", Module{Name: "m", Doc: "M.", Funcs: fn(ok)}, ""},
		{"a wrong name", Module{Name: "Zpool", Doc: "M."}, "a module's name is lower case"},
		{"no doc", Module{Name: "m"}, "has no doc"},
		{"a function without doc", Module{Name: "m", Doc: "M.", Funcs: []Func{{Name: "f", Call: ok}}}, "f: has no doc"},
		{"a function's name", Module{Name: "m", Doc: "M.", Funcs: []Func{{Name: "f.", Doc: "F.", Call: ok}}}, "a function's name"},
		{"two of a name", Module{Name: "m", Doc: "M.", Funcs: append(fn(ok), fn(ok)...)}, "two functions are named f"},
		{"no call", Module{Name: "m", Doc: "M.", Funcs: fn(nil)}, "has no Call"},
		{"no context", Module{Name: "m", Doc: "M.", Funcs: fn(func() error { return nil })}, "whose first parameter is a context"},
		{"no error", Module{Name: "m", Doc: "M.", Funcs: fn(func(context.Context, effect.Doer) string { return "" })}, "must return"},
		{"too many", Module{Name: "m", Doc: "M.", Funcs: fn(func(context.Context, effect.Doer, undocumented, int) error { return nil })}, "too many parameters"},
		{"no struct", Module{Name: "m", Doc: "M.", Funcs: fn(func(context.Context, effect.Doer, string) error { return nil })}, "not a struct"},
		{"untagged", Module{Name: "m", Doc: "M.", Funcs: fn(func(context.Context, effect.Doer, untagged) error { return nil })}, "untagged.A has no lua tag"},
		{"undocumented", Module{Name: "m", Doc: "M.", Funcs: fn(func(context.Context, effect.Doer, undocumented) error { return nil })}, "a: has no doc"},
		{"two fields", Module{Name: "m", Doc: "M.", Funcs: fn(func(context.Context, effect.Doer, twice) error { return nil })}, `two fields "a"`},
		{"a channel", Module{Name: "m", Doc: "M.", Funcs: fn(func(context.Context, effect.Doer, channel) error { return nil })}, "unsupported type chan int"},
		{"a default", Module{Name: "m", Doc: "M.", Funcs: fn(func(context.Context, effect.Doer, badDefault) error { return nil })}, "a: default"},
		{"a default off the enum", Module{Name: "m", Doc: "M.", Funcs: fn(func(context.Context, effect.Doer, offEnum) error { return nil })}, "expected one of x, y"},
		{"required with default", Module{Name: "m", Doc: "M.", Funcs: fn(func(context.Context, effect.Doer, requiredDefault) error { return nil })}, "is required and has a default"},
		{"an unknown word", Module{Name: "m", Doc: "M.", Funcs: fn(func(context.Context, effect.Doer, badWord) error { return nil })}, `unknown word "requird"`},
		{"keys", Module{Name: "m", Doc: "M.", Funcs: fn(func(context.Context, effect.Doer, intKeys) error { return nil })}, "keys must be strings"},
		{"nested", Module{Name: "m", Doc: "M.", Funcs: fn(func(context.Context, effect.Doer, nested) error { return nil })}, "untagged.A has no lua tag"},
		{"an untagged result", Module{Name: "m", Doc: "M.", Funcs: fn(func(context.Context, effect.Doer) (untagged, error) { return untagged{}, nil })}, "result: untagged.A has no lua tag"},
		{"a change that returns a string", Module{Name: "m", Doc: "M.", Funcs: []Func{{Name: "f", Doc: "F.", Kind: effect.Change, Call: ok}}}, "a change returns a struct or nothing"},
		{"a host in a global module", Module{Name: "m", Doc: "M.", Global: true, Funcs: fn(ok)}, "takes no host"},
		{"a property with arguments", Module{Name: "m", Doc: "M.", Funcs: []Func{{Name: "f", Doc: "F.", Property: true, Call: func(context.Context, effect.Doer, limits) error { return nil }}}}, "a property takes no arguments"},
		{"a method without id", Module{Name: "m", Doc: "M.", Classes: []Class{{Name: "job", Funcs: fn(ok)}}}, "the handle's id"},
	}
	for _, test := range tests {
		err := test.module.Validate()
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: got %v", test.name, err)
		}
	}
}

func docModules() []Module {
	return []Module{{Name: "thing", Doc: "Things. And more, e.g. of them.", Funcs: []Func{{
		Name: "conf.take", Kind: effect.Change, Risk: effect.Irreversible, Doc: "Takes a thing, which is long enough a sentence to be wrapped over two lines. Converges.",
		Raises: []string{"missing: no thing"}, Example: "h.thing.conf.take(\"x\")\nh.thing.conf.take(\"y\")", See: []string{"thing(8)"},
		Call: func(context.Context, effect.Doer, everything) (outcome, error) { return outcome{}, nil },
	}}}}
}

func TestDocText(t *testing.T) {
	var b strings.Builder
	for _, name := range []string{"h.thing.conf.take", "thing"} {
		e, ok := Find(docModules(), name)
		if !ok {
			t.Fatalf("there is no %s", name)
		}
		b.WriteString(DocText(e) + "--\n")
	}
	const golden = "testdata/doc.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"thing", "thing.conf.take"}, Names(docModules())); diff != "" {
		t.Error(diff)
	}
	if _, ok := Find(docModules(), "thing.nothing"); ok {
		t.Error("found what is not there")
	}
}

func TestSummary(t *testing.T) {
	for text, want := range map[string]string{
		"One. Two.":             "One.",
		"No end":                "No end",
		"Reads /etc/rc.conf. X": "Reads /etc/rc.conf.",
		"Things, e.g. a. More.": "Things, e.g. a.",
		"Over\nlines. More":     "Over lines.",
	} {
		if got := Summary(text); got != want {
			t.Errorf("%q: got %q", text, got)
		}
	}
}

// Whatever a script passes is taken or refused as a wrong argument; nothing
// panics, and a refused call is not made.
func FuzzArguments(f *testing.F) {
	f.Add("n", 1.0, "flag", "x", uint8(0))
	f.Add("", math.Inf(-1), "wait", "", uint8(1))
	f.Add("n", -1.5, "limits", "cpu", uint8(2))
	f.Add("n", 1e18, "since", "2025-01-31T12:00:00Z", uint8(3))
	f.Fuzz(func(t *testing.T, name string, n float64, option, text string, form uint8) {
		values := []any{n, text, items(text, n), named(text, n), items(named("cpu", n)), nil, true, Opaque("a function"), Handle{Kind: "job", ID: text}, file{text}}
		value := values[int(form)%len(values)]
		var got everything
		called := false
		fn := &Func{Call: func(_ context.Context, _ effect.Doer, a everything) error { got, called = a, true; return nil }}
		_, err := fn.Invoke(t.Context(), "m.take", nowhere, []any{name, n, named(option, value)})
		if err != nil && (effect.KindOf(err) != effect.Invalid || called) {
			t.Fatalf("%v, called %t", err, called)
		}
		if err == nil && (got.Name != name || float64(got.Count) != n) {
			t.Fatalf("got %+v", got)
		}
	})
}

func TestAStringInPlaceOfAListIsAListOfOne(t *testing.T) {
	type args struct {
		Names []string `lua:"names,required" doc:"names"`
		Codes []string `lua:"codes" doc:"codes"`
	}
	var got args
	f := &Func{Name: "take", Doc: "Takes.", Call: func(_ context.Context, _ effect.Doer, a args) error {
		got = a
		return nil
	}}
	if _, err := f.Invoke(t.Context(), "m.take", nowhere, []any{"git"}); err != nil || len(got.Names) != 1 || got.Names[0] != "git" {
		t.Errorf("got %v, %v", got.Names, err)
	}
	if err := f.Check("m.take", []any{named("names", "git")}); err == nil {
		t.Error("by name, too: an option that takes a command would mistake a line for a program's name")
	}
	if err := f.Check("m.take", []any{items("a"), named("codes", "0")}); err == nil || effect.AsError(err).Hint != "bsdrun doc m.take explains the arguments" {
		t.Errorf("got %v", err)
	}
}
