package check

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"bsdrun/recipes"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/engine"
	"bsdrun/runtime/inventory"
	"bsdrun/runtime/journal"
	"bsdrun/stdlib"
)

// TestPatch: what the check of the recipe lists is what its run does, on a host
// that has everything to do and on one that has nothing to do.
func TestPatch(t *testing.T) {
	t.Parallel()
	for _, profile := range []string{"freebsd-14.3-zfs-mirror-uefi", "freebsd-13.5", "freebsd-14.3-ufs", "freebsd-15.0-pkgbase"} {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "machine")
			w := &world{t: t, url: "sim:" + profile + "?state=" + file, file: file, recipe: "patch.lua", params: map[string]any{"packages": true}}
			// A machine starts the services of packages on its own time.
			w.byHand("if service -e | grep -q nginx; then until service nginx status; do sleep 1; done; fi >/dev/null")
			if p := w.keeps(); p.run["Reboot"].status != effect.StatusChanged {
				t.Errorf("%+v", p.run)
			}
			p := w.keeps()
			for _, name := range []string{"Make a way back", "Install the patches", "Upgrade the packages", "Reboot"} {
				if p.run[name].status != effect.StatusSkipped {
					t.Errorf("another run: %s: %+v", name, p.run[name])
				}
			}
		})
	}
}

// TestPatchDoesNotLockOut: a host on which sshd would not start again is not
// rebooted; mended, it is.
func TestPatchDoesNotLockOut(t *testing.T) {
	t.Parallel()
	source, err := recipes.Files.ReadFile("patch.lua")
	if err != nil {
		t.Fatal(err)
	}
	hosts, err := inventory.Parse("sim:freebsd-14.3-zfs-mirror-uefi?state=" + filepath.Join(t.TempDir(), "machine"))
	if err != nil {
		t.Fatal(err)
	}
	store, err := journal.Memory()
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	const config = "/etc/ssh/sshd_config"
	boots := 0
	// Somebody breaks the configuration once the patches are installed, and mends
	// it again after the look at it.
	meddle := func(next effect.Doer) effect.Doer {
		return effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
			script := ""
			switch {
			case e.Conn != nil && e.Conn.Verb == effect.ConnReboot:
				boots++
			case strings.Join(e.Argv, " ") == "service sshd keygen":
				script = "cp " + config + " /root/kept; echo Nonsense yes >>" + config
			case strings.HasSuffix(strings.Join(e.Argv, " "), "sshd -t"):
				script = "cp /root/kept " + config
			}
			r, err := next.Do(ctx, e)
			if script != "" {
				if _, err := next.Do(ctx, effect.Effect{Op: "test", Shell: script}); err != nil {
					t.Error(err)
				}
			}
			return r, err
		})
	}
	o := engine.Options{
		Name: "patch.lua", Source: source, Files: recipes.Library(), Hosts: hosts, Journal: store,
		Modules: stdlib.Modules(), Tools: stdlib.Tools, Wrap: meddle,
	}
	report, err := engine.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	h := report.Hosts[0]
	if h.Error == nil || h.Error.Kind != effect.Stopped || !strings.Contains(h.Error.Message, "sshd would not start") || boots > 0 {
		t.Fatalf("%d reboots: %+v", boots, h.Error)
	}
	o.Source, o.Wrap = nil, nil
	if report, err = engine.Resume(t.Context(), report.Run, o); err != nil {
		t.Fatal(err)
	}
	result, _ := report.Hosts[0].Result.(map[string]any)
	if result["kernel"] != "14.3-RELEASE-p6" {
		t.Errorf("%v, %+v", result, report.Hosts[0].Error)
	}
}
