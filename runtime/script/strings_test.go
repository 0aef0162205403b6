package script

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The expectations are those of the Lua 5.1 reference manual, section 5.4.
func TestStrings(t *testing.T) {
	tests := []struct {
		code string
		want any
	}{
		{`{("hello world"):gsub("o", "0")}`, []any{"hell0 w0rld", int64(2)}},
		{`{("hello world"):gsub("(%w+)", "<%1>")}`, []any{"<hello> <world>", int64(2)}},
		{`{("hello world"):gsub("%w+", "%0 %0", 1)}`, []any{"hello hello world", int64(1)}},
		{`{("hello world from Lua"):gsub("(%w+)%s*(%w+)", "%2 %1")}`, []any{"world hello Lua from", int64(2)}},
		{`(("$name is $adj"):gsub("%$(%w+)", {name = "pf", adj = 1}))`, "pf is 1"},
		{`(("abc"):gsub("%w", {b = false}))`, "abc"},
		{`(("abc"):gsub("%w", function(c) if c == "b" then return c:upper() end end))`, "aBc"},
		{`(("abc"):gsub("", "-"))`, "-a-b-c-"},
		{`(("abc"):gsub("()", "%1"))`, "1a2b3c4"},
		{`(("a.b"):gsub("%.", "%%"))`, "a%b"},
		{`{("abc"):gsub("b", "x", 0)}`, []any{"abc", int64(0)}},
		{`(("aaa"):gsub("^a", "b"))`, "baa"},
		{`(("x"):gsub("x", 5))`, "5"},
		{`#(("x"):rep(200000):gsub("x", "yy"))`, int64(400000)},
		{`select("#", ("a"):match("b"))`, int64(1)},
		{`{("key = value"):match("^(%w+)%s*=%s*(%w+)$")}`, []any{"key", "value"}},
		{`tonumber(("a"):match("%d")) == nil and ("a1"):match("%d", 3) == nil`, true},
		{`tonumber("1e5")`, int64(100000)},
		{`tonumber(" 0x1F ")`, int64(31)},
		{`tonumber("-.5")`, -0.5},
		{`tonumber("1.")`, int64(1)},
		{`tonumber("ff", 16)`, int64(255)},
		{`tonumber("0xff", 16)`, int64(255)},
		{`tonumber("755", 8)`, int64(493)},
		{`tonumber("zz", 36)`, int64(1295)},
		{`tonumber("12abc") == nil and tonumber("") == nil and tonumber("inf") == nil and tonumber("nan") == nil and tonumber("1_000") == nil and tonumber({}) == nil`, true},
		{`string.format("%5s|%-5s|%.2s", "a", "b", "cde")`, "    a|b    |cd"},
		{`string.format("%d %i %u %5d %-5d| %05d %+d", 1, 2, 3, 4, 5, 6, 7)`, "1 2 3     4 5    | 00006 +7"},
		{`string.format("%x %X %#x %o %c", 255, 255, 255, 8, 65)`, "ff FF 0xff 10 A"},
		{`string.format("%f %.1f %e %g %g", 1.5, 1.25, 1500, 1e20, 0.1)`, "1.500000 1.2 1.500000e+03 1e+20 0.1"},
		{`string.format("%s %s %s", nil, true, 1.5)`, "nil true 1.5"},
		{`string.format("%d", "10")`, "10"},
		{`string.format("%d", 3.99)`, "3"},
	}
	for _, test := range tests {
		t.Run(test.code, func(t *testing.T) {
			w, _ := testWorld(nil)
			got, err := eval(t, w, "return "+test.code)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStringMisuse(t *testing.T) {
	tests := []struct{ code, want string }{
		{`string.format("%d")`, "string.format: %d has no value: 0 given"},
		{`string.format("%d", "x")`, `string.format: value 1: expected a number, got the string "x"`},
		{`string.format("%y", 1)`, "string.format: value 1: %y is no format"},
		{`string.format("%")`, "string.format: the format ends in the middle of a %"},
		{`string.format("%1000d", 1)`, "string.format: %1000 is no width and precision"},
		{`string.format("%d", 1e300)`, "string.format: value 1: 1e+300 is no whole number"},
		{`("x"):gsub("x", "%2")`, "string.gsub: the pattern has no capture %2"},
		{`("x"):gsub("x", function() return {} end)`, "string.gsub: a match cannot be replaced by a table"},
		{`("x"):rep(100000):gsub("x", ("y"):rep(1000))`, "string.gsub: the result would be longer than 16777216 bytes"},
		{`local t = {}; for i = 1, 20 do t[i] = ("x"):rep(1000000) end; table.concat(t)`, "table.concat: the result would be longer than 16777216 bytes"},
		{`tonumber("1", 99)`, "tonumber: base: expected 2 to 36, got 99"},
	}
	for _, test := range tests {
		w, _ := testWorld(nil)
		if _, err := eval(t, w, test.code); err == nil || err.Error() != test.want {
			t.Errorf("%s: got %v", test.code, err)
		}
	}
}
