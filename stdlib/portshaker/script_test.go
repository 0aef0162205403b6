package portshaker

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestScriptsUnderRealShell runs the scripts that SourcePut writes with the
// /bin/sh of this machine, over a library that tells what it was given.
func TestScriptsUnderRealShell(t *testing.T) {
	dir := t.TempDir()
	library := filepath.Join(dir, "portshaker.subr")
	tell := "git_branch=master\nrun_portshaker_command() {\n\techo \"$# $*\"\n\techo \"$method|$git_clone_uri|$git_branch|$rsync_source_path|$extra\"\n}\n"
	if err := os.WriteFile(library, []byte(tell), 0o644); err != nil {
		t.Fatal(err)
	}
	odd := `https://git.example.org/a b/$x"y'z` + "`id`.git"
	for _, c := range []struct {
		args  SourcePutArgs
		call  []string
		wants string
	}{
		{SourcePutArgs{Method: "git", URI: odd, Branch: "main"}, []string{"--", "update"}, "1 update\ngit|" + odd + "|main||"},
		{SourcePutArgs{Method: "git", URI: "u", Branch: "dev"}, []string{"user", "proj", "--", "clone_to", "-t", "/x y"}, "3 clone_to -t /x y\ngit|u|dev||"},
		// Releases before 1.0.11 put nothing before the command.
		{SourcePutArgs{Method: "rsync", URI: "host::ports", Settings: map[string]string{"extra": "e"}}, []string{"merge_to", "-m", "a", "-t", "b"}, "5 merge_to -m a -t b\nrsync||master|host::ports|e"},
	} {
		script := filepath.Join(dir, "source")
		text := strings.ReplaceAll(c.args.script(), subrPath, library)
		if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(context.Background(), "sh", "-n", script).CombinedOutput(); err != nil {
			t.Errorf("sh -n: %v\n%s\n%s", err, out, text)
		}
		out, err := exec.CommandContext(context.Background(), "sh", append([]string{script}, c.call...)...).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != c.wants {
			t.Errorf("%q: got %q, want %q (%v)\n%s", c.call, got, c.wants, err, text)
		}
	}
}

func TestSourcePutRefuses(t *testing.T) {
	for name, bad := range map[string]SourcePutArgs{
		"a path":               {Name: "../x", Method: "git", URI: "u"},
		"arguments":            {Name: "github:a:b", Method: "git", URI: "u"},
		"no address":           {Name: "x", Method: "git"},
		"an option as address": {Name: "x", Method: "git", URI: "--upload-pack=evil"},
		"a branch of rsync":    {Name: "x", Method: "rsync", URI: "u", Branch: "main"},
		"an option as branch":  {Name: "x", Method: "git", URI: "u", Branch: "-b"},
		"portsnap's address":   {Name: "x", Method: "portsnap", URI: "u"},
		"cvs without a module": {Name: "x", Method: "cvs", URI: "u"},
	} {
		if bad.check("portshaker.source.put") == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	for _, good := range []SourcePutArgs{
		{Name: "freebsd", Method: "git", URI: "https://git.FreeBSD.org/ports.git"}, {Name: "old", Method: "portsnap"},
		{Name: "a", Method: "svn+subtrees", URI: "u", Subtrees: []string{"x"}}, {Name: "b", Method: "csup", Supfile: "/etc/ports-supfile"},
	} {
		if err := good.check("portshaker.source.put"); err != nil {
			t.Error(err)
		}
	}
}
