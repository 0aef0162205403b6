package portssim

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/portstree"
	"bsdrun/runtime/sim/state"
)

// options are those of a command line in getopt(3)'s way.
type options struct {
	values map[byte]string
	order  string // letters as they came
	args   []string
}

func (o options) has(letter byte) bool { return strings.IndexByte(o.order, letter) >= 0 }

// parse reads options; known lists them, a colon after those with a value.
func parse(p *sim.Proc, known, usage string) (o options, ok bool) {
	o.values = map[byte]string{}
	args := p.Args[1:]
	name := path.Base(p.Args[0])
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			break
		}
		for n := 1; n < len(arg); n++ {
			at := strings.IndexByte(known, arg[n])
			if at < 0 || arg[n] == ':' {
				p.Errorf("%s: illegal option -- %c\n%s", name, arg[n], usage)
				return o, false
			}
			o.order += string(arg[n])
			if at+1 == len(known) || known[at+1] != ':' {
				continue
			}
			value := arg[n+1:]
			if value == "" {
				if len(args) == 0 {
					p.Errorf("%s: option requires an argument -- %c\n%s", name, arg[n], usage)
					return o, false
				}
				value, args = args[0], args[1:]
			}
			o.values[arg[n]] = value
			break
		}
	}
	o.args = args
	return o, true
}

// pick are the installed packages that the operands mean: globs of name-version,
// with -x regular expressions, with -a all. What matches nothing is in missing.
func pick(list []*state.Package, o options) (found []*state.Package, missing []string, err error) {
	if o.has('a') || len(o.args) == 0 {
		return list, nil, nil
	}
	for _, pattern := range o.args {
		match := func(p *state.Package) bool {
			ok, _ := path.Match(strings.TrimSuffix(path.Base(pattern), "/"), full(p))
			return ok
		}
		if o.has('x') || o.has('X') {
			re, err := regexp.Compile(pattern)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: invalid regular expression", pattern)
			}
			match = func(p *state.Package) bool { return re.MatchString(full(p)) }
		}
		n := len(found)
		for _, p := range list {
			if match(p) && !slices.Contains(found, p) {
				found = append(found, p)
			}
		}
		if len(found) == n {
			missing = append(missing, pattern)
		}
	}
	return found, missing, nil
}

const infoUsage = "usage: pkg_info [-bcdDEfgGiIjkKLmopPqQrRsvVxX] [-e package] [-l prefix]\n                [-t template] -a | pkg-name ...\n       pkg_info [-qQ] -W filename\n       pkg_info [-qQ] -O origin\n       pkg_info\n"

func pkgInfo(p *sim.Proc) int {
	o, ok := parse(p, "abBcdDe:EfgGiIjkKl:LmoO:pPqQrRst:vVW:xX", infoUsage)
	if !ok {
		return 64
	}
	list := packages(p.Machine, true)
	switch {
	case o.has('e'):
		if find(list, o.values['e']) == nil {
			return 1
		}
		return 0
	case o.has('O'):
		return infoOrigin(p, list, o)
	case o.has('W'):
		return infoWhich(p, list, o)
	}
	found, missing, err := pick(list, o)
	if err != nil {
		p.Errorf("pkg_info: %v\n", err)
		return 1
	}
	if len(list) == 0 && len(o.args) == 0 {
		p.Errorf("pkg_info: no packages installed\n")
		return 0
	}
	if len(missing) > 0 && len(found) == 0 {
		if o.has('E') || o.has('x') {
			if !o.has('E') {
				p.Errorf("pkg_info: no packages match pattern(s)\n")
			}
			return 1
		}
		p.Errorf("pkg_info: can't find package '%s' installed or in a file!\n", missing[0])
		return 1
	}
	for _, pkg := range found {
		if code := infoOne(p, list, pkg, o); code != 0 {
			return code
		}
	}
	if len(missing) > 0 {
		return 1
	}
	return 0
}

func infoOrigin(p *sim.Proc, list []*state.Package, o options) int {
	if !o.has('q') {
		p.Printf("The following installed package(s) has %s origin:\n", o.values['O'])
	}
	for _, pkg := range list {
		if pkg.Origin == o.values['O'] {
			p.Printf("%s\n", full(pkg))
		}
	}
	return 0
}

func infoWhich(p *sim.Proc, list []*state.Package, o options) int {
	file := o.values['W']
	for _, pkg := range list {
		if !slices.Contains(pkg.Files, file) && !slices.Contains(p.Machine.PackageFiles(pkg.Name), file) {
			continue
		}
		if o.has('q') {
			p.Printf("%s\n", full(pkg))
		} else {
			p.Printf("%s was installed by package %s\n", file, full(pkg))
		}
	}
	return 0
}

