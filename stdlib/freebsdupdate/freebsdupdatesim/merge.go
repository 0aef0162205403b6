package freebsdupdatesim

import (
	"path"
	"slices"
	"strings"
	"time"

	"bsdrun/runtime/lazyregexp"
	"bsdrun/runtime/sim"
	"bsdrun/stdlib/freebsdupdate/threeway"
)

// merging is a file that was changed here and in the release.
type merging struct {
	path             string
	mine, old, fresh string
	hadOld, hasFresh bool
	result           string
	conflict         bool
}

// generated are databases that are made anew after the installation.
var generated = []string{"/etc/spwd.db", "/etc/pwd.db", "/etc/login.conf.db"}

func (u *update) shell(words string, args ...string) sim.Command {
	return sim.Command{Args: append(strings.Fields(words), args...)}
}

// mergeAll brings the release's changes into files that were changed here, and
// asks about each.
func (u *update) mergeAll(p *plan, from string) error {
	if len(p.merge) == 0 {
		return nil
	}
	list := u.mergings(*p)
	u.Printf("Attempting to automatically merge changes in files...")
	for _, m := range list {
		m.merge(u.release)
	}
	u.Printf(" done.\n")
	for _, m := range list {
		if m.conflict {
			if err := u.resolve(m); err != nil {
				return err
			}
		}
	}
	for _, m := range list {
		if err := u.confirm(m, from); err != nil {
			return err
		}
	}
	return u.keepMerged(p, list)
}

func (u *update) mergings(p plan) []*merging {
	text := func(list []entry, name string) (string, bool) {
		for _, e := range list {
			if e.path != name || e.kind != "f" {
				continue
			}
			packed, _ := u.FS().ReadFile(u.stored(e.value))
			data, err := unpack(packed)
			return string(data), err == nil
		}
		return "", false
	}
	var list []*merging
	for _, e := range p.merge {
		m := &merging{path: e.path}
		m.mine, _ = text(p.present, e.path)
		m.old, m.hadOld = text([]entry{e}, e.path)
		m.fresh, m.hasFresh = text(p.fresh, e.path)
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b *merging) int { return strings.Compare(a.path, b.path) })
	return list
}

func (m *merging) merge(release string) {
	switch {
	case !m.hasFresh:
	case !m.hadOld:
		m.result = m.fresh
	case slices.Contains(generated, m.path):
		m.result = m.mine
	default:
		m.result, m.conflict = threeway.Merge(m.mine, m.old, m.fresh, nil).Marked("current version", release)
		if m.conflict && same(m.mine, m.old) {
			m.result, m.conflict = m.fresh, false
		}
	}
}

var revision = lazyregexp.New(`\$FreeBSD.*\$`)

// same tells whether two texts differ in the revision that they name alone.
func same(a, b string) bool {
	return revision.ReplaceAllString(a, "$$FreeBSD$$") == revision.ReplaceAllString(b, "$$FreeBSD$$")
}

// markers are what conflicts leave in a text.
var markers = lazyregexp.New(`(?m)^(<<<<<<<|=======|>>>>>>>)(\s.*)?$`)

// resolve has the user edit a file with conflicts. Since 14 the tool goes on
// asking while there are markers; without a terminal for ever.
func (u *update) resolve(m *merging) error {
	editor := u.Getenv("EDITOR")
	if editor == "" {
		editor = "/usr/bin/vi"
	}
	u.Printf("\nThe following file could not be merged automatically: %s\nPress Enter to edit this file in %s and resolve the conflicts\nmanually...\n", m.path, editor)
	name := path.Join(u.work, "merge/new", m.path)
	if err := u.FS().MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	if err := u.FS().WriteFile(name, []byte(m.result), 0o644); err != nil {
		return err
	}
	for {
		if accepted := u.edit(editor, name); accepted {
			u.Printf("\n")
			break
		}
		data, err := u.FS().ReadFile(name)
		if err != nil {
			return err
		}
		m.result = string(data)
		if u.era < 14 || !markers.MatchString(m.result) {
			break
		}
		u.Printf("\nMerge conflict markers remain in: %s\nThese must be resolved for the system to be functional.\n\n"+
			"Press Enter to return to editing this file, or type \"ACCEPT\" to carry on with\nthese lines remaining in the file.\n", m.path)
		if err := u.Sleep(time.Second); err != nil {
			return err
		}
	}
	return u.FS().RemoveAll(path.Join(u.work, "merge"))
}

// edit waits for Enter and runs the editor, both on the controlling terminal; it
// is true when the user takes the file as it is.
func (u *update) edit(editor, name string) bool {
	tty, ok := u.terminal()
	if ok {
		line, _ := readLine(tty)
		_ = tty.Close()
		if u.era >= 14 && strings.HasPrefix(strings.ToUpper(line), "ACCEPT") {
			return true
		}
	}
	if tty, ok = u.terminal(); ok {
		command := u.shell(editor, name)
		command.Stdin = tty
		u.RunCommand(command)
		_ = tty.Close()
	}
	return false
}

// confirm asks about the outcome for a file.
func (u *update) confirm(m *merging, from string) error {
	switch {
	case m.hasFresh && same(m.mine, m.result), m.hadOld && same(m.mine, m.old):
		return nil
	case !m.hasFresh:
		u.Printf("\nThe following file will be removed, as it no longer exists in\nFreeBSD %s: %s\n", u.release, m.path)
	default:
		u.Printf("\nThe following changes, which occurred between FreeBSD %s and\nFreeBSD %s have been merged into %s:\n", from, u.release, m.path)
		if err := u.showChanges(m); err != nil {
			return err
		}
	}
	if !u.reasonableThere() {
		return stop(1)
	}
	return nil
}

func (u *update) showChanges(m *merging) error {
	dir := path.Join(u.work, "merge")
	if err := u.FS().MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, text := range map[string]string{"old": m.mine, "new": m.result} {
		if err := u.FS().WriteFile(path.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	u.Run("diff", "-U", "5", "-L", "current version", "-L", "new version", dir+"/old", dir+"/new")
	return u.FS().RemoveAll(dir)
}

// keepMerged has the merged texts be what is installed.
func (u *update) keepMerged(p *plan, list []*merging) error {
	for _, m := range list {
		if !m.hasFresh {
			continue
		}
		if err := u.store([]byte(m.result)); err != nil {
			return err
		}
		for i := range p.fresh {
			if p.fresh[i].path == m.path {
				p.fresh[i].value = hashOf([]byte(m.result))
			}
		}
	}
	return nil
}
