package libvirtsim

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"libvirt.org/go/libvirtxml"

	"bsdrun/runtime/lazyregexp"
	"bsdrun/runtime/sim"
	"bsdrun/stdlib/image/qcow2"
)

// target is the domain that a command is about; nil when there is none, which has
// been told.
func (c *call) target() *domain {
	d := c.lookup(c.given["domain"])
	if d == nil {
		c.wrong("failed to get domain '%s'", c.given["domain"])
	}
	return d
}

// invalid tells that an operation makes no sense now.
func (c *call) invalid(what string, d *domain, why string) int {
	c.wrong("Failed to %s domain '%s'", what, d.name)
	return c.wrong("Requested operation is not valid: %s", why)
}

func (c *call) list() int {
	forms := 0
	for _, form := range []string{"table", "name"} {
		if c.has(form) {
			forms++
		}
	}
	if forms > 1 {
		return c.wrong("Options --table and --name are mutually exclusive")
	}
	if c.has("table") && c.has("uuid") {
		return c.wrong("Options --table and --uuid are mutually exclusive")
	}
	header := []string{"Id", "Name", "State"}
	if c.has("title") {
		header = append(header, "Title")
	}
	var rows [][]string
	for _, d := range c.domains() {
		if !c.lists(d) {
			continue
		}
		id := "-"
		if d.status != nil {
			id = strconv.Itoa(d.status.Domain.ID)
		}
		var line []string
		if c.has("uuid") {
			line = append(line, d.uuid)
		}
		if c.has("name") {
			line = append(line, d.name)
		}
		if c.has("id") && !c.has("uuid") && !c.has("name") {
			line = append(line, id)
		}
		if len(line) > 0 {
			c.Printf("%s\n", strings.Join(line, " "))
			continue
		}
		row := []string{id, d.name, d.state()}
		if c.has("title") {
			row = append(row, d.xml.Title)
		}
		rows = append(rows, row)
	}
	if !c.has("uuid") && !c.has("name") && !c.has("id") {
		c.table(header, rows)
	}
	return 0
}

// lists tells whether the options of list choose a domain.
func (c *call) lists(d *domain) bool {
	active := d.status != nil
	states := c.has("state-running") || c.has("state-paused") || c.has("state-shutoff") || c.has("state-other")
	switch {
	case c.has("transient") && d.text != "", c.has("persistent") && d.text == "", c.has("managed-save") && !c.saved(d):
		return false
	case c.has("autostart") && !c.autostarts(d):
		return false
	case c.has("inactive"):
		if active {
			return false
		}
	case !c.has("all") && !states && !active:
		return false
	}
	if !states {
		return true
	}
	return c.has("state-" + map[string]string{"running": "running", "paused": "paused", "shut off": "shutoff"}[d.state()])
}

func (s *store) autostarts(d *domain) bool {
	_, err := s.view.Lstat(s.linkFile(d.name))
	return err == nil
}

func kib(value uint, unit string) uint64 {
	shift := map[string]int{"": 10, "k": 10, "KiB": 10, "M": 20, "MiB": 20, "G": 30, "GiB": 30, "T": 40, "TiB": 40}
	if power, ok := shift[unit]; ok {
		return uint64(value) << power >> 10
	}
	return uint64(value) >> 10 // bytes
}

func (c *call) dominfo() int {
	d := c.target()
	if d == nil {
		return 1
	}
	line := func(name, value string) { c.Printf("%-15s %s\n", name+":", value) }
	id := "-"
	if d.status != nil {
		id = strconv.Itoa(d.status.Domain.ID)
	}
	line("Id", id)
	line("Name", d.name)
	line("UUID", d.uuid)
	if d.xml.OS != nil && d.xml.OS.Type != nil {
		line("OS Type", d.xml.OS.Type.Type)
	}
	line("State", d.state())
	cpus := uint(1)
	if d.xml.VCPU != nil {
		cpus = d.xml.VCPU.Value
		if d.xml.VCPU.Current > 0 {
			cpus = d.xml.VCPU.Current
		}
	}
	line("CPU(s)", fmt.Sprint(cpus))
	if d.status != nil {
		line("CPU time", "24.6s")
	}
	var most, used uint64
	if m := d.xml.Memory; m != nil {
		most = kib(m.Value, m.Unit)
		used = most
	}
	if m := d.xml.CurrentMemory; m != nil {
		used = kib(m.Value, m.Unit)
	}
	line("Max memory", fmt.Sprint(most, " KiB"))
	line("Used memory", fmt.Sprint(used, " KiB"))
	yes := map[bool]string{true: "yes", false: "no"}
	line("Persistent", yes[d.text != ""])
	line("Autostart", map[bool]string{true: "enable", false: "disable"}[c.autostarts(d)])
	line("Managed save", yes[c.saved(d)])
	line("Security model", "none")
	line("Security DOI", "0")
	return 0
}

