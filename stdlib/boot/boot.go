// Package boot knows the boot code of a host: which each disk of the root pool, or
// of the root file system, has and needs, whether it is that of the running
// system, and whether it would read the pool after an upgrade. An upgrade of
// FreeBSD replaces the files in /boot and nothing on the disks that the firmware
// reads, so somebody has to.
package boot

import (
	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
)

const (
	raisesDenied = `kind "denied": only root may read and write disks`
	raisesRoot   = `kind "failed": the root file system is neither on ZFS nor on UFS`
)

// Module is h.boot.
var Module = binding.Module{
	Name: "boot",
	Doc:  "Boot code on every disk the host may start from: is it that of /boot, and does it read the pool?",
	Funcs: []binding.Func{
		{
			Name: "check", Kind: effect.Read, Call: Check, See: []string{"gptzfsboot(8)", "loader.efi(8)", "zpool-features(7)"},
			Doc: "Tells whether the installed boot code would read the root pool after zpool upgrade, and if not, why. " +
				"Boot code does not tell its age: only what is byte for byte that of /boot is known to read what the release writes. " +
				"A member of the pool that is not there speaks against it, since its boot code is unknown.",
			Raises:  []string{raisesDenied, raisesRoot},
			Example: `local verdict = h.boot.check()` + "\n" + `if not verdict.ok then fail("%s", table.concat(verdict.reasons, "; ")) end`,
		},
		{
			Name: "plan", Kind: effect.Read, Call: PlanOf, See: []string{"gpart(8)", "pmbr(8)", "gptzfsboot(8)", "loader.efi(8)"},
			Doc: "Tells of every disk of the root pool, or of the root file system, which boot code it has and needs, compared with the files in /boot. " +
				"BIOS: pmbr in the first sector, gptzfsboot or gptboot in the freebsd-boot partition. UEFI: the loader on the EFI partition, at the paths where it is. " +
				"A disk may have both. An EFI partition that is not mounted is mounted read-only in a private place for the moment. Members that are not there are named.",
			Raises:  []string{raisesDenied, raisesRoot},
			Example: `for _, d in ipairs(h.boot.plan().disks) do log("%s: %s", d.name, d.state) end`,
		},
		{
			Name: "update", Kind: effect.Change, Call: Update, Risk: effect.Disruptive, See: []string{"gpart(8)", "pmbr(8)", "gptzfsboot(8)", "loader.efi(8)"},
			Doc: "Writes the boot code of /boot to every disk that has older one, and reads it back. " +
				"Before anything is written it refuses where a disk cannot be updated. What was there is kept in a folder of the host; a loader on an EFI partition also beside the new one, as NAME-OLD.EFI, where there is room. " +
				"A program on an EFI partition that is not FreeBSD's is left alone. What is current is not written.",
			Raises: []string{raisesDenied, raisesRoot,
				`kind "failed": a disk has no place for the boot code, or too small a one; an EFI partition is damaged or mounted read-only; what is read back differs`},
			Example: `local done = h.boot.update()` + "\n" + `log("written: %s", table.concat(done.written, ", "))`,
		},
		{
			Name: "upgradable", Kind: effect.Read, Call: UpgradableOf, See: []string{"zpool-upgrade(8)", "zpool-features(7)"},
			Doc:     "Tells of every imported pool which features an upgrade would enable, and whether the host still starts after it.",
			Raises:  []string{raisesDenied, raisesRoot},
			Example: `for _, u in ipairs(h.boot.upgradable()) do log("%s: %s", u.pool, u.safe and "safe" or table.concat(u.reasons, "; ")) end`,
		},
	},
}
