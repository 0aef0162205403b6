package state

import (
	"fmt"
	"slices"
	"strings"
)

// DefaultSector is the sector size of a disk that names none.
const DefaultSector = 512

// SectorSize is a disk's sector size in bytes.
func (d *Disk) SectorSize() int64 {
	if d.Sector == 0 {
		return DefaultSector
	}
	return d.Sector
}

// Sectors is a disk's size in sectors.
func (d *Disk) Sectors() int64 { return d.Size / d.SectorSize() }

// PartName is a partition's name: ada0p1 on GPT, ada0s1 on MBR, ada0a on BSD.
func (d *Disk) PartName(p *Partition) string {
	switch d.Table.Scheme {
	case "MBR":
		return fmt.Sprintf("%ss%d", d.Name, p.Index)
	case "BSD":
		return d.Name + string(rune('a'+p.Index-1))
	}
	return fmt.Sprintf("%sp%d", d.Name, p.Index)
}

// Part is a partition by its index, nil when there is none.
func (t *Table) Part(index int) *Partition {
	for _, p := range t.Parts {
		if p.Index == index {
			return p
		}
	}
	return nil
}

// Insert puts a partition in its place: they are kept by index.
func (t *Table) Insert(p *Partition) {
	t.Parts = append(t.Parts, p)
	slices.SortFunc(t.Parts, func(a, b *Partition) int { return a.Index - b.Index })
}

// InOrder lists the partitions as they lie on the disk.
func (t *Table) InOrder() []*Partition {
	parts := slices.Clone(t.Parts)
	slices.SortFunc(parts, func(a, b *Partition) int {
		if a.Start < b.Start {
			return -1
		}
		return 1
	})
	return parts
}

// Clone is a copy that shares nothing with the table but boot programs, which
// are never written in place.
func (t *Table) Clone() *Table {
	if t == nil {
		return nil
	}
	c := *t
	c.Parts = nil
	for _, p := range t.Parts {
		part := *p
		part.Attributes = slices.Clone(p.Attributes)
		c.Parts = append(c.Parts, &part)
	}
	return &c
}

// Disk is a disk that the kernel sees, by its name; nil when there is none.
func (s *State) Disk(name string) *Disk {
	for _, d := range s.Disks {
		if d.Name == name && !d.Gone {
			return d
		}
	}
	return nil
}

// Provider is what a device stands for: a disk, or a partition of one. It goes
// by its own name or its label in gpt, with or without /dev/ before it.
func (s *State) Provider(name string) (*Disk, *Partition) {
	name = strings.TrimPrefix(name, "/dev/")
	label, labelled := strings.CutPrefix(name, "gpt/")
	for _, d := range s.Disks {
		switch {
		case d.Gone:
			continue
		case d.Name == name:
			return d, nil
		case d.Table == nil:
			continue
		}
		for _, p := range d.Table.Parts {
			if labelled && d.Table.Scheme == "GPT" && p.Label == label || !labelled && d.PartName(p) == name {
				return d, p
			}
		}
	}
	return nil, nil
}

// Lies is what a leaf's label lies on, whatever it is called now; nil when that
// is not there.
func (s *State) Lies(v *Vdev) (*Disk, *Partition) {
	if v.Device == "" {
		return s.Provider(v.Path)
	}
	for _, d := range s.Disks {
		switch {
		case d.Gone:
			continue
		case d.Serial == v.Device:
			return d, nil
		case d.Table == nil:
			continue
		}
		for _, p := range d.Table.Parts {
			if p.GUID == v.Device {
				return d, p
			}
		}
	}
	return nil, nil
}

// Leaves lists the devices of a pool, those of its log, cache and spares too.
func (p *Pool) Leaves() []*Vdev {
	var leaves []*Vdev
	var walk func(list []*Vdev)
	walk = func(list []*Vdev) {
		for _, v := range list {
			if v.Path != "" && len(v.Children) == 0 {
				leaves = append(leaves, v)
			}
			walk(v.Children)
		}
	}
	walk(p.Vdevs)
	return leaves
}

// Find is a dataset of the pool by its whole name; nil when there is none.
func (p *Pool) Find(name string) *Dataset {
	for _, d := range p.Datasets {
		if d.Name == name {
			return d
		}
	}
	return nil
}
