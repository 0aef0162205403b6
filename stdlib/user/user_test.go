package user_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/stdlib/group"
	"bsdrun/stdlib/user"
	"bsdrun/tests/onsim"
)

var ctx = context.Background()

func host(t *testing.T, profile string) (*onsim.Count, *sim.Machine) {
	t.Helper()
	doer, m := onsim.New(t, profile, base.Tools())
	return &onsim.Count{Doer: doer}, m
}

func get(t *testing.T, h effect.Doer, name string) user.Details {
	t.Helper()
	d, err := user.Get(ctx, h, user.NameArgs{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// ensure expects a change the first time alone.
func ensure(t *testing.T, h effect.Doer, a user.EnsureArgs) user.Ensured {
	t.Helper()
	var first user.Ensured
	for _, want := range []bool{true, false} {
		done, err := user.Ensure(ctx, h, a)
		if err != nil || done.Changed != want {
			t.Fatalf("%+v: %+v %v, want changed %v", a, done, err, want)
		}
		if want {
			first = done
		}
	}
	return first
}

func sh(t *testing.T, m *sim.Machine, command string) string {
	t.Helper()
	out, errs, code := m.Exec(ctx, "root", command)
	if code != 0 {
		t.Fatalf("%s: code %d: %s", command, code, errs)
	}
	return out
}

func text(s string) *string { return &s }
func yes() *bool            { b := true; return &b }
func no() *bool             { b := false; return &b }

func TestLifeOfAUser(t *testing.T) {
	for _, profile := range []string{"", "freebsd-8.2-zfs-mirror"} {
		h, m := host(t, profile)
		if d := get(t, h, "alice"); d.Exists || d.Name != "alice" {
			t.Errorf("at first: %+v", d)
		}
		uid := 4711
		sh(t, m, "pw groupadd builders")
		done := ensure(t, h, user.EnsureArgs{
			Name: "alice", UID: &uid, Groups: []string{"wheel", "builders"}, Class: text("staff"), Comment: text("Alice"),
			HomeMode: "0750", Expire: "2099-12-31",
		})
		if done.UID != 4711 || done.GID != 4711 || done.Home != "/home/alice" {
			t.Errorf("%+v", done)
		}
		d := get(t, h, "alice")
		if d.UID != 4711 || d.Group != "alice" || !slices.Equal(d.Groups, []string{"wheel", "builders"}) || d.Class != "staff" ||
			d.Comment != "Alice" || d.Shell != "/bin/sh" || d.Password != "none" || d.Locked ||
			d.Expire == nil || !d.Expire.Equal(time.Date(2099, 12, 31, 0, 0, 0, 0, time.UTC)) || d.Change != nil {
			t.Errorf("%s: %+v", profile, d)
		}
		if out := sh(t, m, "stat -f '%Lp %u' /home/alice"); out != "750 4711\n" {
			t.Errorf("home: %q", out)
		}
		ensure(t, h, user.EnsureArgs{Name: "alice", Groups: []string{"operator"}, Append: true})
		ensure(t, h, user.EnsureArgs{Name: "alice", Group: "builders", Groups: []string{"operator"}, Shell: "/bin/csh", Expire: "never", Class: text("")})
		if d = get(t, h, "alice"); d.Group != "builders" || !slices.Equal(d.Groups, []string{"operator"}) || d.Shell != "/bin/csh" || d.Expire != nil || d.Class != "" {
			t.Errorf("%+v", d)
		}
		ensure(t, h, user.EnsureArgs{Name: "alice", Groups: []string{}})
		ensure(t, h, user.EnsureArgs{Name: "alice", Home: "/home/wonderland"})
		if out := sh(t, m, "ls -d /home/alice /home/wonderland"); strings.Count(out, "\n") != 2 {
			t.Errorf("homes: %q", out)
		}
		ensure(t, h, user.EnsureArgs{Name: "alice", Locked: yes()})
		if d = get(t, h, "alice"); !d.Locked || d.Password != "none" {
			t.Errorf("locked: %+v", d)
		}
		ensure(t, h, user.EnsureArgs{Name: "alice", Locked: no()})
		list, err := user.List(ctx, h)
		if err != nil || list[0].UID != 0 || !slices.ContainsFunc(list, func(a user.Account) bool { return a.Name == "alice" && a.Group == "builders" }) {
			t.Errorf("list: %+v %v", list, err)
		}
		for _, want := range []bool{true, false} {
			if done, err := user.Remove(ctx, h, user.RemoveArgs{Name: "alice", Home: true}); err != nil || done.Changed != want {
				t.Errorf("remove: %+v %v", done, err)
			}
		}
		if out := sh(t, m, "ls -d /home/*"); strings.Contains(out, "wonderland") {
			t.Errorf("its home is there: %q", out)
		}
	}
}

// TestHome: a home directory that is missing is made, unless nobody wants it.
func TestHome(t *testing.T) {
	h, m := host(t, "")
	ensure(t, h, user.EnsureArgs{Name: "bob", CreateHome: no(), Home: "/srv/bob"})
	sh(t, m, "mkdir -p /srv && test ! -d /srv/bob")
	ensure(t, h, user.EnsureArgs{Name: "bob"})
	if out := sh(t, m, "ls -A /srv/bob"); !strings.Contains(out, ".profile") {
		t.Errorf("no files of the skeleton: %q", out)
	}
	ensure(t, h, user.EnsureArgs{Name: "daemonic", Home: "/nonexistent", Shell: "/usr/sbin/nologin"})
}

const (
	hash1 = "$6$saltsaltsaltsalt$oneoneoneone"
	hash2 = "$6$saltsaltsaltsalt$twotwotwotwo"
)

func secret(s string) effect.Secret { return effect.NewSecret("password", s) }

// spy sees what is sent to a host.
type spy struct {
	effect.Doer
	sent []string
	told []string // results
}

func (s *spy) Do(ctx context.Context, e effect.Effect) (effect.Result, error) {
	s.sent = append(s.sent, strings.Join(e.Argv, " ")+e.Shell+e.Title)
	res, err := s.Doer.Do(ctx, e)
	s.told = append(s.told, string(res.Stdout.Tail(1<<16))+string(res.Stderr.Tail(1<<16)))
	return res, err
}

func TestPassword(t *testing.T) {
	h, m := host(t, "")
	s := &spy{Doer: h}
	field := func() string { return strings.TrimSpace(sh(t, m, "grep ^alice: /etc/master.passwd | cut -d : -f 2")) }
	ensure(t, s, user.EnsureArgs{Name: "alice", PasswordHash: secret(hash1)})
	if field() != hash1 {
		t.Errorf("%q", field())
	}
	ensure(t, s, user.EnsureArgs{Name: "alice", PasswordHash: secret(hash2)})
	if field() != hash2 || get(t, h, "alice").Password != "set" {
		t.Errorf("%q", field())
	}
	ensure(t, s, user.EnsureArgs{Name: "alice", Locked: yes()})
	if field() != "*LOCKED*"+hash2 {
		t.Errorf("%q", field())
	}
	// A locked account stays so with another password, and is at no time open.
	changes := h.Changes
	ensure(t, s, user.EnsureArgs{Name: "alice", PasswordHash: secret(hash1)})
	if field() != "*LOCKED*"+hash1 || h.Changes != changes+1 {
		t.Errorf("%q, %d changes", field(), h.Changes-changes)
	}
	ensure(t, s, user.EnsureArgs{Name: "alice", PasswordHash: secret(hash2), Locked: no()})
	if field() != hash2 {
		t.Errorf("%q", field())
	}
	// What is typed is set once: an account that has a password keeps it.
	if done, err := user.Ensure(ctx, s, user.EnsureArgs{Name: "alice", Password: secret("hunter2")}); err != nil || done.Changed {
		t.Errorf("%+v %v", done, err)
	}
	ensure(t, s, user.EnsureArgs{Name: "bob", Password: secret("hunter2"), Locked: yes()})
	if d := get(t, h, "bob"); d.Password != "set" || !d.Locked {
		t.Errorf("%+v", d)
	}
	for _, text := range append(s.sent, s.told...) {
		for _, hidden := range []string{hash1, hash2, "hunter2"} {
			if strings.Contains(text, hidden) {
				t.Errorf("a password shows in %q", text)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	h, m := host(t, "")
	sh(t, m, "pw useradd alice && pw groupadd builders && pw groupadd crew -M alice")
	minus, zero := -1, 0
	for name, c := range map[string]struct {
		args user.EnsureArgs
		kind effect.ErrKind
		hint string
	}{
		"no name":          {user.EnsureArgs{Name: ""}, effect.Invalid, ""},
		"an option":        {user.EnsureArgs{Name: "-a"}, effect.Invalid, ""},
		"a number":         {user.EnsureArgs{Name: "1001"}, effect.Invalid, ""},
		"negative":         {user.EnsureArgs{Name: "x", UID: &minus}, effect.Invalid, ""},
		"empty group":      {user.EnsureArgs{Name: "x", Groups: []string{""}}, effect.Invalid, ""},
		"colon":            {user.EnsureArgs{Name: "x", Comment: text("a:b")}, effect.Invalid, ""},
		"class":            {user.EnsureArgs{Name: "x", Class: text("a:b")}, effect.Invalid, ""},
		"relative home":    {user.EnsureArgs{Name: "x", Home: "x"}, effect.Invalid, ""},
		"relative shell":   {user.EnsureArgs{Name: "x", Shell: "sh"}, effect.Invalid, ""},
		"no day":           {user.EnsureArgs{Name: "x", Expire: "tomorrow"}, effect.Invalid, ""},
		"no mode":          {user.EnsureArgs{Name: "x", HomeMode: "u=rwx"}, effect.Invalid, ""},
		"two passwords":    {user.EnsureArgs{Name: "x", Password: secret("a"), PasswordHash: secret("b")}, effect.Invalid, ""},
		"hash with colon":  {user.EnsureArgs{Name: "x", PasswordHash: secret("a:b")}, effect.Invalid, ""},
		"two lines":        {user.EnsureArgs{Name: "x", Password: secret("a\nb")}, effect.Invalid, ""},
		"missing group":    {user.EnsureArgs{Name: "x", Groups: []string{"nosuch"}}, effect.Missing, "h.group.ensure"},
		"missing first":    {user.EnsureArgs{Name: "x", Group: "nosuch"}, effect.Missing, "h.group.ensure"},
		"missing shell":    {user.EnsureArgs{Name: "x", Shell: "/usr/local/bin/zsh"}, effect.Missing, "h.pkg.install"},
		"number taken":     {user.EnsureArgs{Name: "x", UID: &zero}, effect.Failed, "leave it out"},
		"number of root":   {user.EnsureArgs{Name: "alice", UID: &zero}, effect.Failed, ""},
		"own group taken":  {user.EnsureArgs{Name: "crew"}, effect.Failed, "group="},
		"locking us":       {user.EnsureArgs{Name: "root", Locked: yes()}, effect.Failed, "somebody else"},
		"no shell for us":  {user.EnsureArgs{Name: "root", Shell: "/usr/sbin/nologin"}, effect.Failed, "somebody else"},
		"an end of us":     {user.EnsureArgs{Name: "root", Expire: "2030-01-01"}, effect.Failed, "somebody else"},
		"us with a number": {user.EnsureArgs{Name: "alice", Groups: []string{"0"}}, effect.Invalid, ""},
	} {
		_, err := user.Ensure(ctx, h, c.args)
		if e := effect.AsError(err); e == nil || e.Kind != c.kind || !strings.Contains(e.Hint, c.hint) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if h.Changes != 1 { // a number that is taken, pw(8) itself refuses
		t.Errorf("%d changes", h.Changes)
	}
	if _, err := user.Remove(ctx, h, user.RemoveArgs{Name: "root"}); effect.KindOf(err) != effect.Failed {
		t.Errorf("remove root: %v", err)
	}
	if _, err := user.Remove(ctx, h, user.RemoveArgs{Name: "toor"}); effect.KindOf(err) != effect.Failed {
		t.Errorf("remove toor: %v", err)
	}
	if out := sh(t, m, "grep -c ^x: /etc/master.passwd || true"); out != "0\n" {
		t.Errorf("something of a refused user is there: %q", out)
	}
}

// TestBecome: whoever we have become, it is the one who has logged in that is kept
// from locking the door behind us.
func TestBecome(t *testing.T) {
	h, m := host(t, "")
	sh(t, m, "pw useradd alice -G wheel && pw useradd bob")
	for _, name := range []string{"SUDO_USER", "DOAS_USER"} {
		become := effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
			e.Env = append(e.Env, name+"=alice")
			return h.Do(ctx, e)
		})
		if _, err := user.Ensure(ctx, become, user.EnsureArgs{Name: "alice", Locked: yes()}); effect.KindOf(err) != effect.Failed {
			t.Errorf("%s: lock: %v", name, err)
		}
		if _, err := user.Remove(ctx, become, user.RemoveArgs{Name: "alice"}); effect.KindOf(err) != effect.Failed {
			t.Errorf("%s: remove: %v", name, err)
		}
	}
	ensure(t, h, user.EnsureArgs{Name: "bob", Locked: yes()})
}

// TestNotRoot: others see accounts without passwords, and change nothing.
func TestNotRoot(t *testing.T) {
	_, m := host(t, "")
	h := onsim.As(t, m, "worker")
	if d := get(t, h, "root"); !d.Exists || d.Password != "hidden" || d.Locked {
		t.Errorf("%+v", d)
	}
	if _, err := user.Ensure(ctx, h, user.EnsureArgs{Name: "alice"}); effect.KindOf(err) != effect.Denied {
		t.Error(err)
	}
}

func TestCheckMode(t *testing.T) {
	real, m := host(t, "")
	sh(t, m, "pw useradd carol")
	h := effect.Chain(real, layer.Check())
	if done, err := group.Ensure(ctx, h, group.EnsureArgs{Name: "builders"}); err != nil || !done.Changed {
		t.Fatal(done, err)
	}
	ensure(t, h, user.EnsureArgs{Name: "alice", Groups: []string{"wheel", "builders"}, PasswordHash: secret(hash1)})
	ensure(t, h, user.EnsureArgs{Name: "alice", Locked: yes()})
	ensure(t, h, user.EnsureArgs{Name: "alice", PasswordHash: secret(hash2)})
	if _, err := user.Get(ctx, h, user.NameArgs{Name: "alice"}); effect.KindOf(err) != effect.Unknown {
		t.Errorf("its number: %v", err)
	}
	if done, err := user.AuthorizedKeys(ctx, h, user.KeysArgs{Name: "alice", Keys: []string{alice}}); err != nil || !done.Changed {
		t.Errorf("keys: %+v %v", done, err)
	}
	uid := 4711
	ensure(t, h, user.EnsureArgs{Name: "dave", UID: &uid, Group: "wheel", Comment: text("Dave")})
	if d := get(t, h, "dave"); d.UID != 4711 || d.Group != "wheel" || d.GID != 0 || d.Comment != "Dave" {
		t.Errorf("%+v", d)
	}
	ensure(t, h, user.EnsureArgs{Name: "carol", Shell: "/bin/csh"})
	if d := get(t, h, "carol"); d.Shell != "/bin/csh" || d.Group != "carol" {
		t.Errorf("%+v", d)
	}
	if d := get(t, h, "root"); !d.Exists || d.UID != 0 {
		t.Errorf("another one: %+v", d)
	}
	for _, want := range []bool{true, false} {
		if done, err := user.Remove(ctx, h, user.RemoveArgs{Name: "dave"}); err != nil || done.Changed != want {
			t.Errorf("remove: %+v %v", done, err)
		}
	}
	if real.Changes != 0 {
		t.Error("check mode changed something")
	}
}

// TestCommands: each account is changed by the fewest commands.
func TestCommands(t *testing.T) {
	h, m := host(t, "")
	sh(t, m, "pw useradd alice -m")
	h.Changes = 0
	ensure(t, h, user.EnsureArgs{Name: "alice", Shell: "/bin/csh", Comment: text("A"), Groups: []string{"wheel"}})
	if got := strings.Join(h.Last.Argv, " "); h.Changes != 1 || got != "/usr/sbin/pw usermod -n alice -G wheel -c A -s /bin/csh" {
		t.Errorf("%d: %s", h.Changes, got)
	}
	if before, after := string(h.Last.Diff.Before), string(h.Last.Diff.After); !strings.Contains(before, "shell: /bin/sh\n") || !strings.Contains(after, "shell: /bin/csh\n") {
		t.Errorf("%s\n%s", before, after)
	}
	ensure(t, h, user.EnsureArgs{Name: "bob", PasswordHash: secret(hash1)})
	want := "/usr/sbin/pw useradd -n bob -d /home/bob -s /bin/sh -m -H 0"
	if got := strings.Join(h.Last.Argv, " "); h.Changes != 2 || got != want {
		t.Errorf("%d: %s", h.Changes, got)
	}
}

// TestSilence: pw(8) may leave something undone and report no error.
func TestSilence(t *testing.T) {
	doer, _ := host(t, "")
	deaf := effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		if e.Kind == effect.Change {
			e.Argv = []string{"/usr/bin/true"}
		}
		return doer.Do(ctx, e)
	})
	if _, err := user.Ensure(ctx, deaf, user.EnsureArgs{Name: "www", Shell: "/bin/sh"}); effect.KindOf(err) != effect.Failed || !strings.Contains(err.Error(), "shell") {
		t.Error(err)
	}
}
