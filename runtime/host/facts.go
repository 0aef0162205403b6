package host

import (
	"context"

	"bsdrun/runtime/effect"
)

// Facts is what a host tells of itself.
type Facts struct {
	OS         string               `lua:"os" doc:"operating system, as uname -s has it: FreeBSD, Linux"`
	Release    string               `lua:"release" doc:"release without the patch level: 14.3-RELEASE"`
	Version    string               `lua:"version" doc:"running kernel, as uname -r has it: 14.3-RELEASE-p1"`
	Kernel     string               `lua:"kernel,omitempty" doc:"installed kernel (freebsd-version -k); another than version: a reboot is pending"`
	Userland   string               `lua:"userland,omitempty" doc:"installed userland (freebsd-version -u)"`
	Patch      int                  `lua:"patch" doc:"patch level of the userland; 0 without one"`
	Arch       string               `lua:"arch" doc:"processor architecture, as uname -p has it: amd64, aarch64"`
	Machine    string               `lua:"machine" doc:"hardware platform, as uname -m has it: amd64, arm64"`
	Hostname   string               `lua:"hostname" doc:"name that the host gives itself"`
	BootMethod string               `lua:"boot_method,omitempty" doc:"BIOS or UEFI, where the host tells"`
	BootID     string               `lua:"boot_id" doc:"identity of the running boot; another after every reboot"`
	Uptime     int64                `lua:"uptime" doc:"time since the boot" unit:"seconds"`
	Root       Root                 `lua:"root" doc:"root file system"`
	Route      Route                `lua:"route" doc:"default route; empty without one"`
	Addresses  map[string][]Address `lua:"addresses" doc:"addresses by interface, in the interface's order: the first of a family is the primary one"`
	CPUs       int                  `lua:"cpus" doc:"processors"`
	Memory     int64                `lua:"memory" doc:"physical memory" unit:"bytes"`
	Disks      []string             `lua:"disks" doc:"names of disks"`
	Jails      []string             `lua:"jails" doc:"names of running jails"`
	Jailed     bool                 `lua:"jailed" doc:"the host is itself a jail"`
	Packages   string               `lua:"packages" doc:"pkg where pkg(8) is installed, pkgbase where the base system comes from packages too, else empty"`
	HasZFS     bool                 `lua:"has_zfs" doc:"ZFS is in the kernel"`
	Privilege  Privilege            `lua:"privilege" doc:"as whom commands run"`
}

// Root is the root file system.
type Root struct {
	Type   string `lua:"type" doc:"zfs, ufs, ext4 ..."`
	Source string `lua:"source" doc:"device or dataset"`
	Pool   string `lua:"pool,omitempty" doc:"pool of the dataset"`
}

// Route is a default route.
type Route struct {
	Gateway   string `lua:"gateway" doc:"address of the gateway"`
	Interface string `lua:"interface" doc:"interface that leads there"`
}

// Address is an address of an interface.
type Address struct {
	Family  string `lua:"family" doc:"inet or inet6"`
	Address string `lua:"address" doc:"address, without scope and prefix"`
	Prefix  int    `lua:"prefix" doc:"length of the network's prefix"`
}

// Privilege tells as whom commands run.
type Privilege struct {
	User   string `lua:"user" doc:"name"`
	UID    int    `lua:"uid" doc:"number; 0 is root"`
	Method string `lua:"method,omitempty" doc:"how the user was reached: sudo, doas"`
	Login  string `lua:"login" doc:"user who logged in"`
}

// GetFacts asks a host what it is. It costs no exchange where the host was
// asked when it was connected.
func GetFacts(ctx context.Context, h effect.Doer) (Facts, error) {
	r, err := h.Do(ctx, effect.Effect{
		Op: "host.facts", Reads: effect.Nothing, Conn: &effect.ConnOp{Verb: effect.ConnGreeting},
	})
	if err != nil {
		return Facts{}, err
	}
	out, err := r.Output()
	if err != nil {
		return Facts{}, err
	}
	return ParseFacts(out)
}
