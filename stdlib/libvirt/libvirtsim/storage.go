package libvirtsim

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"libvirt.org/go/libvirtxml"
)

func (s *store) snapshotFile(d *domain, name string) string {
	return path.Join(s.lib, "qemu/snapshot", d.name, name+".xml")
}

// snapshots lists a domain's snapshots by name.
func (s *store) snapshots(d *domain) []libvirtxml.DomainSnapshot {
	var list []libvirtxml.DomainSnapshot
	for _, name := range s.names(path.Join(s.lib, "qemu/snapshot", d.name)) {
		var x libvirtxml.DomainSnapshot
		if x.Unmarshal(s.read(s.snapshotFile(d, name))) == nil {
			list = append(list, x)
		}
	}
	return list
}

func (c *call) snapshotList() int {
	d := c.target()
	if d == nil {
		return 1
	}
	var rows [][]string
	for _, s := range c.snapshots(d) {
		if c.has("name") {
			c.Printf("%s\n", s.Name)
			continue
		}
		made, _ := strconv.ParseInt(s.CreationTime, 10, 64)
		rows = append(rows, []string{s.Name, time.Unix(made, 0).UTC().Format("2006-01-02 15:04:05 -0700"), s.State})
	}
	if !c.has("name") {
		c.table([]string{"Name", "Creation Time", "State"}, rows)
	}
	return 0
}

func (c *call) snapshotCurrent() int {
	d := c.target()
	if d == nil {
		c.Printf("\n")
		return 1
	}
	for _, s := range c.snapshots(d) {
		if s.Active != nil && *s.Active == 1 {
			if !c.has("name") {
				return c.Cannot("virsh snapshot-current without --name")
			}
			c.Printf("%s\n", s.Name)
			return 0
		}
	}
	c.Printf("\n")
	return c.wrong("domain '%s' has no current snapshot", d.name)
}

func (c *call) snapshotDumpxml() int {
	d := c.target()
	if d == nil {
		return 1
	}
	text := c.read(c.snapshotFile(d, c.given["snapshotname"]))
	if text == "" {
		return c.wrong("Domain snapshot not found: no domain snapshot with matching name '%s'", c.given["snapshotname"])
	}
	// Which one is the current is the file's alone to say.
	text = strings.ReplaceAll(strings.ReplaceAll(text, "  <active>1</active>\n", ""), "  <active>0</active>\n", "")
	c.Printf("%s\n", passwords.ReplaceAllString(strings.TrimRight(text, "\n"), ""))
	return 0
}

func (s *store) network(name string) string {
	return path.Join(s.config, "qemu/networks", name+".xml")
}
func (s *store) activeNetwork(name string) string { return path.Join(s.run, "network", name+".xml") }
func (s *store) pool(name string) string          { return path.Join(s.config, "storage", name+".xml") }
func (s *store) activePool(name string) string    { return path.Join(s.run, "storage", name+".xml") }

func (s *store) exists(file string) bool {
	_, err := s.view.Lstat(file)
	return err == nil
}

var yesNo = map[bool]string{true: "yes", false: "no"}

func (c *call) netList() int {
	var rows [][]string
	for _, name := range c.names(path.Join(c.config, "qemu/networks")) {
		active := c.exists(c.activeNetwork(name))
		if active && c.has("inactive") || !active && !c.has("all") && !c.has("inactive") {
			continue
		}
		if c.has("name") {
			c.Printf("%s\n", name)
			continue
		}
		if c.has("uuid") {
			return c.Cannot("virsh net-list --uuid")
		}
		rows = append(rows, []string{name, map[bool]string{true: "active", false: "inactive"}[active], yesNo[c.autostartsNetwork(name)], "yes"})
	}
	if !c.has("name") {
		c.table([]string{"Name", "State", "Autostart", "Persistent"}, rows)
	}
	return 0
}

func (s *store) autostartsNetwork(name string) bool {
	return s.exists(path.Join(s.config, "qemu/networks/autostart", name+".xml"))
}

// theNetwork finds the network that a command is about.
func (c *call) theNetwork() (name, text string, ok bool) {
	key := c.given["network"]
	for _, name := range c.names(path.Join(c.config, "qemu/networks")) {
		text := c.read(c.network(name))
		if name == key || strings.Contains(text, "<uuid>"+key+"</uuid>") {
			return name, text, true
		}
	}
	c.wrong("failed to get network '%s'", key)
	c.wrong("Network not found: no network with matching name '%s'", key)
	return "", "", false
}

