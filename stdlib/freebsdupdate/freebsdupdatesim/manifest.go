package freebsdupdatesim

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// manifest says what will happen and leaves it for install.
func (u *update) manifest(p plan) error {
	if target, err := u.FS().Readlink(u.link("install")); err == nil {
		_ = u.FS().RemoveAll(path.Join(u.work, target))
		_ = u.FS().Remove(u.link("install"))
	}
	if len(p.modified) > 0 {
		slices.Sort(p.modified)
		head := "The following files are affected by updates. No changes have\nbeen downloaded, however, because the files have been modified\nlocally:\n"
		if u.era < 12 {
			head = "\nThe following files are affected by updates, but no changes have\nbeen downloaded because the files have been modified locally:\n"
		}
		u.page(head + strings.Join(p.modified, "\n") + "\n")
	}
	if len(p.present) == 0 && len(p.fresh) == 0 {
		u.Printf("\nNo updates needed to update system to %s-p%d.\n", u.release, u.patch)
		return nil
	}
	before, after := pathSet(p.present), pathSet(p.fresh)
	u.list("removed", p.present, func(name string) bool { return !after[name] })
	u.list("added", p.fresh, func(name string) bool { return !before[name] })
	u.list("updated", p.fresh, func(name string) bool { return before[name] })
	dir := u.capture("mktemp", "-d", path.Join(u.work, "install.XXXXXX"))
	for name, list := range map[string][]entry{"INDEX-OLD": p.present, "INDEX-NEW": p.fresh} {
		if err := u.FS().WriteFile(path.Join(dir, name), []byte(lines(list, entry.line)), 0o644); err != nil {
			return err
		}
	}
	return u.FS().Symlink(path.Base(dir), u.link("install"))
}

// list shows the paths of one kind.
func (u *update) list(kind string, entries []entry, of func(name string) bool) {
	var names []string
	for name := range pathSet(entries) {
		if of(name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	head := fmt.Sprintf("The following files will be %s as part of updating to\n%s-p%d:\n", kind, u.release, u.patch)
	if u.era < 10 {
		head = fmt.Sprintf("\nThe following files will be %s as part of updating to %s-p%d:\n", kind, u.release, u.patch)
	}
	u.page(head + strings.Join(names, "\n") + "\n")
}

// fetchCommand fetches patches of the running release.
func (u *update) fetchCommand() error {
	if !u.TTY && !u.fromCron {
		name := path.Base(u.name)
		u.Printf("%[1]s fetch should not be run non-interactively.\nRun %[1]s cron instead.\n", name)
		return stop(1)
	}
	if err := u.checkFetch(); err != nil {
		return err
	}
	u.fetched = true
	return u.fetch()
}

func (u *update) fetch() error {
	if err := u.begin(); err != nil {
		return err
	}
	if err := u.metadata("INDEX-NEW", "INDEX-OLD"); err != nil {
		return err
	}
	p := plan{old: u.kernelNames(u.wanted(u.pub.index["INDEX-OLD"])), fresh: u.kernelNames(u.wanted(u.pub.index["INDEX-NEW"]))}
	var err error
	if p.present, err = u.inspectSystem(p.old, p.fresh); err != nil {
		return err
	}
	u.leaveAlone(&p)
	u.permit(&p)
	if err := u.files(p); err != nil {
		return err
	}
	if err := u.manifest(p); err != nil {
		return err
	}
	return u.warnEOL()
}

// The times before the end of life at which the tool begins to warn, and the
// units it does so in.
const (
	day        = 24 * time.Hour
	week       = 7 * day
	month      = 31 * day
	warnBefore = 7884000 * time.Second
)

// warnEOL tells of a release's end: after it with a failure, before it from time
// to time.
func (u *update) warnEOL() error {
	left := u.eol.Sub(u.Now())
	system := "FreeBSD " + u.running
	if left < 0 {
		u.Printf("\nWARNING: %s HAS PASSED ITS END-OF-LIFE DATE.\nAny security issues discovered after %s\nwill not have been corrected.\n",
			system, u.eol.Format("Mon Jan _2 15:04:05 MST 2006"))
		return stop(1)
	}
	var last int64
	_, _ = fmt.Sscan(u.read("lasteolwarn"), &last)
	since := u.Now().Sub(time.Unix(last, 0))
	if last == 0 {
		since = 2 * 365 * day
	}
	if left > warnBefore || left > 3*since {
		return nil
	}
	unit, size := "month", month
	switch {
	case left < week:
		unit, size = "day", day
	case left < month:
		unit, size = "week", week
	}
	count := int(left / size)
	if count != 1 {
		unit += "s"
	}
	u.Printf("\nWARNING: %s is approaching its End-of-Life date.\nIt is strongly recommended that you upgrade to a newer\nrelease within the next %d %s.\n",
		system, count, unit)
	return u.write("lasteolwarn", fmt.Sprintf("%d\n", u.Now().Unix()))
}

// cron fetches at a time of its own; what it says would go by mail.
func (u *update) cron() error {
	if err := u.checkFetch(); err != nil {
		return err
	}
	if err := u.Sleep(time.Duration(u.Now().Unix()%3600) * time.Second); err != nil {
		return err
	}
	var text strings.Builder
	out := u.Stdout
	u.Stdout = &text
	u.finalComponents()
	err := u.fetch()
	u.Stdout = out
	u.fetched = true
	if err != nil || !strings.Contains(text.String(), "No updates needed") {
		mail := u.shell("mail -s", u.capture("hostname")+" security updates", u.setting["MAILTO"])
		mail.Stdin = strings.NewReader(text.String())
		u.RunCommand(mail)
	}
	return nil
}

// updatesReady tells whether there is something to install.
func (u *update) updatesReady() error {
	if _, err := u.FS().Readlink(u.link("install")); err != nil {
		u.Printf("No updates are available to install.\n")
		return stop(2)
	}
	u.Printf("There are updates available to install.\nRun %s to proceed.\n", u.quoted("install"))
	return nil
}
