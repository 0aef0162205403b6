package sim

import (
	"io"
	"slices"
	"syscall"

	"bsdrun/runtime/sim/state"
)

// deviceData reads and writes disks and partitions by their devices, as dd(1)
// does. What is described otherwise, such as a file system, reads as zeros.
type deviceData struct{ m *Machine }

// rawLimit is how much of what is written to a partition is kept: boot programs
// and the beginnings of everything else.
const rawLimit = 2 << 20

func (r deviceData) ReadDisk(name string, b []byte, off int64) (int, error) {
	s := r.m.state
	s.Lock()
	defer s.Unlock()
	d, part := s.Provider(name)
	if d == nil {
		return 0, syscall.ENXIO
	}
	size, data := d.Size, []byte(nil)
	switch {
	case part != nil:
		size, data = part.Size*d.SectorSize(), part.Raw
	case d.Table != nil:
		data = d.Table.Boot
	}
	if off >= size {
		return 0, io.EOF
	}
	b = b[:min(int64(len(b)), size-off)]
	copied := 0
	if off < int64(len(data)) {
		copied = copy(b, data[off:])
	}
	clear(b[copied:])
	return len(b), nil
}

// WriteDisk overwrites what is there, but for what is in use. Beyond the first
// sector of a disk lies its table, whose other copy is at the disk's end.
func (r deviceData) WriteDisk(name string, b []byte, off int64) (int, error) {
	if r.m.UsedAs(name) != "" {
		return 0, syscall.EPERM
	}
	s := r.m.state
	s.Lock()
	d, part := s.Provider(name)
	room := int64(0)
	switch {
	case part != nil:
		room = part.Size*d.SectorSize() - off
	case d != nil:
		room = d.Size - off
	}
	if room <= 0 {
		s.Unlock()
		if d == nil {
			return 0, syscall.ENXIO
		}
		return 0, syscall.ENOSPC
	}
	b = b[:min(int64(len(b)), room)]
	if part != nil {
		data := overwritten(part.Raw, b, off)
		s.Unlock()
		r.m.WriteRaw(name, data)
		return len(b), nil
	}
	defer s.Unlock()
	if t := d.Table; t != nil && off < 34*d.SectorSize() {
		if off < state.DefaultSector {
			t.Boot = overwritten(t.Boot, b, off)
			t.Boot = t.Boot[:min(len(t.Boot), state.DefaultSector)]
		}
		t.Corrupt = t.Corrupt || off+int64(len(b)) > state.DefaultSector
	}
	return len(b), nil
}

// overwritten is what was there with something written over it at an offset.
func overwritten(old, b []byte, off int64) []byte {
	data := slices.Clone(old)
	if end := min(off+int64(len(b)), rawLimit); end > int64(len(data)) {
		data = append(data, make([]byte, end-int64(len(data)))...)
	}
	if off < int64(len(data)) {
		copy(data[off:], b)
	}
	return data
}
