package pkg

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"mvdan.cc/sh/v3/syntax"

	"bsdrun/runtime/effect"
)

// Package is one package, installed or offered.
type Package struct {
	Name      string `lua:"name" doc:"name"`
	Version   string `lua:"version" doc:"version"`
	Origin    string `lua:"origin" doc:"category and port it was built from"`
	Comment   string `lua:"comment" doc:"what it is, in one line"`
	Size      int64  `lua:"size" doc:"installed size" unit:"bytes"`
	Automatic bool   `lua:"automatic" doc:"came as a dependency"`
	Locked    bool   `lua:"locked" doc:"protected against changes"`
}

// ListArgs are the arguments of List.
type ListArgs struct {
	Automatic *bool `lua:"automatic" doc:"true: only what came as a dependency; false: only what was asked for"`
	Locked    *bool `lua:"locked" doc:"true: only what is protected against changes; false: only the others"`
	Target    `lua:",inline"`
}

// listFormat asks for the fields of Package, pkg-query(8).
const listFormat = `%n\t%v\t%o\t%sb\t%a\t%k\t%c`

// remoteFormat is the same of what is only offered, which is neither automatic
// nor locked.
const remoteFormat = `%n\t%v\t%o\t%sb\t0\t0\t%c`

// List lists the installed packages, sorted by name.
func List(ctx context.Context, h effect.Doer, a ListArgs) ([]Package, error) {
	const op = "pkg.list"
	if err := a.check(op); err != nil {
		return nil, err
	}
	e := question(op, a.command("query", "-a", listFormat), a.reads())
	res, err := a.query(ctx, h, e, func(list []record) string { return rows(list, record.listed) })
	if err != nil {
		return nil, err
	}
	out, err := answered(e, res)
	if err != nil {
		return nil, err
	}
	differs := func(is bool, wanted *bool) bool { return wanted != nil && is != *wanted }
	return slices.DeleteFunc(parsePackages(out), func(p Package) bool {
		return differs(p.Automatic, a.Automatic) || differs(p.Locked, a.Locked)
	}), nil
}

// ask runs a query whose empty answer is an answer.
func ask(ctx context.Context, h effect.Doer, op string, argv []string, reads []effect.Resource) (string, error) {
	e := question(op, argv, reads)
	res, err := run(ctx, h, e)
	if err != nil {
		return "", err
	}
	return answered(e, res)
}

func question(op string, argv []string, reads []effect.Resource) effect.Effect {
	return effect.Effect{Op: op, Kind: effect.Read, Argv: argv, Want: []int{0, 1, noPackages}, Reads: reads}
}

// answered is what a query printed.
func answered(e effect.Effect, res effect.Result) (string, error) {
	out, err := res.Text()
	if err != nil || res.Code == 0 || out != "" {
		return out, err
	}
	return "", queryFailure(e.Op, e.Argv, res)
}

