package jail

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/sim/base"
	"bsdrun/stdlib/service/servicesim"
	"bsdrun/tests/onsim"
)

var ctx = context.Background()

func TestParseList(t *testing.T) {
	a, err := txtar.ParseFile("testdata/jls.txtar")
	if err != nil {
		t.Fatal(err)
	}
	list, err := parseList(string(a.Files[0].Data))
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	if p := list[0].Params; p["allow.chflags"] != "false" || p["allow.reserved_ports"] != "true" || p["host.domainname"] != "" || p["persist"] != "false" {
		t.Errorf("%v", p)
	}
	for i := range list {
		list[i].Params = nil
	}
	want := []Jail{
		{JID: 1, Name: "www", Hostname: "www.example.org", Path: "/usr/jails/www", IP4: []string{"10.0.0.2", "10.0.0.3"}, IP6: []string{}, Release: "14.3-RELEASE"},
		{JID: 12, Name: "db", Hostname: `say "hi"`, Path: "/usr/my jails/db", IP4: []string{}, IP6: []string{"2001:db8::1"}, VNET: true, Persist: true, Dying: true},
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Error(diff)
	}
	if _, err := parseList("jls: something\n"); err == nil {
		t.Error("nonsense is taken for a jail")
	}
}

const odd = `# kept	as it is
path = "/j/$name"; // all

/* { */ www { # the web
	host.hostname = 'www.example.org';
	ip4.addr  =  "lo1|10.0.0.2",
		"lo1|10.0.0.3";	# two
	exec.start += "/bin/sh /etc/rc"; exec.start += '}';
	persist;
}
*	{mount.devfs;}
`

