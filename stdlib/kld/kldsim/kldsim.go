// Package kldsim models kldload(8), kldunload(8) and kldstat(8): kernel modules
// are files of a release, and load into a kernel that is no older.
package kldsim

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/portstree"
	"bsdrun/runtime/sim/state"
)

// Tools are the three programs.
func Tools() []*sim.Tool {
	return []*sim.Tool{
		{Name: "kldload", Paths: []string{"/sbin/kldload"}, Run: load, Boot: boot},
		{Name: "kldstat", Paths: []string{"/sbin/kldstat"}, Run: stat},
		{Name: "kldunload", Paths: []string{"/sbin/kldunload"}, Run: unload},
	}
}

// usages by release: -n of kldload came with 10.1, -h of kldstat with 11.2.
const (
	loadUsage    = "usage: kldload [-nqv] file ...\n"
	oldLoadUsage = "usage: kldload [-qv] file ...\n"
	unloadUsage  = "usage: kldunload [-fv] -i id ...\n       kldunload [-fv] [-n] name ...\n"
	statUsage    = "usage: kldstat [-hv] [-i id] [-n filename]\n       kldstat [-q] [-m modname]\n"
	oldStatUsage = "usage: kldstat [-v] [-i id] [-n filename]\n       kldstat [-q] [-m modname]\n"
)

// userland tells whether the userland is at least a release.
func userland(p *sim.Proc, version string) bool {
	r, _ := sim.FindRelease(p.Machine.UserlandRelease(""))
	return portstree.CompareVersions(r.Version(), version) >= 0
}

// flags reads options in getopt(3)'s way; ok is false for one that there isn't.
func flags(p *sim.Proc, known, usage string) (given map[byte]string, args []string, ok bool) {
	given, args = map[byte]string{}, p.Args[1:]
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' && args[0] != "--" {
		arg := args[0]
		args = args[1:]
		for n := 1; n < len(arg); n++ {
			at := strings.IndexByte(known, arg[n])
			if at < 0 || arg[n] == ':' {
				p.Errorf("%s: illegal option -- %c\n%s", path.Base(p.Args[0]), arg[n], usage)
				return nil, nil, false
			}
			given[arg[n]] = ""
			if at+1 < len(known) && known[at+1] == ':' {
				value := arg[n+1:]
				if value == "" {
					if len(args) == 0 {
						p.Errorf("%s: option requires an argument -- %c\n%s", path.Base(p.Args[0]), arg[n], usage)
						return nil, nil, false
					}
					value, args = args[0], args[1:]
				}
				given[arg[n]] = value
				break
			}
		}
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	return given, args, true
}

func has(given map[byte]string, letter byte) bool {
	_, ok := given[letter]
	return ok
}

func load(p *sim.Proc) int {
	known, usage := "nqv", loadUsage
	if !userland(p, "10.1") {
		known, usage = "qv", oldLoadUsage
	}
	given, args, ok := flags(p, known, usage)
	if !ok {
		return 1
	}
	if len(args) == 0 {
		p.Errorf("%s", usage)
		return 1
	}
	code := 0
	for _, arg := range args {
		id, err := kernelOf(p).load(arg)
		switch {
		case err == nil:
			if has(given, 'v') {
				p.Printf("Loaded %s, id=%d\n", arg, id)
			}
		case errors.Is(err, syscall.EEXIST) && has(given, 'n'):
			if has(given, 'v') {
				p.Printf("%s is already loaded, id=%d\n", arg, id)
			}
		default:
			p.Errorf("kldload: %s\n", refusal(p, arg, err))
			code = 1
		}
	}
	return code
}

// refusal is why a module was not loaded; newer releases know two cases better.
func refusal(p *sim.Proc, arg string, err error) string {
	if userland(p, "10.1") {
		switch {
		case errors.Is(err, syscall.EEXIST):
			return fmt.Sprintf("can't load %s: module already loaded or in kernel", arg)
		case errors.Is(err, syscall.ENOEXEC):
			return fmt.Sprintf("an error occurred while loading module %s. Please check dmesg(8) for more details.", arg)
		}
	}
	return fmt.Sprintf("can't load %s: %s", arg, sim.ErrText(err))
}

