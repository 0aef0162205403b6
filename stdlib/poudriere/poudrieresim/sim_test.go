package poudrieresim

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
	"bsdrun/stdlib/git/gitsim"
)

// rig is a builder with poudriere set up, a small tree and a jail.
type rig struct {
	*sim.Machine
	t *testing.T
}

// sleep passes ten seconds.
var sleep = &sim.Tool{Name: "sleep10", Paths: []string{"/bin/sleep10"}, Run: func(p *sim.Proc) int {
	_ = p.Sleep(10 * time.Second)
	return 0
}}

const treeRoot = "/usr/local/poudriere/ports/default"

func newRig(t *testing.T, params url.Values) rig {
	t.Helper()
	m, err := sim.New(sim.Options{Profile: "builder", Params: params, Tools: []*sim.Tool{Tool(), gitsim.Tool(), sleep}})
	if err != nil {
		t.Fatal(err)
	}
	for _, pkg := range []string{"poudriere", "git"} {
		if err := m.InstallPackage(pkg); err != nil {
			t.Fatal(err)
		}
	}
	r := rig{m, t}
	r.put("/usr/local/etc/poudriere.conf", "NO_ZFS=yes\nFREEBSD_HOST=https://download.FreeBSD.org\nRESOLV_CONF=/etc/resolv.conf\nBASEFS=/usr/local/poudriere\nDISTFILES_CACHE=/usr/ports/distfiles\nPARALLEL_JOBS=2\n")
	if err := r.view().MkdirAll("/usr/ports/distfiles", 0o755); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r rig) view() *vfs.View { return r.View(vfs.Root, "/") }

