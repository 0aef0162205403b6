package portssim

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/portstree"
	"bsdrun/runtime/sim/state"
)

const portmasterUsage = "Usage:\n\tCommon flags: [-Gm] [-BCDHKtvw [-b]] [-d] [-x <pattern>...]\n\tportmaster [Common flags] [-P|-PP] [-afr] [-o <new origin>] [-y] <ports>\n\tportmaster [-l|-L] | [-s] | [-h] | [--version]\n"

// portmasterHelp is what --help tells beyond the usage.
const portmasterHelp = "\n-G no 'make config'\n-D keep distfiles\n--no-confirm do not ask before the list is worked on\n--no-term-title leave the terminal's title alone\n-P packages where there are some\n-PP packages only\n"

// run is one run of portmaster.
type run struct {
	*sim.Proc
	options
	long    map[string]bool
	answers *bufio.Reader
	done    []string // what was done, in its words
}

// longOptions are those that are modelled, or change nothing that is.
var longOptions = []string{
	"no-confirm", "no-term-title", "force-config", "delete-build-only", "delete-packages", "packages", "packages-only", "packages-build",
	"packages-if-newer", "always-fetch", "update-if-newer", "version", "help", "list-origins", "check-depends", "clean-distfiles", "clean-packages",
	"index", "index-first", "index-only", "notify",
}

func portmaster(p *sim.Proc) int {
	r := &run{Proc: p, long: map[string]bool{}, answers: bufio.NewReader(p.Stdin)}
	short := []string{p.Args[0]}
	for _, arg := range p.Args[1:] {
		name, isLong := strings.CutPrefix(arg, "--")
		if !isLong {
			short = append(short, arg)
			continue
		}
		if !slices.Contains(longOptions, name) {
			p.Errorf("\n===>>> Unknown option: %s\n\n%s", arg, portmasterUsage)
			return 1
		}
		r.long[name] = true
	}
	q := *p
	q.Args = short
	o, ok := parse(&q, "aBbCDdefFGgHhiKLlm:nop:Pqr:R:stvwx:y", portmasterUsage)
	if !ok {
		return 1
	}
	r.options = o
	switch {
	case r.long["version"]:
		pkg := find(packages(p.Machine, true), "portmaster")
		p.Printf("\n===>>> Version %s\n", pkg.Version)
		return 0
	case r.has('h') || r.long["help"]:
		p.Printf("%s%s", portmasterUsage, portmasterHelp)
		return 0
	case r.has('l') || r.has('L'):
		return r.list()
	case r.long["list-origins"]:
		for _, pkg := range packages(p.Machine, true) {
			p.Printf("%s\n", pkg.Origin)
		}
		return 0
	case r.long["check-depends"], r.long["clean-distfiles"], r.long["clean-packages"]:
		p.Printf("===>>> Done\n")
		return 0
	}
	for _, letter := range []byte("eFmops") {
		if r.has(letter) {
			return p.Cannot("portmaster -%c", letter)
		}
	}
	if p.Cred.UID != 0 {
		p.Errorf("\n===>>> You must be root, or able to use sudo (PM_SU_CMD), to install ports\n\n")
		return 1
	}
	if _, err := p.FS().Stat(portsDir); err != nil {
		p.Errorf("\n===>>> The value of PORTSDIR cannot be empty\n\n")
		return 1
	}
	return r.update()
}

// list is portmaster -l and -L: packages by how others depend on them.
func (r *run) list() int {
	all, offered := packages(r.Machine, true), packages(r.Machine, false)
	groups := []struct {
		title string
		roots bool // nothing needs them
		leafs bool // they need nothing
	}{{"Root ports (No dependencies, not depended on)", true, true}, {"Trunk ports (No dependencies, are depended on)", false, true},
		{"Branch ports (Have dependencies, are depended on)", false, false}, {"Leaf ports (Have dependencies, not depended on)", true, false}}
	old := 0
	for _, g := range groups {
		r.Printf("===>>> %s\n", g.title)
		n := 0
		for _, pkg := range all {
			if (len(requiredBy(all, pkg.Name)) == 0) != g.roots || (len(pkg.Deps) == 0) != g.leafs {
				continue
			}
			n++
			r.Printf("===>>> %s\n", full(pkg))
			if other := find(offered, pkg.Name); r.has('L') && other != nil && portstree.CompareVersions(other.Version, pkg.Version) > 0 {
				r.Printf("\t===>>> New version available: %s\n", full(other))
				old++
			}
		}
		r.Printf("===>>> %d %s\n\n", n, strings.ToLower(strings.SplitN(g.title, " (", 2)[0]))
	}
	r.Printf("===>>> %d total installed ports\n", len(all))
	if r.has('L') {
		r.Printf("\t===>>> %d have new versions available\n", old)
	}
	return 0
}

// job is a port to be made anew.
type job struct{ old, port *state.Package }

func (j job) String() string {
	switch {
	case j.old == nil:
		return "Install " + j.port.Origin
	case portstree.CompareVersions(j.port.Version, j.old.Version) > 0:
		return fmt.Sprintf("Upgrade %s to %s", full(j.old), full(j.port))
	}
	return "Re-install " + full(j.old)
}

