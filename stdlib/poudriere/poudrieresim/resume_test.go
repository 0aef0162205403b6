package poudrieresim

import (
	"context"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/stdlib/git/gitsim"
)

// kept is a rig whose machine lives on in a file; again opens it once more.
func kept(t *testing.T) (r rig, again func() rig) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "state")
	open := func() rig {
		m, err := sim.New(sim.Options{Profile: "builder", Params: url.Values{"state": {file}}, Tools: append(base.Tools(), Tool(), gitsim.Tool(), sleep)})
		if err != nil {
			t.Fatal(err)
		}
		return rig{m, t}
	}
	r = open()
	if err := r.InstallPackage("poudriere"); err != nil {
		t.Fatal(err)
	}
	r.put("/usr/local/etc/poudriere.conf", "NO_ZFS=yes\nFREEBSD_HOST=https://download.FreeBSD.org\nBASEFS=/usr/local/poudriere\nPARALLEL_JOBS=2\n")
	r.ports()
	return r, open
}

// TestBuildGoesOnAfterLoading saves the machine in the midst of a build and loads
// it again.
func TestBuildGoesOnAfterLoading(t *testing.T) {
	r, again := kept(t)
	r.jail()
	r.run("daemon -f sh -c 'poudriere bulk -j 143amd64 -B one x/d >>/var/log/bulk 2>&1; echo >/var/log/ended'", 0)
	r.run("sleep 300", 0)
	b := r.data("one")
	if b.Status != "parallel_build:" || b.Stats["built"] == "5" || b.Stats["built"] == "0" {
		t.Fatalf("after five minutes: %+v", b)
	}
	built := b.Stats["built"]
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r = again()
	defer r.Close()
	if got := r.data("one").Stats["built"]; got != built {
		t.Errorf("loading changed what is built from %s to %s", built, got)
	}
	if _, errs, code := r.Exec(context.Background(), "root", "poudriere bulk -j 143amd64 -B two x/d"); code != 1 || !strings.Contains(errs, "jail already running: 143amd64-default") {
		t.Errorf("a second build: exit %d, %s", code, errs)
	}
	r.run("sleep 3600", 0)
	if b = r.data("one"); b.Status != "stopped:done:" || b.Stats["built"] != "5" {
		t.Errorf("at the end: %+v", b)
	}
	log := r.get("/var/log/bulk")
	for _, once := range []string{"Creating the reference jail", "Building   x/a | a-1.0\n", "Finished   x/d | d-4.0: Success\n", "====>> Built ports: ports-mgmt/pkg x/a x/b x/c x/d\n"} {
		if n := strings.Count(log, once); n != 1 {
			t.Errorf("%q is printed %d times\n%s", once, n, log)
		}
	}
}

// TestBuildNamedAfterTheTimeGoesOn does the same where the script that begins anew
// gives the build another name.
func TestBuildNamedAfterTheTimeGoesOn(t *testing.T) {
	r, again := kept(t)
	r.jail()
	r.run("daemon -f sh -c 'poudriere bulk -j 143amd64 -B at$(date +%s) x/d >>/var/log/bulk 2>&1'; sleep 300", 0)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r = again()
	defer r.Close()
	r.run("sleep 3600", 0)
	if names, _ := r.run("cd /usr/local/poudriere/data/logs/bulk/143amd64-default && ls -d at*", 0); strings.Count(names, "\n") != 1 {
		t.Errorf("more than one build was begun:\n%s", names)
	}
	if n := strings.Count(r.get("/var/log/bulk"), "Finished   x/d | d-4.0: Success"); n != 1 {
		t.Errorf("x/d was finished %d times", n)
	}
}

