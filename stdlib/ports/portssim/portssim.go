// Package portssim models how FreeBSD's ports are kept: the package tools of the
// releases before pkg(8) (pkg_info, pkg_add, pkg_delete, pkg_version), make in a
// port's directory, and portmaster(8), over what the machine knows of packages.
package portssim

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/portstree"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

const (
	portsDir = "/usr/ports"
	dbDir    = "/var/db/pkg"
	// oldTools is the first release without the old package tools.
	oldTools = "10.0"
)

// failParam names ports (category/name) whose build fails.
const failParam = "port-fail"

// Tools are the programs of the base system, and portmaster.
func Tools() []*sim.Tool {
	return []*sim.Tool{
		{Name: "make", Paths: []string{"/usr/bin/make"}, Run: makePort, Params: []string{failParam}, Boot: boot},
		{Name: "pkg_add", Until: oldTools, Paths: []string{"/usr/sbin/pkg_add"}, Run: pkgAdd},
		{Name: "pkg_delete", Until: oldTools, Paths: []string{"/usr/sbin/pkg_delete"}, Run: pkgDelete},
		{Name: "pkg_info", Until: oldTools, Paths: []string{"/usr/sbin/pkg_info"}, Run: pkgInfo},
		{Name: "pkg_version", Until: oldTools, Paths: []string{"/usr/sbin/pkg_version"}, Run: pkgVersion},
		{Name: "portmaster", Package: "portmaster", Paths: []string{"/usr/local/sbin/portmaster"}, Static: []string{"/usr/local/sbin/portmaster"}, Run: portmaster},
	}
}

// boot lays out the ports tree and the package database of a machine that began
// with portmaster, once.
func boot(m *sim.Machine) {
	s := m.State()
	s.Lock()
	first := s.Boot.Count == 1 && s.Packages.Installed["portmaster"] != nil
	s.Unlock()
	if !first {
		return
	}
	view := m.View(vfs.Root, "/")
	for _, p := range packages(m, false) {
		writePort(view, p)
	}
	_ = view.WriteFile(portsDir+"/UPDATING", []byte("This file documents some of the problems you may encounter when upgrading\nyour ports.\n"), 0o644)
	if compareRelease(m, oldTools) < 0 {
		all := packages(m, true)
		for _, p := range all {
			register(view, p, all)
		}
	}
}

// compareRelease orders the userland's release and another.
func compareRelease(m *sim.Machine, other string) int {
	r, _ := sim.FindRelease(m.UserlandRelease(""))
	return portstree.CompareVersions(r.Version(), other)
}

// writePort makes a port's directory.
func writePort(view *vfs.View, p *state.Package) {
	dir := path.Join(portsDir, p.Origin)
	if view.MkdirAll(dir, 0o755) != nil {
		return
	}
	category, name := path.Split(p.Origin)
	text := fmt.Sprintf("PORTNAME=\t%s\nPORTVERSION=\t%s\nCATEGORIES=\t%s\n\nMAINTAINER=\t%s\nCOMMENT=\t%s\n\n.include <bsd.port.mk>\n",
		name, p.Version, strings.Trim(category, "/"), p.Maintainer, p.Comment)
	_ = view.WriteFile(dir+"/Makefile", []byte(text), 0o644)
	_ = view.WriteFile(dir+"/pkg-descr", []byte(p.Comment+"\n"), 0o644)
}

// register notes a package in the database of the old tools, with those it needs.
func register(view *vfs.View, p *state.Package, with []*state.Package) {
	dir := path.Join(dbDir, full(p))
	if view.MkdirAll(dir, 0o755) != nil {
		return
	}
	text := fmt.Sprintf("@comment PKG_FORMAT_REVISION:1.1\n@name %s\n@comment ORIGIN:%s\n@cwd /usr/local\n", full(p), p.Origin)
	for _, name := range p.Deps {
		if dep := find(with, name); dep != nil {
			text += fmt.Sprintf("@pkgdep %s\n@comment DEPORIGIN:%s\n", full(dep), dep.Origin)
		}
	}
	_ = view.WriteFile(dir+"/+CONTENTS", []byte(text), 0o644)
	_ = view.WriteFile(dir+"/+COMMENT", []byte(p.Comment+"\n"), 0o644)
	_ = view.WriteFile(dir+"/+DESC", []byte(p.Comment+"\n"), 0o644)
}

