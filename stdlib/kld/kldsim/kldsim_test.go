package kldsim

import (
	"context"
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/vfs"
)

func machine(t *testing.T, profile string) *sim.Machine {
	t.Helper()
	m, err := sim.New(sim.Options{Profile: profile, Tools: append(base.Tools(), Tools()...)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func TestCommands(t *testing.T) {
	for _, test := range []struct {
		profile, script, out, errs string
		code                       int
	}{
		{"freebsd-14.3", "kldstat -q -m zfs; echo $?; kldstat -qn nosuch; echo $?", "0\n1\n", "", 0},
		{"freebsd-14.3", "kldstat -n nosuch", "", "kldstat: can't find file nosuch: No such file or directory\n", 1},
		{"freebsd-14.3", "kldstat -m nosuch", "", "kldstat: can't find module nosuch: No such file or directory\n", 1},
		{"freebsd-14.3", "kldload nullfs && kldstat -q -n nullfs && kldload nullfs", "", "kldload: can't load nullfs: module already loaded or in kernel\n", 1},
		{"freebsd-14.3", "kldload nosuch", "", "kldload: can't load nosuch: No such file or directory\n", 1},
		{"freebsd-14.3", "kldload pf; kldload -n pf && kldunload pf && kldunload pf", "", "kldunload: can't find file pf\n", 1},
		{"freebsd-14.3", "kldunload zfs", "", "kldunload: can't unload file: Device busy\n", 1},
		{"freebsd-14.3", "kldload pflog && kldstat -qn pf && kldunload pf", "", "kldunload: can't unload file: Device busy\n", 1},
		{"freebsd-14.3", "kldload pflog && kldunload pflog && kldstat -n pf", "", "kldstat: can't find file pf: No such file or directory\n", 1},
		{"freebsd-14.3", "kldload ufs", "", "kldload: can't load ufs: module already loaded or in kernel\n", 1},
		{"freebsd-14.3", "kldload -x pf", "", "kldload: illegal option -- x\nusage: kldload [-nqv] file ...\n", 1},
		{"freebsd-8.2-zfs-mirror", "kldload -n pf", "", "kldload: illegal option -- n\nusage: kldload [-qv] file ...\n", 1},
		{"freebsd-8.2-zfs-mirror", "kldload pf && kldload pf", "", "kldload: can't load pf: File exists\n", 1},
		{"freebsd-8.2-zfs-mirror", "kldload if_wg", "", "kldload: can't load if_wg: No such file or directory\n", 1},
		{"freebsd-8.2-zfs-mirror", "kldstat | head -1", "Id Refs Address            Size     Name\n", "", 0},
	} {
		m := machine(t, test.profile)
		out, errs, code := m.Exec(context.Background(), "root", test.script)
		if out != test.out || errs != test.errs || code != test.code {
			t.Errorf("%s: %s:\n%q %q %d, want\n%q %q %d", test.profile, test.script, out, errs, code, test.out, test.errs, test.code)
		}
	}
}

// A module of a newer release does not load into the kernel that still runs, the
// one of the release that runs does.
func TestModuleOfAnotherRelease(t *testing.T) {
	m := machine(t, "freebsd-13.5")
	if err := m.InstallKernel("", "14.3-RELEASE"); err != nil {
		t.Fatal(err)
	}
	_, errs, code := m.Exec(context.Background(), "root", "kldload pf")
	if want := "kldload: an error occurred while loading module pf. Please check dmesg(8) for more details.\n"; errs != want || code != 1 {
		t.Errorf("%q %d", errs, code)
	}
	if text := strings.Join(m.Console(), "\n"); !strings.Contains(text, "KLD pf.ko: depends on kernel - not available or version mismatch\nlinker_load_file: /boot/kernel/pf.ko - unsupported file type") {
		t.Errorf("the console says %q", text)
	}
	if out, errs, code := m.Exec(context.Background(), "root", "kldload -v /boot/kernel.old/pf.ko"); code != 0 || !strings.HasPrefix(out, "Loaded /boot/kernel.old/pf.ko, id=") {
		t.Errorf("the old one: %q %q %d", out, errs, code)
	}
}

func TestNobodyLoads(t *testing.T) {
	m := machine(t, "freebsd-14.3")
	_, errs, code := m.Exec(context.Background(), "nobody", "kldload pf")
	if code != 1 && !strings.Contains(errs, "no such") {
		t.Errorf("%q %d", errs, code)
	}
	m.State().Lock()
	m.State().Sysctls["kern.securelevel"].Value = "1"
	m.State().Unlock()
	if _, errs, code := m.Exec(context.Background(), "root", "kldload pf"); errs != "kldload: can't load pf: Operation not permitted\n" || code != 1 {
		t.Errorf("%q %d", errs, code)
	}
}

// Rubbish is no module.
func TestRubbish(t *testing.T) {
	m := machine(t, "freebsd-14.3")
	if err := m.View(vfs.Root, "/").WriteFile("/boot/modules/x.ko", []byte("rubbish"), 0o555); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := m.Exec(context.Background(), "root", "kldload x"); code != 1 || !strings.Contains(errs, "an error occurred while loading module x") {
		t.Errorf("%q %d", errs, code)
	}
}

// The modules that rc.conf lists are there after a boot, with what they need; one
// that does not load is said on the console and stops nothing.
func TestListAtBoot(t *testing.T) {
	for _, hasScript := range []bool{true, false} {
		m := machine(t, "freebsd-14.3")
		view := m.View(vfs.Root, "/")
		if hasScript {
			if err := view.WriteFile("/etc/rc.d/kld", []byte("#!/bin/sh\n"), 0o555); err != nil {
				t.Fatal(err)
			}
		}
		conf, err := view.ReadFile("/etc/rc.conf")
		if err != nil {
			t.Fatal(err)
		}
		if err := view.WriteFile("/etc/rc.conf", append(conf, "kld_list=\"pflog nosuch if_bridge\"\n"...), 0o644); err != nil {
			t.Fatal(err)
		}
		m.PowerCycle()
		if err := m.Clock().Sleep(t.Context(), 5*time.Minute); err != nil {
			t.Fatal(err)
		}
		want := map[bool]string{true: "0000", false: "1111"}[hasScript]
		out, errs, _ := m.Exec(context.Background(), "root", "for n in pflog pf if_bridge bridgestp; do kldstat -q -n $n; printf $?; done")
		if out != want {
			t.Errorf("script %v: %s, want %s: %s", hasScript, out, want, errs)
		}
		if said := strings.Contains(strings.Join(m.Console(), "\n"), "kldload: can't load nosuch: No such file or directory"); said != hasScript {
			t.Errorf("script %v: on the console:\n%s", hasScript, strings.Join(m.Console(), "\n"))
		}
	}
}

func TestModulePath(t *testing.T) {
	m := machine(t, "freebsd-14.3")
	s := m.State()
	s.Lock()
	defer s.Unlock()
	if v := s.Sysctls["kern.module_path"]; v == nil || v.Value != "/boot/kernel;/boot/modules" {
		t.Errorf("%+v", v)
	}
}