func (r rig) put(name, text string) {
	r.t.Helper()
	if err := r.view().MkdirAll(name[:strings.LastIndexByte(name, '/')], 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := r.view().WriteFile(name, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r rig) get(name string) string {
	r.t.Helper()
	data, err := r.view().ReadFile(name)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(data)
}

// port puts a port into the tree.
func (r rig) port(origin, version string, more ...string) {
	r.t.Helper()
	name := origin[strings.IndexByte(origin, '/')+1:]
	r.put(treeRoot+"/"+origin+"/Makefile", "PORTNAME=\t"+name+"\nDISTVERSION=\t"+version+"\nCATEGORIES=\tx\nMAINTAINER=\tports@example.org\nCOMMENT=\tPort "+name+"\n"+strings.Join(more, "\n")+"\n.include <bsd.port.mk>\n")
}

// ports is the tree most tests use: d needs c and b, which needs a at build time.
func (r rig) ports() {
	r.port("ports-mgmt/pkg", "2.4.2")
	r.port("x/a", "1.0")
	r.port("x/b", "2.0", "BUILD_DEPENDS=\ta:x/a")
	r.port("x/c", "3.0", "OPTIONS_DEFINE=\tEXTRA", "EXTRA_RUN_DEPENDS=\ta:x/a")
	r.port("x/d", "4.0", "LIB_DEPENDS=\tlibb.so:x/b", "RUN_DEPENDS=\tc:x/c")
	r.run("poudriere ports -c -m null -M "+treeRoot, 0)
}

func (r rig) jail() { r.run("poudriere jail -c -j 143amd64 -v 14.3-RELEASE", 0) }

// run runs a command, wants an exit code and returns what it printed.
func (r rig) run(command string, want int) (stdout, stderr string) {
	r.t.Helper()
	out, errs, code := r.Exec(context.Background(), "root", command)
	if code != want {
		r.t.Fatalf("%s: exit %d, not %d\n%s%s", command, code, want, out, errs)
	}
	return out, errs
}

func ready(t *testing.T, params url.Values) rig {
	r := newRig(t, params)
	r.ports()
	r.jail()
	return r
}

var elapsedMark = regexp.MustCompile(`\[\d\d:\d\d:\d\d\]`)

func TestBeforeAnythingElse(t *testing.T) {
	r := newRig(t, nil)
	for _, c := range []struct {
		command string
		exit    int
		out     string
		errs    string
	}{
		{"poudriere version", 0, "poudriere-3.4.8\n", ""},
		{"poudriere", 1, "Usage: poudriere", ""},
		{"poudriere nonsense", 1, "Usage: poudriere", "Unknown command 'nonsense'"},
		{"poudriere -c -j 92amd64 -V 9.2-RELEASE -a amd64", 1, "Usage: poudriere", ""},
		{"poudriere ports", 64, "poudriere ports [parameters]", ""},
		{"poudriere ports -c -l", 64, "poudriere ports [parameters]", ""},
		{"poudriere jail -c", 64, "poudriere jail [parameters]", "Missing: JAILNAME"},
		{"poudriere bulk", 64, "poudriere bulk [options]", ""},
		{"poudriere ports -l", 0, "PORTSTREE METHOD TIMESTAMP PATH\n", ""},
		{"poudriere ports -lq", 0, "", ""},
		{"poudriere jail -l", 0, "JAILNAME VERSION OSVERSION ARCH METHOD TIMESTAMP PATH\n", ""},
		{"poudriere status", 1, "", "Log path /usr/local/poudriere/data/logs/bulk does not exist."},
		{"poudriere bulk -j nojail x/a", 1, "", "[00:00:00] ====>> Error: No such jail: nojail\n"},
		{"poudriere bulk x/a", 1, "", "Don't know on which jail to run please specify -j"},
		{"poudriere jail -i -j nojail", 1, "", "No such jail: nojail"},
		{"poudriere jail -d -j nojail", 0, "", "Warning: Jail does not exist. Proceeding with cleanup."},
		{"poudriere jail -c -j a.b -v 14.3-RELEASE", 1, "", "cannot contain a period"},
		{"poudriere ports -u -p nope", 2, "", "No such ports tree nope"},
		{"poudriere ports -d -p nope", 2, "", "No such ports tree nope"},
		{"poudriere ports -c -p a:b -m null -M /x", 1, "", "cannot contain a colon"},
		{"poudriere ports -c -p a-b -m null -M /x", 1, "", "cannot contain a hyphen"},
		{"poudriere ports -c -m null", 1, "", "Must set -M to path of ports tree to use"},
		{"poudriere ports -c -m null -M /", 1, "", "Cannot use / for -M"},
		{"poudriere ports -c -m null -F -M /x", 1, "", "Cannot use -F with -m null"},
	} {
		out, errs, code := r.Exec(context.Background(), "root", c.command)
		if code != c.exit || c.out == "" && out != "" || !strings.Contains(out, c.out) || !strings.Contains(errs, c.errs) {
			t.Errorf("%s: exit %d\n%s--- stderr\n%s", c.command, code, out, errs)
		}
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "ZPOOL variable is not set",
		"ZPOOL=tank\n":                     "No such zpool: tank",
		"ZPOOL=zroot\nZROOTFS=poudriere\n": "ZROOTFS should start with a /",
		"ZPOOL=zroot\n":                    "Please provide a BASEFS variable in your poudriere.conf",
		"NO_ZFS=no\nBASEFS=/x\nDISTFILES_CACHE=/y": "DISTFILES_CACHE directory does not exist. (cf.  poudriere.conf)",
	} {
		r := newRig(t, nil)
		r.put("/usr/local/etc/poudriere.conf", text)
		if _, errs := r.run("poudriere ports -l", 1); errs != "[00:00:00] ====>> Error: "+want+"\n" {
			t.Errorf("%q: %s", text, errs)
		}
	}
	r := newRig(t, nil)
	if err := r.view().Remove("/usr/local/etc/poudriere.conf"); err != nil {
		t.Fatal(err)
	}
	if _, errs := r.run("poudriere ports -l", 1); !strings.Contains(errs, "Unable to find a readable poudriere.conf in") {
		t.Error(errs)
	}
}

func TestPortsTrees(t *testing.T) {
	r := newRig(t, nil)
	r.put("/srv/tree/Makefile", "SUBDIR += x\n")
	out, _ := r.run("poudriere ports -c -p mine -m null -M /srv/tree", 0)
	if out != "[00:00:00] ====>> Imported ports tree \"mine\" from /srv/tree\n" {
		t.Error(out)
	}
	state := "/usr/local/etc/poudriere.d/ports/mine/"
	if r.get(state+"mnt") != "/srv/tree\n" || r.get(state+"method") != "null\n" || r.get(state+"created_fs") != "0\n" {
		t.Error("the state files differ from poudriere's")
	}
	if _, errs := r.run("poudriere ports -c -p mine -m null -M /srv/tree", 2); !strings.Contains(errs, "The ports tree, mine, already exists") {
		t.Error(errs)
	}
	r.run("poudriere ports -c -p old -f none -F -M /srv/old", 0)
	out, _ = r.run("poudriere ports -l", 0)
	want := "PORTSTREE METHOD TIMESTAMP PATH\nmine      null             /srv/tree\nold       -                /srv/old\n"
	if out != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
	if out, _ = r.run("poudriere ports -lnq", 0); out != "mine\nold\n" {
		t.Error(out)
	}
	if out, _ = r.run("poudriere ports -u -p mine", 0); out != "[00:00:00] ====>> Not updating portstree \"mine\" with method null\n" || r.get(state+"timestamp") == "" {
		t.Error(out)
	}
	r.run("poudriere ports -d -p mine", 0)
	r.run("poudriere ports -d -p old", 0)
	if r.get("/srv/tree/Makefile") == "" {
		t.Error("a tree of method null was deleted")
	}
	if _, err := r.view().Stat("/srv/old"); err == nil {
		t.Error("a tree made by -F was kept")
	}
	r.run("poudriere ports -c -p main", 0)
	if !strings.Contains(r.get("/usr/local/poudriere/ports/main/www/nginx/Makefile"), "PORTNAME") {
		t.Error("the tree wasn't cloned")
	}
	out, _ = r.run("poudriere ports -u -p main", 0)
	if !strings.HasSuffix(out, "Updating portstree \"main\" with git+https... done\n") {
		t.Error(out)
	}
}

func TestJail(t *testing.T) {
	r := newRig(t, nil)
	before := r.Now()
	out, _ := r.run("poudriere jail -c -j 143amd64 -v 14.3-RELEASE", 0)
	if took := r.Now().Sub(before); took.Minutes() < 1 || took.Minutes() > 15 {
		t.Errorf("creating the jail took %s", took)
	}
	if !strings.Contains(out, "Jail 143amd64 14.3-RELEASE") || !strings.Contains(out, "amd64 is ready to be used") {
		t.Error(out)
	}
	if _, errs := r.run("poudriere jail -c -j 143amd64 -v 14.3-RELEASE", 2); !strings.Contains(errs, "The jail 143amd64 already exists") {
		t.Error(errs)
	}
	out, _ = r.run("poudriere jail -l", 0)
	if lines := strings.Split(out, "\n"); len(lines) != 3 || !strings.HasPrefix(lines[0], "JAILNAME VERSION") || !strings.HasPrefix(lines[1], "143amd64 14.3-RELEASE") || !strings.HasSuffix(lines[1], " /usr/local/poudriere/jails/143amd64") {
		t.Error(out)
	}
	out, _ = r.run("poudriere jail -i -j 143amd64", 0)
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		if len(line) > 19 && line[18] != ' ' || len(line) > 19 && line[19] == ' ' {
			t.Errorf("the value of %q doesn't start at column 20", line)
		}
	}
	r.run("poudriere jail -u -j 143amd64", 0)
	r.run("poudriere jail -r renamed -j 143amd64", 0)
	r.run("poudriere jail -d -j renamed -y", 0)
	if _, err := r.view().Stat("/usr/local/poudriere/jails/143amd64"); err == nil {
		t.Error("the jail's files are still there")
	}
}

func TestJailThatCannotBeFetched(t *testing.T) {
	r := newRig(t, nil)
	r.Network().SetUnreachable("download.freebsd.org", "Operation timed out")
	_, errs := r.run("poudriere jail -c -j j -v 14.3-RELEASE", 1)
	if !strings.Contains(errs, "fetch: https://download.FreeBSD.org/ftp/releases/amd64/amd64/14.3-RELEASE/MANIFEST: Operation timed out\n") || !strings.Contains(errs, "Error: Failed to fetch from https://download.FreeBSD.org/") {
		t.Error(errs)
	}
	if out, _ := r.run("poudriere jail -lq", 0); out != "" {
		t.Error("half a jail is left:", out)
	}
	r.Network().SetUnreachable("download.freebsd.org", "")
	if _, errs = r.run("poudriere jail -c -j j -v 12.0-RELEASE", 1); !strings.Contains(errs, "Not Found") {
		t.Error(errs)
	}
	r.jail()
}

// build is what the tests read of .data.json.
type build struct {
	Status string
	Ended  string
	Stats  map[string]string
	Ports  struct {
		Built, Inspected, Ignored, Queued []struct{ Origin, Pkgname, Reason, Elapsed string }
		Failed                            []struct{ Origin, Pkgname, Phase, Errortype string }
		Skipped                           []struct{ Origin, Pkgname, Depends string }
	}
}

const logs = "/usr/local/poudriere/data/logs/bulk/143amd64-default/"

func (r rig) data(name string) build {
	r.t.Helper()
	var b build
	if err := json.Unmarshal([]byte(r.get(logs+name+"/.data.json")), &b); err != nil {
		r.t.Fatal(err)
	}
	return b
}

func origins(b build) string {
	var out []string
	for _, p := range b.Ports.Built {
		out = append(out, p.Origin)
	}
	return strings.Join(out, " ")
}

func TestBulk(t *testing.T) {
	r := ready(t, nil)
	before := r.Now()
	out, _ := r.run("poudriere bulk -j 143amd64 -B one x/d", 0)
	if took := r.Now().Sub(before); took.Minutes() < 3 {
		t.Errorf("the build took %s", took)
	}
	b := r.data("one")
	if b.Status != "stopped:done:" || b.Ended == "" || origins(b) != "x/a x/b x/c x/d ports-mgmt/pkg" {
		t.Errorf("%+v", b)
	}
	for name, want := range map[string]string{"queued": "5", "built": "5", "failed": "0", "skipped": "0", "ignored": "0", "inspected": "0", "tobuild": "5", "fetched": "0"} {
		if b.Stats[name] != want {
			t.Errorf("%s is %q, not %q", name, b.Stats[name], want)
		}
	}
	for _, want := range []string{
		"] [01] [00:00:00] Building   ports-mgmt/pkg | pkg-2.4.2\n", "Finished   x/d | d-4.0: Success\n", "====>> Built ports: ports-mgmt/pkg x/a x/b x/c x/d\n",
		"Queued: 5 Inspected: 0 Ignored: 0 Built: 5 Failed: 0 Skipped: 0 Fetched: 0 Remaining: 0\n", "[143amd64-default] [one] [done] Time: ", "====>> Logs: " + logs + "one\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("not printed: %q\n%s", want, out)
		}
	}
	repo := "/usr/local/poudriere/data/packages/143amd64-default/"
	for _, pkg := range []string{"a-1.0", "b-2.0", "c-3.0", "d-4.0", "pkg-2.4.2"} {
		if _, err := r.view().Stat(repo + ".latest/All/" + pkg + ".pkg"); err != nil {
			t.Error(err)
		}
		if r.get(logs+"one/logs/built/"+pkg+".log") == "" || r.get(logs+"latest-per-pkg/"+pkg+".log") == "" {
			t.Errorf("no log of %s", pkg)
		}
	}
	if target, err := r.view().Readlink(repo + ".latest"); err != nil || !regexp.MustCompile(`^\.real_\d+$`).MatchString(target) {
		t.Errorf(".latest -> %q, %v", target, err)
	}
	for _, link := range []string{"All", "Latest", "packagesite.pkg", "data.pkg", "meta.conf"} {
		if _, err := r.view().Stat(repo + link); err != nil {
			t.Error(err)
		}
	}
	if _, err := r.view().Stat(repo + ".building"); err == nil {
		t.Error(".building is left")
	}
	if latest, _ := r.view().Readlink(logs + "latest"); latest != "one" {
		t.Errorf("latest -> %q", latest)
	}
	if r.get(logs+"one/.poudriere.status") != "stopped:done:\n" || r.get(logs+"one/.poudriere.stats_built") != "5\n" {
		t.Error("the raw files differ from the JSON")
	}

	out, _ = r.run("poudriere bulk -j 143amd64 -B two x/d", 0)
	if b = r.data("two"); origins(b) != "" || b.Stats["inspected"] != "5" || !strings.Contains(out, "No package built, no need to update the repository") {
		t.Errorf("a second run built %q\n%s", origins(b), out)
	}
}

