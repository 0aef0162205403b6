package bectl

import (
	"context"
	"path"

	"bsdrun/runtime/effect"
)

// MountArgs are the arguments of Mount.
type MountArgs struct {
	Name string `lua:"name,required" doc:"the environment"`
	At   string `lua:"at" doc:"directory to mount it on; default: a new one in /tmp"`
}

// Mounted is what Mount came to.
type Mounted struct {
	Changed    bool   `lua:"changed" doc:"it was, or in check mode would be, mounted"`
	Mountpoint string `lua:"mountpoint,produced" doc:"where it is mounted"`
}

// Mount mounts an environment.
func Mount(ctx context.Context, h effect.Doer, a MountArgs) (Mounted, error) {
	const op = "bectl.mount"
	if a.At != "" && (!path.IsAbs(a.At) || path.Clean(a.At) != a.At || a.At == "/") {
		return Mounted{}, effect.Errorf(effect.Invalid, op, "%q is no directory to mount on", a.At)
	}
	be, err := need(ctx, h, op, a.Name)
	switch {
	case err != nil:
		return Mounted{}, err
	case be.Mountpoint != "" && a.At != "" && be.Mountpoint != a.At:
		return Mounted{}, effect.WithHint(effect.Errorf(effect.Failed, op, "%s is mounted on %s", a.Name, be.Mountpoint), "unmount it there first")
	case be.Mountpoint != "":
		return Mounted{Mountpoint: be.Mountpoint}, nil
	}
	words, note := []string{"mount", a.Name}, "mount "+a.Name
	where := "/tmp"
	if a.At != "" {
		words, note, where = append(words, a.At), note+" on "+a.At, a.At
	}
	e := change(command(op, effect.Change, words...), note, nil)
	e.Writes = append(e.Writes, "mount", effect.Tree(where), resource(a.Name))
	res, err := do(ctx, h, e)
	if err != nil || res.Skipped {
		return Mounted{Changed: err == nil}, err
	}
	out, err := res.Text()
	if err != nil {
		return Mounted{}, err
	}
	at := parseMounted(a.Name, out)
	if at == "" {
		return Mounted{}, effect.Errorf(effect.Failed, op, "bectl mount printed something else: %.80q", out)
	}
	return Mounted{Changed: true, Mountpoint: at}, nil
}

// UnmountArgs are the arguments of Unmount.
type UnmountArgs struct {
	Name  string `lua:"name,required" doc:"the environment"`
	Force bool   `lua:"force" doc:"although files in it are in use (-f)"`
}

// Unmount unmounts an environment.
func Unmount(ctx context.Context, h effect.Doer, a UnmountArgs) (Changed, error) {
	const op = "bectl.unmount"
	be, err := need(ctx, h, op, a.Name)
	switch {
	case err != nil || be.Mountpoint == "":
		return Changed{}, err
	case be.Running:
		return Changed{}, effect.Errorf(effect.Failed, op, "%s is what runs", a.Name)
	}
	words := []string{"unmount"}
	if a.Force {
		words = append(words, "-f")
	}
	e := change(command(op, effect.Change, append(words, a.Name)...), "unmount "+a.Name+" from "+be.Mountpoint, nil)
	e.Writes = append(e.Writes, "mount", effect.Tree(be.Mountpoint), resource(a.Name))
	return apply(ctx, h, e)
}
