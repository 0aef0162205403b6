package base

import (
	"slices"
	"strings"

	"bsdrun/runtime/sim"
)

func umount(p *sim.Proc, o *options) int {
	names := o.args
	switch {
	case o.has("A"):
		names = unmountable(p, o)
	case o.has("a"):
		names = namedInFstab(p, o)
	case len(names) == 0:
		return o.wrong(p)
	}
	code := 0
	for _, name := range names {
		code = max(code, unmountOne(p, o, name))
	}
	return code
}

// unmountable lists all but the root and /dev, the last mounted first.
func unmountable(p *sim.Proc, o *options) []string {
	var names []string
	for _, m := range slices.Backward(p.Machine.Mounts()) {
		if m.Point != "/" && m.Type != "devfs" && typeWanted(o, m.Type) {
			names = append(names, m.Point)
		}
	}
	return names
}

// namedInFstab lists what fstab names and is mounted, the last line first.
func namedInFstab(p *sim.Proc, o *options) []string {
	var names []string
	for _, e := range slices.Backward(request{p, o}.fstab()) {
		if e.Point != "/" && e.Type != "swap" && typeWanted(o, e.Type) && isMounted(p, e.Point) {
			names = append(names, e.Point)
		}
	}
	return names
}

func unmountOne(p *sim.Proc, o *options, name string) int {
	point := p.FS().Abs(name)
	for _, m := range p.Machine.Mounts() {
		if m.Source == name || sim.MountedFrom(m.Mount) == name || "/dev/"+name == m.Source {
			point = m.Point
		}
	}
	switch {
	case !isMounted(p, point) && exists(p, point):
		return errx(p, "%s: not a file system root directory", name)
	case !isMounted(p, point):
		return errx(p, "%s: unknown file system", name)
	case p.Cred.UID != 0 || p.Machine.JID() != 0:
		return errx(p, "unmount of %s failed: Operation not permitted", point)
	case !o.has("f") && worksBelow(p, point):
		return errx(p, "unmount of %s failed: Device busy", point)
	}
	if err := p.Machine.UnmountPoint(point); err != nil {
		return errx(p, "unmount of %s failed: %s", point, sim.ErrText(err))
	}
	if o.has("v") {
		p.Printf("%s: unmount from %s\n", name, point)
	}
	return 0
}

// worksBelow tells whether a process works in a file system.
func worksBelow(p *sim.Proc, point string) bool {
	return slices.ContainsFunc(p.Machine.Processes(), func(other *sim.Process) bool {
		return other.Dir == point || strings.HasPrefix(other.Dir, point+"/")
	})
}