func TestRebuildsWhatChanged(t *testing.T) {
	r := ready(t, nil)
	r.run("poudriere bulk -j 143amd64 x/d", 0)
	step := func(name, built string, messages ...string) {
		t.Helper()
		out, _ := r.run("poudriere bulk -j 143amd64 -B "+name+" x/d", 0)
		if got := origins(r.data(name)); got != built {
			t.Errorf("%s: built %q, not %q", name, got, built)
		}
		for _, m := range messages {
			if !strings.Contains(out, m) {
				t.Errorf("%s: not printed: %q\n%s", name, m, out)
			}
		}
	}
	r.port("x/d", "4.1", "LIB_DEPENDS=\tlibb.so:x/b", "RUN_DEPENDS=\tc:x/c")
	step("leaf", "x/d", "Deleting d-4.0.pkg: new version: 4.1\n")
	r.port("x/b", "2.0", "PORTREVISION=\t1", "BUILD_DEPENDS=\ta:x/a")
	step("middle", "x/b x/d", "Deleting b-2.0.pkg: new version: 2.0_1\n", "Deleting d-4.1.pkg: missing dependency: b-2.0\n")
	r.port("x/a", "1.1")
	step("buildtime", "", "Deleting a-1.0.pkg: new version: 1.1\n")
	r.put("/usr/local/etc/poudriere.d/143amd64-default-options/x_c/options", "OPTIONS_FILE_SET+=EXTRA\n")
	step("options", "x/a x/c x/d", "Deleting c-3.0.pkg: changed options\n", "Deleting d-4.1.pkg: missing dependency: c-3.0\n")
	r.port("x/d", "4.1", "LIB_DEPENDS=\tlibb.so:x/b")
	step("depends", "x/d", "Deleting d-4.1.pkg: removed dependency: x/c\n")
	r.run("poudriere bulk -j 143amd64 -B listed -C x/d", 0)
	if got := origins(r.data("listed")); got != "x/d" {
		t.Errorf("-C built %q", got)
	}
	r.run("poudriere bulk -j 143amd64 -B all -c x/d", 0)
	if got := origins(r.data("all")); got != "x/a x/b x/d ports-mgmt/pkg" {
		t.Errorf("-c built %q", got)
	}
}

