// Package stdlib is the one list of what scripts can call and of what simulated
// machines can run.
package stdlib

//go:generate go run bsdrun/cmd/bsdrun-gen ..

import (
	"bsdrun/runtime/binding"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/openssh"
	"bsdrun/stdlib/bectl"
	"bsdrun/stdlib/bectl/bectlsim"
	"bsdrun/stdlib/boot"
	"bsdrun/stdlib/cc"
	"bsdrun/stdlib/cc/ccsim"
	"bsdrun/stdlib/cron"
	"bsdrun/stdlib/file"
	"bsdrun/stdlib/freebsdupdate"
	"bsdrun/stdlib/freebsdupdate/freebsdupdatesim"
	"bsdrun/stdlib/git"
	"bsdrun/stdlib/git/gitsim"
	"bsdrun/stdlib/gpart"
	"bsdrun/stdlib/gpart/gpartsim"
	"bsdrun/stdlib/group"
	"bsdrun/stdlib/hostverbs"
	"bsdrun/stdlib/image"
	"bsdrun/stdlib/image/imagesim"
	"bsdrun/stdlib/jail"
	"bsdrun/stdlib/kld"
	"bsdrun/stdlib/kld/kldsim"
	"bsdrun/stdlib/libvirt"
	"bsdrun/stdlib/libvirt/libvirtsim"
	"bsdrun/stdlib/mount"
	"bsdrun/stdlib/net"
	"bsdrun/stdlib/pf"
	"bsdrun/stdlib/pf/pfsim"
	"bsdrun/stdlib/pkg"
	"bsdrun/stdlib/pkg/pkgsim"
	"bsdrun/stdlib/pkgbase"
	"bsdrun/stdlib/ports"
	"bsdrun/stdlib/ports/portssim"
	"bsdrun/stdlib/portshaker"
	"bsdrun/stdlib/portshaker/portshakersim"
	"bsdrun/stdlib/poudriere"
	"bsdrun/stdlib/poudriere/poudrieresim"
	"bsdrun/stdlib/service"
	"bsdrun/stdlib/service/servicesim"
	"bsdrun/stdlib/shellvars"
	"bsdrun/stdlib/sysctl"
	"bsdrun/stdlib/sysctl/sysctlsim"
	"bsdrun/stdlib/sysrc"
	"bsdrun/stdlib/sysrc/sysrcsim"
	"bsdrun/stdlib/tablelib"
	"bsdrun/stdlib/timelib"
	"bsdrun/stdlib/user"
	"bsdrun/stdlib/vbox"
	"bsdrun/stdlib/vbox/vboxsim"
	"bsdrun/stdlib/version"
	"bsdrun/stdlib/zfs"
	"bsdrun/stdlib/zfs/zfssim"
	"bsdrun/stdlib/zpool"
	"bsdrun/stdlib/zpool/zpoolsim"
)

// Modules lists what scripts can call.
func Modules() []binding.Module {
	return []binding.Module{
		bectl.Module,
		boot.Module,
		cc.Module,
		cron.Module,
		file.Module,
		freebsdupdate.Module,
		git.Module,
		gpart.Module,
		group.Module,
		hostverbs.Module,
		image.Module,
		jail.Module,
		kld.Module,
		libvirt.Module,
		mount.Module,
		net.Module,
		pf.Module,
		pkg.Module,
		pkgbase.Module,
		ports.Module,
		portshaker.Module,
		poudriere.Module,
		service.Module,
		shellvars.Module,
		sysctl.Module,
		sysrc.Module,
		tablelib.Module,
		timelib.Module,
		user.Module,
		vbox.Module,
		version.Module,
		zfs.Module,
		zpool.Module,
	}
}

// Tools lists the programs of simulated machines.
func Tools() []*sim.Tool {
	tools := []*sim.Tool{gitsim.Tool(), portshakersim.Tool(), portshakersim.Rsync()}
	for _, more := range [][]*sim.Tool{
		base.Tools(),
		base.GNUTools(),
		bectlsim.Tools(),
		ccsim.Tools(),
		freebsdupdatesim.Tools(),
		gpartsim.Tools(),
		openssh.Tools(),
		imagesim.Tools(),
		kldsim.Tools(),
		libvirtsim.Tools(),
		pfsim.Tools(),
		pkgsim.Tools(),
		portssim.Tools(),
		poudrieresim.Tools(),
		servicesim.Tools(),
		sysctlsim.Tools(),
		sysrcsim.Tools(),
		vboxsim.Tools(),
		zfssim.Tools(),
		zpoolsim.Tools(),
	} {
		tools = append(tools, more...)
	}
	return tools
}
