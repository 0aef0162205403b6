package vbox

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/stdlib/kld/kldsim"
	"bsdrun/stdlib/service/servicesim"
	"bsdrun/stdlib/vbox/vboxsim"
	"bsdrun/tests/onsim"
)

// world is a host for VirtualBox, seen as root, and the folder /vm of the user vbox
// with a raw image of a guest that boots.
type world struct {
	t   *testing.T
	m   *sim.Machine
	h   *onsim.Count
	ctx context.Context
}

const rawSize = 40 << 20

func newWorld(t *testing.T, params url.Values) *world {
	t.Helper()
	m, err := sim.New(sim.Options{Profile: "vboxhost", Tools: slices.Concat(base.Tools(), kldsim.Tools(), servicesim.Tools(), vboxsim.Tools()), Params: params})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	w := &world{t: t, m: m, h: &onsim.Count{Doer: onsim.As(t, m, "root")}, ctx: clock.With(context.Background(), m.Clock())}
	onsim.Exec(t, m, `mkdir /vm && cd /vm && truncate -s 40M disk.img
printf '\125\252' | dd of=disk.img bs=1 seek=510 conv=notrunc 2>/dev/null
printf 'sim guest: os=FreeBSD hostname=mail root=/dev/ada0p2' | dd of=disk.img bs=1 seek=20000 conv=notrunc 2>/dev/null
printf 'the end' | dd of=disk.img bs=1 seek=41943000 conv=notrunc 2>/dev/null
printf 'QFI\373rest' >qcow.img; truncate -s 1M qcow.img; truncate -s 1000 odd.img
chown -R vbox /vm`)
	return w
}

// as runs a script as the machines' user.
func (w *world) as(script string) string {
	w.t.Helper()
	out, errs, code := w.m.Exec(w.ctx, "vbox", script)
	if code != 0 {
		w.t.Fatalf("%s: code %d\n%s%s", script, code, out, errs)
	}
	return out
}

func (w *world) root(script string) { onsim.Exec(w.t, w.m, script) }

var vboxUser = Owner{As: "vbox"}

// call makes a call, which must go well.
func call[A, R any](w *world, f func(context.Context, effect.Doer, A) (R, error), a A) R {
	w.t.Helper()
	r, err := f(w.ctx, w.h, a)
	if err != nil {
		w.t.Fatalf("%+v: %v", a, err)
	}
	return r
}

// refuse makes a call that must fail, and changes nothing.
func refuse[A, R any](w *world, kind effect.ErrKind, text string, f func(context.Context, effect.Doer, A) (R, error), a A) {
	w.t.Helper()
	before := w.h.Changes
	_, err := f(w.ctx, w.h, a)
	e := effect.AsError(err)
	if err == nil || e.Kind != kind || !strings.Contains(e.Summary()+" "+e.Hint, text) {
		w.t.Errorf("%+v: %v, hint %q", a, err, effect.AsError(err))
	}
	if w.h.Changes != before {
		w.t.Errorf("%+v: it failed, and had changed something", a)
	}
}

// settled makes a call for the second time: nothing may be changed.
func settled[A, R any](w *world, f func(context.Context, effect.Doer, A) (R, error), a A) R {
	w.t.Helper()
	before := w.h.Changes
	r := call(w, f, a)
	if w.h.Changes != before {
		w.t.Errorf("%+v: the second call has changed something: %v", a, w.h.Last.Argv)
	}
	return r
}

// twice makes a call, and again.
func twice[A, R any](w *world, f func(context.Context, effect.Doer, A) (R, error), a A) R {
	w.t.Helper()
	before := w.h.Changes
	r := call(w, f, a)
	if w.h.Changes == before {
		w.t.Errorf("%+v: nothing was changed", a)
	}
	settled(w, f, a)
	return r
}

func on1(b bool) *bool { return &b }

var mail = CreateArgs{
	VM: "mail", BaseFolder: "/vm", Owner: vboxUser,
	Settings: Settings{
		OSType: "FreeBSD_64", Memory: 2048 << 20, CPUs: 2, VRAM: 16 << 20, Chipset: "ich9", Firmware: "bios", RTCUTC: on1(true), IOAPIC: on1(true), ACPI: on1(true),
		Boot: []string{"disk", "dvd"}, Graphics: "vmsvga", Description: new(string), VRDE: &VRDESettings{Ports: "5000", Address: "127.0.0.1"},
		NICs: []NICSettings{
			{Kind: "nat", Type: "virtio", MAC: "52:54:00:aa:bb:cc", Forwards: []Forward{{Name: "ssh", HostPort: 2222, GuestPort: 22}}},
			{Kind: "bridged", Adapter: "em0", Cable: on1(false)},
		},
		UARTs: []UARTSettings{{Mode: "file", Path: "/vm/console.log"}},
		Other: map[string]string{"nestedpaging": "off", "paravirtprovider": "none"},
	},
}

// ready makes the machine mail with its disk.
func (w *world) ready() {
	w.t.Helper()
	call(w, Create, mail)
	call(w, ConvertRaw, ConvertArgs{From: "/vm/disk.img", To: "/vm/disk.vdi", Owner: vboxUser})
	call(w, EnsureController, ControllerArgs{VM: "mail", Name: "SATA", Bus: "sata", Ports: 2, Owner: vboxUser})
	call(w, Attach, AttachArgs{VM: "mail", Controller: "SATA", Medium: "/vm/disk.vdi", Owner: vboxUser})
}

func TestVersionAndLists(t *testing.T) {
	w := newWorld(t, nil)
	if v := call(w, ShowVersion, vboxUser); v.Version != "7.2.4" || !v.Driver || !v.since(7, 2) || v.since(7, 3) {
		t.Errorf("%+v", v)
	}
	w.root("kldunload vboxnetadp vboxnetflt vboxdrv")
	if v := call(w, ShowVersion, vboxUser); v.Driver {
		t.Errorf("without the module: %+v", v)
	}
	if list := call(w, OSTypes, OSTypesArgs{Family: "BSD", Owner: vboxUser}); len(list) < 4 || list[1].ID != "FreeBSD_64" || !list[1].Bits64 {
		t.Errorf("%+v", list)
	}
	if list := call(w, ListBridges, vboxUser); len(list) != 1 || list[0].Name != "em0" || !list[0].Up {
		t.Errorf("%+v", list)
	}
	if list := call(w, List, vboxUser); len(list) != 0 {
		t.Errorf("%+v", list)
	}
}

