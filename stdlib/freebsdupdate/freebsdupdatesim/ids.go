package freebsdupdatesim

import "strings"

var kinds = map[string]string{"f": "regular file", "d": "directory", "L": "symlink"}

// ids compares the system with what the release has; differences are no failure.
func (u *update) ids() error {
	if err := u.checkSource(); err != nil {
		return err
	}
	if err := u.begin(); err != nil {
		return err
	}
	if err := u.metadata("INDEX-OLD", "INDEX-ALL"); err != nil {
		return err
	}
	index := u.kernelNames(append(u.wanted(u.pub.index["INDEX-OLD"]), u.wanted(u.pub.index["INDEX-ALL"])...))
	present, err := u.inspectSystem(index)
	if err != nil {
		return err
	}
	good := map[string]bool{}
	for _, e := range index {
		good[withoutFlags(e)] = true
	}
	is := map[string]entry{}
	for _, e := range present {
		if e.present() && !good[withoutFlags(e)] && !u.matches("IDSIGNOREPATHS", e.path) {
			is[e.path] = e
		}
	}
	for _, e := range index {
		if have, differs := is[e.path]; differs {
			u.differs(e, have)
		}
	}
	return nil
}

func withoutFlags(e entry) string {
	f := strings.Split(e.meta, "|")
	return strings.Join(append(f[:min(3, len(f))], e.what()), "|")
}

// differs says how a file differs from a version that it should be.
func (u *update) differs(want, is entry) {
	if want.kind != is.kind {
		u.Printf("%s is a %s, but should be a %s.\n", is.path, kinds[is.kind], kinds[want.kind])
		return
	}
	w, h := strings.Split(want.meta, "|"), strings.Split(is.meta, "|")
	if w[0] != h[0] {
		u.Printf("%s is owned by user id %s, but should be owned by user id %s.\n", is.path, h[0], w[0])
	}
	if w[1] != h[1] {
		u.Printf("%s is owned by group id %s, but should be owned by group id %s.\n", is.path, h[1], w[1])
	}
	if w[2] != h[2] && want.kind != "L" {
		u.Printf("%s has %s permissions, but should have %s permissions.\n", is.path, h[2], w[2])
	}
	switch {
	case want.value == is.value:
	case want.kind == "L":
		u.Printf("%s is a symlink to %s, but should be a symlink to %s.\n", is.path, is.value, want.value)
	case want.kind == "f":
		u.Printf("%s has SHA256 hash %s, but should have SHA256 hash %s.\n", is.path, is.value, want.value)
	}
}
