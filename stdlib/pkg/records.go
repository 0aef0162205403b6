package pkg

import (
	"context"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
)

// record is a package as the tools before pkg(8) keep it: pkg_add(1) and its
// kin, of releases up to 9.
type record struct {
	name, version, origin string
	comment, prefix       string
	needs                 []string // names with versions
	description           string
}

func (r record) full() string { return r.name + "-" + r.version }

// recordsScript shows the records below a root; a letter tells the lines apart.
const recordsScript = `for f in "$1"/var/db/pkg/*/+CONTENTS; do
	[ -f "$f" ] || continue
	d=${f%/+CONTENTS}
	echo "P ${d##*/}"
	sed -n -e 's/^@comment ORIGIN:/O /p' -e 's/^@cwd /W /p' -e 's/^@pkgdep /D /p' "$f"
	[ ! -f "$d/+COMMENT" ] || sed -n '1s/^/C /p' "$d/+COMMENT"
	[ ! -f "$d/+DESC" ] || sed 's/^/E /' "$d/+DESC"
done`

// records are what the tools before pkg(8) have installed.
func (t Target) records(ctx context.Context, h effect.Doer, op string) ([]record, error) {
	root := strings.TrimSuffix(t.Rootdir, "/")
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, In: t.Jail, Title: "read the records of pkg_info(1)",
		Argv:  []string{"/bin/sh", "-c", recordsScript, "records", root},
		Reads: append(t.reads(), "port", effect.Tree(root+"/var/db/pkg")),
	})
	if err != nil {
		return nil, err
	}
	out, err := res.Text()
	return parseRecords(out), err
}

// parseRecords reads the output of recordsScript.
func parseRecords(out string) []record {
	var list []record
	for line := range strings.Lines(out) {
		letter, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		if letter == "P" {
			name, version := splitNameVersion(value)
			list = append(list, record{name: name, version: version})
			continue
		}
		if len(list) == 0 {
			continue
		}
		r := &list[len(list)-1]
		switch letter {
		case "O":
			r.origin = value
		case "W":
			if r.prefix == "" { // the first; later ones are for single files
				r.prefix = value
			}
		case "D":
			r.needs = append(r.needs, value)
		case "C":
			r.comment = value
		case "E":
			r.description += value + "\n"
		}
	}
	return list
}

// withoutPkg tells whether pkg(8) is not there, or waits to be installed.
func withoutPkg(res effect.Result, err error) bool {
	if err != nil {
		return notThere(err)
	}
	return res.Code != 0 && notInstalled(string(res.Stderr.Tail(4096)))
}

// notThere tells whether the host has not even the stub that installs pkg.
func notThere(err error) bool {
	e := effect.AsError(err)
	return e != nil && e.Code == noSuchProgram
}

// query asks pkg; where it is not there, the records of the tools before it,
// which older puts into pkg's own words.
func (t Target) query(ctx context.Context, h effect.Doer, e effect.Effect, older func([]record) string) (effect.Result, error) {
	res, err := run(ctx, h, e)
	if !withoutPkg(res, err) {
		return res, err
	}
	list, failed := t.records(ctx, h, e.Op)
	if failed != nil {
		return effect.Result{}, failed
	}
	if len(list) == 0 {
		return res, err
	}
	return effect.Result{Stdout: effect.OutputOf([]byte(older(list)))}, nil
}

// rows puts records into lines of tabs, as pkg query does.
func rows(list []record, fields func(record) []string) string {
	var b strings.Builder
	for _, r := range list {
		b.WriteString(strings.Join(fields(r), "\t") + "\n")
	}
	return b.String()
}

// listed is a record in listFormat; its size is not known.
func (r record) listed() []string {
	return []string{r.name, r.version, r.origin, "0", "0", "0", r.comment}
}

// detailed is a record in the form of infoScript, by what a person calls it.
func detailed(name string) func([]record) string {
	return func(list []record) string {
		at := slices.IndexFunc(list, func(r record) bool { return presence{name: r.name, version: r.version, origin: r.origin}.matches(name) })
		if at < 0 {
			return ""
		}
		r := list[at]
		_, www, _ := strings.Cut("\n"+r.description, "\nWWW:")
		www, _, _ = strings.Cut(www, "\n")
		lines := []string{
			strings.Join(append([]string{"P"}, r.listed()...), "\t"),
			strings.Join([]string{"M", r.prefix, "", strings.TrimSpace(www), "0", ""}, "\t"),
		}
		for _, need := range r.needs {
			needed, _ := splitNameVersion(need)
			lines = append(lines, "D\t"+needed)
		}
		for _, other := range list {
			if slices.Contains(other.needs, r.full()) {
				lines = append(lines, "R\t"+other.name)
			}
		}
		if category, _, ok := strings.Cut(r.origin, "/"); ok {
			lines = append(lines, "C\t"+category)
		}
		return strings.Join(lines, "\n") + "\nE\t" + r.description
	}
}
