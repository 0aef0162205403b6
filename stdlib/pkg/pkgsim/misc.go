package pkgsim

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/portstree"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

func lock(i *invocation) int   { return i.setLock(true, "lock", "Locking") }
func unlock(i *invocation) int { return i.setLock(false, "unlock", "Unlocking") }

func (i *invocation) setLock(to bool, verb, doing string) int {
	if i.has('l') {
		i.match = 'a'
		i.Printf("Currently locked packages:\n")
		for _, p := range i.pick(i.installed(), "") {
			if p.Locked {
				i.Printf("%s-%s\n", p.Name, p.Version)
			}
		}
		return 0
	}
	if len(i.args) != 1 && i.match != 'a' {
		i.Errorf("Usage: %s\n\nFor more information see 'pkg help %s'.\n", commands[verb].usage, verb)
		return 1
	}
	if !i.root("modify the package database") {
		return 1
	}
	pattern := ""
	if len(i.args) > 0 {
		pattern = i.args[0]
	}
	found := i.pick(i.installed(), pattern)
	if len(found) == 0 {
		i.Errorf("pkg: No package(s) matching %s\n", pattern)
		return 1
	}
	return i.locked(func() int {
		for _, p := range found {
			full := p.Name + "-" + p.Version
			if p.Locked == to {
				i.say("%s: already %sed\n", full, verb)
				continue
			}
			if !i.confirm(fmt.Sprintf("%s: %s this package? ", full, verb)) {
				continue
			}
			i.say("%s %s\n", doing, full)
			s := i.Machine.State()
			s.Lock()
			s.Packages.Installed[p.Name].Locked = to
			s.Unlock()
		}
		if err := saveDB(i.Machine); err != nil {
			i.Errorf("pkg: %s\n", sim.ErrText(err))
			return 1
		}
		return 0
	})
}

func which(i *invocation) int {
	if len(i.args) == 0 {
		i.Errorf("Usage: %s\n\nFor more information see 'pkg help which'.\n", commands["which"].usage)
		return 1
	}
	have := i.installed()
	code := 0
	for _, arg := range i.args {
		file := i.FS().Abs(arg)
		if i.has('p') && !strings.Contains(arg, "/") {
			if found, err := i.Machine.LookPath(i.FS(), i.Env, arg); err == nil {
				file = found
			}
		}
		var owner *state.Package
		for _, name := range slices.Sorted(keysOf(have)) {
			if slices.Contains(have[name].Files, file) {
				owner = have[name]
			}
		}
		switch {
		case owner == nil:
			i.say("%s was not found in the database\n", file)
			code = 1
		case i.has('o') && i.quiet:
			i.Printf("%s\n", owner.Origin)
		case i.quiet:
			i.Printf("%s-%s\n", owner.Name, owner.Version)
		default:
			i.Printf("%s was installed by package %s-%s\n", file, owner.Name, owner.Version)
		}
	}
	return code
}

// vulnerability is an entry of the simulated list: packages older than Before.
type vulnerability struct{ Package, Before, Description, CVE, URL string }

// known is what the simulated world knows to be vulnerable.
var known = []vulnerability{
	{"curl", "8.15.0", "curl -- multiple vulnerabilities", "CVE-2025-4947", "https://vuxml.FreeBSD.org/freebsd/2a220a73-4759-11f0-a44a-6cc21735f730.html"},
	{"git", "2.50.1", "git -- multiple vulnerabilities", "CVE-2025-48384", "https://vuxml.FreeBSD.org/freebsd/2a4472ed-5c0d-11f0-b991-291fce777db8.html"},
}