func TestCreateConverges(t *testing.T) {
	w := newWorld(t, nil)
	done := twice(w, Create, mail)
	if !done.Changed || !done.Created || done.ConfigFile != "/vm/mail/mail.vbox" || !isUUID(done.UUID) {
		t.Errorf("%+v", done)
	}
	m := call(w, Show, ArgsOfMachine{VM: "mail", Owner: vboxUser})
	uuid, settings := m.UUID, m.Settings
	m.UUID, m.Since, m.Settings = "", time.Time{}, nil
	want := Info{
		Name: "mail", State: "poweroff", OSType: "FreeBSD (64-bit)", ConfigFile: "/vm/mail/mail.vbox", SnapshotFolder: "/vm/mail/Snapshots", LogFolder: "/vm/mail/Logs",
		Memory: 2048 << 20, CPUs: 2, VRAM: 16 << 20, Chipset: "ich9", Firmware: "bios", RTCUTC: true, IOAPIC: true, ACPI: true, Boot: []string{"disk", "dvd", "none", "none"},
		Graphics: "vmsvga", VRDE: VRDE{Enabled: true, Ports: "5000", Address: "127.0.0.1"}, Controllers: []Controller{},
		NICs: []NIC{
			{Slot: 1, Kind: "nat", Type: "virtio", MAC: "525400AABBCC", Cable: true, Forwards: []Forward{{Name: "ssh", Protocol: "tcp", HostPort: 2222, GuestPort: 22}}},
			{Slot: 2, Kind: "bridged", Type: "82540EM", MAC: m.NICs[1].MAC, Adapter: "em0", Forwards: []Forward{}},
		},
		UARTs: []UART{{Slot: 1, IO: 0x3f8, IRQ: 4, Mode: "file", Path: "/vm/console.log"}},
	}
	if d := cmp.Diff(want, m); d != "" {
		t.Error(d)
	}
	if uuid != done.UUID || settings["nestedpaging"] != "off" {
		t.Errorf("uuid %s, %v", uuid, settings["nestedpaging"])
	}
	list := call(w, List, vboxUser)
	if d := cmp.Diff([]VM{{Name: "mail", UUID: uuid, Accessible: true}}, list); d != "" {
		t.Error(d)
	}
	// Another user has none of it.
	if list := call(w, List, Owner{}); len(list) != 0 {
		t.Errorf("root has %+v", list)
	}
	refuse(w, effect.Missing, "as=", Show, ArgsOfMachine{VM: "mail"})
}

func TestModify(t *testing.T) {
	w := newWorld(t, nil)
	call(w, Create, mail)
	change := func(s Settings) Modified {
		return twice(w, Modify, ModifyArgs{VM: "mail", Settings: s, Owner: vboxUser})
	}
	if got := change(Settings{Memory: 1 << 30, CPUs: 2, IOAPIC: on1(true)}); !cmp.Equal(got.Changes, []ModifiedSetting{{"memory", "2048", "1024"}}) {
		t.Errorf("only what differs: %+v", got)
	}
	if last := strings.Join(w.h.Last.Argv, " "); last != "VBoxManage modifyvm mail --memory 1024" || w.h.Last.As != "vbox" || string(w.h.Last.Diff.Before) != "memory=2048\n" {
		t.Errorf("%s %+v", last, w.h.Last.Diff)
	}
	change(Settings{Firmware: "efi", OSType: "FreeBSD", Boot: []string{"net"}, VRDE: &VRDESettings{Enabled: on1(false)}, Graphics: "none"})
	// All adapters and ports are as they are listed.
	change(Settings{NICs: []NICSettings{{Kind: "bridged", Adapter: "em0"}}, UARTs: []UARTSettings{}})
	m := call(w, Show, ArgsOfMachine{VM: "mail", Owner: vboxUser})
	if len(m.NICs) != 1 || m.NICs[0].Kind != "bridged" || m.NICs[0].MAC != "525400AABBCC" || len(m.UARTs) != 0 {
		t.Errorf("%+v %+v", m.NICs, m.UARTs)
	}
	change(Settings{NICs: []NICSettings{}, UARTs: []UARTSettings{{Mode: "disconnected"}, {Mode: "device", Path: "/dev/cuau1"}, {Mode: "tcpserver", Path: "2023", IO: 0x100, IRQ: 10}}})
	change(Settings{NICs: []NICSettings{{Kind: "none"}, {Kind: "intnet", Network: "inner"}, {Kind: "natnetwork", Network: "nat1"}, {Kind: "hostonly", Adapter: "vboxnet0"}, {Network: "10.0.5.0/24"}}})
	description := `it says "hello"` + "\nand \\more"
	change(Settings{Description: &description})
	if m := call(w, Show, ArgsOfMachine{VM: m.UUID, Owner: vboxUser}); m.Description != description || m.NICs[3].Network != "10.0.5.0/24" || m.UARTs[2].IRQ != 10 {
		t.Errorf("%+v", m)
	}

	modify := func(s Settings) ModifyArgs { return ModifyArgs{VM: "mail", Settings: s, Owner: vboxUser} }
	refuse(w, effect.Invalid, "bytes", Modify, modify(Settings{Memory: 2048}))
	refuse(w, effect.Invalid, "ostypes", Modify, modify(Settings{OSType: "TempleOS"}))
	refuse(w, effect.Invalid, "even", Modify, modify(Settings{NICs: []NICSettings{{MAC: "535400AABBCC"}}}))
	refuse(w, effect.Invalid, "adapter=", Modify, modify(Settings{NICs: []NICSettings{{Kind: "bridged"}}}))
	refuse(w, effect.Invalid, "needs a path", Modify, modify(Settings{UARTs: []UARTSettings{{Mode: "file"}}}))
	refuse(w, effect.Invalid, "no setting", Modify, modify(Settings{Other: map[string]string{"bogus": "1"}}))
	refuse(w, effect.Invalid, "none of disk", Modify, modify(Settings{Boot: []string{"usb"}}))
	refuse(w, effect.Missing, "registered machine", Modify, ModifyArgs{VM: "nosuch", Settings: Settings{CPUs: 1}, Owner: vboxUser})
	refuse(w, effect.Invalid, "no name", Modify, ModifyArgs{VM: "../mail", Owner: vboxUser})
	call(w, Start, StartArgs{VM: "mail", Owner: vboxUser})
	refuse(w, effect.Failed, "cpus can only be changed while the machine is off: mail is running", Modify, modify(Settings{CPUs: 4}))
	settled(w, Modify, modify(Settings{CPUs: 2}))
}

