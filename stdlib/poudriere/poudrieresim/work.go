package poudrieresim

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// startBuilders clones the builders, or ends early where there's nothing to do.
func (b *building) startBuilders() error {
	n := b.count("queued")
	if n == 0 {
		b.r.Jobs = nil
		return nil
	}
	builders := b.builders(n)
	b.msg("Building %d packages using %d builders", n, builders)
	b.status("starting_jobs:")
	b.msg("Starting/Cloning builders")
	b.r.Jobs = nil
	for i := range builders {
		b.r.Jobs = append(b.r.Jobs, &job{ID: fmt.Sprintf("%02d", i+1), Fails: -1})
	}
	if err := b.pause(time.Duration(1+builders/4) * time.Second); err != nil {
		return err
	}
	b.msg("Hit CTRL+t at any time to see build progress and stats")
	return nil
}

// jobMsg is a builder's line.
func (b *building) jobMsg(j *job, format string, args ...any) {
	b.p.Printf("[%s] [%s] [%s] %s\n", b.elapsed(), j.ID, clockFace(b.p.Now().Sub(j.Started)), fmt.Sprintf(format, args...))
}

// work runs the builders until the queue is empty.
func (b *building) work() error {
	if len(b.r.Jobs) == 0 {
		return nil
	}
	b.status("parallel_build:")
	for {
		if err := b.assign(); err != nil {
			return err
		}
		next := b.nextEvent()
		if next.IsZero() {
			break
		}
		if err := b.waitUntil(next); err != nil {
			return err
		}
		for _, j := range b.r.Jobs {
			for j.Package != "" && !j.Until.After(b.p.Now()) {
				if err := b.advance(j); err != nil {
					return err
				}
			}
		}
		b.flush()
	}
	b.status("stopping_jobs:")
	b.msg("Stopping up to %d builders", len(b.r.Jobs))
	b.r.Jobs = nil
	b.status("updating_stats:")
	return nil
}

func (b *building) nextEvent() time.Time {
	var next time.Time
	for _, j := range b.r.Jobs {
		if j.Package != "" && (next.IsZero() || j.Until.Before(next)) {
			next = j.Until
		}
	}
	return next
}

// waitUntil sleeps and keeps the JSON fresh meanwhile.
func (b *building) waitUntil(when time.Time) error {
	interval := 5 * time.Second
	if n, err := strconv.Atoi(b.conf["HTML_JSON_UPDATE_INTERVAL"]); err == nil {
		interval = time.Duration(n) * time.Second
	}
	for {
		left := when.Sub(b.p.Now())
		if left <= 0 {
			return nil
		}
		if interval > 0 {
			left = min(left, interval)
		}
		if err := b.pause(left); err != nil {
			return err
		}
		if interval > 0 && b.p.Now().Before(when) {
			b.writeJSON(b.stats())
		}
	}
}

// ready tells whether everything a port needs is packaged.
func (b *building) ready(i *item) bool {
	if i.Origin != pkgOrigin {
		for _, other := range b.r.Items {
			if other.Origin == pkgOrigin && (other.State == "queued" || other.State == "building") {
				return false
			}
		}
	}
	for _, name := range i.Needs {
		if s := b.r.Items[name].State; s == "queued" || s == "building" {
			return false
		}
	}
	return true
}

