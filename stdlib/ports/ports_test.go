package ports

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/effect"
	"bsdrun/tests/answers"
)

var ctx = context.Background()

func recorded(t testing.TB, name string) string {
	t.Helper()
	return answers.Recorded(t, "testdata/ports.txtar", name)
}

func oldHost(t *testing.T) *answers.Host {
	h := answers.New(t)
	h.Files["/usr/ports/UPDATING"] = recorded(t, "UPDATING")
	h.Files["/usr/ports/www/nginx/Makefile"] = ""
	h.Says("list the installed packages", "bash-4.1.10 shells/bash\nphp52-gd-5.2.17 lang/php52-gd\nnginx-devel-1.1.4 www/nginx-devel\nno-origin\n")
	return h
}

func TestUpdating(t *testing.T) {
	all, err := Updating(ctx, oldHost(t), UpdatingArgs{Since: "2011-10-01"})
	if err != nil {
		t.Fatal(err)
	}
	want := []Entry{
		{Date: "2012-01-15", Affects: "users of shells/bash and shells/bash-static", Author: "someone@example.org", Packages: []string{"bash-4.1.10"},
			Text: "The file that bash reads has moved.\n\n  # mv /usr/local/etc/old /usr/local/etc/new\n\nNote: it is not read twice."},
		{Date: "2011-12-10", Affects: "users of www/nginx{,-devel}, lang/php5?-* and databases/sqlite3", Author: "one@example.org, two@example.org",
			Text: "Read this first.", Packages: []string{"php52-gd-5.2.17", "nginx-devel-1.1.4"}},
		{Date: "2011-10-01", Affects: "everybody", Author: "someone@example.org", Text: "Something for all.", Packages: []string{}},
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Error(diff)
	}
	if all, err = Updating(ctx, oldHost(t), UpdatingArgs{Since: "2011-01-01", All: true}); err != nil || len(all) != 4 || all[3].Date != "2011-09-01" {
		t.Errorf("%+v, %v", all, err)
	}
	if all, err = Updating(ctx, oldHost(t), UpdatingArgs{Since: "2012-01-16"}); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	if _, err = Updating(ctx, oldHost(t), UpdatingArgs{Since: "20120101"}); effect.KindOf(err) != effect.Invalid {
		t.Errorf("%v", err)
	}
	h := oldHost(t)
	delete(h.Files, "/usr/ports/UPDATING")
	if _, err = Updating(ctx, h, UpdatingArgs{Since: "2012-01-01"}); effect.KindOf(err) != effect.Missing {
		t.Errorf("%v", err)
	}
}

