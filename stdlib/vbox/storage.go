package vbox

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/effect"
)

// ControllerArgs are the arguments of EnsureController.
type ControllerArgs struct {
	VM          string `lua:"vm,required" doc:"name or UUID of the machine"`
	Name        string `lua:"name,required" doc:"of the controller: \"SATA\""`
	Bus         string `lua:"bus" doc:"what it is; needed for a new one. Disks are ada in a FreeBSD guest on ide and sata, da on scsi, sas and virtio" enum:"ide|sata|scsi|sas|usb|virtio|pcie|floppy"`
	Type        string `lua:"type" doc:"the chip; default: the bus's usual one" enum:"LSILogic|LSILogicSAS|BusLogic|IntelAhci|PIIX3|PIIX4|ICH6|I82078|USB|NVMe|VirtIO"`
	Ports       int    `lua:"ports" doc:"how many; not given: the usual number, or what it has"`
	Bootable    *bool  `lua:"bootable" doc:"the firmware can boot from it; not given: it can, or as it is"`
	HostIOCache *bool  `lua:"host_io_cache" doc:"use the host's cache for its disks; not given: as the chip has it. It cannot be read back, so that it only counts for a new one"`
	Remove      bool   `lua:"remove" doc:"take the controller out instead, with what is in it"`
	Owner       `lua:",inline"`
}

// chips are the types that buses have unless others are asked for, and what the
// tool shows types as.
var (
	chips   = map[string]string{"ide": "PIIX4", "sata": "IntelAhci", "scsi": "LSILogic", "sas": "LSILogicSAS", "usb": "USB", "virtio": "VirtIO", "pcie": "NVMe", "floppy": "I82078"}
	shownAs = map[string]string{"LSILogic": "LsiLogic", "LSILogicSAS": "LsiLogicSas", "VirtIO": "VirtioSCSI"}
)

func shown(chip string) string {
	if other := shownAs[chip]; other != "" {
		return other
	}
	return chip
}

// EnsureController gives a machine a storage controller.
func EnsureController(ctx context.Context, h effect.Doer, a ControllerArgs) (Modified, error) {
	const op = "vbox.storage.controller"
	if err := checkWord(op, "name of a controller", a.Name); err != nil {
		return Modified{}, err
	}
	m, err := a.look(ctx, h, op, a.VM)
	if err != nil {
		return Modified{}, err
	}
	steps, err := a.plan(ctx, h, op, m)
	done := Modified{Changed: len(steps) > 0, Changes: modified(steps)}
	if err != nil || len(steps) == 0 {
		return done, err
	}
	if m.State != "poweroff" && m.State != "aborted" {
		return Modified{}, refused(op, m, "its controllers can only be changed while the machine is off")
	}
	args := []string{"storagectl", a.VM, "--name", a.Name}
	for _, s := range steps {
		args = append(args, s.args...)
	}
	after := m
	after.Controllers = slices.Clone(m.Controllers)
	after = applied(after, steps)
	_, err = a.change(ctx, h, effect.Effect{
		Op: op, Writes: []effect.Resource{machine(a.VM), media}, Leaves: a.leaves(a.VM, after), Diff: diffOf(m.Name, steps),
	}, args...)
	return done, err
}

// plan lists what differs.
func (a ControllerArgs) plan(ctx context.Context, h effect.Doer, op string, m Info) ([]step, error) {
	there := m.controller(a.Name)
	setting := "controller " + a.Name
	if a.Remove {
		if there == nil {
			return nil, nil
		}
		return []step{{ModifiedSetting{setting, there.Type, ""}, []string{"--remove"}, func(m *Info) {
			m.Controllers = slices.DeleteFunc(m.Controllers, func(c Controller) bool { return c.Name == a.Name })
		}}}, nil
	}
	if there == nil {
		return a.planNew(ctx, h, op, m)
	}
	if a.Bus != "" && there.Bus != "" && a.Bus != there.Bus {
		return nil, effect.WithHint(effect.Errorf(effect.Failed, op, "the controller %s of %s is on the bus %s, not on %s", a.Name, m.Name, there.Bus, a.Bus),
			"take it out with remove=true first, or choose another name")
	}
	p := planner{m: m}
	at := func(set func(c *Controller)) func(m *Info) { return func(m *Info) { set(m.controller(a.Name)) } }
	if a.Type != "" {
		p.differs(setting+" type", there.Type, shown(a.Type), at(func(c *Controller) { c.Type = shown(a.Type) }), "--controller", a.Type)
	}
	ports := strconv.Itoa(a.Ports)
	if a.Ports > 0 && a.Ports != there.Ports {
		option, err := a.portOption(ctx, h, op)
		if err != nil {
			return nil, err
		}
		p.differs(setting+" ports", strconv.Itoa(there.Ports), ports, at(func(c *Controller) { c.Ports = a.Ports }), option, ports)
	}
	if a.Bootable != nil {
		p.differs(setting+" bootable", onOff(there.Bootable), onOff(*a.Bootable), at(func(c *Controller) { c.Bootable = *a.Bootable }), "--bootable", onOff(*a.Bootable))
	}
	return p.steps, nil
}

