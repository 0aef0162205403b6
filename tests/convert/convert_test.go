package convert

import (
	"net/url"
	"strings"
	"testing"

	"bsdrun/tests/outcome"
)

var webDisks = []disk{
	{"vda", "qcow2", []string{"web.qcow2"}, "SATA-0-0"},
	{"vdb", "raw", []string{"web-data.img"}, "SATA-1-0"},
}

// TestDomains converts domains of all kinds, and asks VirtualBox what became of
// them.
func TestDomains(t *testing.T) {
	for _, test := range []struct {
		domain   string
		further  []string
		disks    []disk
		settings string // KEY=VALUE, one a line
		lost     []string
		guest    []string
	}{
		{
			domain: "web", disks: webDisks,
			settings: "firmware=BIOS\nchipset=piix3\nmemory=2048\ncpus=2\nrtcuseutc=on\nostype=FreeBSD (64-bit)\nUUID=6a1f2f0e-0d0e-4d57-9a10-2f0f4d5b1b01\nboot1=disk\nboot2=net\n" +
				"nic1=bridged\nbridgeadapter1=em0\nnictype1=virtio\nmacaddress1=525400100001\nnic2=nat\nnictype2=82540EM\nmacaddress2=525400100002\nnic3=none",
			lost:  []string{"channel org.qemu.guest_agent.0", "serial number WEB-0001"},
			guest: []string{"/dev/vtbd0 becomes /dev/ada0", "/dev/vtbd1 becomes /dev/ada1"},
		},
		{
			domain: "db", further: []string{"direct=no"},
			disks:    []disk{{"sda", "qcow2", []string{"db.qcow2", "db-base.qcow2", "golden.qcow2"}, "SATA-0-0"}},
			settings: "firmware=EFI\nchipset=ich9\nmemory=4096\ncpus=4\nboot1=disk\nboot2=net\nboot3=dvd\nnic1=bridged\nmacaddress1=525400200001\nSATA-1-0=emptydrive",
			lost:     []string{"EFI variables in /var/lib/libvirt/qemu/nvram/db_VARS.fd", `EFI boot entry "file loader.efi" (\EFI\freebsd\loader.efi)`, "trusted platform module", "MTU 9000"},
			guest:    []string{`on the EFI partition, \EFI\freebsd\loader.efi is to be copied to \EFI\BOOT\BOOTX64.EFI`},
		},
		{
			domain: "old", further: []string{"bridges=br0=em0"},
			disks:    []disk{{"hda", "raw", []string{"old.img"}, "IDE-0-0"}, {"hdb", "qcow2", []string{"old-data.qcow2"}, "IDE-0-1"}},
			settings: "firmware=BIOS\nrtcuseutc=off\nboot1=dvd\nboot2=disk\nIDE-1-0=emptydrive\nnic1=nat\nnictype1=82540EM",
			lost:     []string{"floppy fda", "sound device ac97"},
			guest:    []string{"interface re0 becomes em0", "FreeBSD 8 has ad for ada"},
		},
		{
			domain: "store", further: []string{"bridge=em0"},
			disks: []disk{
				{"sdb", "raw", []string{"store-b.img"}, "VirtIO-0-0"}, {"sda", "qcow2", []string{"store-a.qcow2"}, "VirtIO-1-0"},
				{"sdc", "qcow2", []string{"store-c.qcow2"}, "VirtIO-2-0"},
			},
			settings: "storagecontrollertype0=VirtioSCSI\nstoragecontrollerbootable0=on\nnic1=bridged\nbridgeadapter1=em0\nmacaddress1=525400400001\nnic2=nat\nmacaddress2=525400400002",
			lost:     []string{"serial number STORE-C", "disk sdb has a world wide name"},
			guest:    []string{"/dev/da1 becomes /dev/da0"},
		},
		{
			domain: "mail server", further: []string{"shutdown=true"},
			disks:    []disk{{"vda", "qcow2", []string{"mail server.qcow2"}, "SATA-0-0"}},
			settings: "name=mail server\nmemory=1024",
			lost:     []string{"memory balloon"},
		},
	} {
		t.Run(test.domain, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			r := s.convert(ok, test.domain, test.further...)
			s.disksAreTheSame(test.domain, test.disks)
			settings := s.settings(test.domain)
			for wanted := range strings.Lines(test.settings) {
				key, value, _ := strings.Cut(strings.TrimSpace(wanted), "=")
				if settings[key] != value {
					t.Errorf("%s is %q, want %q", key, settings[key], value)
				}
			}
			outcome.Lacks(t, "what is lost", lines(t, r, "lost"), test.lost...)
			outcome.Lacks(t, "what the guest needs", lines(t, r, "guest"), test.guest...)
			if again := s.convert(ok, test.domain, test.further...); again.Changed != 0 || outcome.Result(t, again, "changed") != false {
				t.Errorf("a second run: %d changes", again.Changed)
			}
		})
	}
}

