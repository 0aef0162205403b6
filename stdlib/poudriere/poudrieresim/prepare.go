package poudrieresim

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"bsdrun/runtime/sim/portstree"
	"bsdrun/runtime/sim/state"
)

// tree is the ports tree with the make.conf and options that a build would have.
func (c *command) tree(f bulkFlags) *portstree.Tree {
	d := c.poudriered()
	t := &portstree.Tree{FS: c.fs, Root: c.stateGet("ports", f.tree, "mnt")}
	prefixes := c.prefixes(f.jail, f.tree, f.set)
	for _, p := range prefixes {
		if text := c.read(path.Join(d, p+"make.conf")); text != "" {
			t.MakeConf += text + "\n"
		}
	}
	if f.tryBroken {
		t.MakeConf += "TRYBROKEN=yes\n"
	}
	t.Options = func(name string) string {
		for i := len(prefixes) - 1; i >= 0; i-- { // the most special directory alone counts
			if dir := path.Join(d, prefixes[i]+"options"); c.isDir(dir) {
				return c.read(path.Join(dir, name, "options"))
			}
		}
		return ""
	}
	return t
}

// prefixes of the per-jail, per-tree and per-set files, the most special last
// (CUSTOMISATION in poudriere(8)).
func (c *command) prefixes(jail, tree, set string) []string {
	out := []string{""}
	if set != "" {
		out = append(out, set+"-")
	}
	out = append(out, tree+"-", jail+"-", jail+"-"+tree+"-")
	if set != "" {
		out = append(out, tree+"-"+set+"-", jail+"-"+set+"-", jail+"-"+tree+"-"+set+"-")
	}
	return out
}

// blacklist lists the origins that aren't to be built.
func (c *command) blacklist(f bulkFlags) []string {
	var out []string
	for _, p := range c.prefixes(f.jail, f.tree, f.set) {
		for _, line := range strings.Split(c.read(path.Join(c.poudriered(), p+"blacklist")), "\n") {
			line, _, _ = strings.Cut(line, "#")
			out = append(out, strings.Fields(line)...)
		}
	}
	return out
}

// jailMessages are what starting a jail prints.
func (c *command) jailMessages(master, tree, jail string) error {
	c.msgN("Creating the reference jail...")
	if err := c.pause(2 * time.Second); err != nil {
		return err
	}
	c.done()
	mnt := path.Join(c.data(), ".m", master, "ref")
	c.msg("Mounting system devices for %s", master)
	c.msg("Mounting ports from: %s", c.stateGet("ports", tree, "mnt"))
	c.msg("Mounting packages from: %s", path.Join(c.data(), "packages", master))
	if d := c.conf["DISTFILES_CACHE"]; d != "" {
		c.msg("Mounting distfiles from: %s", d)
	}
	for _, p := range c.prefixes(jail, tree, "") {
		if file := path.Join(c.poudriered(), p+"make.conf"); c.exists(file) {
			c.msg("Appending to make.conf: %s", file)
		}
	}
	if r := c.conf["RESOLV_CONF"]; r != "" {
		c.p.Printf("%s -> %s/etc/resolv.conf\n", r, mnt)
	}
	if c.newerJail(jail) {
		c.warn("!!! Jail is newer than host. (Jail: %s, Host: %s)", c.osversion(c.jget(jail, "mnt")), c.hostOSVersion())
		c.warn("This is not supported.")
		c.warn("Host kernel must be same or newer than jail.")
		c.warn("Expect build failures.")
	}
	c.msg("Starting jail %s", master)
	c.stopJails(master)
	c.p.Machine.State().StartJail(state.Jail{Name: jailOf(master), Hostname: jailOf(master), Path: mnt, IP4: []string{"127.0.0.1"}})
	return nil
}

// jailOf is the name under which jls(8) lists the jail of a build.
func jailOf(master string) string { return strings.ReplaceAll(master, ".", "_") }

func (c *command) stopJails(master string) {
	c.p.Machine.State().StopJails(func(j state.Jail) bool { return j.Name == jailOf(master) })
}

func (c *command) hostOSVersion() string {
	state := c.p.Machine.State()
	state.Lock()
	defer state.Unlock()
	return fmt.Sprint(state.Release.OSRelDate)
}

// newerJail tells whether the jail's system is newer than the host's kernel.
func (c *command) newerJail(jail string) bool {
	v := c.osversion(c.jget(jail, "mnt"))
	return v != "" && portstree.CompareVersions(v, c.hostOSVersion()) > 0
}

