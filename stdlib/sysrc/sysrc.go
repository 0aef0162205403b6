// Package sysrc reads and sets the variables of rc.conf(5), as sysrc(8) does.
// Values are read with sysrc(8), or with rc's own files where a release has no
// sysrc(8); they are set by one atomic edit of the file, so that check mode
// knows the outcome, old releases work alike, and comments stay.
package sysrc

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/stdlib/file"
	"bsdrun/stdlib/shellvars"
)

// Module is h.sysrc.
var Module = binding.Module{
	Name: "sysrc",
	Doc:  "Variables of rc.conf, or of another file that sh reads, on the host or in a jail.",
	Funcs: []binding.Func{
		{
			Name: "append", Kind: effect.Change, Call: Append, See: []string{"sysrc(8)"},
			Doc:     "Adds words to a variable that is a list, each once, as sysrc's += does.",
			Raises:  []string{`kind "failed": the variable is set under a condition`},
			Example: `h.sysrc.append("kld_list", { "if_bridge", "pf" })`,
		},
		{
			Name: "get", Kind: effect.Read, Call: Get, See: []string{"sysrc(8)", "rc.conf(5)"},
			Doc:     "Returns the value of a variable; those of /etc/defaults/rc.conf count.",
			Raises:  []string{`kind "missing": no file sets the variable and no default is given`},
			Example: `if h.sysrc.get("pf_enable") == "YES" then log("pf is enabled") end`,
		},
		{
			Name: "list", Kind: effect.Read, Call: List, See: []string{"sysrc(8)"},
			Doc:     "Returns the variables that differ from the defaults because rc.conf, or the file named, sets them: value by name.",
			Example: `for name, value in pairs(h.sysrc.list()) do log("%s=%s", name, value) end`,
		},
		{
			Name: "remove", Kind: effect.Change, Call: Remove, See: []string{"sysrc(8)"},
			Doc:     "Removes a variable, so that its default counts again; with words, only these words of its list, as sysrc's -= does.",
			Raises:  []string{`kind "failed": the variable is set under a condition`},
			Example: `h.sysrc.remove("ntpdate_enable")` + "\n" + `h.sysrc.remove("kld_list", { words = { "if_bridge" } })`,
		},
		{
			Name: "set", Kind: effect.Change, Call: Set, See: []string{"sysrc(8)", "rc.conf(5)"},
			Doc: "Sets variables, each where it is set already, else in /etc/rc.conf. true and false stand for YES and NO. " +
				"What the file says already is left alone; comments and order are kept.",
			Raises:  []string{`kind "failed": a variable is set under a condition`},
			Example: `h.sysrc.set{ sshd_enable = true, hostname = "build.example.org" }`,
		},
	},
}

// Place says which file is meant; the zero Place is the host's rc.conf.
type Place struct {
	File string `lua:"file" doc:"another file that sh reads (-f), by absolute path"`
	Jail string `lua:"jail" doc:"in this running jail (-j)"`
}

// in makes a jail's Doer of the host's.
func (p Place) in(h effect.Doer) effect.Doer {
	if p.Jail == "" {
		return h
	}
	return effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		e.In = p.Jail
		return h.Do(ctx, e)
	})
}

func (p Place) check(op string, names ...string) error {
	if p.File != "" && p.File[0] != '/' {
		return effect.Errorf(effect.Invalid, op, "the file %q is no absolute path", p.File)
	}
	for _, name := range names {
		if !shellvars.FormatOf(p.File).ValidName(name) {
			return effect.Errorf(effect.Invalid, op, "%q is no name of a variable", name)
		}
	}
	return nil
}

// Changed is what a change of variables came to.
type Changed struct {
	Changed bool              `lua:"changed" doc:"a file is, or in check mode would be, different now"`
	Before  map[string]string `lua:"before" doc:"former values of those that the file set"`
	Files   []string          `lua:"files" doc:"files that were changed"`
}

// SetArgs are the arguments of Set.
type SetArgs struct {
	Vars  map[string]any `lua:"vars,required" doc:"values by name: strings, numbers, or true and false for YES and NO"`
	Place `lua:",inline"`
}

// Set sets variables.
func Set(ctx context.Context, h effect.Doer, a SetArgs) (Changed, error) {
	const op = "sysrc.set"
	values := map[string]string{}
	for name, v := range a.Vars {
		text, err := textOf(v)
		if err != nil {
			return Changed{}, effect.Errorf(effect.Invalid, op, "%s: %v", name, err)
		}
		values[name] = text
	}
	if err := a.check(op, slices.Collect(maps.Keys(values))...); err != nil {
		return Changed{}, err
	}
	return edit(ctx, a.in(h), op, a.Place, values, nil)
}

// textOf writes a value as rc.conf has it.
func textOf(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		if v {
			return "YES", nil
		}
		return "NO", nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case int:
		return strconv.Itoa(v), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	default:
		return "", fmt.Errorf("a %T is no value of a variable", v)
	}
}

