// Package shellvars reads and edits files of shell variables: rc.conf,
// portshaker.conf, poudriere.conf, periodic.conf, and loader.conf with its own
// rules. Parse and Edit are pure; the functions of Module carry them out on a
// host.
package shellvars

import (
	"context"
	"maps"
	"slices"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/stdlib/file"
)

// Module is h.shellvars.
var Module = binding.Module{
	Name: "shellvars",
	Doc:  "Variables in files that sh reads: rc.conf, portshaker.conf, poudriere.conf, periodic.conf, and loader.conf by its own rules. Edits keep comments, order and quoting.",
	Funcs: []binding.Func{
		{
			Name: "get", Kind: effect.Read, Call: Get, See: []string{"sh(1)", "rc.conf(5)"},
			Doc:     "Returns the value of one variable, without quotes. The last assignment wins.",
			Raises:  []string{`kind "missing": the file, or the variable, is not there and no default is given`, `kind "failed": the file alone does not decide the value`},
			Example: `local pool = h.shellvars.get("/usr/local/etc/poudriere.conf", "ZPOOL", { default = "" })`,
		},
		{
			Name: "read", Kind: effect.Read, Call: Read, See: []string{"sh(1)", "rc.conf(5)", "loader.conf(5)"},
			Doc:     "Returns all variables of a file: values that the file alone decides by name, and every variable with its line and what is uncertain about it.",
			Raises:  []string{`kind "missing": there is no such file`, `kind "failed": sh could not read the file`},
			Example: `local conf = h.shellvars.read("/etc/rc.conf")` + "\n" + `log("hostname is %s", conf.values.hostname)`,
		},
		{
			Name: "remove", Kind: effect.Change, Call: RemoveFrom,
			Doc:     "Removes every assignment of the named variables, with the comments on their lines. A missing file has no variables.",
			Raises:  []string{`kind "failed": a variable is set under a condition`},
			Example: `h.shellvars.remove("/etc/rc.conf", { "ntpdate_enable", "ntpdate_hosts" })`,
		},
		{
			Name: "set", Kind: effect.Change, Call: SetIn, See: []string{"sysrc(8)"},
			Doc: "Sets variables of a file. A changed value keeps its place, quoting style and comment; a new variable goes to the end. " +
				"Where a variable is set under a condition nothing is changed, since the file would not say what was asked for.",
			Raises:  []string{`kind "failed": a variable is set under a condition, or sh could not read the file`},
			Example: `h.shellvars.set("/usr/local/etc/poudriere.conf", { ZPOOL = "zroot", FREEBSD_HOST = "https://download.FreeBSD.org" })`,
		},
	},
}

// Source names a file of variables.
type Source struct {
	File   string `lua:"file,required" doc:"absolute path"`
	Format string `lua:"format" doc:"sh, or loader for the rules of loader.conf; default: by the file's name" enum:"sh|loader"`
}

func (s Source) format() Format {
	if s.Format != "" {
		return Format(s.Format)
	}
	return FormatOf(s.File)
}

// load reads and parses the file.
func (s Source) load(ctx context.Context, h effect.Doer, op string) (*File, error) {
	src, ok, err := file.Content(ctx, h, op, s.File)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, effect.Errorf(effect.Missing, op, "%s: no such file or directory", s.File)
	}
	f, err := s.format().Parse(src)
	if err != nil {
		return nil, &effect.Error{Op: op, Kind: effect.Failed, Message: s.File + ": " + err.Error(), Cause: err}
	}
	return f, nil
}

// GetArgs are the arguments of Get.
type GetArgs struct {
	File    string  `lua:"file,required" doc:"absolute path"`
	Name    string  `lua:"name,required" doc:"name of the variable"`
	Default *string `lua:"default" doc:"returned when the file, or the variable, is not there"`
	Format  string  `lua:"format" doc:"sh, or loader for the rules of loader.conf; default: by the file's name" enum:"sh|loader"`
}