func TestFailures(t *testing.T) {
	r := ready(t, url.Values{"fail": {"x/b:configure"}})
	r.port("x/e", "1", "BROKEN=\tdoes not build")
	r.port("x/f", "1", "RUN_DEPENDS=\te:x/e")
	out, _ := r.run("poudriere bulk -j 143amd64 -B one x/d x/e x/f", 3)
	b := r.data("one")
	if origins(b) != "x/a x/c ports-mgmt/pkg" || len(b.Ports.Failed) != 1 || b.Ports.Failed[0].Phase != "configure" || b.Ports.Failed[0].Origin != "x/b" {
		t.Errorf("%+v", b)
	}
	if fmt.Sprint(b.Ports.Skipped) != "[{x/d d-4.0 b-2.0} {x/f f-1 e-1}]" || len(b.Ports.Ignored) != 1 || b.Ports.Ignored[0].Reason != "is marked as broken: does not build" {
		t.Errorf("skipped %v, ignored %v", b.Ports.Skipped, b.Ports.Ignored)
	}
	for _, want := range []string{"Failed ports: x/b:configure\n", "Skipped ports: x/d x/f\n", "Ignored ports: x/e\n", "Finished   x/b | b-2.0: Failed: configure\n", "Skipping   x/d | d-4.0: Dependent port x/b | b-2.0 failed\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("not printed: %q\n%s", want, out)
		}
	}
	if !strings.Contains(r.get(logs+"one/logs/errors/b-2.0.log"), "configure: error") {
		t.Error("the log doesn't tell why")
	}
	r.Params.Del("fail")
	r.run("poudriere bulk -j 143amd64 -B two x/d", 0)
	if got := origins(r.data("two")); got != "x/b x/d" {
		t.Errorf("the second run built %q", got)
	}
}

