package zfssim

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"bsdrun/runtime/sim/vfs"
)

// diff is zfs diff: what changed between a snapshot and a later one, or now.
func (c *call) diff() int {
	switch {
	case len(c.Operands) < 1:
		return c.misuse("must provide at least one snapshot name")
	case len(c.Operands) > 2:
		return c.misuse("too many arguments")
	case c.Has("h"):
		return c.Cannot("zfs diff -h")
	}
	from, to := c.diffOf()
	of, _ := cutName(from)
	if !strings.Contains(from, "@") {
		c.Errorf("Badly formed snapshot name %s\n", from)
		return 1
	}
	if c.open(of, fileSystems) == nil || c.open(from, snapshots) == nil || c.open(to, datasets) == nil {
		return 1
	}
	if toOf, _ := cutName(to); toOf != of {
		return c.Cannot("zfs diff of different file systems")
	}
	if !c.may(of, "diff") {
		c.Errorf("The sys_config privilege or diff delegated permission is needed\nto execute the diff ioctl\n")
		return 1
	}
	point := c.mountedAt(of)
	if point == "" {
		c.Errorf("Cannot diff an unmounted snapshot: %s\n", of)
		return 1
	}
	entries, err := c.Machine.Tree().Export(to, from)
	if err != nil {
		return c.Cannot("zfs diff: %v", err)
	}
	before, err := c.Machine.Tree().Export(from, "")
	if err != nil {
		return c.Cannot("zfs diff: %v", err)
	}
	for _, ch := range changes(before, entries) {
		c.printChange(strings.TrimSuffix(point, "/")+"/", ch)
	}
	return 0
}

// diffOf are the snapshot and what it is compared with: another one, of which the
// short name will do, or the file system.
func (c *call) diffOf() (from, to string) {
	from = c.Operands[0]
	of, _ := cutName(from)
	switch {
	case len(c.Operands) == 1:
		return from, of
	case strings.HasPrefix(c.Operands[1], "@"):
		return from, of + c.Operands[1]
	}
	return from, c.Operands[1]
}

// change is a line of zfs diff.
type change struct {
	sign string
	file vfs.Entry
	to   string // of one that was renamed
}

// changes are what became of the files that there were, by what was exported
// since: one that is gone and one like it that is new were renamed.
func changes(before, since []vfs.Entry) (list []change) {
	was := map[string]vfs.Entry{}
	for _, e := range before {
		was[e.Path] = e
	}
	var fresh []vfs.Entry
	for _, e := range since {
		if _, old := was[e.Path]; !old && !e.Removed {
			fresh = append(fresh, e)
		}
	}
	for _, e := range since {
		old, there := was[e.Path]
		switch {
		case e.Removed:
			var ch change
			ch, fresh = gone(old, fresh, was)
			list = append(list, ch)
			if ch.sign == "-" {
				list = append(list, removedBelow(old.Path, before)...)
			}
		case there:
			list = append(list, change{sign: "M", file: e})
		}
	}
	for _, e := range fresh {
		list = append(list, change{sign: "+", file: e})
	}
	return list
}

// gone is what became of a file that is not where it was: what of the new files
// is that one, and lies below it, is not new.
func gone(old vfs.Entry, fresh []vfs.Entry, was map[string]vfs.Entry) (change, []vfs.Entry) {
	i := slices.IndexFunc(fresh, func(e vfs.Entry) bool { return alike(old, e) })
	if i < 0 {
		return change{sign: "-", file: old}, fresh
	}
	to := fresh[i].Path
	fresh = slices.DeleteFunc(slices.Clone(fresh), func(e vfs.Entry) bool {
		rest, below := strings.CutPrefix(e.Path, to+"/")
		return e.Path == to || below && alike(was[old.Path+"/"+rest], e)
	})
	return change{sign: "R", file: old, to: to}, fresh
}

// removedBelow are the files of a directory that is gone.
func removedBelow(dir string, before []vfs.Entry) (list []change) {
	for _, e := range before {
		if strings.HasPrefix(e.Path, dir+"/") {
			list = append(list, change{sign: "-", file: e})
		}
	}
	return list
}

// alike tells whether two entries may be one file under two names.
func alike(a, b vfs.Entry) bool {
	return a.Type == b.Type && a.Mode == b.Mode && a.UID == b.UID && a.GID == b.GID && a.MTime == b.MTime && a.Size == b.Size && a.Target == b.Target && bytes.Equal(a.Data.Bytes(a.Size), b.Data.Bytes(b.Size))
}

// printChange prints a line of zfs diff.
func (c *call) printChange(point string, ch change) {
	line := ch.sign + "\t"
	if c.Has("t") {
		line = fmt.Sprintf("%10d.%09d\t", ch.file.MTime/1e9, ch.file.MTime%1e9) + line
	}
	if c.Has("F") {
		line += fileSign(ch.file.Type) + "\t"
	}
	line += escape(point + ch.file.Path)
	arrow := " -> "
	if c.Has("H") {
		arrow = "\t"
	}
	if ch.sign == "R" {
		line += arrow + escape(point+ch.to)
	}
	c.Printf("%s\n", line)
}

// fileSign is the letter of a type of files.
func fileSign(t vfs.Type) string {
	return map[vfs.Type]string{
		vfs.TypeDir: "/", vfs.TypeLink: "@", vfs.TypeFIFO: "|", vfs.TypeSocket: "=", vfs.TypeChar: "C", vfs.TypeBlock: "B",
	}[t] + map[bool]string{true: "F"}[t == vfs.TypeFile]
}

// escape writes what is no plain character as an octal number.
func escape(name string) string {
	var b strings.Builder
	for _, ch := range []byte(name) {
		if ch > ' ' && ch < 0x7f && ch != '\\' {
			b.WriteByte(ch)
		} else {
			fmt.Fprintf(&b, "\\%04o", ch)
		}
	}
	return b.String()
}
