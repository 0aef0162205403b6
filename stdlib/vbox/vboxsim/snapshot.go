package vboxsim

import (
	"encoding/json"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/sim/vfs"
)

// Snapshots keep the hardware of a machine, whose disks they freeze: what is
// written after goes to images of differences on top.

var snapshotFile = "VBoxManageSnapshot.cpp"

func snapshot(c *command) int {
	if len(c.args) < 2 {
		c.badUsage(2, "Not enough parameters")
	}
	w := c.load()
	m := c.find(w, c.args[0], at("FindMachine(bstrMachine.raw(), ptrMachine.asOutParam())", 486, snapshotFile))
	verb := c.args[1]
	c.args = c.args[2:]
	switch verb {
	case "take":
		c.take(w, m)
	case "list":
		return c.listSnapshots(m)
	case "restore", "restorecurrent":
		c.restore(w, m, verb)
	case "delete":
		c.deleteSnapshot(w, m)
	default:
		return c.p.Cannot("VBoxManage snapshot %s", verb)
	}
	return 0
}

// each calls fn for the snapshots, parents first.
func (n *snapNode) each(depth string, fn func(n *snapNode, suffix string)) {
	if n == nil {
		return
	}
	fn(n, depth)
	for i := range n.Children {
		n.Children[i].each(depth+"-"+strconv.Itoa(i+1), fn)
	}
}

// snapshot finds one by name or UUID.
func (m *machine) snapshot(name string) (found *snapNode) {
	m.Snapshot.each("", func(n *snapNode, _ string) {
		if n.Name == name || trim(n.UUID) == trim(name) {
			found = n
		}
	})
	return found
}

func (c *command) needSnapshot(m *machine, name string) *snapNode {
	if m.Snapshot == nil {
		c.stop(com{"VBOX_E_OBJECT_NOT_FOUND", "SessionMachine", "IMachine"}, at("FindSnapshot(Bstr(a->argv[2]).raw(), pSnapshot.asOutParam())", 605, snapshotFile), "This machine does not have any snapshots")
	}
	n := m.snapshot(name)
	if n == nil {
		c.stop(com{"VBOX_E_OBJECT_NOT_FOUND", "SessionMachine", "IMachine"}, at("FindSnapshot(Bstr(a->argv[2]).raw(), pSnapshot.asOutParam())", 605, snapshotFile), "Could not find a snapshot named '%s'", name)
	}
	return n
}

func (h hardware) clone() hardware {
	text, err := json.Marshal(h)
	if err != nil {
		panic(err) // it consists of plain fields
	}
	var copied hardware
	if err := json.Unmarshal(text, &copied); err != nil {
		panic(err)
	}
	return copied
}

func (c *command) take(w *world, m *machine) {
	given, words := c.options(map[string]int{"description": 1, "live": 0})
	if len(words) != 1 {
		c.badUsage(2, "Missing snapshot name")
	}
	n := snapNode{UUID: braced(c.newUUID()), Name: words[0], Taken: c.p.Now().UTC().Format(timeForm), Description: given["description"], Hardware: m.Hardware.clone()}
	c.overlay(w, m)
	if m.Snapshot == nil {
		m.Snapshot = &n
	} else {
		parent := m.snapshot(m.Current)
		parent.Children = append(parent.Children, n)
	}
	m.Current = n.UUID
	c.saveMachine(m)
	c.done()
	c.p.Printf("Snapshot taken. UUID: %s\n", trim(n.UUID))
}

// overlay puts an image of differences on each disk of a machine.
func (c *command) overlay(w *world, m *machine) {
	dir := path.Join(path.Dir(m.file), "Snapshots")
	if err := c.view.MkdirAll(dir, 0o700); err != nil {
		c.fail("Could not create the directory '%s' (%s)", dir, verr(err))
	}
	images, _ := m.Hardware.disks()
	for _, below := range images {
		found, known := w.byUUID(below)
		h, err := c.headerOf(found.Location)
		if !known || err != nil {
			c.stop(mediumFile, "", "Could not open the medium '%s'.", found.Location)
		}
		diff := newHeader("VDI", vdiDiff, c.newUUID(), h.Size)
		diff.Parent = trim(below)
		file := path.Join(dir, braced(diff.UUID)+".vdi")
		f, err := c.view.OpenFile(file, vfs.O_RDWR|vfs.O_CREATE|vfs.O_EXCL, 0o600)
		if err == nil {
			i := &image{header: diff, f: f}
			err = i.finish()
			i.close()
		}
		if err != nil {
			c.fail("Could not create the medium storage unit '%s' (%s)", file, verr(err))
		}
		m.adopt(found.disk, disk{UUID: braced(diff.UUID), Location: file, Format: "VDI"})
		m.Hardware.swap(below, braced(diff.UUID))
	}
}

