package poudrieresim

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/sim/vfs"
)

// openLogs makes the build's folder.
func (b *building) openLogs() error {
	dir := b.logs()
	if b.f.clean && b.isDir(dir) {
		b.msg("Cleaning up old logs in %s", dir)
		if err := b.fs.RemoveAll(dir); err != nil {
			return err
		}
	}
	for _, d := range []string{"logs/built", "logs/errors", "logs/fetched", "logs/ignored", "assets", "../latest-per-pkg", "../../latest-per-pkg"} {
		if err := b.fs.MkdirAll(path.Join(dir, d), 0o755); err != nil {
			return errf(1, "Failed to create %s: %s", path.Join(dir, d), describe(err))
		}
	}
	if err := b.link(b.r.Build, path.Join(path.Dir(dir), "latest")); err != nil {
		return err
	}
	b.r.GitHash = b.gitHash()
	values := map[string]string{
		"mastername": b.r.Master, "jailname": b.r.Jail, "ptname": b.r.Tree, "setname": b.r.Set, "buildname": b.r.Build,
		"started": strconv.FormatInt(b.r.Started.Unix(), 10),
	}
	if b.r.GitHash != "" {
		values["git_hash"] = b.r.GitHash
	}
	for name, value := range values {
		if err := b.fs.WriteFile(path.Join(dir, ".poudriere."+name), []byte(value+"\n"), 0o644); err != nil {
			return err
		}
	}
	if err := b.fs.WriteFile(path.Join(dir, "index.html"), []byte("<!DOCTYPE html>\n<title>Poudriere</title>\n"), 0o644); err != nil {
		return err
	}
	b.r.Status = "starting_jail:"
	b.flush()
	return nil
}

// gitHash is the commit that the ports tree is at, shortened.
func (b *building) gitHash() string {
	root := b.stateGet("ports", b.r.Tree, "mnt")
	if !b.isDir(path.Join(root, ".git")) {
		return ""
	}
	out, _, code := b.p.Capture("git", "-c", "safe.directory="+root, "-C", root, "rev-parse", "--short", "HEAD")
	if code != 0 {
		return ""
	}
	return strings.TrimSpace(out)
}

// status sets what the build is at.
func (b *building) status(s string) {
	b.r.Status = s
	b.flush()
}

func (b *building) logFile(i *item) string {
	return path.Join(b.logs(), "logs", i.Package+".log")
}

