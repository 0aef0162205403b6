package sim_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/state"
)

func shell(t *testing.T, m *sim.Machine, script string) (out, errs string, code int) {
	t.Helper()
	return m.Exec(context.Background(), "root", script)
}

// The table knows what an upgrade has to do with, the oldest first.
func TestReleases(t *testing.T) {
	list := sim.Releases()
	for i, r := range list {
		if r.OSRelDate == 0 || r.Build == "" || r.EOL.Year() < 2012 || r.Pool == 0 {
			t.Errorf("%+v", r)
		}
		if sim.LinkedLibrary(r.Major()) == "" {
			t.Errorf("%s: no libraries", r.Name)
		}
		if !slices.ContainsFunc(sim.Libraries(r.Major()), func(lib string) bool { return strings.HasSuffix(lib, "/"+sim.LinkedLibrary(r.Major())) }) {
			t.Errorf("%s links against what it lacks", r.Name)
		}
		if i > 0 && (list[i-1].OSRelDate >= r.OSRelDate || len(list[i-1].Features) > len(r.Features) || list[i-1].Pool > r.Pool) {
			t.Errorf("%s comes after %s", r.Name, list[i-1].Name)
		}
	}
	for name, want := range map[string]string{"14.3": "14.3-RELEASE", "8.2-RELEASE": "8.2-RELEASE", "15.0-RELEASE-p1": "15.0-RELEASE"} {
		if r, ok := sim.FindRelease(name); !ok || r.Name != want {
			t.Errorf("%s: %v %v", name, r.Name, ok)
		}
	}
	for _, name := range []string{"", "14", "14.3-STABLE", "7.4"} {
		if r, ok := sim.FindRelease(name); ok {
			t.Errorf("%q is %s", name, r.Name)
		}
	}
}

// A boot program reads a pool whose active features it does not know when they
// are read-only compatible; the kernel of its release imports no such pool.
func TestBootProgramsReadPools(t *testing.T) {
	m := machineOf(t, "freebsd-13.5")
	read := func(file string) state.Program {
		data, err := m.View(rootCred, "/").ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p, ok := state.ReadProgram(data)
		if !ok {
			t.Fatalf("%s is no program", file)
		}
		return p
	}
	loader, module := read("/boot/loader.efi"), read("/boot/kernel/zfs.ko")
	for feature, want := range map[string][2]bool{"lz4_compress": {true, true}, "block_cloning": {true, false}, "head_errlog": {false, false}} {
		pool := &state.Pool{Version: 5000, Features: map[string]string{feature: "active"}}
		if got := [2]bool{loader.Reads(pool) == nil, module.Reads(pool) == nil}; got != want {
			t.Errorf("%s: loader and kernel read it: %v, want %v", feature, got, want)
		}
	}
	old := &state.Pool{Version: 15}
	if loader.Reads(old) != nil || module.Reads(old) != nil {
		t.Error("an old pool is read")
	}
}

// A kernel and a world of another release: what each step changes, and what only
// a boot does.
func TestInstallRelease(t *testing.T) {
	m := machineOf(t, "freebsd-13.5")
	check := func(when, want string) {
		t.Helper()
		out, errs, _ := shell(t, m, "freebsd-version -kru; uname -K; uname -U")
		if got := strings.Join(strings.Fields(out), " "); got != want || errs != "" {
			t.Errorf("%s: %s%s, want %s", when, got, errs, want)
		}
	}
	check("before", "13.5-RELEASE 13.5-RELEASE 13.5-RELEASE 1305000 1305000")
	if err := m.InstallKernel("", "14.3-RELEASE-p2"); err != nil {
		t.Fatal(err)
	}
	check("with the kernel", "14.3-RELEASE-p2 13.5-RELEASE 13.5-RELEASE 1305000 1305000")
	if got := m.KernelRelease(""); got != "14.3-RELEASE-p2" {
		t.Error(got)
	}
	if err := m.InstallWorld("", "14.3-RELEASE-p2"); err != nil {
		t.Fatal(err)
	}
	check("with the world", "14.3-RELEASE-p2 13.5-RELEASE 14.3-RELEASE-p2 1305000 1403000")
	out, _, _ := shell(t, m, "grep USERLAND_VERSION= /bin/freebsd-version; ls /boot/kernel.old/kernel; ls /lib/libcrypto.so.111 /lib/libcrypto.so.30")
	if want := "USERLAND_VERSION=\"14.3-RELEASE-p2\"\n/boot/kernel.old/kernel\n/lib/libcrypto.so.111\n/lib/libcrypto.so.30\n"; out != want {
		t.Errorf("%q", out)
	}
	if err := m.InstallKernel("", "7.4-RELEASE"); err == nil {
		t.Error("a kernel of no known release is installed")
	}
	if m.KernelRelease("/nowhere") != "" || m.UserlandRelease("/nowhere") != "" {
		t.Error("an empty directory has a release")
	}
}

