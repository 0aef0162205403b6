// Package mount keeps file systems mounted: now, and by fstab(5) at every boot.
package mount

import (
	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
)

// Module is h.mount.
var Module = binding.Module{
	Name: "mount",
	Doc:  "File systems: what is mounted, and what /etc/fstab mounts at boot.",
	Funcs: []binding.Func{
		{
			Name: "ensure", Kind: effect.Change, Call: Ensure, See: []string{"mount(8)", "fstab(5)"},
			Doc: "Makes a file system mounted and a line of /etc/fstab. It is mounted first: a line that does not work would stop the next boot. " +
				"The line of that mount point is changed where it stands, and a new one goes to the end; comments, order and all other lines stay. " +
				"Datasets of ZFS need mountpoint=legacy.",
			Raises: []string{`kind "failed": something else is mounted there, or it cannot be mounted`, `kind "missing": there is no such device`},
			Example: `h.mount.ensure("/var/build", { device = "tmpfs", type = "tmpfs", options = { "rw", "size=4g" } })` + "\n" +
				`h.mount.ensure("/mnt/ports", { device = "nfs.example.org:/ports", type = "nfs", options = { "ro", "late" } })`,
		},
		{
			Name: "list", Kind: effect.Read, Call: List, See: []string{"mount(8)", "fstab(5)"},
			Doc:     "Lists what is mounted and what fstab names, swap too: first what is mounted, in its order.",
			Example: `for _, m in ipairs(h.mount.list()) do log("%s on %s", m.device, m.mountpoint) end`,
		},
		{
			Name: "remove", Kind: effect.Change, Call: Remove, See: []string{"umount(8)", "fstab(5)"},
			Doc:     "Unmounts a file system and removes its line from /etc/fstab. What is neither mounted nor named there is no failure.",
			Raises:  []string{`kind "failed": files in it are in use`, `kind "invalid": the system cannot be without it`},
			Example: `h.mount.remove("/mnt/ports")`,
		},
	},
}
