package gpart

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"bsdrun/runtime/effect"
)

// CreateArgs are the arguments of Create.
type CreateArgs struct {
	Disk    string `lua:"disk,required" doc:"the disk"`
	Scheme  string `lua:"scheme" doc:"kind of table" default:"GPT" enum:"GPT|MBR|BSD|APM|EBR|VTOC8|LDM"`
	Entries int    `lua:"entries" doc:"places for partitions (-n); default: gpart's"`
}

// blankScript tells whether a disk has a table, and whether it begins with
// anything but zeros.
const blankScript = `[ -e "/dev/$1" ] || { echo absent; exit 0; }
if gpart show "$1" >/dev/null 2>&1; then echo table; exit 0; fi
[ -r "/dev/$1" ] || { echo unreadable; exit 0; }
n=$(dd if="/dev/$1" bs=65536 count=1 2>/dev/null | tr -d '\000' | wc -c)
if [ "$n" -eq 0 ]; then echo blank; else echo data; fi`

// Create creates a partition table.
func Create(ctx context.Context, h effect.Doer, a CreateArgs) (Changed, error) {
	const op = "gpart.create"
	disk, err := diskName(op, a.Disk)
	if err != nil {
		return Changed{}, err
	}
	res, err := run(ctx, h, effect.Effect{
		Op: op, Kind: effect.Read, Title: "look at the beginning of " + disk,
		Argv: []string{"sh", "-c", blankScript, "gpart", disk}, Reads: []effect.Resource{resource(disk)},
	})
	if err != nil {
		return Changed{}, err
	}
	state, err := res.Line()
	if err != nil {
		return Changed{}, err
	}
	risk, note := effect.Safe, "create a "+a.Scheme+" table"
	switch state {
	case "absent":
		return Changed{}, effect.Errorf(effect.Missing, op, "there is no disk %s", disk)
	case "unreadable":
		return Changed{}, effect.WithHint(effect.Errorf(effect.Denied, op, "the disk %s cannot be read", disk), "run as root: -b, or h:as(\"root\")")
	case "table":
		return Changed{}, sameScheme(ctx, h, op, disk, a.Scheme)
	case "data":
		risk, note = effect.Irreversible, note+" on a disk that is not blank: "+disk
	}
	argv := []string{"create", "-s", strings.ToLower(a.Scheme)}
	if a.Entries > 0 {
		argv = append(argv, "-n", strconv.Itoa(a.Entries))
	}
	_, err = change(ctx, h, op, disk, risk, note, append(argv, disk)...)
	return Changed{err == nil}, err
}

// sameScheme is the error of a disk that has a table of another scheme.
func sameScheme(ctx context.Context, h effect.Doer, op, disk, scheme string) error {
	t, err := tableOf(ctx, h, op, disk)
	if err != nil || t.Scheme == scheme {
		return err
	}
	return effect.WithHint(effect.Errorf(effect.Failed, op, "%s has a %s table with %d partitions", disk, t.Scheme, len(t.Partitions)),
		"h.gpart.destroy destroys it")
}

// WhichArgs name a partition of a disk.
type WhichArgs struct {
	Disk  string `lua:"disk,required" doc:"the disk"`
	Index int    `lua:"index" doc:"the partition's number"`
	Label string `lua:"label" doc:"or its label"`
}

// Remove removes a partition.
func Remove(ctx context.Context, h effect.Doer, a WhichArgs) (Changed, error) {
	const op = "gpart.remove"
	if (a.Index > 0) == (a.Label != "") {
		return Changed{}, effect.Errorf(effect.Invalid, op, "name the partition by either index or label")
	}
	disk, err := diskName(op, a.Disk)
	if err != nil {
		return Changed{}, err
	}
	t, err := tableOf(ctx, h, op, disk)
	if err != nil {
		return Changed{}, err
	}
	p := t.find(a.Index, a.Label)
	if p == nil {
		return Changed{}, nil
	}
	note := fmt.Sprintf("remove %s (%s, %d bytes)", p.Name, p.Type, p.Size)
	_, err = change(ctx, h, op, disk, effect.Irreversible, note, "delete", "-i", strconv.Itoa(p.Index), disk)
	return Changed{err == nil}, err
}

// one is the partition of an index, which has to be there.
func one(ctx context.Context, h effect.Doer, op, disk string, index int) (Table, Partition, error) {
	name, err := diskName(op, disk)
	if err != nil {
		return Table{}, Partition{}, err
	}
	t, err := tableOf(ctx, h, op, name)
	if err != nil {
		return t, Partition{}, err
	}
	p := t.find(index, "")
	if p == nil {
		return t, Partition{}, effect.Errorf(effect.Missing, op, "%s has no partition %d", name, index)
	}
	return t, *p, nil
}

// LabelArgs are the arguments of Label.
type LabelArgs struct {
	Disk  string `lua:"disk,required" doc:"the disk"`
	Index int    `lua:"index,required" doc:"the partition's number"`
	Label string `lua:"label,required" doc:"the label; empty: none"`
}

func checkLabel(op, label string) error {
	if len(label) > 36 || strings.ContainsFunc(label, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '/' }) || strings.HasPrefix(label, "-") {
		return effect.Errorf(effect.Invalid, op, "%q is no label: up to 36 characters, without blanks and slashes", label)
	}
	return nil
}

func noLabels(op string, t Table) error {
	return effect.Errorf(effect.Failed, op, "%s has a %s table, whose partitions have no labels", t.Disk, t.Scheme)
}

// Label gives a partition its label.
func Label(ctx context.Context, h effect.Doer, a LabelArgs) (Changed, error) {
	const op = "gpart.label"
	if err := checkLabel(op, a.Label); err != nil {
		return Changed{}, err
	}
	t, p, err := one(ctx, h, op, a.Disk, a.Index)
	if err != nil || p.Label == a.Label {
		return Changed{}, err
	}
	if t.Scheme != "GPT" {
		return Changed{}, noLabels(op, t)
	}
	note := fmt.Sprintf("label of %s: %q -> %q", p.Name, p.Label, a.Label)
	_, err = change(ctx, h, op, t.Disk, effect.Disruptive, note, "modify", "-i", strconv.Itoa(p.Index), "-l", a.Label, t.Disk)
	return Changed{err == nil}, err
}

// DestroyArgs are the arguments of Destroy.
type DestroyArgs struct {
	Disk  string `lua:"disk,required" doc:"the disk"`
	Force bool   `lua:"force" doc:"with all its partitions (-F)"`
}

// Destroy destroys a partition table.
func Destroy(ctx context.Context, h effect.Doer, a DestroyArgs) (Changed, error) {
	const op = "gpart.destroy"
	disk, err := diskName(op, a.Disk)
	if err != nil {
		return Changed{}, err
	}
	t, err := tableOf(ctx, h, op, disk)
	if effect.KindOf(err) == effect.Missing {
		return Changed{}, nil
	}
	if err != nil {
		return Changed{}, err
	}
	if len(t.Partitions) > 0 && !a.Force {
		return Changed{}, effect.WithHint(effect.Errorf(effect.Failed, op, "the table of %s has %d partitions", disk, len(t.Partitions)),
			"force=true destroys them, too")
	}
	argv := []string{"destroy"}
	if a.Force {
		argv = append(argv, "-F")
	}
	note := fmt.Sprintf("destroy the %s table of %s with %d partitions", t.Scheme, disk, len(t.Partitions))
	_, err = change(ctx, h, op, disk, effect.Irreversible, note, append(argv, disk)...)
	return Changed{err == nil}, err
}
