package zfs

import (
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

// device is what a leaf may lie on: a disk, a partition or a file.
type device struct {
	path   string // the name it was found by
	id     string // what it is whatever it is called: GUID, serial number; empty for files
	size   int64
	disk   *state.Disk
	part   *state.Partition
	isFile bool
}

// findDevice is the device of a path; the state is locked.
func findDevice(m *sim.Machine, path string) (device, bool) {
	if d, part := m.State().Provider(path); d != nil {
		return newDevice(path, d, part), true
	}
	if strings.HasPrefix(path, "/dev/") {
		return device{}, false
	}
	info, err := m.View(vfs.Root, "/").Stat(path)
	if err != nil || info.Type != vfs.TypeFile {
		return device{}, false
	}
	return device{path: path, size: info.Size, isFile: true}, true
}

func newDevice(path string, d *state.Disk, part *state.Partition) device {
	if part == nil {
		return device{path: path, id: d.Serial, size: d.Size, disk: d}
	}
	return device{path: path, id: part.GUID, size: part.Size * d.SectorSize(), disk: d, part: part}
}

// locate is the device a leaf's label lies on.
func locate(m *sim.Machine, v *state.Vdev) (device, bool) {
	d, part := m.State().Lies(v)
	switch {
	case part != nil:
		return newDevice("/dev/"+d.PartName(part), d, part), true
	case d != nil:
		return newDevice("/dev/"+d.Name, d, nil), true
	case v.Device != "":
		return device{}, false
	}
	return findDevice(m, v.Path)
}

// intact tells whether nothing was written over what the pool keeps there.
func (d device) intact() bool {
	if d.part != nil {
		return d.part.Raw == nil && d.part.FileSystem == ""
	}
	return d.isFile || d.disk.Table == nil
}

// present tells whether a leaf's device is there, with its label.
func present(m *sim.Machine, v *state.Vdev) bool {
	d, ok := locate(m, v)
	return ok && d.intact()
}

// take writes a pool's label to the device of a leaf.
func (d device) take(v *state.Vdev) {
	v.Device, v.Size = d.id, d.size
	switch {
	case d.part != nil:
		d.part.Raw, d.part.FileSystem = nil, ""
	case d.disk != nil:
		d.disk.Table = nil
	}
}

// DeviceName is the path of a device named as on a command line: gpt/disk0 and
// ada0p3 are below /dev, and anything with a leading slash is a path.
func DeviceName(name string) string {
	if strings.HasPrefix(name, "/") {
		return name
	}
	return "/dev/" + name
}

// RealDevice is the plain name of a leaf's device (ada0p3 for gpt/disk0), or
// its path when there is none.
func RealDevice(m *sim.Machine, v *state.Vdev) string {
	defer enter(m)()
	if d, ok := locate(m, v); ok {
		return d.path
	}
	return v.Path
}

// DeviceThere tells whether something can be opened where a leaf should be, be it
// the pool's or not.
func DeviceThere(m *sim.Machine, v *state.Vdev) bool {
	defer enter(m)()
	_, ok := findDevice(m, v.Path)
	return ok
}