// TestRefused is about what stands against a conversion: it is said before anything
// is changed, with what to do.
func TestRefused(t *testing.T) {
	const uuid = "6a1f2f0e-0d0e-4d57-9a10-2f0f4d5b1b01" // of web
	machine := func(options string) string { return "su -l vbox -c '/usr/local/bin/VBoxManage " + options + "'\n" }
	for name, test := range map[string]struct {
		domain, status string
		further        []string
		there, here    string // scripts for the host of KVM, and that of VirtualBox
		says           []string
	}{
		"snapshots": {domain: "lab", status: stopped, says: []string{"lab has snapshots, which have no counterpart: before upgrade", "virsh snapshot-delete lab"}},
		"snapshots in an image": {
			domain: "bench", status: stopped, there: "virsh dumpxml lab | sed -e 's/<name>lab/<name>bench/' -e s/5b1b06/5b1bfe/ >/tmp/x; virsh define /tmp/x",
			says: []string{"lab.qcow2 holds snapshots", "qemu-img snapshot -d"},
		},
		"it runs": {domain: "mail server", status: stopped, says: []string{"mail server is running", "shutdown=true"}},
		"its memory is saved": {
			domain: "mail server", status: stopped, there: "virsh managedsave 'mail server'", further: []string{"shutdown=true"},
			says: []string{"mail server has its memory saved", "virsh managedsave-remove 'mail server'"},
		},
		"it is paused": {
			domain: "mail server", status: failed, there: "virsh suspend 'mail server'", further: []string{"shutdown=true"},
			says: []string{"mail server is paused", "virsh resume"},
		},
		"a base is missing": {domain: "db", status: failed, there: "rm /var/lib/libvirt/images/golden.qcow2", says: []string{"golden.qcow2"}},
		"a disk in a network": {
			domain: "web", status: failed,
			there: `virsh dumpxml web | sed -e "s/<disk type='file'/<disk type='network'/" -e "s,<source file='[^']*'/>,<source protocol='rbd' name='pool/x'/>," >/tmp/x; virsh define /tmp/x`,
			says:  []string{"disk vda lies in a network (rbd pool/x)", "qemu-img convert"},
		},
		"no such domain": {domain: "none", status: failed, says: []string{"none"}},
		"no bridge":      {domain: "web", status: failed, further: []string{"bridge=em7"}, says: []string{"VirtualBox cannot bridge to em7", "it has em0"}},
		"no room here":   {domain: "web", status: stopped, here: "zfs set quota=1M zroot/home", says: []string{"0.0 GiB are free for /home/vbox/VirtualBox VMs/web on", "parameter folder"}},
		"no room for what is compressed": {
			domain: "web", status: stopped, here: "zfs set quota=40M zroot/home",
			there: "cd /var/lib/libvirt/images; dd if=/dev/zero bs=1M count=24 | tr '\\0' x >/tmp/x; qemu-img convert -c -O qcow2 /tmp/x web.qcow2",
			says:  []string{"GiB are free for /home/vbox/VirtualBox VMs/web on", "parameter folder"},
		},
		"no room there": {
			domain: "web", status: stopped, there: "fallocate -l $(($(df -kP / | awk 'NR == 2 { print $4 }') - 16))K /srv/full",
			says: []string{"0.0 GiB are free for /var/lib/libvirt/images on", "parameter scratch"},
		},
		"the name": {domain: "web", status: failed, here: machine("createvm --register --name web"), says: []string{"there is another machine web", "parameter name"}},
		"the UUID": {domain: "web", status: failed, here: machine("createvm --register --name www --uuid " + uuid), says: []string{"web is on", "already, as www"}},
		"somebody else's": {
			domain: "web", status: failed, here: machine("createvm --register --name web --uuid "+uuid) + machine("storagectl web --name S --add sata"),
			says: []string{"was not made by this recipe", "h.vbox.remove"},
		},
		"forgotten": {domain: "web", status: failed, here: machine("createvm --name web"), says: []string{"VirtualBox has forgotten in /home/vbox/VirtualBox VMs/web", "h.vbox.register"}},
		"no user":   {domain: "web", status: failed, further: []string{"user=nemo"}, says: []string{"has no user nemo", "parameter user"}},
		"no driver": {domain: "web", status: failed, further: []string{"boot_check=true"}, here: "kldunload vboxnetflt vboxnetadp vboxdrv", says: []string{"vboxdrv is not loaded", "h.kld.ensure"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			if test.there != "" {
				s.byHand(s.kvm, test.there)
			}
			if test.here != "" {
				s.byHand(s.vbox, test.here)
			}
			r := s.convert(test.status, test.domain, test.further...)
			outcome.Lacks(t, "the error", r.Error.Message+"\n"+r.Error.Hint, test.says...)
			if r.Changed != 0 {
				t.Errorf("%d changes", r.Changed)
			}
		})
	}
}

// TestDeafGuest is about a guest that does not shut down.
func TestDeafGuest(t *testing.T) {
	t.Parallel()
	s := newStage(t, url.Values{"libvirt-deaf": {"mail server"}})
	r := s.convert(failed, "mail server", "shutdown=true", "within=2m")
	outcome.Lacks(t, "the error", r.Error.Message+r.Error.Hint, "has not shut down within 2m", "from inside")
	s.byHand(s.kvm, "virsh destroy 'mail server'")
	s.expect(ok, s.resume())
}