func TestRefusals(t *testing.T) {
	r := ready(t, nil)
	for _, c := range []struct {
		command string
		exit    int
		errs    string
	}{
		{"poudriere bulk -j 143amd64 -p none x/a", 2, "No such ports tree none"},
		{"poudriere bulk -j 143amd64", 64, "No packages specified"},
		{"poudriere bulk -j 143amd64 -f /none", 64, "No such list of packages: /none"},
		{"poudriere bulk -j 143amd64 x/none", 1, "Nonexistent origin listed: x/none"},
		{"poudriere bulk -j 143amd64 x/none", 1, "Fatal errors encountered gathering initial ports metadata"},
		{"poudriere testport -j 143amd64 x/none", 1, "Nonexistent origin x/none"},
	} {
		if _, errs := r.run(c.command, c.exit); !strings.Contains(errs, c.errs) {
			t.Errorf("%s: %s", c.command, errs)
		}
	}
	r.port("x/g", "1", "RUN_DEPENDS=\tnone:x/none")
	if _, errs := r.run("poudriere bulk -j 143amd64 x/g", 1); !strings.Contains(errs, "x/g depends on nonexistent origin 'x/none'") {
		t.Error(errs)
	}
	r.port("x/h", "1", "RUN_DEPENDS=\ti:x/i")
	r.port("x/i", "1", "RUN_DEPENDS=\th:x/h")
	if _, errs := r.run("poudriere bulk -j 143amd64 x/h", 1); !strings.Contains(errs, "Dependency loop detected: h-1 i-1") {
		t.Error(errs)
	}
}

