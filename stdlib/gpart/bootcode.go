package gpart

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// SectorCode is how much of a first sector is boot code: what follows is the
// protective MBR, and on some disks a signature.
const SectorCode = 440

// Code is a place on a disk that holds boot code, and the file it is made of.
type Code struct {
	Device string // without /dev/
	Sector int64  // size of the disk's sectors
	Size   int64  // how much of the place counts; 0: as much as the file has
	File   string
}

// Measured is a Code as it was found.
type Measured struct {
	Code
	FileSize  int64  // -1: there is no such file
	Installed string // SHA-256 of what the place holds, in hex
	Wanted    string // of the file
}

// Current tells whether the place holds the file.
func (m Measured) Current() bool { return m.FileSize >= 0 && m.Installed == m.Wanted }

// measureScript prints for each place, its sector, its length and its file:
// the size of the file, and the digests of both. Whole sectors are read, since
// a disk gives nothing less.
const measureScript = `while [ $# -ge 4 ]; do
dev=/dev/$1 bs=$2 n=$3 file=$4; shift 4
[ -f "$file" ] || { echo "-1 - -"; continue; }
[ -e "$dev" ] || { echo "$dev: No such file or directory" >&2; exit 1; }
[ -r "$dev" ] || { echo "$dev: Permission denied" >&2; exit 1; }
size=$(stat -L -f %z "$file") || exit
[ "$n" -gt 0 ] || n=$size
have=$(dd if="$dev" bs="$bs" count=$(((n + bs - 1) / bs)) 2>/dev/null | head -c "$n" | sha256 -q) || exit
want=$(head -c "$n" "$file" | sha256 -q) || exit
echo "$size $have $want"
done`

var measuredLine = lazyregexp.New(`^(-1|\d+) ([0-9a-f]{64}|-) ([0-9a-f]{64}|-)$`)

// Measure compares what places hold with files, in one exchange.
func Measure(ctx context.Context, h effect.Doer, op string, codes []Code) ([]Measured, error) {
	if len(codes) == 0 {
		return nil, nil
	}
	e := effect.Effect{
		Op: op, Kind: effect.Read, Title: "compare boot code",
		Argv: []string{"sh", "-c", measureScript, "gpart"},
	}
	for _, c := range codes {
		e.Argv = append(e.Argv, c.Device, strconv.FormatInt(c.Sector, 10), strconv.FormatInt(c.Size, 10), c.File)
		e.Title += " " + c.Device
		e.Reads = append(e.Reads, effect.File("/dev/"+c.Device), effect.File(c.File))
	}
	res, err := run(ctx, h, e)
	if err != nil {
		return nil, err
	}
	out, err := res.Text()
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != len(codes) {
		return nil, effect.Errorf(effect.Failed, op, "the host compared %d of %d places", len(lines), len(codes))
	}
	found := make([]Measured, len(codes))
	for i, line := range lines {
		m := measuredLine.FindStringSubmatch(line)
		if m == nil {
			return nil, effect.Errorf(effect.Failed, op, "%s: the host printed something else: %.80q", codes[i].Device, line)
		}
		found[i] = Measured{Code: codes[i], Installed: m[2], Wanted: m[3]}
		found[i].FileSize, _ = strconv.ParseInt(m[1], 10, 64)
	}
	return found, nil
}

// BootcodeArgs are the arguments of Bootcode.
type BootcodeArgs struct {
	Disk     string `lua:"disk,required" doc:"the disk"`
	Partcode string `lua:"partcode,required" doc:"what goes into the freebsd-boot partition (-p): /boot/gptzfsboot where the root is on ZFS, /boot/gptboot on UFS"`
	Bootcode string `lua:"bootcode" doc:"what goes into the first sector (-b)" default:"/boot/pmbr"`
	Index    int    `lua:"index" doc:"number of the partition, where the disk has several of the type freebsd-boot"`
	Backup   string `lua:"backup" doc:"directory that keeps what was there" default:"/var/backups/bootcode"`
}

