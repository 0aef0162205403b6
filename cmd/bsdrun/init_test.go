package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestInit begins a project and works with it as its README says.
func TestInit(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	t.Chdir(t.TempDir())
	do := func(want int, args ...string) string {
		t.Helper()
		var out, errOut bytes.Buffer
		if code := run(context.Background(), args, strings.NewReader(""), &out, &errOut); code != want {
			t.Fatalf("bsdrun %q: exit code %d\n%s%s", args, code, out.String(), errOut.String())
		}
		return out.String() + errOut.String()
	}
	told := do(0, "init", "site")
	if !strings.Contains(told, "cd site\n") {
		t.Error(told)
	}
	t.Chdir("site")
	if out := do(0, "lint"); !strings.Contains(out, "2 files, nothing found") {
		t.Error(out)
	}
	if out := do(0, "test", "--min-coverage", "100"); !strings.Contains(out, "5 passed, 0 failed") {
		t.Error(out)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := 0
	for line := range strings.Lines(told + string(readme)) {
		args := commandLine(t, strings.TrimSpace(line))
		if args == nil {
			continue
		}
		for i, arg := range args {
			switch arg {
			case "web": // hosts of the inventory that nobody can reach here
				if !slices.Contains(args, "-i") {
					t.Errorf("%s does not name the inventory", line)
				}
				args[i] = "sim:"
				args = append(args, "-p", "text=Hello")
			case "banner":
				args[i] = "banner.lua"
			}
		}
		do(0, args...)
		commands++
	}
	if commands < 10 {
		t.Errorf("only %d commands were found", commands)
	}
	if out := do(0, "-i", "inventory.toml", "hosts", "web"); !strings.Contains(out, "web2.example.org") {
		t.Error(out)
	}
	var settings map[string]any
	text, err := os.ReadFile(".luarc.json")
	if err == nil {
		err = json.Unmarshal(text, &settings)
	}
	if err != nil || settings["runtime.version"] != "Lua 5.1" {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestInitOverwritesNothing keeps what is there, all of it.
func TestInitOverwritesNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("banner.lua", []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	do := func(want int, args ...string) string {
		t.Helper()
		var out, errOut bytes.Buffer
		if code := run(context.Background(), args, strings.NewReader(""), &out, &errOut); code != want {
			t.Errorf("bsdrun %q: exit code %d\n%s%s", args, code, out.String(), errOut.String())
		}
		return errOut.String()
	}
	if told := do(64, "init"); !strings.Contains(told, "banner.lua exists already: nothing was written") {
		t.Error(told)
	}
	entries, err := os.ReadDir(".")
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
	if text, err := os.ReadFile("banner.lua"); err != nil || string(text) != "mine" {
		t.Errorf("%q, %v", text, err)
	}
	do(64, "init", "--stubs")
	do(0, "init", "new")
	stub := filepath.Join("new", "_meta", "zpool.lua")
	if err := os.WriteFile(stub, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	do(0, "init", "--stubs", "new")
	if text, err := os.ReadFile(stub); err != nil || !strings.Contains(string(text), "---@class h.zpool") {
		t.Errorf("%v: the stub was not renewed", err)
	}
	do(64, "init", "--stubs", "banner.lua")
}
