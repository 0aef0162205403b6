package freebsdupdatesim

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/sim/vfs"
)

// place puts entries where they belong, in the order of their paths.
func (u *update) place(list []entry) error {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b entry) int { return strings.Compare(a.path, b.path) })
	for _, e := range list {
		if err := u.placeOne(e); err != nil {
			return fmt.Errorf("%s: %w", e.path, err)
		}
	}
	return u.Sleep(time.Duration(len(list)) * installTime)
}

func (u *update) placeOne(e entry) error {
	file := path.Join(u.base, e.path)
	info, err := u.FS().Lstat(file)
	there := err == nil
	switch e.kind {
	case "d":
		if there && !info.IsDir() {
			if err := u.FS().Remove(file); err != nil {
				return err
			}
		}
		if err := u.FS().MkdirAll(file, 0o755); err != nil {
			return err
		}
		return u.adjust(file, e)
	case "L":
		if there {
			if err := u.FS().RemoveAll(file); err != nil {
				return err
			}
		}
		return u.FS().Symlink(e.value, file)
	}
	return u.placeFile(file, e, there)
}

// placeFile replaces a file by a new one, as install(1) does.
func (u *update) placeFile(file string, e entry, there bool) error {
	packed, err := u.FS().ReadFile(u.stored(e.value))
	if err != nil {
		return err
	}
	data, err := unpack(packed)
	if err != nil {
		return err
	}
	if there {
		_ = u.FS().Chflags(file, 0)
		if err := u.FS().RemoveAll(file); err != nil {
			return err
		}
	}
	if err := u.FS().WriteFile(file, data, 0o600); err != nil {
		return err
	}
	return u.adjust(file, e)
}

// adjust sets owner, mode and flags.
func (u *update) adjust(file string, e entry) error {
	meta := strings.Split(e.meta, "|")
	uid, _ := strconv.Atoi(meta[0])
	gid, _ := strconv.Atoi(meta[1])
	mode, _ := strconv.ParseUint(meta[2], 8, 32)
	flags, _ := strconv.ParseUint(meta[3], 8, 32)
	if err := u.FS().Chown(file, uid, gid); err != nil {
		return err
	}
	if err := u.FS().Chmod(file, uint32(mode)); err != nil {
		return err
	}
	if flags == 0 || e.kind != "f" {
		return nil
	}
	return u.FS().Chflags(file, uint32(flags))
}

// remove takes away what is in one list and not in the other, the deepest first.
func (u *update) remove(old, fresh []entry) error {
	stays := pathSet(fresh)
	gone := without(old, func(e entry) bool { return stays[e.path] })
	slices.SortFunc(gone, func(a, b entry) int { return strings.Compare(b.path, a.path) })
	for _, e := range gone {
		file := path.Join(u.base, e.path)
		_ = u.FS().Chflags(file, 0)
		err := u.FS().Remove(file)
		switch {
		case err == nil || errors.Is(err, fs.ErrNotExist):
		case e.kind == "d":
			u.Errorf("rmdir: %s: Directory not empty\n", file)
		default:
			return err
		}
	}
	return nil
}

// backupMark is in kernel backups that the tool made, so that it removes no
// others.
const backupMark = ".freebsd-update"

// backUpKernel keeps the kernel that is there.
func (u *update) backUpKernel() error {
	name := u.setting["BACKUPKERNELDIR"]
	for n := 1; u.has(path.Join(u.base, name)) && !u.has(path.Join(u.base, name, backupMark)); n++ {
		if n > 9 {
			u.Printf("Could not find valid backup dir (%s)\n", path.Join(u.base, name))
			return stop(1)
		}
		name = strings.TrimRight(u.setting["BACKUPKERNELDIR"], "0123456789") + strconv.Itoa(n)
	}
	dir, kernel := path.Join(u.base, name), path.Join(u.base, u.kernelDir)
	if err := u.FS().RemoveAll(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := u.FS().MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := u.FS().WriteFile(path.Join(dir, backupMark), nil, 0o644); err != nil {
		return err
	}
	list, err := u.FS().ReadDir(kernel)
	if err != nil {
		return err
	}
	for _, i := range list {
		symbols := strings.HasSuffix(i.Name, ".debug") || strings.HasSuffix(i.Name, ".symbols")
		if i.Type != vfs.TypeFile || symbols && u.setting["BACKUPKERNELSYMBOLFILES"] != "yes" {
			continue
		}
		if err := u.FS().Link(path.Join(kernel, i.Name), path.Join(dir, i.Name)); err != nil {
			return err
		}
	}
	return nil
}
