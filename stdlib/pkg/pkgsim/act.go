package pkgsim

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

const affected = "The following %d package(s) will be affected (of 0 checked):\n"

func install(i *invocation) int {
	if len(i.args) == 0 {
		i.Errorf("Usage: %s\n\nFor more information see 'pkg help install'.\n", commands["install"].usage)
		return 1
	}
	if i.has('F') || i.has('l') {
		return i.Cannot("pkg install -F or -l")
	}
	if !i.dry && !i.root("install packages") {
		return 1
	}
	if !i.noUpdate && (!i.dry || i.Cred.UID == 0) {
		if code := i.refresh(false); code != 0 {
			return code
		}
	}
	offered, fetched := i.available()
	if !fetched {
		i.missingCatalogue()
		return 1
	}
	have := i.installed()
	var pl plan
	for _, pattern := range i.args {
		wanted := i.pick(offered, pattern)
		if len(wanted) == 0 {
			if i.has('M') {
				continue
			}
			if len(i.pick(have, pattern)) > 0 {
				continue // installed, though no repository has it any more
			}
			i.Errorf("pkg: No packages available to install matching '%s' have been found in the repositories\n", pattern)
			return 1
		}
		for _, p := range wanted {
			if err := pl.add(p, offered, have, i.force, i.automatic, abi(i.Proc)); err != nil {
				i.Errorf("pkg: %s\n", err)
				return 1
			}
		}
	}
	return i.apply(pl, affected)
}

func (i *invocation) missingCatalogue() {
	for _, r := range repositoriesOf(i.Proc) {
		i.Errorf("pkg: Repository %s missing. 'pkg update' required\n", r.name)
	}
	if len(repositoriesOf(i.Proc)) == 0 {
		i.Errorf("pkg: No active remote repositories configured.\n")
	}
}

func upgrade(i *invocation) int {
	if i.has('F') || i.has('v') {
		return i.Cannot("pkg upgrade -F or -v")
	}
	if !i.dry && i.Cred.UID != 0 {
		i.Errorf("pkg: Insufficient privilege to upgrade packages\n")
		return 1
	}
	if !i.noUpdate && (!i.dry || i.Cred.UID == 0) {
		if code := i.refresh(false); code != 0 {
			return code
		}
	}
	offered, fetched := i.available()
	if !fetched {
		i.missingCatalogue()
		return 1
	}
	have := i.installed()
	i.say("Checking for upgrades (%d candidates): .......... done\nProcessing candidates (%d candidates): .......... done\n", len(have), len(have))
	var pl plan
	for _, name := range slices.Sorted(keysOf(have)) {
		p := offered[name]
		if p == nil || len(i.args) > 0 && !slices.ContainsFunc(i.args, func(pattern string) bool { return i.matches(have[name], pattern) }) {
			continue
		}
		if err := pl.add(p, offered, have, i.force, have[name].Automatic, abi(i.Proc)); err != nil {
			i.Errorf("pkg: %s\n", err)
			return 1
		}
	}
	i.say("Checking integrity... done (0 conflicting)\n")
	if len(pl.steps) == 0 {
		i.say("Your packages are up to date.\n")
		return 0
	}
	return i.apply(pl, affected)
}

// apply shows a plan, asks, and carries it out.
func (i *invocation) apply(pl plan, head string) int {
	for n, s := range pl.steps {
		if s.old != nil && s.old.Locked {
			pl.steps[n].action = "locked"
		}
	}
	work := slices.DeleteFunc(slices.Clone(pl.steps), func(s step) bool { return s.action == "locked" })
	if len(pl.steps) > 0 && (!i.quiet || i.dry) {
		i.summary(pl, fmt.Sprintf(head, len(work)))
	}
	if i.dry {
		if len(pl.steps) == 0 {
			i.Printf("The most recent versions of packages are already installed\n")
		}
		return 0
	}
	if len(work) == 0 {
		i.Printf("The most recent versions of packages are already installed\n")
		return 0
	}
	if !i.confirm("Proceed with this action? ") {
		return 1
	}
	return i.locked(func() int { return i.carryOut(plan{work}) })
}

