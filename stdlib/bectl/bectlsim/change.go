package bectlsim

import (
	"fmt"
	"maps"
	"strings"

	"bsdrun/runtime/lazyregexp"
	"bsdrun/runtime/sim/zfs"
)

func (c *call) activate() int {
	once, forget := c.has('t'), c.has('T')
	switch {
	case once && forget:
		return c.usage(false)
	case len(c.args) != 1 && (!forget || len(c.args) != 0):
		return c.misuse("wrong number of arguments")
	case forget:
		return c.forgetOnce()
	}
	name := c.args[0]
	code := c.makeActive(name, once)
	text := "Successfully activated"
	if code != 0 {
		text = "Did not successfully activate"
	}
	c.Printf("%s boot environment %s", text, name)
	switch {
	case once && c.release < 1500:
		c.Printf("\nfor next boot")
	case once:
		c.Printf(" for next boot")
	}
	c.Printf("\n")
	return code
}

func (c *call) forgetOnce() int {
	if !c.permitted() {
		c.Printf("Failed to remove temporary activation\n")
		return 1
	}
	c.setOnce("")
	c.Printf("Temporary activation removed\n")
	return 0
}

func (c *call) setOnce(dataset string) {
	s := c.Machine.State()
	s.Lock()
	defer s.Unlock()
	c.pool.NextBoot = dataset
}

// unlucky is what an activation ends with that broke off half way: -1.
const unlucky = 255

// makeActive makes an environment the one to boot, once or from now on, and
// turns a clone into the origin of what it was cloned from.
func (c *call) makeActive(name string, once bool) int {
	dataset, _ := c.path(name)
	d := c.find(dataset)
	if d == nil {
		return c.fail(errMissing)
	}
	if once {
		return c.bootOnce(dataset)
	}
	if c.bootFS != "-" {
		if c.notPermitted("set property for", c.bootFS) {
			return unlucky
		}
		if err := zfs.SetProperty(c.Machine, c.bootFS, "canmount", "noauto"); err != nil {
			c.zfsError("set property for", c.bootFS, err)
			return unlucky
		}
	}
	if c.notPermitted("set property for", c.pool.Name) {
		return unlucky
	}
	if err := zfs.SetPoolProperty(c.Machine, c.pool, "bootfs", dataset); err != nil {
		c.zfsError("set property for", c.pool.Name, err)
		return unlucky
	}
	if d.Origin != "" {
		if err := zfs.Promote(c.Machine, dataset); err != nil {
			c.zfsError("promote", dataset, err)
			return unlucky
		}
	}
	return 0
}

func (c *call) bootOnce(dataset string) int {
	if !c.permitted() {
		if c.release < 1300 {
			c.Errorf("ZFS_IOC_NEXTBOOT failed: Operation not permitted\n")
		}
		return 1
	}
	c.setOnce(dataset)
	return 0
}

func (c *call) create() int {
	if len(c.args) != 1 {
		return c.misuse("wrong number of arguments")
	}
	name, from := c.args[0], c.values['e']
	if be, snapshot, ok := strings.Cut(name, "@"); ok {
		code := c.snapshot(be, be+"@"+snapshot)
		if code != 0 {
			c.Errorf("Failed to create a snapshot '%s' of '%s'\n", snapshot, be)
		}
		return code
	}
	code := c.createFrom(name, from)
	switch {
	case code == 0:
	case from == "":
		c.Errorf("Failed to create bootenv %s\n", name)
	default:
		c.Errorf("Failed to create bootenv %s from snapshot %s\n", name, from)
	}
	return code
}

// createFrom clones what runs, another environment or a snapshot of one.
func (c *call) createFrom(name, from string) int {
	if from == "" {
		from = c.rootFS
	}
	if !strings.Contains(from, "@") {
		snapshot := from + "@" + c.stamp(from)
		if code := c.snapshot(from, snapshot); code != 0 {
			return code
		}
		from = snapshot
	}
	if !validName.MatchString(name) {
		return c.fail(errName)
	}
	path, err := c.path(from)
	if err == 0 && !c.exists(path) {
		err = errMissing
	}
	if err != 0 {
		return c.fail(err)
	}
	dataset, snapshot, _ := strings.Cut(path, "@")
	if err = c.clone(dataset, snapshot, c.beRoot+"/"+name); err != 0 {
		c.fail(err)
		return c.fail(err) // both of libbe's layers print it
	}
	return 0
}

