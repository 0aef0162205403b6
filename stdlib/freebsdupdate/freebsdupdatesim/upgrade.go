package freebsdupdatesim

import (
	"path"
	"slices"
	"strings"
	"time"
)

// upgrade fetches another release.
func (u *update) upgrade() error {
	if err := u.checkUpgrade(); err != nil {
		return err
	}
	if u.era >= 13 {
		u.checkModules()
	}
	if err := u.begin(); err != nil {
		return err
	}
	if err := u.metadata("INDEX-OLD", "INDEX-ALL"); err != nil {
		return err
	}
	if err := u.guessComponents(); err != nil {
		return err
	}
	from := u.release
	p := plan{old: order(append(u.wanted(u.pub.index["INDEX-OLD"]), u.wanted(u.pub.index["INDEX-ALL"])...))}
	oldFiles := u.pub
	u.release = u.target
	if err := u.untilOneAnswers(u.fetchTag); err != nil {
		return err
	}
	if err := u.metadata("INDEX-ALL"); err != nil {
		return err
	}
	if err := u.prepareUpgrade(&p, from, oldFiles); err != nil {
		return err
	}
	if err := u.manifest(p); err != nil {
		return err
	}
	if !u.has(u.link("install")) {
		return stop(1)
	}
	if err := u.FS().WriteFile(u.link("install")+"/kernelfirst", nil, 0o644); err != nil {
		return err
	}
	u.Printf("To install the downloaded upgrades, run %s.\n", u.again("install"))
	return nil
}

// prepareUpgrade finds what changes, fetches it and merges.
func (u *update) prepareUpgrade(p *plan, from string, oldFiles *published) error {
	p.old, p.fresh = oldAndNew(p.old, u.wanted(u.pub.index["INDEX-ALL"]))
	p.old, p.fresh = u.kernelNames(p.old), u.kernelNames(p.fresh)
	var err error
	if p.present, err = u.inspectSystem(p.old, p.fresh); err != nil {
		return err
	}
	u.findMerges(p)
	u.leaveAlone(p)
	u.permit(p)
	if len(p.merge) > 0 {
		if err := u.fetchOld(p.merge, from, oldFiles); err != nil {
			return err
		}
	}
	if err := u.files(*p); err != nil {
		return err
	}
	return u.mergeAll(p, from)
}

// fetchOld gets the old release's files that others are merged with.
func (u *update) fetchOld(list []entry, from string, oldFiles *published) error {
	if err := u.step(time.Duration(len(list))*fileTime, "Fetching files from %s for merging... ", from); err != nil {
		return err
	}
	for _, e := range list {
		if e.kind == "f" {
			if err := u.store(oldFiles.files[e.value]); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkModules names kernel modules that packages brought.
func (u *update) checkModules() {
	if _, _, code := u.Capture("pkg", "-N"); code != 0 {
		u.Printf("Skipping kernel modules check. pkg(8) not present.\n")
	}
}

// files keeps what is here and gets what is not.
func (u *update) files(p plan) error {
	u.Printf("Preparing to download files... ")
	here := map[string]string{}
	for _, e := range p.present {
		if e.kind != "f" {
			continue
		}
		data, err := u.FS().ReadFile(path.Join(u.base, e.path))
		if err != nil {
			return err
		}
		if err := u.store(data); err != nil {
			return err
		}
		here[e.path] = e.value
	}
	u.Printf("done.\n")
	var patches, whole []string
	seen := map[string]bool{}
	for _, e := range p.fresh {
		if e.kind != "f" || seen[e.value] || u.has(u.stored(e.value)) {
			continue
		}
		seen[e.value] = true
		if here[e.path] != "" {
			patches = append(patches, e.value)
		} else {
			whole = append(whole, e.value)
		}
	}
	if len(patches) > 0 {
		if err := u.get(patches, patchTime, "Fetching %d patches."); err != nil {
			return err
		}
		if err := u.step(time.Duration(len(patches))*patchTime, "Applying patches... "); err != nil {
			return err
		}
	}
	if len(whole) > 0 {
		return u.get(whole, fileTime, "Fetching %d files... ")
	}
	return nil
}

// get fetches contents, with its progress.
func (u *update) get(hashes []string, each time.Duration, format string) error {
	shown := progress(len(hashes))
	if strings.HasSuffix(format, "files... ") && u.era < 10 {
		shown = ""
	}
	if err := u.step(time.Duration(len(hashes))*each, format+shown, len(hashes)); err != nil {
		return err
	}
	for _, hash := range hashes {
		if !u.answers() {
			u.Printf("failed.\n")
			return stop(1)
		}
		if err := u.store(u.pub.files[hash]); err != nil {
			return err
		}
	}
	return nil
}

// guessComponents finds out what is installed, and asks whether that is right.
func (u *update) guessComponents() error {
	if u.setting["STRICTCOMPONENTS"] == "yes" {
		return nil
	}
	u.Printf("Inspecting system... ")
	if err := u.Sleep(inspectTime); err != nil {
		return err
	}
	u.Printf("done.\n")
	total, there := map[string]int{}, map[string]int{}
	for _, e := range u.pub.index["INDEX-ALL"] {
		if !u.chosen(e.component) {
			continue
		}
		total[e.component]++
		if u.has(path.Join(u.base, e.path)) {
			there[e.component]++
		}
	}
	kernel := "kernel/" + strings.ToLower(u.capture("uname", "-i"))
	foreign := total[kernel] == 0 && total["kernel/generic"] > 0
	var present, missing []string
	for c := range total {
		if there[c] > total[c]/2 || c == kernel {
			present = append(present, c)
		} else {
			missing = append(missing, c)
		}
	}
	slices.Sort(present)
	slices.Sort(missing)
	if foreign {
		u.Printf("\nWARNING: This system is running a \"%s\" kernel, which is not a\nkernel configuration distributed as part of FreeBSD %s.\n"+
			"This kernel will not be updated: you MUST update the kernel manually\nbefore running %s.\n", path.Base(kernel), u.release, u.again("install"))
	}
	u.Printf("\nThe following components of FreeBSD seem to be installed:\n%s"+
		"\nThe following components of FreeBSD do not seem to be installed:\n%s\n", fill(present), fill(missing))
	if !u.reasonable(u.Stdin, u.TTY) {
		return stop(1)
	}
	u.Printf("\n")
	u.components = present
	return nil
}

// fill breaks words into lines as fmt -72 does.
func fill(words []string) string {
	var b strings.Builder
	width := 0
	for _, w := range words {
		switch {
		case width == 0:
		case width+1+len(w) > 72:
			b.WriteByte('\n')
			width = 0
		default:
			b.WriteByte(' ')
			width++
		}
		b.WriteString(w)
		width += len(w)
	}
	if width > 0 {
		b.WriteByte('\n')
	}
	return b.String()
}