// carryOut fetches, checks and installs.
func (i *invocation) carryOut(pl plan) int {
	_, load := pl.sizes()
	if code := i.fetchAll(pl, load); code != 0 {
		return code
	}
	i.say("Checking integrity... done (0 conflicting)\n")
	messages := ""
	for n, s := range pl.steps {
		if err := i.carryOutOne(n+1, len(pl.steps), s); err != nil {
			i.Errorf("pkg: %s\n", err)
			return 1
		}
		if s.pkg.Message != "" && s.action != "remove" {
			messages += fmt.Sprintf("=====\nMessage from %s-%s:\n\n--\n%s\n", s.pkg.Name, s.pkg.Version, strings.TrimRight(s.pkg.Message, "\n"))
		}
	}
	i.say("%s", messages)
	return 0
}

// fetchAll fetches the archives into the cache.
func (i *invocation) fetchAll(pl plan, load int64) int {
	view := i.Machine.View(vfs.Root, "/")
	if use, err := i.Machine.UsageOf("/var"); err == nil && use.Total > 0 && use.Free < load {
		i.Errorf("pkg: Not enough space in %s, needed %s available %s\n", cacheDir, humanize(load), humanize(max(use.Free, 0)))
		return epkgFatal
	}
	if err := view.MkdirAll(cacheDir, 0o755); err != nil {
		i.Errorf("pkg: Fail to create %s: %s\n", cacheDir, sim.ErrText(err))
		return epkgFatal
	}
	repos := map[string]repository{}
	for _, r := range repositoriesOf(i.Proc) {
		repos[r.name] = r
	}
	n, total := 0, 0
	for _, s := range pl.steps {
		if s.action != "remove" {
			total++
		}
	}
	for _, s := range pl.steps {
		if s.action == "remove" {
			continue
		}
		n++
		file := s.pkg.Name + "-" + s.pkg.Version + ".pkg"
		i.say("[%d/%d] Fetching %s: ", n, total, file)
		r := repos[s.pkg.Repository]
		if why := i.reach(r); why != "" {
			i.say("\n")
			i.Errorf("pkg: %s/All/%s: %s\n", r.plain(), file, why)
			return epkgFatal
		}
		if err := i.Sleep(fetchTime(packed(s.pkg))); err != nil {
			return 1
		}
		if err := view.WriteFile(path.Join(cacheDir, file), []byte("pkg "+file+"\n"), 0o644); err != nil {
			i.say("\n")
			i.Errorf("pkg: %s: %s\n", path.Join(cacheDir, file), sim.ErrText(err))
			return epkgFatal
		}
		i.say("%s done\n", strings.Repeat(".", int(min(10, 1+packed(s.pkg)>>20))))
	}
	return 0
}

func (i *invocation) carryOutOne(n, total int, s step) error {
	full := s.pkg.Name + "-" + s.pkg.Version
	switch s.action {
	case "install":
		i.say("[%d/%d] Installing %s...\n", n, total, full)
	case "reinstall":
		i.say("[%d/%d] Reinstalling %s...\n", n, total, full)
	case "upgrade":
		i.say("[%d/%d] Upgrading %s from %s to %s...\n", n, total, s.pkg.Name, s.old.Version, s.pkg.Version)
	case "downgrade":
		i.say("[%d/%d] Downgrading %s from %s to %s...\n", n, total, s.pkg.Name, s.old.Version, s.pkg.Version)
	case "remove":
		i.say("[%d/%d] Deinstalling %s...\n[%d/%d] Deleting files for %s: ", n, total, full, n, total, full)
		if err := unplace(i.Proc, s.pkg); err != nil {
			return err
		}
		i.say(".......... done\n")
		return i.Sleep(200 * time.Millisecond)
	}
	if use, err := i.Machine.UsageOf("/usr/local"); err == nil && use.Total > 0 && use.Free < s.pkg.Size {
		return fmt.Errorf("Fail to create temporary file: /usr/local/share/licenses/%s/.LICENSE: No space left on device", full)
	}
	if err := i.Sleep(500*time.Millisecond + time.Duration(s.pkg.Size>>20)*10*time.Millisecond); err != nil {
		return err
	}
	if s.old != nil && s.old.Version != s.pkg.Version && !ofBase(s.pkg) {
		if err := dropFiles(i.Machine, s.old); err != nil {
			return err
		}
	}
	if err := place(i.Proc, s.pkg); err != nil {
		return fmt.Errorf("Fail to create file: %s", sim.ErrText(err))
	}
	i.say("[%d/%d] Extracting %s: .......... done\n", n, total, full)
	return nil
}