// adopt puts an image below another one of the machine's registry.
func (m *machine) adopt(parent, child disk) {
	var place func(list []disk) bool
	place = func(list []disk) bool {
		for i := range list {
			if trim(list[i].UUID) == trim(parent.UUID) {
				list[i].Children = append(list[i].Children, child)
				return true
			}
			if place(list[i].Children) {
				return true
			}
		}
		return false
	}
	if !place(m.Disks) {
		parent.Children = append(parent.Children, child)
		m.Disks = append(m.Disks, parent)
	}
}

func (c *command) listSnapshots(m *machine) int {
	given, words := c.options(map[string]int{"machinereadable": 0, "details": 0})
	if len(words) > 0 {
		c.badUsage(2, "Invalid parameter '%s'", words[0])
	}
	if m.Snapshot == nil {
		c.p.Printf("This machine does not have any snapshots\n")
		return 1
	}
	if has(given, "machinereadable") {
		c.printSnapshots(m)
		return 0
	}
	m.Snapshot.each("", func(n *snapNode, suffix string) {
		mark := ""
		if n.UUID == m.Current {
			mark = " *"
		}
		indent := strings.Repeat("   ", strings.Count(suffix, "-")+1)
		c.p.Printf("%sName: %s (UUID: %s)%s\n", indent, n.Name, trim(n.UUID), mark)
		if n.Description != "" {
			c.p.Printf("%sDescription:\n%s\n", indent, n.Description)
		}
	})
	return 0
}

// printSnapshots prints them with their place in the tree behind the keys.
func (c *command) printSnapshots(m *machine) {
	o := printer{c}
	node := ""
	m.Snapshot.each("", func(n *snapNode, suffix string) {
		o.text("SnapshotName"+suffix, n.Name)
		o.text("SnapshotUUID"+suffix, trim(n.UUID))
		if n.Description != "" {
			o.text("SnapshotDescription"+suffix, n.Description)
		}
		if n.UUID == m.Current {
			node = "SnapshotName" + suffix
		}
	})
	if current := m.snapshot(m.Current); current != nil {
		o.text("CurrentSnapshotName", current.Name)
		o.text("CurrentSnapshotUUID", trim(current.UUID))
		o.text("CurrentSnapshotNode", node)
	}
}

func (c *command) restore(w *world, m *machine, verb string) {
	name := m.Current
	if verb == "restore" {
		if len(c.args) != 1 {
			c.badUsage(2, "Missing snapshot name")
		}
		name = c.args[0]
	}
	if runOf(c.p.Machine, m.UUID) != nil {
		c.stop(com{"VBOX_E_INVALID_VM_STATE", "SessionMachine", "IMachine"}, at("RestoreSnapshot(pSnapshot, pProgress.asOutParam())", 635, snapshotFile),
			"Cannot delete the current state of the running machine (machine state: Running)")
	}
	n := c.needSnapshot(m, name)
	c.p.Printf("Restoring snapshot '%s' (%s)\n", n.Name, trim(n.UUID))
	// the images of the present state are given up
	images, _ := m.Hardware.disks()
	for _, uuid := range images {
		if found, known := w.byUUID(uuid); known && found.parent != "" && len(found.Children) == 0 {
			_ = c.view.Remove(found.Location)
			m.Disks = drop(m.Disks, func(d disk) bool { return trim(d.UUID) == trim(uuid) })
		}
	}
	m.Hardware = n.Hardware.clone()
	m.Current, m.Aborted, m.StateFile, m.Changed = n.UUID, false, "", n.Taken
	c.overlay(w, m)
	c.saveMachine(m)
	c.done()
}

// deleteSnapshot gives up a snapshot: what came after is put into its images.
func (c *command) deleteSnapshot(w *world, m *machine) {
	if len(c.args) != 1 {
		c.badUsage(2, "Missing snapshot name")
	}
	n := c.needSnapshot(m, c.args[0])
	var after []*hardware
	for i := range n.Children {
		after = append(after, &n.Children[i].Hardware)
	}
	if m.Current == n.UUID {
		after = append(after, &m.Hardware)
	}
	if len(after) > 1 {
		images, _ := n.Hardware.disks()
		location := ""
		if len(images) > 0 {
			found, _ := w.byUUID(images[0])
			location = found.Location
		}
		c.stop(com{"VBOX_E_INVALID_OBJECT_STATE", "SessionMachine", "IMachine"}, at("DeleteSnapshot(bstrSnapGuid.raw(), pProgress.asOutParam())", 620, snapshotFile),
			"Hard disk '%s' has more than one child hard disk (%d)", location, len(after))
	}
	c.p.Printf("Deleting snapshot '%s' (%s)\n", n.Name, trim(n.UUID))
	if len(after) == 1 {
		c.merge(w, m, n, after[0])
	}
	parent := m.without(n)
	if m.Current == n.UUID {
		m.Current = parent
	}
	c.saveMachine(m)
	c.done()
}

