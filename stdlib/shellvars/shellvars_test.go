package shellvars_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/sshhost"
	"bsdrun/stdlib/shellvars"
	"bsdrun/tests/onsim"
)

var ctx = context.Background()

func here(t *testing.T) (*onsim.Count, string) {
	t.Helper()
	h := sshhost.NewLocal(sshhost.Config{Name: "local:", StateDir: t.TempDir()})
	t.Cleanup(func() { _ = h.Close(ctx, true) })
	return &onsim.Count{Doer: h}, t.TempDir()
}

func TestBindings(t *testing.T) {
	h, dir := here(t)
	p := dir + "/rc.conf"
	set := shellvars.SetArgs{File: p, Vars: map[string]string{"b": "2 x", "a": "1"}}
	for _, want := range []bool{true, false} {
		if done, err := shellvars.SetIn(ctx, h, set); err != nil || done.Changed != want {
			t.Fatalf("%+v %v", done, err)
		}
	}
	if src, err := os.ReadFile(p); err != nil || string(src) != "a=\"1\"\nb=\"2 x\"\n" {
		t.Fatalf("%s %v", src, err)
	}
	if got, err := shellvars.Get(ctx, h, shellvars.GetArgs{File: p, Name: "b"}); err != nil || got != "2 x" {
		t.Errorf("%q %v", got, err)
	}
	if _, err := shellvars.Get(ctx, h, shellvars.GetArgs{File: p, Name: "c"}); effect.KindOf(err) != effect.Missing {
		t.Errorf("an unknown variable: %v", err)
	}
	fallback := "none"
	if got, err := shellvars.Get(ctx, h, shellvars.GetArgs{File: dir + "/no", Name: "c", Default: &fallback}); err != nil || got != "none" {
		t.Errorf("%q %v", got, err)
	}
	for _, want := range []bool{true, false} {
		if done, err := shellvars.RemoveFrom(ctx, h, shellvars.RemoveArgs{File: p, Names: []string{"a", "zz"}}); err != nil || done.Changed != want {
			t.Errorf("%+v %v", done, err)
		}
	}
	no := false
	if _, err := shellvars.SetIn(ctx, h, shellvars.SetArgs{File: dir + "/new", Vars: set.Vars, Create: &no}); effect.KindOf(err) != effect.Missing {
		t.Errorf("a missing file: %v", err)
	}
}

func TestWhatTheFileDoesNotDecide(t *testing.T) {
	h, dir := here(t)
	p := dir + "/conf"
	src := "a=1\nb=\"$a/x\"\nc=$(hostname)\n. /etc/more\nd=2\nif true; then d=3; fi\n"
	if err := os.WriteFile(p, []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := shellvars.Read(ctx, h, shellvars.Source{File: p})
	if err != nil || len(got.Values) != 0 || len(got.Vars) != 4 || len(got.Includes) != 1 {
		t.Fatalf("%+v %v", got, err)
	}
	if _, err := shellvars.Get(ctx, h, shellvars.GetArgs{File: p, Name: "c"}); effect.KindOf(err) != effect.Failed {
		t.Errorf("%v", err)
	}
	_, err = shellvars.SetIn(ctx, h, shellvars.SetArgs{File: p, Vars: map[string]string{"e": "1", "d": "9"}})
	if err == nil || !strings.Contains(err.Error(), "d is set under a condition on line 6") || h.Changes != 0 {
		t.Errorf("%v, %d changes", err, h.Changes)
	}
}

func TestCheckMode(t *testing.T) {
	real, dir := here(t)
	h := effect.Chain(real, layer.Check())
	p := dir + "/conf"
	for _, want := range []bool{true, false} {
		if done, err := shellvars.SetIn(ctx, h, shellvars.SetArgs{File: p, Vars: map[string]string{"a": "1"}}); err != nil || done.Changed != want {
			t.Fatalf("%+v %v", done, err)
		}
	}
	if got, err := shellvars.Get(ctx, h, shellvars.GetArgs{File: p, Name: "a"}); err != nil || got != "1" {
		t.Fatalf("%q %v", got, err)
	}
	if _, err := os.Stat(p); err == nil || real.Changes != 0 {
		t.Fatal("check mode wrote the file")
	}
}