func (c *call) netDumpxml() int {
	_, text, ok := c.theNetwork()
	if !ok {
		return 1
	}
	c.Printf("%s\n", strings.TrimRight(text, "\n"))
	return 0
}

func (c *call) netInfo() int {
	name, text, ok := c.theNetwork()
	if !ok {
		return 1
	}
	var x libvirtxml.Network
	if err := x.Unmarshal(text); err != nil {
		return c.wrong("%v", err)
	}
	line := func(key, value string) { c.Printf("%-15s %s\n", key+":", value) }
	line("Name", name)
	line("UUID", x.UUID)
	line("Active", yesNo[c.exists(c.activeNetwork(name))])
	line("Persistent", "yes")
	line("Autostart", yesNo[c.autostartsNetwork(name)])
	if x.Bridge != nil {
		line("Bridge", x.Bridge.Name)
	}
	return 0
}

func (c *call) netStart() int {
	name, text, ok := c.theNetwork()
	if !ok {
		return 1
	}
	if c.exists(c.activeNetwork(name)) {
		c.wrong("Failed to start network %s", name)
		return c.wrong("Requested operation is not valid: network is already active")
	}
	if err := c.write(c.activeNetwork(name), text); err != nil {
		return c.wrong("%v", err)
	}
	c.say("Network %s started", name)
	return 0
}

func (c *call) netDestroy() int {
	name, _, ok := c.theNetwork()
	if !ok {
		return 1
	}
	if c.view.Remove(c.activeNetwork(name)) != nil {
		c.wrong("Failed to destroy network %s", name)
		return c.wrong("Requested operation is not valid: network '%s' is not active", name)
	}
	c.say("Network %s destroyed", name)
	return 0
}

// storagePool is a pool that a command is about.
type storagePool struct {
	name, text, folder string
	uuid               string
	active             bool
	capacity, used     int64
}

func (c *call) thePool(key string) *storagePool {
	for _, name := range c.names(path.Join(c.config, "storage")) {
		if p := c.poolOf(name); p != nil && (name == key || p.uuid == key) {
			return p
		}
	}
	c.wrong("failed to get pool '%s'", key)
	c.wrong("Storage pool not found: no storage pool with matching name '%s'", key)
	return nil
}

func (s *store) poolOf(name string) *storagePool {
	p := &storagePool{name: name, text: s.read(s.pool(name)), active: s.exists(s.activePool(name))}
	var x libvirtxml.StoragePool
	if p.text == "" || x.Unmarshal(p.text) != nil {
		return nil
	}
	p.uuid = x.UUID
	if x.Target != nil {
		p.folder = x.Target.Path
	}
	if usage, err := s.m.Tree().UsageOf(p.folder); err == nil && p.active {
		p.capacity, p.used = usage.Total, usage.Used
	}
	return p
}

func (c *call) poolList() int {
	var rows [][]string
	for _, name := range c.names(path.Join(c.config, "storage")) {
		p := c.poolOf(name)
		if p == nil || p.active && c.has("inactive") || !p.active && !c.has("all") && !c.has("inactive") {
			continue
		}
		switch {
		case c.has("details"):
			return c.Cannot("virsh pool-list --details")
		case c.has("name"):
			c.Printf("%-20s\n", name)
			continue
		}
		rows = append(rows, []string{name, map[bool]string{true: "active", false: "inactive"}[p.active], yesNo[c.autostartsPool(name)]})
	}
	if !c.has("name") {
		c.table([]string{"Name", "State", "Autostart"}, rows)
	}
	return 0
}

func (s *store) autostartsPool(name string) bool {
	return s.exists(path.Join(s.config, "storage/autostart", name+".xml"))
}

func (c *call) poolInfo() int {
	p := c.thePool(c.given["pool"])
	if p == nil {
		return 1
	}
	line := func(key, value string) { c.Printf("%-15s %s\n", key+":", value) }
	size := func(n int64) string {
		if c.has("bytes") {
			return strconv.FormatInt(n, 10)
		}
		return c.bytes(n, 2)
	}
	line("Name", p.name)
	line("UUID", p.uuid)
	line("State", map[bool]string{true: "running", false: "inactive"}[p.active])
	line("Persistent", "yes")
	line("Autostart", yesNo[c.autostartsPool(p.name)])
	if p.active {
		line("Capacity", size(p.capacity))
		line("Allocation", size(p.used))
		line("Available", size(p.capacity-p.used))
	}
	return 0
}

