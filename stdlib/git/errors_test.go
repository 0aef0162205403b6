package git

import (
	"strings"
	"testing"

	"bsdrun/runtime/effect"
)

// TestExplain holds every recorded failure against its kind and a word of its
// hint.
func TestExplain(t *testing.T) {
	for _, c := range []struct {
		file, command string
		kind          effect.ErrKind
		message, hint string
	}{
		{"auth.txt", "GIT_TERMINAL_PROMPT=0 git clone http://127.0.0.1:8971/private.git x", effect.Denied, "terminal prompts disabled", "deploy_key"},
		{"auth.txt", "git clone http://user:bad@127.0.0.1:8971/private.git x", effect.Denied, "Authentication failed", "login in the address"},
		{"auth.txt", "git clone http://127.0.0.1:8971/forbidden.git x", effect.Denied, "error: 403", "forbids"},
		{"auth.txt", "git clone http://127.0.0.1:8971/missing.git x", effect.Missing, "not found", "http://127.0.0.1:8971/missing.git"},
		{"auth.txt", "GIT_TERMINAL_PROMPT=1 setsid -w git clone http://127.0.0.1:8971/private.git x", effect.Denied, "could not read Username", "deploy_key"},
		{"clone-errors.txt", "git clone file:///srv/none.git x", effect.Missing, "does not appear", "/srv/none.git"},
		{"clone-errors.txt", "git clone -b nobranch file:///srv/repo.git x", effect.Missing, "Remote branch nobranch", "no branch nobranch"},
		{"clone-errors.txt", "git clone https://127.0.0.1:9/r.git x", effect.Failed, "Failed to connect", "does not answer"},
		{"clone-errors.txt", "git clone https://no-such-host.invalid/r.git x", effect.Failed, "Could not resolve", "cannot resolve no-such-host.invalid"},
		{"clone-errors.txt", "git clone bogus://x/y x", effect.Invalid, "", "bogus:"},
		{"clone-errors.txt", "GIT_SSH_COMMAND='ssh -oBatchMode=yes -oConnectTimeout=2' git clone git@127.0.0.1:r.git x", effect.Failed, "Connection refused", "does not answer"},
		{"dubious-ownership.txt", "git status", effect.Denied, "dubious ownership", "/srv/w1 belongs to another user"},
		{"checkout.txt", "git checkout nosuch", effect.Missing, "pathspec", "no branch, tag or file nosuch"},
		{"checkout.txt", "git checkout dev   # dirty tree, file differs?", effect.Failed, "local changes", "force=true"},
		{"pull.txt", "git pull   # dirty f1", effect.Failed, "local changes", "force=true"},
		{"pull.txt", "git pull --rebase   # dirty", effect.Failed, "unstaged changes", "force=true"},
		{"conflict.txt", "git pull --rebase", effect.Failed, "Merge conflict in f1", "git rebase --abort"},
		{"query.txt", "git rev-parse nosuch", effect.Missing, "ambiguous argument", "git.fetch"},
		{"query.txt", "git -C ../w2 describe", effect.Missing, "No names found", "no tag"},
		{"query.txt", "cd / && git rev-parse HEAD", effect.Missing, "not a git repository", "git.clone"},
	} {
		e := recorded(t, c.file, c.command, 0)
		if e.exit == 0 {
			t.Fatalf("%s: %s did not fail", c.file, c.command)
		}
		got := effect.AsError(explain(&effect.Error{Op: "git.test", Kind: effect.Failed, Code: e.exit, Command: "git", Out: e.stdout, Err: e.stderr}))
		if got.Kind != c.kind || !strings.Contains(got.Hint, c.hint) || !strings.Contains(got.Message, c.message) {
			t.Errorf("%s: %s\nkind %s, want %s\nmessage %q, want %q\nhint %q, want %q", c.file, c.command, got.Kind, c.kind, got.Message, c.message, got.Hint, c.hint)
		}
	}
}

// Failures that reference/git lists without a recording.
func TestExplainUnrecorded(t *testing.T) {
	for text, want := range map[string]effect.ErrKind{
		"fatal: Unable to create '/srv/w/.git/index.lock': File exists.":                 effect.Failed,
		"fatal: Not possible to fast-forward, aborting.":                                 effect.Failed,
		"fatal: Need to specify how to reconcile divergent branches.":                    effect.Failed,
		"Host key verification failed.\nfatal: Could not read from remote repository.":   effect.Denied,
		"git@example.org: Permission denied (publickey).\nfatal: Could not read from x.": effect.Denied,
		"fatal: couldn't find remote ref refs/heads/x":                                   effect.Missing,
		"fatal: write error: No space left on device":                                    effect.Failed,
	} {
		got := effect.AsError(explain(&effect.Error{Kind: effect.Failed, Code: 128, Err: text}))
		if got.Kind != want || got.Hint == "" {
			t.Errorf("%q: kind %s, hint %q", text, got.Kind, got.Hint)
		}
	}
	got := effect.AsError(explain(&effect.Error{Kind: effect.Failed, Code: 127, Err: "sh: git: not found"}))
	if got.Kind != effect.Missing || !strings.Contains(got.Hint, "pkg.install") {
		t.Errorf("git is missing: %s, %q", got.Kind, got.Hint)
	}
}