// infoOne shows what was asked of a package, or its line of the list.
func infoOne(p *sim.Proc, list []*state.Package, pkg *state.Package, o options) int {
	section := func(title string, lines []string) {
		if !o.has('q') {
			p.Printf("%s:\n", title)
		}
		for _, line := range lines {
			p.Printf("%s\n", line)
		}
		if !o.has('q') {
			p.Printf("\n")
		}
	}
	names := func(packages []*state.Package) (out []string) {
		for _, other := range packages {
			out = append(out, full(other))
		}
		return out
	}
	asked := strings.Trim(o.order, "aqxXvI")
	switch {
	case o.has('E'):
		p.Printf("%s\n", full(pkg))
		return 0
	case o.has('q') && asked == "" || o.has('Q') && asked == "Q":
		p.Printf("%s\n", full(pkg))
		return 0
	case asked == "" && (o.has('I') || o.has('a') || len(o.args) == 0):
		p.Printf("%-19s %s\n", full(pkg), pkg.Comment)
		return 0
	case asked == "":
		asked = "cRd"
	}
	if !o.has('q') {
		p.Printf("Information for %s:\n\n", full(pkg))
	}
	for _, letter := range asked {
		switch letter {
		case 'c':
			section("Comment", []string{pkg.Comment})
		case 'd':
			section("Description", []string{pkg.Comment, "", "WWW: " + pkg.WWW})
		case 'o':
			section("Origin", []string{pkg.Origin})
		case 'L':
			section("Files", p.Machine.PackageFiles(pkg.Name))
		case 'r':
			var needs []string
			for _, name := range pkg.Deps {
				if dep := find(list, name); dep != nil {
					needs = append(needs, "Dependency: "+full(dep))
				}
			}
			section("Depends on", needs)
		case 'R':
			if by := names(requiredBy(list, pkg.Name)); len(by) > 0 || o.has('R') && strings.Contains(o.order, "R") {
				section("Required by", by)
			}
		case 's':
			section("Package Size", []string{fmt.Sprintf("%d\t(1K-blocks)", pkg.Size>>10)})
		case 'p':
			section("Prefix(s)", []string{"   CWD to /usr/local"})
		case 'Q':
		default:
			return p.Cannot("pkg_info -%c", letter)
		}
	}
	return 0
}

const versionUsage = "usage: pkg_version [-hIoqv] [-l limchar] [-L limchar] [[-X] -s string]\n                   [-O origin] [index]\n       pkg_version -t v1 v2\n       pkg_version -T name pattern\n"

func pkgVersion(p *sim.Proc) int {
	o, ok := parse(p, "hIl:L:oO:qs:tTvX", versionUsage)
	if !ok {
		return 64
	}
	switch {
	case o.has('t'):
		if len(o.args) != 2 {
			p.Errorf("%s", versionUsage)
			return 64
		}
		p.Printf("%s\n", portstree.VersionSign(o.args[0], o.args[1]))
		return 0
	case o.has('T') || o.has('O') || o.has('X'):
		return p.Cannot("pkg_version -T, -O or -X")
	}
	offered := packages(p.Machine, false)
	for _, pkg := range packages(p.Machine, true) {
		sign, note := "?", "orphaned: "+pkg.Origin
		if other := find(offered, pkg.Name); other != nil {
			sign = portstree.VersionSign(pkg.Version, other.Version)
			note = map[string]string{
				"=": "up-to-date with port", "<": "needs updating (port has " + other.Version + ")", ">": "succeeds port (port has " + other.Version + ")",
			}[sign]
		}
		if limit, set := o.values['l']; set && !strings.Contains(limit, sign) {
			continue
		}
		if limit, set := o.values['L']; set && strings.Contains(limit, sign) {
			continue
		}
		if only, set := o.values['s']; set && !strings.Contains(full(pkg), only) {
			continue
		}
		name := pkg.Name
		if o.has('o') {
			name = pkg.Origin
		} else if o.has('v') {
			name = full(pkg)
		}
		switch {
		case o.has('q'):
			p.Printf("%s\n", name)
		case o.has('v'):
			p.Printf("%-34s  %s   %s\n", name, sign, note)
		default:
			p.Printf("%-34s  %s\n", name, sign)
		}
	}
	return 0
}