func (c *call) domstate() int {
	d := c.target()
	if d == nil {
		return 1
	}
	if c.has("reason") {
		c.Printf("%s (%s)\n", d.state(), c.reason(d))
	} else {
		c.Printf("%s\n", d.state())
	}
	return 0
}

func (c *call) about(text func(d *domain) string) int {
	d := c.target()
	if d == nil {
		return 1
	}
	c.Printf("%s\n", text(d))
	return 0
}

func (c *call) domid() int {
	return c.about(func(d *domain) string {
		if d.status == nil {
			return "-"
		}
		return strconv.Itoa(d.status.Domain.ID)
	})
}
func (c *call) domuuid() int { return c.about(func(d *domain) string { return d.uuid }) }
func (c *call) domname() int { return c.about(func(d *domain) string { return d.name }) }

// passwords are never shown unless they are asked for.
var passwords = lazyregexp.New(` passwd='[^']*'`)

func (c *call) dumpxml() int {
	return c.about(func(d *domain) string {
		text := strings.TrimRight(d.shown(c.has("inactive")), "\n")
		if !c.has("security-info") {
			text = passwords.ReplaceAllString(text, "")
		}
		return text
	})
}

// devices are those of the definition that a command is about.
func (c *call) devices(d *domain) *libvirtxml.DomainDeviceList {
	var x libvirtxml.Domain
	if x.Unmarshal(d.shown(c.has("inactive"))) != nil || x.Devices == nil {
		return &libvirtxml.DomainDeviceList{}
	}
	return x.Devices
}

// sourceOf is the kind of a disk's source, and what the lists show of it.
func sourceOf(d *libvirtxml.DomainDisk) (kind, source string) {
	kind, source = "file", "-"
	if d.Source == nil {
		return kind, source
	}
	switch s := d.Source; {
	case s.File != nil:
		source = s.File.File
	case s.Block != nil:
		kind, source = "block", s.Block.Dev
	case s.Volume != nil:
		kind, source = "volume", s.Volume.Volume
	case s.Network != nil:
		kind, source = "network", s.Network.Name
	case s.Dir != nil:
		kind, source = "dir", s.Dir.Dir
	}
	if source == "" {
		source = "-"
	}
	return kind, source
}

func (c *call) domblklist() int {
	d := c.target()
	if d == nil {
		return 1
	}
	header := []string{"Target", "Source"}
	if c.has("details") {
		header = []string{"Type", "Device", "Target", "Source"}
	}
	var rows [][]string
	for _, disk := range c.devices(d).Disks {
		kind, source := sourceOf(&disk)
		row := []string{disk.Target.Dev, source}
		if c.has("details") {
			row = append([]string{kind, disk.Device}, row...)
		}
		rows = append(rows, row)
	}
	c.table(header, rows)
	return 0
}

func (c *call) domiflist() int {
	d := c.target()
	if d == nil {
		return 1
	}
	var rows [][]string
	for n, i := range c.devices(d).Interfaces {
		row := []string{"-", "ethernet", "-", "-", "-"}
		if d.status != nil && !c.has("inactive") {
			row[0] = fmt.Sprintf("vnet%d", n)
		}
		switch s := i.Source; {
		case s == nil:
		case s.Bridge != nil:
			row[1], row[2] = "bridge", s.Bridge.Bridge
		case s.Network != nil:
			row[1], row[2] = "network", s.Network.Network
		case s.Direct != nil:
			row[1], row[2] = "direct", s.Direct.Dev
		case s.User != nil:
			row[1], row[0] = "user", "-"
		}
		if i.Model != nil {
			row[3] = i.Model.Type
		}
		if i.MAC != nil {
			row[4] = i.MAC.Address
		}
		rows = append(rows, row)
	}
	c.table([]string{"Interface", "Type", "Source", "Model", "MAC"}, rows)
	return 0
}