// planNew adds a controller.
func (a ControllerArgs) planNew(ctx context.Context, h effect.Doer, op string, m Info) ([]step, error) {
	if a.Bus == "" {
		return nil, effect.WithHint(invalid(op, "the machine %s has no controller %s, and there is no bus= to make one", m.Name, a.Name), `bus="sata" suits most guests`)
	}
	chip := orDefault(a.Type, chips[a.Bus])
	if buses[shown(chip)] != a.Bus {
		return nil, invalid(op, "%s is no controller of the bus %s", chip, a.Bus)
	}
	bootable := a.Bootable == nil || *a.Bootable
	args := []string{"--add", a.Bus, "--controller", chip}
	if a.Ports > 0 && a.Bus != "ide" && a.Bus != "floppy" {
		option, err := a.portOption(ctx, h, op)
		if err != nil {
			return nil, err
		}
		args = append(args, option, strconv.Itoa(a.Ports))
	}
	args = append(args, "--bootable", onOff(bootable))
	if a.HostIOCache != nil {
		args = append(args, "--hostiocache", onOff(*a.HostIOCache))
	}
	made := Controller{Name: a.Name, Bus: a.Bus, Type: shown(chip), Ports: a.Ports, Bootable: bootable, Attachments: []Attachment{}}
	return []step{{ModifiedSetting{"controller " + a.Name, "", made.Type}, args, func(m *Info) { m.Controllers = append(m.Controllers, made) }}}, nil
}

// portOption is how the tool is told the number of ports: since 4.3 for every
// controller, before for SATA alone.
func (o Owner) portOption(ctx context.Context, h effect.Doer, op string) (string, error) {
	v, err := o.version(ctx, h, op)
	if err != nil || v.since(4, 3) {
		return "--portcount", err
	}
	return "--sataportcount", nil
}

// AttachArgs are the arguments of Attach.
type AttachArgs struct {
	VM            string `lua:"vm,required" doc:"name or UUID of the machine"`
	Controller    string `lua:"controller,required" doc:"name of the controller"`
	Medium        string `lua:"medium,required" doc:"path of the image, or UUID of a medium; \"emptydrive\" for a drive without one"`
	Port          int    `lua:"port" doc:"from 0; on ide 0 is the primary, 1 the secondary channel"`
	Device        int    `lua:"device" doc:"on ide: 0 the master, 1 the slave"`
	Type          string `lua:"type" doc:"what it is" enum:"hdd|dvddrive|fdd" default:"hdd"`
	NewUUID       bool   `lua:"new_uuid" doc:"where the image is a copy of one that VirtualBox knows, give it a UUID of its own first"`
	NonRotational *bool  `lua:"nonrotational" doc:"the guest sees a solid state disk"`
	Discard       *bool  `lua:"discard" doc:"what the guest trims becomes free in the image"`
	Replace       bool   `lua:"replace" doc:"put it in the place of another medium that is there"`
	Owner         `lua:",inline"`
}

// Attach puts a medium into a port.
func Attach(ctx context.Context, h effect.Doer, a AttachArgs) (Changed, error) {
	const op = "vbox.storage.attach"
	if err := a.check(op); err != nil {
		return Changed{}, err
	}
	m, err := a.look(ctx, h, op, a.VM)
	if err != nil {
		return Changed{}, err
	}
	c := m.controller(a.Controller)
	if c == nil {
		return Changed{}, effect.WithHint(effect.Errorf(effect.Missing, op, "the machine %s has no controller %s", m.Name, a.Controller), "h.vbox.storage.controller makes one")
	}
	there := c.at(a.Port, a.Device)
	if there != nil && !there.Empty && !a.same(*there) {
		below, err := a.beneath(ctx, h, m, there.Medium)
		if err != nil {
			return Changed{}, err
		}
		// To put the medium itself there would give up what was written since the snapshot.
		if slices.ContainsFunc(below, func(b Medium) bool { return a.same(Attachment{Medium: b.Path, UUID: b.UUID}) }) {
			a.Medium = there.Medium
		}
	}
	if there != nil && a.holds(*there, m.Settings) {
		return Changed{}, nil
	}
	if there != nil && !there.Empty && !a.same(*there) && !a.Replace {
		return Changed{}, effect.WithHint(effect.Errorf(effect.Failed, op, "port %d, device %d of %s holds %s", a.Port, a.Device, a.Controller, there.Medium),
			"replace=true puts the other one in its place; the image stays")
	}
	if m.State != "poweroff" && m.State != "aborted" && a.Type == "hdd" {
		return Changed{}, refused(op, m, "a disk can only be put in while the machine is off")
	}
	if a.NewUUID && path.IsAbs(a.Medium) {
		if err := a.ownUUID(ctx, h, op, a.Medium); err != nil {
			return Changed{}, err
		}
	}
	after := m.with(a.Controller, Attachment{Port: a.Port, Device: a.Device, Medium: a.Medium, Empty: a.Medium == emptyDrive})
	_, err = a.change(ctx, h, effect.Effect{
		Op: op, Writes: []effect.Resource{machine(a.VM), media}, Leaves: a.leaves(a.VM, after),
		Diff: note("machine "+m.Name, "put %s into port %d, device %d of %s", a.Medium, a.Port, a.Device, a.Controller),
	}, a.args()...)
	return Changed{err == nil}, err
}

