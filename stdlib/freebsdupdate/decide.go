package freebsdupdate

import (
	"path"
	"slices"
	"strings"

	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/freebsdupdate/threeway"
)

// What became of a file.
const (
	howMerged   = "merged"
	howSame     = "same"
	howNew      = "new"
	howKept     = "kept"
	howEdited   = "edited"
	howSkipped  = "skipped"
	howObsolete = "obsolete"
)

// The policies.
const (
	policyTake   = "take"
	policyScript = "script"
)

// guarded are the names of files whose local lines always win: who can log in,
// what is mounted, what is let through.
var guarded = []string{
	"master.passwd", "group", "login.conf", "sshd_config", "fstab", "rc.conf", "pf.conf", "sudoers", "doas.conf",
}

func isGuarded(name string) bool { return slices.Contains(guarded, path.Base(name)) }

// decision is what is to become of a file.
type decision struct {
	text      string
	how       string
	conflicts []Conflict
	note      string
	edit      bool // the editor is to decide; text is what it finds
}

// decide merges one file; it touches no host.
func decide(name, policy string, t texts) decision {
	keep := decision{text: t.local, how: howKept, conflicts: []Conflict{}}
	switch {
	case t.fresh == nil:
		keep.how, keep.note = howObsolete, "the new release has this file no more"
		return keep
	case t.local == *t.fresh:
		keep.how = howSame
		return keep
	case isBinary(t):
		keep.note = "this is no text"
		return keep
	case t.old != nil && withoutTags(t.local) == withoutTags(*t.old):
		return decision{text: *t.fresh, how: howNew, conflicts: []Conflict{}}
	case t.old != nil && tables[name] != nil:
		text, notes := tables[name](t.local, *t.old, *t.fresh)
		return structural(t.local, text, notes)
	}
	return mergeText(name, policy, t)
}

// tables are the files that are merged by name.
var tables = map[string]func(local, old, fresh string) (text string, notes []string){
	"/etc/master.passwd": threeway.Passwd,
	"/etc/group":         threeway.Group,
}

func structural(local, text string, notes []string) decision {
	d := decision{text: text, how: howMerged, conflicts: []Conflict{}, note: strings.Join(notes, "; ")}
	if text == local {
		d.how = howKept
	}
	return d
}

func mergeText(name, policy string, t texts) decision {
	old := ""
	if t.old != nil {
		old = *t.old
	}
	take := policy == policyTake && !isGuarded(name)
	side, took := threeway.Local, "local"
	if take {
		side, took = threeway.New, "new"
	}
	m := threeway.Merge(t.local, old, *t.fresh, withoutTags)
	d := decision{how: howMerged, conflicts: []Conflict{}, text: m.Resolve(func(threeway.Conflict) threeway.Side { return side })}
	for _, c := range m.Conflicts() {
		d.conflicts = append(d.conflicts, Conflict{Line: c.Line, Local: c.Local, Old: c.Old, New: c.New, Took: took})
	}
	if t.old == nil {
		d.note = "only the new release has this file, and it was there"
	}
	switch {
	case len(d.conflicts) > 0 && policy == policyScript:
		d.edit = true
	case d.text == t.local:
		d.how = howKept
	case d.text == *t.fresh && take:
		d.how = howNew
	}
	return d
}

var tagForm = lazyregexp.New(`\$FreeBSD[^$\n]*\$`)

// withoutTags makes texts comparable that differ in what the version control
// system of their time wrote into them.
func withoutTags(text string) string { return tagForm.ReplaceAllString(text, "$$FreeBSD$$") }

func isBinary(t texts) bool {
	all := t.local + *t.fresh
	if t.old != nil {
		all += *t.old
	}
	return strings.IndexByte(all, 0) >= 0
}

// markerForm finds conflict markers that somebody has left in a text.
var markerForm = lazyregexp.New(`(?m)^(<<<<<<<|=======|>>>>>>>)(\s.*)?$`)