func TestConvert(t *testing.T) {
	w := newWorld(t, nil)
	args := ConvertArgs{From: "/vm/disk.img", To: "/vm/disk.vdi", Owner: vboxUser}
	w.as("mkdir /vm/.disk.vdi.part; echo rest >/vm/.disk.vdi.part/disk.vdi") // of a try that a crash has ended
	done := twice(w, ConvertRaw, args)
	if want := (Converted{Changed: true, Path: "/vm/disk.vdi", Capacity: rawSize, Size: 4 << 20}); done != want {
		t.Errorf("%+v", done)
	}
	if got := w.as("ls -A /vm"); strings.Contains(got, ".part") {
		t.Errorf("left: %s", got)
	}
	call(w, Clone, CloneArgs{Medium: "/vm/disk.vdi", To: "/vm/back.img", Format: "RAW", Owner: vboxUser})
	w.as("cmp /vm/disk.img /vm/back.img")
	for format, variant := range map[string]string{"VDI": "fixed", "VHD": "fixed", "VMDK": "stream"} {
		to := "/vm/other." + strings.ToLower(format)
		twice(w, ConvertRaw, ConvertArgs{From: "/vm/disk.img", To: to, Format: format, Variant: variant, Owner: vboxUser})
		if m := call(w, ShowMedium, MediumArgs{Medium: to, Owner: vboxUser}); m.Format != format || m.Capacity != rawSize {
			t.Errorf("%+v", m)
		}
	}
	args.Replace = true
	call(w, ConvertRaw, args)
	if w.h.Last.Risk != effect.Irreversible {
		t.Error("to replace an image is not irreversible")
	}

	with := func(change func(a *ConvertArgs)) ConvertArgs {
		a := ConvertArgs{From: "/vm/disk.img", To: "/vm/new.vdi", Owner: vboxUser}
		change(&a)
		return a
	}
	refuse(w, effect.Failed, "qcow2", ConvertRaw, with(func(a *ConvertArgs) { a.From = "/vm/qcow.img" }))
	refuse(w, effect.Failed, "VDI image", ConvertRaw, with(func(a *ConvertArgs) { a.From = "/vm/disk.vdi" }))
	refuse(w, effect.Failed, "VMDK image", ConvertRaw, with(func(a *ConvertArgs) { a.From = "/vm/other.vmdk" }))
	refuse(w, effect.Failed, "whole sectors", ConvertRaw, with(func(a *ConvertArgs) { a.From = "/vm/odd.img" }))
	refuse(w, effect.Missing, "there is no", ConvertRaw, with(func(a *ConvertArgs) { a.From = "/vm/nosuch.img" }))
	refuse(w, effect.Invalid, "whole path", ConvertRaw, with(func(a *ConvertArgs) { a.To = "new.vdi" }))
	refuse(w, effect.Invalid, "two files", ConvertRaw, with(func(a *ConvertArgs) { a.Format, a.Variant = "VMDK", "fixed" }))
	w.as("truncate -s 20M /vm/small.img")
	refuse(w, effect.Failed, "replace=true", ConvertRaw, with(func(a *ConvertArgs) { a.From, a.To = "/vm/small.img", "/vm/disk.vdi" }))
	if _, err := ConvertRaw(w.ctx, w.h, with(func(a *ConvertArgs) { a.To = "/vm/nosuch/new.vdi" })); effect.KindOf(err) != effect.Failed && effect.KindOf(err) != effect.Missing {
		t.Errorf("no folder: %v", err)
	}
}

// TestConvertOfAnotherHost takes the image from where it is.
func TestConvertOfAnotherHost(t *testing.T) {
	w := newWorld(t, nil)
	other, m := onsim.New(t, "", base.Tools())
	onsim.Exec(t, m, "mkdir /img && cd /img && truncate -s 4M kvm.img && printf data | dd of=kvm.img bs=1 seek=3000000 conv=notrunc 2>/dev/null; printf 'QFI\\373' >qcow.img")
	args := ConvertArgs{From: "/img/kvm.img", To: "/vm/kvm.vdi", Host: other, Owner: vboxUser}
	if done := twice(w, ConvertRaw, args); done.Capacity != 4<<20 || done.Size != 3<<20 {
		t.Errorf("%+v", done)
	}
	call(w, Clone, CloneArgs{Medium: "/vm/kvm.vdi", To: "/vm/kvm.img", Format: "RAW", Owner: vboxUser})
	if out := w.as("dd if=/vm/kvm.img bs=1 skip=3000000 count=4 2>/dev/null; stat -f%Su /vm/kvm.vdi; ls -A /vm"); !strings.HasPrefix(out, "datavbox\n") || strings.Contains(out, ".part") {
		t.Errorf("%s", out)
	}
	refuse(w, effect.Failed, "qcow2", ConvertRaw, ConvertArgs{From: "/img/qcow.img", To: "/vm/new.vdi", Host: other, Owner: vboxUser})
	refuse(w, effect.Missing, "there is no", ConvertRaw, ConvertArgs{From: "/img/nosuch", To: "/vm/new.vdi", Host: other, Owner: vboxUser})

	// What is cut off is no image: the tool itself would take it for one.
	short := effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		if e.Sink != nil {
			e.Argv = []string{"head", "-c", "2000000", args.From}
		}
		return other.Do(ctx, e)
	})
	args.Host, args.To = short, "/vm/short.vdi"
	if _, err := ConvertRaw(w.ctx, w.h, args); effect.KindOf(err) != effect.Failed || !strings.Contains(err.Error(), "2000000 of 4194304 bytes") {
		t.Errorf("%v", err)
	}
	w.as("test ! -e /vm/short.vdi && test ! -e /vm/.short.vdi.part")
}

