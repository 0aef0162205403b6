package gpart

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// AddArgs are the arguments of Add.
type AddArgs struct {
	Disk  string `lua:"disk,required" doc:"the disk"`
	Type  string `lua:"type,required" doc:"freebsd-boot, efi, freebsd-swap, freebsd-zfs, freebsd-ufs ..."`
	Label string `lua:"label" doc:"its GPT label; the partition is known by it"`
	Index int    `lua:"index" doc:"its number; without a label the partition is known by it"`
	Size  int64  `lua:"size" doc:"how large; default: all of the largest gap" unit:"bytes"`
	Start *int64 `lua:"offset" doc:"where it begins; default: in the first gap in which it fits" unit:"bytes"`
	Align int64  `lua:"align" doc:"it begins at a multiple of this, and without a size ends at one" default:"1048576" unit:"bytes"`
}

// Added is what adding a partition came to.
type Added struct {
	Changed bool   `lua:"changed" doc:"the partition was, or in check mode would be, added"`
	Name    string `lua:"name,produced" doc:"its device without /dev/"`
}

var typeForm = lazyregexp.New(`^!?[A-Za-z0-9-]+$`)

// Add adds a partition. Its place is worked out here: gpart of 8.2 cannot align.
func Add(ctx context.Context, h effect.Doer, a AddArgs) (Added, error) {
	const op = "gpart.add"
	if err := a.check(op); err != nil {
		return Added{}, err
	}
	disk, err := diskName(op, a.Disk)
	if err != nil {
		return Added{}, err
	}
	t, err := tableOf(ctx, h, op, disk)
	if err != nil {
		return Added{}, err
	}
	if p := t.find(a.Index, a.Label); p != nil {
		return Added{Name: p.Name}, a.agrees(op, *p)
	}
	if a.Label != "" && t.Scheme != "GPT" {
		return Added{}, noLabels(op, t)
	}
	place, err := t.placeFor(op, a)
	if err != nil {
		return Added{}, err
	}
	note := fmt.Sprintf("add a %s partition of %d bytes at %d to %s", a.Type, place.Size, place.Offset, disk)
	res, err := change(ctx, h, op, disk, effect.Safe, note, a.argv(t, place)...)
	if err != nil || res.Skipped {
		return Added{Changed: err == nil}, err
	}
	name, err := addedName(op, res)
	return Added{Changed: true, Name: name}, err
}

func (a AddArgs) check(op string) error {
	switch {
	case !typeForm.MatchString(a.Type):
		return effect.Errorf(effect.Invalid, op, "%q is no type of a partition", a.Type)
	case a.Label == "" && a.Index <= 0:
		return effect.Errorf(effect.Invalid, op, "neither label nor index given: a second call could not know the partition")
	case a.Size < 0 || a.Align < 0 || a.Start != nil && *a.Start < 0:
		return effect.Errorf(effect.Invalid, op, "size, offset and align are numbers of bytes")
	}
	return checkLabel(op, a.Label)
}

// addedName reads "ada0p4 added".
func addedName(op string, res effect.Result) (string, error) {
	out, err := res.Text()
	if err != nil {
		return "", err
	}
	name, _, found := strings.Cut(out, " added")
	if !found {
		return "", effect.Errorf(effect.Failed, op, "gpart printed something else: %.80q", out)
	}
	return strings.TrimSpace(name), nil
}

// agrees tells whether a partition is the one wished.
func (a AddArgs) agrees(op string, p Partition) error {
	switch {
	case p.Type != a.Type:
		return effect.Errorf(effect.Failed, op, "%s is there, but has the type %s", p.Name, p.Type)
	case a.Index > 0 && p.Index != a.Index:
		return effect.Errorf(effect.Failed, op, "the label %s is that of %s", a.Label, p.Name)
	case a.Label != "" && p.Label != a.Label:
		return effect.Errorf(effect.Failed, op, "%s is there, but has the label %q", p.Name, p.Label)
	case a.Size > 0 && (p.Size > a.Size || p.Size <= a.Size-max(a.Align, 1)):
		// One that gpart itself rounded to the alignment is what was asked for.
		return effect.WithHint(effect.Errorf(effect.Failed, op, "%s is there, but has %d bytes", p.Name, p.Size), "h.gpart.resize changes its size")
	case a.Start != nil && p.Offset != *a.Start:
		return effect.Errorf(effect.Failed, op, "%s is there, but begins at %d", p.Name, p.Offset)
	}
	return nil
}

