package script

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/effect"
)

func TestErrorsOfTheHostAreTables(t *testing.T) {
	w, host := testWorld(nil)
	host.fail = &effect.Error{
		Op: "zpool.status", Host: "web1", Kind: effect.Missing, Code: 1, Command: "zpool status tank",
		Out: "out", Err: "cannot open 'tank': no such pool", Hint: "see zpool list", Reached: "half way",
	}
	got, err := eval(t, w, `local ok, e = pcall(h.zpool.status, "tank")
		local copy = {}
		for name, value in pairs(e) do copy[name] = value end
		copy.text = tostring(e)
		copy.joined = "failed: " .. e
		return copy`)
	if err != nil {
		t.Fatal(err)
	}
	text := "web1: zpool.status: zpool status tank: exit code 1: cannot open 'tank': no such pool"
	want := map[string]any{
		"op": "zpool.status", "host": "web1", "kind": "missing", "code": int64(1), "command": "zpool status tank",
		"message": "zpool status tank: exit code 1: cannot open 'tank': no such pool",
		"stdout":  "out", "stderr": "cannot open 'tank': no such pool", "hint": "see zpool list", "reached": "half way",
		"at": "test.lua:1", "text": text, "joined": "failed: " + text,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestUncaughtErrors(t *testing.T) {
	tests := []struct {
		name, code string
		want       effect.Error
		trace      string
	}{
		{"a nil value", "local a\n\nreturn a.b", effect.Error{Kind: effect.Script, At: "test.lua:3", Message: "attempt to take the field 'b' of nil"}, "test.lua:3: in main chunk"},
		{"a call of nothing", "local a = {}\na.b()", effect.Error{Kind: effect.Script, At: "test.lua:2", Message: "attempt to call something that is not a function"}, "test.lua:2: in main chunk"},
		{"error with a string", "local function f()\n  error('no luck: ' .. 1)\nend\nf()", effect.Error{Kind: effect.Script, At: "test.lua:2", Message: "no luck: 1"}, "test.lua:2: in function 'f'"},
		{"error without a place", "error('bare', 0)", effect.Error{Kind: effect.Script, At: "test.lua:1", Message: "bare"}, ""},
		{"error of nothing", "error(nil)", effect.Error{Kind: effect.Script, Message: "the script raised nil"}, ""},
		{"error with a table", "error{message = 'mine', kind = 'missing', hint = 'look'}", effect.Error{Kind: effect.Missing, Message: "mine", Hint: "look"}, ""},
		{"error with an odd table", "error({})", effect.Error{Kind: effect.Script, Message: "the script raised a table without a message"}, ""},
		{"a kind that scripts cannot raise", "error{message = 'mine', kind = 'stopped'}", effect.Error{Kind: effect.Script, Message: "mine"}, ""},
		{"raised again with another hint", "local ok, e = pcall(fail, 'x')\ne.hint = 'better'\nerror(e)", effect.Error{Kind: effect.Failed, At: "test.lua:1", Message: "x", Hint: "better"}, ""},
		{"fail", "\nfail('%s is %d%% full', '/var', 99)", effect.Error{Kind: effect.Failed, At: "test.lua:2", Message: "/var is 99% full"}, ""},
		{"fail, to be resumed", "fail{message = 'not yet', hint = 'wait', resumable = true}", effect.Error{Kind: effect.Stopped, At: "test.lua:1", Message: "not yet", Hint: "wait"}, ""},
		{"assert", "assert(nil, 'no pool')", effect.Error{Kind: effect.Script, At: "test.lua:1", Message: "no pool"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w, _ := testWorld(nil)
			_, err := eval(t, w, test.code)
			e := effect.AsError(err)
			if e == nil {
				t.Fatal("no error")
			}
			if !strings.HasPrefix(Trace(err), test.trace) {
				t.Errorf("trace %q", Trace(err))
			}
			got := *e
			got.Cause = nil
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTracebackIsForMistakesAlone(t *testing.T) {
	w, host := testWorld(nil)
	host.fail = effect.Errorf(effect.Failed, "zpool.status", "no")
	_, err := eval(t, w, `h.zpool.status("a")`)
	if Trace(err) != "" {
		t.Errorf("trace %q", Trace(err))
	}
	if !errors.Is(err, host.fail) && effect.AsError(err).Message != "no" {
		t.Errorf("got %v", err)
	}
}

func TestExcerpt(t *testing.T) {
	source := "one\ntwo\nthree\n\nfive\nsix\nseven\neight\nnine\nten"
	tests := []struct {
		line int
		want string
	}{
		{1, "> 1 | one\n  2 | two\n  3 | three\n"},
		{4, "  2 | two\n  3 | three\n> 4 |\n  5 | five\n  6 | six\n"},
		{10, "   8 | eight\n   9 | nine\n> 10 | ten\n"},
		{0, ""},
		{11, ""},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, Excerpt([]byte(source), test.line)); diff != "" {
			t.Errorf("line %d: %s", test.line, diff)
		}
	}
	p, err := Compile("dir/a:b.lua", []byte("return 1\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Excerpt("dir/a:b.lua:1"); got != "> 1 | return 1\n" {
		t.Errorf("got %q", got)
	}
	for _, at := range []string{"", "dir/a:b.lua", "other.lua:1", "dir/a:b.lua:x", "dir/a:b.lua:7"} {
		if got := p.Excerpt(at); got != "" {
			t.Errorf("%q: got %q", at, got)
		}
	}
}

func TestSyntaxErrors(t *testing.T) {
	tests := []struct{ code, at, message string }{
		{"local x = 1\nlocal y = = 2", "test.lua:2", `syntax error near "="`},
		{"if true then\n", "test.lua", "syntax error at the end of the file: something is not closed"},
		{"x = 'open\n", "test.lua:2", `unterminated string near "open"`},
		{"\x1bLuaQ\x00", "test.lua", "this is compiled Lua, not source"},
		{"\x7fELF\x01\x00", "test.lua", "this is no text, and so no Lua script"},
		{"\xff\xfer\x00", "test.lua", "this is text in UTF-16; save it as UTF-8"},
	}
	for _, test := range tests {
		_, err := Compile("test.lua", []byte(test.code), Options{})
		e := effect.AsError(err)
		if e == nil || e.Kind != effect.Script || e.At != test.at || e.Message != test.message {
			t.Errorf("%q: got %v at %q", test.code, e, e.At)
		}
	}
}

func TestPanicIsInternal(t *testing.T) {
	w, _ := testWorld(nil)
	_, err := eval(t, w, `pcall(h.zpool.broken); return "went on"`)
	e := effect.AsError(err)
	if e == nil || e.Kind != effect.Internal || e.Error() != "zpool.broken: panic: oh" || !strings.Contains(Trace(err), "script_test.go") {
		t.Errorf("got %v with %s", err, Trace(err))
	}
}
