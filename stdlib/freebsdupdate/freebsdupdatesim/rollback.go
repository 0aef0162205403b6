package freebsdupdatesim

import "path"

// rollback takes the last updates back.
func (u *update) rollback() error {
	if err := u.checkRoot(); err != nil {
		return err
	}
	if err := u.checkWork(); err != nil {
		return err
	}
	if _, err := u.FS().Readlink(u.link("rollback")); err != nil {
		u.Printf("No rollback directory found.\n")
		return stop(1)
	}
	if err := u.checkManifest("rollback"); err != nil {
		return err
	}
	u.Printf("Uninstalling updates...")
	if err := u.drop("install"); err != nil {
		return err
	}
	c := u.manifestOf("rollback")
	if err := u.verify(c); err != nil {
		return err
	}
	if err := u.takeBack(c); err != nil {
		return err
	}
	inner := u.link("rollback") + "/rollback"
	further, err := u.FS().Readlink(inner)
	if dropped := u.drop("rollback"); dropped != nil {
		return dropped
	}
	if err == nil {
		if err := u.FS().Symlink(further, u.link("rollback")); err != nil {
			return err
		}
	}
	u.Printf(" done.\n")
	return nil
}

// takeBack puts the old files back: libraries that vanished first, the kernel
// last.
func (u *update) takeBack(c change) error {
	fresh := pathSet(only(c.fresh, isLibrary))
	back := func(e entry) bool { return isLibrary(e) && !fresh[e.path] }
	others := func(e entry) bool { return isPlain(e) || isLinker(e) }
	for _, sort := range []func(entry) bool{isDirectory, back, others} {
		if err := u.place(only(c.old, sort)); err != nil {
			return err
		}
	}
	if err := u.remove(only(c.fresh, others), only(c.old, others)); err != nil {
		return err
	}
	if err := u.place(only(c.old, isLibrary)); err != nil {
		return err
	}
	for _, sort := range []func(entry) bool{isLibrary, isDirectory} {
		if err := u.remove(only(c.fresh, sort), only(c.old, sort)); err != nil {
			return err
		}
	}
	if err := u.place(only(c.old, inBoot)); err != nil {
		return err
	}
	if err := u.remove(only(c.fresh, inBoot), only(c.old, inBoot)); err != nil {
		return err
	}
	return u.linkerHints()
}

// drop removes a manifest.
func (u *update) drop(kind string) error {
	target, err := u.FS().Readlink(u.link(kind))
	if err != nil {
		return nil //nolint:nilerr // there is none
	}
	if err := u.FS().RemoveAll(path.Join(u.work, target)); err != nil {
		return err
	}
	return u.FS().Remove(u.link(kind))
}