// Booted is what writing boot code came to.
type Booted struct {
	Changed   bool     `lua:"changed" doc:"boot code was, or in check mode would be, written"`
	Partition string   `lua:"partition" doc:"the freebsd-boot partition"`
	Index     int      `lua:"index" doc:"its number"`
	Backups   []string `lua:"backups,produced" doc:"files with what was there before; empty where nothing was written"`
}

// Bootcode writes boot code to a disk.
func Bootcode(ctx context.Context, h effect.Doer, a BootcodeArgs) (Booted, error) {
	const op = "gpart.bootcode"
	t, err := tableOf(ctx, h, op, a.Disk)
	if err != nil {
		return Booted{}, err
	}
	return WriteBootcode(ctx, h, op, t, a)
}

// WriteBootcode is Bootcode for a table that is known already, under the name
// of another module's operation.
func WriteBootcode(ctx context.Context, h effect.Doer, op string, t Table, a BootcodeArgs) (Booted, error) {
	if a.Bootcode == "" {
		a.Bootcode = "/boot/pmbr"
	}
	if a.Backup == "" {
		a.Backup = "/var/backups/bootcode"
	}
	for _, p := range []string{a.Partcode, a.Bootcode, a.Backup} {
		if p == "" || p[0] != '/' {
			return Booted{}, effect.Errorf(effect.Invalid, op, "%q is no absolute path", p)
		}
	}
	p, err := t.BootPartition(op, a.Index)
	if err != nil {
		return Booted{}, err
	}
	done := Booted{Partition: p.Name, Index: p.Index, Backups: []string{}}
	codes := []Code{
		{Device: p.Name, Sector: t.SectorSize, File: a.Partcode},
		{Device: t.Disk, Sector: t.SectorSize, Size: SectorCode, File: a.Bootcode},
	}
	before, err := Measure(ctx, h, op, codes)
	if err != nil {
		return done, err
	}
	if err := writable(op, p, before); err != nil || before[0].Current() && before[1].Current() {
		return done, err
	}
	res, err := write(ctx, h, op, t, p, a)
	if err != nil || res.Skipped {
		done.Changed = err == nil
		return done, err
	}
	done.Changed = true
	if done.Backups, err = backups(res); err != nil {
		return done, err
	}
	return done, verify(ctx, h, op, codes, done.Backups)
}

// BootPartition is the disk's freebsd-boot partition, or the one of that index
// if it is one.
func (t Table) BootPartition(op string, index int) (Partition, error) {
	if t.Scheme != "GPT" {
		return Partition{}, effect.WithHint(effect.Errorf(effect.Failed, op, "%s has a %s table, which has no freebsd-boot partition", t.Disk, t.Scheme),
			"boot code on a table of this kind has to be written by hand: see boot0cfg(8), gptboot(8) and zfsboot(8)")
	}
	boot := t.OfType("freebsd-boot")
	if index > 0 {
		p := t.find(index, "")
		switch {
		case p == nil:
			return Partition{}, effect.Errorf(effect.Missing, op, "%s has no partition %d", t.Disk, index)
		case p.Type != "freebsd-boot":
			return Partition{}, effect.Errorf(effect.Failed, op, "%s has the type %s, not freebsd-boot: writing boot code to it would destroy what it holds", p.Name, p.Type)
		}
		return *p, nil
	}
	switch len(boot) {
	case 1:
		return boot[0], nil
	case 0:
		return Partition{}, effect.Errorf(effect.Failed, op, "%s has no freebsd-boot partition, but %s", t.Disk, t.describe())
	}
	return Partition{}, effect.WithHint(effect.Errorf(effect.Failed, op, "%s has %d freebsd-boot partitions", t.Disk, len(boot)), "say by index which one is meant")
}

// describe lists the partitions for an error.
func (t Table) describe() string {
	if len(t.Partitions) == 0 {
		return "no partitions at all"
	}
	list := make([]string, len(t.Partitions))
	for i, p := range t.Partitions {
		list[i] = p.Name + " " + p.Type
	}
	return strings.Join(list, ", ")
}