// assign gives idle builders what is ready.
func (b *building) assign() error {
	for _, j := range b.r.Jobs {
		if j.Package != "" {
			continue
		}
		at := slices.IndexFunc(b.r.Order, func(name string) bool {
			i := b.r.Items[name]
			return i.State == "queued" && b.ready(i)
		})
		if at < 0 {
			return nil
		}
		name := b.r.Order[at]
		b.r.Order = slices.Delete(b.r.Order, at, at+1)
		i := b.r.Items[name]
		i.State = "building"
		j.Package, j.Started, j.Phase, j.Fails = name, b.p.Now(), 0, -1
		if phase, ok := b.fails[i.Origin]; ok {
			if j.Fails = slices.Index(phaseNames(b.tested(i)), phase); j.Fails < 0 {
				j.Fails = slices.Index(phaseNames(true), "package")
			}
		}
		j.Until = j.Started.Add(phaseTime(i.Origin, 0))
		b.jobMsg(j, "Building   %s | %s", i.spec(), name)
		if err := b.beginLog(i, j); err != nil {
			if err := b.failed(i, j, "check-sanity", err); err != nil {
				return err
			}
		}
	}
	return nil
}

// tested tells whether a port goes through the test phases.
func (b *building) tested(i *item) bool { return b.r.Test && i.Reason == "listed" }

// advance ends a builder's phase.
func (b *building) advance(j *job) error {
	i := b.r.Items[j.Package]
	names := phaseNames(b.tested(i))
	phase := names[j.Phase]
	if j.Phase == j.Fails {
		return b.failed(i, j, phase, nil)
	}
	err := b.logPhase(i, phase)
	if err == nil && phase == "fetch" {
		err = b.distfile(i)
	}
	if err == nil && phase == "package" {
		err = b.makePackage(i)
	}
	if err != nil {
		return b.failed(i, j, phase, err)
	}
	j.Phase++
	if j.Phase < len(names) {
		j.Until = j.Until.Add(phaseTime(i.Origin, j.Phase))
		return nil
	}
	i.State, i.Elapsed = "built", int(b.p.Now().Sub(j.Started).Seconds())
	_ = b.endLog(i, "", j)
	b.jobMsg(j, "Finished   %s | %s: Success", i.spec(), i.Package)
	b.hook("pkgbuild", "success", i.Origin, i.Package)
	j.Package = ""
	return nil
}

// failed notes a failure; what needs the port is skipped. A full disk ends in
// failures as well, port by port.
func (b *building) failed(i *item, j *job, phase string, cause error) error {
	i.State, i.Phase, i.Error = "failed", phase, errorType(phase)
	if errors.Is(cause, syscall.ENOSPC) {
		i.Error = "disk_full"
	}
	i.Elapsed = int(b.p.Now().Sub(j.Started).Seconds())
	_ = b.logFailure(i, phase, cause)
	_ = b.endLog(i, phase, j)
	b.jobMsg(j, "Finished   %s | %s: Failed: %s", i.spec(), i.Package, phase)
	b.hook("pkgbuild", "failed", i.Origin, i.Package, phase, path.Join(b.logs(), "logs/errors", i.Package+".log"))
	for _, s := range b.skip(i.Package) {
		b.jobMsg(j, "Skipping   %s | %s: Dependent port %s | %s failed", s.spec(), s.Package, i.spec(), i.Package)
		b.hook("pkgbuild", "skipped", s.Origin, s.Package, i.Origin)
	}
	j.Package = ""
	return nil
}

