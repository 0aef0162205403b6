package script

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
)

// Nothing of these reaches the machine, loads code, or gets out of the folder.
func TestSandboxEscapes(t *testing.T) {
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret.txt"), []byte("outside"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(outside, "evil.lua"), []byte("return 'outside'"), 0o600); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(outside, "secret.txt"), filepath.Join(root, "alias.txt")); err != nil {
		t.Fatal(err)
	}
	for _, code := range []string{
		`os.execute("true")`, `os.exit(1)`, `os.getenv("HOME")`, `os.remove("x")`, `os.rename("a", "b")`, `os.tmpname()`, `os.setlocale("C")`, `os.setenv("A", "b")`,
		`io.open("/etc/passwd")`, `io.popen("id")`, `io.read()`, `io.write("x")`,
		`dofile("/etc/passwd")`, `loadfile("/etc/passwd")`, `load(function() end)`, `loadstring("return 1")`,
		`debug.getinfo(1)`, `package.path = "/"`, `package.loaded.os.execute("true")`, `module("x")`, `newproxy()`, `getfenv(0)`, `setfenv(1, {})`,
		`string.dump(print)`, `channel.make()`, `collectgarbage()`, `_printregs()`,
		`require("os")`, `require("../` + filepath.Base(outside) + `/evil")`, `require("link.evil")`, `require("/etc/passwd")`,
		`local_file("../` + filepath.Base(outside) + `/secret.txt")`, `local_file("` + outside + `/secret.txt")`, `local_file("link/secret.txt")`, `local_file("alias.txt")`, `local_file("/etc/passwd")`,
		`template("../` + filepath.Base(outside) + `/secret.txt")`, `template("alias.txt")`, `template("<%= io %>")`, `template("<%= os.getenv('HOME') %>")`,
		`getmetatable("").__index.rep("x", 1e9)`, `getmetatable(h).__index(h, "doer")`, `setmetatable(h, {})`, `setmetatable(secret("db"), {})`,
		`getmetatable(_G).__index = nil`, `setmetatable(_G, nil)`, `rawset(h, "doer", 1)`,
		`string.format("%s", secret("db"))`, `print(#secret("db"))`, `json.encode(secret("db"))`, `error(secret("db"))`, `return secret("db").value`, `table.concat({secret("db")})`,
	} {
		t.Run(code, func(t *testing.T) {
			var out []string
			w, host := testWorld(&out)
			w.Root = root
			got, err := eval(t, w, code)
			if err == nil {
				t.Errorf("no error; got %v", got)
			}
			if err != nil && (strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "outside'")) {
				t.Errorf("told too much: %v", err)
			}
			if strings.Contains(strings.Join(out, "\n"), "s3cret") {
				t.Errorf("printed a secret: %v", out)
			}
			if len(host.done) > 0 {
				t.Errorf("the host was touched: %v", host.done)
			}
		})
	}
}

