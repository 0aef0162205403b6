package vbox

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"bsdrun/runtime/effect"
	"bsdrun/tests/transcript"
)

// recorded is what a command of the recordings printed.
func recorded(t *testing.T, session, command string) transcript.Entry {
	t.Helper()
	for _, e := range transcript.Read(t, "vboxsim/testdata/vboxmanage.txtar", session) {
		if e.Command == command {
			return e
		}
	}
	t.Fatalf("%s: %s was not recorded", session, command)
	return transcript.Entry{}
}

func older(t testing.TB) map[string]string {
	t.Helper()
	a, err := txtar.ParseFile("testdata/older.txtar")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range a.Files {
		files[f.Name] = string(f.Data)
	}
	return files
}

func TestParseVersion(t *testing.T) {
	for text, want := range map[string]Version{
		recorded(t, "version", "VBoxManage --version").Stdout:                         {Version: "7.2.22", Major: 7, Minor: 2, Patch: 22, Revision: "175245", Text: "7.2.22_Debianr175245"},
		recorded(t, "version-debian-wrapper", "/usr/bin/VBoxManage --version").Stdout: {Version: "7.2.22", Major: 7, Minor: 2, Patch: 22, Revision: "175245", Text: "7.2.22_Debianr175245"},
		"6.1.50r161033\n":    {Version: "6.1.50", Major: 6, Minor: 1, Patch: 50, Revision: "161033", Text: "6.1.50r161033"},
		"4.0.12_OSEr72916\n": {Version: "4.0.12", Major: 4, Patch: 12, Revision: "72916", Text: "4.0.12_OSEr72916"},
	} {
		got, err := parseVersion(text)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	if got := withoutWarning(recorded(t, "version-debian-wrapper", "/usr/bin/VBoxManage --version").Stdout); got != "7.2.22_Debianr175245" {
		t.Errorf("the warning stays: %q", got)
	}
	if _, err := parseVersion("command not found"); effect.KindOf(err) != effect.Failed {
		t.Errorf("nonsense: %v", err)
	}
}

func TestParseMachines(t *testing.T) {
	all := recorded(t, "createvm", `VBoxManage createvm --name 'two words' --ostype FreeBSD_64 --register; VBoxManage createvm --name unreg --ostype FreeBSD_64; VBoxManage list vms`)
	want := []VM{{Name: "two words", UUID: "c7ea2b13-3368-480a-aa09-fa17858accb8", Accessible: true}}
	if d := cmp.Diff(want, parseMachines(all.Stdout)); d != "" {
		t.Error(d)
	}
	broken := recorded(t, "inaccessible", `VBoxManage list vms; VBoxManage showvminfo 'two words' --machinereadable; VBoxManage unregistervm 'two words'`)
	if got := parseMachines(broken.Stdout); len(got) != 1 || got[0].Accessible {
		t.Errorf("%+v", got)
	}
	if got := parseMachines(recorded(t, "list-empty", "VBoxManage list vms").Stdout); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestParseInfo(t *testing.T) {
	got, err := parseInfo(recorded(t, "showvminfo", "VBoxManage showvminfo fbsd --machinereadable").Stdout)
	if err != nil {
		t.Fatal(err)
	}
	settings := got.Settings
	got.Settings = nil
	want := Info{
		Name: "fbsd", UUID: "22924af4-f3b4-464d-a0af-efce0a1acb83", State: "poweroff", Since: time.Date(2026, 11, 23, 23, 5, 52, 0, time.UTC), OSType: "FreeBSD (64-bit)",
		ConfigFile: "/home/op/VirtualBox VMs/fbsd/fbsd.vbox", SnapshotFolder: "/home/op/VirtualBox VMs/fbsd/Snapshots", LogFolder: "/home/op/VirtualBox VMs/fbsd/Logs",
		Memory: 2048 << 20, CPUs: 2, VRAM: 8 << 20, Chipset: "piix3", Firmware: "bios", RTCUTC: true, IOAPIC: true, ACPI: true, Boot: []string{"disk", "none", "disk", "none"},
		Graphics: "vboxvga",
		Controllers: []Controller{
			{Name: "SATA", Bus: "sata", Type: "IntelAhci", Ports: 10, MaxPorts: 30, Bootable: true, Attachments: []Attachment{
				{Medium: "/vm/VB-image.vdi", UUID: "3b7c4ca8-61c8-4020-8d2d-62a6550d8187"}, {Port: 9, Medium: "/vm/VB-old.vdi", UUID: "b848b23e-ab08-402b-86a5-3bccac0d4723"},
			}},
			{Name: "IDE", Bus: "ide", Type: "PIIX4", Ports: 2, MaxPorts: 2, Bootable: true, Attachments: []Attachment{{Empty: true}}},
			{Name: "VIRTIO", Bus: "virtio", Type: "VirtioSCSI", Ports: 1, MaxPorts: 256, Bootable: true, Attachments: []Attachment{}},
		},
		NICs: []NIC{
			{Slot: 1, Kind: "nat", Type: "virtio", MAC: "525400AABBCC", Cable: true, Forwards: []Forward{
				{Name: "ssh", Protocol: "tcp", HostPort: 2222, GuestPort: 22}, {Name: "ssh2", Protocol: "tcp", HostPort: 2223, GuestPort: 22},
			}},
			{Slot: 2, Kind: "bridged", Type: "82540EM", MAC: "08002710A050", Cable: true, Adapter: "eth0", Forwards: []Forward{}},
		},
		UARTs: []UART{{Slot: 1, IO: 0x3f8, IRQ: 4, Mode: "file", Path: "/var/log/com1.log"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for key, value := range map[string]string{"pae": "off", "SATA-hot-pluggable-9-0": "off", "rec_screen_video_fps": "25", "teleporteraddress": ""} {
		if got, there := settings[key]; !there || got != value {
			t.Errorf("%s: %q", key, got)
		}
	}
	if _, err := parseInfo("nothing of the kind"); effect.KindOf(err) != effect.Failed {
		t.Errorf("nonsense: %v", err)
	}
}

func TestParseProperties(t *testing.T) {
	want := []property{
		{"name", `a "b" \c`}, {"UUID", "3b7c4ca8-61c8-4020-8d2d-62a6550d8187"}, {"description", "one\n\nthree"}, {"my SATA-0-0", "/vm/a=b.vdi"}, {"memory", "512"},
	}
	if d := cmp.Diff(want, parseProperties(older(t)["escaped"]), cmp.AllowUnexported(property{})); d != "" {
		t.Error(d)
	}
}

func TestParseMedia(t *testing.T) {
	want := []Medium{
		{UUID: "17773404-fec7-4325-92ab-365fbc53d30c", State: "created", Type: "normal", Path: "/vm/VB-image.vdi", Format: "VDI", Capacity: 40 << 20, VMs: []MediumUse{}},
		{UUID: "ee62b8c7-3235-4801-b060-689bbc36c420", State: "inaccessible", Type: "normal", Path: "/vm/VB-copy.vdi", Format: "VDI", Capacity: 40 << 20, VMs: []MediumUse{}},
	}
	if d := cmp.Diff(want, parseMedia(recorded(t, "rename", "mv VB-copy.vdi VB-moved.vdi; VBoxManage list hdds").Stdout)); d != "" {
		t.Error(d)
	}
	one := parseMedia(recorded(t, "medium", "VBoxManage showmediuminfo disk VB-image.vdi").Stdout)
	if len(one) != 1 || one[0].Variant != "dynamic default" || one[0].SizeOnDisk != 5<<20 {
		t.Errorf("%+v", one)
	}
	old := parseMedia(older(t)["hdd-4"])
	users := []MediumUse{
		{Name: "fbsd", UUID: "22924af4-f3b4-464d-a0af-efce0a1acb83"},
		{Name: "two words", UUID: "c7ea2b13-3368-480a-aa09-fa17858accb8", Snapshot: "before"},
	}
	if len(old) != 1 || old[0].Capacity != 40<<20 || old[0].SizeOnDisk != 5<<20 || !cmp.Equal(old[0].VMs, users) {
		t.Errorf("%+v", old)
	}
}

func TestParseOSTypes(t *testing.T) {
	new := parseOSTypes(recorded(t, "list-ostypes", `VBoxManage list ostypes | grep -A6 -E 'FreeBSD'`).Stdout)
	want := []OSType{
		{"FreeBSD", "FreeBSD (32-bit)", "BSD", false}, {"FreeBSD_64", "FreeBSD (64-bit)", "BSD", true}, {"FreeBSD_arm64", "FreeBSD (ARM 64-bit)", "BSD", true}, {"OpenBSD", "OpenBSD (32-bit)", "BSD", false},
	}
	if d := cmp.Diff(want, new); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(want[:2], parseOSTypes(older(t)["ostypes-6"])); d != "" {
		t.Error(d)
	}
}

func TestParseSnapshots(t *testing.T) {
	want := []Snapshot{
		{Name: "base", UUID: "11111111-1111-4111-8111-111111111111", Description: "two\nlines"},
		{Name: `with "`, UUID: "22222222-2222-4222-8222-222222222222", Parent: "base"},
		{Name: "leaf", UUID: "33333333-3333-4333-8333-333333333333", Parent: `with "`, Current: true},
		{Name: "side", UUID: "44444444-4444-4444-8444-444444444444", Parent: "base"},
	}
	if d := cmp.Diff(want, parseSnapshots(older(t)["snapshots"])); d != "" {
		t.Error(d)
	}
}

func TestParseGuestProperties(t *testing.T) {
	if got := parseGuestProperties(recorded(t, "guestproperty", "VBoxManage guestproperty enumerate fbsd").Stdout); len(got) != 0 {
		t.Errorf("%v", got)
	}
	for name, product := range map[string]string{"guestproperties-6": "FreeBSD", "guestproperties-7": "it's FreeBSD"} {
		want := map[string]string{"/VirtualBox/GuestInfo/OS/Product": product, "/VirtualBox/GuestInfo/Net/0/V4/IP": "10.0.2.15"}
		if d := cmp.Diff(want, parseGuestProperties(older(t)[name])); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestParseBridges(t *testing.T) {
	got := parseBridges(recorded(t, "list-host", "VBoxManage list bridgedifs").Stdout)
	want := Bridgeable{Name: "eth0", Address: "192.0.2.2", MAC: "02:fc:00:00:00:01", Up: true}
	if len(got) != 3 || got[0] != want || got[2].Up {
		t.Errorf("%+v", got)
	}
}

// TestErrors judges by the recordings what is made of the tool's complaints.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		session, command string
		kind             effect.ErrKind
		message, hint    string
	}{
		{"showvminfo", "VBoxManage showvminfo nosuch", effect.Missing, "Could not find a registered machine named 'nosuch' (VBOX_E_OBJECT_NOT_FOUND)", "h.vbox.vms"},
		{"createvm", "VBoxManage createvm --name fbsd --ostype FreeBSD_64 --register", effect.Failed, "already exists (VBOX_E_FILE_ERROR)", "h.vbox.register"},
		{"createvm", "VBoxManage createvm --name bad --ostype NOPE --register", effect.Invalid, "Unknown or invalid guest OS type given.", "h.vbox.ostypes"},
		{"modifyvm", "VBoxManage modifyvm fbsd --memory 1", effect.Failed, "Invalid RAM size: 1 MB (must be in range [4, 2097152] MB) (NS_ERROR_INVALID_ARG)", ""},
		{"modifyvm", "VBoxManage modifyvm fbsd --macaddress1 535400AABBCC", effect.Invalid, "Invalid MAC address format (NS_ERROR_INVALID_ARG)", "second one even"},
		{"modifyvm", "VBoxManage modifyvm fbsd --bogus 1", effect.Failed, "Unknown option: --bogus", "does not know --bogus"},
		{"startvm", "VBoxManage startvm fbsd --type headless", effect.Failed, "terminated unexpectedly", "VBox.log"},
		{"startvm", "VBoxManage controlvm fbsd poweroff", effect.Failed, "is not currently running", "h.vbox.start"},
		{"close", "VBoxManage closemedium disk VB-image.vdi", effect.Failed, "still attached to 1 virtual machines (VBOX_E_OBJECT_IN_USE)", "h.vbox.storage.detach"},
		{"clone", "VBoxManage clonemedium disk VB-image.vdi VB-clone.vdi", effect.Failed, "Failed to clone medium: VDI: cannot create image '/vm/VB-clone.vdi' (VERR_ALREADY_EXISTS) (VBOX_E_FILE_ERROR)", "file of that name"},
		{"clone", "VBoxManage modifymedium disk VB-clone.vdi --resize 10", effect.Failed, "Shrinking is not yet supported", "cannot do that"},
		{"convertfromraw", "VBoxManage convertfromraw nosuch.img x.vdi", effect.Missing, `Cannot open file "nosuch.img": VERR_FILE_NOT_FOUND`, ""},
		{"storage", "VBoxManage storageattach fbsd --storagectl NOPE --port 0 --device 0 --type hdd --medium VB-old.vdi", effect.Missing, "Could not find a controller named 'NOPE'", "h.vbox.storage.controller"},
		{"storage", "VBoxManage storageattach fbsd --storagectl SATA --port 1 --device 0 --type hdd --medium VB-copy.vdi", effect.Failed, "Cannot register the hard disk", "/vm/VB-image.vdi"},
		{"unregister", "VBoxManage registervm /vm/vms/fbsd/fbsd.vbox", effect.Failed, "same UUID", ""},
	} {
		var e transcript.Entry
		for _, each := range transcript.Read(t, "vboxsim/testdata/vboxmanage.txtar", c.session) {
			if each.Command == c.command && each.Code != 0 {
				e = each
			}
		}
		got := effect.AsError(explain(&effect.Error{Op: "vbox.x", Kind: effect.Failed, Code: e.Code, Command: c.command, Out: e.Stdout, Err: e.Stderr}))
		if got.Kind != c.kind || !strings.Contains(got.Message, c.message) || !strings.Contains(got.Hint, c.hint) {
			t.Errorf("%s: %s: %q, hint %q", c.command, got.Kind, got.Message, got.Hint)
		}
	}
}

func FuzzParse(f *testing.F) {
	a, err := txtar.ParseFile("vboxsim/testdata/vboxmanage.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, each := range a.Files {
		if len(each.Data) < 16<<10 {
			f.Add(string(each.Data))
		}
	}
	for _, text := range older(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, out string) {
		for _, p := range parseProperties(out) {
			if p.key == "" {
				t.Errorf("%q: a property without a key", out)
			}
		}
		if m, err := parseInfo(out); err == nil && (m.Name == "" || m.UUID == "") {
			t.Errorf("%q: %+v", out, m)
		}
		for _, m := range parseMedia(out) {
			if m.UUID == "" || m.Capacity < 0 {
				t.Errorf("%q: %+v", out, m)
			}
		}
		parseMachines(out)
		parseOSTypes(out)
		parseSnapshots(out)
		parseGuestProperties(out)
		parseBridges(out)
		_, _ = parseVersion(out)
		firstError(out)
		if p := percent(out); p != "" && p[len(p)-1] != '%' {
			t.Errorf("%q: %q", out, p)
		}
		formatOf([]byte(out))
	})
}