func (c *call) poolDumpxml() int {
	p := c.thePool(c.given["pool"])
	if p == nil {
		return 1
	}
	text := strings.TrimRight(p.text, "\n")
	for name, n := range map[string]int64{"capacity": p.capacity, "allocation": p.used, "available": p.capacity - p.used} {
		text = strings.Replace(text, "<"+name+" unit='bytes'>0<", fmt.Sprintf("<%s unit='bytes'>%d<", name, n), 1)
	}
	c.Printf("%s\n", text)
	return 0
}

func (c *call) poolStart() int {
	p := c.thePool(c.given["pool"])
	if p == nil {
		return 1
	}
	if p.active {
		c.wrong("Failed to start pool %s", p.name)
		return c.wrong("Requested operation is not valid: storage pool '%s' is already active", p.name)
	}
	if err := c.write(c.activePool(p.name), p.text); err != nil {
		return c.wrong("%v", err)
	}
	c.say("Pool %s started", p.name)
	return 0
}

func (c *call) poolDestroy() int {
	p := c.thePool(c.given["pool"])
	if p == nil {
		return 1
	}
	if c.view.Remove(c.activePool(p.name)) != nil {
		c.wrong("Failed to destroy pool %s", p.name)
		return c.wrong("Requested operation is not valid: storage pool '%s' is not active", p.name)
	}
	c.say("Pool %s destroyed", p.name)
	return 0
}

func (c *call) poolRefresh() int {
	p := c.thePool(c.given["pool"])
	if p == nil {
		return 1
	}
	if !p.active {
		c.wrong("Failed to refresh pool %s", p.name)
		return c.wrong("Requested operation is not valid: storage pool '%s' is not active", p.name)
	}
	c.say("Pool %s refreshed", p.name)
	return 0
}

// volumes are the files in a pool's folder.
func (c *call) volumes(p *storagePool) []string {
	list, err := c.view.ReadDir(p.folder)
	if err != nil {
		return nil
	}
	var names []string
	for _, i := range list {
		if i.Type == "file" && !strings.HasPrefix(i.Name, ".") {
			names = append(names, i.Name)
		}
	}
	return names
}

func (c *call) volList() int {
	p := c.thePool(c.given["pool"])
	if p == nil {
		return 1
	}
	if c.has("details") {
		return c.Cannot("virsh vol-list --details")
	}
	if !p.active {
		c.wrong("Failed to list volumes")
		return c.wrong("Requested operation is not valid: storage pool '%s' is not active", p.name)
	}
	var rows [][]string
	for _, name := range c.volumes(p) {
		rows = append(rows, []string{name, path.Join(p.folder, name)})
	}
	c.table([]string{"Name", "Path"}, rows)
	return 0
}

// volume is the path of the volume that a command is about.
func (c *call) volume() string {
	name := c.given["vol"]
	if key, given := c.given["pool"]; given {
		p := c.thePool(key)
		if p == nil {
			return ""
		}
		if !p.active {
			c.wrong("pool '%s' is not active", p.name)
			return ""
		}
		if slices.Contains(c.volumes(p), name) {
			return path.Join(p.folder, name)
		}
	}
	for _, pool := range c.names(path.Join(c.config, "storage")) {
		p := c.poolOf(pool)
		if p != nil && p.active && path.Dir(name) == p.folder && slices.Contains(c.volumes(p), path.Base(name)) {
			return name
		}
	}
	c.wrong("failed to get vol '%s'", name)
	c.wrong("Storage volume not found: no storage vol with matching path '%s'", name)
	return ""
}

func (c *call) volPath() int {
	file := c.volume()
	if file == "" {
		return 1
	}
	c.Printf("%s\n", file)
	return 0
}

func (c *call) volInfo() int {
	file := c.volume()
	if file == "" {
		return 1
	}
	capacity, allocation, physical, err := c.sizes(file)
	if err != nil {
		return c.wrong("%v", err)
	}
	size := func(n int64) string {
		if c.has("bytes") {
			return fmt.Sprintf("%d bytes", n)
		}
		return c.bytes(n, 2)
	}
	c.Printf("%-15s %s\n%-15s %s\n%-15s %s\n", "Name:", path.Base(file), "Type:", "file", "Capacity:", size(capacity))
	if c.has("physical") {
		c.Printf("%-15s %s\n", "Physical:", size(physical))
	} else {
		c.Printf("%-15s %s\n", "Allocation:", size(allocation))
	}
	return 0
}
