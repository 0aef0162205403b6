package freebsdupdatesim

import (
	"path"
	"strings"
)

// plan is what a fetch or an upgrade narrows down: what may have been here, what
// is here, and what shall be.
type plan struct {
	old, present, fresh []entry
	modified            []string // left alone, for they were changed here
	merge               []entry  // old versions of what is to be merged
}

// wanted are the entries of an index that belong to the components and are not
// ignored.
func (u *update) wanted(index []entry) []entry {
	var list []entry
	for _, e := range index {
		if u.chosen(e.component) && !u.matches("IGNOREPATHS", e.path) {
			list = append(list, e)
		}
	}
	return order(list)
}

func (u *update) chosen(component string) bool {
	for _, c := range u.components {
		if component == c || strings.HasPrefix(component, c+"/") {
			return true
		}
	}
	return false
}

// kernelNames has the kernel be where it runs from, as well as where the index
// says if that is there.
func (u *update) kernelNames(list []entry) []entry {
	const listed = "/boot/GENERIC"
	var named []entry
	for _, e := range list {
		rest, kernel := strings.CutPrefix(e.path, listed)
		if !kernel {
			named = append(named, e)
			continue
		}
		if u.has(listed) {
			named = append(named, e)
		}
		e.path = u.kernelDir + rest
		named = append(named, e)
	}
	return order(named)
}

// inspectSystem looks at every path of some lists.
func (u *update) inspectSystem(lists ...[]entry) ([]entry, error) {
	u.Printf("Inspecting system... ")
	if err := u.Sleep(inspectTime); err != nil {
		return nil, err
	}
	var present []entry
	for name := range pathSet(lists...) {
		e, err := inspect(u.FS(), u.base, name)
		if err != nil {
			u.Errorf("Cannot read file: %s\n", path.Join(u.base, name))
			return nil, stop(1)
		}
		present = append(present, e)
	}
	u.Printf("done.\n")
	return order(present), nil
}

// values are the paths with their content of what a setting covers.
func (u *update) values(setting string, lists ...[]entry) map[string]bool {
	set := map[string]bool{}
	for _, list := range lists {
		for _, e := range list {
			if u.matches(setting, e.path) {
				set[e.what()] = true
			}
		}
	}
	return set
}

// findMerges finds the files to merge: those that were changed here.
func (u *update) findMerges(p *plan) {
	known := u.values("MERGECHANGES", p.old, p.fresh)
	for _, e := range p.present {
		if e.kind != "f" || !u.matches("MERGECHANGES", e.path) || known[e.what()] {
			continue
		}
		for _, was := range p.old {
			if was.path == e.path {
				p.merge = append(p.merge, was)
				break
			}
		}
	}
}

// leaveAlone drops what was changed here and is not merged, and what was removed
// here.
func (u *update) leaveAlone(p *plan) {
	known := u.values("UPDATEIFUNMODIFIED", p.old, p.fresh)
	expected := map[string]bool{}
	for _, e := range p.old {
		expected[e.line()] = true
	}
	merged := pathSet(p.merge)
	out := map[string]bool{}
	for _, e := range p.present {
		changed := u.matches("UPDATEIFUNMODIFIED", e.path) && !known[e.what()] && !merged[e.path]
		if changed || !e.present() && !expected[e.line()] {
			out[e.path] = true
			if e.present() {
				p.modified = append(p.modified, e.path)
			}
		}
	}
	drop := func(e entry) bool { return out[e.path] }
	p.old, p.present, p.fresh = without(p.old, drop), without(p.present, drop), without(p.fresh, drop)
}

// permit keeps from adding, removing and changing what the settings forbid, and
// leaves out what needs no change.
func (u *update) permit(p *plan) {
	if u.setting["ALLOWADD"] != "yes" {
		missing := pathSet(without(p.present, entry.present))
		p.fresh = without(p.fresh, func(e entry) bool { return missing[e.path] })
	}
	p.present = without(p.present, func(e entry) bool { return !e.present() })
	p.fresh = without(p.fresh, func(e entry) bool { return !e.present() })
	if u.setting["ALLOWDELETE"] != "yes" {
		stays := pathSet(p.fresh)
		p.present = without(p.present, func(e entry) bool { return !stays[e.path] })
	}
	if u.setting["KEEPMODIFIEDMETADATA"] == "yes" {
		keepMetadata(p)
	}
	same := map[string]bool{}
	for _, e := range p.present {
		same[e.line()] = true
	}
	both := map[string]bool{}
	p.fresh = without(p.fresh, func(e entry) bool {
		if same[e.line()] {
			both[e.line()] = true
		}
		return same[e.line()]
	})
	p.present = without(p.present, func(e entry) bool { return both[e.line()] })
}

// keepMetadata has owners and modes that were changed here stay.
func keepMetadata(p *plan) {
	known := map[string]bool{}
	for _, e := range p.old {
		known[e.path+"|"+e.meta] = true
	}
	changed := map[string]string{}
	for _, e := range p.present {
		if !known[e.path+"|"+e.meta] {
			changed[e.path] = e.meta
		}
	}
	for i, e := range p.fresh {
		if meta := changed[e.path]; meta != "" {
			p.fresh[i].meta = meta
		}
	}
}

// oldAndNew makes of everything in the old release and everything in the new one
// what changes between them.
func oldAndNew(old, all []entry) (before, after []entry) {
	had := pathSet(old)
	for _, e := range all {
		if !had[e.path] {
			old = append(old, absent(e.path))
		}
	}
	still := map[string]bool{}
	for _, e := range all {
		still[e.line()] = true
	}
	before = order(without(old, func(e entry) bool { return still[e.line()] }))
	changes := pathSet(before)
	return before, without(all, func(e entry) bool { return !changes[e.path] })
}