// TestJailGoesOnAfterLoading does the same with a jail under construction.
func TestJailGoesOnAfterLoading(t *testing.T) {
	r, again := kept(t)
	r.run("daemon -f sh -c 'poudriere jail -c -j 143amd64 -v 14.3-RELEASE >>/var/log/jail 2>&1; echo >/var/log/ended'", 0)
	r.run("sleep 100", 0)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r = again()
	defer r.Close()
	r.run("sleep 1000", 0)
	log := r.get("/var/log/jail")
	if strings.Count(log, "Fetching base") != 1 || strings.Count(log, "is ready to be used") != 1 {
		t.Error(log)
	}
	r.run("poudriere jail -i -j 143amd64", 0)
}

// TestSignals ends a build by INT, which cleans up, and by KILL, which doesn't.
func TestSignals(t *testing.T) {
	r, _ := kept(t)
	defer r.Close()
	r.jail()
	start := "daemon -f -p /var/run/bulk.pid -o /var/log/bulk poudriere bulk -j 143amd64 -B %s x/d; sleep 60; kill -%s $(cat /var/run/bulk.pid); sleep 5"
	r.run(strings.NewReplacer("-B %s", "-B int", "-%s", "-INT").Replace(start), 0)
	if b := r.data("int"); b.Status != "stopped:sigint:" || b.Ended == "" {
		t.Errorf("after INT: %+v", b)
	}
	r.run(strings.NewReplacer("-B %s", "-B kill", "-%s", "-KILL").Replace(start), 0)
	if b := r.data("kill"); b.Status != "parallel_build:" || b.Ended != "" {
		t.Errorf("after KILL: %+v", b)
	}
	if _, errs := r.run("poudriere bulk -j 143amd64 x/d", 1); !strings.Contains(errs, "jail already running") {
		t.Error(errs)
	}
	r.run("poudriere jail -k -j 143amd64", 0)
	out, _ := r.run("poudriere bulk -j 143amd64 -B end x/d", 0)
	if !strings.Contains(out, "Using packages from previously failed, or uncommitted, build") {
		t.Error(out)
	}
}

// TestJls lists the jail as long as it runs.
func TestJls(t *testing.T) {
	r, _ := kept(t)
	defer r.Close()
	r.jail()
	r.run("jls -j 143amd64-default jid", 1)
	r.run("poudriere jail -s -j 143amd64", 0)
	if out, _ := r.run("jls -j 143amd64-default name path", 0); out != "143amd64-default /usr/local/poudriere/data/.m/143amd64-default/ref\n" {
		t.Error(out)
	}
	if _, errs := r.run("poudriere jail -s -j 143amd64", 1); !strings.Contains(errs, "jail already running: 143amd64-default") {
		t.Error(errs)
	}
	r.run("poudriere jail -k -j 143amd64", 0)
	r.run("poudriere bulk -j 143amd64 x/a", 0)
	r.run("jls -j 143amd64-default jid", 1)
}

// TestDiskFillsUp fails what can't be written any more, and builds the rest once
// there's room again.
func TestDiskFillsUp(t *testing.T) {
	r, _ := kept(t)
	defer r.Close()
	r.jail()
	r.run("daemon -f sh -c 'poudriere bulk -j 143amd64 -B one x/d; echo $? >/tmp/code'; sleep 250", 0)
	if err := r.Tree().Fill("/"); err != nil {
		t.Fatal(err)
	}
	r.run("sleep 3600", 0)
	if err := r.Tree().Resize("/", 400<<30); err != nil {
		t.Fatal(err)
	}
	if out, _, _ := r.Exec(context.Background(), "root", "jls -j 143amd64-default jid"); out != "" {
		t.Error("the build is still running")
	}
	r.run("poudriere bulk -j 143amd64 -B two x/d", 0)
	if b := r.data("two"); b.Stats["failed"] != "0" || b.Status != "stopped:done:" {
		t.Errorf("%+v", b)
	}
	if _, err := r.view().Stat("/usr/local/poudriere/data/packages/143amd64-default/All/d-4.0.pkg"); err != nil {
		t.Error(err)
	}
}
