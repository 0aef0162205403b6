package gpartsim

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"bsdrun/runtime/sim/state"
)

// schemes are those modelled, with how many partitions they have room for.
var schemes = map[string]struct{ least, most int }{"GPT": {128, 4096}, "MBR": {4, 4}, "BSD": {8, 20}}

func (k *call) create() error {
	name, err := k.one()
	if err != nil {
		return err
	}
	if k.Cred.UID != 0 {
		return kernel(syscall.EACCES, "")
	}
	return k.makeTable(name, k.opt['s'], k.opt['n'], true)
}

// makeTable puts an empty table on a disk.
func (k *call) makeTable(name, schemeName, count string, aloud bool) error {
	d, part := k.s.Provider(name)
	scheme := strings.ToUpper(schemeName)
	room, modelled := schemes[scheme]
	switch {
	case d == nil:
		return kernel(syscall.EINVAL, "arg0 '%s'", name)
	case !modelled || part != nil:
		if slices.Contains([]string{"APM", "BSD64", "EBR", "LDM", "PC98", "VTOC8"}, scheme) || part != nil && modelled {
			k.Cannot("gpart create -s %s %s", schemeName, name)
			return refuse("the simulator can't")
		}
		return kernel(syscall.EINVAL, "scheme '%s'", schemeName)
	case d.Table != nil:
		return kernel(syscall.EEXIST, "geom '%s'", d.Name)
	case k.busy(d.Name):
		return kernel(syscall.EPERM, "geom '%s'", d.Name)
	}
	entries := room.least
	if count != "" {
		n, err := strconv.Atoi(count)
		if err != nil || n < room.least || n > room.most {
			return kernel(syscall.EINVAL, "entries '%s'", count)
		}
		entries = n
	}
	first, last := k.bounds(d, scheme, entries)
	d.Table = &state.Table{Scheme: scheme, Entries: entries, First: first, Last: last}
	k.edited(d, nil)
	if aloud {
		k.Printf("%s created\n", d.Name)
	}
	return nil
}

// bounds are the first and last sector for partitions. From 9.0 on a GPT leaves
// room up to a multiple of 4096 bytes.
func (k *call) bounds(d *state.Disk, scheme string, entries int) (first, last int64) {
	sectors := d.Sectors()
	switch scheme {
	case "MBR":
		return 63, sectors - 1
	case "BSD":
		return 0, sectors - 1
	}
	table := (int64(entries)*128 + d.SectorSize() - 1) / d.SectorSize()
	first, last = 2+table, sectors-2-table
	if k.major() >= 9 {
		const step = 8
		first = up(first, step)
		last = down(last+1, step) - 1
	}
	return first, last
}

func up(n, step int64) int64   { return (n + step - 1) / step * step }
func down(n, step int64) int64 { return n / step * step }

func (k *call) destroy() error {
	name, err := k.one()
	if err != nil {
		return err
	}
	if k.Cred.UID != 0 {
		return kernel(syscall.EACCES, "")
	}
	d := k.s.Disk(name)
	if d == nil || d.Table == nil {
		return kernel(syscall.EINVAL, "arg0 '%s'", k.args[0])
	}
	before := d.Table.Clone()
	if err := k.clear(d, k.has('F')); err != nil {
		return err
	}
	k.edited(d, before)
	k.Printf("%s destroyed\n", d.Name)
	return nil
}

// clear takes the table away; with partitions only by force, and never while one
// is in use.
func (k *call) clear(d *state.Disk, force bool) error {
	if len(d.Table.Parts) > 0 && !force {
		return kernel(syscall.EBUSY, "")
	}
	for _, p := range d.Table.Parts {
		if k.busy(d.PartName(p)) {
			return kernel(syscall.EBUSY, "")
		}
	}
	d.Table = nil
	return nil
}