func TestDryRun(t *testing.T) {
	r := ready(t, nil)
	out, _ := r.run("poudriere bulk -j 143amd64 -n x/d", 0)
	for _, want := range []string{"====>> Dry run mode, cleaning up and exiting\n", "Would build 5 packages using 2 builders\n", "Ports to build: ports-mgmt/pkg x/a x/b x/c x/d\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("not printed: %q\n%s", want, out)
		}
	}
	if _, err := r.view().Stat("/usr/local/poudriere/data/packages/143amd64-default/All"); err == nil {
		t.Error("a dry run left packages")
	}
	r.run("poudriere bulk -j 143amd64 x/d", 0)
	if out, _ = r.run("poudriere bulk -j 143amd64 -n x/d", 0); !strings.Contains(out, "No packages would be built\n") {
		t.Error(out)
	}
	r.put("/usr/local/etc/poudriere.conf", r.get("/usr/local/etc/poudriere.conf")+"ATOMIC_PACKAGE_REPOSITORY=no\n")
	if _, errs := r.run("poudriere bulk -j 143amd64 -n x/d", 1); !strings.Contains(errs, "ATOMIC_PACKAGE_REPOSITORY required for dry-run support") {
		t.Error(errs)
	}
}

func TestStatus(t *testing.T) {
	r := ready(t, nil)
	r.run("poudriere bulk -j 143amd64 -B one x/a", 0)
	if out, _ := r.run("poudriere status", 0); elapsedMark.ReplaceAllString(out, "") != " ====>> No running builds. Use -a or -f to show finished builds.\n" {
		t.Error(out)
	}
	if out, _ := r.run("poudriere status -H", 0); out != "" {
		t.Error(out)
	}
	out, _ := r.run("poudriere status -Hf", 0)
	f := strings.Split(strings.TrimSuffix(out, "\n"), "\t")
	if len(f) != 15 || f[0] != "-" || f[1] != "default" || f[2] != "143amd64" || f[3] != "one" || f[4] != "done" || f[5] != "2" || f[8] != "2" || f[14] != logs+"one" {
		t.Errorf("%q", f)
	}
	out, _ = r.run("poudriere status -fHc", 0)
	if f = strings.Split(strings.TrimSuffix(out, "\n"), "\t"); len(f) != 14 {
		t.Errorf("%q", f)
	}
}

func TestTwoBuildsAtOnce(t *testing.T) {
	r := ready(t, nil)
	out, _ := r.run("poudriere bulk -j 143amd64 -B one x/d >/tmp/one 2>&1 & sleep10; poudriere bulk -j 143amd64 -B two x/a; echo second $?; poudriere status -H; poudriere ports -u; echo update $?; wait; tail=done", 0)
	if !strings.Contains(out, "second 1\n") || !strings.Contains(out, "update 1\n") || !strings.Contains(out, "143amd64\tone\t") {
		t.Error(out)
	}
	if r.data("one").Stats["built"] != "5" {
		t.Error("the first build was disturbed")
	}
}

func TestFullDisk(t *testing.T) {
	r := ready(t, nil)
	if err := r.Tree().Fill("/"); err != nil {
		t.Fatal(err)
	}
	_, errs, code := r.Exec(context.Background(), "root", "poudriere bulk -j 143amd64 x/d")
	if code == 0 || !strings.Contains(errs, "No space left on device") {
		t.Errorf("exit %d, %s", code, errs)
	}
}

