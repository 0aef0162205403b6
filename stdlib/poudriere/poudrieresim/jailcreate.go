package poudrieresim

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/sim"
)

// releases are on the download servers; the rest moved to the archive.
var releases = []string{"13.5-RELEASE", "14.2-RELEASE", "14.3-RELEASE", "15.0-RELEASE"}

var archived = []string{
	"8.2-RELEASE", "9.0-RELEASE", "9.2-RELEASE", "10.4-RELEASE", "11.4-RELEASE", "12.3-RELEASE", "12.4-RELEASE",
	"13.2-RELEASE", "13.3-RELEASE", "13.4-RELEASE", "14.0-RELEASE", "14.1-RELEASE",
}

// osversions are __FreeBSD_version of the releases.
var osversions = map[string]string{
	"9.2-RELEASE": "902001", "10.4-RELEASE": "1004000", "11.4-RELEASE": "1104001", "12.4-RELEASE": "1204000", "13.4-RELEASE": "1304000",
	"13.5-RELEASE": "1305000", "14.1-RELEASE": "1401000", "14.2-RELEASE": "1402000", "14.3-RELEASE": "1403000", "15.0-RELEASE": "1500068",
}

func (c *command) createJail(f jailFlags) error {
	rec := c.record()
	making := rec.Making[f.name]
	if making == nil || !making.abandoned(c.p) {
		if c.registered("jails", f.name) {
			return errf(2, "The jail %s already exists", f.name)
		}
		making = nil
	}
	if strings.Contains(f.name, ".") {
		return errf(1, "The jailname cannot contain a period (.). See jail(8)")
	}
	if f.method == "" {
		f.method = "http"
	}
	if f.arch == "" {
		state := c.p.Machine.State()
		state.Lock()
		f.arch = state.Release.Arch
		state.Unlock()
	}
	if f.method != "null" && f.version == "" {
		c.p.Errorf("Missing: VERSION\n")
		return c.usageOf(jailUsage, exUsage)
	}
	if f.mount == "" && f.method == "null" {
		return errf(1, "Must set -M to path of jail to use")
	}
	if f.mount == "" {
		f.mount = path.Join(c.conf["BASEFS"], "jails", f.name)
	}
	if strings.Contains(f.mount, ":") {
		return errf(1, "The jail mount path cannot contain a colon (:)")
	}
	kind, _, _ := strings.Cut(f.method, "=")
	switch {
	case f.method == "null":
		return c.importJail(f)
	case slices.Contains([]string{"http", "ftp", "ftp-archive", "url", "freebsdci"}, kind):
	case kind == "tar":
		return silent(c.p.Cannot("poudriere jail -m %s", f.method))
	case strings.HasPrefix(kind, "git") || strings.HasPrefix(kind, "svn") || kind == "src" || kind == "pkgbase" || kind == "allbsd" || kind == "gjb":
		return silent(c.p.Cannot("poudriere jail -m %s", f.method))
	default:
		return errf(2, "Unknown method to create the jail")
	}
	if making == nil {
		if f.fs != "none" && c.isDir(f.mount) {
			return errf(1, "Directory %s already exists", f.mount)
		}
		making = &jailMaking{PID: c.p.PID, Started: c.p.Now()}
		rec.Making[f.name] = making
	}
	making.PID, c.start = c.p.PID, making.Started
	return c.makeJail(f, making)
}

func (c *command) importJail(f jailFlags) error {
	list, err := c.fs.ReadDir(f.mount)
	switch {
	case path.Clean(f.mount) == "/":
		return errf(1, "Cannot use / for -M")
	case err != nil || len(list) == 0:
		return errf(1, "Directory %s expected to be populated from installworld already.", f.mount)
	case !c.exists(path.Join(f.mount, "etc/login.conf")):
		return errf(1, "Directory %s must be populated from installworld already.", f.mount)
	}
	if err := c.registerJail(f, f.version); err != nil {
		return err
	}
	c.msg("Jail %s %s %s is ready to be used", f.name, f.version, f.arch)
	return nil
}

func (c *command) registerJail(f jailFlags, version string) error {
	values := [][2]string{{"version", version}, {"timestamp", c.stamp()}, {"arch", f.arch}, {"mnt", f.mount}, {"method", f.method}}
	if c.useZFS() && f.method != "null" && f.fs != "none" {
		values = append(values, [2]string{"fs", c.conf["ZPOOL"] + c.conf["ZROOTFS"] + "/jails/" + f.name})
	}
	if f.kernel != "" {
		values = append(values, [2]string{"kernel", f.kernel})
	}
	if f.source != "" {
		values = append(values, [2]string{"srcpath", f.source})
	}
	for _, v := range values {
		if err := c.stateSet("jails", f.name, v[0], v[1]); err != nil {
			return err
		}
	}
	return nil
}

// step is a part of making a jail: what it prints, how long it takes, what it
// leaves.
type step struct {
	says string
	line bool // the message ends with " done" when the time is over
	took time.Duration
	do   func() error
}