func (k *call) add() error {
	name, err := k.one()
	if err != nil {
		return err
	}
	d := k.s.Disk(name)
	switch {
	case d == nil:
		return refuse("No such geom: %s.", k.args[0])
	case d.Table == nil && k.major() >= 13:
		return refuse("No partitioning scheme found on geom %s. Create one first using 'gpart create'.", k.args[0])
	case d.Table == nil:
		return refuse("No such geom: %s.", k.args[0])
	}
	index, err := k.index()
	if err != nil {
		return err
	}
	start, size, err := k.fill(d)
	if err != nil {
		return err
	}
	if d, err = k.change(); err != nil {
		return err
	}
	before := d.Table.Clone()
	p, err := k.insert(d, &state.Partition{Index: index, Type: k.opt['t'], Label: k.opt['l'], Start: start, Size: size})
	if err != nil {
		return err
	}
	k.edited(d, before)
	k.Printf("%s added\n", d.PartName(p))
	return nil
}

// insert checks a new partition as the kernel does and adds it.
func (k *call) insert(d *state.Disk, p *state.Partition) (*state.Partition, error) {
	t := d.Table
	end := p.Start + p.Size - 1
	switch {
	case p.Start < t.First || p.Start > t.Last:
		return nil, kernel(syscall.EINVAL, "start '%d'", p.Start)
	case end < p.Start || end > t.Last:
		return nil, kernel(syscall.EINVAL, "size '%d'", p.Size)
	case p.Index > t.Entries:
		return nil, kernel(syscall.EINVAL, "index '%d'", p.Index)
	}
	for _, other := range t.Parts {
		last := other.Start + other.Size - 1
		switch {
		case p.Start >= other.Start && p.Start <= last:
			return nil, kernel(syscall.ENOSPC, "start '%d'", p.Start)
		case end >= other.Start && end <= last:
			return nil, kernel(syscall.ENOSPC, "end '%d'", end)
		case p.Start < other.Start && end > last:
			return nil, kernel(syscall.ENOSPC, "size '%d'", p.Size)
		}
	}
	if p.Index > 0 && t.Part(p.Index) != nil {
		return nil, kernel(syscall.EEXIST, "index '%d'", p.Index)
	}
	for p.Index == 0 || t.Part(p.Index) != nil {
		if p.Index++; p.Index > t.Entries {
			return nil, kernel(syscall.ENOSPC, "index '%d'", p.Index)
		}
	}
	if err := k.setType(t, p, p.Type); err != nil {
		return nil, err
	}
	if err := k.setLabel(t, p, p.Label); err != nil {
		return nil, err
	}
	p.GUID = guid(k, d.Name, p)
	t.Insert(p)
	return p, nil
}

// guid is a new partition's identifier.
func guid(k *call, disk string, p *state.Partition) string {
	return k.Machine.UUID(fmt.Sprintf("%s %d %d %d", disk, p.Index, p.Start, k.Now().UnixNano()))
}

func (k *call) setType(t *state.Table, p *state.Partition, name string) error {
	kind, ok := knownType(t.Scheme, name)
	if !ok {
		return kernel(syscall.EINVAL, "type '%s'", name)
	}
	p.Type = kind
	return nil
}

// setLabel: only a GPT keeps labels; the longest has 36 characters.
func (k *call) setLabel(t *state.Table, p *state.Partition, label string) error {
	if label != "" && t.Scheme != "GPT" {
		return kernel(syscall.EINVAL, "")
	}
	if len([]rune(label)) > 36 {
		label = string([]rune(label)[:36])
	}
	p.Label = label
	return nil
}

// lba reads a size or a place: sectors, or bytes with a unit.
func lba(text string, sector int64) (int64, bool) {
	digits := strings.TrimRight(text, "bBsSkKmMgGtTpPeE")
	n, err := strconv.ParseInt(digits, 0, 64)
	if err != nil || n < 0 {
		return 0, false
	}
	unit := strings.ToLower(text[len(digits):])
	switch {
	case unit == "" || unit == "s":
		return n, true
	case unit == "b":
		return n / sector, n%sector == 0
	case len(unit) > 2 || len(unit) == 2 && unit[1] != 'b':
		return 0, false
	}
	at := strings.IndexByte("kmgtpe", unit[0])
	if at < 0 {
		return 0, false
	}
	shift := 10 * (at + 1)
	if n > math.MaxInt64>>shift {
		return 0, false
	}
	bytes := n << shift
	return bytes / sector, bytes%sector == 0
}

