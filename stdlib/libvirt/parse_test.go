package libvirt

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/effect"
	"bsdrun/tests/transcript"
)

// read reads one of the definitions that were recorded of the real libvirt.
func read(t testing.TB, name string) Domain {
	t.Helper()
	text, err := os.ReadFile("testdata/domains/" + name + ".xml")
	if err != nil {
		t.Fatal(err)
	}
	d, err := parseDomain("test", string(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Of the usual definitions nothing is left unread; of the one with everything, what
// it is.
func TestOther(t *testing.T) {
	want := map[string][]string{
		"bios": {}, "web": {}, "old": {}, "lab": {}, "mail": {}, "mail-live": {},
		"db":    {"devices/tpm/backend/device 1 <device path='/dev/tpm0'/>"},
		"store": {"devices/disk/iotune sdc <iotune><total_bytes_sec>10485760</total_bytes_sec></iotune>"},
		"full": {
			"blkiotune  <blkiotune><weight>500</weight></blkiotune>", "memoryBacking/locked  <locked/>",
			"cputune  <cputune><shares>2048</shares><vcpupin vcpu='0' cpuset='0'/></cputune>",
			"sysinfo  <sysinfo type='smbios'><system><entry name='serial'>S-1</entry></system></sysinfo>", "os/smbios  <smbios mode='sysinfo'/>",
			"devices/disk/auth vdc <auth username='admin'><secret type='ceph' uuid='6a1f2f0e-0d0e-4d57-9a10-2f0f4d5b1cff'/></auth>",
			"devices/interface/bandwidth 52:54:00:70:00:01 <bandwidth><inbound average='1000'/></bandwidth>",
			"devices/redirdev 1 <redirdev bus='usb' type='spicevmc'><boot order='2'/><address type='usb' bus='0' port='2'/></redirdev>",
			"devices/panic 1 <panic model='isa'/>", "devices/iommu 1 <iommu model='intel'/>",
			"devices/vsock 1 <vsock model='virtio'><cid auto='no' address='7'/><address type='pci' domain='0x0000' bus='0x0f' slot='0x00' function='0x0'/></vsock>",
			"qemu:commandline  <commandline><arg value='-no-hpet'/></commandline>",
		},
	}
	for name, lines := range want {
		got := []string{}
		for _, o := range read(t, name).Other {
			got = append(got, o.Path+" "+o.Device+" "+o.Text)
		}
		if diff := cmp.Diff(lines, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: (-want +got)\n%s", what, diff)
	}
}

func TestBIOSMachine(t *testing.T) {
	d := read(t, "web")
	same(t, "name", d.Name+" "+d.UUID+" "+d.OSID, "web 6a1f2f0e-0d0e-4d57-9a10-2f0f4d5b1b01 http://freebsd.org/freebsd/14.0")
	same(t, "memory", []int64{d.Memory, d.CurrentMemory, d.MaxMemory}, []int64{2 << 30, 2 << 30, 0})
	same(t, "processors", []int{d.VCPUs, d.CurrentVCPUs}, []int{2, 2})
	same(t, "machine", d.Arch+" "+d.Machine+" "+d.Chipset, "x86_64 pc-i440fx-7.2 i440fx")
	same(t, "firmware", d.Firmware, Firmware{Kind: "bios", Features: []string{}})
	same(t, "boot", d.Boot, Boot{Devices: []string{"hd", "network"}, Order: []BootDevice{}})
	same(t, "clock", d.Clock, Clock{Offset: "utc", UTC: true, Timers: []Timer{}})
	same(t, "disks", d.Disks, []Disk{
		{Device: "disk", Target: "vda", Bus: "virtio", Format: "qcow2", Kind: "file", Path: "/var/lib/libvirt/images/web.qcow2", Hosts: []string{}, Serial: "WEB-0001", Cache: "none", Discard: "unmap"},
		{Device: "disk", Target: "vdb", Bus: "virtio", Format: "raw", Kind: "file", Path: "/var/lib/libvirt/images/web-data.img", Hosts: []string{}},
	})
	same(t, "interfaces", d.Interfaces, []Interface{
		{Kind: "bridge", Source: "br0", MAC: "52:54:00:10:00:01", Model: "virtio", VLANs: []int{}},
		{Kind: "network", Source: "default", MAC: "52:54:00:10:00:02", Model: "e1000", VLANs: []int{}},
	})
	same(t, "serials", d.Serials, []Serial{{Kind: "pty", Target: "isa-serial"}})
	same(t, "channels", d.Channels, []Channel{{"unix", "virtio", "org.qemu.guest_agent.0"}})
	same(t, "graphics", d.Graphics, []Graphics{{Kind: "vnc", Auto: true, Listen: []string{"127.0.0.1"}}})
	same(t, "rngs", d.RNGs, []RNG{{"virtio", "random", "/dev/urandom"}})
	same(t, "balloon", d.Balloon, "virtio")
}

func TestEFIMachine(t *testing.T) {
	d := read(t, "db")
	same(t, "chipset", d.Chipset, "q35")
	same(t, "firmware", d.Firmware, Firmware{
		Kind: "efi", Loader: "/usr/share/OVMF/OVMF_CODE_4M.fd", LoaderType: "pflash", NVRAM: "/var/lib/libvirt/qemu/nvram/db_VARS.fd",
		NVRAMTemplate: "/usr/share/OVMF/OVMF_VARS_4M.fd", Features: []string{},
	})
	same(t, "boot", d.Boot, Boot{Devices: []string{}, Menu: true, Order: []BootDevice{
		{1, "disk", "sda"}, {2, "interface", "52:54:00:20:00:01"}, {3, "disk", "sdb"},
	}})
	same(t, "features", d.Features, []string{"acpi", "apic", "smm"})
	same(t, "cpu", d.CPU, CPU{Mode: "host-passthrough", Sockets: 1, Dies: 1, Cores: 2, Threads: 2, Features: []CPUFeature{}})
	same(t, "graphics", d.Graphics, []Graphics{{Kind: "spice", Port: 5910, Listen: []string{"0.0.0.0"}}})
	same(t, "sounds", d.Sounds, []string{"ich9"})
	same(t, "tpms", d.TPMs, []TPM{{Model: "tpm-crb", Backend: "passthrough"}})
	same(t, "watchdogs", d.Watchdogs[0], Watchdog{"i6300esb", "reset"})
	cd := d.Disks[1]
	if cd.Device != "cdrom" || !cd.ReadOnly || cd.Bus != "sata" || cd.BootOrder != 3 || !cd.HasAddress || cd.Unit != 1 {
		t.Errorf("%+v", cd)
	}
	if d.Interfaces[0].MTU != 9000 || d.Interfaces[0].Model != "e1000e" {
		t.Errorf("%+v", d.Interfaces)
	}
}

func TestOldMachine(t *testing.T) {
	d := read(t, "old")
	same(t, "clock", d.Clock, Clock{Offset: "localtime", Timers: []Timer{{"rtc", "", "catchup"}, {"hpet", "no", ""}}})
	same(t, "boot", d.Boot.Devices, []string{"cdrom", "hd"})
	if len(d.Disks) != 4 || d.Disks[1].Unit != 1 || d.Disks[2].Channel != 1 || d.Disks[2].Path != "" || d.Disks[3].Device != "floppy" {
		t.Errorf("%+v", d.Disks)
	}
	if i := d.Interfaces[0]; !i.LinkDown || i.Model != "rtl8139" {
		t.Errorf("%+v", i)
	}
	same(t, "sounds", d.Sounds, []string{"ac97"})
}

func TestSCSIMachine(t *testing.T) {
	d := read(t, "store")
	same(t, "memory", []int64{d.Memory, d.CurrentMemory}, []int64{3 << 30, 2 << 30})
	same(t, "processors", []int{d.VCPUs, d.CurrentVCPUs}, []int{4, 2})
	same(t, "controller", d.Controllers[0], Controller{Type: "scsi", Model: "virtio-scsi"})
	same(t, "order", d.Boot.Order, []BootDevice{{1, "disk", "sdb"}, {2, "disk", "sda"}})
	c := d.Disks[2]
	if c.Kind != "volume" || c.Pool != "default" || c.Volume != "store-c.qcow2" || c.Unit != 2 || c.Serial != "STORE-C" {
		t.Errorf("%+v", c)
	}
	if i := d.Interfaces[0]; i.Kind != "direct" || i.Source != "eth0" || i.Mode != "bridge" {
		t.Errorf("%+v", i)
	}
	same(t, "cpu", d.CPU, CPU{Mode: "custom", Model: "Nehalem", Features: []CPUFeature{{"aes", "require"}}})
	if lab := read(t, "lab"); lab.Controllers[0].Model != "lsilogic" {
		t.Errorf("%+v", lab.Controllers)
	}
}

func TestFullMachine(t *testing.T) {
	d := read(t, "full")
	same(t, "memory", d.MaxMemory, 16<<30)
	same(t, "huge pages", d.HugepageSizes, []int64{2 << 20})
	same(t, "numa", d.NUMA, []Cell{{0, "0-1", 2 << 30}, {1, "2-3", 2 << 30}})
	same(t, "secure boot", d.Firmware.SecureBoot, true)
	same(t, "clock", d.Clock, Clock{Offset: "variable", Basis: "utc", Adjustment: "3600", UTC: true, Timers: []Timer{}})
	same(t, "block", d.Disks[0].Kind+" "+d.Disks[0].Path, "block /dev/vg0/full")
	same(t, "rbd", d.Disks[2].Protocol+" "+d.Disks[2].Source+" "+d.Disks[2].Hosts[0], "rbd pool/image 192.0.2.10:6789")
	same(t, "bridge", d.Interfaces[0], Interface{Kind: "bridge", Source: "ovs0", MAC: "52:54:00:70:00:01", Model: "virtio", VLANs: []int{42}, VirtualPort: "openvswitch"})
	same(t, "hostdev", d.Interfaces[1], Interface{Kind: "hostdev", Source: "0000:03:10.1", MAC: "52:54:00:70:00:02", VLANs: []int{}})
	same(t, "hostdevs", d.Hostdevs, []Hostdev{
		{Kind: "pci", Address: "0000:03:00.0", Managed: true, BootOrder: 1}, {Kind: "usb", Vendor: "0x1234", Product: "0xbeef"},
		{Kind: "scsi", Source: "scsi_host0"}, {Kind: "mdev", Source: "c2177883-f1bb-47f0-914d-32a22e3a8804"},
	})
	same(t, "filesystems", d.Filesystems, []Filesystem{{Kind: "mount", Source: "/srv/share", Target: "share", ReadOnly: true}})
	same(t, "serials", d.Serials, []Serial{
		{Kind: "tcp", Host: "127.0.0.1", Port: "2445", Listen: true, Target: "isa-serial"}, {Kind: "file", Path: "/var/log/full.log", Target: "isa-serial", Number: 1},
	})
	same(t, "graphics", d.Graphics[1], Graphics{Kind: "vnc", Auto: true, Listen: []string{"network:default"}})
	same(t, "balloon", d.Balloon, "none")
}

func TestUnits(t *testing.T) {
	for _, c := range []struct {
		n    uint
		unit string
		want int64
	}{
		{1, "", 1 << 10}, {1, "KiB", 1 << 10}, {1, "k", 1 << 10}, {1, "KB", 1000}, {2, "MiB", 2 << 20}, {2, "M", 2 << 20}, {3, "GB", 3e9}, {1, "TiB", 1 << 40},
		{7, "b", 7}, {7, "bytes", 7}, {1 << 63, "EiB", 1<<63 - 1},
	} {
		if got := bytesOf(c.n, c.unit); got != c.want {
			t.Errorf("%d %s: %d", c.n, c.unit, got)
		}
	}
}

func TestFirmwareKinds(t *testing.T) {
	for xml, want := range map[string]string{
		`<os firmware='efi'><type arch='x86_64'>hvm</type><firmware><feature enabled='yes' name='secure-boot'/><feature enabled='no' name='enrolled-keys'/></firmware></os>`: "efi true [secure-boot -enrolled-keys]",
		`<os><type arch='x86_64'>hvm</type><loader type='rom'>/usr/share/ovmf/OVMF.fd</loader></os>`:                                                                         "efi false []",
		`<os><type arch='x86_64'>hvm</type><loader type='rom'>/usr/share/seabios/bios.bin</loader></os>`:                                                                     "bios false []",
		`<os><type arch='aarch64'>hvm</type></os>`:                "none false []",
		`<os firmware='bios'><type arch='x86_64'>hvm</type></os>`: "bios false []",
		`<os><type arch='x86_64'>hvm</type><loader type='pflash'>/x.fd</loader><nvram type='file' format='qcow2'><source file='/var/lib/n.qcow2'/></nvram></os>`: "efi false [] /var/lib/n.qcow2",
	} {
		d, err := parseDomain("test", "<domain type='kvm'><name>a</name>"+xml+"</domain>")
		if err != nil {
			t.Fatal(err)
		}
		got := strings.TrimSpace(d.Firmware.Kind + " " + map[bool]string{true: "true", false: "false"}[d.Firmware.SecureBoot] + " [" + strings.Join(d.Firmware.Features, " ") + "] " + d.Firmware.NVRAM)
		if got != want {
			t.Errorf("%s: %s", xml, got)
		}
	}
}

func TestChipsets(t *testing.T) {
	for machine, want := range map[string]string{
		"pc": "i440fx", "pc-1.3": "i440fx", "pc-i440fx-7.2": "i440fx", "pc-i440fx-rhel7.6.0": "i440fx", "q35": "q35", "pc-q35-rhel9.2.0": "q35", "virt": "", "microvm": "", "pcx": "",
	} {
		d, _ := parseDomain("test", "<domain><name>a</name><os><type machine='"+machine+"'>hvm</type></os></domain>")
		if d.Chipset != want {
			t.Errorf("%s: %s", machine, d.Chipset)
		}
	}
}

// Nothing that anybody wrote down as a password comes out, wherever it stands.
func TestSecretsStayInside(t *testing.T) {
	d, err := parseDomain("test", `<domain><name>a</name><devices><graphics type='vnc' passwd='sesame'><channel password='sesame'/></graphics></devices>
	<launchSecurity type='sev'><session>sesame</session><dhCert>sesame</dhCert></launchSecurity></domain>`)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range d.Other {
		if strings.Contains(o.Text, "sesame") {
			t.Errorf("%+v", o)
		}
	}
	if len(d.Other) != 2 || d.Other[1].Text != "<launchSecurity type='sev'><session>...</session><dhCert>...</dhCert></launchSecurity>" {
		t.Errorf("%+v", d.Other)
	}
}

// recorded is what virsh printed for a command.
func recorded(t *testing.T, command string) string {
	t.Helper()
	for _, e := range transcript.Read(t, "testdata/virsh.txtar", "session") {
		if e.Command == command {
			return e.Stdout + "\n"
		}
	}
	t.Fatalf("%s was not recorded", command)
	return ""
}

func TestRecordedAnswers(t *testing.T) {
	list := parseDominfos(recorded(t, "virsh dominfo 'mail server'") + "\n\n" + recorded(t, "virsh dominfo web"))
	same(t, "dominfo", list, []Listed{
		{Name: "mail server", UUID: "6a1f2f0e-0d0e-4d57-9a10-2f0f4d5b1b05", ID: 2, State: "running", VCPUs: 1, Memory: 64 << 20, Persistent: true},
		{Name: "web", UUID: "6a1f2f0e-0d0e-4d57-9a10-2f0f4d5b1b01", State: "shut off", VCPUs: 2, Memory: 2 << 30, Persistent: true, Autostart: true},
	})
	s, err := parseState("test", recorded(t, "virsh domstate --domain web --reason"))
	if err != nil || s != (State{"shut off", "unknown"}) {
		t.Errorf("%+v %v", s, err)
	}
	pools, err := parsePools("test", recorded(t, "virsh pool-dumpxml default")+recorded(t, "virsh pool-info default"))
	same(t, "pools", pools, []Pool{{
		Name: "default", UUID: "6a1f2f0e-0d0e-4d57-9a10-2f0f4d5b1c01", Type: "dir", Path: "/var/lib/libvirt/images", State: "running", Persistent: true,
		Capacity: 270553174016, Allocation: 40482254848, Available: 230070919168,
	}})
	if err != nil {
		t.Error(err)
	}
	nets, err := parseNetworks("test", recorded(t, "virsh net-dumpxml default")+recorded(t, "virsh net-info default")+recorded(t, "virsh net-dumpxml lan"))
	same(t, "networks", nets, []Network{
		{
			Name: "default", UUID: "6a1f2f0e-0d0e-4d57-9a10-2f0f4d5b1d01", Persistent: true, Forward: "nat", Bridge: "virbr0", Interfaces: []string{},
			Addresses: []NetworkAddress{{"192.0.2.1/24", true}}, PortGroups: []string{},
		},
		{Name: "lan", UUID: "6a1f2f0e-0d0e-4d57-9a10-2f0f4d5b1d02", Forward: "bridge", Bridge: "br0", Interfaces: []string{}, Addresses: []NetworkAddress{}, PortGroups: []string{}},
	})
	if err != nil {
		t.Error(err)
	}
	snapshots, err := parseSnapshots("test", "two b\n"+recorded(t, "virsh snapshot-dumpxml lab 'two b'"))
	if err != nil || len(snapshots) != 1 || !snapshots[0].Current || snapshots[0].Parent != "one" || snapshots[0].External || snapshots[0].Disks[0] != (SnapshotDisk{"sda", "internal", ""}) {
		t.Errorf("%+v %v", snapshots, err)
	}
	disks := make([]Disk, 3)
	fillDisks(disks, "bsdrun disk 0\n"+recorded(t, "virsh domblkinfo web vda")+"bsdrun disk 1\n\nerror: invalid argument: no\nerror: more\nbsdrun disk 2\n"+
		recorded(t, "virsh vol-path --pool default --vol store-c.qcow2")+recorded(t, "virsh vol-info --bytes --pool default --vol store-c.qcow2"))
	same(t, "disks", disks, []Disk{
		{Capacity: 20971520, Allocation: 1314816, Physical: 1376256}, {Problem: "invalid argument: no; more"},
		{Path: "/var/lib/libvirt/images/store-c.qcow2", Capacity: 6291456, Allocation: 200704},
	})
}

func TestNetworkAddresses(t *testing.T) {
	for xml, want := range map[string]string{
		"address='192.0.2.1' netmask='255.255.255.128'": "192.0.2.1/25", "address='192.0.2.1' prefix='26'": "192.0.2.1/26", "address='10.0.0.1'": "10.0.0.1/8",
		"address='192.0.2.1'": "192.0.2.1/24", "family='ipv6' address='2001:db8::1' prefix='64'": "2001:db8::1/64",
	} {
		list, err := parseNetworks("test", "<network><name>a</name><ip "+xml+"/></network>\n")
		if err != nil || list[0].Addresses[0].Address != want || list[0].Forward != "none" {
			t.Errorf("%s: %+v %v", xml, list, err)
		}
	}
}

func TestNonsenseIsAnError(t *testing.T) {
	if _, err := parseDomain("test", "<domain><name>"); effect.KindOf(err) != effect.Failed {
		t.Error(err)
	}
	if _, err := parseLook("test", "nothing"); effect.KindOf(err) != effect.Failed {
		t.Error(err)
	}
	if _, err := parseState("test", "\n"); effect.KindOf(err) != effect.Failed {
		t.Error(err)
	}
}

func FuzzDomain(f *testing.F) {
	files, err := os.ReadDir("testdata/domains")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile("testdata/domains/" + file.Name())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := parseDomain("test", text)
		if err == nil && (d.Memory < 0 || d.VCPUs < 0 || d.Disks == nil || d.Other == nil) {
			t.Errorf("%+v", d)
		}
	})
}

func FuzzAnswers(f *testing.F) {
	f.Add("Id: 1\nName: a\n\n", "<pool type='dir'><name>a</name></pool>\nState: running\n", "a\n<domainsnapshot><name>a</name></domainsnapshot>\n", "bsdrun disk 0\nCapacity: 1\n")
	f.Fuzz(func(_ *testing.T, info, pools, snapshots, disks string) {
		parseDominfos(info)
		_, _ = parsePools("test", pools)
		_, _ = parseNetworks("test", strings.ReplaceAll(pools, "pool", "network"))
		_, _ = parseSnapshots("test", snapshots)
		fillDisks(make([]Disk, 2), disks)
		_, _ = parseState("test", info)
	})
}