// TestConversionGoesOn stops waiting, and comes back.
func TestConversionGoesOn(t *testing.T) {
	w := newWorld(t, url.Values{vboxsim.RateParam: {"100K"}})
	args := ConvertArgs{From: "/vm/disk.img", To: "/vm/disk.vdi", Timeout: 15 * time.Second, Owner: vboxUser}
	var progress []string
	ctx := effect.WithEvents(w.ctx, events(func(e effect.Event) { progress = append(progress, e.Text) }))
	_, err := ConvertRaw(ctx, w.h, args)
	if effect.KindOf(err) != effect.Timeout {
		t.Fatalf("%v", err)
	}
	if len(progress) == 0 || !strings.HasSuffix(progress[len(progress)-1], " of at most 41943040 bytes written") {
		t.Errorf("progress: %q", progress)
	}
	if there, err := stat(w.ctx, w.h, "test", "vbox", "/vm/disk.vdi"); there != nil || err != nil {
		t.Errorf("half an image: %+v, %v", there, err)
	}
	args.Timeout = 0
	if done := call(w, ConvertRaw, args); done.Size != 4<<20 {
		t.Errorf("%+v", done)
	}
	settled(w, ConvertRaw, args)
}

type events func(effect.Event)

func (f events) Emit(e effect.Event) { f(e) }

func TestStorage(t *testing.T) {
	w := newWorld(t, nil)
	call(w, Create, mail)
	call(w, ConvertRaw, ConvertArgs{From: "/vm/disk.img", To: "/vm/disk.vdi", Owner: vboxUser})
	ctl := func(change func(a *ControllerArgs)) ControllerArgs {
		a := ControllerArgs{VM: "mail", Name: "SATA", Bus: "sata", Ports: 2, Owner: vboxUser}
		change(&a)
		return a
	}
	twice(w, EnsureController, ctl(func(*ControllerArgs) {}))
	twice(w, EnsureController, ctl(func(a *ControllerArgs) { a.Ports, a.Bootable = 4, on1(false) }))
	for bus, chip := range map[string]string{"ide": "PIIX4", "scsi": "LsiLogic", "sas": "LsiLogicSas", "virtio": "VirtioSCSI"} {
		twice(w, EnsureController, ctl(func(a *ControllerArgs) { a.Name, a.Bus, a.Ports = bus, bus, 0 }))
		m := call(w, Show, ArgsOfMachine{VM: "mail", Owner: vboxUser})
		if c := m.controller(bus); c == nil || c.Type != chip || c.Bus != bus {
			t.Errorf("%s: %+v", bus, c)
		}
	}
	twice(w, EnsureController, ctl(func(a *ControllerArgs) { a.Name, a.Bus, a.Type, a.Ports = "scsi", "scsi", "BusLogic", 0 }))
	twice(w, EnsureController, ctl(func(a *ControllerArgs) { a.Name, a.Remove = "scsi", true }))
	refuse(w, effect.Failed, "on the bus sata", EnsureController, ctl(func(a *ControllerArgs) { a.Bus = "ide" }))
	refuse(w, effect.Invalid, "no bus=", EnsureController, ctl(func(a *ControllerArgs) { a.Name, a.Bus = "new", "" }))
	refuse(w, effect.Invalid, "no controller of the bus", EnsureController, ctl(func(a *ControllerArgs) { a.Name, a.Type = "new", "PIIX3" }))

	put := func(change func(a *AttachArgs)) AttachArgs {
		a := AttachArgs{VM: "mail", Controller: "SATA", Medium: "/vm/disk.vdi", Owner: vboxUser}
		change(&a)
		return a
	}
	twice(w, Attach, put(func(*AttachArgs) {}))
	twice(w, Attach, put(func(a *AttachArgs) { a.NonRotational = on1(true) }))
	twice(w, Attach, put(func(a *AttachArgs) { a.Controller, a.Medium, a.Type, a.Port = "ide", "emptydrive", "dvddrive", 1 }))
	twice(w, CreateMedium, CreateMediumArgs{Path: "/vm/data.vdi", Size: 64 << 20, Owner: vboxUser})
	refuse(w, effect.Failed, "holds /vm/disk.vdi", Attach, put(func(a *AttachArgs) { a.Medium = "/vm/data.vdi" }))
	twice(w, Attach, put(func(a *AttachArgs) { a.Medium, a.Port = "/vm/data.vdi", 7 })) // makes the controller larger
	if m := call(w, Show, ArgsOfMachine{VM: "mail", Owner: vboxUser}); m.controller("SATA").Ports != 8 || m.controller("SATA").at(7, 0).Medium != "/vm/data.vdi" || !m.controller("ide").at(1, 0).Empty {
		t.Errorf("%+v", m.Controllers)
	}
	// A copy has its original's UUID.
	w.as("cp /vm/disk.vdi /vm/copy.vdi")
	if _, err := Attach(w.ctx, w.h, put(func(a *AttachArgs) { a.Medium, a.Port = "/vm/copy.vdi", 2 })); effect.KindOf(err) != effect.Failed || !strings.Contains(effect.AsError(err).Hint, "new_uuid=true") {
		t.Errorf("a copy: %v", err)
	}
	twice(w, Attach, put(func(a *AttachArgs) { a.Medium, a.Port, a.NewUUID = "/vm/copy.vdi", 2, true }))
	refuse(w, effect.Missing, "no controller NOPE", Attach, put(func(a *AttachArgs) { a.Controller = "NOPE" }))
	if _, err := Attach(w.ctx, w.h, put(func(a *AttachArgs) { a.Medium, a.Port = "/vm/nosuch.vdi", 3 })); effect.KindOf(err) != effect.Missing {
		t.Errorf("no such image: %v", err)
	}
	take := DetachArgs{VM: "mail", Controller: "SATA", Port: 7, Owner: vboxUser}
	if got := twice(w, Detach, take); got.Medium != "/vm/data.vdi" {
		t.Errorf("%+v", got)
	}
	w.as("test -f /vm/data.vdi")
	call(w, Start, StartArgs{VM: "mail", Owner: vboxUser})
	refuse(w, effect.Failed, "mail is running", Attach, put(func(a *AttachArgs) { a.Medium, a.Port = "/vm/data.vdi", 1 }))
	refuse(w, effect.Failed, "mail is running", Detach, DetachArgs{VM: "mail", Controller: "SATA", Owner: vboxUser})
	refuse(w, effect.Failed, "mail is running", EnsureController, ctl(func(a *ControllerArgs) { a.Name = "more" }))
}