const emptyDrive = "emptydrive"

func (a *AttachArgs) check(op string) error {
	if a.Type == "" {
		a.Type = "hdd"
	}
	if err := checkWord(op, "name of a controller", a.Controller); err != nil {
		return err
	}
	if a.Port < 0 || a.Device < 0 || a.Device > 1 {
		return invalid(op, "there is no port %d, device %d", a.Port, a.Device)
	}
	if a.Medium == emptyDrive {
		if a.Type == "hdd" {
			return invalid(op, "only drives of type dvddrive and fdd can be empty")
		}
		return nil
	}
	if err := checkMedium(op, a.Medium); err != nil {
		return err
	}
	if path.IsAbs(a.Medium) {
		a.Medium = path.Clean(a.Medium)
	}
	return nil
}

// same tells whether the medium is what a port holds.
func (a AttachArgs) same(there Attachment) bool {
	if a.Medium == emptyDrive {
		return there.Empty
	}
	return there.Medium == a.Medium || strings.EqualFold(there.UUID, strings.Trim(a.Medium, "{}"))
}

// holds tells whether a port is as it shall be.
func (a AttachArgs) holds(there Attachment, settings map[string]string) bool {
	at := fmt.Sprintf("%d-%d", a.Port, a.Device)
	as := func(key string, want *bool) bool {
		is, shown := settings[a.Controller+"-"+key+"-"+at]
		return want == nil || !shown || is == onOff(*want)
	}
	return a.same(there) && as("nonrotational", a.NonRotational) && as("discard", a.Discard)
}

func (a AttachArgs) args() []string {
	args := []string{
		"storageattach", a.VM, "--storagectl", a.Controller, "--port", strconv.Itoa(a.Port), "--device", strconv.Itoa(a.Device), "--type", a.Type, "--medium", a.Medium,
	}
	if a.NonRotational != nil {
		args = append(args, "--nonrotational", onOff(*a.NonRotational))
	}
	if a.Discard != nil {
		args = append(args, "--discard", onOff(*a.Discard))
	}
	return args
}

// with is the machine with something in a port; a nil medium empties it.
func (m Info) with(controller string, a Attachment) Info {
	m.Controllers = slices.Clone(m.Controllers)
	c := m.controller(controller)
	c.Attachments = slices.DeleteFunc(slices.Clone(c.Attachments), func(x Attachment) bool { return x.Port == a.Port && x.Device == a.Device })
	if a.Medium != "" || a.Empty {
		c.Attachments = append(c.Attachments, a)
	}
	c.Ports = max(c.Ports, a.Port+1)
	return m
}

// DetachArgs are the arguments of Detach.
type DetachArgs struct {
	VM         string `lua:"vm,required" doc:"name or UUID of the machine"`
	Controller string `lua:"controller,required" doc:"name of the controller"`
	Port       int    `lua:"port" doc:"from 0"`
	Device     int    `lua:"device" doc:"on ide: 0 or 1"`
	Owner      `lua:",inline"`
}

// Detached is what taking a medium out came to.
type Detached struct {
	Changed bool   `lua:"changed" doc:"something was, or in check mode would be, taken out"`
	Medium  string `lua:"medium,omitempty" doc:"path of what was in there; the image stays"`
}

// Detach takes out of a port what is in it.
func Detach(ctx context.Context, h effect.Doer, a DetachArgs) (Detached, error) {
	const op = "vbox.storage.detach"
	if err := checkWord(op, "name of a controller", a.Controller); err != nil {
		return Detached{}, err
	}
	m, err := a.look(ctx, h, op, a.VM)
	if err != nil {
		return Detached{}, err
	}
	c := m.controller(a.Controller)
	if c == nil || c.at(a.Port, a.Device) == nil {
		return Detached{}, nil
	}
	there := *c.at(a.Port, a.Device)
	if m.State != "poweroff" && m.State != "aborted" {
		return Detached{}, refused(op, m, "a medium can only be taken out while the machine is off")
	}
	_, err = a.change(ctx, h, effect.Effect{
		Op: op, Writes: []effect.Resource{machine(a.VM), media}, Leaves: a.leaves(a.VM, m.with(a.Controller, Attachment{Port: a.Port, Device: a.Device})),
		Diff: note("machine "+m.Name, "take %s out of port %d, device %d of %s", orDefault(there.Medium, "the empty drive"), a.Port, a.Device, a.Controller),
	}, "storageattach", a.VM, "--storagectl", a.Controller, "--port", strconv.Itoa(a.Port), "--device", strconv.Itoa(a.Device), "--medium", "none")
	return Detached{Changed: err == nil, Medium: there.Medium}, err
}