var validName = lazyregexp.New(`^[A-Za-z0-9_.:-][A-Za-z0-9_.: -]*$`)

// stamp names a snapshot that bectl makes by itself after the time, with a
// number that makes it unique.
func (c *call) stamp(be string) string {
	dataset, _ := c.path(be)
	name := c.Now().UTC().Format("2006-01-02-15:04:05")
	if c.release < 1201 {
		return name
	}
	for serial := 0; ; serial++ {
		if numbered := fmt.Sprintf("%s-%d", name, serial); !c.exists(dataset + "@" + numbered) {
			return numbered
		}
	}
}

// ownStamp is the form of those names.
var ownStamp = lazyregexp.New(`@\d+-(0?[1-9]|1[0-2])-(0?[1-9]|[12]\d|3[01])-([01]?\d|2[0-3]):[0-5]?\d:([0-5]?\d|60)-\d+`)

// snapshot takes a snapshot of an environment, with -r of what is below it too.
func (c *call) snapshot(be, snapshot string) int {
	dataset, _ := c.path(be)
	if !c.exists(dataset) {
		return c.fail(errMissing)
	}
	_, label, _ := strings.Cut(snapshot, "@")
	names := []string{dataset + "@" + label}
	if c.has('r') {
		for _, d := range zfs.Children(c.Machine, dataset) {
			if d.Type == "filesystem" || d.Type == "volume" {
				names = append(names, d.Name+"@"+label)
			}
		}
	}
	if c.notPermitted("create snapshot", names[0]) {
		return c.fail(errUnknown)
	}
	if err := zfs.TakeSnapshots(c.Machine, names, nil); err != nil {
		c.zfsError("create snapshot", names[0], err)
		return c.fail(errUnknown)
	}
	return 0
}

// clone makes an environment of a snapshot, with -r also of what is below it and
// has that snapshot. It keeps the properties set on its origin, and is mounted by
// nobody but the boot.
func (c *call) clone(from, snapshot, to string) failure {
	if c.exists(to) {
		return errExists
	}
	if !c.exists(from + "@" + snapshot) {
		return 0
	}
	properties := map[string]string{}
	maps.Copy(properties, c.find(from).Received)
	maps.Copy(properties, c.find(from).Properties)
	properties["canmount"] = "noauto"
	if c.notPermitted("create", to) {
		return errClone
	}
	if _, err := zfs.CreateDataset(c.Machine, zfs.NewDataset{
		Name: to, Type: "filesystem", Origin: from + "@" + snapshot, NoMount: true, Properties: properties,
	}); err != nil {
		c.zfsError("create", to, err)
		return errClone
	}
	if !c.has('r') {
		return 0
	}
	for _, d := range c.below(from) {
		if err := c.clone(d.Name, snapshot, to+strings.TrimPrefix(d.Name, from)); err != 0 {
			return err
		}
	}
	return 0
}

func (c *call) rename() int {
	switch {
	case len(c.args) < 2:
		return c.misuse("missing argument")
	case len(c.args) > 2:
		return c.misuse("too many arguments")
	}
	code := c.renameTo(c.args[0], c.args[1])
	if code == 0 {
		return 0
	}
	c.Errorf("Failed to rename bootenv %s to %s\n", c.args[0], c.args[1])
	if c.release < 1500 {
		return 0 // older ones say so and succeed nevertheless
	}
	return code
}

func (c *call) renameTo(from, to string) int {
	if !validName.MatchString(to) {
		return c.fail(errName)
	}
	old, err := c.path(from)
	if err != 0 {
		return c.fail(err)
	}
	fresh := c.beRoot + "/" + to
	switch {
	case !c.exists(old):
		return c.fail(errMissing)
	case c.exists(fresh):
		return c.fail(errExists)
	case c.notPermitted("rename", old):
		return c.fail(errUnknown)
	}
	if err := zfs.RenameDataset(c.Machine, old, fresh); err != nil {
		c.zfsError("rename", old, err)
		return c.fail(errUnknown)
	}
	return 0
}
