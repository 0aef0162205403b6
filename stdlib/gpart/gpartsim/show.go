package gpartsim

import (
	"fmt"
	"strings"

	"bsdrun/runtime/sim/state"
)

// human is a size as humanize_number(3) gives it in five columns: 512K, 2.0G.
func human(n int64) string {
	units := "BKMGTPE"
	value, i := float64(n), 0
	for value >= 999.5 && i < len(units)-1 {
		value /= 1024
		i++
	}
	if i == 0 {
		return fmt.Sprintf("%dB", n)
	}
	if value < 9.95 {
		return fmt.Sprintf("%.1f%c", value, units[i])
	}
	return fmt.Sprintf("%.0f%c", value, units[i])
}

func (k *call) show() error {
	if k.has('l') && k.has('r') {
		return refuse("-l and -r are mutually exclusive")
	}
	if len(k.args) == 0 {
		for _, d := range k.disks() {
			k.showDisk(d)
		}
		return nil
	}
	for _, name := range k.args {
		d, err := k.table(name)
		if err != nil {
			return err
		}
		k.showDisk(d)
	}
	return nil
}

func (k *call) showDisk(d *state.Disk) {
	t := d.Table
	number := len(fmt.Sprint(t.Last))
	width := len(d.Name)
	if k.has('p') {
		for _, p := range t.Parts {
			width = max(width, len(d.PartName(p)))
		}
	}
	corrupt := ""
	if t.Corrupt {
		corrupt = " [CORRUPT]"
	}
	sector := d.SectorSize()
	k.Printf("=>%*d  %*d  %*s  %s  (%s)%s\n", number, t.First, number, t.Last-t.First+1, width, d.Name, t.Scheme, human(d.Size), corrupt)
	free := func(from, to int64) {
		if from < to {
			k.Printf("  %*d  %*d  %*s  - free -  (%s)\n", number, from, number, to-from, width, "", human((to-from)*sector))
		}
	}
	next := t.First
	for _, p := range t.InOrder() {
		free(next, p.Start)
		which := fmt.Sprint(p.Index)
		if k.has('p') {
			which = d.PartName(p)
		}
		attributes := ""
		if len(p.Attributes) > 0 {
			attributes = "  [" + strings.Join(p.Attributes, ",") + "]"
		}
		k.Printf("  %*d  %*d  %*s  %s%s  (%s)\n", number, p.Start, number, p.Size, width, which, k.element(t, p), attributes, human(p.Size*sector))
		next = p.Start + p.Size
	}
	free(next, t.Last+1)
	k.Printf("\n")
}

// element is a partition's type, label or raw type.
func (k *call) element(t *state.Table, p *state.Partition) string {
	switch {
	case k.has('r'):
		return rawType(t.Scheme, p.Type)
	case k.has('l') && p.Label == "":
		return "(null)"
	case k.has('l'):
		return p.Label
	}
	return p.Type
}

func (k *call) list() error {
	disks := k.disks()
	if len(k.args) > 0 {
		disks = nil
		for _, name := range k.args {
			d := k.s.Disk(strings.TrimPrefix(name, "/dev/"))
			if d == nil || d.Table == nil {
				return refuse("Class 'PART' does not have an instance named '%s'.", name)
			}
			disks = append(disks, d)
		}
	}
	for _, d := range disks {
		k.listDisk(d)
	}
	return nil
}

func (k *call) listDisk(d *state.Disk) {
	t := d.Table
	condition := "OK"
	if t.Corrupt {
		condition = "CORRUPT"
	}
	_, modified := k.kept[d.Name]
	k.Printf("Geom name: %s\nmodified: %v\nstate: %s\nfwheads: 16\nfwsectors: 63\nlast: %d\nfirst: %d\nentries: %d\nscheme: %s\nProviders:\n",
		d.Name, modified, condition, t.Last, t.First, t.Entries, t.Scheme)
	sector := d.SectorSize()
	for n, p := range t.InOrder() {
		size := p.Size * sector
		mode := "r0w0e0"
		if k.busy(d.PartName(p)) {
			mode = "r1w1e1"
		}
		k.Printf("%d. Name: %s\n   Mediasize: %d (%s)\n   Sectorsize: %d\n   Stripesize: 0\n   Stripeoffset: %d\n   Mode: %s\n",
			n+1, d.PartName(p), size, human(size), sector, p.Start*sector, mode)
		for _, attribute := range p.Attributes {
			k.Printf("   attrib: %s\n", attribute)
		}
		if t.Scheme == "GPT" {
			k.Printf("   efimedia: %s\n   rawuuid: %s\n", efiMedia(p), p.GUID)
		}
		k.Printf("   rawtype: %s\n", rawType(t.Scheme, p.Type))
		if t.Scheme == "GPT" {
			label := p.Label
			if label == "" {
				label = "(null)"
			}
			k.Printf("   label: %s\n", label)
		}
		k.Printf("   length: %d\n   offset: %d\n   type: %s\n   index: %d\n   end: %d\n   start: %d\n",
			size, p.Start*sector, p.Type, p.Index, p.Start+p.Size-1, p.Start)
	}
	k.Printf("Consumers:\n1. Name: %s\n   Mediasize: %d (%s)\n   Sectorsize: %d\n   Mode: r0w0e0\n\n", d.Name, d.Size, human(d.Size), sector)
}

// efiMedia is a partition as a UEFI device path.
func efiMedia(p *state.Partition) string {
	return fmt.Sprintf("HD(%d,GPT,%s,0x%x,0x%x)", p.Index, p.GUID, p.Start, p.Size)
}

func (k *call) status() error {
	var rows [][3]string
	for _, d := range k.disks() {
		if len(k.args) > 0 && !contains(k.args, d.Name) {
			continue
		}
		condition := "OK"
		if d.Table.Corrupt {
			condition = "CORRUPT"
		}
		for _, p := range d.Table.InOrder() {
			rows = append(rows, [3]string{d.PartName(p), condition, d.Name})
		}
	}
	k.rows(rows)
	return nil
}

// rows prints what geom status prints: with -s without header and padding.
func (k *call) rows(rows [][3]string) {
	if k.has('s') {
		for _, r := range rows {
			k.Printf("%s  %s  %s\n", r[0], r[1], r[2])
		}
		return
	}
	if len(rows) == 0 {
		return
	}
	name, status := len("Name"), len("Status")
	for _, r := range rows {
		name, status = max(name, len(r[0])), max(status, len(r[1]))
	}
	k.Printf("%*s  %*s  %s\n", name, "Name", status, "Status", "Components")
	for _, r := range rows {
		k.Printf("%*s  %*s  %s\n", name, r[0], status, r[1], r[2])
	}
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if strings.TrimPrefix(n, "/dev/") == name {
			return true
		}
	}
	return false
}