// sizes are those of a file that holds a disk.
func (s *store) sizes(file string) (capacity, allocation, physical int64, err error) {
	f, err := s.view.Open(file)
	if err != nil {
		return 0, 0, 0, err
	}
	defer f.Close()
	i, err := f.Stat()
	if err != nil {
		return 0, 0, 0, err
	}
	capacity, allocation, physical = i.Size, i.Blocks*512, i.Size
	if i.Type != "file" {
		if capacity, err = f.Seek(0, io.SeekEnd); err != nil {
			return 0, 0, 0, err
		}
		allocation, physical = capacity, capacity
	}
	if q, err := qcow2.Open(f); err == nil {
		capacity = q.Size
	} else if !errors.Is(err, qcow2.ErrFormat) {
		return 0, 0, 0, err
	}
	return capacity, allocation, physical, nil
}

func (c *call) domblkinfo() int {
	d := c.target()
	if d == nil {
		return 1
	}
	device := c.given["device"]
	if device == "" && !c.has("all") {
		return c.wrong("command 'domblkinfo' requires <device> option")
	}
	var rows [][]string
	for _, disk := range c.devices(d).Disks {
		kind, source := sourceOf(&disk)
		if !c.has("all") && disk.Target.Dev != device && source != device {
			continue
		}
		switch {
		case source == "-":
			return c.wrong("invalid argument: disk '%s' does not currently have a source assigned", disk.Target.Dev)
		case kind == "volume":
			return c.wrong("internal error: missing storage backend for 'volume' storage")
		case kind != "file" && kind != "block":
			return c.Cannot("virsh domblkinfo of %s storage", kind)
		}
		capacity, allocation, physical, err := c.sizes(source)
		if err != nil {
			return c.wrong("cannot stat file '%s': %s", source, sim.ErrText(err))
		}
		rows = append(rows, []string{disk.Target.Dev, c.bytes(capacity, 3), c.bytes(allocation, 3), c.bytes(physical, 3)})
	}
	switch {
	case c.has("all"):
		c.table([]string{"Target", "Capacity", "Allocation", "Physical"}, rows)
	case len(rows) == 0:
		return c.wrong("invalid argument: invalid path %s not assigned to domain", device)
	default:
		c.Printf("%-15s %s\n%-15s %s\n%-15s %s\n", "Capacity:", rows[0][1], "Allocation:", rows[0][2], "Physical:", rows[0][3])
	}
	return 0
}

// bytes is a size, with --human in the words of people.
func (c *call) bytes(n int64, digits int) string {
	if c.name == "domblkinfo" && !c.has("human") {
		return strconv.FormatInt(n, 10)
	}
	size, unit := float64(n), 0
	for size >= 1024 && unit < 6 {
		size /= 1024
		unit++
	}
	return fmt.Sprintf("%.*f %s", digits, size, []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}[unit])
}

func (c *call) start() int {
	d := c.target()
	if d == nil {
		return 1
	}
	if d.status != nil {
		return c.wrong("Domain is already active")
	}
	if why := c.missing(d); why != "" {
		c.wrong("Failed to start domain '%s'", d.name)
		return c.wrong("%s", why)
	}
	reason := "booted"
	if c.saved(d) {
		reason = "restored"
		_ = c.view.Remove(c.saveFile(d))
	}
	if err := c.setStatus(d, "running", reason); err != nil {
		return c.wrong("%v", err)
	}
	c.say("Domain '%s' started", d.name)
	return 0
}

// missing tells what a domain lacks to start.
func (c *call) missing(d *domain) string {
	if d.xml.Devices == nil {
		return ""
	}
	for _, i := range d.xml.Devices.Interfaces {
		if i.Source == nil || i.Source.Network == nil {
			continue
		}
		switch name := i.Source.Network.Network; {
		case c.read(c.network(name)) == "":
			return fmt.Sprintf("Network not found: no network with matching name '%s'", name)
		case c.read(c.activeNetwork(name)) == "":
			return fmt.Sprintf("Requested operation is not valid: network '%s' is not active", name)
		}
	}
	for _, disk := range d.xml.Devices.Disks {
		kind, source := sourceOf(&disk)
		if kind != "file" || source == "-" {
			continue
		}
		if _, err := c.view.Stat(source); err != nil {
			return fmt.Sprintf("Cannot access storage file '%s': %s", source, sim.ErrText(err))
		}
		for _, other := range c.domains() {
			if other.name != d.name && other.status != nil && strings.Contains(other.active, "'"+source+"'") && disk.ReadOnly == nil && disk.Shareable == nil {
				return fmt.Sprintf("internal error: process exited while connecting to monitor: Failed to get \"write\" lock\nIs another process using the image [%s]?", source)
			}
		}
	}
	return ""
}

