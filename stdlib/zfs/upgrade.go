package zfs

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// UpgradeArgs are the arguments of Upgrade.
type UpgradeArgs struct {
	Names []string `lua:"names,pos" doc:"file systems to upgrade"`
	All   bool     `lua:"all" doc:"upgrade all file systems of all pools"`
}

// OldFileSystem is a file system of an older version than the host's newest.
type OldFileSystem struct {
	Name    string `lua:"name" doc:"full name"`
	Version int64  `lua:"version" doc:"version of the file system"`
}

// Upgraded tells what is old, and what was upgraded.
type Upgraded struct {
	Changed   bool            `lua:"changed"`
	Supported int64           `lua:"supported" doc:"newest version that the host knows"`
	Old       []OldFileSystem `lua:"old" doc:"file systems of older versions, as they were before"`
	Upgraded  []string        `lua:"upgraded" doc:"those that were upgraded"`
}

var runningVersion = lazyregexp.New(`running ZFS filesystem version (\d+)`)

// Upgrade lists file systems of older versions and upgrades those that were asked
// for. Without any it only lists.
func Upgrade(ctx context.Context, h effect.Doer, a UpgradeArgs) (Upgraded, error) {
	const op = "zfs.upgrade"
	done := Upgraded{Old: []OldFileSystem{}, Upgraded: []string{}}
	if a.All && len(a.Names) > 0 {
		return done, effect.Errorf(effect.Invalid, op, "either all, or names")
	}
	for _, name := range a.Names {
		if err := checkName(op, name, ""); err != nil {
			return done, err
		}
	}
	res, err := run(ctx, h, effect.Effect{Op: op, Kind: effect.Read, Argv: []string{"zfs", "upgrade"}, Reads: []effect.Resource{"zfs"}})
	if err != nil {
		return done, err
	}
	out, err := res.Text()
	if err != nil {
		return done, err
	}
	m := runningVersion.FindStringSubmatch(out)
	if m == nil {
		return done, effect.Errorf(effect.Failed, op, "zfs upgrade printed something else: %.80q", out)
	}
	done.Supported = number(m[1])
	versions, err := versionsOf(ctx, h, op)
	if err != nil {
		return done, err
	}
	for _, fs := range versions {
		if fs.Version < done.Supported {
			done.Old = append(done.Old, fs)
			if a.All || slices.Contains(a.Names, fs.Name) {
				done.Upgraded = append(done.Upgraded, fs.Name)
			}
		}
	}
	for _, name := range a.Names {
		if !slices.ContainsFunc(versions, func(fs OldFileSystem) bool { return fs.Name == name }) {
			return done, effect.Errorf(effect.Missing, op, "there is no file system %s", name)
		}
	}
	if len(done.Upgraded) == 0 {
		return done, nil
	}
	return done, a.upgrade(ctx, h, op, &done)
}

func versionsOf(ctx context.Context, h effect.Doer, op string) ([]OldFileSystem, error) {
	rows, err := query{op: op, types: []string{"filesystem"}, recursive: true, properties: []string{"type", "version"}}.list(ctx, h)
	if err != nil {
		return nil, err
	}
	var all []OldFileSystem
	for _, r := range rows {
		all = append(all, OldFileSystem{r["name"], number(r["version"])})
	}
	return all, nil
}

func (a UpgradeArgs) upgrade(ctx context.Context, h effect.Doer, op string, done *Upgraded) error {
	argv := append([]string{"zfs", "upgrade"}, done.Upgraded...)
	if a.All {
		argv = []string{"zfs", "upgrade", "-a"}
	}
	e := change(op, argv, fmt.Sprintf("version %d for %s", done.Supported, strings.Join(done.Upgraded, ", ")), resources(done.Upgraded)...)
	e.Risk, e.Note = effect.Irreversible, "older systems cannot mount the file systems any more, nor receive what is sent from them"
	res, err := run(ctx, h, e)
	if err != nil || res.Skipped {
		done.Changed = err == nil
		return err
	}
	// It ends well even if some could not be upgraded.
	now, err := versionsOf(ctx, h, op)
	if err != nil {
		return err
	}
	var left []string
	for _, fs := range now {
		if fs.Version < done.Supported && slices.Contains(done.Upgraded, fs.Name) {
			left = append(left, fs.Name)
		}
	}
	done.Upgraded = slices.DeleteFunc(done.Upgraded, func(name string) bool { return slices.Contains(left, name) })
	done.Changed = len(done.Upgraded) > 0
	if len(left) > 0 {
		return effect.WithHint(effect.Errorf(effect.Failed, op, "still of an older version: %s", strings.Join(left, ", ")),
			"the pool's version may be too old for the file system's newest one: see h.zpool.upgrade")
	}
	return nil
}
