package portssim

import (
	"path"
	"slices"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
)

// makePort is make(1) in a port's directory; other makefiles are not modelled.
func makePort(p *sim.Proc) int {
	dir := p.Dir
	var targets, shown []string
	vars := map[string]string{}
	args := p.Args[1:]
	for n := 0; n < len(args); n++ {
		arg := args[n]
		takes := func(value string) (string, bool) {
			if value != "" {
				return value, true
			}
			if n++; n >= len(args) {
				p.Errorf("make: option requires an argument -- %c\n%s", arg[1], makeUsage)
				return "", false
			}
			return args[n], true
		}
		switch {
		case len(arg) > 1 && arg[0] == '-' && strings.ContainsRune("CDVj", rune(arg[1])):
			value, ok := takes(arg[2:])
			if !ok {
				return 2
			}
			switch arg[1] {
			case 'C':
				dir = path.Join(dir, value)
				if path.IsAbs(value) {
					dir = path.Clean(value)
				}
			case 'D':
				vars[value] = "1"
			case 'V':
				shown = append(shown, value)
			}
		case arg == "-s" || arg == "-k" || arg == "-B":
		case strings.HasPrefix(arg, "-"):
			return p.Cannot("make %s", arg)
		case strings.Contains(arg, "="):
			name, value, _ := strings.Cut(arg, "=")
			vars[name] = value
		default:
			targets = append(targets, arg)
		}
	}
	if _, err := p.FS().Stat(dir); err != nil {
		p.Errorf("make: chdir %s: %s\n", dir, sim.ErrText(err))
		return 2
	}
	if _, err := p.FS().Stat(path.Join(dir, "Makefile")); err != nil {
		if len(targets) == 0 {
			p.Errorf("make: no target to make.\n")
		} else {
			p.Errorf("make: don't know how to make %s. Stop\n", targets[0])
		}
		return 2
	}
	origin, ok := strings.CutPrefix(dir, portsDir+"/")
	port := find(packages(p.Machine, false), origin)
	if !ok || port == nil || strings.Count(origin, "/") != 1 {
		return p.Cannot("make in %s", dir)
	}
	if len(shown) > 0 {
		return showVariables(p, port, shown)
	}
	if len(targets) == 0 {
		targets = []string{"build"}
	}
	for _, target := range targets {
		if code := makeTarget(p, port, target, vars); code != 0 {
			return code
		}
	}
	return 0
}

const makeUsage = "usage: make [-BeikNnqrstWwX] [-C directory] [-D variable] [-d flags]\n            [-f makefile] [-I directory] [-J private] [-j max_jobs]\n            [-m directory] [-T file] [-V variable] [variable=value] [target ...]\n"

func showVariables(p *sim.Proc, port *state.Package, names []string) int {
	known := map[string]string{
		"PKGNAME": full(port), "PORTNAME": port.Name, "PORTVERSION": port.Version, "PKGVERSION": port.Version, "PKGORIGIN": port.Origin,
		"OPTIONS_FILE": "", "OPTIONSFILE": "", "PORTSDIR": portsDir, ".CURDIR": path.Join(portsDir, port.Origin), "MAINTAINER": port.Maintainer, "COMMENT": port.Comment, "PREFIX": "/usr/local",
	}
	if compareRelease(p.Machine, oldTools) < 0 {
		known["OPTIONSFILE"] = path.Join("/var/db/ports", port.Name, "options")
	} else {
		known["OPTIONS_FILE"] = path.Join("/var/db/ports", strings.ReplaceAll(port.Origin, "/", "_"), "options")
	}
	for _, name := range names {
		value, ok := known[name]
		if !ok {
			return p.Cannot("make -V %s", name)
		}
		p.Printf("%s\n", value)
	}
	return 0
}

// needRoot are the targets that change the system.
var needRoot = []string{"install", "reinstall", "deinstall"}

// phases are how bsd.port.mk announces the targets that lead up to a build.
var phases = map[string]string{
	"all": "Building", "build": "Building", "fetch": "Fetching", "extract": "Extracting", "patch": "Patching", "configure": "Configuring",
	"checksum": "Checking",
}

func makeTarget(p *sim.Proc, port *state.Package, target string, vars map[string]string) int {
	dir := path.Join(portsDir, port.Origin)
	have := find(packages(p.Machine, true), port.Name)
	failed := func() int {
		p.Errorf("*** Error code 1\n\nStop in %s.\n", dir)
		return 1
	}
	if slices.Contains(needRoot, target) && p.Cred.UID != 0 {
		p.Errorf("===>  Switching to root credentials for '%s' target\nsu: not running setuid\n", target)
		return failed()
	}
	switch target {
	case "install":
		if have != nil && vars["FORCE_PKG_REGISTER"] == "" {
			p.Printf("===>  Installing for %s\n===>   %s is already installed\n      You may wish to ``make deinstall'' and install this port again\n      by ``make reinstall'' to upgrade it properly.\n      If you really wish to overwrite the old port of %s\n      without deleting it first, set the variable \"FORCE_PKG_REGISTER\"\n      in your environment or the \"make install\" command line.\n", full(port), full(have), port.Origin)
			return failed()
		}
		if !build(p, port, have != nil && have.Automatic) {
			return 1
		}
	case "reinstall":
		if !build(p, port, have != nil && have.Automatic) {
			return 1
		}
	case "deinstall":
		p.Printf("===>  Deinstalling for %s\n", port.Origin)
		if have == nil {
			p.Printf("===>   %s not installed, skipping\n", port.Name)
			return 0
		}
		p.Printf("===>   Deinstalling %s\n", full(have))
		if err := unplace(p, have); err != nil {
			p.Errorf("%s\n", sim.ErrText(err))
			return failed()
		}
	case "clean", "distclean":
		p.Printf("===>  Cleaning for %s\n", full(port))
	case "all", "build", "fetch", "extract", "patch", "configure", "checksum":
		p.Printf("===>  %s for %s\n", phases[target], full(port))
		if phases[target] != "Building" {
			return 0
		}
		if p.Sleep(buildTime(port)) != nil || fails(p.Machine, port.Origin) {
			return failed()
		}
	case "config", "config-conditional", "config-recursive":
		p.Printf("===> No options to configure\n")
	case "rmconfig":
		p.Printf("===> No user-specified options configured for %s\n", full(port))
	default:
		p.Errorf("make: don't know how to make %s. Stop\n", target)
		return 2
	}
	return 0
}
