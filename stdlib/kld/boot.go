package kld

import (
	"context"
	"path"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/stdlib/file"
	"bsdrun/stdlib/shellvars"
	"bsdrun/stdlib/sysrc"
)

// Who loads a module at boot.
const (
	loader = "loader"
	rc     = "rc"
	nobody = "none"
)

const (
	loaderConf = "/boot/loader.conf"
	listName   = "kld_list"
)

// EnsureArgs are the arguments of Ensure.
type EnsureArgs struct {
	Name    string `lua:"name,required" doc:"the module: \"if_bridge\""`
	Running *bool  `lua:"running" doc:"load it now" default:"true"`
	Boot    string `lua:"boot" doc:"who loads it at boot: loader (loader.conf), rc (kld_list of rc.conf) or none; default: whoever does already, else rc" enum:"loader|rc|none"`
	Force   bool   `lua:"force" doc:"load it although it may cut us off"`
}

// Ensured is what making a module part of the kernel came to.
type Ensured struct {
	Changed bool   `lua:"changed" doc:"the kernel, or what it loads at boot, is, or in check mode would be, different now"`
	Loaded  bool   `lua:"loaded" doc:"it was, or in check mode would be, loaded now"`
	BuiltIn bool   `lua:"built_in" doc:"the kernel has it built in, or in another file: nothing has to load it"`
	Boot    string `lua:"boot,omitempty" doc:"who loads it at boot: loader or rc"`
}

// Ensure makes a module part of the running kernel and of the next one.
func Ensure(ctx context.Context, h effect.Doer, a EnsureArgs) (Ensured, error) {
	const op = "kld.ensure"
	name, err := moduleName(op, a.Name)
	if err != nil {
		return Ensured{}, err
	}
	state, err := stateOf(ctx, h, op, name)
	if err != nil || state == builtIn {
		return Ensured{BuiltIn: err == nil}, err
	}
	var done Ensured
	later := false
	if a.Boot != nobody {
		if done.Boot, later, err = bootPlan(ctx, h, op, name, a.Boot, state); err != nil {
			return Ensured{}, err
		}
	}
	now := state == absent && (a.Running == nil || *a.Running)
	if now || later {
		if err := mayLoad(op, name, a.Force); err != nil {
			return Ensured{}, err
		}
	}
	if now {
		if done.Loaded, err = load(ctx, h, op, name); err != nil {
			return done, err
		}
		done.Changed = done.Loaded
	}
	if later {
		written, err := remember(ctx, h, op, name, done.Boot)
		if err != nil {
			return done, err
		}
		done.Changed = done.Changed || written
	}
	return done, nil
}

// bootPlan tells who shall load a module at boot, and whether that has yet to be
// written down.
func bootPlan(ctx context.Context, h effect.Doer, op, name, wish, state string) (by string, missing bool, err error) {
	already, err := loadedBy(ctx, h, op, name)
	if err != nil {
		return "", false, err
	}
	if wish == "" && len(already) > 0 {
		return already[0], false, nil
	}
	if slices.Contains(already, wish) {
		return wish, false, nil
	}
	found, hasList, err := place(ctx, h, op, name)
	switch {
	case err != nil:
		return "", false, err
	case !found && state == absent:
		return "", false, effect.WithHint(effect.Errorf(effect.Missing, op, "there is no module %s", name),
			"modules lie in /boot/kernel and /boot/modules; some come with packages")
	case wish == rc && !hasList:
		return "", false, effect.WithHint(effect.Errorf(effect.Failed, op, "the release has no rc.d/kld: nothing would read %s", listName), `boot="loader"`)
	case wish != "":
		return wish, true, nil
	case hasList:
		return rc, true, nil
	}
	return loader, true, nil
}

// loadedBy lists who loads a module at boot.
func loadedBy(ctx context.Context, h effect.Doer, op, name string) ([]string, error) {
	var by []string
	src, _, err := file.Content(ctx, h, op, loaderConf)
	if err != nil {
		return nil, err
	}
	conf, err := shellvars.ParseLoader(src)
	if err != nil {
		return nil, effect.Errorf(effect.Failed, op, "%s: %v", loaderConf, err)
	}
	if v, ok := conf.Get(name + "_load"); ok && strings.EqualFold(v.Value, "YES") {
		by = append(by, loader)
	}
	words, err := listed(ctx, h)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(words, func(word string) bool { return means(word, name) }) {
		by = append(by, rc)
	}
	return by, nil
}

// listed are the words of kld_list.
func listed(ctx context.Context, h effect.Doer) ([]string, error) {
	none := ""
	list, err := sysrc.Get(ctx, h, sysrc.GetArgs{Name: listName, Default: &none})
	return strings.Fields(list), err
}

// means tells whether a word of kld_list, which may be a path, is a module.
func means(word, name string) bool { return strings.TrimSuffix(path.Base(word), ".ko") == name }

// placeScript tells where a module's file lies, and whether rc knows kld_list.
const placeScript = `path=$(sysctl -n kern.module_path 2>/dev/null)
IFS=';'
for dir in ${path:-/boot/kernel;/boot/modules}; do
	[ -f "$dir/$1.ko" ] && echo "file $dir/$1.ko"
done
[ -f /etc/rc.d/kld ] && echo list
exit 0`

func place(ctx context.Context, h effect.Doer, op, name string) (found, hasList bool, err error) {
	res, err := run(ctx, h, effect.Effect{
		Op: op, Kind: effect.Read, Title: "look for the module " + name, Argv: []string{"sh", "-c", placeScript, "kld", name},
		Reads: []effect.Resource{effect.Tree("/boot/kernel"), effect.Tree("/boot/modules"), effect.File("/etc/rc.d/kld")},
	})
	if err != nil {
		return false, false, err
	}
	out, err := res.Text()
	return strings.Contains(out, "file "), strings.HasSuffix(out, "list\n"), err
}

// remember has a module loaded at boot.
func remember(ctx context.Context, h effect.Doer, op, name, by string) (changed bool, err error) {
	if by == rc {
		done, err := sysrc.Append(ctx, h, sysrc.ListEdit{Name: listName, Words: []string{name}})
		return done.Changed, err
	}
	done, err := shellvars.EditFile(ctx, h, op, shellvars.Source{File: loaderConf}, file.Careful{Create: true},
		[]shellvars.Change{shellvars.Set(name+"_load", "YES")})
	return done.Changed, err
}

// forget no longer has a module loaded at boot.
func forget(ctx context.Context, h effect.Doer, op, name string) (changed bool, err error) {
	by, err := loadedBy(ctx, h, op, name)
	if err != nil {
		return false, err
	}
	if slices.Contains(by, loader) {
		done, err := shellvars.EditFile(ctx, h, op, shellvars.Source{File: loaderConf}, file.Careful{}, []shellvars.Change{shellvars.Unset(name + "_load")})
		if err != nil {
			return false, err
		}
		changed = done.Changed
	}
	if !slices.Contains(by, rc) {
		return changed, nil
	}
	words, err := listed(ctx, h)
	if err != nil {
		return changed, err
	}
	words = slices.DeleteFunc(words, func(word string) bool { return !means(word, name) })
	done, err := sysrc.Remove(ctx, h, sysrc.RemoveArgs{Name: listName, Words: words})
	return changed || done.Changed, err
}
