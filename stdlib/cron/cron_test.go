package cron_test

import (
	"context"
	"strings"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/stdlib/cron"
	"bsdrun/tests/answers"
	"bsdrun/tests/onsim"
)

var ctx = context.Background()

func host(t *testing.T, profile string) (*onsim.Count, *sim.Machine) {
	t.Helper()
	doer, m := onsim.New(t, profile, base.Tools())
	return &onsim.Count{Doer: doer}, m
}

func sh(t *testing.T, m *sim.Machine, command string) string {
	t.Helper()
	out, errs, code := m.Exec(ctx, "root", command)
	if code != 0 {
		t.Fatalf("%s: code %d: %s", command, code, errs)
	}
	return out
}

// ensure expects a change the first time alone.
func ensure(t *testing.T, h effect.Doer, a cron.EnsureArgs) {
	t.Helper()
	for _, want := range []bool{true, false} {
		done, err := cron.Ensure(ctx, h, a)
		if err != nil || done.Changed != want {
			t.Fatalf("%+v: %+v %v, want changed %v", a, done, err, want)
		}
	}
}

func remove(t *testing.T, h effect.Doer, a cron.RemoveArgs) {
	t.Helper()
	for _, want := range []bool{true, false} {
		done, err := cron.Remove(ctx, h, a)
		if err != nil || done.Changed != want {
			t.Fatalf("%+v: %+v %v, want changed %v", a, done, err, want)
		}
	}
}

var (
	www    = cron.Place{User: "www"}
	system = cron.Place{User: "www", System: true}
)

func TestUserTable(t *testing.T) {
	for _, profile := range []string{"", "freebsd-8.2-zfs-mirror"} {
		h, m := host(t, profile)
		// The comments at the top are not crontab's, and stay.
		sh(t, m, `printf '# one\n# two\n# three\n# four\nMAILTO=""\n\n  5 4 * * sun\techo "100\\%%" # kept' >/tmp/t; echo >>/tmp/t; crontab -u www /tmp/t`)
		theirs := sh(t, m, "cat /tmp/t")
		table := func() string { return sh(t, m, "tail -n +4 /var/cron/tabs/www") }
		ensure(t, h, cron.EnsureArgs{Name: "backup", Schedule: "30  3 * * *", Command: "backup $(date +%F)", Place: www})
		if got, want := table(), theirs+"# bsdrun: backup\n30 3 * * *\tbackup $(date +\\%F)\n"; got != want {
			t.Errorf("%s: %q, want %q", profile, got, want)
		}
		ensure(t, h, cron.EnsureArgs{Name: "second", Schedule: "@daily", Command: "cat", Stdin: "a\nb\n", Place: www})
		no := false
		ensure(t, h, cron.EnsureArgs{Name: "backup", Schedule: "@weekly", Command: "true", Enabled: &no, Place: www})
		if got, want := table(), theirs+"# bsdrun: backup\n# disabled: @weekly\ttrue\n# bsdrun: second\n@daily\tcat%a%b\n"; got != want {
			t.Errorf("%s: %q, want %q", profile, got, want)
		}
		remove(t, h, cron.RemoveArgs{Name: "backup", Place: www})
		remove(t, h, cron.RemoveArgs{Name: "second", Place: www})
		if got := table(); got != theirs {
			t.Errorf("%s: %q, want %q", profile, got, theirs)
		}
	}
}

// TestOwnTable: an empty table goes; a table that nobody installed with crontab
// is read as it is.
func TestOwnTable(t *testing.T) {
	h, m := host(t, "")
	ensure(t, h, cron.EnsureArgs{Name: "x", Schedule: "@daily", Command: "true"})
	remove(t, h, cron.RemoveArgs{Name: "x"})
	sh(t, m, "test ! -e /var/cron/tabs/root")
	remove2, err := cron.Remove(ctx, h, cron.RemoveArgs{Name: "x"})
	if err != nil || remove2.Changed {
		t.Errorf("%+v %v", remove2, err)
	}
	sh(t, m, `printf '# by hand\n# with care\n@hourly true\n' >/var/cron/tabs/root`)
	ensure(t, h, cron.EnsureArgs{Name: "x", Schedule: "@daily", Command: "true"})
	if got := sh(t, m, "tail -n +4 /var/cron/tabs/root"); got != "# by hand\n# with care\n@hourly true\n# bsdrun: x\n@daily\ttrue\n" {
		t.Errorf("%q", got)
	}
	worker := onsim.As(t, m, "worker")
	ensure(t, worker, cron.EnsureArgs{Name: "x", Schedule: "@daily", Command: "true", Place: cron.Place{User: "worker"}})
	if _, err := cron.Ensure(ctx, worker, cron.EnsureArgs{Name: "x", Schedule: "@daily", Command: "true"}); effect.KindOf(err) != effect.Denied {
		t.Errorf("root's: %v", err)
	}
	list, err := cron.List(ctx, worker, cron.ListArgs{User: "worker"})
	if err != nil || len(list) != 1 || list[0].Name != "x" || list[0].File != "/var/cron/tabs/worker" {
		t.Errorf("%+v %v", list, err)
	}
}