func unload(p *sim.Proc) int {
	given, args, ok := flags(p, "finv", unloadUsage)
	if !ok || len(args) == 0 {
		if ok {
			p.Errorf("%s", unloadUsage)
		}
		return 64
	}
	for _, arg := range args {
		name, id, err := kernelOf(p).unload(arg, has(given, 'i'))
		if id != 0 && has(given, 'v') {
			p.Printf("Unloading %s, id=%d\n", name, id)
		}
		switch {
		case id == 0 && !has(given, 'i'):
			p.Errorf("kldunload: can't find file %s\n", arg)
		case err != nil:
			p.Errorf("kldunload: can't unload file: %s\n", sim.ErrText(err))
		default:
			continue
		}
		return 1
	}
	return 0
}

func stat(p *sim.Proc) int {
	known, usage := "dhi:m:n:qv", statUsage
	if !userland(p, "11.2") {
		known, usage = "i:m:n:qv", oldStatUsage
	}
	given, args, ok := flags(p, known, usage)
	if !ok || len(args) > 0 {
		if ok {
			p.Errorf("%s", usage)
		}
		return 1
	}
	if has(given, 'd') {
		return p.Cannot("kldstat -d")
	}
	var modules []state.Module
	kernelOf(p).locked(func(s *state.State) { modules = slices.Clone(s.Modules) })
	if name := given['m']; has(given, 'm') {
		return statModule(p, modules, name, has(given, 'q'))
	}
	if name := given['n']; has(given, 'n') {
		modules = slices.DeleteFunc(modules, func(m state.Module) bool { return m.Name != name && m.Name != name+".ko" })
		if len(modules) == 0 {
			if !has(given, 'q') {
				p.Errorf("kldstat: can't find file %s: No such file or directory\n", name)
			}
			return 1
		}
	}
	if id := given['i']; has(given, 'i') {
		n, err := strconv.Atoi(id)
		if err != nil {
			p.Errorf("%s", usage)
			return 1
		}
		modules = slices.DeleteFunc(modules, func(m state.Module) bool { return m.ID != n })
		if len(modules) == 0 {
			p.Errorf("kldstat: can't stat file id %d: No such file or directory\n", n)
			return 1
		}
	}
	if has(given, 'q') && has(given, 'n') {
		return 0
	}
	table(p, modules, has(given, 'v'), has(given, 'h'))
	return 0
}

// statModule is kldstat -m: modules go by other names than their files.
func statModule(p *sim.Proc, modules []state.Module, name string, quiet bool) int {
	id := 0
	for _, m := range modules {
		for _, own := range modulesOf(m) {
			if id++; own != name {
				continue
			}
			if !quiet {
				p.Printf("Id  Refs Name\n%3d %4d %s\n", id, 1, name)
			}
			return 0
		}
	}
	if !quiet {
		p.Errorf("kldstat: can't find module %s: No such file or directory\n", name)
	}
	return 1
}

// modulesOf lists the modules in a file.
func modulesOf(m state.Module) []string {
	name := strings.TrimSuffix(m.Name, ".ko")
	if list, ok := contents[name]; ok {
		return list
	}
	return []string{name}
}

func table(p *sim.Proc, modules []state.Module, verbose, human bool) {
	modern := userland(p, "11.0")
	if modern {
		p.Printf("Id Refs Address                Size Name\n")
	} else {
		p.Printf("Id Refs Address            Size     Name\n")
	}
	number := 0
	for _, m := range modules {
		size := fmt.Sprintf("%8x", m.Size)
		switch {
		case human:
			size = fmt.Sprintf("%8s", humanize(m.Size))
		case !modern:
			size = fmt.Sprintf("%-8x", m.Size)
		}
		p.Printf("%2d %4d %#x %s %s", m.ID, m.Refs, m.Addr, size, m.Name)
		if !verbose {
			p.Printf("\n")
			number += len(modulesOf(m))
			continue
		}
		p.Printf(" (/boot/kernel/%s)\n\tContains modules:\n\t\tId Name\n", m.Name)
		for _, own := range modulesOf(m) {
			number++
			p.Printf("\t\t%2d %s\n", number, own)
		}
	}
}

// humanize is humanize_number(3) with a unit.
func humanize(n int64) string {
	unit := 0
	for ; n >= 1024 && unit < 3; unit++ {
		n = (n + 512) / 1024
	}
	return strconv.FormatInt(n, 10) + []string{"B", "KB", "MB", "GB"}[unit]
}