func TestPortmasterWords(t *testing.T) {
	for _, c := range []struct {
		a           PortmasterArgs
		known, want string
	}{
		{PortmasterArgs{All: true, Packages: "first", Force: true}, "--no-confirm --no-term-title", "portmaster -D -G --no-confirm --no-term-title -a -P -f"},
		{PortmasterArgs{Ports: []string{"shells/bash", "nginx-*"}, Packages: "only", Exclude: []string{"perl*"}}, "", "portmaster -D -G -PP -x perl* shells/bash nginx-*"},
	} {
		if got := strings.Join(c.a.words(c.known), " "); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	for _, a := range []PortmasterArgs{{}, {All: true, Ports: []string{"x"}}, {Ports: []string{"-a"}}, {All: true, Exclude: []string{"$(x)"}}} {
		if _, err := Portmaster(ctx, answers.New(t), a); effect.KindOf(err) != effect.Invalid {
			t.Errorf("%+v: %v", a, err)
		}
	}
}

func TestParseActions(t *testing.T) {
	want := []string{"Upgrade of bash-4.1.10 to bash-4.2.20", "Re-installation of sudo-1.8.3"}
	if diff := cmp.Diff(want, parseActions(recorded(t, "failed"))); diff != "" {
		t.Error(diff)
	}
	if got := parseActions(recorded(t, "nothing")); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

// What was done before a failure is told, and how to go on.
func TestPortmasterFails(t *testing.T) {
	h := oldHost(t)
	h.Says("portmaster --help", "--no-confirm\n")
	h.Fails("portmaster -D", answers.Answer{Code: 1, Out: recorded(t, "failed")})
	done, err := Portmaster(ctx, h, PortmasterArgs{All: true})
	e := effect.AsError(err)
	if e == nil || !done.Changed || len(done.Actions) != 2 || !strings.HasPrefix(e.Hint, "www/nginx does not build") || !strings.Contains(e.Reached, "bash-4.2.20") {
		t.Errorf("%+v, %+v", done, e)
	}
	h = oldHost(t)
	h.Fails("portmaster", answers.Answer{Code: 127, Err: "portmaster: not found\n"})
	if _, err := Portmaster(ctx, h, PortmasterArgs{All: true}); effect.KindOf(err) != effect.Missing || !strings.Contains(effect.AsError(err).Hint, "ports-mgmt/portmaster") {
		t.Errorf("%v", err)
	}
}

// Options are kept in two forms, by the age of the tree; what is so is left alone.
func TestOptions(t *testing.T) {
	for _, c := range []struct{ variables, where, want string }{
		{"nginx-1.26.2\n/var/db/ports/www_nginx/options\n\n", "/var/db/ports/www_nginx/options", "# Options for www/nginx\nOPTIONS_FILE_SET+=HTTP\nOPTIONS_FILE_UNSET+=MAIL\n"},
		{"nginx-1.0.11\n\n/var/db/ports/nginx/options\n", "/var/db/ports/nginx/options", "# Options for nginx-1.0.11\n_OPTIONS_READ=nginx-1.0.11\nWITH_HTTP=true\nWITHOUT_MAIL=true\n"},
	} {
		h := oldHost(t)
		h.Says("make -C /usr/ports/www/nginx -V", c.variables)
		for _, first := range []bool{true, false} {
			got, err := Options(ctx, h, OptionsArgs{Origin: "www/nginx", On: []string{"HTTP"}, Off: []string{"MAIL"}})
			want := OptionsChange{Changed: first, Path: c.where, On: []string{"HTTP"}, Off: []string{"MAIL"}}
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%s: %v\n%s", c.where, err, diff)
			}
		}
		if h.Files[c.where] != c.want {
			t.Errorf("%q", h.Files[c.where])
		}
	}
	if _, err := Options(ctx, oldHost(t), OptionsArgs{Origin: "www/nginx", On: []string{"A"}, Off: []string{"A"}}); effect.KindOf(err) != effect.Invalid {
		t.Errorf("%v", err)
	}
	if _, err := Options(ctx, oldHost(t), OptionsArgs{Origin: "www/none"}); effect.KindOf(err) != effect.Missing {
		t.Errorf("%v", err)
	}
}

func FuzzUpdating(f *testing.F) {
	f.Add(recorded(f, "UPDATING"), "www/nginx")
	f.Add("20200101:\n  AFFECTS: users of a/{b,{c,d}}e* [x/y\n\n  text\n", "a/be")
	f.Fuzz(func(t *testing.T, text, origin string) {
		for _, e := range parseUpdating(text) {
			if e.match([]pack{{"p-1", origin}}) && len(e.Packages) > 1 {
				t.Errorf("%q names one package twice: %+v", text, e)
			}
		}
	})
}

func FuzzParseLogs(f *testing.F) {
	f.Add(recorded(f, "failed"))
	f.Add("bash-4.1 shells/bash\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, action := range parseActions(text) {
			if strings.ContainsAny(action, "\n") {
				t.Errorf("%q", action)
			}
		}
		for _, p := range parseInstalled(text) {
			if p.name == "" || p.origin == "" {
				t.Errorf("%q: %+v", text, p)
			}
		}
	})
}
