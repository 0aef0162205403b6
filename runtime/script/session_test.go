package script

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/effect"
)

func TestInputsThatGoOn(t *testing.T) {
	for text, incomplete := range map[string]bool{
		"h.facts":              false,
		"return 1":             false,
		"x = {":                true,
		"for i = 1, 2 do":      true,
		"f(1,":                 true,
		"a +":                  true,
		"x = [[one":            true,
		"x = ":                 true,
		"h:run{ \"a\" } --[[ ": true,
		"x = = 1":              false,
		"end":                  false,
		"x = \"open":           false,
		"for i = 1 do end":     false,
	} {
		_, err := ParseInput("input", text)
		if errors.Is(err, ErrIncomplete) != incomplete {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestASessionKeepsWhatWasSaid(t *testing.T) {
	program, err := Compile("repl", []byte("--"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := program.Session(t.Context(), World{Host: "a", Steps: &fakeSteps{}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, step := range []struct {
		text string
		want []any
	}{
		{"local x, y = 1, 2", []any{}},
		{"x + y", []any{int64(3)}},
		{"_ * 2", []any{int64(6)}},
		{"local function f(n)\n  return n, 'n'\nend", []any{}},
		{"f(4)", []any{int64(4), "n"}},
		{"f", []any{"(function)"}},
		{"local z", []any{}},
		{"h.name", []any{"a"}},
	} {
		in, err := ParseInput("input 1", step.text)
		if err != nil {
			t.Fatalf("%s: %v", step.text, err)
		}
		got, err := s.Eval(t.Context(), step.text, in)
		if err != nil {
			t.Fatalf("%s: %v", step.text, err)
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s: %s", step.text, diff)
		}
	}
	in, err := ParseInput("input 9", "x = 1\nnosuch.field = 2")
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Eval(t.Context(), "wrong", in)
	if e := effect.AsError(err); err == nil || e.At != "input 9:2" || program.Excerpt(e.At) == "" {
		t.Errorf("got %+v", e)
	}
}
