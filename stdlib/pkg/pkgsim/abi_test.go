package pkgsim

import (
	"context"
	"strings"
	"testing"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
)

// After a major upgrade pkg says so, does not run without its libraries, and
// installs everything anew once it was bootstrapped.
func TestMajorUpgrade(t *testing.T) {
	m, err := sim.New(sim.Options{Profile: "freebsd-13.5-zfs-mirror", Tools: append(base.Tools(), Tools()...)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	run := func(script string) (string, string, int) { return m.Exec(context.Background(), "root", script) }
	const warning = "pkg: Warning: Major OS version upgrade detected.  Running \"pkg bootstrap -f\" recommended\n"
	if _, errs, code := run("pkg info -q"); errs != "" || code != 0 {
		t.Fatalf("before: %q %d", errs, code)
	}
	if err := m.InstallWorld("", "14.3-RELEASE"); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := run("pkg info -q"); errs != warning || code != 0 {
		t.Errorf("with the new world: %q %d", errs, code)
	}
	if err := m.RemoveOldLibraries("", "14.3-RELEASE"); err != nil {
		t.Fatal(err)
	}
	const linker = "ld-elf.so.1: Shared object \"libcrypto.so.111\" not found, required by \"pkg\"\n"
	if _, errs, code := run("pkg upgrade -y"); errs != linker || code != 1 {
		t.Errorf("without the libraries: %q %d", errs, code)
	}
	if _, errs, code := run("pkg-static info -q"); errs != warning || code != 0 {
		t.Errorf("pkg-static: %q %d", errs, code)
	}
	if out, errs, code := run("pkg-static bootstrap -fy"); code != 0 {
		t.Fatalf("bootstrap: %q %q %d", out, errs, code)
	}
	out, errs, code := run("pkg upgrade -y")
	if code != 0 || errs != "" || !strings.Contains(out, "\tbash-5.3.3 (ABI changed: 'FreeBSD:13:amd64' -> 'FreeBSD:14:amd64')\n") {
		t.Errorf("upgrade: %q %q %d", out, errs, code)
	}
	if out, _, _ := run("pkg upgrade -n"); !strings.Contains(out, "Your packages are up to date") {
		t.Errorf("afterwards: %q", out)
	}
	if m.MissingLibrary("/usr/local/bin/bash") != "" || m.MissingLibrary("/usr/local/sbin/pkg") != "" {
		t.Error("something still lacks its library")
	}
	if out, _, _ := run("pkg -vv | grep ABI; pkg -oABI=FreeBSD:15:amd64 -vv | grep ABI"); out != "ABI = \"FreeBSD:14:amd64\";\nABI = \"FreeBSD:15:amd64\";\n" {
		t.Errorf("%q", out)
	}
}

// A base system of packages is upgraded by pkg, kernel and userland alike.
func TestBasePackages(t *testing.T) {
	m, err := sim.New(sim.Options{Profile: "freebsd-15.0-pkgbase", Tools: append(base.Tools(), Tools()...)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	run := func(script string) (string, string, int) { return m.Exec(context.Background(), "root", script) }
	if out, _, _ := run("pkg which -q /usr/bin/uname; pkg which -q /sbin/nosuch"); out != "FreeBSD-runtime-15.0\n" {
		t.Errorf("%q", out)
	}
	if out, _, _ := run("pkg repos -l"); out != "FreeBSD-ports\nFreeBSD-ports-kmods\nFreeBSD-base\n" {
		t.Errorf("%q", out)
	}
	out, errs, code := run("pkg upgrade -y -r FreeBSD-base")
	if code != 0 || errs != "" || !strings.Contains(out, "\tFreeBSD-runtime: 15.0 -> 15.0p1") {
		t.Fatalf("%q %q %d", out, errs, code)
	}
	if k, u, r := m.KernelRelease(""), m.UserlandRelease(""), m.RunningRelease(); k != "15.0-RELEASE-p1" || u != k || r != "15.0-RELEASE" {
		t.Error(k, u, r)
	}
	if out, errs, code := run("pkg upgrade -n; freebsd-version -u; pkg which -q /bin/ls"); code != 0 || !strings.HasSuffix(out, "15.0-RELEASE-p1\nFreeBSD-runtime-15.0p1\n") {
		t.Errorf("%q %q %d", out, errs, code)
	}
}
