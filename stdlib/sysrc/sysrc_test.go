package sysrc_test

import (
	"context"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/vfs"
	"bsdrun/runtime/sshhost"
	"bsdrun/stdlib/file"
	"bsdrun/stdlib/sysrc"
	"bsdrun/stdlib/sysrc/sysrcsim"
	"bsdrun/tests/onsim"
)

var ctx = context.Background()

func get(t *testing.T, h effect.Doer, name string) string {
	t.Helper()
	value, err := sysrc.Get(ctx, h, sysrc.GetArgs{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func set(t *testing.T, h effect.Doer, vars map[string]any) sysrc.Changed {
	t.Helper()
	done, err := sysrc.Set(ctx, h, sysrc.SetArgs{Vars: vars})
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func TestOnTheSimulatedHost(t *testing.T) {
	doer, m := onsim.New(t, "", base.Tools(), sysrcsim.Tools())
	h := &onsim.Count{Doer: doer}
	if got := get(t, h, "sshd_enable"); got != "YES" {
		t.Errorf("sshd_enable %q", got)
	}
	if got := get(t, h, "pf_enable"); got != "NO" {
		t.Errorf("a default: %q", got)
	}
	if _, err := sysrc.Get(ctx, h, sysrc.GetArgs{Name: "nosuch"}); effect.KindOf(err) != effect.Missing {
		t.Errorf("unknown: %v", err)
	}
	done := set(t, h, map[string]any{"pf_enable": true, "sshd_enable": false, "answer": int64(42)})
	if diff := cmp.Diff(sysrc.Changed{Changed: true, Before: map[string]string{"sshd_enable": "YES"}, Files: []string{"/etc/rc.conf"}}, done); diff != "" {
		t.Error(diff)
	}
	changes := h.Changes
	if done = set(t, h, map[string]any{"pf_enable": "YES", "answer": "42"}); done.Changed || h.Changes != changes {
		t.Errorf("a second time: %+v", done)
	}
	// The tool itself agrees.
	out, _, _ := m.Exec(ctx, "root", "sysrc -n pf_enable sshd_enable answer")
	if out != "YES\nNO\n42\n" {
		t.Errorf("sysrc says %q", out)
	}
	for _, want := range []bool{true, false} {
		done, err := sysrc.Append(ctx, h, sysrc.ListEdit{Name: "kld_list", Words: []string{"pf", "if_bridge"}})
		if err != nil || done.Changed != want {
			t.Errorf("append: %+v %v", done, err)
		}
	}
	if _, err := sysrc.Remove(ctx, h, sysrc.RemoveArgs{Name: "kld_list", Words: []string{"pf"}}); err != nil || get(t, h, "kld_list") != "if_bridge" {
		t.Errorf("words: %v, %q", err, get(t, h, "kld_list"))
	}
	list, err := sysrc.List(ctx, h, sysrc.Place{})
	if err != nil || list["kld_list"] != "if_bridge" || list["pf_enable"] != "YES" || list["cron_enable"] != "" {
		t.Errorf("list: %v %v", list, err)
	}
	for _, want := range []bool{true, false} {
		done, err := sysrc.Remove(ctx, h, sysrc.RemoveArgs{Name: "kld_list"})
		if err != nil || done.Changed != want {
			t.Errorf("remove: %+v %v", done, err)
		}
	}
	if get(t, h, "kld_list") != "" {
		t.Error("the default does not count again")
	}
}

func TestVariableStaysInItsFile(t *testing.T) {
	h, m := onsim.New(t, "", base.Tools(), sysrcsim.Tools())
	if err := m.View(vfs.Root, "/").WriteFile("/etc/rc.conf.local", []byte("hostname=\"local.example.org\" # here\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	done := set(t, h, map[string]any{"hostname": "new.example.org"})
	if diff := cmp.Diff([]string{"/etc/rc.conf.local"}, done.Files); diff != "" {
		t.Error(diff)
	}
	text, err := file.Read(ctx, h, file.ReadArgs{Path: "/etc/rc.conf.local"})
	if err != nil || text != "hostname=\"new.example.org\" # here\n" {
		t.Errorf("%q %v", text, err)
	}
}

// TestWithoutSysrc is a release before 9.2: the same results, by rc's files.
func TestWithoutSysrc(t *testing.T) {
	h, _ := onsim.New(t, "", base.Tools())
	if got := get(t, h, "pf_enable"); got != "NO" {
		t.Errorf("a default: %q", got)
	}
	set(t, h, map[string]any{"pf_enable": true, "odd": "a \"b\" $c\\"})
	if got := get(t, h, "pf_enable"); got != "YES" {
		t.Errorf("pf_enable %q", got)
	}
	if got := get(t, h, "odd"); got != "a \"b\" $c\\" {
		t.Errorf("odd %q", got)
	}
}

func TestCheckMode(t *testing.T) {
	doer, _ := onsim.New(t, "", base.Tools(), sysrcsim.Tools())
	h := effect.Chain(doer, layer.Check())
	if done := set(t, h, map[string]any{"pf_enable": true}); !done.Changed {
		t.Fatalf("%+v", done)
	}
	if done := set(t, h, map[string]any{"pf_enable": true}); done.Changed {
		t.Fatalf("%+v", done)
	}
	for name, want := range map[string]string{"pf_enable": "YES", "sshd_enable": "YES", "cron_enable": "YES", "nfs_server_enable": "NO"} {
		if got := get(t, h, name); got != want {
			t.Errorf("%s %q", name, got)
		}
	}
	if got := get(t, doer, "pf_enable"); got != "NO" {
		t.Errorf("check mode wrote: %q", got)
	}
}

func TestOtherFile(t *testing.T) {
	h := sshhost.NewLocal(sshhost.Config{Name: "local:", StateDir: t.TempDir()})
	t.Cleanup(func() { _ = h.Close(ctx, true) })
	p := t.TempDir() + "/poudriere.conf"
	if err := os.WriteFile(p, []byte("BASEFS=/usr/local/poudriere\nA=$(echo computed)\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	place := sysrc.Place{File: p}
	if got, err := sysrc.Get(ctx, h, sysrc.GetArgs{Name: "A", Place: place}); err != nil || got != "computed" {
		t.Errorf("%q %v", got, err)
	}
	if _, err := sysrc.Get(ctx, h, sysrc.GetArgs{Name: "PATH", Place: place}); effect.KindOf(err) != effect.Missing {
		t.Errorf("what the file does not set: %v", err)
	}
	if _, err := sysrc.Set(ctx, h, sysrc.SetArgs{Vars: map[string]any{"ZPOOL": "zroot"}, Place: place}); err != nil {
		t.Fatal(err)
	}
	list, err := sysrc.List(ctx, h, place)
	if diff := cmp.Diff(map[string]string{"BASEFS": "/usr/local/poudriere", "A": "computed", "ZPOOL": "zroot"}, list); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	for _, bad := range []sysrc.SetArgs{{Vars: map[string]any{"a b": 1}}, {Vars: map[string]any{"a": []any{}}}, {Vars: map[string]any{"a": 1}, Place: sysrc.Place{File: "x"}}} {
		if _, err := sysrc.Set(ctx, h, bad); effect.KindOf(err) != effect.Invalid {
			t.Errorf("%v: %v", bad, err)
		}
	}
}
