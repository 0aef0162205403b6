package script

import (
	"errors"
	"testing"

	"bsdrun/runtime/effect"
)

func TestFailCarriesHintAndResult(t *testing.T) {
	program, err := Compile("test.lua", []byte(`fail{ message = "2 ports failed", hint = "mend them", result = { built = { "a/b" } } }`), Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = program.Run(t.Context(), World{Host: "h"})
	var e *effect.Error
	if !errors.As(err, &e) || e.Message != "2 ports failed" || e.Hint != "mend them" || e.Kind != effect.Failed {
		t.Fatalf("got %#v", err)
	}
	built := e.Result.(map[string]any)["built"].([]any)
	if len(built) != 1 || built[0] != "a/b" {
		t.Errorf("result %v", e.Result)
	}
}

func TestFailRefusesOtherFields(t *testing.T) {
	program, err := Compile("test.lua", []byte(`fail{ mesage = "typo" }`), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = program.Run(t.Context(), World{Host: "h"}); effect.KindOf(err) != effect.Invalid {
		t.Errorf("got %v", err)
	}
}
