package bectlsim

import (
	"strings"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/zfs"
)

// library is what libbe(3) knows once it is open.
type library struct {
	pool   *state.Pool
	beRoot string // the dataset above the boot environments
	rootFS string // the one that runs; empty when / is not ZFS
	bootFS string // the pool's boot file system, "-" for none
}

// failure is an error of libbe(3): its number is bectl's exit code.
type failure int

const (
	errName       failure = 1
	errExists     failure = 2
	errMissing    failure = 3
	errActive     failure = 5
	errStillThere failure = 6
	errPath       failure = 7
	errBusyPath   failure = 8
	errNoOrigin   failure = 11
	errMounted    failure = 12
	errOpen       failure = 14
	errClone      failure = 15
	errUnknown    failure = 19
	errClones     failure = 21
)

var descriptions = map[failure]string{
	errName:       "invalid boot environment name",
	errExists:     "boot environment name already taken",
	errMissing:    "specified boot environment does not exist",
	errActive:     "cannot destroy active boot environment",
	errStillThere: "cannot destroy mounted boot env unless forced",
	errPath:       "path not suitable for operation",
	errBusyPath:   "specified path is busy",
	errNoOrigin:   "could not open snapshot's origin",
	errMounted:    "boot environment is already mounted",
	errOpen:       "calling zfs_open() failed",
	errClone:      "error when calling zfs_clone() to create boot env",
	errUnknown:    "unknown error",
	errClones:     "snapshot has clones",
}

// fail prints an error as libbe(3) does, and is the exit code.
func (c *call) fail(err failure) int {
	if err != 0 {
		c.Errorf("%s\n", descriptions[err])
	}
	return int(err)
}

// zfsError prints what libzfs(3) says of something that did not work.
func (c *call) zfsError(verb, name string, reason any) {
	c.Errorf("cannot %s '%s': %v\n", verb, name, reason)
}

// open is libbe_init(3): the boot environments are those beside the root file
// system, which has to lie at least two levels below the pool.
func (c *call) open() bool {
	if top := c.Machine.Tree().Mounts()[0]; top.Type == "zfs" {
		c.rootFS = top.Source
	}
	if c.beRoot = c.root; c.beRoot == "" {
		slash := strings.LastIndexByte(c.rootFS, '/')
		if slash < 0 {
			return false
		}
		c.beRoot = c.rootFS[:slash]
	}
	name, _, below := strings.Cut(c.beRoot, "/")
	if !below {
		return false
	}
	if c.pool = zfs.FindPool(c.Machine, name); c.pool == nil {
		c.Errorf("cannot open '%s': no such pool\n", name)
		return false
	}
	if c.bootFS = c.pool.Properties["bootfs"]; c.bootFS == "" {
		c.bootFS = "-"
	}
	return true
}

// path is the dataset of a boot environment, given by its name or in full.
func (c *call) path(name string) (string, failure) {
	if !strings.Contains(name, "/") {
		return c.beRoot + "/" + name, 0
	}
	if !strings.HasPrefix(name, c.beRoot) {
		return "", errName
	}
	return name, 0
}

func (c *call) find(dataset string) *state.Dataset {
	_, d := zfs.FindDataset(c.Machine, dataset)
	return d
}

func (c *call) exists(dataset string) bool { return c.find(dataset) != nil }

// environments are the file systems right below the root of all.
func (c *call) environments() []*state.Dataset { return c.below(c.beRoot) }

// below are the file systems right below another one.
func (c *call) below(name string) []*state.Dataset {
	var list []*state.Dataset
	for _, d := range zfs.Children(c.Machine, name) {
		rest, ok := strings.CutPrefix(d.Name, name+"/")
		if ok && d.Type == "filesystem" && !strings.ContainsAny(rest, "/@#") {
			list = append(list, d)
		}
	}
	return list
}

// mountedAt is where a file system is mounted; empty: nowhere.
func (c *call) mountedAt(d *state.Dataset) string { return zfs.MountedAt(c.Machine, d.Name) }

// permitted tells whether the user may change datasets.
func (c *call) permitted() bool { return c.Cred.UID == 0 }

const denied = "permission denied"

// notPermitted refuses a change in libzfs(3)'s words.
func (c *call) notPermitted(verb, name string) bool {
	if c.permitted() {
		return false
	}
	c.zfsError(verb, name, denied)
	return true
}
