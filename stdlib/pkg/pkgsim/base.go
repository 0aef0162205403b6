package pkgsim

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
)

// The base system of FreeBSD 15 may come as packages: FreeBSD-*, from a repository
// of the release.

// ofBase tells whether a package is part of the base system.
func ofBase(p *state.Package) bool { return strings.HasPrefix(p.Origin, "base/") }

// offersBase tells whether a repository has the base system's packages, and
// offersModules whether it has kernel modules of ports alone.
func (r repository) offersBase() bool    { return strings.Contains(r.url, "/base_") }
func (r repository) offersModules() bool { return strings.Contains(r.url, "/kmods_") }

// baseVersion is the version of a release's base packages: 15.0p1.
func baseVersion(r sim.Release) string {
	if r.Patch == 0 {
		return r.Version()
	}
	return fmt.Sprintf("%sp%d", r.Version(), r.Patch)
}

// baseRelease is the release that a base package's version means.
func baseRelease(version string) string {
	number, patch, patched := strings.Cut(version, "p")
	if !patched {
		return number + "-RELEASE"
	}
	return number + "-RELEASE-p" + patch
}

// placeBase puts the files of a base package in place: the kernel's bring kernel
// and modules, the runtime's the rest of the userland.
func placeBase(m *sim.Machine, p *state.Package) error {
	release := baseRelease(p.Version)
	switch p.Name {
	case "FreeBSD-kernel-generic":
		return m.InstallKernel("", release)
	case "FreeBSD-runtime":
		if err := m.InstallWorld("", release); err != nil {
			return err
		}
		return m.RemoveOldLibraries("", release)
	}
	return nil
}

// parts are the base packages that programs belong to by name; others are of
// FreeBSD-runtime in /bin and /sbin, and of FreeBSD-utilities elsewhere.
var parts = map[string][]string{
	"FreeBSD-fetch":         {"fetch"},
	"FreeBSD-geom":          {"gpart", "geom", "glabel", "gmirror"},
	"FreeBSD-jail":          {"jail", "jls", "jexec"},
	"FreeBSD-ntp":           {"ntpd", "ntpdate", "ntpq"},
	"FreeBSD-pf":            {"pfctl", "pflogd"},
	"FreeBSD-pkg-bootstrap": {"pkg"},
	"FreeBSD-rc":            {"service", "rcorder"},
	"FreeBSD-runtime":       {"uname", "id", "env", "true", "false", "login", "su", "sh"},
	"FreeBSD-ssh":           {"sshd", "ssh", "scp", "sftp", "ssh-keygen", "ssh-agent", "ssh-add"},
	"FreeBSD-zfs":           {"zfs", "zpool", "bectl", "zdb"},
}

// baseFiles lists the files of a base package.
func baseFiles(m *sim.Machine, name string) []string {
	switch name {
	case "FreeBSD-kernel-generic":
		return []string{"/boot/kernel/kernel"}
	case "FreeBSD-bootloader":
		return []string{"/boot/gptboot", "/boot/gptzfsboot", "/boot/loader", "/boot/loader.efi", "/boot/pmbr"}
	case "FreeBSD-clibs":
		return []string{"/lib/libc.so.7"}
	}
	var files []string
	for _, t := range m.Tools() {
		if t.Package != "" {
			continue
		}
		for _, file := range t.Paths {
			if partOf(file) == name {
				files = append(files, file)
			}
		}
	}
	slices.Sort(files)
	return files
}

func partOf(file string) string {
	for name, programs := range parts {
		if slices.Contains(programs, path.Base(file)) {
			return name
		}
	}
	if dir := path.Dir(file); dir == "/bin" || dir == "/sbin" {
		return "FreeBSD-runtime"
	}
	return "FreeBSD-utilities"
}
