package sim

import (
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/lazyregexp"
	"bsdrun/runtime/sim/vfs"
)

// FstabEntry is a line of fstab(5).
type FstabEntry struct {
	Source, Point, Type string
	Options             []string
	Dump, Pass          int
}

// has tells whether a line has one of some options.
func (e FstabEntry) has(options ...string) bool {
	return slices.ContainsFunc(e.Options, func(o string) bool { return slices.Contains(options, o) })
}

// Fstab lists the machine's fstab.
func (m *Machine) Fstab() []FstabEntry {
	data, _ := m.View(vfs.Root, "/").ReadFile("/etc/fstab")
	list, _ := ParseFstab(string(data))
	return list
}

// access are the options one of which every line needs: rw, ro, rq, sw or xx.
var access = []string{"rw", "ro", "rq", "sw", "xx"}

// ParseFstab reads fstab(5) as getfsent(3) does: lines that say xx are left out,
// and wrong are the numbers of those that are no entries.
func ParseFstab(text string) (list []FstabEntry, wrong []int) {
	number := 0
	for line := range strings.Lines(text) {
		number++
		f := strings.Fields(line)
		if len(f) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		if len(f) < 4 {
			wrong = append(wrong, number)
			continue
		}
		e := FstabEntry{Source: visible(f[0]), Point: visible(f[1]), Type: f[2], Options: strings.Split(f[3], ",")}
		if len(f) > 4 {
			e.Dump, _ = strconv.Atoi(f[4])
		}
		if len(f) > 5 {
			e.Pass, _ = strconv.Atoi(f[5])
		}
		switch {
		case !e.has(access...):
			wrong = append(wrong, number)
		case !e.has("xx"):
			list = append(list, e)
		}
	}
	return list, wrong
}

var octalEscape = lazyregexp.New(`\\[0-7]{3}`)

// visible undoes the escapes of a name with blanks, as strunvis(3).
func visible(word string) string {
	return octalEscape.ReplaceAllStringFunc(word, func(code string) string {
		n, _ := strconv.ParseUint(code[1:], 8, 9)
		return string([]byte{byte(n)})
	})
}

// MountsAnywhere tells whether a modelled file system needs no device.
func MountsAnywhere(kind string) bool {
	return slices.Contains([]string{"tmpfs", "nullfs", "devfs", "procfs", "fdescfs", "linprocfs", "linsysfs"}, kind)
}
