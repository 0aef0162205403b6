package pkgsim

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

// sleep is sleep(1), the one other program that these tests need.
var sleep = &sim.Tool{Name: "sleep", Paths: []string{"/bin/sleep"}, Run: func(p *sim.Proc) int {
	d, err := time.ParseDuration(p.Args[1] + "s")
	if err == nil {
		err = p.Sleep(d)
	}
	if err != nil {
		return 1
	}
	return 0
}}

// machine is a simulated host with sh and pkg alone.
func machine(t *testing.T) *sim.Machine {
	t.Helper()
	m, err := sim.New(sim.Options{Tools: append(Tools(), sleep)})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// run expects an exit code, and returns both streams.
func runs(t *testing.T, m *sim.Machine, user, script string, code int) (out, errs string) {
	t.Helper()
	out, errs, got := m.Exec(context.Background(), user, script)
	if got != code {
		t.Fatalf("%s: exit code %d, want %d\n%s%s", script, got, code, out, errs)
	}
	return out, errs
}

func contains(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Fatalf("no %q in\n%s", want, text)
		}
	}
}

func TestStub(t *testing.T) {
	m := machine(t)
	_, errs := runs(t, m, "root", "pkg -N", 1)
	contains(t, errs, "pkg: pkg is not installed")
	_, errs = runs(t, m, "root", "pkg install git", 1)
	contains(t, errs, "is not yet installed on your system.", "ASSUME_ALWAYS_YES=yes")
	out, _ := runs(t, m, "root", "ASSUME_ALWAYS_YES=yes pkg bootstrap", 0)
	contains(t, out, "Bootstrapping pkg from pkg+https://pkg.FreeBSD.org/FreeBSD:14:amd64/quarterly, please wait...", "Installing pkg-")
	runs(t, m, "root", "pkg -N", 0)
	out, _ = runs(t, m, "root", "pkg bootstrap", 0)
	contains(t, out, "pkg already bootstrapped at /usr/local/sbin/pkg")
}

func TestBootstrapUnreachable(t *testing.T) {
	m := machine(t)
	m.Network().SetUnreachable("pkg.freebsd.org", "Network is unreachable")
	_, errs := runs(t, m, "root", "ASSUME_ALWAYS_YES=yes pkg bootstrap", 1)
	contains(t, errs, "Network is unreachable", "A pre-built version of pkg could not be found")
}

const yes = "export ASSUME_ALWAYS_YES=yes; "

func TestInstall(t *testing.T) {
	m := machine(t)
	out, _ := runs(t, m, "root", yes+"pkg install -y git", 0)
	contains(t, out,
		"Updating FreeBSD repository catalogue...\n", "FreeBSD repository update completed.", "All repositories are up to date.\n",
		"New packages to be INSTALLED:\n\t", "\tgit: ", "Number of packages to be installed: ", "more space.\n", "Checking integrity... done (0 conflicting)\n", "] Installing git-")
	// What git needs comes before it, marked as automatic.
	out, _ = runs(t, m, "root", "pkg query '%a' git; pkg query '%dn' git", 0)
	lines := strings.Fields(out)
	if lines[0] != "0" || len(lines) < 2 {
		t.Fatalf("git and its dependencies: %q", out)
	}
	out, _ = runs(t, m, "root", "pkg query '%a' "+lines[1], 0)
	contains(t, out, "1")
	out, _ = runs(t, m, "root", "pkg install -y git", 0)
	contains(t, out, "FreeBSD repository is up to date.", "The most recent versions of packages are already installed")
	runs(t, m, "root", "pkg info -e git", 0)
	runs(t, m, "root", "pkg info -e nosuch", 1)
	out, _ = runs(t, m, "root", "pkg query '%n\\t%v\\t%o' git nosuch", 1)
	contains(t, out, "git\t", "\tdevel/git\n")
	_, errs := runs(t, m, "root", "pkg install -y nosuch", 1)
	contains(t, errs, "pkg: No packages available to install matching 'nosuch' have been found in the repositories")
}

