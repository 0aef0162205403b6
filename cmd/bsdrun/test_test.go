package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// project is a folder with a recipe and tests of it.
func project(t *testing.T, tests string) {
	t.Helper()
	t.Chdir(t.TempDir())
	files := map[string]string{
		"lib/words.lua": "local words = {}\nfunction words.loud(text)\n  return text:upper()\nend\nfunction words.never()\n  return 1\nend\nreturn words\n",
		"greet.lua": `--- Greets.
local words = require("words")
local recipe = { params = { name = { type = "string", doc = "whom", default = "you" } } }
function recipe.run(h, p)
  if p.name == "nobody" then fail("nobody is there") end
  if p.name == "ask" then p.name = ask("Whom?") end
  step("Write", function() return h.file.put("/etc/motd.template", words.loud(p.name) .. "\n") end)
  print("hello " .. p.name)
  return { name = p.name }
end
return recipe
`,
		"greet_test.lua": tests,
	}
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func bsdrunTest(t *testing.T, want int, args ...string) (string, string) {
	t.Helper()
	var out, errOut bytes.Buffer
	if code := run(context.Background(), append([]string{"test"}, args...), strings.NewReader(""), &out, &errOut); code != want {
		t.Errorf("test %q: exit code %d, want %d\n%s%s", args, code, want, out.String(), errOut.String())
	}
	return out.String(), errOut.String()
}

const greetTests = `
test("writes and prints", function()
  local m = rehearse.machine()
  local run = rehearse.run(m, { params = { name = "bob" } })
  expect.equal(m.file.read("/etc/motd.template"), "BOB\n")
  expect.equal(run.output, "hello bob\n")
  expect.like(run.steps, { { name = "Write", status = "changed" } })
  expect.contains(run.effects, { op = "file.put", kind = "change", status = "changed", step = "Write" })
  expect.equal(rehearse.run(m, { params = { name = "bob" } }).changed, 0)
end)

test("asks", function()
  local m = rehearse.machine("freebsd-14.3", { name = "web" })
  local run = rehearse.run(m, { params = { name = "ask" }, ends = "stopped" })
  expect.equal(run.exit, 75)
  expect.equal(run.asked, { "Whom?" })
  expect.equal(rehearse.resume(run.id, { answers = { Whom = "eve" } }).result.name, "eve")
end)

test("a check", function()
  local run = rehearse.run(rehearse.machine(), { check = true })
  expect.contains(run.steps[1].changes[1].diff or run.steps[1].changes[1].what, "motd")
end)

test("faults", function()
  local m = rehearse.machine()
  rehearse.deny(m, "/etc/motd.template")
  expect.equal(rehearse.run(m, { ends = "failed" }).error.kind, "denied")
  rehearse.permit(m, "/etc/motd.template")
  rehearse.fail(m, "hostname", { code = 3, message = "no name", times = 1 })
  local err = expect.fails(function() m:read{ "hostname" } end, "no name")
  expect.equal(err.code, 3)
  m:read{ "hostname" }
  local before = time.now()
  rehearse.pass(m, 3600)
  expect.yes(time.between(before, time.now()) >= 3600)
end)

test("later", function() skip("not yet") end)
`

func TestTestsOfAProject(t *testing.T) {
	project(t, greetTests)
	out, _ := bsdrunTest(t, 0, "-v", "--coverage", "--junit", "j.xml", "--cover-html", "c.html", "--cover-lcov", "c.info")
	for _, part := range []string{
		"ok    greet_test.lua: writes and prints (", "skip  greet_test.lua: later (skipped: not yet)", "4 passed, 0 failed, 1 skipped in ",
		"greet.lua      100.0% of 9 lines\n", "lib/words.lua   83.3% of 6 lines, missed 6\n", "all             93.3% of lines, 88.9% of statements",
	} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in\n%s", part, out)
		}
	}
	var suites struct {
		Tests   int `xml:"tests,attr"`
		Skipped int `xml:"skipped,attr"`
		Suites  []struct {
			Cases []struct {
				Name string `xml:"name,attr"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	text, err := os.ReadFile("j.xml")
	if err == nil {
		err = xml.Unmarshal(text, &suites)
	}
	if err != nil || suites.Tests != 5 || suites.Skipped != 1 || len(suites.Suites) != 1 || suites.Suites[0].Cases[0].Name != "writes and prints" {
		t.Errorf("%v\n%s", err, text)
	}
	for name, part := range map[string]string{"c.html": `<tr class="missed"><td class="n">6</td>`, "c.info": "SF:lib/words.lua\n"} {
		if text, err := os.ReadFile(name); err != nil || !strings.Contains(string(text), part) {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
	if _, told := bsdrunTest(t, 5, "--min-coverage", "99"); !strings.Contains(told, "93.3% of the lines ran, --min-coverage asks for 99%") {
		t.Error(told)
	}
	if out, _ := bsdrunTest(t, 0, "greet", "--run", "asks|greet_test.lua: a check"); !strings.Contains(out, "2 passed, 0 failed") {
		t.Error(out)
	}
	bsdrunTest(t, 64, "--run", "nothing like this")
	bsdrunTest(t, 64, "nowhere")
	bsdrunTest(t, 64, "--run", "(")
}

// TestFailuresOfTests shows a test that fails with its line, the recipe's line and
// the difference.
func TestFailuresOfTests(t *testing.T) {
	project(t, `
test("another text", function()
  local m = rehearse.machine()
  rehearse.run(m)
  log("it is %s", m.name)
  expect.equal({ text = m.file.read("/etc/motd.template"), n = 1 }, { text = "HIM\n", n = 1 })
end)

test("an unexpected end", function() rehearse.run(rehearse.machine(), { params = { name = "nobody" } }) end)

test("a wrong parameter", function() rehearse.run(rehearse.machine(), { params = { nam = "x" } }) end)

test("not stopped", function() rehearse.run(rehearse.machine(), { interrupt = "Wrote" }) end)

test("for ever", function() while true do end end)

test("no step", function() step("x", function() end) end)
`)
	// A machine that is slow must not make the others late.
	late, _ := bsdrunTest(t, 2, "--timeout", "100ms", "--run", "for ever")
	if !strings.Contains(late, "it took longer than 100ms") {
		t.Error(late)
	}
	out, _ := bsdrunTest(t, 2, "--run", "^(another|an|a|not|no) ", "--junit", "j.xml")
	for _, part := range []string{
		"FAIL  greet_test.lua: another text\n      greet_test.lua:6: they differ\n", "-  text = \"HIM\\n\",\n", "      > 6 |   expect.equal", "      it told:\n        it is freebsd-14.3\n",
		"greet_test.lua:9: the run is failed, not ok\n      freebsd-14.3: nobody is there\n        at greet.lua:5\n", "      > 5 |   if p.name == \"nobody\" then fail(\"nobody is there\") end",
		"the run did not begin: ", "nam", "the run came to no step \"Wrote\"", "undefined variable step", "0 passed, 5 failed in",
	} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in\n%s", part, out)
		}
	}
	if text, err := os.ReadFile("j.xml"); err != nil || !strings.Contains(string(text), `<failure message="the run is failed, not ok">`) {
		t.Errorf("%v\n%s", err, text)
	}
	for name, want := range map[string]string{
		"local x =": "greet_test.lua", "return 1": "declares no test", "test('a', function() end) test('a', function() end)": `there is a test "a" already`,
	} {
		if err := os.WriteFile("greet_test.lua", []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, told := bsdrunTest(t, 5); !strings.Contains(told, want) {
			t.Errorf("%q: %s", name, told)
		}
	}
}
