package script

import (
	"context"
	"errors"
	"strings"
	"testing"

	"bsdrun/runtime/effect"
)

// suiteOf runs the one test of a file with this body.
func suiteOf(t *testing.T, body string) error {
	t.Helper()
	suite, err := CompileTests("t_test.lua", []byte("test('one', function()\n"+body+"\nend)\n"), Options{})
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return suite.Run(context.Background(), 0, World{Host: "test"})
}

func TestExpectationsThatHold(t *testing.T) {
	for _, body := range []string{
		`expect.equal({ 1, { a = "x" } }, { 1, { a = "x" } })`, `expect.equal({}, json.list{})`, `expect.equal(nil, nil)`, `expect.equal(2, 2.0)`,
		`expect.like({ a = 1, b = { c = 2, d = 3 } }, { b = { c = 2 } })`, `expect.like({ { n = 1, m = 2 } }, { { n = 1 } })`, `expect.like({ 1 }, {})`,
		`expect.contains("abc", "b")`, `expect.contains({ { n = 1, m = 2 }, { n = 3 } }, { n = 3 })`, `expect.contains({ "a", "b" }, "b")`,
		`expect.matches("abc 12", "%d+$")`, `expect.yes(0)`, `expect.no(nil)`, `expect.no(false)`,
		`expect.equal(expect.fails(function() fail("no %s", "way") end, "no way").kind, "failed")`,
	} {
		if err := suiteOf(t, body); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestExpectationsThatFail(t *testing.T) {
	for body, want := range map[string]string{
		`expect.equal(1, 2)`:                                   "got 1, want 2",
		`expect.equal("a", "b", "the name")`:                   `the name: got "a", want "b"`,
		`expect.equal(nil, 1)`:                                 "got nil, want 1",
		`expect.equal("a\n", "a")`:                             "No newline at end of file",
		`expect.equal({ a = 1, b = 2 }, { a = 1 })`:            "+  b = 2,",
		`expect.equal({ 1, 2 }, { 1 })`:                        "+  2,",
		`expect.like({ a = 1, b = 2 }, { a = 3 })`:             "-  a = 3,\n+  a = 1,",
		`expect.like({ 1 }, { 1, 2 })`:                         "-  2,",
		`expect.like(nil, { a = 1 })`:                          "+nil",
		`expect.contains("abc", "d")`:                          "there is no \"d\" in\n  abc",
		`expect.contains({ "a" }, "b")`:                        "no item is like\n  \"b\"\nin",
		`expect.contains(nil, "b")`:                            "got: expected a text or a list, got nil",
		`expect.matches("abc", "%d")`:                          `the pattern "%d" is nowhere in`,
		`expect.yes(nil, "it is there")`:                       "it is there: got nil",
		`expect.no("x")`:                                       `got the string "x"`,
		`expect.fails(function() end)`:                         "nothing failed",
		`expect.fails(function() fail("no") end, "yes")`:       "there is no \"yes\" in the error\n  no",
		`expect.equal(function() end, 1)`:                      "function",
		`step("x", function() end)`:                            "undefined variable step",
		`return h.name`:                                        "undefined variable h",
		`expect.equals(1, 1)`:                                  "attempt to call",
		`test("two", function() end) error("not declared so")`: "not declared so",
	} {
		err := suiteOf(t, body)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n%v\nwant %s", body, err, want)
			continue
		}
		if at := effect.AsError(err).At; at != "t_test.lua:2" {
			t.Errorf("%s: at %q", body, at)
		}
	}
	var skipped *Skipped
	if err := suiteOf(t, `skip("not %s", "now")`); !errors.As(err, &skipped) || skipped.Reason != "not now" {
		t.Errorf("%v", err)
	}
}

// TestCoverageChangesNothing counts statements without changing what they do, in
// every form that a statement may have.
func TestCoverageChangesNothing(t *testing.T) {
	source := `local out = {}
local function add(...) for _, v in ipairs{ ... } do out[#out + 1] = v end return #out end
for i = 1, 5 do
  if i == 1 then goto next elseif i == 2 then add("two") else add(i) end
  if i == 4 then break end
  ::next::
end
local n = 0
while true do n = n + 1 if n > 2 then break end end
repeat local done = n > 3; n = n + 1 until done
do local t = { f = function(self, x) return x end, [1] = add("t") } add(t:f("m"), (t.f(t, "p"))) end
if false then add("never") end
out.size = not false and -#out or 0
return table.concat(out, " ") .. n .. out.size
`
	plain, err := Compile("c.lua", []byte(source), Options{})
	if err != nil {
		t.Fatal(err)
	}
	cover := &Coverage{}
	counted, err := Compile("c.lua", []byte(source), Options{Cover: cover})
	if err != nil {
		t.Fatal(err)
	}
	want, err := plain.Run(context.Background(), World{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, err := counted.Run(context.Background(), World{}); err != nil || got != want {
			t.Errorf("%v, %v; want %v", got, err, want)
		}
	}
	hits := map[int][]int64{}
	for _, s := range cover.Files()[0].Statements {
		hits[s.Line] = append(hits[s.Line], s.Hits())
	}
	for line, first := range map[int]int64{1: 2, 3: 2, 4: 8, 9: 2, 12: 2, 14: 2} {
		if len(hits[line]) == 0 || hits[line][0] != first {
			t.Errorf("line %d has run %v times, want %d first", line, hits[line], first)
		}
	}
	if never := hits[12]; len(never) != 2 || never[1] != 0 {
		t.Errorf("line 12: %v", never)
	}
}