// usualShutdown is how long a guest takes.
const usualShutdown = 12 * time.Second

func (c *call) shutdown() int {
	d := c.target()
	if d == nil {
		return 1
	}
	switch mode := c.given["mode"]; {
	case !c.has("mode") || mode == "acpi":
	case mode == "agent" && d.status != nil && !strings.Contains(d.active, "org.qemu.guest_agent.0"):
		c.wrong("Failed to shutdown domain '%s'", d.name)
		return c.wrong("argument unsupported: QEMU guest agent is not configured")
	case mode == "agent":
	case mode == "initctl" || mode == "signal" || mode == "paravirt":
		return c.Cannot("virsh shutdown --mode %s", mode)
	default:
		return c.wrong("Unknown mode %s value, expecting 'acpi', 'agent', 'initctl', 'signal', or 'paravirt'", mode)
	}
	if d.status == nil || d.status.State != "running" {
		return c.invalid("shutdown", d, "domain is not running")
	}
	takes := usualShutdown
	if text := c.Machine.Params.Get(ShutdownParam); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return c.wrong("%s=%s is no number of seconds", ShutdownParam, text)
		}
		takes = time.Duration(n) * time.Second
	}
	if !c.deaf(d) && hears(d) {
		c.Machine.At(c.Now().Add(takes), virsh, fmt.Sprintf("%d %s", d.status.Domain.ID, d.name))
	}
	c.say("Domain '%s' is being shutdown", d.name)
	return 0
}

func (c *call) deaf(d *domain) bool {
	for _, name := range c.Machine.Params[DeafParam] {
		if name == d.name {
			return true
		}
	}
	return false
}

// hears tells whether a guest has what it hears the power button by.
func hears(d *domain) bool { return d.xml.Features != nil && d.xml.Features.ACPI != nil }

// running is the domain that is named, if it runs; otherwise it has been said why a
// verb cannot be done, and it is nil.
func (c *call) running(verb string) *domain {
	d := c.target()
	if d != nil && d.status == nil {
		c.invalid(verb, d, "domain is not running")
		return nil
	}
	return d
}

func (c *call) destroy() int {
	d := c.running("destroy")
	if d == nil {
		return 1
	}
	if err := c.stop(d, "destroyed"); err != nil {
		return c.wrong("%v", err)
	}
	c.say("Domain '%s' destroyed", d.name)
	return 0
}

func (c *call) suspend() int {
	d := c.running("suspend")
	if d == nil {
		return 1
	}
	if err := c.setStatus(d, "paused", "user"); err != nil {
		return c.wrong("%v", err)
	}
	c.say("Domain '%s' suspended", d.name)
	return 0
}

func (c *call) resume() int {
	d := c.running("resume")
	if d == nil {
		return 1
	}
	if d.status.State == "paused" {
		if err := c.setStatus(d, "running", "unpaused"); err != nil {
			return c.wrong("%v", err)
		}
	}
	c.say("Domain '%s' resumed", d.name)
	return 0
}

func (c *call) autostart() int {
	d := c.target()
	if d == nil {
		return 1
	}
	link := c.linkFile(d.name)
	if c.has("disable") {
		if c.autostarts(d) {
			if err := c.view.Remove(link); err != nil {
				return c.wrong("%v", err)
			}
		}
		c.say("Domain '%s' unmarked as autostarted", d.name)
		return 0
	}
	if !c.autostarts(d) {
		err := c.view.MkdirAll(path.Dir(link), 0o755)
		if err == nil {
			err = c.view.Symlink(c.domainFile(d.name), link)
		}
		if err != nil {
			return c.wrong("%v", err)
		}
	}
	c.say("Domain '%s' marked as autostarted", d.name)
	return 0
}

func (c *call) define() int {
	file := c.given["file"]
	data, err := c.FS().ReadFile(c.expand(file))
	if err != nil {
		return c.wrong("Failed to open file '%s': %s", file, sim.ErrText(err))
	}
	name, err := c.store.define(string(data))
	if err != nil {
		c.wrong("Failed to define domain from %s", file)
		return c.wrong("%v", err)
	}
	c.say("Domain '%s' defined from %s", name, file)
	return 0
}