// Get returns the value of one variable.
func Get(ctx context.Context, h effect.Doer, a GetArgs) (string, error) {
	const op = "shellvars.get"
	f, err := Source{a.File, a.Format}.load(ctx, h, op)
	if effect.KindOf(err) == effect.Missing && a.Default != nil {
		return *a.Default, nil
	}
	if err != nil {
		return "", err
	}
	v, known := f.Get(a.Name)
	switch {
	case known && v.Exact:
		return v.Value, nil
	case known:
		return "", effect.WithHint(
			effect.Errorf(effect.Failed, op, "%s does not decide the value of %s: %s", a.File, a.Name, v.Note),
			"shellvars.read tells it as it is written")
	case a.Default != nil:
		return *a.Default, nil
	default:
		return "", effect.Errorf(effect.Missing, op, "%s does not set %s", a.File, a.Name)
	}
}

// Contents are the variables of a file.
type Contents struct {
	Values   map[string]string `lua:"values" doc:"values that the file alone decides, by name"`
	Vars     []Var             `lua:"vars" doc:"every variable, in the order of the file"`
	Includes []string          `lua:"includes" doc:"files that it reads in turn, as written"`
}

// Read returns all variables of a file.
func Read(ctx context.Context, h effect.Doer, a Source) (Contents, error) {
	f, err := a.load(ctx, h, "shellvars.read")
	if err != nil {
		return Contents{}, err
	}
	c := Contents{Values: map[string]string{}, Vars: f.Vars, Includes: f.Includes}
	for _, v := range f.Vars {
		if v.Exact {
			c.Values[v.Name] = v.Value
		}
	}
	return c, nil
}

// SetArgs are the arguments of SetIn.
type SetArgs struct {
	File     string            `lua:"file,required" doc:"absolute path"`
	Vars     map[string]string `lua:"vars,required" doc:"values by name"`
	Create   *bool             `lua:"create" doc:"make the file where it is missing" default:"true"`
	Backup   string            `lua:"backup" doc:"keep the former file: an absolute path, or what is added to the name, such as \".orig\""`
	Validate []string          `lua:"validate" doc:"command that must accept the new file; %s stands for its path"`
	Format   string            `lua:"format" doc:"sh, or loader for the rules of loader.conf; default: by the file's name" enum:"sh|loader"`
}

// SetIn sets variables of a file.
func SetIn(ctx context.Context, h effect.Doer, a SetArgs) (file.Changed, error) {
	var changes []Change
	for _, name := range slices.Sorted(maps.Keys(a.Vars)) {
		changes = append(changes, Set(name, a.Vars[name]))
	}
	careful := file.Careful{Create: a.Create == nil || *a.Create, Backup: a.Backup, Validate: a.Validate}
	return EditFile(ctx, h, "shellvars.set", Source{a.File, a.Format}, careful, changes)
}

// RemoveArgs are the arguments of RemoveFrom.
type RemoveArgs struct {
	File     string   `lua:"file,required" doc:"absolute path"`
	Names    []string `lua:"names,required" doc:"names of variables"`
	Backup   string   `lua:"backup" doc:"keep the former file: an absolute path, or what is added to the name"`
	Validate []string `lua:"validate" doc:"command that must accept the new file; %s stands for its path"`
	Format   string   `lua:"format" doc:"sh, or loader for the rules of loader.conf; default: by the file's name" enum:"sh|loader"`
}

// RemoveFrom removes variables from a file.
func RemoveFrom(ctx context.Context, h effect.Doer, a RemoveArgs) (file.Changed, error) {
	var changes []Change
	for _, name := range a.Names {
		changes = append(changes, Unset(name))
	}
	careful := file.Careful{Create: true, Backup: a.Backup, Validate: a.Validate}
	return EditFile(ctx, h, "shellvars.remove", Source{a.File, a.Format}, careful, changes)
}

// EditFile makes a file on a host say what changes wish, for other modules.
func EditFile(ctx context.Context, h effect.Doer, op string, s Source, c file.Careful, changes []Change) (file.Changed, error) {
	return file.Edit(ctx, h, op, s.File, c, func(src []byte) ([]byte, error) {
		return s.format().Edit(src, changes)
	})
}
