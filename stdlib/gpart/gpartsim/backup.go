package gpartsim

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"bsdrun/runtime/sim/state"
)

func (k *call) backup() error {
	if len(k.args) != 1 {
		return refuse("Invalid number of arguments.")
	}
	d, err := k.table(k.args[0])
	if err != nil {
		return err
	}
	t := d.Table
	kind, index, number := 0, len(fmt.Sprint(t.Entries)), len(fmt.Sprint(t.Last))
	for _, p := range t.Parts {
		kind = max(kind, len(p.Type))
	}
	k.Printf("%s %d\n", t.Scheme, t.Entries)
	for _, p := range t.Parts {
		attributes := ""
		if len(p.Attributes) > 0 {
			attributes = " [" + strings.Join(p.Attributes, ",") + "] "
		}
		k.Printf("%-*d %*s %*d %*d %s %s\n", index, p.Index, kind, p.Type, number, p.Start, number, p.Size, p.Label, attributes)
	}
	return nil
}

var errFormat = refuse("Incorrect backup format.")

// restore makes tables like the one on standard input; when a line of it cannot
// be, none of the disks is changed.
func (k *call) restore() error {
	if len(k.args) < 1 {
		return refuse("Invalid number of arguments.")
	}
	if k.Cred.UID != 0 {
		return kernel(syscall.EACCES, "")
	}
	k.s.Unlock() // the input may come from another program
	var lines []string
	for in := bufio.NewScanner(k.Stdin); in.Scan(); {
		if text := strings.TrimSpace(in.Text()); text != "" && text[0] != '#' {
			lines = append(lines, in.Text())
		}
	}
	k.s.Lock()
	before := map[*state.Disk]*state.Table{}
	for _, name := range k.args {
		if d := k.s.Disk(strings.TrimPrefix(name, "/dev/")); d != nil {
			before[d] = d.Table.Clone()
		}
	}
	err := k.replay(lines)
	for d, table := range before {
		if err != nil {
			d.Table = table
		} else {
			k.edited(d, table)
		}
	}
	return err
}

func (k *call) replay(lines []string) error {
	for _, name := range k.args {
		d := k.s.Disk(strings.TrimPrefix(name, "/dev/"))
		if k.has('F') && d != nil && d.Table != nil {
			if err := k.clear(d, true); err != nil {
				return err
			}
		}
	}
	created := false
	for _, line := range lines {
		f := strings.Fields(line)
		switch {
		case len(f) <= 2 && created, len(f) > 2 && (len(f) < 4 || !created):
			return errFormat
		case len(f) <= 2:
			created = true
			if err := k.restoreTable(append(f, "")); err != nil {
				return err
			}
		default:
			if err := k.restorePart(f); err != nil {
				return err
			}
		}
	}
	return nil
}

func (k *call) restoreTable(f []string) error {
	for _, name := range k.args {
		if err := k.makeTable(strings.TrimPrefix(name, "/dev/"), f[0], f[1], false); err != nil {
			return err
		}
	}
	return nil
}

// restorePart adds a partition to every disk: index, type, start, size, then a
// label and attributes where there are any. The label counts with -l alone.
func (k *call) restorePart(f []string) error {
	var numbers [3]int64
	for n, at := range []int{0, 2, 3} {
		v, err := strconv.ParseInt(f[at], 0, 64)
		if err != nil {
			return errFormat
		}
		numbers[n] = v
	}
	label, attributes := "", ""
	for _, word := range f[4:] {
		if strings.HasPrefix(word, "[") {
			attributes = strings.Trim(word, "[]")
		} else if label == "" {
			label = word
		}
	}
	if !k.has('l') {
		label = ""
	}
	for _, name := range k.args {
		d, err := k.table(name)
		if err != nil {
			return err
		}
		p, err := k.insert(d, &state.Partition{Index: int(numbers[0]), Type: f[1], Label: label, Start: numbers[1], Size: numbers[2]})
		if err != nil {
			return err
		}
		for attribute := range strings.SplitSeq(attributes, ",") {
			if attribute != "" {
				k.mark(d.Table, p, attribute, true)
			}
		}
	}
	return nil
}
