package poudriere

import (
	"context"
	"fmt"
	"strings"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/file"
)

// Releases before 3.0 kept registrations as properties of data sets; only their
// own lists tell them. Later ones have the state files, which check mode can
// answer from and which need no poudriere to be read.

// readList runs poudriere's own list where there are no state files at all.
func readList(ctx context.Context, h effect.Doer, op, dir, kind string) (string, error) {
	info, err := file.StatAs(ctx, h, op, dir)
	if err != nil || info != nil {
		return "", err
	}
	e := command(op, kind, "-l")
	e.Kind, e.Want = effect.Read, []int{0, 1, 64, 127}
	res, err := h.Do(ctx, e)
	if err != nil || res.Code != 0 {
		return "", err // not installed or not configured: nothing is registered
	}
	return res.Text()
}

// parseTable cuts a list into columns by where its header's words begin: cells
// may be empty or hold blanks. A cell that is longer than its column pushes the
// rest of its row aside, and such a row is cut at its blanks.
func parseTable(out string) ([]map[string]string, error) {
	lines := strings.Split(strings.TrimRight(ansi.ReplaceAllString(out, ""), "\n"), "\n")
	names := strings.Fields(lines[0])
	if len(names) == 0 {
		return nil, nil
	}
	var starts []int
	at := 0
	for _, name := range names {
		at += strings.Index(lines[0][at:], name)
		starts = append(starts, at)
		at += len(name)
	}
	var rows []map[string]string
	for _, line := range lines[1:] {
		if strings.TrimSpace(line) == "" {
			continue
		}
		row := cutRow(line, names, starts)
		if row == nil {
			return nil, fmt.Errorf("poudriere's list: not understood: %q", line)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func cutRow(line string, names []string, starts []int) map[string]string {
	row := map[string]string{}
	aligned := true
	for i, start := range starts {
		aligned = aligned && start <= len(line) && (start == 0 || line[start-1] == ' ')
		if !aligned {
			break
		}
		end := len(line)
		if i+1 < len(starts) && starts[i+1] < end {
			end = starts[i+1]
		}
		row[names[i]] = strings.TrimSpace(line[start:end])
	}
	if aligned {
		return row
	}
	fields := strings.Fields(line)
	if len(fields) != len(names) {
		return nil
	}
	for i, name := range names {
		row[name] = fields[i]
	}
	return row
}

var listTime = lazyregexp.New(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$`)

// localStamp reads a time that a list prints without a zone.
func localStamp(text string) time.Time {
	if !listTime.MatchString(text) {
		return time.Time{}
	}
	at, err := time.Parse(time.DateTime, text)
	if err != nil {
		return time.Time{}
	}
	return at
}

// parsePortsList reads poudriere ports -l.
func parsePortsList(out string) ([]Tree, error) {
	rows, err := parseTable(out)
	trees := []Tree{}
	for _, row := range rows {
		trees = append(trees, Tree{Name: row["PORTSTREE"], Method: row["METHOD"], Path: row["PATH"], Updated: localStamp(row["TIMESTAMP"])})
	}
	return trees, err
}

// parseJailList reads poudriere jail -l. A version may be followed by the
// revision of its sources.
func parseJailList(out string) ([]Jail, error) {
	rows, err := parseTable(out)
	jails := []Jail{}
	for _, row := range rows {
		version, revision, _ := strings.Cut(row["VERSION"], " ")
		jails = append(jails, Jail{
			Name: row["JAILNAME"], Version: version, Revision: revision, Arch: row["ARCH"],
			Method: row["METHOD"], Path: row["PATH"], Updated: localStamp(row["TIMESTAMP"]),
		})
	}
	return jails, err
}