const deleteUsage = "usage: pkg_delete [-dDfGinrvxX] [-p prefix] pkg-name ...\n       pkg_delete -a [flags]\n"

func pkgDelete(p *sim.Proc) int {
	o, ok := parse(p, "adDfGinp:rvxX", deleteUsage)
	if !ok {
		return 64
	}
	if len(o.args) == 0 && !o.has('a') {
		p.Errorf("pkg_delete: missing package name(s)\n%s", deleteUsage)
		return 64
	}
	if o.has('i') || o.has('p') {
		return p.Cannot("pkg_delete -i or -p")
	}
	found, missing, err := pick(packages(p.Machine, true), o)
	if err != nil {
		p.Errorf("pkg_delete: %v\n", err)
		return 1
	}
	for _, name := range missing {
		p.Errorf("pkg_delete: no such package '%s' installed\n", name)
	}
	if len(missing) > 0 {
		return 1
	}
	if p.Cred.UID != 0 {
		p.Errorf("pkg_delete: you do not own this file: only root may delete packages\n")
		return 1
	}
	code := 0
	for len(found) > 0 { // what others need goes after them
		n := max(slices.IndexFunc(found, func(pkg *state.Package) bool { return len(requiredBy(found, pkg.Name)) == 0 }), 0)
		pkg := found[n]
		found = slices.Delete(found, n, n+1)
		if by := requiredBy(packages(p.Machine, true), pkg.Name); len(by) > 0 {
			p.Errorf("pkg_delete: package '%s' is required by these other packages\nand may not be deinstalled%s:\n", full(pkg), map[bool]string{true: " (but I'll delete it anyway)"}[o.has('f')])
			for _, other := range by {
				p.Errorf("%s\n", full(other))
			}
			if !o.has('f') {
				code = 1
				continue
			}
		}
		if o.has('n') {
			continue
		}
		if err := unplace(p, pkg); err != nil {
			p.Errorf("pkg_delete: %s\n", sim.ErrText(err))
			return 1
		}
	}
	return code
}

const addUsage = "usage: pkg_add [-viInfFrRMSK] [-t template] [-p prefix] [-P prefix] [-C chrootdir]\n               pkg-name ...\n"

// pkgAdd installs packages: by name from the release's own directory (-r), which
// is there as long as the release is supported.
func pkgAdd(p *sim.Proc) int {
	o, ok := parse(p, "C:fFhiIKMnp:P:rRSt:v", addUsage)
	if !ok {
		return 64
	}
	if len(o.args) == 0 {
		p.Errorf("pkg_add: missing package name(s)\n%s", addUsage)
		return 64
	}
	if !o.has('r') {
		return p.Cannot("pkg_add of a file")
	}
	release, _ := sim.FindRelease(p.Machine.UserlandRelease(""))
	code := 0
	for _, name := range o.args {
		if !add(p, o, release, name) {
			code = 1
		}
	}
	return code
}

func add(p *sim.Proc, o options, release sim.Release, name string) bool {
	const host = "ftp.freebsd.org"
	url := fmt.Sprintf("ftp://%s/pub/FreeBSD/ports/amd64/packages-%s/Latest/%s.tbz", host, strings.ToLower(release.Name), name)
	pkg := find(packages(p.Machine, false), name)
	gone := p.Now().After(release.EOL)
	unreachable := p.Machine.Network().Reachable("ftp://"+host) != nil
	if pkg == nil || gone || unreachable {
		why := "File unavailable (e.g., file not found, no access)"
		if unreachable {
			why = "Host not found"
		}
		p.Errorf("Error: Unable to get %s: %s\npkg_add: unable to fetch '%s' by URL\n", url, why, url)
		return false
	}
	if have := find(packages(p.Machine, true), pkg.Name); have != nil && !o.has('f') {
		p.Errorf("Fetching %s... Done.\npkg_add: package '%s' or its older version already installed\n", url, full(pkg))
		return false
	}
	if p.Cred.UID != 0 {
		p.Errorf("Fetching %s... Done.\npkg_add: unable to create '%s': Permission denied\n", url, dbDir)
		return false
	}
	for _, dep := range pkg.Deps {
		if find(packages(p.Machine, true), dep) == nil && !add(p, o, release, dep) {
			return false
		}
	}
	p.Errorf("Fetching %s... Done.\n", url)
	if o.has('n') {
		return true
	}
	if err := place(p, pkg, false); err != nil {
		p.Errorf("pkg_add: %s\n", sim.ErrText(err))
		return false
	}
	return true
}