func (b *building) appendLog(i *item, text string) error {
	f, err := b.fs.OpenFile(b.logFile(i), vfs.O_WRONLY|vfs.O_APPEND|vfs.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write([]byte(text)); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// beginLog writes the head of a port's log.
func (b *building) beginLog(i *item, j *job) error {
	now := b.p.Now()
	var t strings.Builder
	fmt.Fprintf(&t, ">> Building %s\nbuild started at %s\nport directory: /usr/ports/%s\npackage name: %s\nbuilding for: FreeBSD %s-job-%s %s FreeBSD %s %s\n",
		i.spec(), now.Format("Mon Jan _2 15:04:05 MST 2006"), i.Origin, i.Package, b.r.Master, j.ID, b.jget(b.r.Jail, "version"), b.jget(b.r.Jail, "version"), b.jget(b.r.Jail, "arch"))
	fmt.Fprintf(&t, "maintained by: %s\nport version: %s\nPoudriere version: %s\nHost OSVERSION: %s\nJail OSVERSION: %s\nJob Id: %s\n\n", i.Maintainer, i.Version, Version, b.hostOSVersion(), b.osversion(b.jget(b.r.Jail, "mnt")), j.ID)
	t.WriteString("---Begin Environment---\nSHELL=/bin/sh\nOSVERSION=" + b.osversion(b.jget(b.r.Jail, "mnt")) + "\nLOCALBASE=/usr/local\nPACKAGE_BUILDING=yes\n---End Environment---\n\n")
	t.WriteString("---Begin OPTIONS List---\n")
	for _, o := range i.Options {
		t.WriteString("     " + o + "=on\n")
	}
	t.WriteString("---End OPTIONS List---\n\n--MAINTAINER--\n" + i.Maintainer + "\n--End MAINTAINER--\n\n")
	_ = b.fs.Remove(b.logFile(i))
	return b.appendLog(i, t.String())
}

// logPhase writes what a phase prints.
func (b *building) logPhase(i *item, phase string) error {
	var t strings.Builder
	fmt.Fprintf(&t, "%s\n", header(phase))
	dist := i.Base + "-" + strings.SplitN(strings.SplitN(i.Version, ",", 2)[0], "_", 2)[0] + ".tar.gz"
	switch phase {
	case "pkg-depends", "build-depends", "lib-depends", "run-depends":
		for _, name := range i.Needs {
			if d := b.r.Items[name]; d != nil && (phase == "build-depends") != slices.Contains(i.Runtime, name) {
				fmt.Fprintf(&t, "===>   %s depends on package: %s - not found\n===>   Installing existing package /packages/All/%s.pkg\n[%s] Installing %s...\n[%s] Extracting %s: .......... done\n===>   %s depends on package: %s - found\n===>   Returning to build of %s\n",
					i.Package, d.Base, name, b.r.Master, name, b.r.Master, name, i.Package, d.Base, i.Package)
			}
		}
	case "fetch":
		fmt.Fprintf(&t, "===>  License %s accepted by the user\n=> %s doesn't seem to exist in /portdistfiles/.\n=> Attempting to fetch https://distcache.FreeBSD.org/ports-distfiles/%s\n%s                    done\n===> Fetching all distfiles required by %s for building\n", i.License, dist, dist, dist, i.Package)
	case "checksum":
		fmt.Fprintf(&t, "=> SHA256 Checksum OK for %s.\n", dist)
	case "extract":
		fmt.Fprintf(&t, "===>  Extracting for %s\n=> SHA256 Checksum OK for %s.\n", i.Package, dist)
	case "patch":
		fmt.Fprintf(&t, "===>  Patching for %s\n", i.Package)
	case "configure":
		fmt.Fprintf(&t, "===>  Configuring for %s\nchecking for a BSD-compatible install... /usr/bin/install -c\nchecking for gcc... cc\nchecking whether the C compiler works... yes\nconfig.status: creating Makefile\n", i.Package)
	case "build":
		fmt.Fprintf(&t, "===>  Building for %s\ncc -O2 -pipe -fstack-protector-strong -fno-strict-aliasing -c main.c -o main.o\ncc -O2 -pipe -c util.c -o util.o\ncc -o %s main.o util.o\n", i.Package, i.Base)
	case "stage":
		fmt.Fprintf(&t, "===>  Staging for %s\n===>   Generating temporary packing list\ninstall  -s -m 555 %s /wrkdirs/usr/ports/%s/work/stage/usr/local/bin\n====> Compressing man pages (compress-man)\n", i.Package, i.Base, i.Origin)
	case "package":
		fmt.Fprintf(&t, "===>  Building packages for %s\n===>   Building %s\n", i.Package, i.Package)
	case "install":
		fmt.Fprintf(&t, "===>  Installing for %s\n===>  Checking if %s is already installed\n===>   Registering installation for %s\n", i.Package, i.Base, i.Package)
	case "deinstall":
		fmt.Fprintf(&t, "===>  Deinstalling for %s\n===>   Deinstalling %s\n", i.Base, i.Package)
	}
	fmt.Fprintf(&t, "%s\n", footer)
	return b.appendLog(i, t.String())
}

const footer = "==========================================================================="

// header is the line that begins a phase.
func header(phase string) string {
	text := "=======================<phase: " + phase
	return text + strings.Repeat(" ", max(0, 15-len(phase))) + ">============================"
}

// logFailure ends a phase that failed, in the words of the tool that did.
func (b *building) logFailure(i *item, phase string, cause error) error {
	var t strings.Builder
	fmt.Fprintf(&t, "%s\n", header(phase))
	switch {
	case cause != nil:
		fmt.Fprintf(&t, "%s\n", describe(cause))
	case phase == "fetch":
		fmt.Fprintf(&t, "=> Attempting to fetch https://distcache.FreeBSD.org/ports-distfiles/%s.tar.gz\nfetch: https://distcache.FreeBSD.org/ports-distfiles/%s.tar.gz: Not Found\n=> Couldn't fetch it - please try to retrieve this\n=> port manually into /portdistfiles/ and try again.\n", i.Base, i.Base)
	case phase == "checksum":
		fmt.Fprintf(&t, "=> SHA256 Checksum mismatch for %s.tar.gz.\n===> Giving up on fetching files: %s.tar.gz\n", i.Base, i.Base)
	case phase == "patch":
		fmt.Fprintf(&t, "===>  Patching for %s\n===>  Applying FreeBSD patches for %s from /usr/ports/%s/files\n1 out of 1 hunks failed--saving rejects to main.c.rej\n=> FreeBSD patch patch-main.c failed to apply cleanly.\n", i.Package, i.Package, i.Origin)
	case phase == "configure":
		fmt.Fprintf(&t, "===>  Configuring for %s\nchecking for gcc... cc\nconfigure: error: required library not found\n===>  Script \"configure\" failed unexpectedly.\nPlease report the problem to %s [maintainer] and attach the\n\"config.log\".\n", i.Package, i.Maintainer)
	case phase == "stage" || phase == "package":
		fmt.Fprintf(&t, "pkg-static: Unable to access file /wrkdirs/usr/ports/%s/work/stage/usr/local/share/%s/missing:No such file or directory\n", i.Origin, i.Base)
	default:
		fmt.Fprintf(&t, "===>  Building for %s\ncc -O2 -pipe -c main.c -o main.o\nmain.c:42:2: error: call to undeclared function 'frobnicate'; ISO C99 and later do not support implicit function declarations\n   42 |         frobnicate(argc);\n      |         ^\n1 error generated.\n*** [main.o] Error code 1\n\nmake[1]: stopped in /wrkdirs/usr/ports/%s/work/%s\n1 error\n===> Compilation failed unexpectedly.\n", i.Package, i.Origin, i.Base)
	}
	fmt.Fprintf(&t, "*** Error code 1\n\nStop.\nmake: stopped in /usr/ports/%s\n=>> Cleaning up wrkdir\n===>  Cleaning for %s\n", i.Origin, i.Package)
	return b.appendLog(i, t.String())
}

// endLog writes a log's end and links it under what became of the port.
func (b *building) endLog(i *item, phase string, j *job) error {
	end := "build of " + i.spec() + " | " + i.Package + " ended at " + b.p.Now().Format("Mon Jan _2 15:04:05 MST 2006") + "\n"
	dir := "built"
	if phase != "" {
		dir = "errors"
		end += "!!! build failure encountered !!!\n"
	}
	end = end[:strings.IndexByte(end, '\n')+1] + "build time: " + clockFace(b.p.Now().Sub(j.Started)) + "\n" + end[strings.IndexByte(end, '\n')+1:]
	if err := b.appendLog(i, end); err != nil {
		return err
	}
	per := path.Join(b.logs(), "../latest-per-pkg", i.Package+".log")
	_ = b.fs.Remove(per)
	if err := b.fs.Link(b.logFile(i), per); err != nil {
		return err
	}
	return b.fs.Symlink("../"+i.Package+".log", path.Join(b.logs(), "logs", dir, i.Package+".log"))
}

func (b *building) logIgnored(i *item) {
	_ = b.fs.WriteFile(b.logFile(i), []byte("Ignoring: "+i.Ignored+"\n"), 0o644)
	_ = b.fs.Symlink("../"+i.Package+".log", path.Join(b.logs(), "logs/ignored", i.Package+".log"))
}

// flush writes the raw files and the JSON of the build. A full disk doesn't stop a
// build here either; the next write may succeed.
func (b *building) flush() {
	dir := b.logs()
	raw := func(name, text string) { _ = b.fs.WriteFile(path.Join(dir, ".poudriere."+name), []byte(text), 0o644) }
	raw("status", b.r.Status+"\n")
	s := b.stats()
	for name, n := range map[string]int{
		"queued": s.queued, "built": s.built, "failed": s.failed, "ignored": s.ignored, "inspected": s.inspected, "skipped": s.skipped,
		"fetched": 0, "tobuild": s.tobuild,
	} {
		raw("stats_"+name, strconv.Itoa(n)+"\n")
	}
	if !b.r.Ended.IsZero() {
		raw("ended", strconv.FormatInt(b.r.Ended.Unix(), 10)+"\n")
	}
	lists := map[string]string{}
	for _, name := range b.names() {
		i := b.r.Items[name]
		lists["queued"] += i.spec() + " " + name + " " + i.Reason + "\n"
		switch i.State {
		case "built":
			lists["built"] += fmt.Sprintf("%s %s %d\n", i.spec(), name, i.Elapsed)
		case "failed":
			lists["failed"] += fmt.Sprintf("%s %s %s %s %d\n", i.spec(), name, i.Phase, i.Error, i.Elapsed)
		case "ignored":
			lists["ignored"] += fmt.Sprintf("%s %s %s\n", i.spec(), name, i.Ignored)
		case "skipped":
			lists["skipped"] += fmt.Sprintf("%s %s %s\n", i.spec(), name, i.Because)
		case "inspected":
			lists["inspected"] += i.spec() + " " + name + "\n"
		default:
			lists["tobuild"] += i.spec() + " " + name + "\n"
		}
	}
	for _, kind := range []string{"queued", "tobuild", "built", "failed", "ignored", "skipped", "inspected", "fetched"} {
		raw("ports."+kind, lists[kind])
	}
	var builders []string
	for _, j := range b.r.Jobs {
		builders = append(builders, j.ID)
		raw("status."+j.ID, b.jobStatus(j)+"\n")
	}
	if len(builders) > 0 {
		raw("builders", strings.Join(builders, " ")+"\n")
	}
	if b.conf["HTML_JSON_UPDATE_INTERVAL"] == "0" && b.r.Ended.IsZero() {
		return
	}
	b.masterJSON(b.writeJSON(s))
}

// jobStatus is "phase:origin:package:started:elapsed".
func (b *building) jobStatus(j *job) string {
	if j.Package == "" {
		return "idle:"
	}
	i := b.r.Items[j.Package]
	return fmt.Sprintf("%s:%s:%s:%d:%d", phaseNames(b.tested(i))[j.Phase], i.spec(), i.Package, j.Started.Unix(), int(b.p.Now().Sub(j.Started).Seconds()))
}

type object = map[string]any

// writeJSON writes .data.json and .data.mini.json, whose content it returns; all
// scalars are strings.
func (b *building) writeJSON(s stats) object {
	mini := object{
		"buildname": b.r.Build, "mastername": b.r.Master, "jailname": b.r.Jail, "ptname": b.r.Tree, "setname": b.r.Set,
		"started": strconv.FormatInt(b.r.Started.Unix(), 10), "status": b.r.Status,
		"stats": object{
			"queued": strconv.Itoa(s.queued), "built": strconv.Itoa(s.built), "failed": strconv.Itoa(s.failed), "ignored": strconv.Itoa(s.ignored),
			"inspected": strconv.Itoa(s.inspected), "skipped": strconv.Itoa(s.skipped), "fetched": "0", "tobuild": strconv.Itoa(s.tobuild),
		},
	}
	if b.r.GitHash != "" {
		mini["git_hash"], mini["git_dirty"] = b.r.GitHash, "no"
	}
	if !b.r.Ended.IsZero() {
		mini["ended"] = strconv.FormatInt(b.r.Ended.Unix(), 10)
	}
	full := object{}
	for k, v := range mini {
		full[k] = v
	}
	full["snap"] = object{
		"elapsed": strconv.Itoa(int(b.p.Now().Sub(b.r.Started).Seconds())), "now": strconv.FormatInt(b.p.Now().Unix(), 10),
		"load": "2.41 1.87 1.02", "swapinfo": "0%", "adjloadavg": "0.30",
	}
	full["jobs"] = b.jobsJSON()
	full["ports"], full["skipped"] = b.portsJSON()
	dir := b.logs()
	b.putJSON(path.Join(dir, ".data.json"), full)
	b.putJSON(path.Join(dir, ".data.mini.json"), mini)
	return mini
}

func (b *building) putJSON(name string, v any) {
	if data, err := json.Marshal(v); err == nil {
		_ = b.replace(name, append(data, '\n'))
	}
}

func (b *building) jobsJSON() []object {
	out := []object{}
	for _, j := range b.r.Jobs {
		if j.Package == "" {
			out = append(out, object{"id": j.ID, "status": "idle:"})
			continue
		}
		i := b.r.Items[j.Package]
		o := object{
			"id": j.ID, "status": phaseNames(b.tested(i))[j.Phase], "origin": i.Origin, "pkgname": i.Package,
			"started": strconv.FormatInt(j.Started.Unix(), 10), "elapsed": strconv.Itoa(int(b.p.Now().Sub(j.Started).Seconds())),
		}
		if i.Flavor != "" {
			o["flavor"] = i.Flavor
		}
		out = append(out, o)
	}
	return out
}

func (b *building) portsJSON() (ports, skipped object) {
	lists := map[string][]object{}
	for _, kind := range []string{"queued", "tobuild", "built", "failed", "ignored", "skipped", "fetched", "inspected", "remaining"} {
		lists[kind] = []object{}
	}
	counts := map[string]int{}
	for _, name := range b.names() {
		i := b.r.Items[name]
		entry := func(more ...string) object {
			o := object{"origin": i.Origin, "pkgname": name}
			if i.Flavor != "" {
				o["flavor"] = i.Flavor
			}
			for k := 0; k < len(more); k += 2 {
				o[more[k]] = more[k+1]
			}
			return o
		}
		lists["queued"] = append(lists["queued"], entry("reason", i.Reason))
		elapsed := strconv.Itoa(i.Elapsed)
		switch i.State {
		case "built":
			lists["built"] = append(lists["built"], entry("elapsed", elapsed))
		case "failed":
			lists["failed"] = append(lists["failed"], entry("phase", i.Phase, "errortype", i.Error, "elapsed", elapsed))
		case "ignored":
			lists["ignored"] = append(lists["ignored"], entry("reason", i.Ignored))
		case "skipped":
			lists["skipped"] = append(lists["skipped"], entry("depends", i.Because))
			counts[i.Because]++
		case "inspected":
			lists["inspected"] = append(lists["inspected"], entry())
		default:
			lists["tobuild"] = append(lists["tobuild"], entry())
			lists["remaining"] = append(lists["remaining"], object{"pkgname": name, "status": i.State})
		}
	}
	ports, skipped = object{}, object{}
	for kind, list := range lists {
		if kind != "remaining" || len(list) > 0 {
			ports[kind] = list
		}
	}
	for name, n := range counts {
		skipped[name] = n
	}
	return ports, skipped
}

// masterJSON updates the list of builds of this master, and of all masters.
func (b *building) masterJSON(mini object) {
	update := func(name, group, key string, change func(object)) {
		var all object
		data, err := b.fs.ReadFile(name)
		if err != nil || json.Unmarshal(data, &all) != nil {
			all = object{}
		}
		inner, ok := all[group].(object)
		if !ok {
			inner = object{}
		}
		inner[key] = mini
		if change != nil {
			change(inner)
		}
		all[group] = inner
		b.putJSON(name, all)
	}
	master := path.Dir(b.logs())
	update(path.Join(master, ".data.json"), "builds", b.r.Build, func(o object) { o["latest"] = b.r.Build })
	update(path.Join(path.Dir(master), ".data.json"), "masternames", b.r.Master, func(o object) { o[b.r.Master] = object{"latest": mini} })
}