func TestSystemFile(t *testing.T) {
	h, m := host(t, "")
	a := cron.EnsureArgs{Name: "backup", Schedule: "@daily", Command: "date +%F", Env: map[string]string{"PATH": "/bin:/usr/bin", "MAILTO": ""}, Place: system}
	ensure(t, h, a)
	if got, want := sh(t, m, "stat -f %Lp /etc/cron.d/backup; cat /etc/cron.d/backup"), "644\nMAILTO=\"\"\nPATH=\"/bin:/usr/bin\"\n# bsdrun: backup\n@daily\twww\tdate +\\%F\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	no := false
	a.Enabled = &no
	ensure(t, h, a)
	list, err := cron.List(ctx, h, cron.ListArgs{})
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, e := range list {
		if e.Name == "backup" {
			named++
			if e.Enabled || e.User != "www" || e.Command != "date +%F" || e.Env["PATH"] != "/bin:/usr/bin" || e.File != "/etc/cron.d/backup" || e.Line != 4 {
				t.Errorf("%+v", e)
			}
		}
		if e.Problem != "" {
			t.Errorf("%+v", e)
		}
	}
	if named != 1 || len(list) < 4 || list[0].File != "/etc/crontab" || list[0].User != "operator" {
		t.Errorf("%+v", list)
	}
	remove(t, h, cron.RemoveArgs{Name: "backup", Place: system})
}

func TestRefusals(t *testing.T) {
	h, m := host(t, "")
	sh(t, m, "echo '@daily root true' >/etc/cron.d/theirs; mkdir -p /var/cron/tabs; echo '99 * * * * true' >/var/cron/tabs/www")
	fine := func(change func(*cron.EnsureArgs)) error {
		a := cron.EnsureArgs{Name: "x", Schedule: "@daily", Command: "true"}
		change(&a)
		_, err := cron.Ensure(ctx, h, a)
		return err
	}
	for name, c := range map[string]struct {
		err  error
		kind effect.ErrKind
		hint string
	}{
		"name":       {fine(func(a *cron.EnsureArgs) { a.Name = "a b" }), effect.Invalid, ""},
		"path":       {fine(func(a *cron.EnsureArgs) { a.Name = "../passwd" }), effect.Invalid, ""},
		"schedule":   {fine(func(a *cron.EnsureArgs) { a.Schedule = "daily" }), effect.Invalid, "crontab(5)"},
		"command":    {fine(func(a *cron.EnsureArgs) { a.Command = "a\nb" }), effect.Invalid, "script"},
		"env":        {fine(func(a *cron.EnsureArgs) { a.Env = map[string]string{"A": "b"} }), effect.Invalid, "env NAME=value"},
		"variable":   {fine(func(a *cron.EnsureArgs) { a.System, a.Env = true, map[string]string{"A B": "b"} }), effect.Invalid, ""},
		"user":       {fine(func(a *cron.EnsureArgs) { a.User = "-l" }), effect.Invalid, ""},
		"nobody":     {fine(func(a *cron.EnsureArgs) { a.User = "nosuch" }), effect.Missing, "h.user.ensure"},
		"nobody's":   {fine(func(a *cron.EnsureArgs) { a.User, a.System = "nosuch", true }), effect.Missing, "h.user.ensure"},
		"foreign":    {fine(func(a *cron.EnsureArgs) { a.Name, a.System = "theirs", true }), effect.Failed, "another name"},
		"broken one": {fine(func(a *cron.EnsureArgs) { a.User = "www" }), effect.Failed, "there before"},
	} {
		if e := effect.AsError(c.err); e == nil || e.Kind != c.kind || !strings.Contains(e.Hint, c.hint) {
			t.Errorf("%s: %v", name, c.err)
		}
	}
	if _, err := cron.Remove(ctx, h, cron.RemoveArgs{Name: "theirs", Place: system}); effect.KindOf(err) != effect.Failed {
		t.Errorf("remove a foreign file: %v", err)
	}
	sh(t, m, "rm -r /etc/cron.d")
	if err := fine(func(a *cron.EnsureArgs) { a.System = true }); effect.KindOf(err) != effect.Missing {
		t.Errorf("no directory: %v", err)
	}
}

func TestCheckMode(t *testing.T) {
	real, m := host(t, "")
	sh(t, m, "echo '@hourly true' | crontab -u www -")
	h := effect.Chain(real, layer.Check())
	ensure(t, h, cron.EnsureArgs{Name: "a", Schedule: "@daily", Command: "true", Place: www})
	ensure(t, h, cron.EnsureArgs{Name: "b", Schedule: "@daily", Command: "true", Place: www})
	ensure(t, h, cron.EnsureArgs{Name: "c", Schedule: "@daily", Command: "true", Place: system})
	remove(t, h, cron.RemoveArgs{Name: "a", Place: www})
	if _, err := cron.List(ctx, h, cron.ListArgs{}); effect.KindOf(err) != effect.Unknown {
		t.Errorf("list: %v", err)
	}
	if real.Changes != 0 || sh(t, m, "crontab -u www -l") != "@hourly true\n" {
		t.Error("check mode changed something")
	}
}

// TestOtherFailures: what crontab says is told.
func TestOtherFailures(t *testing.T) {
	h := answers.New(t)
	h.Fails("crontab -u root -l", answers.Answer{Code: 1, Err: "crontab: you (x) are not allowed to use this program\n"})
	if _, err := cron.Ensure(ctx, h, cron.EnsureArgs{Name: "x", Schedule: "@daily", Command: "true"}); effect.KindOf(err) != effect.Denied {
		t.Error(err)
	}
	h.Fails("crontab -u root -l", answers.Answer{Code: 1, Err: "crontab: /var/cron/tabs/root: Input/output error\n"})
	if _, err := cron.Ensure(ctx, h, cron.EnsureArgs{Name: "x", Schedule: "@daily", Command: "true"}); effect.KindOf(err) != effect.Failed || len(h.Changes) != 0 {
		t.Error(err)
	}
}