func full(p *state.Package) string { return p.Name + "-" + p.Version }

// packages are copies of those installed, or of those the ports tree has, by name.
func packages(m *sim.Machine, installed bool) []*state.Package {
	s := m.State()
	s.Lock()
	defer s.Unlock()
	from := s.Packages.Available
	if installed {
		from = s.Packages.Installed
	}
	var list []*state.Package
	for _, p := range from {
		c := *p
		list = append(list, &c)
	}
	slices.SortFunc(list, func(a, b *state.Package) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// find is a package by name, name-version, origin or directory; nil: none.
func find(list []*state.Package, what string) *state.Package {
	what = strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(what, portsDir+"/"), dbDir+"/"), "/")
	for _, p := range list {
		if what == p.Name || what == full(p) || what == p.Origin {
			return p
		}
	}
	return nil
}

// requiredBy lists the packages that need one.
func requiredBy(list []*state.Package, name string) []*state.Package {
	var out []*state.Package
	for _, p := range list {
		if slices.Contains(p.Deps, name) {
			out = append(out, p)
		}
	}
	return out
}

// place installs a package, built for the userland as it is now.
func place(p *sim.Proc, pkg *state.Package, automatic bool) error {
	m := p.Machine
	if err := m.InstallPackage(pkg.Name); err != nil {
		return err
	}
	r, _ := sim.FindRelease(m.UserlandRelease(""))
	s := m.State()
	s.Lock()
	old := s.Packages.Installed[pkg.Name]
	c := *pkg
	c.Files, c.Installed, c.Automatic = m.PackageFiles(pkg.Name), p.Now(), automatic
	c.ABI = fmt.Sprintf("FreeBSD:%d:%s", r.Major(), s.Release.Arch)
	s.Packages.Installed[pkg.Name] = &c
	s.Unlock()
	view := m.View(vfs.Root, "/")
	if old != nil {
		_ = view.RemoveAll(path.Join(dbDir, full(old)))
	}
	if compareRelease(m, oldTools) < 0 {
		register(view, &c, packages(m, true))
	}
	return nil
}

// unplace removes a package.
func unplace(p *sim.Proc, pkg *state.Package) error {
	if err := p.Machine.RemovePackage(pkg.Name); err != nil {
		return err
	}
	s := p.Machine.State()
	s.Lock()
	delete(s.Packages.Installed, pkg.Name)
	s.Unlock()
	_ = p.Machine.View(vfs.Root, "/").RemoveAll(path.Join(dbDir, full(pkg)))
	return nil
}

// buildTime is about how long a port takes to be built.
func buildTime(p *state.Package) time.Duration {
	return 20*time.Second + time.Duration(p.Size>>20)*3*time.Second
}

// fails tells whether a port was asked to fail.
func fails(m *sim.Machine, origin string) bool { return slices.Contains(m.Params[failParam], origin) }

// build makes and installs a port, what it needs first; it is false when that
// failed.
func build(p *sim.Proc, pkg *state.Package, automatic bool) bool {
	offered := packages(p.Machine, false)
	for _, name := range pkg.Deps {
		if find(packages(p.Machine, true), name) != nil {
			continue
		}
		dep := find(offered, name)
		if dep == nil {
			p.Printf("===>   %s depends on package: %s - not found\n*** Error code 1\n", full(pkg), name)
			return false
		}
		p.Printf("===>   %s depends on package: %s - not found\n===>    Verifying install for %s in %s\n", full(pkg), name, name, path.Join(portsDir, dep.Origin))
		if !build(p, dep, true) {
			return false
		}
	}
	p.Printf("===>  Extracting for %s\n===>  Patching for %s\n===>  Configuring for %s\n===>  Building for %s\n", full(pkg), full(pkg), full(pkg), full(pkg))
	if p.Sleep(buildTime(pkg)) != nil {
		return false
	}
	if fails(p.Machine, pkg.Origin) {
		p.Printf("*** Error code 1\n\nStop in %s.\n", path.Join(portsDir, pkg.Origin))
		return false
	}
	p.Printf("===>  Installing for %s\n===>   Registering installation for %s\n", full(pkg), full(pkg))
	if err := place(p, pkg, automatic); err != nil {
		p.Errorf("%s\n*** Error code 1\n", sim.ErrText(err))
		return false
	}
	return true
}