func TestMedia(t *testing.T) {
	w := newWorld(t, nil)
	w.ready()
	list := call(w, ListMedia, vboxUser)
	if len(list) != 1 || list[0].Path != "/vm/disk.vdi" || len(list[0].VMs) != 1 || list[0].VMs[0].Name != "mail" || list[0].Capacity != rawSize {
		t.Errorf("%+v", list)
	}
	twice(w, Resize, ResizeArgs{Medium: "/vm/disk.vdi", Size: 100 << 20, Owner: vboxUser})
	refuse(w, effect.Failed, "no disk smaller", Resize, ResizeArgs{Medium: "/vm/disk.vdi", Size: 10 << 20, Owner: vboxUser})
	refuse(w, effect.Invalid, "bytes", Resize, ResizeArgs{Medium: "/vm/disk.vdi", Size: 100, Owner: vboxUser})
	if got := call(w, Compact, MediumArgs{Medium: "/vm/disk.vdi", Owner: vboxUser}); got.Before != 4<<20 || got.After != 4<<20 {
		t.Errorf("%+v", got)
	}
	copied := CloneArgs{Medium: "/vm/disk.vdi", To: "/vm/clone.vdi", Owner: vboxUser}
	if done := twice(w, Clone, copied); done.Capacity != 100<<20 {
		t.Errorf("%+v", done)
	}
	refuse(w, effect.Failed, "the machine mail has", Close, CloseArgs{Medium: "/vm/disk.vdi", Owner: vboxUser})
	call(w, ShowMedium, MediumArgs{Medium: "/vm/clone.vdi", Owner: vboxUser}) // known from now on, for a moment
	twice(w, Close, CloseArgs{Medium: "/vm/clone.vdi", Owner: vboxUser})
	twice(w, Close, CloseArgs{Medium: "/vm/clone.vdi", Delete: true, Owner: vboxUser})
	if w.h.Last.Risk != effect.Irreversible {
		t.Error("to delete an image is not irreversible")
	}
	w.as("test ! -e /vm/clone.vdi; cp /vm/disk.vdi /vm/copy.vdi")
	refuse(w, effect.Failed, "set_uuid", ShowMedium, MediumArgs{Medium: "/vm/copy.vdi", Owner: vboxUser})
	twice(w, SetUUID, SetUUIDArgs{Path: "/vm/copy.vdi", Owner: vboxUser})
	call(w, Close, CloseArgs{Medium: "/vm/copy.vdi", Owner: vboxUser})
	refuse(w, effect.Failed, "h.vbox.medium.close", SetUUID, SetUUIDArgs{Path: "/vm/disk.vdi", UUID: "11111111-2222-4333-8444-555555555555", Owner: vboxUser})
	refuse(w, effect.Missing, "VERR_FILE_NOT_FOUND", ShowMedium, MediumArgs{Medium: "/vm/nosuch.vdi", Owner: vboxUser})
	refuse(w, effect.Failed, "with 104857600 bytes", CreateMedium, CreateMediumArgs{Path: "/vm/disk.vdi", Size: 64 << 20, Owner: vboxUser})
}

func TestPower(t *testing.T) {
	w := newWorld(t, nil)
	w.ready()
	twice(w, Start, StartArgs{VM: "mail", Owner: vboxUser})
	if s := call(w, ShowState, ArgsOfMachine{VM: "mail", Owner: vboxUser}); s.State != "running" || !s.Running || s.Since.IsZero() {
		t.Errorf("%+v", s)
	}
	if list := call(w, List, vboxUser); !list[0].Running {
		t.Errorf("%+v", list)
	}
	// The guest has not booted yet and hears nothing.
	if _, err := Stop(w.ctx, w.h, StopArgs{VM: "mail", Within: 3 * time.Second, Owner: vboxUser}); effect.KindOf(err) != effect.Timeout {
		t.Errorf("%v", err)
	}
	w.root("sleep 40")
	if out := w.as("cat /vm/console.log"); !strings.Contains(out, "FreeBSD/amd64 (mail)") {
		t.Errorf("%s", out)
	}
	if s := call(w, Stop, StopArgs{VM: "mail", Owner: vboxUser}); s != (Stopped{Changed: true, State: "poweroff"}) {
		t.Errorf("%+v", s)
	}
	settled(w, Stop, StopArgs{VM: "mail", Owner: vboxUser})
	refuse(w, effect.Failed, "h.vbox.start", Reset, ArgsOfMachine{VM: "mail", Owner: vboxUser})

	call(w, Start, StartArgs{VM: "mail", Owner: vboxUser})
	call(w, Reset, ArgsOfMachine{VM: "mail", Owner: vboxUser})
	if s := call(w, Stop, StopArgs{VM: "mail", How: "save", Owner: vboxUser}); s.State != "saved" {
		t.Errorf("%+v", s)
	}
	refuse(w, effect.Failed, "mail is saved", Modify, ModifyArgs{VM: "mail", Settings: Settings{CPUs: 1}, Owner: vboxUser})
	call(w, Start, StartArgs{VM: "mail", Owner: vboxUser})
	w.as("VBoxManage controlvm mail pause")
	refuse(w, effect.Failed, "paused", Stop, StopArgs{VM: "mail", Owner: vboxUser})
	twice(w, Start, StartArgs{VM: "mail", Owner: vboxUser})
	if s := call(w, Stop, StopArgs{VM: "mail", How: "poweroff", Owner: vboxUser}); s.State != "poweroff" {
		t.Errorf("%+v", s)
	}
	// A crash of the host leaves it aborted.
	call(w, Start, StartArgs{VM: "mail", Owner: vboxUser})
	w.root("pkill -9 VBoxHeadless")
	if s := call(w, ShowState, ArgsOfMachine{VM: "mail", Owner: vboxUser}); s.State != "aborted" {
		t.Errorf("%+v", s)
	}
	refuse(w, effect.Missing, "registered machine", Start, StartArgs{VM: "nosuch", Owner: vboxUser})
}