// edit brings the files to the wished values, without the removed names.
func edit(ctx context.Context, h effect.Doer, op string, p Place, set map[string]string, remove []string) (Changed, error) {
	done := Changed{Before: map[string]string{}, Files: []string{}}
	h, err := host.Prefetch(ctx, h, op, file.Looks(op, p.paths()...)...)
	if err != nil {
		return done, err
	}
	files, err := read(ctx, h, op, p)
	if err != nil {
		return done, err
	}
	wishes := map[string][]shellvars.Change{}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		home := files.home(name)
		if v, known := home.vars.Get(name); known {
			done.Before[name] = v.Value
		}
		wishes[home.path] = append(wishes[home.path], shellvars.Set(name, set[name]))
	}
	for _, name := range remove {
		for _, f := range files {
			if v, known := f.vars.Get(name); known {
				done.Before[name] = v.Value
				wishes[f.path] = append(wishes[f.path], shellvars.Unset(name))
			}
		}
	}
	for _, f := range files {
		if len(wishes[f.path]) == 0 {
			continue
		}
		source := shellvars.Source{File: f.path}
		made, err := shellvars.EditFile(ctx, h, op, source, file.Careful{Create: true}, wishes[f.path])
		if err != nil {
			return done, err
		}
		if made.Changed {
			done.Changed = true
			done.Files = append(done.Files, f.path)
		}
	}
	return done, nil
}

// ListEdit names words of a variable that is a list.
type ListEdit struct {
	Name      string   `lua:"name,required" doc:"name of the variable"`
	Words     []string `lua:"words,required" doc:"the words"`
	Separator string   `lua:"separator" doc:"what stands between words; default: a blank"`
	Place     `lua:",inline"`
}

// Append adds words to a list, each once.
func Append(ctx context.Context, h effect.Doer, a ListEdit) (Changed, error) {
	return editList(ctx, h, "sysrc.append", a, func(words []string) []string {
		for _, word := range a.Words {
			if !slices.Contains(words, word) {
				words = append(words, word)
			}
		}
		return words
	})
}

func editList(ctx context.Context, h effect.Doer, op string, a ListEdit, change func([]string) []string) (Changed, error) {
	if err := a.check(op, a.Name); err != nil {
		return Changed{}, err
	}
	h = a.in(h)
	value, known, err := lookup(ctx, h, op, a.Place, a.Name)
	if err != nil {
		return Changed{}, err
	}
	before := split(value, a.Separator)
	after := change(slices.Clone(before))
	if slices.Equal(before, after) {
		done := Changed{Before: map[string]string{}, Files: []string{}}
		if known {
			done.Before[a.Name] = value
		}
		return done, nil
	}
	separator := a.Separator
	if separator == "" {
		separator = " "
	}
	return edit(ctx, h, op, a.Place, map[string]string{a.Name: strings.Join(after, separator)}, nil)
}

func split(value, separator string) []string {
	if separator == "" || separator == " " {
		return strings.Fields(value)
	}
	if value == "" {
		return nil
	}
	return strings.Split(value, separator)
}

// RemoveArgs are the arguments of Remove.
type RemoveArgs struct {
	Name      string   `lua:"name,required" doc:"name of the variable"`
	Words     []string `lua:"words" doc:"remove only these words from its list"`
	Separator string   `lua:"separator" doc:"what stands between words; default: a blank"`
	Place     `lua:",inline"`
}

// Remove removes a variable, or words of it.
func Remove(ctx context.Context, h effect.Doer, a RemoveArgs) (Changed, error) {
	const op = "sysrc.remove"
	if len(a.Words) == 0 {
		if err := a.check(op, a.Name); err != nil {
			return Changed{}, err
		}
		return edit(ctx, a.in(h), op, a.Place, nil, []string{a.Name})
	}
	return editList(ctx, h, op, ListEdit(a), func(words []string) []string {
		return slices.DeleteFunc(words, func(w string) bool { return slices.Contains(a.Words, w) })
	})
}

// GetArgs are the arguments of Get.
type GetArgs struct {
	Name    string  `lua:"name,required" doc:"name of the variable"`
	Default *string `lua:"default" doc:"returned when nothing sets the variable"`
	Place   `lua:",inline"`
}

// Get returns the value of a variable.
func Get(ctx context.Context, h effect.Doer, a GetArgs) (string, error) {
	const op = "sysrc.get"
	if err := a.check(op, a.Name); err != nil {
		return "", err
	}
	value, known, err := lookup(ctx, a.in(h), op, a.Place, a.Name)
	switch {
	case err != nil || known:
		return value, err
	case a.Default != nil:
		return *a.Default, nil
	}
	return "", effect.Errorf(effect.Missing, op, "unknown variable %s", a.Name)
}

// List returns the variables that the files set.
func List(ctx context.Context, h effect.Doer, p Place) (map[string]string, error) {
	const op = "sysrc.list"
	if err := p.check(op); err != nil {
		return nil, err
	}
	h = p.in(h)
	files, err := read(ctx, h, op, p)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	var uncertain []string
	for _, f := range files {
		for _, v := range f.vars.Vars {
			if v.Exact {
				values[v.Name] = v.Value
			} else {
				uncertain = append(uncertain, v.Name)
			}
		}
	}
	if len(uncertain) == 0 {
		return values, nil
	}
	asked, err := ask(ctx, h, op, p, uncertain)
	maps.Copy(values, asked)
	return values, err
}
