package effect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestExitCodesFollowTheKind(t *testing.T) {
	for kind, want := range map[ErrKind]int{
		Failed: 2, Timeout: 2, Denied: 2, Missing: 2, Unreachable: 4, Stopped: 75,
		Locked: 75, Diverged: 75, Cancelled: 130, Invalid: 5, Script: 5, Usage: 64, Internal: 1, Unknown: 0,
	} {
		if got := kind.Exit(); got != want {
			t.Errorf("%s: exit %d, want %d", kind, got, want)
		}
	}
}

func TestErrorsTellWhatFailed(t *testing.T) {
	e := &Error{Op: "pkg.install", Host: "builder", Command: "pkg install -y git", Code: 1, Err: "noise\npkg: no space left\n"}
	if got, want := e.Error(), "builder: pkg.install: pkg install -y git: exit code 1: pkg: no space left"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	e.Err, e.Out = "", "only on stdout\n"
	if !strings.HasSuffix(e.Error(), "only on stdout") {
		t.Errorf("an error told on standard output is lost: %q", e.Error())
	}
}

func TestHintsKeepKindAndCause(t *testing.T) {
	cause := errors.New("boom")
	err := WithHint(fmt.Errorf("reading: %w", &Error{Kind: Denied, Cause: cause}), "be root")
	e := AsError(err)
	if e.Kind != Denied || e.Hint != "be root" || !errors.Is(err, cause) {
		t.Errorf("got %#v", e)
	}
	if again := AsError(WithHint(err, "other")); again.Hint != "be root" {
		t.Errorf("the nearer hint was replaced: %q", again.Hint)
	}
	if WithHint(nil, "x") != nil {
		t.Error("a hint made an error")
	}
}

func TestUnknownIsFoundHoweverWrapped(t *testing.T) {
	for _, err := range []error{ErrUnknown, fmt.Errorf("x: %w", ErrUnknown), &Error{Kind: Unknown}} {
		if !errors.Is(err, ErrUnknown) || KindOf(err) != Unknown {
			t.Errorf("%v: kind %s", err, KindOf(err))
		}
	}
}

func TestSkippedOutputIsUnknown(t *testing.T) {
	r := Result{Skipped: true, Stdout: OutputOf([]byte("made up"))}
	if _, err := r.Line(); !errors.Is(err, ErrUnknown) {
		t.Errorf("a skipped effect answered: %v", err)
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	s := NewSecret("token", "hunter2")
	encoded, err := json.Marshal(map[string]any{"s": s})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q %x %d", s, s, s, s, s, s, s), fmt.Sprintf("%v", []Secret{s}), fmt.Sprintf("%+v", struct{ S Secret }{s}), string(encoded)} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "68756e74657232") {
			t.Errorf("leaked: %s", text)
		}
	}
}

func TestChainKeepsItsOrder(t *testing.T) {
	var order []string
	layer := func(name string) Layer {
		return func(next Doer) Doer {
			return DoerFunc(func(ctx context.Context, e Effect) (Result, error) {
				order = append(order, name)
				return next.Do(ctx, e)
			})
		}
	}
	bottom := DoerFunc(func(context.Context, Effect) (Result, error) {
		order = append(order, "bottom")
		return Result{}, nil
	})
	if _, err := Chain(bottom, layer("outer"), layer("inner")).Do(t.Context(), Effect{}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(order, " "); got != "outer inner bottom" {
		t.Errorf("order: %s", got)
	}
}

func TestNobodyToAskStopsTheRun(t *testing.T) {
	if answer, err := Ask(t.Context(), Question{Text: "go on?", Default: "yes"}); answer != "yes" || err != nil {
		t.Errorf("got %q, %v", answer, err)
	}
	for _, q := range []Question{{Text: "name?"}, {Text: "destroy?", Default: "yes", Risk: Irreversible}} {
		if _, err := Ask(t.Context(), q); KindOf(err) != Stopped {
			t.Errorf("%s: %v", q.Text, err)
		}
	}
}