func TestDeafGuest(t *testing.T) {
	w := newWorld(t, url.Values{vboxsim.DeafParam: {"mail"}})
	w.ready()
	call(w, Start, StartArgs{VM: "mail", Owner: vboxUser})
	w.root("sleep 40")
	_, err := Stop(w.ctx, w.h, StopArgs{VM: "mail", Within: 20 * time.Second, Owner: vboxUser})
	if effect.KindOf(err) != effect.Timeout || !strings.Contains(effect.AsError(err).Hint, "force=true") {
		t.Errorf("%v", err)
	}
	if s := call(w, Stop, StopArgs{VM: "mail", Within: 20 * time.Second, Force: true, Owner: vboxUser}); s != (Stopped{Changed: true, Forced: true, State: "poweroff"}) {
		t.Errorf("%+v", s)
	}
}

func TestStartWithoutTheDriver(t *testing.T) {
	w := newWorld(t, nil)
	w.ready()
	w.root("kldunload vboxnetadp vboxnetflt vboxdrv")
	_, err := Start(w.ctx, w.h, StartArgs{VM: "mail", Owner: vboxUser})
	e := effect.AsError(err)
	if e == nil || e.Kind != effect.Failed || !strings.Contains(e.Message, "terminated unexpectedly") || !strings.Contains(e.Hint, `h.kld.ensure("vboxdrv"`) {
		t.Errorf("%v, hint %q", err, e.Hint)
	}
}

func TestForwardsAndBridges(t *testing.T) {
	w := newWorld(t, nil)
	w.ready()
	rules := func(nic *NIC) (names []string) {
		for _, f := range nic.Forwards {
			names = append(names, f.rule())
		}
		return names
	}
	show := func() *NIC { m := call(w, Show, ArgsOfMachine{VM: "mail", Owner: vboxUser}); return m.nic(1) }
	args := ForwardArgs{VM: "mail", Forwards: []Forward{{HostPort: 8080, GuestPort: 80}, {Name: "ssh", HostIP: "127.0.0.1", HostPort: 2022, GuestPort: 22}}, Owner: vboxUser}
	twice(w, SetForwards, args)
	if d := cmp.Diff([]string{"tcp_8080_80,tcp,,8080,,80", "ssh,tcp,127.0.0.1,2022,,22"}, rules(show())); d != "" {
		t.Error(d)
	}
	call(w, Start, StartArgs{VM: "mail", Owner: vboxUser})
	args.Forwards, args.Exact = []Forward{{Name: "ssh", HostPort: 2222, GuestPort: 22}}, true
	twice(w, SetForwards, args)
	if d := cmp.Diff([]string{"ssh,tcp,,2222,,22"}, rules(show())); d != "" {
		t.Error(d)
	}
	twice(w, Bridge, BridgeArgs{VM: "mail", Adapter: "em0", Owner: vboxUser}) // while it runs
	if nic := show(); nic.Kind != "bridged" || nic.Adapter != "em0" || nic.Type != "virtio" || nic.MAC != "525400AABBCC" {
		t.Errorf("%+v", nic)
	}
	refuse(w, effect.Failed, "not one of NAT", SetForwards, args)
	refuse(w, effect.Failed, "nictype1", Bridge, BridgeArgs{VM: "mail", Adapter: "em0", Type: "82540EM", Owner: vboxUser})
	refuse(w, effect.Missing, "to em0, not to igb0", Bridge, BridgeArgs{VM: "mail", Adapter: "igb0", Owner: vboxUser})
	refuse(w, effect.Invalid, "ports are", SetForwards, ForwardArgs{VM: "mail", Forwards: []Forward{{HostPort: 70000, GuestPort: 1}}, Owner: vboxUser})
	refuse(w, effect.Invalid, "two rules", SetForwards, ForwardArgs{VM: "mail", Forwards: []Forward{{Name: "a", HostPort: 1, GuestPort: 1}, {Name: "a", HostPort: 2, GuestPort: 1}}, Owner: vboxUser})
}