func TestClean(t *testing.T) {
	r := ready(t, nil)
	r.run("poudriere bulk -j 143amd64 -B one x/d", 0)
	out, _ := r.run("poudriere pkgclean -j 143amd64 -y x/a", 0)
	if strings.Contains(out, "a-1.0.pkg") || !strings.Contains(out, "d-4.0.pkg") {
		t.Error(out)
	}
	if _, err := r.view().Stat("/usr/local/poudriere/data/packages/143amd64-default/All/d-4.0.pkg"); err == nil {
		t.Error("d is still there")
	}
	r.run("poudriere logclean -a -y", 0)
	if _, err := r.view().Stat(logs + "one"); err == nil {
		t.Error("the log is still there")
	}
}

// TestSet builds with the make.conf and options of a set.
func TestSet(t *testing.T) {
	r := ready(t, nil)
	r.put("/usr/local/etc/poudriere.d/big-make.conf", "OPTIONS_SET=EXTRA\n")
	out, _ := r.run("poudriere bulk -j 143amd64 -z big -B one x/c", 0)
	if !strings.Contains(out, "Built ports: ports-mgmt/pkg x/a x/c\n") {
		t.Error(out)
	}
	if r.get("/usr/local/poudriere/data/logs/bulk/143amd64-default-big/one/.poudriere.setname") != "big\n" {
		t.Error("the set isn't noted")
	}
	out, _ = r.run("poudriere status -fH -z big", 0)
	if !strings.HasPrefix(out, "big\tdefault\t143amd64\tone\tdone\t3\t") {
		t.Errorf("%q", out)
	}
	r.put("/usr/local/etc/poudriere.d/blacklist", "x/a # not here\n")
	if out, _ = r.run("poudriere bulk -j 143amd64 -z big -c x/c", 1); !strings.Contains(out, "Ignored ports: x/a\n") || !strings.Contains(out, "Skipped ports: x/c\n") {
		t.Error(out)
	}
}

func TestTestport(t *testing.T) {
	r := ready(t, url.Values{"fail": {"x/b:deinstall"}})
	r.run("poudriere testport -j 143amd64 -B one x/b", 1)
	if b := r.data("one"); len(b.Ports.Failed) != 1 || b.Ports.Failed[0].Phase != "deinstall" || origins(b) != "x/a ports-mgmt/pkg" {
		t.Errorf("%+v", b)
	}
}

// TestWithoutAtomicRepository changes the repository in place.
func TestWithoutAtomicRepository(t *testing.T) {
	r := ready(t, nil)
	r.put("/usr/local/etc/poudriere.conf", r.get("/usr/local/etc/poudriere.conf")+"ATOMIC_PACKAGE_REPOSITORY=no\n")
	r.run("poudriere bulk -j 143amd64 x/a", 0)
	repo := "/usr/local/poudriere/data/packages/143amd64-default/"
	if _, err := r.view().Stat(repo + "All/a-1.0.pkg"); err != nil {
		t.Error(err)
	}
	if _, err := r.view().Lstat(repo + ".latest"); err == nil {
		t.Error("there is a .latest")
	}
}

// TestKeepsBackFailures doesn't commit packages where it's told not to, and uses
// them the next time.
func TestKeepsBackFailures(t *testing.T) {
	r := ready(t, url.Values{"fail": {"x/d"}})
	r.put("/usr/local/etc/poudriere.conf", r.get("/usr/local/etc/poudriere.conf")+"COMMIT_PACKAGES_ON_FAILURE=no\n")
	r.run("poudriere bulk -j 143amd64 -B one x/d", 1)
	repo := "/usr/local/poudriere/data/packages/143amd64-default/"
	if _, err := r.view().Lstat(repo + ".latest"); err == nil {
		t.Error("packages were committed")
	}
	r.Params.Del("fail")
	r.run("poudriere bulk -j 143amd64 -B two x/d", 0)
	if got := origins(r.data("two")); got != "x/d" {
		t.Errorf("the second build built %q", got)
	}
	if _, err := r.view().Stat(repo + "All/d-4.0.pkg"); err != nil {
		t.Error(err)
	}
}

