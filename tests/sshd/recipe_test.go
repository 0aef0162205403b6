package sshd_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bsdrun/recipes"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/engine"
	"bsdrun/runtime/inventory"
	"bsdrun/runtime/journal"
	"bsdrun/runtime/sshhost"
	"bsdrun/stdlib"
	"bsdrun/tests/sshd/sshdtest"
)

// own is a server that root logs in to as a user of its own, so that what runs
// leave on a host is not left on this machine.
func own(t *testing.T) *sshdtest.Server {
	t.Helper()
	if os.Geteuid() != 0 {
		return sshdtest.Start(t, sshdtest.Options{})
	}
	name, _ := sshdtest.NewUser(t, "/bin/sh", "")
	return sshdtest.Start(t, sshdtest.Options{User: name})
}

// asHost is a server as the host linux. It keeps its state in a folder of its own: all
// servers of one machine would share a lock otherwise.
func asHost(t *testing.T, s *sshdtest.Server) inventory.Host {
	t.Helper()
	dir, err := os.MkdirTemp(s.Dir, "host")
	if err == nil {
		err = os.Chmod(dir, 0o777)
	}
	if err != nil {
		t.Fatal(err)
	}
	return inventory.Host{
		Name: "linux", Kind: inventory.SSH, Address: s.Address, Port: s.Port, User: s.User,
		Settings: inventory.Settings{StateDir: filepath.Join(dir, "state")},
	}
}

// runOn runs a script on a real server as the command line would.
func runOn(t *testing.T, s *sshdtest.Server, name string, source []byte, params map[string]any) *journal.Report {
	t.Helper()
	host := asHost(t, s)
	r, err := engine.Run(t.Context(), engine.Options{
		Name: name, Source: source, Files: recipes.Library(), Params: params, Modules: stdlib.Modules(),
		Hosts:      []inventory.Host{host},
		SSH:        sshhost.SharedConfig{ConfigFile: "none", AgentSocket: "none", Home: s.Dir},
		KnownHosts: []string{s.KnownHosts}, Settings: engine.Settings{Identity: s.Key, ConnectTimeout: sshdtest.Patience},
	})
	if err != nil {
		t.Fatal(err)
	}
	if h := r.Hosts[0]; h.Changed > 0 {
		if _, err := os.Stat(host.StateDir); err != nil {
			t.Errorf("nothing is kept in the host's state_dir: %v", err)
		}
	}
	return r
}

func TestTheMainJobStopsOnLinuxBeforeAnyChange(t *testing.T) {
	s := own(t)
	source, err := recipes.Files.ReadFile("poudriere.lua")
	if err != nil {
		t.Fatal(err)
	}
	r := runOn(t, s, "poudriere", source, map[string]any{"repository": "https://git.example.org/ports.git"})
	h := r.Hosts[0]
	if h.Status != effect.StatusFailed || h.Changed != 0 || len(h.Steps) != 0 || r.Exit(false) != 2 {
		t.Errorf("got %+v", h)
	}
	if h.Error == nil || !strings.Contains(h.Error.Message, "FreeBSD") || !strings.Contains(h.Error.Message, "Linux") {
		t.Errorf("got %+v", h.Error)
	}
}

func TestScriptsWorkOnARealServer(t *testing.T) {
	s := own(t)
	dir := workDir(t, s.Dir)
	r := runOn(t, s, "ad hoc", []byte(`
		local path = p.dir .. "/a file"
		local first = step("Write", function() return h.file.put(path, "one\ntwo\n", { mode = "0600" }) end)
		local second = step("Write again", function() return h.file.put(path, "one\ntwo\n", { mode = "0600" }) end)
		step("Edit", function() return h.file.lines.ensure(path, "three") end)
		return { first = first.changed, second = second.changed, content = h.file.read(path), os = h.facts.os }
	`), map[string]any{"dir": dir})
	h := r.Hosts[0]
	if h.Error != nil {
		t.Fatalf("%+v", h.Error)
	}
	got := h.Result.(map[string]any)
	if got["first"] != true || got["second"] != false || got["content"] != "one\ntwo\nthree\n" || got["os"] != "Linux" {
		t.Errorf("got %v", got)
	}
	info, err := os.Stat(filepath.Join(dir, "a file"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("on disk: %v, %v", info, err)
	}
}