func TestOnlyHarmlessGlobals(t *testing.T) {
	w, _ := testWorld(nil)
	got, err := eval(t, w, `local names = {}
		for name in pairs(_G) do table.insert(names, name) end
		for name in pairs(os) do table.insert(names, "os." .. name) end
		table.sort(names)
		return names`)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Fields(`_G _VERSION ask assert confirm connect coroutine error fail getmetatable guard h ipairs json local_file log
		math next os os.clock os.date os.difftime os.time p pairs pcall print rawequal rawget rawset require retry secret select
		setmetatable skip sleep step string table template tonumber tostring type unpack xpcall`)
	names := make([]string, 0, len(want))
	for _, name := range got.([]any) {
		names = append(names, name.(string))
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}

func TestUndefinedVariables(t *testing.T) {
	tests := []struct{ code, message, hint string }{
		{`prnt("x")`, "undefined variable prnt (did you mean print?)", ""},
		{`return io`, "undefined variable io", "files of the host are h.file's, local ones are read with local_file or template"},
		{`return verzion`, "undefined variable verzion (did you mean version?)", ""},
		{`return zzz`, "undefined variable zzz", ""},
	}
	for _, test := range tests {
		w, _ := testWorld(nil)
		_, err := eval(t, w, test.code)
		e := effect.AsError(err)
		if e == nil || e.Message != test.message || e.Hint != test.hint || e.Kind != effect.Script || e.At != "test.lua:1" {
			t.Errorf("%s: got %+v", test.code, e)
		}
	}
}

func TestFilesOfTheRecipe(t *testing.T) {
	root, extra := t.TempDir(), t.TempDir()
	for name, content := range map[string]string{
		"common.lua":     `return { name = "common" }`,
		"lib/helper.lua": `local c = require("common"); return { name = "helper of " .. c.name }`,
		"lib/a/b.lua":    `return "nested"`,
		"broken.lua":     "local x = 1\nlocal y = = 2\n",
		"failing.lua":    "\n\nerror('from the file')",
		"loop.lua":       `return require("loop")`,
		"conf.tmpl":      "name = <%= name %>\n",
		"lib/other.tmpl": "other\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(extra, "more.txt"), []byte("more\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	loaded := map[string]string{}
	w, _ := testWorld(nil)
	w.Root, w.Allow = root, []string{extra}
	w.Loaded = func(name string, content []byte) { loaded[name] = string(content) }

	tests := []struct {
		code string
		want any
	}{
		{`return require("common").name`, "common"},
		{`return require("helper").name`, "helper of common"},
		{`return require("a.b")`, "nested"},
		{`return require("common") == require("common")`, true},
		{`return template("conf.tmpl", {name = "x"})`, "name = x\n"},
		{`return template("other.tmpl")`, "other\n"},
		{`return template("` + extra + `/more.txt")`, "more\n"},
		{`return template("more.txt")`, "more\n"},
	}
	for _, test := range tests {
		got, err := eval(t, w, test.code)
		if err != nil || got != test.want {
			t.Errorf("%s: got %v, %v", test.code, got, err)
		}
	}
	for _, name := range []string{"common.lua", "helper.lua", "a/b.lua", "conf.tmpl"} {
		if _, ok := loaded[name]; !ok {
			t.Errorf("%s was read and not reported: %v", name, loaded)
		}
	}

	refusals := []struct{ code, at, message string }{
		{`require("broken")`, "broken.lua:2", "syntax error near \"=\""},
		{`require("failing")`, "failing.lua:3", "from the file"},
		{`require("loop")`, "loop.lua:1", "loop requires itself"},
		{`require("nowhere")`, "test.lua:1", "there is no local file nowhere.lua"},
	}
	for _, test := range refusals {
		_, err := eval(t, w, test.code)
		e := effect.AsError(err)
		if e == nil || e.At != test.at || e.Message != test.message {
			t.Errorf("%s: got %+v", test.code, e)
		}
	}

	// A resumed run reads the stored copies, whatever became of the files.
	stored := map[string][]byte{}
	for name, content := range loaded {
		stored[name] = []byte(content)
	}
	if err := os.RemoveAll(filepath.Join(root, "lib")); err != nil {
		t.Fatal(err)
	}
	w.Files = stored
	if got, err := eval(t, w, `return require("helper").name .. template("conf.tmpl", {name = "y"})`); err != nil || got != "helper of commonname = y\n" {
		t.Errorf("from the stored copies: %v, %v", got, err)
	}
}

func TestLocalFileIsContent(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "a.txt"), []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	box := newSandbox(root, nil, nil, nil)
	g, err := box.find("a.txt")
	if err != nil {
		t.Fatal(err)
	}
	f := &localFile{granted: g}
	sum, err := f.SHA256()
	if err != nil || sum != "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" {
		t.Errorf("hash %s, %v", sum, err)
	}
	if f.Size() != 5 || f.Path() != filepath.Join(root, "a.txt") {
		t.Errorf("size %d, path %s", f.Size(), f.Path())
	}
	folder := &localFile{granted: granted{root, "."}}
	if r, err := folder.Open(); err == nil {
		t.Errorf("a folder was opened as a file: %v", r)
	}
}

func TestWritingLocalFiles(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	box := newSandbox(root, []string{outside}, nil, nil)
	for _, name := range []string{"../x", outside + "/x", "a.lua", "lib/A.LUA", "/etc/passwd"} {
		if f, err := box.forWriting(name); err == nil {
			t.Errorf("%s is granted: %v", name, f)
		}
	}
	f, err := box.forWriting("link/x.txt")
	if err != nil {
		t.Fatal(err)
	}
	if w, err := f.Create(); err == nil {
		t.Errorf("a link led out of the folder: %v", w)
	}
	f, err = box.forWriting("got.txt")
	if err != nil {
		t.Fatal(err)
	}
	w, err := f.Create()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("got")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(filepath.Join(root, "got.txt")); err != nil || string(content) != "got" {
		t.Errorf("got %q, %v", content, err)
	}
	if _, ok := binding.File(&localFile{}).(binding.Writable); ok {
		t.Error("a file for reading can be written")
	}
}

// A VM holds little until its script uses what there is: a run has one for every host.
func TestVMIsSmall(t *testing.T) {
	const count, most = 200, 16 << 10
	p, err := Compile("test.lua", []byte(`return 1`), Options{})
	if err != nil {
		t.Fatal(err)
	}
	vms := make([]*vm, count)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range vms {
		vms[i] = newVM(t.Context(), p, newSandbox("", nil, nil, nil))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / count; each > most { //nolint:gosec // far from the bounds
		t.Errorf("%d bytes each, more than %d", each, most)
	}
	runtime.KeepAlive(vms)
}

// What is made when it is asked for is there for whoever looks at the globals.
func TestGlobalsAreThereBeforeTheirUse(t *testing.T) {
	for _, look := range []string{
		`rawget(_G, "math").floor(1.5) == 1`, `_G.step == step`, `type(rawget(_G, "step")) == "function"`,
		`(function() for name in next, _G do if name == "os" then return true end end end)()`,
		`template("text.tmpl", {}) == "3"`,
	} {
		p, err := Compile("test.lua", []byte("return "+look), Options{})
		if err != nil {
			t.Fatal(err)
		}
		w, _ := testWorld(nil)
		w.Files = map[string][]byte{"text.tmpl": []byte("<%= math.floor(3.5) %>")}
		if got, err := p.Run(t.Context(), w); got != true || err != nil {
			t.Errorf("%s: got %v, %v", look, got, err)
		}
	}
}