// makeJail fetches and unpacks a release. What is done is noted, so that a machine
// loaded in the midst of it goes on.
func (c *command) makeJail(f jailFlags, making *jailMaking) error {
	url := c.releaseURL(f)
	release := f.version
	steps := []step{
		{says: fmt.Sprintf("Creating %s fs at %s...", f.name, f.mount), line: true, do: func() error {
			if err := c.fs.MkdirAll(f.mount, 0o755); err != nil {
				return err
			}
			return c.registerJail(f, f.version)
		}},
		{says: fmt.Sprintf("Fetching MANIFEST for FreeBSD %s %s", f.version, f.arch), took: time.Second, do: func() error { return c.fetch(url+"/MANIFEST", f) }},
	}
	for _, dist := range []struct {
		name          string
		fetch, unpack time.Duration
	}{{"base", 55 * time.Second, 40 * time.Second}, {"src", 50 * time.Second, 55 * time.Second}, {"lib32", 20 * time.Second, 12 * time.Second}} {
		if dist.name == "lib32" && !strings.HasPrefix(f.arch, "amd64") {
			continue
		}
		steps = append(steps,
			step{says: fmt.Sprintf("Fetching %s for FreeBSD %s %s", dist.name, f.version, f.arch), took: dist.fetch, do: func() error { return c.fetch(url+"/"+dist.name+".txz", f) }},
			step{says: fmt.Sprintf("Extracting %s...", dist.name), line: true, took: dist.unpack, do: func() error { return c.unpackDist(f, dist.name) }})
	}
	steps = append(steps,
		step{says: "Cleaning up...", line: true, took: time.Second},
		step{says: "Recording filesystem state for clean...", line: true, took: 2 * time.Second})
	if strings.Contains(f.version, "-RELEASE") && !strings.HasPrefix(f.method, "url") {
		steps = append(steps, step{says: "Upgrading using " + f.method, took: 45 * time.Second, do: func() error { return c.patchJail(f) }})
	}
	for making.Step < len(steps) {
		s := steps[making.Step]
		if err := c.jailStep(s, making); err != nil {
			delete(c.record().Making, f.name)
			if c.p.Context.Err() != nil {
				return silent(143)
			}
			c.p.Errorf("[%s] ====>> Error while creating jail, cleaning up.\n", c.elapsed())
			c.msgN("Removing %s jail...", f.name)
			_ = c.fs.RemoveAll(f.mount)
			_ = c.fs.RemoveAll(c.stateDir("jails", f.name))
			c.done()
			return err
		}
		making.Step++
	}
	delete(c.record().Making, f.name)
	if v := c.jget(f.name, "version"); v != "" {
		release = v
	}
	c.msg("Jail %s %s %s is ready to be used", f.name, release, f.arch)
	return nil
}

func (c *command) jailStep(s step, making *jailMaking) error {
	if making.Until.IsZero() {
		making.Until = c.p.Now().Add(s.took)
		if s.line {
			c.msgN("%s", s.says)
		} else {
			c.msg("%s", s.says)
		}
	}
	if left := making.Until.Sub(c.p.Now()); left > 0 {
		if err := c.pause(left); err != nil {
			return err
		}
	}
	making.Until = time.Time{}
	if s.do != nil {
		if err := s.do(); err != nil {
			if s.line {
				c.p.Printf("\n")
			}
			return err
		}
	}
	if s.line {
		c.done()
	}
	return nil
}

func (c *command) releaseURL(f jailFlags) string {
	host := c.conf["FREEBSD_HOST"]
	if host == "" || strings.Contains(host, "_PROTO_") || strings.Contains(host, "_CHANGE_THIS_") {
		host = "https://download.FreeBSD.org"
	}
	arch := f.arch
	target, targetArch, dotted := strings.Cut(arch, ".")
	if !dotted {
		targetArch = target
	}
	dir := "releases"
	for _, kind := range []string{"-CURRENT", "-ALPHA", "-PRERELEASE", "-STABLE"} {
		if strings.Contains(f.version, kind) {
			dir = "snapshots"
		}
	}
	switch kind, value, _ := strings.Cut(f.method, "="); kind {
	case "url":
		return strings.TrimSuffix(value, "/")
	case "ftp-archive":
		return fmt.Sprintf("http://ftp-archive.freebsd.org/pub/FreeBSD-Archive/old-releases/%s/%s/%s", target, targetArch, f.version)
	case "freebsdci":
		return fmt.Sprintf("https://artifact.ci.FreeBSD.org/snapshot/%s/latest/%s/%s", f.version, target, targetArch)
	}
	tree := "pub/FreeBSD"
	if strings.HasSuffix(strings.ToLower(host), "download.freebsd.org") {
		tree = "ftp"
	}
	return fmt.Sprintf("%s/%s/%s/%s/%s/%s", host, tree, dir, target, targetArch, f.version)
}

// fetch gets one file of a release, twice where it fails.
func (c *command) fetch(url string, f jailFlags) error {
	reason := ""
	if err := c.p.Machine.Network().Reachable(url); err != nil {
		reason = err.Error()
		if i := strings.Index(reason, ": "); i >= 0 {
			reason = reason[i+2:]
		}
		if strings.Contains(reason, "resolve") {
			reason = "No address record"
		}
	} else if !c.offered(f) {
		reason = "Not Found"
	}
	if reason == "" {
		return nil
	}
	for range 2 {
		c.p.Errorf("fetch: %s: %s\n", url, reason)
	}
	return errf(1, "Failed to fetch from %s", url)
}

