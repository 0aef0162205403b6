// Package portstree reads a FreeBSD ports tree the way the simulated tools need
// it: metadata of a port from its Makefile, dependencies, flavours, options and
// the order of package versions (ports(7), pkg-version(8)).
package portstree

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/lazyregexp"
)

// Tree is a ports tree on some file system.
type Tree struct {
	FS   Files
	Root string
	// MakeConf is the text of make.conf that applies to every port.
	MakeConf string
	// Options returns the text of the options file of a port (its OPTIONS_NAME,
	// as in /var/db/ports/www_nginx/options), or nothing.
	Options func(name string) string
}

// Kind is when a dependency is needed.
type Kind string

// The kinds of dependencies, in the order in which a build installs them.
const (
	Fetch   Kind = "fetch"
	Extract Kind = "extract"
	Patch   Kind = "patch"
	Build   Kind = "build"
	Lib     Kind = "lib"
	Run     Kind = "run"
	Package Kind = "pkg"
)

var kinds = []Kind{Package, Fetch, Extract, Patch, Build, Lib, Run}

// Dep is one dependency of a port.
type Dep struct {
	Kind   Kind
	What   string // what is looked for: "gmake", "libpcre2-8.so", "p5-Foo>=1.0"
	Origin string
	Flavor string
}

// Spec is the dependency as category/port[@flavor].
func (d Dep) Spec() string { return spec(d.Origin, d.Flavor) }

func spec(origin, flavor string) string {
	if flavor == "" {
		return origin
	}
	return origin + "@" + flavor
}

// Option is one choice of a port.
type Option struct {
	Name, Desc string
	On         bool
}

// Port is what the tree tells about a port.
type Port struct {
	Origin, Flavor string
	Flavors        []string // all flavours, the default first
	Base           string   // PKGBASE: prefix, name and suffix
	Version        string   // PKGVERSION: version, revision and epoch
	PortVersion    string
	Revision       int
	Epoch          int
	Categories     []string
	Comment        string
	Maintainer     string
	License        string
	WWW            string
	Deps           []Dep
	Options        []Option
	Broken         string
	Ignore         string // why it can't be built here; empty when it can
	Deprecated     string
	NoArch         bool
}

// PkgName is base and version: "nginx-1.28.0_1,3".
func (p *Port) PkgName() string { return p.Base + "-" + p.Version }

// Spec is category/port[@flavor].
func (p *Port) Spec() string { return spec(p.Origin, p.Flavor) }

// Selected lists the options that are on, sorted.
func (p *Port) Selected() []string {
	var on []string
	for _, o := range p.Options {
		if o.On {
			on = append(on, o.Name)
		}
	}
	slices.Sort(on)
	return on
}

// Runtime tells which dependencies the package records (run and library).
func (p *Port) Runtime() []Dep {
	var out []Dep
	for _, d := range p.Deps {
		if d.Kind == Run || d.Kind == Lib {
			out = append(out, d)
		}
	}
	return out
}

// ErrNoPort is the error of an origin that the tree doesn't have.
var ErrNoPort = errors.New("no such port")

// Exists tells whether the tree has a port.
func (t *Tree) Exists(origin string) bool {
	_, err := t.FS.ReadFile(path.Join(t.Root, origin, "Makefile"))
	return err == nil && strings.Count(origin, "/") == 1
}

// SplitSpec takes category/port[@flavor] apart.
func SplitSpec(s string) (origin, flavor string) {
	origin, flavor, _ = strings.Cut(s, "@")
	return strings.Trim(origin, "/"), flavor
}

// Port reads one port; an empty flavour is the default one.
func (t *Tree) Port(origin, flavor string) (*Port, error) {
	if !t.Exists(origin) {
		return nil, &fs.PathError{Op: "port", Path: origin, Err: ErrNoPort}
	}
	m, err := t.evaluate(origin, flavor)
	if err != nil {
		return nil, err
	}
	flavors := m.words("FLAVORS")
	if flavor == "" && len(flavors) > 0 {
		flavor = flavors[0]
		if m, err = t.evaluate(origin, flavor); err != nil {
			return nil, err
		}
	}
	p := &Port{Origin: origin, Flavor: flavor, Flavors: flavors}
	p.name(m)
	p.Categories = m.words("CATEGORIES")
	p.Comment = m.value("COMMENT")
	p.Maintainer = m.value("MAINTAINER")
	p.License = m.value("LICENSE")
	p.WWW = firstWord(m.value("WWW"))
	p.NoArch = m.defined("NO_ARCH")
	p.Options = options(m)
	p.Deps = t.dependencies(m, p)
	p.blockers(m)
	return p, nil
}

func firstWord(s string) string {
	if f := strings.Fields(s); len(f) > 0 {
		return f[0]
	}
	return ""
}