// parsePackages reads lines of listFormat.
func parsePackages(out string) []Package {
	list := []Package{}
	for _, row := range parseRows(out, 7) {
		size, _ := strconv.ParseInt(row[3], 10, 64)
		list = append(list, Package{
			Name: row[0], Version: row[1], Origin: row[2], Size: size,
			Automatic: row[4] == "1", Locked: row[5] == "1", Comment: row[6],
		})
	}
	slices.SortFunc(list, func(a, b Package) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// NameArgs names one package.
type NameArgs struct {
	Name   string `lua:"name,required" doc:"name, origin or name with version"`
	Target `lua:",inline"`
}

// Details is all that pkg knows of an installed package.
type Details struct {
	Installed    bool `lua:"installed" doc:"it is installed; when false, only the name is set"`
	Package      `lua:",inline"`
	Prefix       string            `lua:"prefix" doc:"where its files lie"`
	Maintainer   string            `lua:"maintainer" doc:"who cares for the port"`
	WWW          string            `lua:"www" doc:"home page"`
	Since        *time.Time        `lua:"since" doc:"when it was installed"`
	Repository   string            `lua:"repository" doc:"where it came from"`
	Dependencies []string          `lua:"dependencies" doc:"names of packages it needs"`
	RequiredBy   []string          `lua:"required_by" doc:"names of packages that need it"`
	Options      map[string]string `lua:"options" doc:"port options it was built with, on or off"`
	Categories   []string          `lua:"categories" doc:"categories"`
	Licenses     []string          `lua:"licenses" doc:"licenses"`
	Description  string            `lua:"description" doc:"what it is, at length"`
}

// Info tells all that pkg knows of a package. One that is not installed is no
// error.
func Info(ctx context.Context, h effect.Doer, a NameArgs) (Details, error) {
	const op = "pkg.info"
	if err := checkNames(op, []string{a.Name}); err != nil {
		return Details{}, err
	}
	if err := a.check(op); err != nil {
		return Details{}, err
	}
	script, err := infoScript(a)
	if err != nil {
		return Details{}, effect.Errorf(effect.Invalid, op, "%v", err)
	}
	e := effect.Effect{
		Op: op, Kind: effect.Read, Shell: script, Want: []int{0, 1, noPackages},
		Reads: a.reads(a.Name),
	}
	var foretold *string
	e.Answer = func(leaves map[effect.Resource]string) (effect.Result, bool) {
		left, ok := leaves[a.one(a.Name)]
		if ok {
			foretold = &left
		}
		return effect.Result{}, ok
	}
	res, err := a.query(ctx, h, e, detailed(a.Name))
	if err != nil {
		return Details{}, err
	}
	if foretold != nil {
		return offered(ctx, h, op, a, *foretold)
	}
	out, err := res.Text()
	if err != nil {
		return Details{}, err
	}
	if res.Code != 0 && out == "" {
		if err := queryFailure(op, a.command("query"), res); err != nil {
			return Details{}, err
		}
	}
	return parseDetails(a.Name, out), nil
}

// infoScript asks for everything in one go: a letter tells the lines apart, and
// the description, which has lines of its own, comes last.
func infoScript(a NameArgs) (string, error) {
	lines := []string{}
	for _, format := range []string{
		`P\t` + listFormat, `M\t%p\t%m\t%w\t%t\t%R`, `D\t%dn`, `R\t%rn`, `O\t%Ok\t%Ov`, `C\t%C`, `L\t%L`, `E\t%e`,
	} {
		words := a.command("query", format, a.Name)
		for i, word := range words {
			quoted, err := syntax.Quote(word, syntax.LangPOSIX)
			if err != nil {
				return "", err
			}
			words[i] = quoted
		}
		lines = append(lines, strings.Join(words, " "))
	}
	return lines[0] + " || exit $?\n" + strings.Join(lines[1:], "\n") + "\n:", nil
}

// parseDetails reads the output of infoScript.
func parseDetails(name, out string) Details {
	d := Details{
		Package: Package{Name: name}, Dependencies: []string{}, RequiredBy: []string{},
		Options: map[string]string{}, Categories: []string{}, Licenses: []string{},
	}
	out, description, _ := strings.Cut(out, "\nE\t")
	d.Description = strings.TrimRight(description, "\n")
	for line := range strings.Lines(out) {
		row := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		switch {
		case row[0] == "P" && len(row) == 8:
			if list := parsePackages(strings.Join(row[1:], "\t")); len(list) == 1 {
				d.Installed, d.Package = true, list[0]
			}
		case row[0] == "M" && len(row) == 6:
			d.Prefix, d.Maintainer, d.WWW, d.Repository = row[1], row[2], row[3], row[5]
			if seconds, err := strconv.ParseInt(row[4], 10, 64); err == nil && seconds > 0 {
				since := time.Unix(seconds, 0).UTC()
				d.Since = &since
			}
		case row[0] == "D" && len(row) == 2 && row[1] != "":
			d.Dependencies = append(d.Dependencies, row[1])
		case row[0] == "R" && len(row) == 2 && row[1] != "":
			d.RequiredBy = append(d.RequiredBy, row[1])
		case row[0] == "O" && len(row) == 3 && row[1] != "":
			d.Options[row[1]] = row[2]
		case row[0] == "C" && len(row) == 2 && row[1] != "":
			d.Categories = append(d.Categories, row[1])
		case row[0] == "L" && len(row) == 2 && row[1] != "":
			d.Licenses = append(d.Licenses, row[1])
		}
	}
	return d
}

// offered describes, in check mode, a package that a skipped change would have
// installed, from the catalogue.
func offered(ctx context.Context, h effect.Doer, op string, a NameArgs, left string) (Details, error) {
	d := parseDetails(a.Name, "")
	if left == leavesAbsent {
		return d, nil
	}
	// A package brings no repositories: only a newer catalogue would matter,
	// and the version tells whether it is the one that was planned with.
	argv := a.command("rquery", "-U", remoteFormat, a.Name)
	out, err := ask(ctx, h, op, argv, a.catalogue()[:1])
	if err != nil {
		return Details{}, err
	}
	list := parsePackages(out)
	for _, p := range list {
		if left == p.Version {
			d.Package, d.Installed = p, true
			return d, nil
		}
	}
	return Details{}, effect.ErrUnknown
}

// SearchArgs are the arguments of Search.
type SearchArgs struct {
	Pattern string `lua:"pattern,required" doc:"what to look for in names"`
	By      string `lua:"by" doc:"how the pattern is compared: a regular expression, a shell pattern, or the exact name" enum:"regex|glob|name" default:"regex"`
	Repo    string `lua:"repo" doc:"this repository alone (-r)"`
	Target  `lua:",inline"`
}

// Search finds packages that the repositories offer, from the catalogue that
// pkg has.
func Search(ctx context.Context, h effect.Doer, a SearchArgs) ([]Package, error) {
	const op = "pkg.search"
	if err := a.check(op); err != nil {
		return nil, err
	}
	if a.Pattern == "" || a.Pattern[0] == '-' {
		return nil, effect.Errorf(effect.Invalid, op, "the pattern %q cannot be looked for", a.Pattern)
	}
	argv := a.command("rquery", "-U")
	switch a.By {
	case "", "regex":
		argv = append(argv, "-x")
	case "glob":
		argv = append(argv, "-g")
	}
	if a.Repo != "" {
		argv = append(argv, "-r", a.Repo)
	}
	argv = append(argv, remoteFormat, a.Pattern)
	out, err := ask(ctx, h, op, argv, a.catalogue())
	return parsePackages(out), err
}

// QueryArgs are the arguments of Query.
type QueryArgs struct {
	Format string   `lua:"format,required" doc:"what to print of each package, such as \"%n %v\""`
	Names  []string `lua:"names,pos" doc:"packages; default: all"`
	Where  string   `lua:"where" doc:"condition that a package must meet (-e), such as \"%a = 0\""`
	Remote bool     `lua:"remote" doc:"ask what the repositories offer (rquery)"`
	Target `lua:",inline"`
}

// Query prints packages in a format of one's own, and returns the lines.
func Query(ctx context.Context, h effect.Doer, a QueryArgs) ([]string, error) {
	const op = "pkg.query"
	if err := a.check(op); err != nil {
		return nil, err
	}
	if len(a.Names) > 0 {
		if err := checkNames(op, a.Names); err != nil {
			return nil, err
		}
	}
	argv, reads := a.command("query"), a.reads()
	if a.Remote {
		argv, reads = a.command("rquery", "-U"), a.catalogue()
	}
	switch {
	case a.Where != "" && len(a.Names) > 0:
		return nil, effect.Errorf(effect.Invalid, op, "names and where exclude each other")
	case a.Where != "":
		argv = append(argv, "-e", a.Where)
	case len(a.Names) == 0:
		argv = append(argv, "-a")
	}
	out, err := ask(ctx, h, op, append(append(argv, a.Format), a.Names...), reads)
	if err != nil || out == "" {
		return []string{}, err
	}
	return strings.Split(strings.TrimSuffix(out, "\n"), "\n"), nil
}

// WhichArgs are the arguments of Which.
type WhichArgs struct {
	Path   string `lua:"path,required" doc:"absolute path of a file"`
	Target `lua:",inline"`
}

// Owner is the package that a file belongs to.
type Owner struct {
	Found   bool   `lua:"found" doc:"a package has installed the file"`
	Name    string `lua:"name,omitempty" doc:"name of the package"`
	Version string `lua:"version,omitempty" doc:"its version"`
}

// Which tells which package has installed a file.
func Which(ctx context.Context, h effect.Doer, a WhichArgs) (Owner, error) {
	const op = "pkg.which"
	if err := a.check(op); err != nil {
		return Owner{}, err
	}
	if a.Path == "" || a.Path[0] != '/' {
		return Owner{}, effect.Errorf(effect.Invalid, op, "the path %q is not absolute", a.Path)
	}
	e := question(op, a.command("which", "-q", a.Path), a.reads())
	res, err := run(ctx, h, e)
	if withoutPkg(res, err) {
		e.Argv, e.In = []string{"/usr/sbin/pkg_info", "-qW", a.Path}, a.Jail
		if older, failed := run(ctx, h, e); !notThere(failed) {
			res, err = older, failed
		}
	}
	if err != nil {
		return Owner{}, err
	}
	out, err := answered(e, res)
	if err != nil {
		return Owner{}, err
	}
	line, _, _ := strings.Cut(out, "\n")
	if line = strings.TrimSpace(line); line == "" || strings.Contains(line, " ") {
		return Owner{}, nil
	}
	name, version := splitNameVersion(line)
	return Owner{true, name, version}, nil
}
