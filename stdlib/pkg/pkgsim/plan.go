package pkgsim

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"bsdrun/runtime/sim/portstree"
	"bsdrun/runtime/sim/state"
)

func newer(a, b string) bool { return portstree.CompareVersions(a, b) > 0 }

// step is one thing to be done.
type step struct {
	action   string // install, upgrade, downgrade, reinstall, remove
	pkg, old *state.Package
}

// plan is what pkg is about to do.
type plan struct{ steps []step }

// installed is a copy of the database.
func (i *invocation) installed() map[string]*state.Package {
	s := i.Machine.State()
	s.Lock()
	out := map[string]*state.Package{}
	for name, p := range s.Packages.Installed {
		c := *p
		out[name] = &c
	}
	s.Unlock()
	for name, p := range out {
		switch {
		case ofBase(p):
			p.Files = baseFiles(i.Machine, name)
		case len(p.Files) == 0: // there from the beginning
			p.Files = i.Machine.PackageFiles(name)
		}
	}
	return out
}

// select finds the packages a pattern means: name, name-version or origin.
func (i *invocation) pick(from map[string]*state.Package, pattern string) []*state.Package {
	var list []*state.Package
	for _, name := range slices.Sorted(keysOf(from)) {
		if p := from[name]; i.matches(p, pattern) {
			list = append(list, p)
		}
	}
	return list
}

func (i *invocation) matches(p *state.Package, pattern string) bool {
	full := p.Name + "-" + p.Version
	switch i.match {
	case 'a':
		return true
	case 'g':
		for _, s := range []string{p.Name, full, p.Origin} {
			if ok, _ := path.Match(strings.ToLower(pattern), strings.ToLower(s)); ok {
				return true
			}
		}
		return false
	case 'x':
		re, err := regexp.Compile("(?i)" + pattern)
		return err == nil && (re.MatchString(full) || re.MatchString(p.Origin))
	default:
		return pattern == p.Name || pattern == full || pattern == p.Origin && p.Origin != ""
	}
}

// add plans a package with all it needs, dependencies first.
func (pl *plan) add(p *state.Package, offered, have map[string]*state.Package, force, automatic bool, abi string) error {
	if slices.ContainsFunc(pl.steps, func(s step) bool { return s.pkg.Name == p.Name }) {
		return nil
	}
	old := have[p.Name]
	action := "install"
	switch {
	case old == nil:
	case newer(p.Version, old.Version):
		action = "upgrade"
	case newer(old.Version, p.Version):
		if !force {
			return nil
		}
		action = "downgrade"
	case force || old.ABI != "" && old.ABI != abi:
		action = "reinstall"
	default:
		return nil
	}
	c := *p
	c.Automatic, c.ABI = automatic, abi
	if old != nil {
		c.Automatic, c.Locked = old.Automatic, old.Locked
	}
	at := len(pl.steps)
	pl.steps = append(pl.steps, step{action, &c, old})
	for _, name := range p.Deps {
		if have[name] != nil && !force {
			continue
		}
		dep := offered[name]
		if dep == nil {
			return fmt.Errorf("%s has a missing dependency: %s", p.Name, name)
		}
		if have[name] == nil {
			if err := pl.add(dep, offered, have, false, true, abi); err != nil {
				return err
			}
		}
	}
	// What it needs is installed before it.
	own := pl.steps[at]
	pl.steps = append(slices.Delete(pl.steps, at, at+1), own)
	return nil
}

var headings = []struct{ action, text, count string }{
	{"locked", "Installed packages LOCKED", ""},
	{"remove", "Installed packages to be REMOVED", "removed"},
	{"install", "New packages to be INSTALLED", "installed"},
	{"upgrade", "Installed packages to be UPGRADED", "upgraded"},
	{"downgrade", "Installed packages to be DOWNGRADED", "downgraded"},
	{"reinstall", "Installed packages to be REINSTALLED", "reinstalled"},
}

// summary prints what is about to be done.
func (i *invocation) summary(pl plan, head string) {
	i.Printf("%s\n", head)
	counts := ""
	for _, h := range headings {
		n := 0
		for _, s := range pl.sorted() {
			if s.action != h.action {
				continue
			}
			if n++; n == 1 {
				i.Printf("%s:\n", h.text)
			}
			i.item(s)
		}
		if n > 0 {
			i.Printf("\n")
			if h.count != "" {
				counts += fmt.Sprintf("Number of packages to be %s: %d\n", h.count, n)
			}
		}
	}
	i.Printf("%s", counts)
	space, load := pl.sizes()
	switch {
	case space > 0:
		i.Printf("\nThe process will require %s more space.\n", humanize(space))
	case space < 0:
		i.Printf("\nThe operation will free %s.\n", humanize(-space))
	}
	if load > 0 {
		i.Printf("%s to be downloaded.\n", humanize(load))
	}
}

func (i *invocation) item(s step) {
	repo := ""
	if len(repositoriesOf(i.Proc)) > 1 && s.pkg.Repository != "" {
		repo = " [" + s.pkg.Repository + "]"
	}
	switch s.action {
	case "locked":
		i.Printf("\tPackage %s-%s is locked and may not be upgraded to version %s\n", s.old.Name, s.old.Version, s.pkg.Version)
	case "upgrade", "downgrade":
		i.Printf("\t%s: %s -> %s%s\n", s.pkg.Name, s.old.Version, s.pkg.Version, repo)
	case "reinstall":
		i.Printf("\t%s-%s%s%s\n", s.pkg.Name, s.pkg.Version, repo, s.why())
	case "install":
		i.Printf("\t%s: %s%s\n", s.pkg.Name, s.pkg.Version, repo)
	default:
		i.Printf("\t%s: %s\n", s.pkg.Name, s.pkg.Version)
	}
}

// why is the reason for installing the same version again.
func (s step) why() string {
	if s.old == nil || s.old.ABI == "" || s.old.ABI == s.pkg.ABI {
		return ""
	}
	return fmt.Sprintf(" (ABI changed: '%s' -> '%s')", s.old.ABI, s.pkg.ABI)
}

func (pl plan) sorted() []step {
	list := slices.Clone(pl.steps)
	slices.SortFunc(list, func(a, b step) int { return strings.Compare(a.pkg.Name, b.pkg.Name) })
	return list
}

// sizes are the space needed (negative: freed) and the bytes to fetch.
func (pl plan) sizes() (space, load int64) {
	for _, s := range pl.steps {
		switch s.action {
		case "locked":
			continue
		case "remove":
			space -= s.pkg.Size
			continue
		}
		space += s.pkg.Size
		load += packed(s.pkg)
		if s.old != nil {
			space -= s.old.Size
		}
	}
	return space, load
}

// packed is about the size of a package's archive.
func packed(p *state.Package) int64 { return p.Size / 5 }

// humanize is humanize_number(3) with IEC units, as pkg uses it.
func humanize(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	u := 0
	for ; n >= 1024 && u < len(units)-1; u++ {
		n = (n + 512) / 1024
	}
	return fmt.Sprintf("%d %s", n, units[u])
}
