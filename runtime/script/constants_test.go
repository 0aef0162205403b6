package script

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"bsdrun/runtime/effect"
)

// list is the source of a table of n different strings, one a line.
func list(n int) string {
	var b strings.Builder
	b.WriteString("{\n")
	for i := range n {
		fmt.Fprintf(&b, "'name%d',\n", i)
	}
	b.WriteString("}")
	return b.String()
}

func TestTooManyConstants(t *testing.T) {
	many := list(maxConstants + 1)
	for name, test := range map[string]struct {
		source string
		line   int
	}{
		"in the script":   {"local t = " + many, maxConstants + 2},
		"in a function":   {"\nlocal function f()\nreturn " + many + "\nend", maxConstants + 4},
		"names of fields": {"local t = " + strings.ReplaceAll(strings.ReplaceAll(many, "',", " = 1,"), "'", ""), maxConstants + 1},
		"numbers":         {"local t = " + strings.ReplaceAll(strings.ReplaceAll(many, "'name", ""), "'", ""), maxConstants + 2},
		"methods":         {strings.TrimSuffix(strings.ReplaceAll(strings.ReplaceAll(many[2:], "'name", "h:m"), "',", "()"), "}"), maxConstants},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Compile("big.lua", []byte(test.source), Options{})
			e := effect.AsError(err)
			if e == nil || e.Kind != effect.Script || !strings.HasPrefix(e.Message, "one function has more than 16384 different strings") {
				t.Fatalf("got %v", err)
			}
			if want := fmt.Sprintf("big.lua:%d", test.line); e.At != want {
				t.Errorf("at %s, want %s", e.At, want)
			}
		})
	}
}

func TestConstantsThatAreNotTooMany(t *testing.T) {
	half := list(maxConstants/2 + 1)
	source := "local function f() return " + half + " end\nlocal function g() return " + strings.ReplaceAll(half, "name", "other") + " end\nreturn #f() + #g()"
	if _, err := Compile("big.lua", []byte(source), Options{}); err != nil {
		t.Error(err)
	}
	data, err := LoadData(context.Background(), "hosts.lua", []byte("return "+list(maxConstants+1)))
	if list, _ := data.([]any); err != nil || len(list) != maxConstants+1 {
		t.Errorf("got %d, %v", len(list), err)
	}
	if _, err := LoadData(context.Background(), "hosts.lua", []byte("return "+list(maxDataConstants+1))); err == nil {
		t.Error("more than data may have was compiled")
	}
}