// without takes a snapshot out of the tree, and is the UUID of the one before it.
func (m *machine) without(n *snapNode) (parent string) {
	if m.Snapshot == n {
		m.Snapshot = nil
		if len(n.Children) > 0 {
			m.Snapshot = &n.Children[0]
		}
		return ""
	}
	m.Snapshot.each("", func(p *snapNode, _ string) {
		for i := range p.Children {
			if &p.Children[i] == n {
				parent = p.UUID
				children := n.Children
				p.Children = slices.Delete(p.Children, i, i+1)
				p.Children = append(p.Children, children...)
				return
			}
		}
	})
	return parent
}

// merge puts the differences that lie on a snapshot's disks into those.
func (c *command) merge(w *world, m *machine, n *snapNode, after *hardware) {
	images, _ := n.Hardware.disks()
	for _, uuid := range images {
		below, known := w.byUUID(uuid)
		if !known {
			continue
		}
		for _, child := range below.Children {
			if !after.holds(child.UUID) {
				continue
			}
			c.mergeImage(w, below, child)
			after.swap(child.UUID, below.disk.UUID)
			m.Disks = raise(m.Disks, child)
			_ = c.view.Remove(child.Location)
		}
	}
}

func (c *command) mergeImage(w *world, below medium, child disk) {
	to, err := c.open(w, below, vfs.O_RDWR)
	if err != nil {
		c.stop(mediumFile, "", "Could not open the medium '%s'.", below.Location)
	}
	defer to.close()
	from, err := c.open(w, medium{disk: child}, vfs.O_RDONLY)
	if err != nil {
		c.stop(mediumFile, "", "Could not open the medium '%s'.", child.Location)
	}
	defer from.close()
	for block, at := range from.Blocks {
		if at == blockFree {
			continue
		}
		data := from.readBlock(block)
		c.pass(int64(len(data)))
		if data == nil {
			data = make([]byte, min(blockSize, from.Size-int64(block)*blockSize))
		}
		if err := to.writeBlock(block, data); err != nil {
			c.fail("Could not merge the medium '%s' to '%s' (%s)", child.Location, below.Location, verr(err))
		}
	}
	if err := to.finish(); err != nil {
		c.fail("Could not merge the medium '%s' to '%s' (%s)", child.Location, below.Location, verr(err))
	}
}

// raise takes an image out of a tree; those on it go to the one below.
func raise(list []disk, gone disk) []disk {
	var kept []disk
	for _, d := range list {
		if trim(d.UUID) == trim(gone.UUID) {
			kept = append(kept, d.Children...)
			continue
		}
		d.Children = raise(d.Children, gone)
		kept = append(kept, d)
	}
	return kept
}

var propertyFile = "VBoxManageGuestProp.cpp"

// guestProperty reads and sets what guest and host tell each other.
func guestProperty(c *command) int {
	if len(c.args) < 2 {
		c.badUsage(2, "Incorrect parameters")
	}
	w := c.load()
	m := c.find(w, c.args[1], at("FindMachine(Bstr(pszMachine).raw(), machine.asOutParam())", 80, propertyFile))
	verb := c.args[0]
	c.args = c.args[2:]
	given, words := c.options(map[string]int{"flags": 1, "verbose": 0, "patterns": 1, "no-timestamp": 0, "no-flags": 0, "old-format": 0})
	switch {
	case verb == "get" && len(words) == 1:
		for _, e := range m.Hardware.Properties {
			if e.Name == words[0] {
				c.p.Printf("Value: %s\n", e.Value)
				return 0
			}
		}
		c.p.Printf("No value set!\n")
	case verb == "enumerate":
		if given["patterns"] != "" {
			words = append(words, given["patterns"])
		}
		c.enumerate(m, words)
	case verb == "set" && len(words) > 0 && len(words) <= 2, (verb == "unset" || verb == "delete") && len(words) == 1:
		value := ""
		if verb == "set" && len(words) == 2 {
			value = words[1]
		}
		m.Hardware.Properties = setExtra(m.Hardware.Properties, words[0], value)
		c.saveMachine(m)
	default:
		c.badUsage(2, "Incorrect parameters")
	}
	return 0
}

func (c *command) enumerate(m *machine, patterns []string) {
	found := false
	width := 0
	for _, e := range m.Hardware.Properties {
		width = max(width, len(e.Name))
	}
	for _, e := range m.Hardware.Properties {
		wanted := len(patterns) == 0
		for _, p := range patterns {
			for one := range strings.SplitSeq(p, "|") {
				if ok, _ := path.Match(strings.ReplaceAll(one, "/", "\x01"), strings.ReplaceAll(e.Name, "/", "\x01")); ok {
					wanted = true
				}
			}
		}
		if !wanted {
			continue
		}
		found = true
		if c.v.since(7, 0) {
			c.p.Printf("%-*s = '%s' @ %s\n", width, e.Name, e.Value, c.p.Now().UTC().Format("2006-01-02T15:04:05.000Z"))
		} else {
			c.p.Printf("Name: %s, value: %s, timestamp: %d, flags: \n", e.Name, e.Value, c.p.Now().Round(time.Second).UnixNano())
		}
	}
	if !found {
		c.p.Printf("No properties found.\n")
	}
}
