package gpartsim

import (
	"errors"
	"strings"
	"syscall"

	"bsdrun/runtime/sim"
)

// target is what newfs works on: the operand after options, and what stands
// against it.
func target(p *sim.Proc, withArgument string) (device string, dry bool, err error) {
	args := p.Args[1:]
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		for n := 1; n < len(args[0]); n++ {
			if args[0][n] == 'N' {
				dry = true
			}
			if strings.IndexByte(withArgument, args[0][n]) >= 0 {
				if n == len(args[0])-1 && len(args) > 1 {
					args = args[1:]
				}
				break
			}
		}
		args = args[1:]
	}
	if len(args) == 0 {
		return "", false, errUsage
	}
	device = args[0]
	if !strings.HasPrefix(device, "/") {
		device = "/dev/" + device
	}
	s := p.Machine.State()
	s.Lock()
	d, part := s.Provider(device)
	name := ""
	if part != nil {
		name = d.PartName(part)
	}
	s.Unlock()
	switch {
	case d == nil:
		return device, dry, syscall.ENOENT
	case part == nil:
		return device, dry, errWhole
	case p.Cred.UID != 0:
		return device, dry, syscall.EACCES
	case p.Machine.UsedAs(name) != "":
		return device, dry, syscall.EPERM
	}
	return device, dry, nil
}

// errWhole: a file system on a whole disk is not modelled.
var errWhole = refuse("a whole disk")

func newfs(p *sim.Proc) int {
	device, dry, err := target(p, "BEGLOPSTabcdefghikmors")
	switch {
	case err == nil:
	case errors.Is(err, errUsage):
		p.Errorf("usage: newfs [ -fsoptions ] special-device [device-type]\n")
		return 1
	case errors.Is(err, errWhole):
		return p.Cannot("newfs %s", device)
	case errors.Is(err, syscall.ENOENT):
		p.Errorf("newfs: %s: could not find special device\n", device)
		return 1
	default:
		p.Errorf("newfs: %s: failed to open disk for writing\n", device)
		return 1
	}
	size := p.Machine.DeviceSize(device)
	groups := max(1, size/(641<<20))
	p.Printf("%s: %.1fMB (%d sectors) block size 32768, fragment size 4096\n\tusing %d cylinder groups of 641.31MB, 20522 blks, 82176 inodes.\nsuper-block backups (for fsck_ffs -b #) at:\n 192",
		device, float64(size)/(1<<20), size/512, groups)
	for n := int64(1); n < min(groups, 5); n++ {
		p.Printf(", %d", 192+n*1313408)
	}
	p.Printf("\n")
	if !dry {
		p.Machine.MakeFileSystem(device, "ufs")
	}
	return 0
}

func newfsMSDOS(p *sim.Proc) int {
	device, dry, err := target(p, "@BCFILOSaTbcefhikmnorsu")
	switch {
	case err == nil:
	case errors.Is(err, errUsage):
		p.Errorf("usage: newfs_msdos [ -options ] special [disktype]\nwhere the options are:\n")
		return 1
	case errors.Is(err, errWhole):
		return p.Cannot("newfs_msdos %s", device)
	default:
		p.Errorf("newfs_msdos: %s: %s\n", device, sim.ErrText(err))
		return 1
	}
	sectors := p.Machine.DeviceSize(device) / 512
	clusters := sectors - 32 - 2*(sectors/128)
	p.Printf("%s: %d sectors in %d FAT32 clusters (512 bytes/cluster)\nBytesPerSec=512 SecPerClust=1 ResSectors=32 FATs=2 Media=0xf0 SecPerTrack=63 Heads=255 HiddenSecs=0 HugeSectors=%d FATsecs=%d RootCluster=2 FSInfo=1 Backup=2\n",
		device, clusters, clusters, sectors, sectors/128)
	if !dry {
		p.Machine.MakeFileSystem(device, "msdosfs")
	}
	return 0
}
