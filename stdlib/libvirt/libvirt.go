// Package libvirt looks at the virtual machines of a host that libvirt runs, and
// starts and stops them.
package libvirt

import (
	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
)

const (
	raisesMissing = `kind "missing": there is no such domain, or no virsh`
	raisesDenied  = `kind "denied": the system's domains are root's and the group libvirt's`
	raisesDaemon  = `kind "failed": libvirt's daemon does not answer`
)

// Module is h.libvirt.
var Module = binding.Module{
	Name: "libvirt",
	Doc: "Virtual machines that libvirt runs (KVM, QEMU): their definitions, disks, networks and states. " +
		"The system's (qemu:///system) need root or the group libvirt; connect=\"qemu:///session\" has the user's own.",
	Funcs: []binding.Func{
		{
			Name: "autostart", Kind: effect.Change, Call: Autostart, See: []string{"virsh(1)"},
			Doc:     "Makes a domain start with its host, or not. What is so already is left alone.",
			Raises:  []string{raisesMissing, raisesDenied},
			Example: `h.libvirt.autostart("web", false)`,
		},
		{
			Name: "disks", Kind: effect.Read, Call: Disks, See: []string{"virsh(1)"},
			Doc: "Returns a domain's disks, CD-ROMs and floppies in the order of its definition, with their sizes, and the paths of volumes that lie in storage pools. " +
				"Where path or sizes of one cannot be told, problem says why.",
			Raises:  []string{raisesMissing, raisesDenied},
			Example: `for _, d in ipairs(h.libvirt.disks("web")) do log("%s on %s: %s", d.target, d.bus, d.path or "empty") end`,
		},
		{
			Name: "domain", Kind: effect.Read, Call: Get, See: []string{"virsh(1)", "https://libvirt.org/formatdomain.html"},
			Doc: "Returns what a domain is made of: as it is started the next time, or with live as it runs now. " +
				"other lists the parts of the definition that no field tells. Passwords are never read.",
			Raises:  []string{raisesMissing, raisesDenied, raisesDaemon},
			Example: `local d = h.libvirt.domain("web"); log("%d processors, %d bytes, %s", d.vcpus, d.memory, d.firmware.kind)`,
		},
		{
			Name: "domains", Kind: effect.Read, Call: Domains, See: []string{"virsh(1)"},
			Doc:     "Returns all domains, by name, with what they are at.",
			Raises:  []string{raisesDenied, raisesDaemon},
			Example: `for _, d in ipairs(h.libvirt.domains{ state = "running" }) do log("%s runs", d.name) end`,
		},
		{
			Name: "dumpxml", Kind: effect.Read, Call: Dumpxml, See: []string{"virsh(1)"},
			Doc:     "Returns a domain's definition as XML, without passwords: for keeping it, or for what domain does not tell.",
			Raises:  []string{raisesMissing, raisesDenied},
			Example: `h.file.put("/var/backups/web.xml", h.libvirt.dumpxml("web"))`,
		},
		{
			Name: "efi", Kind: effect.Read, Call: EFIOf, See: []string{"virsh(1)"},
			Doc: "Returns what the firmware of a domain with EFI has kept in its variables: the entries of its boot menu, the keys of secure boot. " +
				"Where they cannot be told, problem says why.",
			Raises:  []string{raisesMissing, raisesDenied},
			Example: `for _, b in ipairs(h.libvirt.efi("web").boot) do log("%s: %s", b.name, b.file or "-") end`,
		},
		{
			Name: "network", Kind: effect.Read, Call: NetworkOf, See: []string{"virsh(1)", "https://libvirt.org/formatnetwork.html"},
			Doc:     "Returns one of libvirt's networks: what an interface of kind network is plugged into.",
			Raises:  []string{`kind "missing": there is no such network`, raisesDenied},
			Example: `log(h.libvirt.network("default").forward)`,
		},
		{
			Name: "networks", Kind: effect.Read, Call: Networks, See: []string{"virsh(1)"},
			Doc:     "Returns libvirt's networks.",
			Raises:  []string{raisesDenied},
			Example: `for _, n in ipairs(h.libvirt.networks()) do log("%s: %s", n.name, n.forward) end`,
		},
		{
			Name: "pools", Kind: effect.Read, Call: Pools, See: []string{"virsh(1)"},
			Doc:     "Returns the storage pools, whose volumes domains may have as disks.",
			Raises:  []string{raisesDenied},
			Example: `for _, p in ipairs(h.libvirt.pools()) do log("%s: %d bytes are free", p.name, p.available) end`,
		},
		{
			Name: "shutdown", Kind: effect.Change, Call: Shutdown, See: []string{"virsh(1)"},
			Doc: "Shuts a domain down and waits until it is off. One that is off is left alone. " +
				"A guest that takes no notice is an error; with force its plug is pulled then. A transient domain is refused: its definition would be lost.",
			Raises:  []string{`kind "timeout": the guest did not shut down`, `kind "failed": it is paused, or transient`, raisesMissing, raisesDenied},
			Example: `h.libvirt.shutdown("web", { within = 120, force = true })`,
		},
		{
			Name: "snapshots", Kind: effect.Read, Call: Snapshots, See: []string{"virsh(1)"},
			Doc:     "Returns a domain's snapshots, oldest first.",
			Raises:  []string{raisesMissing, raisesDenied},
			Example: `for _, s in ipairs(h.libvirt.snapshots("web")) do log("%s of %s", s.name, s.created) end`,
		},
		{
			Name: "start", Kind: effect.Change, Call: Start, See: []string{"virsh(1)"},
			Doc:     "Starts a domain. One that runs is left alone; one whose memory was saved goes on from there.",
			Raises:  []string{`kind "failed": it is paused, or something that it needs is missing or in use`, raisesMissing, raisesDenied},
			Example: `h.libvirt.start("web")`,
		},
		{
			Name: "state", Kind: effect.Read, Call: StateOf, See: []string{"virsh(1)"},
			Doc:     "Returns what a domain is at, and why.",
			Raises:  []string{raisesMissing, raisesDenied},
			Example: `if h.libvirt.state("web").state ~= "shut off" then fail("web is not off") end`,
		},
		{
			Name: "vol_path", Kind: effect.Read, Call: VolPath, See: []string{"virsh(1)"},
			Doc:     "Returns where a volume of a storage pool lies.",
			Raises:  []string{`kind "missing": there is no such pool or volume`, `kind "failed": the pool is not active`, raisesDenied},
			Example: `log(h.libvirt.vol_path("default", "web.qcow2").path)`,
		},
	},
}