func TestInstallRefusals(t *testing.T) {
	m := machine(t)
	runs(t, m, "root", yes+"pkg update", 0)
	out, _ := runs(t, m, "root", "pkg install git </dev/null", 1)
	contains(t, out, "Proceed with this action? [y/N]: ")
	runs(t, m, "root", "pkg info -e git", 1)
	out, _ = runs(t, m, "root", "pkg install -n -U git", 0)
	contains(t, out, "New packages to be INSTALLED:")
	runs(t, m, "root", "pkg info -e git", 1)
	_, errs := runs(t, m, "nobody", "pkg install -y git", 1)
	contains(t, errs, "pkg: Insufficient privileges to install packages")
	m.Network().SetUnreachable("pkg.freebsd.org", "Name does not resolve")
	_, errs = runs(t, m, "root", "pkg install -y git", 3)
	contains(t, errs, "No address record", "Unable to update repository FreeBSD", "Error updating repositories!")
}

func TestDiskFull(t *testing.T) {
	m := machine(t)
	runs(t, m, "root", yes+"pkg update", 0)
	if err := m.Tree().Fill("/usr/local"); err != nil {
		t.Fatal(err)
	}
	_, errs := runs(t, m, "root", "pkg install -y git", 3)
	contains(t, errs, "Not enough space in /var/cache/pkg")
	runs(t, m, "root", "pkg info -e git", 1)
}

func TestRemove(t *testing.T) {
	m := machine(t)
	runs(t, m, "root", yes+"pkg install -y git", 0)
	out, _ := runs(t, m, "root", "pkg query '%dn' git", 0)
	dep := strings.Fields(out)[0]
	out, _ = runs(t, m, "root", "pkg delete -n "+dep, 0)
	contains(t, out, "Installed packages to be REMOVED:\n", "\t"+dep+": ", "\tgit: ", "The operation will free ")
	runs(t, m, "root", "pkg delete -y "+dep, 0)
	runs(t, m, "root", "pkg info -e git", 1)
	out, _ = runs(t, m, "root", "pkg autoremove -y", 0)
	contains(t, out, "Installed packages to be REMOVED:")
	out, _ = runs(t, m, "root", "pkg autoremove -y", 0)
	contains(t, out, "Nothing to do.")
	_, errs := runs(t, m, "root", "pkg delete -y pkg", 3)
	contains(t, errs, "Cannot delete pkg itself without force flag")
}

func TestLock(t *testing.T) {
	m := machine(t)
	runs(t, m, "root", yes+"pkg install -y git", 0)
	out, _ := runs(t, m, "root", "pkg lock -y git; pkg query %k git; pkg lock -y git; pkg unlock -y git; pkg query %k git", 0)
	contains(t, out, "Locking git-", "\n1\n", ": already locked\n", "Unlocking git-", "\n0\n")
}

func TestSecondPkgFindsTheDatabaseLocked(t *testing.T) {
	m := machine(t)
	runs(t, m, "root", yes+"pkg update", 0)
	out, errs := runs(t, m, "root", "pkg install -y git >/dev/null & sleep 3; pkg install -y rsync; echo code $?; wait", 0)
	contains(t, errs, "pkg: Cannot get an advisory lock on a database, it is locked by another process")
	contains(t, out, "code 1")
}

func TestQueries(t *testing.T) {
	m := machine(t)
	runs(t, m, "root", yes+"pkg install -y git", 0)
	out, _ := runs(t, m, "root", "pkg which -q /usr/local/sbin/pkg; pkg which /etc/passwd; echo $?", 0)
	contains(t, out, "pkg-", "/etc/passwd was not found in the database\n1\n")
	out, _ = runs(t, m, "root", "pkg query -e '%a = 0 && %n = git' '%n %v'", 0)
	contains(t, out, "git ")
	out, _ = runs(t, m, "root", "pkg version -t 1.2 1.10; pkg version -t 2.0,1 3.0; pkg version -t 1.0 1.0", 0)
	contains(t, out, "<\n>\n=\n")
	_, errs := runs(t, m, "root", "pkg nonsense", 1)
	contains(t, errs, "pkg: unknown command: nonsense")
	_, errs = runs(t, m, "root", "pkg shell", sim.CannotCode)
	contains(t, errs, "the simulator can't")
	_, errs = runs(t, m, "root", "pkg audit", 1)
	contains(t, errs, "Try running 'pkg audit -F' first")
	runs(t, m, "root", "pkg check -sd -a", 0)
	_, errs = runs(t, m, "root", "for f in /usr/local/share/licenses/git-*/LICENSE; do echo x >>$f; done; pkg check -s -a", 1)
	contains(t, errs, ": checksum mismatch for /usr/local/share/licenses/git-")
}