// place installs a package's programs and files and registers it.
func place(p *sim.Proc, pkg *state.Package) error {
	m := p.Machine
	target := abi(p)
	if ofBase(pkg) {
		return placeBasePackage(p, pkg, target)
	}
	if err := m.InstallPackageFor(pkg.Name, abiMajor(target)); err != nil {
		return err
	}
	files := m.PackageFiles(pkg.Name)
	view := m.View(vfs.Root, "/")
	dir := "/usr/local/share/licenses/" + pkg.Name + "-" + pkg.Version
	for _, own := range append(slices.Clone(pkg.Files), dir+"/LICENSE", dir+"/catalog.mk") {
		if slices.Contains(files, own) {
			continue
		}
		if err := view.MkdirAll(path.Dir(own), 0o755); err != nil {
			return err
		}
		mode := uint32(0o644)
		if strings.Contains(own, "bin/") || strings.Contains(own, "/etc/rc.d/") {
			mode = 0o555
		}
		if err := view.WriteFile(own, []byte(fileContent(pkg, own)), mode); err != nil {
			return err
		}
		files = append(files, own)
	}
	if err := samples(view, files); err != nil {
		return err
	}
	slices.Sort(files)
	s := m.State()
	s.Lock()
	c := *pkg
	c.Files, c.Installed, c.ABI = files, m.Now(), target
	if c.Prefix == "" {
		c.Prefix = "/usr/local"
	}
	s.Packages.Installed[pkg.Name] = &c
	if pkg.Name == "pkg" {
		s.Packages.Bootstrapped = true
	}
	s.Unlock()
	return saveDB(m)
}

func placeBasePackage(p *sim.Proc, pkg *state.Package, target string) error {
	if err := placeBase(p.Machine, pkg); err != nil {
		return err
	}
	s := p.Machine.State()
	s.Lock()
	c := *pkg
	c.Installed, c.ABI, c.Prefix = p.Now(), target, "/"
	s.Packages.Installed[pkg.Name] = &c
	s.Unlock()
	return saveDB(p.Machine)
}

// fileContent is what stands in a file that no tool models.
func fileContent(pkg *state.Package, file string) string {
	return path.Base(file) + " of " + pkg.Name + "-" + pkg.Version + "\n"
}