func audit(i *invocation) int {
	if i.has('f') {
		return i.Cannot("pkg audit -f")
	}
	view := i.Machine.View(vfs.Root, "/")
	if i.has('F') {
		if !i.root("update the vulnerability database") {
			return 1
		}
		if err := i.Machine.Network().Reachable("https://vuxml.freebsd.org"); err != nil {
			i.Errorf("pkg: https://vuxml.freebsd.org/freebsd/vuln.xml.xz: %s\npkg: cannot fetch vulnxml file\n", reason(err))
			return 1
		}
		_ = i.Sleep(fetchTime(2 << 20))
		i.say("Fetching vuln.xml.xz: .......... done\n")
		if err := view.WriteFile(auditFile, []byte("<?xml version=\"1.0\"?>\n<vuxml/>\n"), 0o644); err != nil {
			i.Errorf("pkg: %s: %s\n", auditFile, sim.ErrText(err))
			return 1
		}
	}
	if _, err := view.Stat(auditFile); err != nil {
		i.Errorf("pkg: vulnxml file %s does not exist. Try running 'pkg audit -F' first\n", auditFile)
		return 1
	}
	found := map[string][]vulnerability{}
	have := i.installed()
	for _, v := range known {
		if p := have[v.Package]; p != nil && newer(v.Before, p.Version) {
			found[v.Package] = append(found[v.Package], v)
		}
	}
	if i.recursive {
		return i.auditRaw(found, have)
	}
	issues := 0
	for _, name := range slices.Sorted(keysOf(found)) {
		p := have[name]
		if i.quiet {
			i.Printf("%s-%s\n", name, p.Version)
			continue
		}
		i.Printf("%s-%s is vulnerable:\n", name, p.Version)
		for _, v := range found[name] {
			issues++
			i.Printf("  %s\n  CVE: %s\n  WWW: %s\n\n", v.Description, v.CVE, v.URL)
		}
	}
	i.say("%d problem(s) in %d package(s) found.\n", issues, len(found))
	return min(1, len(found))
}

// auditRaw prints what --raw does.
func (i *invocation) auditRaw(found map[string][]vulnerability, have map[string]*state.Package) int {
	packages := map[string]any{}
	for name, list := range found {
		issues := []any{}
		for _, v := range list {
			issues = append(issues, map[string]any{
				"Affected versions": []string{"< " + v.Before}, "description": v.Description, "cve": []string{v.CVE}, "url": v.URL,
			})
		}
		packages[name] = map[string]any{
			"version": have[name].Version, "issue_count": len(list), "issues": issues,
			"reverse dependencies": requiredBy(name, have),
		}
	}
	out, err := json.Marshal(map[string]any{"pkg_count": len(found), "packages": packages})
	if err != nil {
		return 1
	}
	i.Printf("%s\n", out)
	return min(1, len(found))
}

func check(i *invocation) int {
	if i.has('B') || i.has('r') {
		return i.Cannot("pkg check -B or -r")
	}
	have := i.installed()
	patterns := i.args
	if i.match == 'a' {
		patterns = []string{""}
	}
	view := i.Machine.View(vfs.Root, "/")
	bad := 0
	for _, pattern := range patterns {
		picked := i.pick(have, pattern)
		if len(picked) == 0 && i.match != 'a' {
			i.Errorf("pkg: No packages matching: %s\n", pattern)
			return 1
		}
		for _, p := range picked {
			full := p.Name + "-" + p.Version
			for _, file := range p.Files {
				if !i.has('s') {
					break
				}
				if _, err := view.Lstat(file); err != nil {
					i.Errorf("%s: missing file %s\n", full, file)
					bad++
				} else if altered(view, p, file) {
					i.Errorf("%s: checksum mismatch for %s\n", full, file)
					bad++
				}
			}
			for _, dep := range p.Deps {
				if i.has('d') && have[dep] == nil {
					i.Printf("%s has a missing dependency: %s\n", p.Name, dep)
					bad++
				}
			}
		}
	}
	i.say("Checking all packages: .......... done\n")
	return min(1, bad)
}

// altered tells whether a file that pkg placed has another content now; those
// of modelled programs are not compared.
func altered(view *vfs.View, p *state.Package, file string) bool {
	if !strings.HasPrefix(file, "/usr/local/share/licenses/") {
		return false
	}
	data, err := view.ReadFile(file)
	return err == nil && string(data) != fileContent(p, file)
}

