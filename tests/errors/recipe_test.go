package errors

import (
	"fmt"
	"strings"
	"testing"
)

// failing makes a recipe of one step out of one line, its fifth.
func failing(line string) string {
	return "--- Fails.\nlocal recipe = {}\nfunction recipe.run(h)\n  step(\"Try\", function()\n    " + line + "\n  end)\nend\nreturn recipe\n"
}

// TestFailuresOfRecipes provokes what fails while a recipe runs: every message names
// the host and the recipe's line.
func TestFailuresOfRecipes(t *testing.T) {
	for name, f := range map[string]struct {
		line   string
		code   int
		says   []string
		noHint bool
	}{
		"command":          {line: `h:run{ "ls", "/nonexistent" }`, code: 2, says: []string{`^sim: ls /nonexistent: exit code 1: ls: /nonexistent: No such file`, `^  operation +run$`, `^  command +ls /nonexistent$`, `^  exit code +1$`}, noHint: true},
		"script for sh":    {line: `h:run("echo so far; echo badly >&2; exit 9")`, code: 2, says: []string{`exit code 9: badly$`, `^  output$`, `^    so far$`}, noHint: true},
		"program missing":  {line: `h:run{ "nosuch" }`, code: 2, says: []string{`nosuch: not found`, `^  hint .*not installed`}},
		"not permitted":    {line: `h:run{ "/etc/rc.conf" }`, code: 2, says: []string{`Permission denied`, `^  hint .*--become`}},
		"too long":         {line: `h:run({ "sleep", "100" }, { timeout = 5 })`, code: 2, says: []string{`sleep 100: it took longer than 5s`, `^  hint .*--timeout`}},
		"argument's type":  {line: `h.zpool.status(5)`, code: 5, says: []string{`pool: expected a string, got the number 5`, `^  operation +zpool.status$`, `bsdrun doc zpool.status`}},
		"argument missing": {line: `h.file.put("/tmp/x")`, code: 5, says: []string{`content: missing`, `bsdrun doc file.put`}},
		"argument's value": {line: `h.file.put("/tmp/x", "a", { mode = "rw" })`, code: 5, says: []string{`"rw" is not an octal mode`}, noHint: true},
		"option unknown":   {line: `h.file.put("/tmp/x", "a", { mod = "0644" })`, code: 5, says: []string{`unknown option "mod" \(did you mean "mode"\?\)`}},
		"function unknown": {line: `h.zpool.statsu()`, code: 5, says: []string{`"statsu" \(did you mean "status"\?\)`}, noHint: true},
		"module unknown":   {line: `h.zpol.status()`, code: 5, says: []string{`"zpol" \(did you mean "zpool"\?\)`}, noHint: true},
		"variable unknown": {line: `print(nosuch)`, code: 5, says: []string{`undefined variable nosuch`}, noHint: true},
		"nil":              {line: `local x; print(x.y)`, code: 5, says: []string{`take the field 'y' of nil`}, noHint: true},
		"recursion":        {line: `local function f() return 1 + f() end f()`, code: 5, says: []string{`too many nested calls`}, noHint: true},
		"sandbox":          {line: `io.open("/etc/passwd")`, code: 5, says: []string{`undefined variable io`, `^  hint .*local_file`}},
		"fail":             {line: `fail{ message = "the pool is ill", hint = "replace ada1" }`, code: 2, says: []string{`^sim: the pool is ill$`, `^  hint replace ada1$`}},
		"file missing":     {line: `h.file.get("/nonexistent")`, code: 2, says: []string{`/nonexistent: no such file`}, noHint: true},
		"folder missing":   {line: `h.file.put("/nonexistent/x", "a")`, code: 2, says: []string{`No such file`, `^  hint make the folder before: h.file.mkdir\("/nonexistent"\)`}},
		"package missing":  {line: `h.pkg.install("nosuch-package")`, code: 2, says: []string{`nosuch-package`, `^  hint .*pkg.search`}},
		"service missing":  {line: `h.service.start("nosuch")`, code: 2, says: []string{`no service nosuch`, `^  hint .*service.list`}},
		"dataset missing":  {line: `h.zfs.get("zroot/none")`, code: 2, says: []string{`dataset does not exist`, `^  hint .*zfs.list`}},
		"jail missing":     {line: `h:jail("nosuch"):run{ "true" }`, code: 2, says: []string{`no jail nosuch`, `^  hint jls`}},
		"user missing":     {line: `h:as("nosuch"):run{ "true" }`, code: 2, says: []string{`^sim: the host has no user nosuch$`, `unknown login`, `^  hint h.user.list`}},
		"irreversible":     {line: `h.zpool.destroy("zroot")`, code: 75, says: []string{`zpool destroy zroot`, `^  hint .*--allow irreversible.*bsdrun resume`}},
		"question":         {line: `ask("Which pool?")`, code: 75, says: []string{`nobody can answer: Which pool`, `^  hint .*bsdrun resume`}},
		"secret":           {line: `secret("db")`, code: 75, says: []string{`Secret db`, `BSDRUN_SECRET_DB`}},
		"other host":       {line: `connect("other.example.org")`, code: 64, says: []string{`other.example.org is no host of this run`, `^  hint name it on the command line`}},
		"template":         {line: `template("none.tmpl", {})`, code: 2, says: []string{`no local file none.tmpl`, `^  hint looked in`}},
		"local file":       {line: `local_file("/etc/passwd")`, code: 2, says: []string{`out of reach`, `^  hint .*--allow-read`}},
		"step's value":     {line: `step("Inner", function() return print end)`, code: 5, says: []string{`Inner cannot be recorded`, `^  hint .*plain data`}},
	} {
		b := newBench(t, map[string]string{"recipe.lua": failing(f.line)})
		says := append(f.says, `^sim: `, `^  at +recipe.lua:5$`, `^    > 5 \|     `+regexpQuoteStart(f.line))
		b.check(t, map[string]provoked{name: {args: "recipe.lua sim:", code: f.code, says: says, noHint: f.noHint}})
	}
}