// samples copies NAME.sample to NAME where that is not there yet, as the
// keyword @sample of a packing list does.
func samples(view *vfs.View, files []string) error {
	for _, file := range files {
		target, ok := strings.CutSuffix(file, ".sample")
		if !ok || strings.HasPrefix(file, "/usr/local/share/") {
			continue
		}
		if _, err := view.Lstat(target); err == nil {
			continue
		}
		data, err := view.ReadFile(file)
		if err != nil {
			return err
		}
		if err := view.WriteFile(target, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// unplace removes a package: its files, and unchanged copies of samples.
func unplace(p *sim.Proc, pkg *state.Package) error {
	m := p.Machine
	view := m.View(vfs.Root, "/")
	for _, file := range pkg.Files {
		target, ok := strings.CutSuffix(file, ".sample")
		if !ok {
			continue
		}
		sample, err := view.ReadFile(file)
		if err != nil {
			continue
		}
		if live, err := view.ReadFile(target); err == nil && string(live) == string(sample) {
			if err := view.Remove(target); err != nil {
				return err
			}
		}
	}
	if err := dropFiles(m, pkg); err != nil {
		return err
	}
	if err := m.RemovePackage(pkg.Name); err != nil {
		return err
	}
	s := m.State()
	s.Lock()
	delete(s.Packages.Installed, pkg.Name)
	if pkg.Name == "pkg" {
		s.Packages.Bootstrapped = false
	}
	s.Unlock()
	return saveDB(m)
}

// dropFiles removes files, and directories that are empty then.
func dropFiles(m *sim.Machine, pkg *state.Package) error {
	view := m.View(vfs.Root, "/")
	for _, file := range pkg.Files {
		if err := view.Remove(file); err != nil && !isNotExist(err) {
			return err
		}
		for dir := path.Dir(file); strings.Count(dir, "/") > 3; dir = path.Dir(dir) {
			if view.Remove(dir) != nil {
				break
			}
		}
	}
	return nil
}

func isNotExist(err error) bool {
	return errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ENOTDIR)
}

func remove(i *invocation) int {
	if len(i.args) == 0 && i.match != 'a' {
		i.Errorf("Usage: %s\n\nFor more information see 'pkg help delete'.\n", commands["delete"].usage)
		return 1
	}
	if !i.dry && !i.root("delete packages") {
		return 1
	}
	have := i.installed()
	gone := map[string]bool{}
	unknown := 0
	for _, pattern := range i.args {
		found := i.pick(have, pattern)
		if len(found) == 0 {
			i.Errorf("No packages matched for pattern '%s'\n\n", pattern)
			unknown++
		}
		for _, p := range found {
			gone[p.Name] = true
		}
	}
	i.say("Checking integrity... done (0 conflicting)\n")
	if len(gone) == 0 {
		i.say("%d packages requested for removal: 0 locked, %d missing\n", unknown, unknown)
		return 1
	}
	if gone["pkg"] && !i.force {
		i.Errorf("pkg: Cannot delete pkg itself without force flag\n")
		return epkgFatal
	}
	if !i.force {
		withDependents(gone, have)
	}
	pl := removal(gone, have)
	for _, s := range pl.steps {
		if s.pkg.Locked {
			i.Errorf("The following package(s) are locked and may not be removed:\n\n\t%s\n", s.pkg.Name)
			return 7 // EPKG_LOCKED
		}
	}
	head := fmt.Sprintf("Deinstallation has been requested for the following %d packages (of 0 packages in the universe):\n", len(pl.steps))
	return i.applyRemoval(pl, head, "Proceed with deinstalling packages? ")
}

// withDependents adds what needs the packages that go.
func withDependents(gone map[string]bool, have map[string]*state.Package) {
	for grown := true; grown; {
		grown = false
		for name, p := range have {
			if !gone[name] && slices.ContainsFunc(p.Deps, func(d string) bool { return gone[d] }) {
				gone[name], grown = true, true
			}
		}
	}
}

// removal removes what needs others before them.
func removal(gone map[string]bool, have map[string]*state.Package) plan {
	var pl plan
	left := slices.Sorted(keysOf(gone))
	for len(left) > 0 {
		next := slices.IndexFunc(left, func(name string) bool {
			return !slices.ContainsFunc(left, func(other string) bool { return other != name && slices.Contains(have[other].Deps, name) })
		})
		next = max(next, 0)
		pl.steps = append(pl.steps, step{action: "remove", pkg: have[left[next]]})
		left = slices.Delete(left, next, next+1)
	}
	return pl
}

func (i *invocation) applyRemoval(pl plan, head, question string) int {
	if !i.quiet || i.dry {
		i.summary(pl, head)
	}
	if i.dry {
		return 0
	}
	if !i.confirm(question) {
		return 1
	}
	return i.locked(func() int {
		for n, s := range pl.steps {
			if err := i.carryOutOne(n+1, len(pl.steps), s); err != nil {
				i.Errorf("pkg: %s\n", sim.ErrText(err))
				return 1
			}
		}
		return 0
	})
}

func autoremove(i *invocation) int {
	if !i.dry && !i.root("autoremove packages") {
		return 1
	}
	have := i.installed()
	gone := map[string]bool{}
	for grown := true; grown; {
		grown = false
		for name, p := range have {
			needed := slices.ContainsFunc(slices.Collect(keysOf(have)), func(other string) bool {
				return !gone[other] && slices.Contains(have[other].Deps, name)
			})
			if p.Automatic && !gone[name] && !needed && name != "pkg" {
				gone[name], grown = true, true
			}
		}
	}
	i.say("Checking integrity... done (0 conflicting)\n")
	if len(gone) == 0 {
		i.say("Nothing to do.\n")
		return 0
	}
	head := fmt.Sprintf("Deinstallation has been requested for the following %d packages:\n", len(gone))
	return i.applyRemoval(removal(gone, have), head, "Proceed with deinstalling packages? ")
}

func fetch(i *invocation) int {
	if !i.root("fetch packages") {
		return 1
	}
	if i.has('o') || i.has('d') {
		return i.Cannot("pkg fetch -o or -d")
	}
	if !i.noUpdate {
		if code := i.refresh(false); code != 0 {
			return code
		}
	}
	offered, _ := i.available()
	var pl plan
	for _, pattern := range i.args {
		found := i.pick(offered, pattern)
		if len(found) == 0 {
			i.Errorf("pkg: No packages available to fetch matching '%s' have been found in the repositories\n", pattern)
			return 1
		}
		for _, p := range found {
			pl.steps = append(pl.steps, step{action: "install", pkg: p})
		}
	}
	if !i.confirm("Proceed with fetching packages? ") {
		return 1
	}
	_, load := pl.sizes()
	return i.fetchAll(pl, load)
}