// distfile leaves what was fetched in the cache.
func (b *building) distfile(i *item) error {
	cache := b.conf["DISTFILES_CACHE"]
	if cache == "" || cache == "no" {
		return nil
	}
	root := b.stateGet("ports", b.r.Tree, "mnt")
	for _, line := range strings.Split(b.read(path.Join(root, i.Origin, "distinfo")), "\n") {
		_, rest, ok := strings.Cut(line, "SHA256 (")
		if !ok {
			continue
		}
		name, sum, ok := strings.Cut(rest, ") = ")
		if !ok || path.Clean("/"+name) != "/"+name || b.exists(path.Join(cache, name)) {
			continue
		}
		if err := b.write(path.Join(cache, name), sum+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// finish makes the catalogue, commits the packages and shows the results. The exit
// code is the number of ports that failed or were skipped.
func (b *building) finish() error {
	built := b.count("built")
	missing := !b.exists(path.Join(b.r.Packages, "packagesite.pkg"))
	repo := !b.r.NoRepo
	switch {
	case built == 0 && missing && repo && len(b.packages()) > 0:
		b.msg("No package built, but repository needs to be created")
	case built == 0:
		b.msg("No package built, no need to update the repository")
		repo = false
	}
	if repo {
		b.status("build_repo:")
		b.msg("Creating pkg repository")
		if err := b.pause(2 * time.Second); err != nil {
			return err
		}
		if err := b.catalogue(); err != nil {
			return err
		}
	}
	if err := b.keep(built > 0 || repo); err != nil {
		return err
	}
	b.results()
	b.hook("bulk", "done", strconv.Itoa(built), strconv.Itoa(b.count("failed")), strconv.Itoa(b.count("ignored")), strconv.Itoa(b.count("skipped")))
	b.r.Ended = b.p.Now()
	b.status("done:")
	b.summary()
	b.msg("Logs: %s", b.logs())
	b.web()
	b.stopped()
	if n := b.count("failed") + b.count("skipped"); n > 0 {
		return silent(n % 256)
	}
	return nil
}

// keep commits the packages where something changed, and else drops the copy.
func (b *building) keep(changed bool) error {
	if changed || b.r.Deleted > 0 || !b.isDir(path.Join(b.r.Repo, ".latest")) {
		return b.commit()
	}
	if !b.r.Atomic {
		return nil
	}
	return b.fs.RemoveAll(path.Join(b.r.Repo, ".building"))
}

// stopped takes the jail down.
func (b *building) stopped() {
	b.msg("Cleaning up")
	b.msg("Unmounting file systems")
	b.r.Status = "stopped:" + strings.TrimPrefix(b.r.Status, "stopped:")
	b.flush()
	_ = b.link(b.r.Build, path.Join(path.Dir(b.logs()), "latest-done"))
}

// results prints which ports ended how.
func (b *building) results() {
	for _, kind := range []struct{ state, title string }{
		{"built", "Built"}, {"failed", "Failed"}, {"skipped", "Skipped"}, {"ignored", "Ignored"}, {"inspected", "Inspected"},
	} {
		var list []string
		for _, name := range b.names() {
			i := b.r.Items[name]
			if i.State != kind.state {
				continue
			}
			text := i.spec()
			if kind.state == "failed" {
				text += ":" + i.Phase
			}
			list = append(list, text)
		}
		slices.Sort(list)
		if len(list) > 0 && (kind.state != "inspected" || b.verbose > 0) {
			b.msg("%s ports: %s", kind.title, strings.Join(list, " "))
		}
	}
}

// summary is the two lines at the end.
func (b *building) summary() {
	s := b.stats()
	status, _, _ := strings.Cut(strings.TrimPrefix(b.r.Status, "stopped:"), ":")
	b.p.Printf("[%s] [%s] [%s] Time: %s\n", b.r.Master, b.r.Build, status, clockFace(b.p.Now().Sub(b.r.Started)))
	b.p.Printf("Queued: %d Inspected: %d Ignored: %d Built: %d Failed: %d Skipped: %d Fetched: %d Remaining: %d\n",
		s.queued, s.inspected, s.ignored, s.built, s.failed, s.skipped, 0, s.remaining())
}

// stats are the numbers of a build.
type stats struct{ queued, inspected, ignored, built, failed, skipped, tobuild int }

func (s stats) remaining() int {
	return s.queued - s.inspected - s.ignored - s.built - s.failed - s.skipped
}

func (b *building) stats() stats {
	var s stats
	for _, i := range b.r.Items {
		s.queued++
		switch i.State {
		case "inspected":
			s.inspected++
		case "ignored":
			s.ignored++
		case "built":
			s.built++
		case "failed":
			s.failed++
		case "skipped":
			s.skipped++
		}
	}
	s.tobuild = s.queued - s.inspected - s.ignored
	return s
}
