package gpart

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"bsdrun/runtime/lazyregexp"
)

// Table is a disk's partition table.
type Table struct {
	Disk       string      `lua:"disk" doc:"name of the disk, or of what else holds the table"`
	Scheme     string      `lua:"scheme" doc:"GPT, MBR, BSD ..."`
	SectorSize int64       `lua:"sector_size" doc:"of a sector" unit:"bytes"`
	Offset     int64       `lua:"offset" doc:"where the room for partitions begins" unit:"bytes"`
	Size       int64       `lua:"size" doc:"of the room for partitions" unit:"bytes"`
	Corrupt    bool        `lua:"corrupt" doc:"a copy of the table is damaged: gpart recover"`
	Partitions []Partition `lua:"partitions" doc:"in the order of the disk"`
	Free       []Range     `lua:"free" doc:"gaps, in the order of the disk"`
}

// Partition is a part of a disk.
type Partition struct {
	Index      int      `lua:"index" doc:"its number: ada0p1 has 1"`
	Name       string   `lua:"name" doc:"its device without /dev/: ada0p1"`
	Type       string   `lua:"type" doc:"freebsd-boot, efi, freebsd-swap, freebsd-zfs, freebsd-ufs ..."`
	Label      string   `lua:"label,omitempty" doc:"its GPT label, if any"`
	Offset     int64    `lua:"offset" doc:"where it begins" unit:"bytes"`
	Size       int64    `lua:"size" doc:"how large it is" unit:"bytes"`
	Attributes []string `lua:"attributes" doc:"bootme, active ..."`
}

// Range is a gap between partitions.
type Range struct {
	Offset int64 `lua:"offset" doc:"where it begins" unit:"bytes"`
	Size   int64 `lua:"size" doc:"how large it is" unit:"bytes"`
}

// The lines of gpart show: the head of a table, a gap, and a partition. The
// third column of a partition is its index or, with -p, its name; a label may
// hold blanks.
var (
	headLine = lazyregexp.New(`^=>\s+(\d+)\s+(\d+)\s+(\S+)\s+(\S+)\s+\(([0-9.]+[BKMGTPE]?)\)(\s+\[CORRUPT\])?\s*$`)
	freeLine = lazyregexp.New(`^\s+(\d+)\s+(\d+)\s+- free -\s+\(([0-9.]+[BKMGTPE]?)\)\s*$`)
	partLine = lazyregexp.New(`^\s+(\d+)\s+(\d+)\s+(\S+)\s{1,2}(.*?)(?:\s{2}\[([A-Za-z0-9_,]+)\])?\s+\(([0-9.]+[BKMGTPE]?)\)\s*$`)
)

// row is a partition or a gap as one run of gpart show tells of it, in sectors.
type row struct {
	start, sectors int64
	shown          string // the size for people
	which          string // index or name; empty: a gap
	what           string // type or label
	attributes     string
}

// shownTable is a table as one run of gpart show tells of it.
type shownTable struct {
	row          // of all that partitions may take; its shown size is that of the disk
	disk, scheme string
	corrupt      bool
	rows         []row
}

// Parse reads what gpart show prints of types, and what gpart show -l prints of
// labels. What is not understood of the labels is left out: what tells the types
// decides what is an error.
func Parse(types, labels string) ([]Table, error) {
	list, err := parseShow(types)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	if labelled, err := parseShow(labels); err == nil {
		for _, t := range labelled {
			for _, r := range t.rows {
				if r.what != "(null)" {
					names[place(t.disk, r.start)] = r.what
				}
			}
		}
	}
	tables := []Table{}
	for _, s := range list {
		t, err := s.table(names)
		if err != nil {
			return nil, err
		}
		tables = append(tables, t)
	}
	return tables, nil
}

func parseShow(out string) ([]*shownTable, error) {
	var tables []*shownTable
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" {
			continue
		}
		if m := headLine.FindStringSubmatch(line); m != nil {
			r, err := newRow(m[1], m[2], m[5])
			if err != nil {
				return nil, err
			}
			tables = append(tables, &shownTable{row: r, disk: m[3], scheme: m[4], corrupt: m[6] != ""})
			continue
		}
		r, err := parseRow(line)
		if err != nil {
			return nil, err
		}
		if len(tables) == 0 {
			return nil, fmt.Errorf("gpart printed something else: %.80q", line)
		}
		last := tables[len(tables)-1]
		last.rows = append(last.rows, r)
	}
	return tables, nil
}