// Below a directory nothing of the running system changes.
func TestInstallBelow(t *testing.T) {
	m := machineOf(t, "freebsd-14.3")
	if err := m.InstallWorld("/jail", "13.5-RELEASE"); err != nil {
		t.Fatal(err)
	}
	if a, b := m.UserlandRelease("/jail"), m.UserlandRelease(""); a != "13.5-RELEASE" || b != "14.3-RELEASE" {
		t.Error(a, b)
	}
}

// Tools appear with the release that brought them, and configuration is kept.
func TestToolsByRelease(t *testing.T) {
	m := machineOf(t, "freebsd-8.2-zfs-mirror")
	out, _, _ := shell(t, m, "for t in timeout freebsd-version nproc seq grep; do which $t; done; uname -v")
	if want := "/usr/bin/grep\nFreeBSD 8.2-RELEASE #0: Thu Feb 17 02:41:51 UTC 2011     root@mason.cse.buffalo.edu:/usr/obj/usr/src/sys/GENERIC\n"; out != want {
		t.Errorf("8.2 has %q", out)
	}
	if _, errs, code := shell(t, m, "uname -K"); code != 1 || errs != "uname: illegal option -- K\nusage: uname [-aimnoprsv]\n" {
		t.Errorf("uname -K on 8.2: %q %d", errs, code)
	}
	if err := m.View(rootCred, "/").WriteFile("/etc/rc.conf", []byte("own=1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for release, want := range map[string]string{"9.0": "seq", "10.4": "timeout freebsd-version seq", "14.3": "timeout freebsd-version nproc seq"} {
		if err := m.InstallWorld("", release+"-RELEASE"); err != nil {
			t.Fatal(err)
		}
		out, _, _ := shell(t, m, "for t in timeout freebsd-version nproc seq; do which $t >/dev/null && echo $t; done; cat /etc/rc.conf")
		if got := strings.Join(strings.Fields(out), " "); got != want+" own=1" {
			t.Errorf("%s has %s", release, got)
		}
	}
}

// With the old libraries gone a program built for the old release ends in the
// run-time linker, until it is built anew or a compat package has its library.
func TestOldLibraries(t *testing.T) {
	prog := &sim.Tool{Name: "prog", Package: "prog", Paths: []string{"/usr/local/bin/prog", "/usr/local/bin/prog-static"}, Static: []string{"/usr/local/bin/prog-static"},
		Run: func(p *sim.Proc) int { p.Printf("runs\n"); return 0 }}
	m, err := sim.New(sim.Options{Profile: "freebsd-13.5", Tools: append(base.Tools(), prog)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	if err := m.InstallPackage("prog"); err != nil {
		t.Fatal(err)
	}
	runs := func(when, want string) {
		t.Helper()
		out, errs, code := shell(t, m, "prog; prog-static")
		if out+errs != want || code != 0 {
			t.Errorf("%s: %q %q %d", when, out, errs, code)
		}
	}
	runs("at first", "runs\nruns\n")
	if err := m.InstallWorld("", "14.3-RELEASE"); err != nil {
		t.Fatal(err)
	}
	runs("with both releases' libraries", "runs\nruns\n")
	old := m.OldLibraries("", "14.3-RELEASE")
	if !slices.Contains(old, "/lib/libcrypto.so.111") || slices.Contains(old, "/lib/libcrypto.so.30") || slices.Contains(old, "/lib/libutil.so.9") {
		t.Errorf("old: %v", old)
	}
	if err := m.RemoveOldLibraries("", "14.3-RELEASE"); err != nil {
		t.Fatal(err)
	}
	runs("without them", "runs\nld-elf.so.1: Shared object \"libcrypto.so.111\" not found, required by \"prog\"\n")
	if err := m.View(rootCred, "/").MkdirAll("/usr/local/lib/compat", 0o755); err != nil {
		t.Fatal(err)
	}
	compat := "/usr/local/lib/compat/libcrypto.so.111"
	if err := m.View(rootCred, "/").WriteFile(compat, []byte("x"), 0o444); err != nil {
		t.Fatal(err)
	}
	runs("with a compat package", "runs\nruns\n")
	if err := m.View(rootCred, "/").Remove(compat); err != nil {
		t.Fatal(err)
	}
	if err := m.InstallPackage("prog"); err != nil {
		t.Fatal(err)
	}
	runs("built anew", "runs\nruns\n")
}
