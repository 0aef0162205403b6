package zfs

import (
	"context"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/effect"
)

// DiffArgs are the arguments of Diff.
type DiffArgs struct {
	From string `lua:"from,required" doc:"a snapshot"`
	To   string `lua:"to,pos" doc:"a later snapshot of it; default: the file system as it is"`
}

// Difference is a file that is not as it was.
type Difference struct {
	Change string    `lua:"change" doc:"added, removed, modified or renamed"`
	Type   string    `lua:"type" doc:"file, directory, link, block, character, fifo, socket, door, port or other"`
	Path   string    `lua:"path" doc:"where it is, or was before it was removed or renamed"`
	To     string    `lua:"to,omitempty" doc:"new path of what was renamed"`
	Links  int64     `lua:"links,omitempty" doc:"how many hard links were made; negative: removed"`
	Time   time.Time `lua:"time" doc:"when it was changed"`
}

// Diff tells what has changed since a snapshot.
func Diff(ctx context.Context, h effect.Doer, a DiffArgs) ([]Difference, error) {
	const op = "zfs.diff"
	if err := checkName(op, a.From, "@"); err != nil {
		return nil, err
	}
	argv, dataset := []string{"zfs", "diff", "-FHt", a.From}, a.From
	if a.To != "" {
		if err := checkName(op, a.To, "", "@"); err != nil {
			return nil, err
		}
		argv, dataset = append(argv, a.To), a.To
	}
	// What it compares is files, anywhere below the file system's mountpoint.
	res, err := run(ctx, h, effect.Effect{Op: op, Kind: effect.Read, Argv: argv, Reads: []effect.Resource{below(a.From), below(dataset), "file"}})
	if err != nil {
		return nil, err
	}
	out, err := res.Text()
	if err != nil {
		return nil, err
	}
	return parseDiff(op, out)
}

var (
	changes   = map[string]string{"+": "added", "-": "removed", "M": "modified", "R": "renamed"}
	fileTypes = map[string]string{
		"B": "block", "C": "character", "/": "directory", ">": "door", "|": "fifo", "@": "link", "P": "port", "=": "socket", "F": "file",
	}
)

// parseDiff reads what zfs diff -FHt prints: time, change, type, path, and the new
// path or the change of the link count.
func parseDiff(op, out string) ([]Difference, error) {
	all := []Difference{}
	for line := range strings.Lines(out) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) < 4 || changes[fields[1]] == "" {
			return nil, effect.Errorf(effect.Failed, op, "zfs diff printed something else: %.80q", line)
		}
		d := Difference{Change: changes[fields[1]], Type: fileTypes[fields[2]], Path: unescape(fields[3])}
		if d.Type == "" {
			d.Type = "other"
		}
		seconds, _, _ := strings.Cut(fields[0], ".")
		d.Time = moment(seconds)
		if len(fields) > 4 {
			if n, err := strconv.ParseInt(strings.Trim(fields[4], "()"), 10, 64); err == nil && d.Change == "modified" {
				d.Links = n
			} else {
				d.To = unescape(fields[4])
			}
		}
		all = append(all, d)
	}
	return all, nil
}

// unescape undoes how zfs diff writes bytes that are no plain characters: a
// backslash and four octal digits.
func unescape(path string) string {
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] == '\\' && i+5 <= len(path) {
			if n, err := strconv.ParseUint(path[i+1:i+5], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 4
				continue
			}
		}
		b.WriteByte(path[i])
	}
	return b.String()
}
