package effect

import (
	"errors"
	"testing"

	"bsdrun/runtime/lazyregexp"
)

func TestExplain(t *testing.T) {
	rules := []Rule{
		{lazyregexp.New(`no such branch (\S+)|missing (\S+)`), Missing, "make $1 first"},
		{lazyregexp.New(`no such`), Denied, "never reached for a branch"},
	}
	failed := &Error{Kind: Failed, Code: 1, Out: "missing main"}
	err, known := Explain(failed, rules)
	if e := AsError(err); !known || e.Kind != Missing || e.Hint != "make main first" {
		t.Errorf("got %v %q, known %v", e.Kind, e.Hint, known)
	}
	if failed.Kind != Failed {
		t.Error("the error itself was changed")
	}
	general := &Error{Kind: Missing, Code: 127, Err: "no such branch x", Hint: "in general"}
	if err, _ := Explain(general, rules[:1]); AsError(err).Hint != "make x first" {
		t.Errorf("a general hint won: %q", AsError(err).Hint)
	}
	if err, _ := Explain(general, []Rule{{rules[0].Pattern, Failed, ""}}); AsError(err).Hint != "in general" {
		t.Errorf("the general hint is gone: %q", AsError(err).Hint)
	}
	for name, other := range map[string]error{
		"no command":   errors.New("no such branch x"),
		"no exit code": &Error{Kind: Failed, Err: "no such branch x"},
		"timeout":      &Error{Kind: Timeout, Code: 124, Err: "no such branch x"},
		"unmatched":    &Error{Kind: Failed, Code: 1, Err: "quite another thing"},
	} {
		if got, known := Explain(other, rules); known || !errors.Is(got, other) {
			t.Errorf("%s: was explained: %v", name, got)
		}
	}
}