// logs is the build's folder.
func (b *building) logs() string {
	return path.Join(b.command.data(), "logs", "bulk", b.r.Master, b.r.Build)
}

// prepare starts the jail, works out what is to be built and throws away packages
// that are out of date. over tells that nothing more is to be done.
func (b *building) prepare() (over bool, err error) {
	r := b.r
	r.Stage, r.Items = "preparing", map[string]*item{}
	b.hook("bulk", "start")
	if err := b.jailMessages(r.Master, r.Tree, r.Jail); err != nil {
		return false, err
	}
	if err := b.openLogs(); err != nil {
		return false, err
	}
	if err := b.openRepo(); err != nil {
		return false, err
	}
	b.status("load_priorities:")
	b.msg("Logs: %s", b.logs())
	b.web()
	b.msg("Loading MOVED for %s/usr/ports", path.Join(b.data(), ".m", r.Master, "ref"))
	b.msg("Ports supports: FLAVORS SUBPACKAGES SELECTED_OPTIONS")
	b.msg("Inspecting ports dependencies..")
	b.status("computing_deps:")
	if err := b.gather(); err != nil {
		return false, err
	}
	if err := b.pause(time.Duration(2+len(r.Items)/40) * time.Second); err != nil {
		return false, err
	}
	b.msg("Calculating ports order and dependencies")
	b.status("sanity:")
	if err := b.clean(); err != nil {
		return false, err
	}
	if err := b.stale(); err != nil {
		return false, err
	}
	b.msgN("Deleting stale symlinks...")
	b.done()
	b.msgN("Deleting empty directories...")
	b.done()
	b.msg("Unqueueing existing packages")
	b.msg("Unqueueing orphaned build dependencies")
	b.queue()
	b.status("pkgqueue_sanity_check:")
	b.msg("Sanity checking build queue")
	b.msg("Processing PRIORITY_BOOST")
	b.msg("Balancing pool")
	b.announceIgnored()
	if b.f.dry {
		return true, b.dryRun()
	}
	b.msgN("Recording filesystem state for prepkg...")
	b.done()
	return false, b.startBuilders()
}

func (b *building) web() {
	if u := b.conf["URL_BASE"]; u != "" {
		b.msg("WWW: %s/build.html?mastername=%s&build=%s", strings.TrimSuffix(u, "/"), b.r.Master, b.r.Build)
	}
}

// listedPorts are the origins asked for with all their flavours resolved; MOVED
// renames what went elsewhere.
func (b *building) listedPorts(t *portstree.Tree) ([]*portstree.Port, bool) {
	moved := map[string]portstree.Moved{}
	for _, m := range t.Moved() {
		moved[m.From] = m
	}
	ok := true
	var out []*portstree.Port
	for _, spec := range b.listed {
		origin, flavor := portstree.SplitSpec(spec)
		for range 5 {
			m, renamed := moved[origin]
			if t.Exists(origin) || !renamed || m.To == "" {
				break
			}
			b.warn("MOVED: %s renamed to %s", origin, m.To)
			origin = m.To
		}
		if !t.Exists(origin) {
			if m := moved[origin]; m.From != "" && m.To == "" {
				b.fail("%s has been removed: %s", origin, m.Why)
			} else {
				b.fail("Nonexistent origin listed: %s", spec)
			}
			ok = false
			continue
		}
		flavors := []string{flavor}
		if flavor == "all" || flavor == "" && b.f.all {
			p, err := t.Port(origin, "")
			if err == nil && len(p.Flavors) > 0 {
				flavors = p.Flavors
			} else {
				flavors = []string{""}
			}
		}
		for _, fl := range flavors {
			p, err := t.Port(origin, fl)
			if err != nil {
				b.fail("%s: %v", spec, err)
				ok = false
				continue
			}
			if fl != "" && !slices.Contains(p.Flavors, fl) {
				b.fail("Invalid FLAVOR '%s' for %s", fl, origin)
				ok = false
				continue
			}
			out = append(out, p)
		}
	}
	return out, ok
}

const pkgOrigin = "ports-mgmt/pkg"