// define puts a definition on record.
func (s *store) define(text string) (string, error) {
	var x libvirtxml.Domain
	if err := x.Unmarshal(text); err != nil {
		return "", fmt.Errorf("(domain_definition):1: %w", err)
	}
	if x.Name == "" {
		return "", errors.New("XML error: missing domain name information")
	}
	if strings.Contains(x.Name, "/") {
		return "", fmt.Errorf("XML error: name %s cannot contain '/'", x.Name)
	}
	there := s.domain(x.Name)
	switch {
	case there != nil && x.UUID == "":
		x.UUID = there.uuid
	case there != nil && x.UUID != there.uuid:
		return "", fmt.Errorf("operation failed: domain '%s' already exists with uuid %s", x.Name, there.uuid)
	case x.UUID == "":
		sum := sha256.Sum256([]byte(s.m.Name + "\x00" + x.Name))
		x.UUID = fmt.Sprintf("%x-%x-4%x-8%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
		x.UUID = uuidForm.ReplaceAllString(x.UUID, "$1-4$2-8$3-$4")
	}
	normalize(&x)
	out, err := x.Marshal()
	if err != nil {
		return "", err
	}
	return x.Name, s.write(s.domainFile(x.Name), fmt.Sprintf(warning, "edit "+x.Name)+likeLibvirt(out)+"\n")
}

// uuidForm cuts the groups of an identifier to their lengths.
var uuidForm = lazyregexp.New(`^([0-9a-f]{8}-[0-9a-f]{4})-4([0-9a-f]{3})[0-9a-f]-8([0-9a-f]{3})[0-9a-f]-([0-9a-f]{12})$`)

// normalize writes sizes as libvirt does.
func normalize(x *libvirtxml.Domain) {
	if x.Memory != nil {
		x.Memory.Value, x.Memory.Unit = uint(kib(x.Memory.Value, x.Memory.Unit)), "KiB"
		if x.CurrentMemory == nil {
			x.CurrentMemory = &libvirtxml.DomainCurrentMemory{Value: x.Memory.Value, Unit: "KiB"}
		}
		x.CurrentMemory.Value, x.CurrentMemory.Unit = uint(kib(x.CurrentMemory.Value, x.CurrentMemory.Unit)), "KiB"
	}
	if x.Clock == nil {
		x.Clock = &libvirtxml.DomainClock{Offset: "utc"}
	}
}

var (
	emptyElement = lazyregexp.New(`<([\w:-]+)((?:[^<>]*[^<>/])?)></[\w:-]+>`)
	attribute    = lazyregexp.New(`="([^"']*)"`)
)

// likeLibvirt writes XML in libvirt's manner.
func likeLibvirt(text string) string {
	return attribute.ReplaceAllString(emptyElement.ReplaceAllString(text, "<$1$2/>"), "='$1'")
}

func (c *call) undefine() int {
	d := c.target()
	if d == nil {
		return 1
	}
	snapshots := c.snapshots(d)
	if len(snapshots) > 0 && !c.has("snapshots-metadata") {
		return c.invalid("undefine", d, fmt.Sprintf("cannot delete inactive domain with %d snapshots", len(snapshots)))
	}
	if c.saved(d) && !c.has("managed-save") {
		return c.wrong("Refusing to undefine while domain managed save image exists")
	}
	if d.xml.OS != nil && d.xml.OS.NVRam != nil && !c.has("nvram") && !c.has("keep-nvram") {
		if _, err := c.view.Stat(strings.TrimSpace(d.xml.OS.NVRam.NVRam)); err == nil {
			return c.invalid("undefine", d, "cannot undefine domain with nvram")
		}
	}
	if c.has("nvram") && d.xml.OS != nil && d.xml.OS.NVRam != nil {
		_ = c.view.Remove(strings.TrimSpace(d.xml.OS.NVRam.NVRam))
	}
	_ = c.view.RemoveAll(path.Join(c.lib, "qemu/snapshot", d.name))
	_ = c.view.Remove(c.saveFile(d))
	_ = c.view.Remove(c.linkFile(d.name))
	if err := c.view.Remove(c.domainFile(d.name)); err != nil {
		return c.wrong("%v", err)
	}
	c.say("Domain '%s' has been undefined", d.name)
	return 0
}
