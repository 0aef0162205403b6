package sim

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

// installBoot makes a fresh machine start from its disks, as its installer does:
// boot programs on every disk, the loader on every EFI partition.
func (m *Machine) installBoot(image *vfs.Image) error {
	s := m.state
	read := func(file string) []byte {
		kept, known := startedFrom.Load(startProgram{image, file})
		if !known {
			data, _ := m.View(vfs.Root, "/").ReadFile(file)
			kept, _ = startedFrom.LoadOrStore(startProgram{image, file}, data)
		}
		return kept.([]byte)
	}
	partition := "/boot/gptboot"
	if m.profile.Root.Type == "zfs" {
		partition = "/boot/gptzfsboot"
	}
	for _, d := range s.Disks {
		for _, part := range d.Table.Parts {
			switch part.Type {
			case "freebsd-boot":
				part.Raw, d.Table.Boot = read(partition), read("/boot/pmbr")
			case "efi":
				if err := m.installESP(d, part, read("/boot/loader.efi")); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// startedFrom are what the machines of an image start from: one memory for all of
// them, which must not change.
var startedFrom sync.Map // startProgram -> []byte

type startProgram struct {
	image *vfs.Image
	file  string
}

// espFiles are where the installer puts the loader on an EFI partition.
var espFiles = []string{"/EFI/BOOT/BOOTX64.EFI", "/EFI/FREEBSD/LOADER.EFI"}

func (m *Machine) installESP(d *state.Disk, part *state.Partition, loader []byte) error {
	source := "/dev/" + d.PartName(part)
	if err := m.fillDetached(vfs.Mount{Source: source, Type: "msdosfs", Size: part.Size * d.SectorSize()}, espFiles, loader); err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	f := &m.state.Firmware
	number := len(f.Entries)
	f.Entries = append(f.Entries, state.BootEntry{Number: number, Label: "FreeBSD", Active: true, GUID: part.GUID, Path: espFiles[1]})
	f.Order = append(f.Order, number)
	f.Timeout = 2
	return nil
}

// fillDetached makes a file system with the same content in some files, and
// leaves it unmounted.
func (m *Machine) fillDetached(mnt vfs.Mount, files []string, content []byte) error {
	mnt.Point = "/mnt"
	if err := m.tree.Mount(mnt); err != nil {
		return err
	}
	view := m.View(vfs.Root, "/")
	for _, file := range files {
		if err := view.MkdirAll(mnt.Point+parentOf(file), 0o755); err != nil {
			return err
		}
		if err := view.PutShared(mnt.Point+file, content, 0o755); err != nil {
			return err
		}
	}
	return m.tree.Unmount(mnt.Point)
}

// MakeFileSystem makes an empty file system on a partition, as newfs(8) and
// newfs_msdos(8) do; the state must not be locked.
func (m *Machine) MakeFileSystem(device, kind string) {
	s := m.state
	s.Lock()
	d, part := s.Provider(device)
	if part == nil {
		s.Unlock()
		return
	}
	part.Raw, part.FileSystem = nil, kind
	mnt := vfs.Mount{Source: "/dev/" + d.PartName(part), Type: kind, Size: part.Size * d.SectorSize()}
	s.Unlock()
	m.tree.Discard(mnt.Source)
	_ = m.fillDetached(mnt, nil, nil)
}

// WriteRaw overwrites the beginning of a partition, or of a disk's first sector,
// as gpart bootcode -p and dd do: what file system was there is gone.
func (m *Machine) WriteRaw(device string, data []byte) {
	s := m.state
	s.Lock()
	d, part := s.Provider(device)
	source := ""
	switch {
	case part != nil:
		if part.FileSystem != "" {
			source = "/dev/" + d.PartName(part)
		}
		part.Raw, part.FileSystem = slices.Clone(data), ""
	case d != nil && d.Table != nil:
		d.Table.Boot = slices.Clone(data)
	}
	s.Unlock()
	if source != "" {
		m.tree.Discard(source)
	}
}

// readBootParams takes what a machine's URL says of its disks and its kernels:
//
//	gone=DISK               a disk that was pulled out
//	bootorder=DISK,DISK     the order in which the firmware tries disks
//	bootcode=[DISK:]RELEASE boot programs of that age; none: no boot programs
//	panic=RELEASE           a kernel that panics as it starts
//	hang=RELEASE            a kernel that hangs as it starts
func (m *Machine) readBootParams(q url.Values, fresh bool) error {
	disk := func(param, name string) (*state.Disk, error) {
		for _, d := range m.state.Disks {
			if d.Name == name {
				return d, nil
			}
		}
		return nil, fmt.Errorf("%s=%s: the machine has the disks %s", param, q.Get(param), strings.Join(m.profile.diskNames(), ", "))
	}
	for _, name := range q["gone"] {
		d, err := disk("gone", name)
		if err != nil {
			return err
		}
		d.Gone = true
	}
	if order := q.Get("bootorder"); order != "" {
		m.state.Firmware.Disks = strings.Split(order, ",")
		for _, name := range m.state.Firmware.Disks {
			if _, err := disk("bootorder", name); err != nil {
				return err
			}
		}
	}
	for _, text := range q["bootcode"] {
		names := m.profile.diskNames()
		name, release, one := strings.Cut(text, ":")
		if one {
			names = []string{name}
		} else {
			release = text
		}
		for _, name := range names {
			d, err := disk("bootcode", name)
			if err != nil {
				return err
			}
			if fresh {
				if err := m.setBootCode(d, release); err != nil {
					return fmt.Errorf("bootcode=%s: %w", text, err)
				}
			}
		}
	}
	return nil
}

// setBootCode replaces the boot programs of a disk by those of a release, or by
// nothing.
func (m *Machine) setBootCode(d *state.Disk, release string) error {
	kind := "gptboot"
	if m.profile.Root.Type == "zfs" {
		kind = "gptzfsboot"
	}
	var boot, partition, loader []byte
	if release != "none" {
		programs, err := bootPrograms(release)
		if err != nil {
			return err
		}
		boot, partition, loader = programs["pmbr"], programs[kind], programs["loader.efi"]
	}
	for _, part := range d.Table.Parts {
		switch part.Type {
		case "freebsd-boot":
			d.Table.Boot, part.Raw = boot, partition
			if partition == nil {
				part.Raw = make([]byte, state.DefaultSector)
			}
		case "efi":
			mnt := vfs.Mount{Source: "/dev/" + d.PartName(part), Type: "msdosfs", Size: part.Size * d.SectorSize()}
			m.tree.Discard(mnt.Source)
			files := espFiles
			if loader == nil {
				files = nil
			}
			if err := m.fillDetached(mnt, files, loader); err != nil {
				return err
			}
		}
	}
	return nil
}

// PullDisk takes a disk out of the machine, or puts it back.
func (m *Machine) PullDisk(name string, out bool) {
	m.state.Lock()
	for _, d := range m.state.Disks {
		if d.Name == name {
			d.Gone = out
		}
	}
	m.state.Unlock()
	if !m.Down() {
		m.Devices()
	}
}