func TestHooks(t *testing.T) {
	r := ready(t, url.Values{"fail": {"x/b"}})
	r.put("/usr/local/etc/poudriere.d/hooks/bulk.sh", "echo bulk $1 >>/tmp/hooks\n")
	r.put("/usr/local/etc/poudriere.d/hooks/pkgbuild.sh", "echo $1 $2 $MASTERNAME >>/tmp/hooks\n")
	r.run("poudriere bulk -j 143amd64 x/d", 2)
	want := "bulk start\nsuccess ports-mgmt/pkg 143amd64-default\nsuccess x/c 143amd64-default\nsuccess x/a 143amd64-default\nfailed x/b 143amd64-default\nskipped x/d 143amd64-default\nbulk done\n"
	lines := strings.Split(r.get("/tmp/hooks"), "\n")
	wanted := strings.Split(want, "\n")
	slices.Sort(lines)
	slices.Sort(wanted)
	if !slices.Equal(lines, wanted) {
		t.Errorf("%q", lines)
	}
}

// TestManyFailures shows why nobody should judge a build by its exit code.
func TestManyFailures(t *testing.T) {
	fail, list := url.Values{}, ""
	for n := range 256 {
		fail.Add("fail", fmt.Sprintf("y/p%d:check-sanity", n))
		list += fmt.Sprintf("y/p%d\n", n)
	}
	r := ready(t, fail)
	for n := range 256 {
		r.port(fmt.Sprintf("y/p%d", n), "1")
	}
	r.put("/tmp/list", list)
	r.run("poudriere bulk -j 143amd64 -B one -f /tmp/list", 0)
	if b := r.data("one"); b.Stats["failed"] != "256" {
		t.Errorf("%v failed", b.Stats)
	}
}

// TestMoved follows a port to its new name.
func TestMoved(t *testing.T) {
	r := ready(t, nil)
	r.put(treeRoot+"/MOVED", "x/old|x/a|2026-01-01|Renamed\nx/gone||2026-01-01|Expired\n")
	if _, errs := r.run("poudriere bulk -j 143amd64 -B one x/old", 0); !strings.Contains(errs, "MOVED: x/old renamed to x/a") {
		t.Error(errs)
	}
	if got := origins(r.data("one")); got != "x/a ports-mgmt/pkg" {
		t.Errorf("built %q", got)
	}
	if _, errs := r.run("poudriere bulk -j 143amd64 x/gone", 1); !strings.Contains(errs, "x/gone has been removed: Expired") {
		t.Error(errs)
	}
}

// TestSigned puts a signature beside the catalogue that the key's owner can check.
func TestSigned(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	r := ready(t, nil)
	r.put("/etc/repo.key", string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
	r.put("/usr/local/etc/poudriere.conf", r.get("/usr/local/etc/poudriere.conf")+"PKG_REPO_SIGNING_KEY=/etc/repo.key\n")
	r.run("poudriere bulk -j 143amd64 x/a", 0)
	files := unpack(t, []byte(r.get("/usr/local/poudriere/data/packages/143amd64-default/packagesite.pkg")))
	sum := sha256.Sum256([]byte(files["packagesite.yaml"]))
	digest := sha256.Sum256([]byte(hex.EncodeToString(sum[:])))
	if err := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest[:], []byte(files["packagesite.yaml.sig"])); err != nil {
		t.Error(err)
	}
	if !strings.Contains(files["packagesite.yaml"], `"path":"All/a-1.0.pkg"`) {
		t.Error(files["packagesite.yaml"])
	}
}

func unpack(t *testing.T, data []byte) map[string]string {
	t.Helper()
	z, err := zstd.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	out := map[string]string{}
	for in := tar.NewReader(z); ; {
		h, err := in.Next()
		if err != nil {
			return out
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		out[h.Name] = string(text)
	}
}

// TestSeededTree builds all of the ports tree and of the custom ports that the
// simulated network brings along.
func TestSeededTree(t *testing.T) {
	r := newRig(t, nil)
	r.put("/usr/local/etc/poudriere.conf", r.get("/usr/local/etc/poudriere.conf")+"HTML_JSON_UPDATE_INTERVAL=600\n")
	r.jail()
	r.run("poudriere ports -c -p main", 0)
	before := r.Now()
	out, errs := r.run("poudriere bulk -j 143amd64 -p main -J 8 -a", 0)
	if errs != "" || strings.Contains(out, "Ignored ports:") || !strings.Contains(out, "Remaining: 0\n") {
		t.Errorf("%s\n%s", errs, out)
	}
	if took := r.Now().Sub(before); took < 30*time.Minute || took > 6*time.Hour {
		t.Errorf("it took %s", took)
	}
}