// number is an option as sectors; -1 when it isn't given.
func (k *call) number(d *state.Disk, letter byte, what string) (int64, error) {
	if !k.has(letter) {
		return -1, nil
	}
	n, ok := lba(k.opt[letter], d.SectorSize())
	if !ok {
		return 0, refuse("Invalid %s param: Invalid argument", what)
	}
	return n, nil
}

// alignment is -a; without it the disk's own, which is none.
func (k *call) alignment(d *state.Disk) (step int64, given bool, err error) {
	step, err = k.number(d, 'a', "alignment")
	switch {
	case err != nil:
		return 0, false, err
	case step == 0:
		return 0, false, refuse("Invalid alignment param")
	case step < 0:
		return 1, false, nil
	}
	return step, true, nil
}

// fill finds what -b and -s leave open: of the gaps where the size fits that with
// least to spare, or the largest.
func (k *call) fill(d *state.Disk) (start, size int64, err error) {
	step, aligned, err := k.alignment(d)
	if err != nil {
		return 0, 0, err
	}
	if size, err = k.number(d, 's', "size"); err != nil {
		return 0, 0, err
	}
	if start, err = k.number(d, 'b', "start"); err != nil {
		return 0, 0, err
	}
	hasSize, hasStart := size >= 0, start >= 0
	if hasSize && hasStart && !aligned {
		return start, size, nil
	}
	if hasStart {
		start = up(start, step)
	}
	if size > step {
		size = down(size, step)
	}
	best, at := int64(-1), int64(0)
	for _, gap := range gaps(d.Table) {
		from := up(max(gap[0], start), step)
		spare := down(gap[1], step) - from
		switch {
		case spare <= 0:
		case hasSize && spare >= size && (best < 0 || spare-size < best):
			best, at = spare-size, from
		case hasSize:
		case hasStart && start >= gap[0]:
			return start, spare, nil
		case !hasStart && spare > best:
			best, at = spare, from
		}
	}
	switch {
	case best < 0:
		return 0, 0, refuse("autofill: No space left on device")
	case !hasSize:
		size = best
	}
	return at, size, nil
}

// gaps are the free stretches of a table: first sector, and the one after the
// last.
func gaps(t *state.Table) [][2]int64 {
	var list [][2]int64
	next := t.First
	for _, p := range t.InOrder() {
		if p.Start > next {
			list = append(list, [2]int64{next, p.Start})
		}
		next = p.Start + p.Size
	}
	if next <= t.Last {
		list = append(list, [2]int64{next, t.Last + 1})
	}
	return list
}

func (k *call) delete() error {
	d, err := k.change()
	if err != nil {
		return err
	}
	p, err := k.part(d)
	if err != nil {
		return err
	}
	name := d.PartName(p)
	if k.busy(name) {
		return kernel(syscall.EBUSY, "")
	}
	before := d.Table.Clone()
	d.Table.Parts = slices.DeleteFunc(d.Table.Parts, func(o *state.Partition) bool { return o == p })
	k.edited(d, before)
	k.Printf("%s deleted\n", name)
	return nil
}

func (k *call) modify() error {
	d, err := k.change()
	if err != nil {
		return err
	}
	p, err := k.part(d)
	if err != nil {
		return err
	}
	before := d.Table.Clone()
	if k.has('t') {
		if err := k.setType(d.Table, p, k.opt['t']); err != nil {
			return err
		}
	}
	if k.has('l') {
		if err := k.setLabel(d.Table, p, k.opt['l']); err != nil {
			return err
		}
	}
	k.edited(d, before)
	k.Printf("%s modified\n", d.PartName(p))
	return nil
}

func (k *call) resize() error {
	index, err := k.index()
	if err != nil {
		return err
	}
	if index < 1 {
		return refuse("invalid partition index")
	}
	name, err := k.one()
	if err != nil {
		return err
	}
	d, err := k.table(name)
	if err != nil {
		return err
	}
	p := d.Table.Part(index)
	if p == nil {
		return refuse("invalid partition index")
	}
	size, err := k.newSize(d, p)
	if err != nil {
		return err
	}
	if _, err := k.change(); err != nil {
		return err
	}
	if size < 1 {
		return kernel(syscall.EINVAL, "size '%d'", size)
	}
	if end := p.Start + size; end > room(d.Table, p) {
		return kernel(syscall.ENOSPC, "end '%d'", end-1)
	}
	if size < p.Size && k.busy(d.PartName(p)) {
		return kernel(syscall.EBUSY, "")
	}
	before := d.Table.Clone()
	p.Size = size
	k.edited(d, before)
	k.Printf("%s resized\n", d.PartName(p))
	return nil
}