// gather reads the metadata of every port that the build may need.
func (b *building) gather() error {
	b.msg("Gathering ports metadata")
	t := b.tree(b.f)
	listed, ok := b.listedPorts(t)
	g := gathering{b: b, t: t, bySpec: map[string]string{}, blacklist: b.blacklist(b.f), ok: ok}
	for _, p := range listed {
		g.visit(p, "listed")
	}
	if g.ok && len(listed) > 0 {
		if p, err := t.Port(pkgOrigin, ""); err == nil {
			g.visit(p, "pkg")
		} else {
			b.fail("%s: the ports tree lacks the package manager", pkgOrigin)
			g.ok = false
		}
	}
	if loop := b.loop(); loop != "" {
		b.fail("Dependency loop detected: %s", loop)
		g.ok = false
	}
	if !g.ok {
		return errf(1, "Fatal errors encountered gathering initial ports metadata")
	}
	return nil
}

// gathering is the walk over dependencies.
type gathering struct {
	b         *building
	t         *portstree.Tree
	bySpec    map[string]string // to package names
	blacklist []string
	ok        bool
}

func (g *gathering) visit(p *portstree.Port, reason string) string {
	if name, seen := g.bySpec[p.Spec()]; seen {
		if reason == "listed" {
			g.b.r.Items[name].Reason = reason
		}
		return name
	}
	name := p.PkgName()
	g.bySpec[p.Spec()] = name
	if other := g.b.r.Items[name]; other != nil {
		g.b.fail("Duplicated origin for %s: %s AND %s. Rerun with -v to see which ports are depending on these.", name, p.Spec(), other.spec())
		g.ok = false
		return name
	}
	i := &item{
		Origin: p.Origin, Flavor: p.Flavor, Package: name, Base: p.Base, Version: p.Version, Reason: reason, Options: p.Selected(),
		Comment: p.Comment, Maintainer: p.Maintainer, WWW: p.WWW, License: p.License, Categories: p.Categories, NoArch: p.NoArch, State: "queued",
	}
	g.b.r.Items[name] = i
	if slices.Contains(g.blacklist, p.Origin) || slices.Contains(g.blacklist, p.Spec()) {
		i.State, i.Ignored = "ignored", "Blacklisted"
		return name
	}
	if p.Ignore != "" {
		i.State, i.Ignored = "ignored", p.Ignore
		return name
	}
	if p.Base == "" || p.Version == "" {
		g.b.fail("%s: PORTNAME or version is missing", p.Spec())
		g.ok = false
		return name
	}
	g.dependencies(p, i)
	return name
}

func (g *gathering) dependencies(p *portstree.Port, i *item) {
	for _, d := range p.Deps {
		dep, err := g.t.Port(d.Origin, d.Flavor)
		if err != nil {
			g.b.fail("%s depends on nonexistent origin '%s'; Please contact maintainer of the port to fix this.", p.Spec(), d.Spec())
			g.ok = false
			continue
		}
		if dep.Spec() == p.Spec() {
			continue
		}
		name := g.visit(dep, p.Spec())
		if !slices.Contains(i.Needs, name) {
			i.Needs = append(i.Needs, name)
		}
		if (d.Kind == portstree.Run || d.Kind == portstree.Lib) && !slices.Contains(i.Runtime, name) {
			i.Runtime = append(i.Runtime, name)
		}
	}
	slices.Sort(i.Needs)
	slices.Sort(i.Runtime)
}

// loop finds ports that need each other.
func (b *building) loop() string {
	const visiting, visited = 1, 2
	state := map[string]int{}
	var stack []string
	var walk func(name string) string
	walk = func(name string) string {
		state[name] = visiting
		stack = append(stack, name)
		for _, need := range b.r.Items[name].Needs {
			switch state[need] {
			case visiting:
				at := slices.Index(stack, need)
				return strings.Join(stack[at:], " ")
			case 0:
				if l := walk(need); l != "" {
					return l
				}
			}
		}
		stack = stack[:len(stack)-1]
		state[name] = visited
		return ""
	}
	for _, name := range b.names() {
		if state[name] == 0 {
			if l := walk(name); l != "" {
				return l
			}
		}
	}
	return ""
}