// placeFor finds the partition's place in the gaps.
func (t Table) placeFor(op string, a AddArgs) (Range, error) {
	align := max(a.Align, 1)
	if remainder := align % t.SectorSize; remainder != 0 { // the least that is both
		align *= t.SectorSize
	}
	var best Range
	for _, gap := range t.Free {
		begin, end := roundUp(gap.Offset, align), gap.Offset+gap.Size
		if a.Start != nil {
			if *a.Start < gap.Offset || *a.Start >= end {
				continue
			}
			begin = *a.Start
		}
		room := end - begin
		switch {
		case a.Size == 0 && a.Start == nil:
			room -= room % align
		case a.Size > 0 && room >= a.Size:
			return t.whole(op, Range{begin, a.Size})
		}
		if room > best.Size {
			best = Range{begin, room}
		}
	}
	switch {
	case a.Size == 0 && best.Size > 0:
		return t.whole(op, best)
	case best.Size > 0:
		return Range{}, effect.WithHint(effect.Errorf(effect.Failed, op, "%s has no room for %d bytes: the largest gap has %d", t.Disk, a.Size, best.Size), "h.gpart.show shows the gaps")
	}
	return Range{}, effect.WithHint(effect.Errorf(effect.Failed, op, "%s has no room there", t.Disk), "h.gpart.show shows the gaps")
}

func roundUp(n, to int64) int64 { return (n + to - 1) / to * to }

// whole refuses a place that is not one of whole sectors.
func (t Table) whole(op string, r Range) (Range, error) {
	for _, bytes := range []int64{r.Offset, r.Size} {
		if bytes%t.SectorSize != 0 {
			return r, effect.Errorf(effect.Invalid, op, "%d bytes are no number of sectors of %d bytes", bytes, t.SectorSize)
		}
	}
	return r, nil
}

func (a AddArgs) argv(t Table, place Range) []string {
	argv := []string{"add", "-t", a.Type, "-b", t.sectors(place.Offset), "-s", t.sectors(place.Size)}
	if a.Label != "" {
		argv = append(argv, "-l", a.Label)
	}
	if a.Index > 0 {
		argv = append(argv, "-i", strconv.Itoa(a.Index))
	}
	return append(argv, t.Disk)
}

// sectors is a number of bytes in sectors of the disk, as gpart's options have it.
func (t Table) sectors(bytes int64) string { return strconv.FormatInt(bytes/t.SectorSize, 10) }

// find is the partition with that label or, without one, that index.
func (t Table) find(index int, label string) *Partition {
	for i, p := range t.Partitions {
		if label != "" && p.Label == label || p.Index == index {
			return &t.Partitions[i]
		}
	}
	return nil
}

// OfType are the partitions of a type.
func (t Table) OfType(kind string) []Partition {
	return slices.DeleteFunc(slices.Clone(t.Partitions), func(p Partition) bool { return p.Type != kind })
}

// ResizeArgs are the arguments of Resize.
type ResizeArgs struct {
	Disk  string `lua:"disk,required" doc:"the disk"`
	Index int    `lua:"index,required" doc:"the partition's number"`
	Size  int64  `lua:"size" doc:"its new size; default: all the room there is" unit:"bytes"`
	Align int64  `lua:"align" doc:"without a size, the partition's size is a multiple of this" default:"1048576" unit:"bytes"`
}

// Resize gives a partition another size.
func Resize(ctx context.Context, h effect.Doer, a ResizeArgs) (Changed, error) {
	const op = "gpart.resize"
	if a.Size < 0 || a.Align < 0 {
		return Changed{}, effect.Errorf(effect.Invalid, op, "size and align are numbers of bytes")
	}
	t, p, err := one(ctx, h, op, a.Disk, a.Index)
	if err != nil {
		return Changed{}, err
	}
	size, most := a.Size, p.Size+t.roomAfter(p)
	if size == 0 {
		size = most - most%max(a.Align, t.SectorSize)
		size = max(size, p.Size) // what is there does not shrink for the alignment
	}
	switch {
	case size == p.Size:
		return Changed{}, nil
	case size > most:
		return Changed{}, effect.WithHint(effect.Errorf(effect.Failed, op, "%s has room for %d bytes, not for %d", p.Name, most, size), "h.gpart.show shows the gaps")
	}
	place, err := t.whole(op, Range{p.Offset, size})
	if err != nil {
		return Changed{}, err
	}
	risk, note := effect.Disruptive, fmt.Sprintf("%s: %d bytes -> %d", p.Name, p.Size, size)
	if size < p.Size {
		risk = effect.Irreversible
	}
	_, err = change(ctx, h, op, t.Disk, risk, note, "resize", "-i", strconv.Itoa(p.Index), "-s", t.sectors(place.Size), t.Disk)
	return Changed{err == nil}, err
}

// roomAfter is the gap right behind a partition.
func (t Table) roomAfter(p Partition) int64 {
	for _, gap := range t.Free {
		if gap.Offset == p.Offset+p.Size {
			return gap.Size
		}
	}
	return 0
}