func (r *run) update() int {
	if r.has('a') {
		r.Printf("===>>> Gathering distinfo list for installed ports\n\n===>>> Starting check of installed ports for available updates\n")
	}
	jobs, code := r.plan()
	if code != 0 {
		return code
	}
	if len(jobs) == 0 {
		r.Printf("\n===>>> All ports are up to date\n\n")
		return 0
	}
	r.Printf("\n===>>> The following actions will be taken if you choose to proceed:\n")
	for _, j := range jobs {
		r.Printf("\t%s\n", j)
	}
	if r.has('n') {
		r.Printf("\n===>>> Build canceled at user request (-n)\n\n")
		return 0
	}
	if !r.proceed() {
		r.Printf("\n===>>> If you would like to upgrade or install some, but not all of the above\n       try adding '-i' to the command line.\n\n")
		return 1
	}
	for _, j := range jobs {
		if code := r.carryOut(j); code != 0 {
			return code
		}
	}
	r.Printf("\n===>>> The following actions were performed:\n")
	for _, text := range r.done {
		r.Printf("\t%s\n", text)
	}
	r.Printf("\n")
	return 0
}

// plan finds what is to be made, what it needs first.
func (r *run) plan() (jobs []job, code int) {
	installed, offered := packages(r.Machine, true), packages(r.Machine, false)
	var wanted []*state.Package
	if r.has('a') {
		wanted = installed
	}
	names := slices.Clone(r.args)
	if dependents := r.values['r']; dependents != "" {
		names = append(names, dependents)
	}
	if deep := r.values['R']; deep != "" {
		names = append(names, deep)
	}
	for _, name := range names {
		pkg := find(installed, name)
		if pkg == nil {
			pkg = find(offered, name)
		}
		if pkg == nil {
			r.Errorf("\n===>>> Cannot continue: no installed port or directory %s/%s\n===>>> Aborting update\n\n", portsDir, name)
			return nil, 1
		}
		wanted = append(wanted, pkg)
		if name == r.values['r'] {
			wanted = append(wanted, requiredBy(installed, pkg.Name)...)
		}
	}
	if len(wanted) == 0 && !r.has('a') {
		r.Errorf("\n===>>> No port given\n\n%s", portmasterUsage)
		return nil, 1
	}
	planned := map[string]bool{}
	var addJob func(pkg *state.Package, asked bool) bool
	addJob = func(pkg *state.Package, asked bool) bool {
		old, port := find(installed, pkg.Name), find(offered, pkg.Name)
		if planned[pkg.Name] || r.values['x'] != "" && strings.Contains(pkg.Name, r.values['x']) {
			return true
		}
		if port == nil {
			r.Errorf("\n\t===>>> No %s/%s exists\n\t===>>> Aborting update\n\n", portsDir, pkg.Origin)
			return false
		}
		planned[pkg.Name] = true
		for _, name := range port.Deps {
			if dep := find(offered, name); dep != nil && !addJob(dep, false) {
				return false
			}
		}
		newer := old != nil && portstree.CompareVersions(port.Version, old.Version) > 0
		named := asked && !r.has('a')
		if old == nil || newer || r.has('f') || named {
			jobs = append(jobs, job{old, port})
		}
		return true
	}
	for _, pkg := range wanted {
		if !addJob(pkg, true) {
			return nil, 1
		}
	}
	return jobs, 0
}

// proceed asks; no answer is a yes, as its default is.
func (r *run) proceed() bool {
	if r.long["no-confirm"] {
		return true
	}
	r.Printf("\n===>>> Proceed? y/n [y] ")
	if r.has('y') {
		r.Printf("\n")
		return true
	}
	line, err := r.answers.ReadString('\n')
	r.Printf("\n")
	if err != nil && err != io.EOF {
		return false
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "" || answer == "y" || answer == "yes"
}

// packaged tells whether a package of a port can be had instead of a build: as
// long as the release is supported.
func (r *run) packaged() bool {
	release, _ := sim.FindRelease(r.Machine.UserlandRelease(""))
	return r.Now().Before(release.EOL) && r.Machine.Network().Reachable("ftp://ftp.freebsd.org") == nil
}

func (r *run) carryOut(j job) int {
	abort := func(format string, args ...any) int {
		r.Printf("\n===>>> "+format+"\n===>>> Aborting update\n\n", args...)
		if len(r.done) > 0 {
			r.Printf("===>>> The following actions were performed:\n")
			for _, text := range r.done {
				r.Printf("\t%s\n", text)
			}
		}
		r.Printf("\n===>>> You can restart from the point of failure with this command line:\n       portmaster <flags> %s\n\n", j.port.Origin)
		return 1
	}
	only := r.long["packages-only"] || strings.Count(r.order, "P") > 1
	if only || r.has('P') || r.long["packages"] {
		r.Printf("\n===>>> Checking package repository for latest available version\n")
		switch {
		case r.packaged() && !fails(r.Machine, j.port.Origin):
			r.Printf("===>>> Installing package\n")
			if r.Sleep(5*time.Second) != nil {
				return 1
			}
			if err := place(r.Proc, j.port, j.old != nil && j.old.Automatic); err != nil {
				return abort("Installation of %s failed: %s", full(j.port), sim.ErrText(err))
			}
			return r.finished(j)
		case only:
			return abort("There is no valid package to install for %s", j.port.Origin)
		}
		r.Printf("===>>> No package available, building the port\n")
	}
	r.Printf("\n===>>> Starting build for %s <<<===\n\n", j.port.Origin)
	if !build(r.Proc, j.port, j.old != nil && j.old.Automatic) {
		return abort("make build failed for %s", j.port.Origin)
	}
	return r.finished(j)
}

func (r *run) finished(j job) int {
	text := ""
	switch {
	case j.old == nil:
		text = fmt.Sprintf("Installation of %s (%s)", j.port.Origin, full(j.port))
	case portstree.CompareVersions(j.port.Version, j.old.Version) > 0:
		text = fmt.Sprintf("Upgrade of %s to %s", full(j.old), full(j.port))
	default:
		text = "Re-installation of " + full(j.port)
	}
	r.Printf("\n===>>> %s succeeded\n", text)
	r.done = append(r.done, text)
	return 0
}