// evaluate reads the Makefile with make.conf before it.
func (t *Tree) evaluate(origin, flavor string) (*makefile, error) {
	dir := path.Join(t.Root, origin)
	m := newMakefile(t.FS, dir)
	m.vars["PORTSDIR"] = t.Root
	m.vars["PREFIX"] = "/usr/local"
	m.vars["LOCALBASE"] = "/usr/local"
	m.vars["OPSYS"] = "FreeBSD"
	m.vars["ARCH"] = "amd64"
	m.vars["OPTIONS_NAME"] = strings.ReplaceAll(origin, "/", "_")
	m.vars["PKGNAMEPREFIX"], m.vars["PKGNAMESUFFIX"] = "", ""
	for name, value := range defaults {
		m.vars[name] = value
	}
	if flavor != "" {
		m.vars["FLAVOR"] = flavor
	}
	m.include = func(m *makefile, name string) {
		if strings.HasPrefix(name, "bsd.port.") || strings.HasPrefix(name, "bsd.mport.") {
			t.chooseOptions(m)
		}
	}
	m.eval(t.MakeConf, dir)
	if err := m.read(path.Join(dir, "Makefile")); err != nil {
		return nil, err
	}
	t.masterPort(m)
	t.chooseOptions(m)
	if usesOf(m)["python"] && contains(m.words("USE_PYTHON"), "flavors", "allflavors") && m.value("FLAVORS") == "" {
		m.vars["FLAVORS"] = pythonFlavor
	}
	return m, nil
}

const pythonFlavor = "py311"

// defaults are what the framework's default versions give to names
// (Mk/bsd.default-versions.mk, Mk/Uses/python.mk, Mk/Uses/lua.mk).
var defaults = map[string]string{
	"PYTHON_PKGNAMEPREFIX": pythonFlavor + "-", "PYTHON_PKGNAMESUFFIX": "-" + pythonFlavor, "PY_FLAVOR": pythonFlavor, "PYTHON_VER": "3.11",
	"PYTHON_VERSION": "python3.11", "PYTHON_REL": "31100", "LUA_PKGNAMEPREFIX": "lua54-", "LUA_FLAVOR": "lua54", "LUA_VER": "5.4",
}

// masterPort reads the master's Makefile where a slave's include didn't.
func (t *Tree) masterPort(m *makefile) {
	if m.value("PORTNAME") != "" || !m.defined("MASTERDIR") {
		return
	}
	_ = m.read(path.Join(m.value("MASTERDIR"), "Makefile"))
}

// name computes PKGBASE and PKGVERSION.
func (p *Port) name(m *makefile) {
	version := m.value("PORTVERSION")
	if version == "" {
		version = m.value("DISTVERSION")
		if version != "" {
			version = distVersion(version)
		}
	}
	p.PortVersion = version
	p.Revision, _ = strconv.Atoi(m.value("PORTREVISION"))
	p.Epoch, _ = strconv.Atoi(m.value("PORTEPOCH"))
	p.Version = strings.NewReplacer("-", ".", "_", ".", ",", ".").Replace(version)
	if p.Revision != 0 {
		p.Version += "_" + strconv.Itoa(p.Revision)
	}
	if p.Epoch != 0 {
		p.Version += "," + strconv.Itoa(p.Epoch)
	}
	suffix := m.value("PKGNAMESUFFIX")
	if f := m.value(p.Flavor + "_PKGNAMESUFFIX"); p.Flavor != "" && f != "" {
		suffix = f
	}
	prefix := m.value("PKGNAMEPREFIX")
	if f := m.value(p.Flavor + "_PKGNAMEPREFIX"); p.Flavor != "" && f != "" {
		prefix = f
	}
	p.Base = prefix + m.value("PORTNAME") + suffix
}

// The parts of an upstream's version that distVersion rewrites.
var (
	versionWord  = lazyregexp.New(`([a-z])[a-z]+`)
	versionJoint = lazyregexp.New(`([0-9])([a-z])`)
	versionStage = lazyregexp.New(`:(.)`)
	versionSigns = lazyregexp.New(`[^a-z0-9+]+`)
)

// distVersion makes a port version of an upstream's, as bsd.port.mk does.
func distVersion(v string) string {
	v = strings.ToLower(v)
	v = versionWord.ReplaceAllString(v, "$1")
	v = versionJoint.ReplaceAllString(v, "$1.$2")
	v = versionStage.ReplaceAllString(v, "$1")
	v = versionSigns.ReplaceAllString(v, ".")
	return strings.Trim(v, ".")
}

func contains(words []string, any ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(any, w) })
}

// blockers collects why a port isn't to be built.
func (p *Port) blockers(m *makefile) {
	p.Deprecated = unquote(m.value("DEPRECATED"))
	p.Broken = unquote(firstOf(m, "BROKEN", "BROKEN_"+m.value("ARCH"), "BROKEN_FreeBSD"))
	if v := firstOf(m, "IGNORE", "IGNORE_"+m.value("ARCH"), "IGNORE_FreeBSD"); v != "" {
		p.Ignore = unquote(v)
		return
	}
	if v := m.value("FORBIDDEN"); v != "" {
		p.Ignore = "is forbidden: " + unquote(v)
		return
	}
	if only := m.words("ONLY_FOR_ARCHS"); len(only) > 0 && !slices.Contains(only, m.value("ARCH")) {
		p.Ignore = "is only for " + strings.Join(only, " ") + ", while you are running " + m.value("ARCH")
		return
	}
	if p.Broken != "" && !m.defined("TRYBROKEN") {
		p.Ignore = "is marked as broken: " + p.Broken
	}
}

func firstOf(m *makefile, names ...string) string {
	for _, n := range names {
		if v := m.value(n); v != "" {
			return v
		}
	}
	return ""
}

func unquote(s string) string {
	if len(s) > 1 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}