// writable refuses code that is not there or does not fit.
func writable(op string, p Partition, found []Measured) error {
	for _, m := range found {
		if m.FileSize < 0 {
			return effect.Errorf(effect.Missing, op, "%s: no such file or directory", m.File)
		}
	}
	if size := found[0].FileSize; size > p.Size {
		return effect.WithHint(effect.Errorf(effect.Failed, op, "%s has %d bytes, but %s only %d", found[0].File, size, p.Name, p.Size),
			"the partition has to grow: take some of the swap behind it, one disk of the mirror after the other")
	}
	if size := found[0].FileSize; size == 0 || found[1].FileSize == 0 {
		return effect.Errorf(effect.Failed, op, "the boot code is empty: %s has %d bytes, %s %d", found[0].File, size, found[1].File, found[1].FileSize)
	}
	return nil
}

// writeScript keeps what is there in files named by its digest, so that a second
// run does not replace the first one's, and writes. A partial backup is removed
// before anything is written.
const writeScript = `umask 077
mkdir -p "$1" || exit
keep() {
	t=$(mktemp "$1/new.XXXXXX") || exit
	dd if="/dev/$2" of="$t" bs="$3" $4 2>/dev/null || { rm -f "$t"; echo "cannot save $2" >&2; exit 1; }
	f=$1/$(echo "$2" | tr / _)-$(sha256 -q "$t" | head -c 16)
	mv -f "$t" "$f" && echo "kept $f"
}
keep "$1" "$7" "$5" "" || exit
keep "$1" "$6" "$5" count=1 || exit
exec gpart bootcode -b "$2" -p "$3" -i "$4" "$6"`

func write(ctx context.Context, h effect.Doer, op string, t Table, p Partition, a BootcodeArgs) (effect.Result, error) {
	title := fmt.Sprintf("gpart bootcode -b %s -p %s -i %d %s", a.Bootcode, a.Partcode, p.Index, t.Disk)
	return run(ctx, h, effect.Effect{
		Op: op, Kind: effect.Change, Risk: effect.Disruptive, Note: "the boot code of " + t.Disk + " is replaced; what it was is kept in " + a.Backup,
		Title: title,
		Argv: []string{"sh", "-c", writeScript, "gpart", a.Backup, a.Bootcode, a.Partcode, strconv.Itoa(p.Index),
			strconv.FormatInt(t.SectorSize, 10), t.Disk, p.Name},
		Reads:  []effect.Resource{effect.File(a.Bootcode), effect.File(a.Partcode), resource(t.Disk)},
		Writes: []effect.Resource{effect.File("/dev/" + t.Disk), effect.File("/dev/" + p.Name), effect.Tree(a.Backup)},
		Diff:   &effect.Diff{Path: p.Name, Note: "boot code of " + t.Disk + " -> " + a.Partcode + " and " + a.Bootcode},
	})
}

// backups are the files that writeScript says it kept.
func backups(res effect.Result) ([]string, error) {
	out, err := res.Text()
	kept := []string{}
	for line := range strings.Lines(out) {
		if file, ok := strings.CutPrefix(strings.TrimSpace(line), "kept "); ok {
			kept = append(kept, file)
		}
	}
	return kept, err
}

// verify reads back what was written; gpart's word is not enough.
func verify(ctx context.Context, h effect.Doer, op string, codes []Code, kept []string) error {
	after, err := Measure(ctx, h, op, codes)
	if err != nil {
		return err
	}
	for _, m := range after {
		if !m.Current() {
			return effect.WithHint(effect.Errorf(effect.Failed, op, "%s does not hold %s after writing it: %s is read, %s was written", m.Device, m.File, m.Installed, m.Wanted),
				"do not reboot; look at the disk's health. What was there is in %s", strings.Join(kept, " and "))
		}
	}
	return nil
}
