package sshhost

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// configured resolves a host by the given files; "config" is the user's.
func configured(t *testing.T, files map[string]string, cfg Config) (settings, []string) {
	t.Helper()
	home := t.TempDir()
	for name, text := range files {
		file := filepath.Join(home, ".ssh", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var warnings []string
	s := NewShared(SharedConfig{ConfigFile: filepath.Join(home, ".ssh/config"), Home: home, Warn: func(text string) {
		warnings = append(warnings, strings.ReplaceAll(text, home, "~"))
	}})
	set, err := s.resolve(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range [][]string{set.identities, set.known} {
		for i := range list {
			list[i] = strings.ReplaceAll(list[i], home, "~")
		}
	}
	return set, warnings
}

const userConfig = `# mine
Include conf.d/*.conf
Host *.example.org !old.example.org
  User ops
  Port=2222
  IdentityFile ~/.ssh/%r_key
  IdentitiesOnly yes
Host old.example.org
  KexAlgorithms +diffie-hellman-group1-sha1
  HostName 192.0.2.8
Match exec "test -e /tmp/x"
  User nobody
Match host 192.0.2.8 user root
  HostKeyAlias "the old one"
  Include only-old
Match originalhost build !user admin
  ProxyJump bastion
Host *
  User fallback
  ConnectTimeout 3
  UserKnownHostsFile ~/.ssh/kh_%h /dev/null
  GlobalKnownHostsFile none
`

// A simulated machine has longer to answer where nothing is said of it.
func TestConnectTimeout(t *testing.T) {
	dial := func(context.Context) (net.Conn, error) { return nil, net.ErrClosed }
	for want, cfg := range map[time.Duration]Config{
		connectTimeout:   {Address: "x"},
		simulatedTimeout: {Address: "x", Dialer: dial},
		time.Second:      {Address: "x", Dialer: dial, ConnectTimeout: time.Second},
	} {
		if set, _ := configured(t, nil, cfg); set.timeout != want {
			t.Errorf("%s, not %s", set.timeout, want)
		}
	}
}

func TestSSHConfig(t *testing.T) {
	files := map[string]string{
		"config":        userConfig,
		"conf.d/a.conf": "Host build\n  Hostname build.example.org\n",
		"only-old":      "Port 2022\n",
	}
	set, warnings := configured(t, files, Config{Address: "www.example.org"})
	if set.user != "ops" || set.port != 2222 || set.host != "www.example.org" || !set.onlyThese || set.timeout != 3*time.Second {
		t.Errorf("www: %+v", set)
	}
	if diff := cmp.Diff([]string{"~/.ssh/ops_key"}, set.identities); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"~/.ssh/kh_www.example.org", "/dev/null"}, set.known); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"~/.ssh/config:11: Match exec is not supported: the lines below it are skipped"}, warnings); diff != "" {
		t.Error(diff)
	}

	set, _ = configured(t, files, Config{Address: "old.example.org", User: "root"})
	if set.host != "192.0.2.8" || set.port != 2022 || set.keyAlias != "the old one" || set.knownAs() != "the old one:22" {
		t.Errorf("old: %+v", set)
	}
	if got := set.algorithms["KexAlgorithms"]; got != "+diffie-hellman-group1-sha1" {
		t.Errorf("kex: %q", got)
	}

	set, _ = configured(t, files, Config{Address: "build"})
	if set.host != "build.example.org" || set.user != "fallback" || set.jump != "bastion" {
		t.Errorf("build: %+v", set)
	}
	set, _ = configured(t, files, Config{Address: "build", User: "admin"})
	if set.jump != "" {
		t.Errorf("build as admin: %+v", set)
	}
	set, _ = configured(t, files, Config{Address: "ops@build:2200", Jump: "none"})
	if set.jump != "" || set.user != "ops" || set.port != 2200 {
		t.Errorf("the command line counts less than the file: %+v", set)
	}
}

func TestSSHConfigErrors(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"loop": "Include " + dir + "/loop\n", "port": "Port x\n", "range": "Port 70000\n"} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if set, err := NewShared(SharedConfig{ConfigFile: file}).resolve(Config{Address: "x"}); err == nil {
			t.Errorf("%s: %+v", name, set)
		}
	}
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string]struct {
		host string
		port int
	}{
		"name":               {"name", 0},
		"name:2222":          {"name", 2222},
		"192.0.2.1:22":       {"192.0.2.1", 22},
		"2001:db8::1":        {"2001:db8::1", 0},
		"[2001:db8::1]":      {"2001:db8::1", 0},
		"[2001:db8::1]:2222": {"2001:db8::1", 2222},
		"ssh://u@name:22/":   {"u@name", 22},
	} {
		if host, port := splitAddress(text); host != want.host || port != want.port {
			t.Errorf("%s: %s, %d", text, host, port)
		}
	}
}

func TestAlgorithmLines(t *testing.T) {
	defaults, all := []string{"a1", "a2", "b"}, []string{"a1", "a2", "b", "old"}
	for line, want := range map[string][]string{
		"":       {"a1", "a2", "b"},
		"b,a2":   {"b", "a2"},
		"+old":   {"a1", "a2", "b", "old"},
		"+b":     {"a1", "a2", "b"},
		"-a*":    {"b"},
		"^b":     {"b", "a1", "a2"},
		"none":   nil,
		"a*,old": {"a1", "a2", "old"},
	} {
		if diff := cmp.Diff(want, algorithms(line, defaults, all)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", line, diff)
		}
	}
}

func FuzzSSHConfig(f *testing.F) {
	f.Add(userConfig, "www.example.org")
	f.Add("Host a\nMatch !host b user c\nPort 22\n", "u@a:22")
	f.Fuzz(func(t *testing.T, text, address string) {
		if strings.Contains(strings.ToLower(text), "include") {
			return // would read this machine's files
		}
		file := filepath.Join(t.TempDir(), "config")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		set, err := NewShared(SharedConfig{ConfigFile: file, Home: "/nonexistent"}).resolve(Config{Address: address})
		if err == nil && (set.port < 1 || set.user == "") {
			t.Errorf("%+v", set)
		}
	})
}