func TestConf(t *testing.T) {
	c, err := parse(odd)
	if err != nil || len(c.blocks) != 2 || c.blocks[0].line != 4 || c.blocks[1].name != "*" {
		t.Fatalf("%+v, %v", c, err)
	}
	want := []setting{
		{"host.hostname", []string{"www.example.org"}}, {"ip4.addr", []string{"lo1|10.0.0.2", "lo1|10.0.0.3"}},
		{"exec.start", []string{"/bin/sh /etc/rc", "}"}}, {"persist", nil},
	}
	if diff := cmp.Diff(want, c.blocks[0].settings(), cmp.AllowUnexported(setting{})); diff != "" {
		t.Error(diff)
	}
	for name, try := range map[string]struct {
		jail   string
		wanted []setting
		unset  []string
		edits  []string // pairs: what becomes what
	}{
		"what is there":       {"www", want, nil, nil},
		"another value":       {"www", []setting{{"host.hostname", []string{"a \"b\" $c"}}}, nil, []string{`'www.example.org'`, `"a \"b\" $c"`}},
		"one of two":          {"www", []setting{{"ip4.addr", []string{"lo1|10.0.0.2"}}}, nil, []string{"ip4.addr  =  \"lo1|10.0.0.2\",\n\t\t\"lo1|10.0.0.3\";", `ip4.addr = "lo1|10.0.0.2";`}},
		"several statements":  {"www", []setting{{"exec.start", []string{"x"}}}, nil, []string{`exec.start += "/bin/sh /etc/rc"; exec.start += '}';`, `exec.start = "x"; `}},
		"off":                 {"www", []setting{{"nopersist", nil}}, nil, []string{"\tpersist;", "\tnopersist;"}},
		"new at the end":      {"www", []setting{{"vnet", nil}}, nil, []string{"\tpersist;\n}", "\tpersist;\n\tvnet;\n}"}},
		"taken out":           {"www", nil, []string{"persist"}, []string{"\tpersist;\n", ""}},
		"a block on one line": {"*", []setting{{"vnet", nil}}, nil, []string{"mount.devfs;}", "mount.devfs;\n\tvnet;\n}"}},
		"a new jail":          {"db", []setting{{"path", []string{"/j"}}}, nil, []string{"*	{mount.devfs;}\n", "*	{mount.devfs;}\n\ndb {\n\tpath = \"/j\";\n}\n"}},
	} {
		want := odd
		if try.edits != nil {
			want = strings.Replace(odd, try.edits[0], try.edits[1], 1)
		}
		got := c.ensure(try.jail, try.wanted, try.unset)
		if got != want {
			t.Errorf("%s: %s", name, cmp.Diff(want, got))
		}
		again, err := parse(got)
		if err != nil || again.ensure(try.jail, try.wanted, try.unset) != got {
			t.Errorf("%s: does not come to rest: %v", name, err)
		}
	}
	if got := c.remove("www"); got != strings.Replace(odd, odd[strings.Index(odd, "www {"):strings.Index(odd, "}\n*")+1], "", 1) {
		t.Errorf("%s", got)
	}
	for text, where := range map[string]string{
		"a {\n x = 1\n}\n": "line 2", "a {\n": "line 1", "\na = \"x;\n": "line 2", "a = ;": "line 1", "}": "line 1", "a { /* }": "line 1",
	} {
		if _, err := parse(text); err == nil || !strings.Contains(err.Error(), where) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzConf(f *testing.F) {
	f.Add(odd)
	f.Add("a{b=c;}a{nob;d,e;}")
	f.Fuzz(func(t *testing.T, src string) {
		c, err := parse(src)
		if err != nil {
			return
		}
		got := c.ensure("www", []setting{{"path", []string{"/x"}}, {"persist", nil}}, nil)
		again, err := parse(got)
		if err != nil {
			t.Fatalf("%q became %q: %v", src, got, err)
		}
		b, _ := again.find("www")
		list := b.settings()
		at := slices.IndexFunc(list, func(s setting) bool { return s.name == "path" })
		if at < 0 || !slices.Equal(list[at].values, []string{"/x"}) {
			t.Errorf("%q became %q", src, got)
		}
	})
}

func TestJails(t *testing.T) {
	h, m := onsim.New(t, "jailhost", base.Tools(), servicesim.Tools())
	count := &onsim.Count{Doer: h}
	list, err := List(ctx, h, ListArgs{})
	if err != nil || len(list) != 3 || list[1].Name != "db" || !slices.Equal(list[1].IP4, []string{"10.0.0.3"}) {
		t.Fatalf("%+v, %v", list, err)
	}
	for i, try := range []struct {
		do      func(context.Context, effect.Doer, NameArgs) (State, error)
		changed bool
		runs    int
	}{{Start, false, 3}, {Stop, true, 2}, {Stop, false, 2}, {Start, true, 3}, {Restart, true, 3}} {
		done, err := try.do(ctx, count, NameArgs{Name: "www"})
		if err != nil || done.Changed != try.changed {
			t.Errorf("%d: %+v, %v", i, done, err)
		}
		if list, _ := List(ctx, h, ListArgs{}); len(list) != try.runs {
			t.Errorf("%d: %d run", i, len(list))
		}
	}
	if count.Changes != 3 {
		t.Errorf("%d changes", count.Changes)
	}
	if j, err := Get(ctx, h, GetArgs{Name: "www"}); err != nil || j.JID < 4 || j.Path != "/usr/jails/www" {
		t.Errorf("%+v, %v", j, err)
	}
	if _, err := Get(ctx, h, GetArgs{Name: "nosuch"}); effect.KindOf(err) != effect.Missing {
		t.Errorf("%v", err)
	}
	if _, err := Start(ctx, h, NameArgs{Name: "nosuch"}); effect.KindOf(err) != effect.Failed || !strings.Contains(err.Error(), "not found") {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{"", "-x", "a b", "a;b", "*"} {
		if _, err := Stop(ctx, count, NameArgs{Name: bad}); effect.KindOf(err) != effect.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if out, errs, _ := m.Exec(ctx, "root", "service jail stop db"); out != "Stopping jails: db.\n" || errs != "" {
		t.Errorf("%s%s", out, errs)
	}
}

func TestConfOnAHost(t *testing.T) {
	h, m := onsim.New(t, "jailhost", base.Tools(), servicesim.Tools())
	before, _, _ := m.Exec(ctx, "root", "cat /etc/jail.conf")
	a := EnsureArgs{Name: "new", Params: map[string]any{"path": "/usr/jails/$name", "persist": true, "ip4.addr": []any{"lo1|10.0.0.9/32"}, "devfs_ruleset": 4.0}, Backup: ".orig"}
	for _, changed := range []bool{true, false} {
		if done, err := EnsureConf(ctx, h, a); err != nil || done.Changed != changed {
			t.Fatalf("%+v, %v", done, err)
		}
	}
	after, _, _ := m.Exec(ctx, "root", "cat /etc/jail.conf")
	want := before + "\nnew {\n\tdevfs_ruleset = \"4\";\n\tip4.addr = \"lo1|10.0.0.9/32\";\n\tpath = \"/usr/jails/$name\";\n\tpersist;\n}\n"
	if after != want {
		t.Errorf("%s", cmp.Diff(want, after))
	}
	if _, err := Start(ctx, h, NameArgs{Name: "new"}); err == nil || !strings.Contains(err.Error(), "path /usr/jails/new: No such file or directory") {
		t.Errorf("%v", err)
	}
	list, err := ListConf(ctx, h, FileArgs{})
	if err != nil || len(list) != 4 || list[3].Name != "new" || !slices.Equal(list[3].Params["path"], []string{"/usr/jails/$name"}) || len(list[3].Params["persist"]) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	_, err = EnsureConf(ctx, h, EnsureArgs{Name: "new", Params: map[string]any{"path": "/usr/jails/$nope"}})
	if effect.KindOf(err) != effect.Failed || !strings.Contains(err.Error(), `variable "nope" not found`) {
		t.Errorf("%v", err)
	}
	for _, bad := range []map[string]any{{"a b": "x"}, {"a": []any{}}, {"a": map[string]any{}}, {"a;": true}} {
		if _, err := EnsureConf(ctx, h, EnsureArgs{Name: "new", Params: bad}); effect.KindOf(err) != effect.Invalid {
			t.Errorf("%v: %v", bad, err)
		}
	}
	for _, changed := range []bool{true, false} {
		if done, err := RemoveConf(ctx, h, RemoveArgs{Name: "new"}); err != nil || done.Changed != changed {
			t.Errorf("%+v, %v", done, err)
		}
	}
	if out, _, _ := m.Exec(ctx, "root", "cat /etc/jail.conf; cmp /etc/jail.conf.orig /dev/null"); strings.TrimSpace(out) != strings.TrimSpace(before) {
		t.Errorf("%s", cmp.Diff(before, out))
	}
}
