package ports

import (
	"context"
	"path"
	"slices"
	"strings"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/stdlib/file"
	"bsdrun/stdlib/ports/optionfile"
)

// OptionsArgs are the arguments of Options.
type OptionsArgs struct {
	Origin string   `lua:"origin,required" doc:"the port: category/port"`
	On     []string `lua:"on" doc:"options to set"`
	Off    []string `lua:"off" doc:"options not to set"`
}

// OptionsChange tells what a port's options are.
type OptionsChange struct {
	Changed bool     `lua:"changed" doc:"the file is, or in check mode would be, different now"`
	Path    string   `lua:"path" doc:"the file"`
	On      []string `lua:"on" doc:"options that are set"`
	Off     []string `lua:"off" doc:"options that are not set"`
}

func (a OptionsArgs) check(op string) error {
	for _, option := range append(slices.Clone(a.On), a.Off...) {
		if !optionfile.IsName(option) {
			return effect.Errorf(effect.Invalid, op, "%q is not the name of an option", option)
		}
		if slices.Contains(a.On, option) && slices.Contains(a.Off, option) {
			return effect.Errorf(effect.Invalid, op, "%s cannot be both on and off", option)
		}
	}
	return nil
}

// Options turns options of a port on and off.
func Options(ctx context.Context, h effect.Doer, a OptionsArgs) (OptionsChange, error) {
	const op = "ports.options"
	if err := a.check(op); err != nil {
		return OptionsChange{}, err
	}
	dir, err := dirOf(ctx, h, op, a.Origin)
	if err != nil {
		return OptionsChange{}, err
	}
	where, pkg, old, err := optionsFile(ctx, h, op, dir)
	if err != nil {
		return OptionsChange{}, err
	}
	src, _, err := file.Content(ctx, h, op, where)
	if err != nil {
		return OptionsChange{}, err
	}
	now := optionfile.Parse(src)
	done := OptionsChange{Path: where, On: now.List(true), Off: now.List(false)}
	if now.Agrees(a.On, a.Off) {
		return done, nil
	}
	now.Set(a.On, a.Off)
	if _, err := file.Mkdir(ctx, h, file.MkdirArgs{Path: path.Dir(where)}); err != nil {
		return done, err
	}
	text := now.Format(a.Origin)
	if old {
		text = now.FormatOld(pkg)
	}
	put, err := file.PutAs(ctx, h, op, file.PutArgs{Path: where, Content: binding.Content{Data: text}})
	return OptionsChange{Changed: put.Changed, Path: where, On: now.List(true), Off: now.List(false)}, err
}

// optionsFile asks a port where its options are kept. Trees before 2013 know
// another variable, and another form.
func optionsFile(ctx context.Context, h effect.Doer, op, dir string) (where, pkg string, old bool, err error) {
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, Argv: []string{"make", "-C", dir, "-V", "PKGNAME", "-V", "OPTIONS_FILE", "-V", "OPTIONSFILE"},
		Reads: []effect.Resource{effect.Tree(treeDir), effect.File("/etc/make.conf")},
	})
	if err != nil {
		return "", "", false, err
	}
	out, err := res.Text()
	if err != nil {
		return "", "", false, err
	}
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	switch {
	case len(lines) == 3 && path.IsAbs(lines[1]):
		return lines[1], lines[0], false, nil
	case len(lines) == 3 && path.IsAbs(lines[2]):
		return lines[2], lines[0], true, nil
	}
	return "", "", false, effect.Errorf(effect.Failed, op, "make does not tell where the options of %s are kept: %.80q", dir, out)
}
