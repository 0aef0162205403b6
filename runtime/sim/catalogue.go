package sim

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"bsdrun/runtime/sim/state"
)

// packageLists are the catalogues read so far.
var packageLists sync.Map // file -> func() map[string]*state.Package

// catalogue is what a repository offers, by name. The map is the machine's own,
// the packages in it are shared: replace one rather than changing it.
func catalogue(file string) map[string]*state.Package {
	read, _ := packageLists.LoadOrStore(file, sync.OnceValue(func() map[string]*state.Package {
		offered := map[string]*state.Package{}
		for _, p := range readCatalogue(file) {
			offered[p.Name] = &p
		}
		return offered
	}))
	return maps.Clone(read.(func() map[string]*state.Package)())
}

func readCatalogue(file string) []state.Package {
	if file == "" {
		return nil
	}
	data, err := profileFiles.ReadFile(path.Join("profiles", file))
	if err != nil {
		panic(err) // the files are part of the program
	}
	var list []state.Package
	for line := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if len(f) != 6 || strings.HasPrefix(line, "#") {
			continue
		}
		size, err := ParseSize(f[3])
		if err != nil {
			panic(err)
		}
		p := state.Package{
			Name: f[0], Version: f[1], Origin: f[2], Size: size, Comment: f[5], Prefix: "/usr/local", Repository: "FreeBSD",
			Maintainer: "ports@FreeBSD.org", WWW: "https://www.freshports.org/" + f[2] + "/",
			Categories: []string{path.Dir(f[2])},
		}
		if f[4] != "" {
			p.Deps = strings.Split(f[4], ",")
		}
		list = append(list, p)
	}
	return list
}

// packagePrograms are programs of packages that are there, but not modelled: what
// they are linked against matters all the same.
var packagePrograms = map[string][]string{
	"curl":                {"/usr/local/bin/curl"},
	"fish":                {"/usr/local/bin/fish"},
	"htop":                {"/usr/local/bin/htop"},
	"jq":                  {"/usr/local/bin/jq"},
	"lsof":                {"/usr/local/sbin/lsof"},
	"nano":                {"/usr/local/bin/nano"},
	"perl5":               {"/usr/local/bin/perl"},
	"perl":                {"/usr/local/bin/perl"},
	"postgresql17-client": {"/usr/local/bin/psql"},
	"python311":           {"/usr/local/bin/python3.11"},
	"redis":               {"/usr/local/bin/redis-cli"},
	"screen":              {"/usr/local/bin/screen"},
	"smartmontools":       {"/usr/local/sbin/smartctl"},
	"tmux":                {"/usr/local/bin/tmux"},
	"tree":                {"/usr/local/bin/tree"},
	"vim":                 {"/usr/local/bin/vim"},
	"wget":                {"/usr/local/bin/wget"},
	"zsh":                 {"/usr/local/bin/zsh"},
}

// standIns are tools for what packages bring and no tool models: programs, and the
// libraries of older releases.
func standIns(tools []*Tool) []*Tool {
	modelled := map[string]bool{}
	for _, t := range tools {
		for _, file := range t.Paths {
			modelled[file] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(allStandIns()), func(t *Tool) bool {
		return slices.ContainsFunc(t.Paths, func(file string) bool { return modelled[file] })
	})
}

// allStandIns are those for all that packages bring, modelled or not.
var allStandIns = sync.OnceValue(func() []*Tool {
	var list []*Tool
	for _, pkg := range slices.Sorted(maps.Keys(packagePrograms)) {
		for _, file := range packagePrograms[pkg] {
			list = append(list, &Tool{Name: path.Base(file), Package: pkg, Paths: []string{file}, Run: func(p *Proc) int {
				return p.Cannot("%s", strings.Join(p.Args, " "))
			}})
		}
	}
	for name := range releases().majors {
		list = append(list, compatPackage(name))
	}
	return list
})

// compatPackage is misc/compatNx: a release's libraries where the run-time linker
// finds them.
func compatPackage(number string) *Tool {
	n, _ := strconv.Atoi(number)
	t := &Tool{Name: "compat" + number + "x", Package: "compat" + number + "x-amd64", Files: map[string]string{}}
	for _, lib := range Libraries(n) {
		t.Files["/usr/local/lib/compat/"+path.Base(lib)] = string(libraryBytes(lib, number))
	}
	return t
}
