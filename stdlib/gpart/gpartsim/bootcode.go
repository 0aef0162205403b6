package gpartsim

import (
	"slices"
	"syscall"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

// Limits of what -b and -p read, and of the first sector's program by scheme.
const (
	bootLimit = 800 << 10
	partLimit = 1 << 20
)

var sectorCode = map[string]int{"GPT": 440, "MBR": 512, "BSD": 8192}

// bootcode writes a program to the first sector, and one into a partition: with
// the bytes of the file over whatever lies there, whatever the partition is for.
func (k *call) bootcode() error {
	if len(k.args) != 1 {
		return refuse("Invalid number of arguments.")
	}
	var boot []byte
	var err error
	if k.has('b') {
		if boot, err = k.bootFile(k.opt['b'], bootLimit); err != nil {
			return err
		}
	}
	if !k.has('p') {
		if boot == nil {
			return refuse("neither -b nor -p specified")
		}
		if k.has('i') {
			return refuse("-i is only valid with -p")
		}
	} else if err := k.partcode(); err != nil {
		return err
	}
	if boot == nil {
		return nil
	}
	d, err := k.change()
	if err != nil {
		return err
	}
	if len(boot) > sectorCode[d.Table.Scheme] && !paddedTo(boot, sectorCode[d.Table.Scheme]) {
		return kernel(syscall.EFBIG, "")
	}
	before := d.Table.Clone()
	d.Table.Boot = slices.Clone(boot)
	k.edited(d, before)
	if k.major() < 9 {
		k.Printf("%s has bootcode\n", d.Name)
	} else {
		k.Printf("bootcode written to %s\n", d.Name)
	}
	return nil
}

// paddedTo tells whether what lies beyond the room is nothing: pmbr(8) is a whole
// sector of which the code is the first part.
func paddedTo(code []byte, size int) bool {
	return len(code) <= state.DefaultSector && !slices.ContainsFunc(code[min(size, len(code)):], func(b byte) bool { return b != 0 })
}

func (k *call) partcode() error {
	index, err := k.index()
	if err != nil {
		return err
	}
	if k.has('i') && index < 1 {
		return refuse("invalid partition index")
	}
	code, err := k.bootFile(k.opt['p'], partLimit)
	if err != nil {
		return err
	}
	if index == 0 {
		return refuse("missing -i option")
	}
	d, err := k.table(k.args[0])
	if err != nil {
		return err
	}
	p := d.Table.Part(index)
	if p == nil {
		return refuse("invalid partition index")
	}
	name := d.PartName(p)
	switch {
	case p.Size*d.SectorSize() < int64(len(code)):
		return refuse("/dev/%s: not enough space", name)
	case k.Cred.UID != 0:
		return kernel(syscall.EACCES, "/dev/%s", name)
	case k.busy(name):
		return kernel(syscall.EPERM, "/dev/%s", name)
	}
	k.s.Unlock()
	k.Machine.WriteRaw(name, code)
	k.s.Lock()
	if k.major() >= 10 {
		k.Printf("partcode written to %s\n", name)
	}
	return nil
}

// bootFile reads what -b and -p name.
func (k *call) bootFile(name string, limit int64) ([]byte, error) {
	info, err := k.FS().Stat(name)
	switch {
	case err != nil:
		return nil, refuse("%s: %s", name, sim.ErrText(err))
	case info.Type != vfs.TypeFile:
		return nil, refuse("%s: not a regular file", name)
	case info.Size == 0:
		return nil, refuse("%s: empty file", name)
	case info.Size > limit:
		return nil, refuse("%s: file too big (%d limit)", name, limit)
	}
	data, err := k.FS().ReadFile(name)
	if err != nil {
		return nil, refuse("%s: %s", name, sim.ErrText(err))
	}
	return data, nil
}
