package bectlsim

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
	"bsdrun/runtime/sim/zfs"
)

func (c *call) mount() int {
	switch {
	case len(c.args) < 1:
		return c.misuse("missing argument(s)")
	case len(c.args) > 2:
		return c.misuse("too many arguments")
	}
	name, given := c.args[0], ""
	if len(c.args) == 2 {
		given = c.args[1]
	}
	point, code := c.mountAt(name, given)
	switch {
	case code == 0 && c.release >= 1500:
		c.Printf("%s\n", point)
	case code == 0:
		c.Printf("Successfully mounted %s at %s\n", name, point)
	case given != "":
		c.Errorf("Failed to mount bootenv %s at %s\n", name, given)
	default:
		c.Errorf("Failed to mount bootenv %s at temporary path (null)\n", name)
	}
	return code
}

// mountAt mounts an environment with what is below it, on a directory of its own
// when none is given.
func (c *call) mountAt(name, point string) (string, int) {
	path, err := c.path(name)
	if err != 0 {
		return "", c.fail(err)
	}
	d := c.find(path)
	switch {
	case d == nil:
		return "", c.fail(errMissing)
	case c.mountedAt(d) != "":
		return "", c.fail(errMounted)
	case point == "":
		point = c.temporary()
	}
	if c.mountTree(d, point, true) != nil {
		return "", 1 // the number of the error is lost on the way
	}
	return point, 0
}

const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func (c *call) temporary() string {
	for {
		name := []byte("/tmp/be_mount.")
		for range 4 {
			name = append(name, letters[rand.IntN(len(letters))])
		}
		if err := c.FS().Mkdir(string(name), 0o700); !errors.Is(err, syscall.EEXIST) {
			return string(name)
		}
	}
}

var errNotMounted = errors.New("not mounted")

// mountTree mounts a file system, top being the environment itself, which lies on
// the point whatever its properties say.
func (c *call) mountTree(d *state.Dataset, point string, top bool) error {
	at := point
	if !top {
		if d.Properties["canmount"] == "off" || c.mountedAt(d) != "" {
			return nil
		}
		below := c.pool.MountPoint(d.Name)
		if strings.HasPrefix(below, "/") {
			at += below
		} else {
			at = ""
		}
	}
	if at != "" {
		if failed := c.mountOn(d, at); failed != 0 {
			c.fail(failed)
			return errNotMounted
		}
	}
	for _, child := range c.below(d.Name) {
		if err := c.mountTree(child, point, false); err != nil {
			return err
		}
	}
	return nil
}

func (c *call) mountOn(d *state.Dataset, at string) failure {
	at = c.FS().Abs(at)
	if c.notPermitted("mount", d.Name) {
		return errUnknown
	}
	// OpenZFS makes the directory; what came before it did not.
	if info, err := c.FS().Stat(at); err == nil && info.Type != vfs.TypeDir || err != nil && c.release < 1300 {
		return errPath
	}
	switch err := zfs.MountDatasetAt(c.Machine, d.Name, at); {
	case errors.Is(err, syscall.EBUSY):
		return errBusyPath
	case err != nil:
		return errUnknown
	}
	return 0
}

func (c *call) unmount() int {
	if len(c.args) != 1 {
		return c.misuse("wrong number of arguments")
	}
	code := c.unmountAll(c.args[0])
	if code != 0 {
		c.Errorf("Failed to unmount bootenv %s\n", c.args[0])
	}
	return code
}

// unmountAll unmounts an environment and what is below it, the lowest first. One
// that is not mounted is no failure.
func (c *call) unmountAll(name string) int {
	path, err := c.path(name)
	if err != 0 {
		return c.fail(err)
	}
	d := c.find(path)
	if d == nil {
		c.zfsError("open", path, "dataset does not exist")
		return c.fail(errOpen)
	}
	all := append([]*state.Dataset{d}, zfs.Children(c.Machine, path)...)
	slices.SortStableFunc(all, func(a, b *state.Dataset) int { return depth(b) - depth(a) })
	for _, d := range all {
		point := c.mountedAt(d)
		if point == "" {
			continue
		}
		if c.notPermitted("unmount", point) {
			return c.fail(errUnknown)
		}
		if err := zfs.UnmountDataset(c.Machine, d.Name, c.has('f')); err != nil || point == "/" {
			c.zfsError("unmount", point, "pool or dataset is busy")
			return c.fail(errBusyPath)
		}
	}
	return 0
}