// room is the sector up to which a partition can grow.
func room(t *state.Table, p *state.Partition) int64 {
	limit := t.Last + 1
	for _, other := range t.Parts {
		if other.Start > p.Start {
			limit = min(limit, other.Start)
		}
	}
	return limit
}

// newSize is what resize makes of -s and -a: all there is without a size.
func (k *call) newSize(d *state.Disk, p *state.Partition) (int64, error) {
	step, aligned, err := k.alignment(d)
	if err != nil {
		return 0, err
	}
	size, err := k.number(d, 's', "size")
	switch {
	case err != nil:
		return 0, err
	case size >= 0 && aligned:
		return down(p.Start+size, step) - p.Start, nil
	case size >= 0:
		return size, nil
	}
	if size = down(room(d.Table, p), step) - p.Start; size < p.Size || size == p.Size && room(d.Table, p) <= d.Table.Last {
		return 0, refuse("autofill: No space left on device")
	}
	return size, nil
}

func (k *call) recover() error {
	name, err := k.one()
	if err != nil {
		return err
	}
	d := k.s.Disk(name)
	switch {
	case k.Cred.UID != 0:
		return kernel(syscall.EACCES, "")
	case d == nil || d.Table == nil:
		return kernel(syscall.EINVAL, "arg0 '%s'", k.args[0])
	case !d.Table.Corrupt:
		k.Printf("%s recovering is not needed\n", d.Name)
		return nil
	case d.Table.Scheme != "GPT":
		return kernel(syscall.ENOSYS, "recover '%s'", d.Name)
	}
	before := d.Table.Clone()
	d.Table.Corrupt = false
	_, d.Table.Last = k.bounds(d, "GPT", d.Table.Entries) // the disk may have grown
	k.edited(d, before)
	k.Printf("%s recovered\n", d.Name)
	return nil
}

// attributes are those that partitions of a scheme may have.
var attributes = map[string][]string{"GPT": {"bootme", "bootonce", "bootfailed"}, "MBR": {"active"}}

// tableAttributes belong to a GPT as a whole: they change what its first sector
// says to a firmware, which is not modelled.
var tableAttributes = []string{"active", "lenovofix"}

func (k *call) set() error   { return k.attribute(true) }
func (k *call) unset() error { return k.attribute(false) }

func (k *call) attribute(set bool) error {
	d, err := k.change()
	if err != nil {
		return err
	}
	name, word := strings.ToLower(k.opt['a']), "set"
	if !set {
		word = "unset"
	}
	if !k.has('i') && d.Table.Scheme == "GPT" && slices.Contains(tableAttributes, name) {
		k.Printf("%s %s on %s\n", name, word, d.Name)
		return nil
	}
	p, err := k.part(d)
	if err != nil {
		return err
	}
	if !slices.Contains(attributes[d.Table.Scheme], name) {
		return kernel(syscall.EINVAL, "attrib '%s'", k.opt['a'])
	}
	before := d.Table.Clone()
	k.mark(d.Table, p, name, set)
	k.edited(d, before)
	if k.major() < 9 {
		k.Printf("%s has %s %s\n", d.PartName(p), name, word)
	} else {
		k.Printf("%s %s on %s\n", name, word, d.PartName(p))
	}
	return nil
}

// mark sets or takes an attribute. Only one partition of an MBR is active, and
// bootonce of a GPT goes with bootme.
func (k *call) mark(t *state.Table, p *state.Partition, name string, set bool) {
	take := func(from *state.Partition, gone string) {
		from.Attributes = slices.DeleteFunc(from.Attributes, func(a string) bool { return a == gone })
	}
	take(p, name)
	if !set {
		return
	}
	if name == "active" {
		for _, other := range t.Parts {
			take(other, name)
		}
	}
	if name == "bootonce" {
		take(p, "bootme")
		p.Attributes = append(p.Attributes, "bootme")
	}
	p.Attributes = append(p.Attributes, name)
}
