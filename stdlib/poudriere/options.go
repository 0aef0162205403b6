package poudriere

import (
	"context"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/file"
	"bsdrun/stdlib/ports/optionfile"
)

// scoped is a name in poudriere.d that may hold for one jail, tree and set:
// [JAIL-][TREE-][SET-]make.conf.
func scoped(op, jail, tree, set, name string) (string, error) {
	parts := []string{}
	for _, p := range []struct {
		what, value string
		form        *lazyregexp.Regexp
	}{{"jail", jail, jailName}, {"ports tree", tree, treeName}, {"set", set, setName}} {
		if p.value == "" {
			continue
		}
		if err := checkName(op, p.what, p.form, p.value); err != nil {
			return "", err
		}
		parts = append(parts, p.value)
	}
	return path.Join(dir, strings.Join(append(parts, name), "-")), nil
}

// OptionsArgs say which options of a port are on and off.
type OptionsArgs struct {
	Origin string   `lua:"origin,required" doc:"the port"`
	On     []string `lua:"on" doc:"options that are set"`
	Off    []string `lua:"off" doc:"options that are not set"`
	Jail   string   `lua:"jail" doc:"only for this jail"`
	Tree   string   `lua:"tree" doc:"only for this ports tree"`
	Set    string   `lua:"set" doc:"only for this set"`
	Remove bool     `lua:"remove" doc:"forget the options; the port's defaults hold again"`
}

// OptionsChange tells what a port's options are.
type OptionsChange struct {
	Changed bool     `lua:"changed"`
	Path    string   `lua:"path"`
	On      []string `lua:"on"`
	Off     []string `lua:"off"`
}

// Options sets a port's options for builds; those that are not named stay as
// they are. Without any it only reads.
func Options(ctx context.Context, h effect.Doer, a OptionsArgs) (OptionsChange, error) {
	const op = "poudriere.options"
	if err := a.check(op); err != nil {
		return OptionsChange{}, err
	}
	folder, err := scoped(op, a.Jail, a.Tree, a.Set, "options")
	if err != nil {
		return OptionsChange{}, err
	}
	// A flavor shares its port's options.
	origin, _, _ := strings.Cut(a.Origin, "@")
	name := path.Join(folder, strings.ReplaceAll(origin, "/", "_"), "options")
	src, exists, err := file.Content(ctx, h, op, name)
	if err != nil {
		return OptionsChange{}, err
	}
	now := optionfile.Parse(src)
	done := OptionsChange{Path: name, On: now.List(true), Off: now.List(false)}
	if a.Remove {
		if exists {
			done, err = OptionsChange{Changed: true, Path: name, On: []string{}, Off: []string{}}, remove(ctx, h, op, path.Dir(name))
		}
		return done, err
	}
	if len(a.On)+len(a.Off) == 0 || now.Agrees(a.On, a.Off) {
		return done, nil
	}
	now.Set(a.On, a.Off)
	if _, err := file.MkdirAs(ctx, h, op, file.MkdirArgs{Path: path.Dir(name)}); err != nil {
		return done, err
	}
	put, err := file.PutAs(ctx, h, op, file.PutArgs{Path: name, Content: binding.Content{Data: now.Format(origin)}})
	return OptionsChange{Changed: put.Changed, Path: name, On: now.List(true), Off: now.List(false)}, err
}

func (a OptionsArgs) check(op string) error {
	if err := checkOrigins(op, []string{a.Origin}); err != nil {
		return err
	}
	for _, option := range append(slices.Clone(a.On), a.Off...) {
		if !optionfile.IsName(option) {
			return invalid(op, "%q is not the name of an option", option)
		}
		if slices.Contains(a.On, option) && slices.Contains(a.Off, option) {
			return invalid(op, "%s cannot be both on and off", option)
		}
	}
	if a.Remove && len(a.On)+len(a.Off) > 0 {
		return invalid(op, "remove forgets all options: on and off do not belong to it")
	}
	return nil
}

func remove(ctx context.Context, h effect.Doer, op, name string) error {
	_, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Change, File: &effect.FileOp{Verb: effect.FileRemove, Path: name, Recursive: true},
		Writes: []effect.Resource{effect.Tree(name)}, Diff: &effect.Diff{Path: name, Note: "remove"},
	})
	return err
}

// MakeconfArgs say what make.conf holds.
type MakeconfArgs struct {
	Content string            `lua:"content,pos" doc:"the whole file"`
	Vars    map[string]string `lua:"vars" doc:"instead: variables to set; the rest of the file stays"`
	Jail    string            `lua:"jail" doc:"only for this jail"`
	Tree    string            `lua:"tree" doc:"only for this ports tree"`
	Set     string            `lua:"set" doc:"only for this set"`
	Remove  bool              `lua:"remove" doc:"remove the file"`
}

// MakeconfChange tells what became of make.conf.
type MakeconfChange struct {
	Changed bool   `lua:"changed"`
	Path    string `lua:"path"`
	Content string `lua:"content" doc:"the file now"`
}

var makeVariableName = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// Makeconf writes the make.conf of builds. Without anything to write it only
// reads.
func Makeconf(ctx context.Context, h effect.Doer, a MakeconfArgs) (MakeconfChange, error) {
	const op = "poudriere.makeconf"
	name, err := scoped(op, a.Jail, a.Tree, a.Set, "make.conf")
	if err != nil {
		return MakeconfChange{}, err
	}
	for variable, value := range a.Vars {
		if !makeVariableName.MatchString(variable) || strings.ContainsAny(value, "\n\x00") {
			return MakeconfChange{}, invalid(op, "%s = %q cannot stand in make.conf", variable, value)
		}
	}
	if a.Content != "" && len(a.Vars) > 0 {
		return MakeconfChange{}, invalid(op, "give content or vars, not both")
	}
	src, exists, err := file.Content(ctx, h, op, name)
	if err != nil {
		return MakeconfChange{}, err
	}
	done := MakeconfChange{Path: name, Content: string(src)}
	switch {
	case a.Remove && exists:
		return MakeconfChange{Changed: true, Path: name}, remove(ctx, h, op, name)
	case a.Remove, a.Content == "" && len(a.Vars) == 0:
		return done, nil
	case a.Content != "":
		done.Content = strings.TrimRight(a.Content, "\n") + "\n"
	default:
		done.Content = setMakeVars(string(src), a.Vars)
	}
	put, err := file.PutAs(ctx, h, op, file.PutArgs{Path: name, Content: binding.Content{Data: []byte(done.Content)}})
	done.Changed = put.Changed
	return done, err
}

// setMakeVars sets variables by plain assignments. The last assignment of a
// variable is replaced, others before it stay; a new one goes to the end.
func setMakeVars(src string, vars map[string]string) string {
	lines := strings.Split(strings.TrimRight(src, "\n"), "\n")
	if src == "" {
		lines = nil
	}
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		assigns := regexp.MustCompile(`^` + regexp.QuoteMeta(name) + `[ \t]*[:?!]?=`)
		want, at := name+"="+vars[name], -1
		for i, row := range lines {
			if assigns.MatchString(row) {
				at = i
			}
		}
		switch {
		case at < 0:
			lines = append(lines, want)
		case makeValue(lines[at]) != strings.TrimSpace(vars[name]) || strings.HasSuffix(lines[at], `\`):
			end := at + 1
			for end < len(lines) && strings.HasSuffix(lines[end-1], `\`) {
				end++
			}
			lines = slices.Replace(lines, at, end, want)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

func makeValue(assignment string) string {
	_, value, _ := strings.Cut(assignment, "=")
	return strings.TrimSpace(value)
}
