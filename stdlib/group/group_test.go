package group_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/sim/base"
	"bsdrun/stdlib/group"
	"bsdrun/tests/answers"
	"bsdrun/tests/onsim"
)

var ctx = context.Background()

func host(t *testing.T, profile string) *onsim.Count {
	t.Helper()
	doer, m := onsim.New(t, profile, base.Tools())
	if _, errs, code := m.Exec(ctx, "root", "pw useradd alice && pw useradd bob"); code != 0 {
		t.Fatal(errs)
	}
	return &onsim.Count{Doer: doer}
}

func get(t *testing.T, h effect.Doer, name string) group.Details {
	t.Helper()
	d, err := group.Get(ctx, h, group.NameArgs{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// ensure expects a change the first time alone.
func ensure(t *testing.T, h effect.Doer, a group.EnsureArgs) {
	t.Helper()
	for _, want := range []bool{true, false} {
		done, err := group.Ensure(ctx, h, a)
		if err != nil || done.Changed != want {
			t.Fatalf("%+v: %+v %v, want changed %v", a, done, err, want)
		}
	}
}

func TestLifeOfAGroup(t *testing.T) {
	for _, profile := range []string{"", "freebsd-8.2-zfs-mirror"} {
		h := host(t, profile)
		if d := get(t, h, "builders"); d.Exists || d.GID != 0 || len(d.Members) != 0 {
			t.Errorf("at first: %+v", d)
		}
		ensure(t, h, group.EnsureArgs{Name: "builders"})
		gid := 4711
		ensure(t, h, group.EnsureArgs{Name: "builders", GID: &gid, Members: []string{"alice"}})
		ensure(t, h, group.EnsureArgs{Name: "builders", Members: []string{"bob"}, Append: true})
		if d := get(t, h, "builders"); d.GID != 4711 || !slices.Equal(d.Members, []string{"alice", "bob"}) {
			t.Errorf("%+v", d)
		}
		if done, err := group.Ensure(ctx, h, group.EnsureArgs{Name: "builders", Members: []string{"bob", "alice"}}); err != nil || done.Changed {
			t.Errorf("another order: %+v %v", done, err)
		}
		ensure(t, h, group.EnsureArgs{Name: "builders", Members: []string{}})
		if d := get(t, h, "builders"); len(d.Members) != 0 {
			t.Errorf("%+v", d)
		}
		list, err := group.List(ctx, h)
		if err != nil || list[0].Name != "wheel" || !slices.ContainsFunc(list, func(g group.Group) bool { return g.Name == "builders" && g.GID == 4711 }) {
			t.Errorf("%+v %v", list, err)
		}
		for _, want := range []bool{true, false} {
			if done, err := group.Remove(ctx, h, group.NameArgs{Name: "builders"}); err != nil || done.Changed != want {
				t.Errorf("remove: %+v %v", done, err)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	h := host(t, "")
	zero := 0
	for name, c := range map[string]struct {
		try  func() error
		kind effect.ErrKind
		hint string
	}{
		"no name":   {func() error { _, err := group.Ensure(ctx, h, group.EnsureArgs{Name: "a b"}); return err }, effect.Invalid, ""},
		"an option": {func() error { _, err := group.Get(ctx, h, group.NameArgs{Name: "-a"}); return err }, effect.Invalid, ""},
		"a number":  {func() error { _, err := group.Get(ctx, h, group.NameArgs{Name: "0"}); return err }, effect.Invalid, ""},
		"strange member": {func() error {
			_, err := group.Ensure(ctx, h, group.EnsureArgs{Name: "x", Members: []string{"a,b"}})
			return err
		}, effect.Invalid, ""},
		"no such member": {func() error {
			_, err := group.Ensure(ctx, h, group.EnsureArgs{Name: "x", Members: []string{"nobodyelse"}})
			return err
		}, effect.Missing, "h.user.ensure"},
		"number taken": {func() error { _, err := group.Ensure(ctx, h, group.EnsureArgs{Name: "x", GID: &zero}); return err }, effect.Failed, "leave it out"},
		"another's":    {func() error { _, err := group.Ensure(ctx, h, group.EnsureArgs{Name: "alice", GID: &zero}); return err }, effect.Failed, ""},
		"first group":  {func() error { _, err := group.Remove(ctx, h, group.NameArgs{Name: "alice"}); return err }, effect.Failed, "alice"},
	} {
		err := c.try()
		if e := effect.AsError(err); e == nil || e.Kind != c.kind || !strings.Contains(e.Hint, c.hint) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNotRoot(t *testing.T) {
	_, m := onsim.New(t, "", base.Tools())
	if _, err := group.Ensure(ctx, onsim.As(t, m, "worker"), group.EnsureArgs{Name: "x"}); effect.KindOf(err) != effect.Denied {
		t.Error(err)
	}
}

func TestCheckMode(t *testing.T) {
	real := host(t, "")
	h := effect.Chain(real, layer.Check())
	ensure(t, h, group.EnsureArgs{Name: "builders", Members: []string{"alice"}})
	if _, err := group.Get(ctx, h, group.NameArgs{Name: "builders"}); effect.KindOf(err) != effect.Unknown {
		t.Errorf("its number: %v", err)
	}
	gid := 4711
	ensure(t, h, group.EnsureArgs{Name: "others", GID: &gid})
	if d := get(t, h, "others"); !d.Exists || d.GID != 4711 {
		t.Errorf("%+v", d)
	}
	if d := get(t, h, "wheel"); !d.Exists {
		t.Errorf("another one: %+v", d)
	}
	for _, want := range []bool{true, false} {
		if done, err := group.Remove(ctx, h, group.NameArgs{Name: "others"}); err != nil || done.Changed != want {
			t.Errorf("remove: %+v %v", done, err)
		}
	}
	if real.Changes != 0 {
		t.Error("check mode changed something")
	}
}

// TestDiff shows what a person sees beforehand, and the command.
func TestDiff(t *testing.T) {
	h := answers.New(t)
	h.Says("/usr/sbin/pw groupshow -n builders", "builders:*:1003:alice\n")
	h.Says("/usr/sbin/pw groupmod", "")
	if _, err := group.Ensure(ctx, h, group.EnsureArgs{Name: "builders", Members: []string{"bob"}, Append: true}); err != nil {
		t.Fatal(err)
	}
	e := h.Changes[0]
	if answers.Line(e) != "/usr/sbin/pw groupmod -n builders -M alice,bob" ||
		string(e.Diff.Before) != "builders:*:1003:alice\n" || string(e.Diff.After) != "builders:*:1003:alice,bob\n" {
		t.Errorf("%q %q %q", answers.Line(e), e.Diff.Before, e.Diff.After)
	}
	if !slices.Contains(e.Writes, "user:bob") || slices.Contains(e.Writes, "user:alice") {
		t.Errorf("writes %q", e.Writes)
	}
}

func TestOtherFailures(t *testing.T) {
	h := answers.New(t)
	h.Fails("/usr/sbin/pw groupshow", answers.Answer{Code: 65, Err: "pw: /etc/group is corrupt\n"})
	if _, err := group.Get(ctx, h, group.NameArgs{Name: "x"}); effect.KindOf(err) != effect.Failed {
		t.Error(err)
	}
	h.Says("/usr/sbin/pw groupshow", "nonsense\n")
	if _, err := group.Get(ctx, h, group.NameArgs{Name: "x"}); effect.KindOf(err) != effect.Failed {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("wheel:*:0:root,alice\nstaff:*:20:\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, g := range group.Parse(text) {
			again := group.Parse(g.Line())
			if len(again) != 1 || again[0].Name != g.Name || !slices.Equal(again[0].Members, g.Members) {
				t.Errorf("%q: %+v, again %+v", text, g, again)
			}
		}
	})
}