// names lists all package names, sorted.
func (b *building) names() []string {
	var out []string
	for name := range b.r.Items {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// clean is -c and -C.
func (b *building) clean() error {
	if b.f.clean {
		b.msgN("(-c): Cleaning all packages...")
		if err := b.fs.RemoveAll(path.Join(b.r.Packages, "All")); err != nil {
			return err
		}
		if err := b.fs.MkdirAll(path.Join(b.r.Packages, "All"), 0o755); err != nil {
			return err
		}
		b.done()
		return nil
	}
	if !b.f.cleanListed {
		return nil
	}
	b.msg("(-C): Cleaning specified packages to build")
	for _, name := range b.names() {
		i := b.r.Items[name]
		for _, m := range b.installedBase(i) {
			if i.Reason == "listed" {
				b.msg("(-C) Deleting existing package: %s", m.file)
				if err := b.remove(m); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// queue decides what is built: ports without a package that somebody wants. What
// is there already counts as inspected.
func (b *building) queue() {
	have := map[string]bool{}
	for _, m := range b.packages() {
		have[m.Name+"-"+m.Version] = true
	}
	wanted := map[string]bool{}
	var want func(name string)
	want = func(name string) {
		if wanted[name] {
			return
		}
		wanted[name] = true
		i := b.r.Items[name]
		needs := i.Needs
		if have[name] {
			needs = i.Runtime
		}
		for _, n := range needs {
			want(n)
		}
	}
	building := false
	for _, name := range b.names() {
		if b.r.Items[name].Reason == "listed" {
			want(name)
		}
	}
	for name := range wanted {
		building = building || !have[name] && b.r.Items[name].State == "queued"
	}
	for _, name := range b.names() {
		i := b.r.Items[name]
		isPkg := i.Origin == pkgOrigin
		switch {
		case i.State == "ignored":
		case isPkg && building && !have[name]:
		case !wanted[name] || have[name]:
			i.State = "inspected"
		}
	}
	for _, name := range b.names() { // ports that lead to an ignored one
		if i := b.r.Items[name]; i.State == "ignored" {
			b.skip(name)
		}
	}
	b.order()
}

// dependants maps each package to those that need it, sorted.
func (b *building) dependants() map[string][]string {
	out := map[string][]string{}
	for _, name := range b.names() {
		for _, need := range b.r.Items[name].Needs {
			out[need] = append(out[need], name)
		}
	}
	return out
}

// skip marks everything that needs a port as skipped, and tells whom it marked.
func (b *building) skip(because string) []*item {
	needed := b.dependants()
	var out []*item
	var mark func(name string)
	mark = func(name string) {
		for _, other := range needed[name] {
			if i := b.r.Items[other]; i.State == "queued" {
				i.State, i.Because = "skipped", because
				out = append(out, i)
				mark(other)
			}
		}
	}
	mark(because)
	return out
}

// order sorts the queue: what more ports wait for goes first.
func (b *building) order() {
	needed := b.dependants()
	waiting := map[string]int{}
	var count func(name string, seen map[string]bool)
	count = func(name string, seen map[string]bool) {
		for _, other := range needed[name] {
			if !seen[other] && b.r.Items[other].State == "queued" {
				seen[other] = true
				count(other, seen)
			}
		}
	}
	b.r.Order = nil
	for _, name := range b.names() {
		if b.r.Items[name].State != "queued" {
			continue
		}
		seen := map[string]bool{}
		count(name, seen)
		waiting[name] = len(seen)
		b.r.Order = append(b.r.Order, name)
	}
	slices.SortStableFunc(b.r.Order, func(a, z string) int { return waiting[z] - waiting[a] })
}

func (b *building) announceIgnored() {
	for _, name := range b.names() {
		i := b.r.Items[name]
		switch i.State {
		case "ignored":
			b.msg("Ignoring %s | %s: %s", i.spec(), name, i.Ignored)
			b.logIgnored(i)
		case "skipped":
			because := b.r.Items[i.Because]
			b.msg("Skipping %s | %s: Dependent port %s | %s ignored", i.spec(), name, because.spec(), i.Because)
		}
	}
}

func (b *building) count(state string) int {
	n := 0
	for _, i := range b.r.Items {
		if i.State == state {
			n++
		}
	}
	return n
}

// builders is how many work at once.
func (b *building) builders(tobuild int) int {
	n := b.f.jobs
	if n == 0 {
		n = b.parallel()
	}
	return max(1, min(n, tobuild))
}

// dryRun tells what would be built.
func (b *building) dryRun() error {
	b.status("done:")
	b.msg("Dry run mode, cleaning up and exiting")
	n := b.count("queued")
	if n == 0 {
		b.msg("No packages would be built")
	} else {
		b.msg("Would build %d packages using %d builders", n, b.builders(n))
		var specs []string
		for _, name := range b.r.Order {
			specs = append(specs, b.r.Items[name].spec())
		}
		slices.Sort(specs)
		b.msg("Ports to build: %s", strings.Join(specs, " "))
	}
	b.r.Ended = b.p.Now()
	b.summary()
	b.msg("Logs: %s", b.logs())
	b.web()
	if err := b.fs.RemoveAll(path.Join(b.r.Repo, ".building")); err != nil {
		return err
	}
	b.stopped()
	return nil
}