func parseRow(line string) (row, error) {
	if m := freeLine.FindStringSubmatch(line); m != nil {
		return newRow(m[1], m[2], m[3])
	}
	m := partLine.FindStringSubmatch(line)
	if m == nil {
		return row{}, fmt.Errorf("gpart printed something else: %.80q", line)
	}
	r, err := newRow(m[1], m[2], m[6])
	r.which, r.what, r.attributes = m[3], strings.TrimSpace(m[4]), m[5]
	return r, err
}

func newRow(start, sectors, shown string) (row, error) {
	x, errX := strconv.ParseInt(start, 10, 64)
	y, errY := strconv.ParseInt(sectors, 10, 64)
	const most = 1 << 45 // so that bytes do not overflow
	if errX != nil || errY != nil || x > most || y > most {
		return row{}, fmt.Errorf("gpart printed impossible numbers: %s and %s", start, sectors)
	}
	return row{start: x, sectors: y, shown: shown}, nil
}

func place(disk string, start int64) string { return disk + " " + strconv.FormatInt(start, 10) }

// table turns sectors into bytes and joins labels to partitions.
func (s *shownTable) table(labels map[string]string) (Table, error) {
	sector := s.sectorSize()
	t := Table{
		Disk: s.disk, Scheme: s.scheme, SectorSize: sector, Offset: s.start * sector, Size: s.sectors * sector, Corrupt: s.corrupt,
		Partitions: []Partition{}, Free: []Range{},
	}
	for _, r := range s.rows {
		if r.which == "" {
			t.Free = append(t.Free, Range{r.start * sector, r.sectors * sector})
			continue
		}
		name, index := t.identify(r.which)
		if index <= 0 {
			return t, fmt.Errorf("gpart printed the partition %q of %s, which has no number", r.which, t.Disk)
		}
		p := Partition{
			Index: index, Name: name, Type: r.what, Label: labels[place(t.Disk, r.start)],
			Offset: r.start * sector, Size: r.sectors * sector, Attributes: []string{},
		}
		if r.attributes != "" {
			p.Attributes = strings.Split(r.attributes, ",")
		}
		t.Partitions = append(t.Partitions, p)
	}
	return t, nil
}

// identify makes name and index out of either; the name's form is the scheme's.
func (t *Table) identify(which string) (string, int) {
	letters := t.Scheme == "BSD" || t.Scheme == "BSD64" || t.Scheme == "VTOC8"
	between := "s"
	switch {
	case t.Scheme == "GPT" || t.Scheme == "APM":
		between = "p"
	case letters:
		between = ""
	}
	if index, err := strconv.Atoi(which); err == nil {
		if letters && index > 0 && index <= 26 {
			return t.Disk + string(rune('a'+index-1)), index
		}
		return t.Disk + between + which, index
	}
	end := strings.TrimPrefix(which, t.Disk+between)
	if letters && len(end) == 1 {
		return which, int(end[0]-'a') + 1
	}
	digits := end[strings.LastIndexFunc(end, func(r rune) bool { return r < '0' || r > '9' })+1:]
	index, _ := strconv.Atoi(digits)
	return which, index
}

// sectorSize is the size of a sector, which gpart show does not print: the one at
// which the largest row comes to the size that it shows. Only without any row the
// head is asked, whose size is that of the whole disk: a table may be smaller.
func (s *shownTable) sectorSize() int64 {
	largest := row{}
	for _, r := range s.rows {
		if r.sectors > largest.sectors {
			largest = r
		}
	}
	if largest.sectors == 0 {
		largest = s.row
	}
	want := bytesOf(largest.shown)
	best, bestOff := int64(512), math.Inf(1)
	for size := int64(512); size <= 65536; size *= 2 {
		if off := math.Abs(want/(float64(largest.sectors)*float64(size)) - 1); off < bestOff {
			best, bestOff = size, off
		}
	}
	return best
}

// bytesOf reads a size that humanize_number(3) wrote: each unit is 1024 of the
// one before.
func bytesOf(shown string) float64 {
	const units = "BKMGTPE"
	digits := strings.TrimRight(shown, units)
	n, _ := strconv.ParseFloat(digits, 64)
	for range max(strings.Index(units, shown[len(digits):]), 0) {
		n *= 1024
	}
	return n
}