// regexpQuoteStart is how a line begins, harmless in a pattern.
func regexpQuoteStart(line string) string {
	word, _, _ := strings.Cut(line, "(")
	word, _, _ = strings.Cut(word, "{")
	return strings.ReplaceAll(word, ".", `\.`)
}

// TestRecipesThatCannotBeRead provokes mistakes that are found before any host is
// touched.
func TestRecipesThatCannotBeRead(t *testing.T) {
	for name, f := range map[string]struct{ text, says, at string }{
		"syntax":      {"--- X.\nreturn 5 5\n", `near "5"`, "recipe.lua:2"},
		"not closed":  {"--- X.\nlocal r = {\n", "something is not closed", "recipe.lua"},
		"open string": {"--- X.\nlocal r = \"a", "unterminated string", "recipe.lua"},
		"no comment":  {"local r = {}\nfunction r.run() end\nreturn r\n", "begin with a comment", "recipe.lua"},
		"no run":      {"--- X.\nlocal r = { params = {} }\nreturn r\n", "run: expected a function", "recipe.lua"},
		"param type":  {"--- X.\nlocal r = { params = { a = { type = \"strin\", doc = \"b\" } } }\nfunction r.run() end\nreturn r\n", `strin`, "recipe.lua"},
		"top level":   {"--- X.\nh:run(\"true\")\nlocal r = {}\nfunction r.run() end\nreturn r\n", "undefined variable h", "recipe.lua:2"},
	} {
		b := newBench(t, map[string]string{"recipe.lua": f.text})
		b.check(t, map[string]provoked{name: {args: "recipe.lua sim:", code: 5, says: []string{f.says, `(?:at|recipe) +` + f.at}, noHint: true}})
	}
}

// TestARecipeOfTooManyConstants is told of before it is compiled, which would take
// long.
func TestARecipeOfTooManyConstants(t *testing.T) {
	var text strings.Builder
	for i := range 1 << 15 {
		fmt.Fprintf(&text, "local _ = 'name%d'\n", i)
	}
	b := newBench(t, map[string]string{"big.lua": text.String()})
	b.check(t, map[string]provoked{"constants": {args: "big.lua sim:", code: 5, says: []string{"one function has more than 16384 different strings", "^  at +big.lua:16385$", `^  hint .*json\.decode`}}})
}

// TestSeveralHostsThatFailAlike are told of once.
func TestSeveralHostsThatFailAlike(t *testing.T) {
	b := newBench(t, map[string]string{"recipe.lua": failing(`h:run{ "false" }`)})
	code, stderr := b.run(t, "-q recipe.lua 'sim:*3'")
	if code != 2 || strings.Count(stderr, "exit code 1") != 1 || !strings.Contains(stderr, "sim-1, sim-2, sim-3: false") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}

// TestAResumedRunThatDiverges tells what it had done, and what comes now.
func TestAResumedRunThatDiverges(t *testing.T) {
	b := newBench(t, map[string]string{"recipe.lua": failing(`sleep(5) local now = os.time() h:run{ "touch", "/tmp/" .. now } ask("Go on?")`)})
	if code, stderr := b.run(t, "recipe.lua sim:?state=m"); code != 75 {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	b.check(t, map[string]provoked{
		"changed": {args: "resume last", code: 75, says: []string{`it had sent "touch /tmp/\d+", and now comes "touch /tmp/\d+"`, "^  reached +nothing was sent", `^  hint .*start a new run`}},
	})
}
