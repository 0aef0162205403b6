package zfs

import (
	"context"
	"strings"

	"bsdrun/runtime/effect"
)

// MountArgs are the arguments of Mount.
type MountArgs struct {
	Name    string   `lua:"name,required" doc:"a file system"`
	Options []string `lua:"options" doc:"options of this mount, such as ro; see zfs-mount(8)"`
	Overlay bool     `lua:"overlay" doc:"mount over a folder that is not empty (-O)"`
}

// Mounted is what mounting or unmounting came to.
type Mounted struct {
	Changed    bool   `lua:"changed"`
	Mountpoint string `lua:"mountpoint" doc:"where the file system is, or was, mounted"`
}

// Mount mounts a file system where its mountpoint says.
func Mount(ctx context.Context, h effect.Doer, a MountArgs) (Mounted, error) {
	argv := []string{"zfs", "mount"}
	if a.Overlay {
		argv = append(argv, "-O")
	}
	if len(a.Options) > 0 {
		argv = append(argv, "-o", strings.Join(a.Options, ","))
	}
	return mounting(ctx, h, "zfs.mount", a.Name, "yes", argv)
}

// UnmountArgs are the arguments of Unmount.
type UnmountArgs struct {
	Name  string `lua:"name,required" doc:"a file system"`
	Force bool   `lua:"force" doc:"even if it is in use"`
}

// Unmount unmounts a file system.
func Unmount(ctx context.Context, h effect.Doer, a UnmountArgs) (Mounted, error) {
	argv := []string{"zfs", "unmount"}
	if a.Force {
		argv = append(argv, "-f")
	}
	return mounting(ctx, h, "zfs.unmount", a.Name, "no", argv)
}

// mounting runs a command where a file system's mounted is not as wanted.
func mounting(ctx context.Context, h effect.Doer, op, name, wanted string, argv []string) (Mounted, error) {
	if err := checkName(op, name, ""); err != nil {
		return Mounted{}, err
	}
	found, err := mustBe(ctx, h, op, name, "mountpoint", "mounted")
	if err != nil {
		return Mounted{}, err
	}
	if found["type"] != "filesystem" {
		return Mounted{}, effect.Errorf(effect.Invalid, op, "%s is a %s, which is not mounted", name, found["type"])
	}
	done := Mounted{Mountpoint: found["mountpoint"]}
	if found["mounted"] == wanted {
		return done, nil
	}
	e := change(op, append(argv, name), argv[1]+" "+done.Mountpoint, append(mountedAt(done.Mountpoint), resource(name))...)
	_, err = run(ctx, h, e)
	done.Changed = err == nil
	return done, err
}