func clean(i *invocation) int {
	if !i.dry && !i.root("clean the package cache") {
		return 1
	}
	view := i.Machine.View(vfs.Root, "/")
	files, _ := view.ReadDir(cacheDir)
	offered, fetched := i.available()
	if !fetched {
		i.Errorf("pkg: No package database installed.  Nothing to do!\n")
		return 0
	}
	var gone []vfs.Info
	for _, f := range files {
		m := packageFile.FindStringSubmatch(f.Name)
		if m == nil {
			continue
		}
		if p := offered[m[1]]; i.match == 'a' || p == nil || p.Version != m[2] {
			gone = append(gone, f)
		}
	}
	if len(gone) == 0 {
		i.say("Nothing to do.\n")
		return 0
	}
	i.say("The following package files will be deleted:\n")
	var size int64
	for _, f := range gone {
		i.say("\t%s\n", path.Join(cacheDir, f.Name))
		size += f.Size
	}
	i.say("The cleanup will free %s\n", humanize(size))
	if i.dry {
		return 0
	}
	if !i.confirm("Proceed with cleaning the cache? ") {
		return 1
	}
	for _, f := range gone {
		if err := view.Remove(path.Join(cacheDir, f.Name)); err != nil {
			i.Errorf("pkg: %s: %s\n", f.Name, sim.ErrText(err))
			return 1
		}
	}
	i.say("Deleting files: .......... done\n")
	return 0
}

func search(i *invocation) int {
	if len(i.args) == 0 {
		i.Errorf("Usage: %s\n\nFor more information see 'pkg help search'.\n", commands["search"].usage)
		return 1
	}
	if !i.noUpdate && i.Cred.UID == 0 {
		quiet := i.quiet
		i.quiet = true
		if code := i.refresh(false); code != 0 {
			return code
		}
		i.quiet = quiet
	}
	offered, fetched := i.available()
	if !fetched {
		i.missingCatalogue()
		return 1
	}
	if i.match == 'e' && !i.has('e') {
		i.match = 'x'
	}
	found := i.pick(offered, i.args[0])
	for _, p := range found {
		switch {
		case i.has('o') && i.quiet:
			i.Printf("%s\n", p.Origin)
		case i.has('o'):
			i.Printf("%-30s %s\n", p.Origin, p.Comment)
		case i.quiet:
			i.Printf("%s-%s\n", p.Name, p.Version)
		default:
			i.Printf("%-30s %s\n", p.Name+"-"+p.Version, p.Comment)
		}
	}
	if len(found) == 0 {
		return 1
	}
	return 0
}

func version(i *invocation) int {
	if i.has('t') || i.has('T') {
		if len(i.args) != 2 {
			i.Errorf("Usage: %s\n\nFor more information see 'pkg help version'.\n", commands["version"].usage)
			return 1
		}
		if i.has('T') {
			ok, _ := path.Match(i.args[1], i.args[0])
			return map[bool]int{true: 0, false: 1}[ok]
		}
		i.Printf("%s\n", portstree.VersionSign(i.args[0], i.args[1]))
		return 0
	}
	if i.has('I') || i.has('P') {
		return i.Cannot("pkg version -I or -P")
	}
	offered, _ := i.available()
	i.match = 'a'
	for _, p := range i.pick(i.installed(), "") {
		sign := "?"
		if o := offered[p.Name]; o != nil {
			sign = portstree.VersionSign(p.Version, o.Version)
		}
		if limit, ok := i.opts['l']; ok && !strings.Contains(limit, sign) {
			continue
		}
		i.Printf("%-34s %s\n", p.Name+"-"+p.Version, sign)
	}
	return 0
}

func stats(i *invocation) int {
	var size int64
	have := i.installed()
	for _, p := range have {
		size += p.Size
	}
	if !i.has('r') {
		i.Printf("Local package database:\n\tInstalled packages: %d\n\tDisk space occupied: %s\n", len(have), humanize(size))
	}
	if i.has('l') {
		return 0
	}
	offered, _ := i.available()
	i.Printf("\nRemote package database(s):\n\tNumber of repositories: %d\n\tPackages available: %d\n\tUnique packages: %d\n", len(repositoriesOf(i.Proc)), len(offered), len(offered))
	return 0
}
