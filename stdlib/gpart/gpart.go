// Package gpart reads and changes the partition tables of disks with gpart(8).
// Every function that changes one looks first, does only what is missing, and
// says which partition it means by what the table shows, never by habit: the
// first partition is not always freebsd-boot.
package gpart

import (
	"context"
	"strings"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

const (
	raisesNoDisk  = `kind "missing": there is no such disk, or no partition table on it`
	raisesDenied  = `kind "denied": only root may do this, or the disk is in use`
	raisesDiffers = `kind "failed": there is something else already`
)

// Module is h.gpart.
var Module = binding.Module{
	Name: "gpart",
	Doc:  "Partition tables of disks, and the boot code in them.",
	Funcs: []binding.Func{
		{
			Name: "add", Kind: effect.Change, Call: Add, See: []string{"gpart(8)"},
			Doc:     "Adds a partition. It is known by its label or its index: one that is there already, of the same type and, where given, size, is left alone.",
			Raises:  []string{raisesNoDisk, raisesDenied, raisesDiffers, `kind "failed": there is no room`},
			Example: `local p = h.gpart.add("ada1", "freebsd-swap", { label = "swap1", size = 8 * 1024^3 })`,
		},
		{
			Name: "backup", Kind: effect.Read, Call: Backup, See: []string{"gpart(8)"},
			Doc:     "Returns a disk's table as the text that gpart restore takes.",
			Raises:  []string{raisesNoDisk},
			Example: `h.file.put("/var/backups/gpart.ada0", h.gpart.backup("ada0").text)`,
		},
		{
			Name: "bootcode", Kind: effect.Change, Call: Bootcode, Risk: effect.Disruptive, See: []string{"gpart(8)", "gptzfsboot(8)", "gptboot(8)"},
			Doc: "Writes boot code to a GPT disk: partcode into its freebsd-boot partition and bootcode into its first sector. " +
				"The partition is found by its type, and one of another type is refused, since gpart itself would write over an EFI partition without a word. " +
				"Code that is larger than the partition is refused. What was written is read back and compared. The former contents are kept in files below backup. " +
				"What is there already is not written again.",
			Raises: []string{raisesNoDisk, raisesDenied,
				`kind "failed": there is no freebsd-boot partition, or several and no index; the partition is too small; what is read back differs`,
				`kind "missing": one of the files is not there`},
			Example: `h.gpart.bootcode("ada0", "/boot/gptzfsboot")`,
		},
		{
			Name: "create", Kind: effect.Change, Call: Create, See: []string{"gpart(8)"},
			Doc: "Creates a partition table. One of the same scheme is left alone; another one is not replaced. " +
				"A disk that is not blank at its beginning needs leave, as what has no way back.",
			Raises:  []string{`kind "missing": there is no such disk`, raisesDenied, raisesDiffers},
			Example: `h.gpart.create("ada1")`,
		},
		{
			Name: "destroy", Kind: effect.Change, Call: Destroy, Risk: effect.Irreversible, See: []string{"gpart(8)"},
			Doc:     "Destroys a disk's partition table. A disk without one is left alone. A table that still has partitions is destroyed with force=true alone.",
			Raises:  []string{raisesDenied, `kind "failed": the table has partitions`},
			Example: `h.gpart.destroy("ada1", { force = true })`,
		},
		{
			Name: "label", Kind: effect.Change, Call: Label, Risk: effect.Disruptive, See: []string{"gpart(8)"},
			Doc:     "Gives a GPT partition its label, the name below /dev/gpt.",
			Raises:  []string{raisesNoDisk, raisesDenied},
			Example: `h.gpart.label("ada1", 3, "disk1")`,
		},
		{
			Name: "remove", Kind: effect.Change, Call: Remove, Risk: effect.Irreversible, See: []string{"gpart(8)"},
			Doc:     "Removes a partition (gpart delete), named by index or label. One that is not there is no error.",
			Raises:  []string{raisesNoDisk, raisesDenied},
			Example: `h.gpart.remove("ada1", { label = "swap1" })`,
		},
		{
			Name: "resize", Kind: effect.Change, Call: Resize, Risk: effect.Disruptive, See: []string{"gpart(8)"},
			Doc: "Gives a partition another size; without one, all the room that follows it. A file system or pool in it does not grow by itself. " +
				"A smaller size is Irreversible: what lies beyond is lost.",
			Raises:  []string{raisesNoDisk, raisesDenied, `kind "failed": there is no room`},
			Example: `h.gpart.resize("ada0", 3)`,
		},
		{
			Name: "restore", Kind: effect.Change, Call: Restore, Risk: effect.Irreversible, See: []string{"gpart(8)"},
			Doc:     "Writes a table that backup returned to a disk. A disk that has it is left alone; another table is replaced with force=true alone.",
			Raises:  []string{raisesDenied, `kind "failed": the disk has another table`},
			Example: `h.gpart.restore("ada1", h.gpart.backup("ada0").text, { force = true, labels = false })`,
		},
		{
			Name: "show", Kind: effect.Read, Call: Show, See: []string{"gpart(8)"},
			Doc:     "Returns the partition tables of all disks, or of one: partitions with type, label and place, and the gaps.",
			Raises:  []string{raisesNoDisk},
			Example: `for _, t in ipairs(h.gpart.show()) do log("%s %s, %d partitions", t.disk, t.scheme, #t.partitions) end`,
		},
	},
}

// all is every disk, partition tables included.
const all = effect.Resource("disk")

func resource(disk string) effect.Resource { return effect.Resource("disk:" + disk) }

// diskForm is the name of a geom that may hold a table: ada0, mirror/gm0,
// diskid/DISK-X.
var diskForm = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9_.:+/-]*$`)

// diskName takes the name of a disk, with or without /dev/.
func diskName(op, disk string) (string, error) {
	name := strings.TrimPrefix(disk, "/dev/")
	if !diskForm.MatchString(name) {
		return "", effect.Errorf(effect.Invalid, op, "%q is no name of a disk", disk)
	}
	return name, nil
}

var rules = []effect.Rule{
	{Pattern: lazyregexp.New(`No such geom`), Kind: effect.Missing, Hint: "h.gpart.show() lists the disks that have a table, h.facts.disks all of them"},
	{Pattern: lazyregexp.New(`(?i)operation not permitted|permission denied`), Kind: effect.Denied, Hint: "run as root: -b, or h:as(\"root\"); root itself may not write to what is open, such as a mounted file system"},
	{Pattern: lazyregexp.New(`(?i)device busy`), Kind: effect.Denied, Hint: "something uses it: a file system, a pool, swap"},
	{Pattern: lazyregexp.New(`not enough space|No space left|no space`), Kind: effect.Failed, Hint: "h.gpart.show shows the gaps"},
	{Pattern: lazyregexp.New(`[Nn]o such file or directory`), Kind: effect.Missing},
}

func run(ctx context.Context, h effect.Doer, e effect.Effect) (effect.Result, error) {
	res, err := h.Do(ctx, e)
	err, _ = effect.Explain(err, rules)
	return res, err
}

// ShowArgs are the arguments of Show.
type ShowArgs struct {
	Disk string `lua:"disk,pos" doc:"one disk; default: all that have a table"`
}

// showScript prints types and labels. Releases before 9.0 do not know -p.
const showScript = `gpart show -p "$@" 2>/dev/null || gpart show "$@" || exit
echo "== labels"
gpart show -l "$@"`

const labelsMark = "== labels\n"

// Show returns the partition tables.
func Show(ctx context.Context, h effect.Doer, a ShowArgs) ([]Table, error) {
	return Tables(ctx, h, "gpart.show", a.Disk)
}

// Tables returns the table of a disk, or of all with an empty name, for other
// modules.
func Tables(ctx context.Context, h effect.Doer, op, disk string) ([]Table, error) {
	e := effect.Effect{
		Op: op, Kind: effect.Read, Title: "gpart show",
		Argv: []string{"sh", "-c", showScript, "gpart"}, Reads: []effect.Resource{all},
	}
	if disk != "" {
		name, err := diskName(op, disk)
		if err != nil {
			return nil, err
		}
		e.Argv, e.Title, e.Reads = append(e.Argv, name), "gpart show "+name, []effect.Resource{resource(name)}
	}
	res, err := run(ctx, h, e)
	if err != nil {
		return nil, err
	}
	out, err := res.Text()
	if err != nil {
		return nil, err
	}
	types, labels, _ := strings.Cut(out, labelsMark)
	tables, err := Parse(types, labels)
	if err != nil {
		return nil, effect.Errorf(effect.Failed, op, "%v", err)
	}
	return tables, nil
}

// tableOf is the table of one disk.
func tableOf(ctx context.Context, h effect.Doer, op, disk string) (Table, error) {
	tables, err := Tables(ctx, h, op, disk)
	switch {
	case err != nil:
		return Table{}, err
	case len(tables) != 1:
		return Table{}, effect.Errorf(effect.Failed, op, "gpart told of %d tables where %s was asked for", len(tables), disk)
	}
	return tables[0], nil
}

// Changed is what a change of a table came to.
type Changed struct {
	Changed bool `lua:"changed" doc:"the table is, or in check mode would be, different now"`
}

// change carries out a gpart command that changes a table.
func change(ctx context.Context, h effect.Doer, op, disk string, risk effect.Risk, note string, argv ...string) (effect.Result, error) {
	return run(ctx, h, effect.Effect{
		Op: op, Kind: effect.Change, Risk: risk, Note: note, Argv: append([]string{"gpart"}, argv...),
		Writes: []effect.Resource{resource(disk), effect.Tree("/dev/" + disk), effect.File("/dev/" + disk), effect.Tree("/dev/gpt")},
		Diff:   &effect.Diff{Path: disk, Note: note},
	})
}