// offered tells whether the server has the release.
func (c *command) offered(f jailFlags) bool {
	kind, _, _ := strings.Cut(f.method, "=")
	switch {
	case kind == "url" || kind == "freebsdci":
		return true
	case kind == "ftp-archive":
		return slices.Contains(archived, f.version)
	case strings.Contains(f.version, "-CURRENT"), strings.Contains(f.version, "-STABLE"):
		return true
	}
	return slices.Contains(releases, f.version)
}

// unpackDist leaves the few files of a release that anybody looks at.
func (c *command) unpackDist(f jailFlags, dist string) error {
	osversion := osversions[f.version]
	if osversion == "" {
		osversion = "1403000"
	}
	var files map[string]string
	switch dist {
	case "base":
		files = map[string]string{
			"etc/login.conf":          "default:\\\n\t:passwd_format=sha512:\\\n\t:copyright=/etc/COPYRIGHT:\\\n\t:setenv=BLOCKSIZE=K,UNAME_r=" + f.version + ",UNAME_v=FreeBSD " + f.version + ",OSVERSION=" + osversion + ":\n",
			"etc/master.passwd":       "root::0:0::0:0:Charlie &:/root:/bin/sh\nnobody:*:65534:65534::0:0:Unprivileged user:/nonexistent:/usr/sbin/nologin\n",
			"etc/passwd":              "root:*:0:0:Charlie &:/root:/bin/sh\nnobody:*:65534:65534:Unprivileged user:/nonexistent:/usr/sbin/nologin\n",
			"etc/group":               "wheel:*:0:root\nnobody:*:65534:\n",
			"usr/include/sys/param.h": "#define __FreeBSD_version " + osversion + "\t/* Master, propagated to newvers */\n",
			"bin/freebsd-version":     "#!/bin/sh\necho " + f.version + "\n",
			"usr/bin/.keep":           "", "usr/sbin/.keep": "", "tmp/.keep": "", "var/db/.keep": "",
		}
	case "src":
		revision, branch, _ := strings.Cut(f.version, "-")
		files = map[string]string{"usr/src/sys/conf/newvers.sh": "REVISION=\"" + revision + "\"\nBRANCH=\"" + branch + "\"\n"}
	default:
		files = map[string]string{"usr/lib32/libc.so.7": ""}
	}
	for name, text := range files {
		if err := c.write(path.Join(f.mount, name), text); err != nil {
			return err
		}
	}
	return nil
}

// patchJail is freebsd-update in the jail: it ends at the release's last patch
// level, which here is the one that the machine's own release knows.
func (c *command) patchJail(f jailFlags) error {
	level := 0
	for _, own := range []string{c.p.Machine.UserlandRelease(""), c.p.Machine.KernelRelease("")} {
		base, patch, _ := strings.Cut(own, "-p")
		if n, err := strconv.Atoi(patch); err == nil && strings.HasPrefix(f.version, base) {
			level = max(level, n)
		}
	}
	release := strings.SplitN(f.version, "-p", 2)[0]
	c.p.Printf("src component not installed, skipped\nLooking up update.FreeBSD.org mirrors... 3 mirrors found.\n")
	c.p.Printf("Fetching metadata signature for %s from update2.freebsd.org... done.\nFetching metadata index... done.\nInspecting system... done.\nPreparing to download files... done.\n", release)
	if level == 0 {
		c.p.Printf("\nNo updates needed to update system to %s-p0.\n", release)
		return nil
	}
	version := fmt.Sprintf("%s-p%d", release, level)
	c.p.Printf("Fetching 58 patches..... done.\nApplying patches... done.\nThe following files will be updated as part of updating to\n%s:\n/bin/freebsd-version\n/usr/src/sys/conf/newvers.sh\n", version)
	c.p.Printf("Installing updates...Scanning /usr/share/certs/untrusted for certificates...\nScanning /usr/share/certs/trusted for certificates...\n done.\n")
	mount := c.jget(f.name, "mnt")
	if err := c.write(path.Join(mount, "bin/freebsd-version"), "#!/bin/sh\necho "+version+"\n"); err != nil {
		return err
	}
	revision, branch, _ := strings.Cut(version, "-")
	if err := c.write(path.Join(mount, "usr/src/sys/conf/newvers.sh"), "REVISION=\""+revision+"\"\nBRANCH=\""+branch+"\"\n"); err != nil {
		return err
	}
	return c.stateSet("jails", f.name, "version", version)
}

// jailMaking is a jail under construction.
type jailMaking struct {
	PID     int
	Started time.Time
	Step    int
	Until   time.Time
}

// abandoned tells that nobody else works on it: the machine was loaded since.
func (j *jailMaking) abandoned(p *sim.Proc) bool {
	return j.PID == p.PID || !alive(p.Machine, j.PID)
}