func TestSnapshots(t *testing.T) {
	w := newWorld(t, nil)
	w.ready()
	snap := func(name string) SnapshotArgs { return SnapshotArgs{VM: "mail", Snapshot: name, Owner: vboxUser} }
	if list := call(w, ListSnapshots, ArgsOfMachine{VM: "mail", Owner: vboxUser}); len(list) != 0 {
		t.Errorf("%+v", list)
	}
	twice(w, TakeSnapshot, TakeArgs{VM: "mail", Snapshot: "before", Description: "two\nlines", Owner: vboxUser})
	twice(w, TakeSnapshot, TakeArgs{VM: "mail", Snapshot: "after", Owner: vboxUser})
	list := call(w, ListSnapshots, ArgsOfMachine{VM: "mail", Owner: vboxUser})
	if len(list) != 2 || list[0].Name != "before" || list[0].Description != "two\nlines" || list[1].Parent != "before" || !list[1].Current {
		t.Errorf("%+v", list)
	}
	// The disk is in its port, though an image of what was written since is shown there.
	settled(w, Attach, AttachArgs{VM: "mail", Controller: "SATA", Medium: "/vm/disk.vdi", Replace: true, Owner: vboxUser})
	m := call(w, Show, ArgsOfMachine{VM: "mail", Owner: vboxUser})
	if m.Snapshot != "after" || !strings.HasPrefix(m.controller("SATA").at(0, 0).Medium, "/vm/mail/Snapshots/") {
		t.Errorf("%+v", m)
	}
	// A guest boots through all the images.
	call(w, Start, StartArgs{VM: "mail", Owner: vboxUser})
	refuse(w, effect.Failed, "mail is running", RestoreSnapshot, snap("before"))
	w.root("sleep 40")
	if out := w.as("cat /vm/console.log"); !strings.Contains(out, "(mail)") {
		t.Errorf("%s", out)
	}
	call(w, Stop, StopArgs{VM: "mail", Owner: vboxUser})
	call(w, Modify, ModifyArgs{VM: "mail", Settings: Settings{CPUs: 4}, Owner: vboxUser})
	call(w, RestoreSnapshot, snap("before"))
	if w.h.Last.Risk != effect.Irreversible {
		t.Error("to restore is not irreversible")
	}
	if m := call(w, Show, ArgsOfMachine{VM: "mail", Owner: vboxUser}); m.CPUs != 2 || m.Snapshot != "before" {
		t.Errorf("%+v", m)
	}
	refuse(w, effect.Missing, "no snapshot nosuch", RestoreSnapshot, snap("nosuch"))
	twice(w, DeleteSnapshot, snap("after"))
	twice(w, DeleteSnapshot, snap("before"))
	m = call(w, Show, ArgsOfMachine{VM: "mail", Owner: vboxUser})
	if m.Snapshot != "" || m.controller("SATA").at(0, 0).Medium != "/vm/disk.vdi" {
		t.Errorf("%+v", m)
	}
	call(w, Clone, CloneArgs{Medium: "/vm/disk.vdi", To: "/vm/back.img", Format: "RAW", Owner: vboxUser})
	w.as("cmp /vm/disk.img /vm/back.img")
}

func TestExportAndImport(t *testing.T) {
	w := newWorld(t, nil)
	w.ready()
	if done := twice(w, Export, ExportArgs{VM: "mail", To: "/vm/mail.ova", Manifest: true, Owner: vboxUser}); done.Size == 0 {
		t.Errorf("%+v", done)
	}
	done := twice(w, Import, ImportArgs{File: "/vm/mail.ova", VM: "mail2", BaseFolder: "/vm", VDI: true, KeepMACs: true, Owner: vboxUser})
	m := call(w, Show, ArgsOfMachine{VM: "mail2", Owner: vboxUser})
	if m.UUID != done.UUID || m.CPUs != 2 || m.NICs[0].MAC != "525400AABBCC" || m.controller("SATA").at(0, 0).Medium == "" {
		t.Errorf("%+v", m)
	}
	call(w, Clone, CloneArgs{Medium: m.media()[0], To: "/vm/back.img", Format: "RAW", Owner: vboxUser})
	w.as("cmp /vm/disk.img /vm/back.img")
	refuse(w, effect.Invalid, ".ova", Export, ExportArgs{VM: "mail", To: "/vm/mail.ovf", Owner: vboxUser})
	if _, err := Import(w.ctx, w.h, ImportArgs{File: "/vm/nosuch.ova", VM: "mail3", Owner: vboxUser}); effect.KindOf(err) != effect.Missing {
		t.Errorf("%v", err)
	}
	if got := w.as("ls -A /vm"); strings.Contains(got, ".part") {
		t.Errorf("left: %s", got)
	}
}

func TestRemove(t *testing.T) {
	w := newWorld(t, nil)
	w.ready()
	args := RemoveArgs{VM: "mail", Owner: vboxUser}
	call(w, Start, StartArgs{VM: "mail", Owner: vboxUser})
	refuse(w, effect.Failed, "mail is running", Remove, args)
	call(w, Stop, StopArgs{VM: "mail", How: "poweroff", Owner: vboxUser})
	done := twice(w, Remove, args)
	if !done.Changed || !cmp.Equal(done.Kept, []string{"/vm/disk.vdi"}) || len(done.Deleted) != 0 || w.h.Last.Risk != effect.Safe {
		t.Errorf("%+v", done)
	}
	w.as("test -f /vm/disk.vdi && test -f /vm/mail/mail.vbox")
	if _, err := Create(w.ctx, w.h, mail); !strings.Contains(effect.AsError(err).Hint, "h.vbox.register") {
		t.Errorf("its files are there: %v", err)
	}
	twice(w, Register, RegisterArgs{File: "/vm/mail/mail.vbox", Owner: vboxUser})
	call(w, TakeSnapshot, TakeArgs{VM: "mail", Snapshot: "before", Owner: vboxUser})
	args.Media = true
	done = twice(w, Remove, args)
	if len(done.Deleted) != 2 || !strings.HasPrefix(done.Deleted[0], "/vm/mail/Snapshots/") || done.Deleted[1] != "/vm/disk.vdi" || w.h.Last.Risk != effect.Irreversible || !strings.Contains(w.h.Last.Note, "/vm/disk.vdi") {
		t.Errorf("%+v, %q", done, w.h.Last.Note)
	}
	w.as("test ! -e /vm/disk.vdi && test ! -e /vm/mail")
	if list := call(w, ListMedia, vboxUser); len(list) != 0 {
		t.Errorf("%+v", list)
	}
}

