package portssim

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
)

func machine(t *testing.T, params url.Values) *sim.Machine {
	t.Helper()
	m, err := sim.New(sim.Options{Profile: "freebsd-8.2-zfs-mirror", Params: params, Tools: append(base.Tools(), Tools()...)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func runs(t *testing.T, m *sim.Machine, script string, code int) (out, errs string) {
	t.Helper()
	out, errs, got := m.Exec(context.Background(), "root", script)
	if got != code {
		t.Fatalf("%s: exit code %d, want %d\n%s%s", script, got, code, out, errs)
	}
	return out, errs
}

func contains(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestPkgInfo(t *testing.T) {
	m := machine(t, nil)
	out, _ := runs(t, m, "pkg_info", 0)
	contains(t, out, "bash-4.1.10         The GNU Project's Bourne Again SHell\n", "portmaster-3.6.1    ")
	if out, _ := runs(t, m, "pkg_info -E 'bash-*'", 0); out != "bash-4.1.10\n" {
		t.Errorf("%q", out)
	}
	runs(t, m, "pkg_info -E 'nosuch-*'", 1)
	if out, _ := runs(t, m, "pkg_info -qoa", 0); !strings.Contains(out, "shells/bash\n") {
		t.Errorf("%q", out)
	}
	if out, _ := runs(t, m, "pkg_info -qW /usr/local/bin/bash", 0); out != "bash-4.1.10\n" {
		t.Errorf("%q", out)
	}
	_, errs := runs(t, m, "pkg_info nosuch", 1)
	contains(t, errs, "pkg_info: can't find package 'nosuch' installed or in a file!\n")
	_, errs = runs(t, m, "pkg_info -Z", 64)
	contains(t, errs, "pkg_info: illegal option -- Z\nusage: pkg_info ")
	runs(t, m, "test -f /var/db/pkg/bash-4.1.10/+CONTENTS", 0)
}

func TestPkgDelete(t *testing.T) {
	m := machine(t, nil)
	_, errs := runs(t, m, "pkg_delete pcre-8.20", 1)
	contains(t, errs, "pkg_delete: package 'pcre-8.20' is required by these other packages\nand may not be deinstalled:\nnginx-1.0.11,1\n")
	_, errs = runs(t, m, "pkg_delete nosuch-1", 1)
	contains(t, errs, "no such package 'nosuch-1' installed")
	runs(t, m, "pkg_delete -x '^bash'", 0)
	runs(t, m, "test -e /usr/local/bin/bash -o -e /var/db/pkg/bash-4.1.10", 1)
	runs(t, m, "pkg_delete -a", 0)
	_, errs = runs(t, m, "pkg_info", 0)
	contains(t, errs, "no packages installed")
}

func TestPkgAdd(t *testing.T) {
	m := machine(t, nil)
	_, errs := runs(t, m, "pkg_add -r rsync", 0)
	contains(t, errs, "Fetching ftp://ftp.freebsd.org/pub/FreeBSD/ports/amd64/packages-8.2-release/Latest/rsync.tbz... Done.\n")
	_, errs = runs(t, m, "pkg_add -r nosuch", 1)
	contains(t, errs, "File unavailable (e.g., file not found, no access)\n")
	gone := machine(t, url.Values{"start": {"2014-01-01T00:00:00Z"}})
	_, errs = runs(t, gone, "pkg_add -r rsync", 1)
	contains(t, errs, "pkg_add: unable to fetch ")
}

// Programs end with their libraries, work with misc/compat8x alone, and are mended
// for good by portmaster -af.
func TestAcrossReleases(t *testing.T) {
	for name, mend := range map[string]string{"compat8x": "portmaster -dGy misc/compat8x", "all": "portmaster -ay -PfdG"} {
		t.Run(name, func(t *testing.T) {
			m := machine(t, nil)
			for _, step := range []func() error{
				func() error { return m.InstallKernel("", "9.0-RELEASE") },
				func() error { return m.InstallWorld("", "9.0-RELEASE") },
				func() error { return m.RemoveOldLibraries("", "9.0-RELEASE") },
			} {
				if err := step(); err != nil {
					t.Fatal(err)
				}
			}
			_, errs := runs(t, m, "bash -c true", 1)
			contains(t, errs, "ld-elf.so.1: Shared object \"libutil.so.8\" not found, required by \"bash\"\n")
			out, _ := runs(t, m, "ldd /usr/local/bin/bash", 0)
			contains(t, out, "/usr/local/bin/bash:\n\tlibutil.so.8 => not found (0)\n")
			out, _ = runs(t, m, mend, 0)
			contains(t, out, "===>>> The following actions were performed:\n")
			if lib := m.MissingLibrary("/usr/local/bin/bash"); lib != "" {
				t.Errorf("bash still lacks %s", lib)
			}
			out, _ = runs(t, m, "ldd /usr/local/bin/bash", 0)
			contains(t, out, " => /")
			if out, _ := runs(t, m, "portmaster -ay", 0); !strings.Contains(out, "===>>> All ports are up to date\n") {
				t.Errorf("%s", out)
			}
		})
	}
}

func TestPortmaster(t *testing.T) {
	m := machine(t, url.Values{"port-fail": {"www/nginx"}})
	out, _ := runs(t, m, "portmaster -dyf nginx", 1)
	contains(t, out, "\tRe-install nginx-1.0.11,1\n", "===>>> make build failed for www/nginx\n===>>> Aborting update\n")
	if out, _ := runs(t, m, "echo n | portmaster rsync", 1); strings.Contains(out, "Starting build") {
		t.Errorf("it went on: %s", out)
	}
	out, _ = runs(t, m, "portmaster --no-confirm net/rsync </dev/null", 0)
	contains(t, out, "\tInstallation of net/rsync (rsync-3.0.9)\n")
	_, errs := runs(t, m, "portmaster --nosuch", 1)
	contains(t, errs, "Unknown option: --nosuch")
	_, errs = runs(t, m, "portmaster no/such", 1)
	contains(t, errs, "Cannot continue")
	out, _ = runs(t, m, "portmaster -l", 0)
	contains(t, out, "===>>> 8 total installed ports\n")
}

func TestMake(t *testing.T) {
	m := machine(t, nil)
	out, _ := runs(t, m, "make -C /usr/ports/net/rsync install clean BATCH=yes", 0)
	contains(t, out, "===>   Registering installation for rsync-3.0.9\n===>  Cleaning for rsync-3.0.9\n")
	runs(t, m, "make -C /usr/ports/net/rsync install", 1)
	if out, _ := runs(t, m, "cd /usr/ports/net/rsync && make -V PKGNAME", 0); out != "rsync-3.0.9\n" {
		t.Errorf("%q", out)
	}
	runs(t, m, "make -C /usr/ports/net/rsync deinstall && ! pkg_info -E 'rsync*'", 0)
	_, errs := runs(t, m, "cd /root && make install", 2)
	contains(t, errs, "make: don't know how to make install. Stop\n")
	runs(t, m, "make -C /usr/ports/net/nosuch install", 2)
}

func TestPkgVersion(t *testing.T) {
	m := machine(t, nil)
	if out, _ := runs(t, m, "pkg_version -t 1.0 1.1_1; pkg_version -v -l '<'", 0); out != "<\n" {
		t.Errorf("%q", out)
	}
	out, _ := runs(t, m, "pkg_version -v", 0)
	contains(t, out, "bash-4.1.10                         =   up-to-date with port\n")
}

// The old package tools are gone with 10.0.
func TestOldToolsGo(t *testing.T) {
	m := machine(t, nil)
	if err := m.InstallWorld("", "10.4-RELEASE"); err != nil {
		t.Fatal(err)
	}
	runs(t, m, "pkg_info", 127)
}