func TestRepositories(t *testing.T) {
	m := machine(t)
	runs(t, m, "root", yes+"pkg update", 0)
	out, _ := runs(t, m, "root", "pkg -vv", 0)
	contains(t, out, "Repositories:\n  FreeBSD: { \n    url             : \"pkg+https://pkg.FreeBSD.org/FreeBSD:14:amd64/quarterly\",\n    enabled         : yes,\n")
	if err := m.View(vfs.Root, "/").MkdirAll("/usr/local/etc/pkg/repos", 0o755); err != nil {
		t.Fatal(err)
	}
	runs(t, m, "root", "echo 'FreeBSD: { enabled: no }' >/usr/local/etc/pkg/repos/FreeBSD.conf", 0)
	out, _ = runs(t, m, "root", "pkg -vv", 0)
	contains(t, out, "enabled         : no,")
	_, errs := runs(t, m, "root", "pkg install -y git", 1)
	contains(t, errs, "No active remote repositories configured")
}

// TestLocalRepository offers what pkg-repo(8) catalogued on the machine itself.
func TestLocalRepository(t *testing.T) {
	m := machine(t)
	runs(t, m, "root", yes+"pkg update", 0)
	view := m.View(vfs.Root, "/")
	write := func(file, content string) {
		t.Helper()
		if err := view.MkdirAll(path.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := view.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("/usr/local/etc/pkg/repos/custom.conf", "custom: {\n  url: \"file:///data/packages\",\n  priority: 10,\n  enabled: yes\n}\n")
	_, errs := runs(t, m, "root", "pkg update", 1)
	contains(t, errs, "Unable to update repository custom")
	write("/data/packages/packagesite.pkg", archived(t, map[string]string{"packagesite.yaml": `{"name":"hello","version":"2.12","origin":"misc/hello","comment":"Greets","prefix":"/usr/local","flatsize":1024,"deps":{"indexinfo":{"origin":"print/indexinfo","version":"0.3"}},"categories":["misc"]}` + "\n"}))
	out, _ := runs(t, m, "root", "pkg install -y hello", 0)
	contains(t, out, "custom repository update completed. 1 packages processed.", "\thello: 2.12 [custom]\n", "\tindexinfo: ")
	out, _ = runs(t, m, "root", "pkg query '%v %R %o' hello", 0)
	contains(t, out, "2.12 custom misc/hello\n")
	write("/usr/local/etc/pkg/repos/custom.conf", "custom: {\n  url: \"file:///data/packages\",\n  signature_type: \"pubkey\",\n  pubkey: \"/etc/key.pub\",\n  enabled: yes\n}\n")
	_, errs = runs(t, m, "root", "pkg update -f", 1)
	contains(t, errs, "No signature found in the repository.")
}

// archived is a tar of files, compressed by zstd.
func archived(t *testing.T, files map[string]string) string {
	t.Helper()
	var out bytes.Buffer
	z, err := zstd.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	archive := tar.NewWriter(z)
	for name, content := range files {
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func FuzzReadManifest(f *testing.F) {
	f.Add([]byte(`{"name":"a","version":"1","deps":{"b":{}}}`))
	f.Fuzz(func(t *testing.T, line []byte) { _, _ = readManifest(line) })
}

func FuzzQuery(f *testing.F) {
	f.Add("%n\\t%v %dn-%dv", "%a = 0 && %n ~ g*")
	f.Add("%Ok %Ov%?d%#r%%", "%s > 5 || %v != 1")
	p := &state.Package{Name: "git", Version: "2.0", Deps: []string{"curl"}, Options: map[string]string{"A": "on"}}
	f.Fuzz(func(t *testing.T, format, condition string) {
		if badFormat(format) == "" {
			expand(format, p, map[string]*state.Package{"git": p}, false)
		}
		if meets, err := parseCondition(condition); err == nil {
			meets(p)
		}
	})
}

func FuzzRepositories(f *testing.F) {
	f.Add("url: \"x\",\n  enabled: yes\n")
	f.Add(" enabled: no ")
	f.Fuzz(func(t *testing.T, body string) { new(repository).read(body) })
}