func TestGuestProperties(t *testing.T) {
	for _, version := range []string{"", "6.1.50"} {
		params := url.Values{}
		if version != "" {
			params.Set(vboxsim.VersionParam, version)
		}
		w := newWorld(t, params)
		call(w, Create, CreateArgs{VM: "mail", Settings: Settings{OSType: "FreeBSD_64"}, Owner: vboxUser})
		if got := call(w, GuestProperties, GuestPropertyArgs{VM: "mail", Owner: vboxUser}); len(got) != 0 {
			t.Errorf("%v", got)
		}
		w.as("VBoxManage guestproperty set mail /VirtualBox/GuestInfo/OS/Product FreeBSD; VBoxManage guestproperty set mail /x 'a value'")
		all := map[string]string{"/VirtualBox/GuestInfo/OS/Product": "FreeBSD", "/x": "a value"}
		if d := cmp.Diff(all, call(w, GuestProperties, GuestPropertyArgs{VM: "mail", Owner: vboxUser})); d != "" {
			t.Errorf("%s: %s", version, d)
		}
		if got := call(w, GuestProperties, GuestPropertyArgs{VM: "mail", Pattern: "/VirtualBox/*", Owner: vboxUser}); len(got) != 1 {
			t.Errorf("%s: %v", version, got)
		}
	}
}

// TestOldVersions goes the whole way with the commands of other releases.
func TestOldVersions(t *testing.T) {
	for _, version := range []string{"7.0.26", "6.1.50", "5.2.44", "4.3.40", "4.2.18"} {
		w := newWorld(t, url.Values{vboxsim.VersionParam: {version}})
		a := mail
		if version < "5" {
			a.Graphics = ""
		}
		if version < "5" || version == "4.2.18" {
			a.Other = nil
		}
		twice(w, Create, a)
		twice(w, ConvertRaw, ConvertArgs{From: "/vm/disk.img", To: "/vm/disk.vdi", Owner: vboxUser})
		twice(w, EnsureController, ControllerArgs{VM: "mail", Name: "SATA", Bus: "sata", Ports: 2, Owner: vboxUser})
		twice(w, EnsureController, ControllerArgs{VM: "mail", Name: "SATA", Ports: 3, Owner: vboxUser})
		twice(w, Attach, AttachArgs{VM: "mail", Controller: "SATA", Medium: "/vm/disk.vdi", Owner: vboxUser})
		twice(w, CreateMedium, CreateMediumArgs{Path: "/vm/data.vdi", Size: 64 << 20, Owner: vboxUser})
		twice(w, Resize, ResizeArgs{Medium: "/vm/data.vdi", Size: 128 << 20, Owner: vboxUser})
		twice(w, Clone, CloneArgs{Medium: "/vm/disk.vdi", To: "/vm/back.img", Format: "RAW", Owner: vboxUser})
		w.as("cmp /vm/disk.img /vm/back.img")
		call(w, Compact, MediumArgs{Medium: "/vm/data.vdi", Owner: vboxUser})
		twice(w, Close, CloseArgs{Medium: "/vm/data.vdi", Delete: true, Owner: vboxUser})
		twice(w, Start, StartArgs{VM: "mail", Owner: vboxUser})
		w.root("sleep 40")
		if s := call(w, Stop, StopArgs{VM: "mail", Owner: vboxUser}); s.State != "poweroff" {
			t.Errorf("%s: %+v", version, s)
		}
		twice(w, TakeSnapshot, TakeArgs{VM: "mail", Snapshot: "one", Owner: vboxUser})
	}
}

// TestCheckMode plans a whole machine that is not there.
func TestCheckMode(t *testing.T) {
	w := newWorld(t, nil)
	before := w.m.Digest()
	var planned []string
	listing := func(next effect.Doer) effect.Doer {
		return effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
			if e.Kind == effect.Change {
				title := e.Title
				if title == "" {
					title = strings.Join(e.Argv, " ")
				}
				planned = append(planned, title)
			}
			return next.Do(ctx, e)
		})
	}
	real := w.h
	way := func(h effect.Doer) {
		w.h = &onsim.Count{Doer: h}
		planned = nil
		call(w, ConvertRaw, ConvertArgs{From: "/vm/disk.img", To: "/vm/disk.vdi", Owner: vboxUser})
		call(w, Create, mail)
		settled(w, Create, mail)
		twice(w, EnsureController, ControllerArgs{VM: "mail", Name: "SATA", Bus: "sata", Ports: 2, Owner: vboxUser})
		twice(w, Attach, AttachArgs{VM: "mail", Controller: "SATA", Medium: "/vm/disk.vdi", Owner: vboxUser})
		twice(w, Modify, ModifyArgs{VM: "mail", Settings: Settings{CPUs: 4}, Owner: vboxUser})
		twice(w, SetForwards, ForwardArgs{VM: "mail", Forwards: []Forward{{HostPort: 8080, GuestPort: 80}}, Owner: vboxUser})
		twice(w, Start, StartArgs{VM: "mail", Owner: vboxUser})
		twice(w, Stop, StopArgs{VM: "mail", How: "poweroff", Owner: vboxUser})
		twice(w, Detach, DetachArgs{VM: "mail", Controller: "SATA", Owner: vboxUser})
		twice(w, Remove, RemoveArgs{VM: "mail", Owner: vboxUser})
	}
	checked := effect.Chain(real, listing, layer.Check())
	if _, err := checked.Do(w.ctx, effect.Effect{Op: "t", Kind: effect.Change, Argv: []string{"qemu-img"}, Writes: []effect.Resource{effect.File("/vm/later.img")}}); err != nil {
		t.Fatal(err)
	}
	if done, err := ConvertRaw(w.ctx, checked, ConvertArgs{From: "/vm/later.img", To: "/vm/later.vdi", Owner: vboxUser}); err != nil || !done.Changed {
		t.Errorf("an image that is yet to be made: %+v, %v", done, err)
	}
	way(checked)
	told := planned
	if _, err := Show(w.ctx, checked, ArgsOfMachine{VM: "mail", Owner: vboxUser}); !errors.Is(err, effect.ErrUnknown) {
		t.Errorf("a machine that would have been: %v", err)
	}
	if w.m.Digest() != before {
		t.Error("check mode has changed the host")
	}
	way(effect.Chain(real, listing))
	if d := cmp.Diff(told, planned); d != "" {
		t.Errorf("what was told and what was done (-told +done)\n%s", d)
	}
}
