package convert

import (
	"net/url"
	"strings"
	"testing"

	"bsdrun/tests/outcome"
)

// TestVerify has images turned back and compared, and spoils one.
func TestVerify(t *testing.T) {
	t.Parallel()
	s := newStage(t).shop()
	at := point{host: "vboxhost", step: "Turn back[vda]", op: "vbox.medium.clone"}
	s.wrap = (&watch{at: &at, blow: refused}).layer
	s.convert(failed, "shop", "verify=true")
	s.wrap = nil
	image := shopDisks[0].image("shop")
	s.byHand(s.vbox, "printf spoiled | dd of='"+image+"' bs=1 seek=2097200 conv=notrunc")
	r := s.convert(failed, "shop", "verify=true")
	outcome.Lacks(t, "the error", r.Error.Message+r.Error.Hint, "shop-vda.vdi is not what vda of the domain is", "remove "+image)
	s.nothingHalfRegistered("shop")
	s.byHand(s.vbox, "rm '"+image+"' '"+image+".check.raw'")
	r = s.convert(ok, "shop", "verify=true")
	s.disksAreTheSame("shop", shopDisks)
	disks, _ := outcome.Result(t, r, "disks").([]any)
	sum := strings.Fields(s.byHand(s.kvm, "cd /var/lib/libvirt/images; qemu-img convert -O raw shop.qcow2 /tmp/x; sha256sum /tmp/x"))[0]
	if got := disks[0].(map[string]any)["sha256"]; got != sum {
		t.Errorf("the hash is %v, want %s", got, sum)
	}
	if left := s.byHand(s.vbox, "find '"+vms+"' -name '*.raw'"); left != "" {
		t.Errorf("left behind: %s", left)
	}
}

// TestDiskChangedMeanwhile starts the domain again after a conversion that was not
// finished: the images are made anew.
func TestDiskChangedMeanwhile(t *testing.T) {
	t.Parallel()
	s := newStage(t).shop()
	at := point{host: "vboxhost", step: "Compare the settings", op: "vbox.info"}
	s.wrap = (&watch{at: &at, blow: refused}).layer
	s.convert(failed, "shop")
	s.wrap = nil
	s.byHand(s.vbox, "sleep 60")
	s.byHand(s.kvm, "sleep 60; printf news | dd of=/var/lib/libvirt/images/shop-data.img bs=1 seek=1000000 conv=notrunc")
	s.convert(ok, "shop")
	s.disksAreTheSame("shop", shopDisks)
}

// TestLostHostIsHeld has a new run meet hosts that a run which lost one of them
// holds: it tells what there is to do, and each of that leads on.
func TestLostHostIsHeld(t *testing.T) {
	t.Parallel()
	s := newStage(t).shop()
	at := point{host: "vboxhost", step: "Make the machine", op: "vbox.create", change: true}
	s.wrap = (&watch{at: &at, blow: cut}).layer
	s.convert(unreachable, "shop")
	s.wrap = nil
	lost := s.id
	r := s.convert(stopped, "shop")
	outcome.Lacks(t, "the error", r.Error.Message+"\n"+r.Error.Hint,
		"run "+lost, "kvm-to-virtualbox.lua ended here unreachable at 20", "bsdrun resume "+lost, "--take-over "+lost)
	s.gone = []string{lost}
	s.convert(ok, "shop")
	s.disksAreTheSame("shop", shopDisks)
}

// TestOddDisks: an image on what libvirt takes for a device, and a raw one that ends
// within a sector, which a guest sees as a whole one.
func TestOddDisks(t *testing.T) {
	t.Parallel()
	s := newStage(t).shop()
	s.byHand(s.kvm, `virsh dumpxml shop | sed -e "s/<source file=/<source dev=/" -e "s/<disk type='file'/<disk type='block'/" >/tmp/x && virsh define /tmp/x
truncate -s 1000000 /var/lib/libvirt/images/shop-data.img
printf end | dd of=/var/lib/libvirt/images/shop-data.img bs=1 seek=1000000 conv=notrunc`)
	s.convert(ok, "shop", "direct=no", "name=shop two")
	s.disksAreTheSame("shop two", shopDisks)
}

// TestReleases converts to VirtualBox of other releases, and refuses what they lack
// before a disk is moved.
func TestReleases(t *testing.T) {
	for _, test := range []struct {
		release, change string // of the domain's definition
		further         []string
		controller      string
		says            string
	}{
		{release: "5.2.44", change: "-e '/<video>/,/<.video>/d' -e '/<graphics/,/<.graphics>/d'", controller: "SATA"},
		{release: "4.3.40", change: "-e '/<video>/,/<.video>/d' -e '/<graphics/,/<.graphics>/d'", controller: "SATA"},
		{release: "6.0.24", change: `-e "s/<target dev='vd\(.\)' bus='virtio'/<target dev='sd\1' bus='scsi'/" -e "/slot='0x0[67]'/d" -e "s#<controller type='usb'#<controller type='scsi' index='0' model='virtio-scsi'/>&#"`, controller: "SCSI"},
		{release: "6.0.24", further: []string{"virtio=virtio"}, says: "VirtualBox has controllers of virtio-scsi from 6.1 on, and this is 6"},
	} {
		t.Run(test.release+" "+test.controller, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, nil, url.Values{"vbox-version": {test.release}}).shop()
			if test.change != "" {
				s.byHand(s.kvm, "virsh dumpxml shop | sed "+test.change+" >/tmp/x && virsh define /tmp/x")
			}
			if test.says != "" {
				r := s.convert(failed, "shop", test.further...)
				outcome.Lacks(t, "the error", r.Error.Message+r.Error.Hint, test.says, "virtio as sata")
				if r.Changed != 0 {
					t.Errorf("%d changes", r.Changed)
				}
				return
			}
			s.convert(ok, "shop", "direct=no")
			if got := s.settings("shop")["storagecontrollername0"]; got != test.controller {
				t.Errorf("the disks are on %s", got)
			}
		})
	}
}

func TestKeepCopies(t *testing.T) {
	t.Parallel()
	s := newStage(t).shop()
	s.convert(ok, "shop", "keep_copies=true")
	kept := func() string {
		return s.byHand(s.vbox, "find '"+vms+"' -name '*.raw'") + s.byHand(s.kvm, "find "+images+" -name '*.raw'")
	}
	outcome.Lacks(t, "what is kept", kept(), "shop/shop-vda.raw", "shop/shop-vdb.raw", images+"shop-vda.raw")
	s.convert(ok, "shop")
	if left := kept(); left != "" {
		t.Errorf("left behind: %s", left)
	}
}

// guest says what is on the first disk of shop.
func (s *stage) guest(root string) *stage {
	s.t.Helper()
	s.byHand(s.kvm, `cd /var/lib/libvirt/images
qemu-img convert -O raw shop-base.qcow2 /tmp/raw
printf 'sim guest: os=FreeBSD hostname=shop root=`+root+`\n' | dd of=/tmp/raw bs=1 seek=4096 conv=notrunc
qemu-img convert -f raw -O qcow2 /tmp/raw shop-base.qcow2`)
	return s
}

func TestBootCheck(t *testing.T) {
	t.Parallel()
	s := newStage(t).shop().guest("zfs:zroot/ROOT/default")
	r := s.convert(ok, "shop", "boot_check=true")
	if outcome.Result(t, r, "boot", "booted") != true {
		t.Errorf("%v", outcome.Result(t, r, "boot"))
	}
	if state := s.settings("shop")["VMState"]; state != "poweroff" {
		t.Errorf("after the check it is %s", state)
	}
	s.script(s.vbox, `h.vbox.start("shop", { as = "vbox" })`)
	r = s.convert(ok, "shop", "boot_check=true")
	if state := s.settings("shop")["VMState"]; state != "running" || r.Changed != 0 {
		t.Errorf("a machine in use is %s after the check, %d changes", state, r.Changed)
	}
}

// TestGuestThatDoesNotBoot tells what the guest said, and gives its disk to a machine
// that can mend it.
func TestGuestThatDoesNotBoot(t *testing.T) {
	t.Parallel()
	s := newStage(t).shop().guest("/dev/vtbd0p2")
	s.vboxManage(`createvm --register --name toolbox --ostype FreeBSD_64`)
	r := s.convert(failed, "shop", "rescue=toolbox")
	outcome.Lacks(t, "the error", r.Error.Message+r.Error.Hint, "toolbox has no SATA controller", "h.vbox.storage.controller")
	s.vboxManage(`storagectl toolbox --name SATA --add sata --portcount 1`)

	r = s.convert(failed, "shop", "boot_check=true", "boot_within=2m")
	outcome.Lacks(t, "the error", r.Error.Message, `the guest did not say "login:" on COM1 within 120 s`, "mountroot>")
	outcome.Lacks(t, "the hint", r.Error.Hint, "listed under guest", "rescue=NAME")
	if state := s.settings("shop")["VMState"]; state != "poweroff" {
		t.Errorf("after the check it is %s", state)
	}

	r = s.convert(ok, "shop", "rescue=toolbox")
	if outcome.Result(t, r, "rescue", "machine") != "toolbox" {
		t.Errorf("%v", outcome.Result(t, r, "rescue"))
	}
	if got := s.settings("toolbox")["SATA-0-0"]; got != shopDisks[0].image("shop") {
		t.Errorf("toolbox has %q", got)
	}
	if again := s.convert(ok, "shop", "rescue=toolbox"); again.Changed != 0 {
		t.Errorf("once more: %d changes", again.Changed)
	}
	s.script(s.vbox, `h.vbox.start("toolbox", { as = "vbox" })`)
	r = s.convert(failed, "shop", "boot_check=true")
	outcome.Lacks(t, "the error", r.Error.Stderr, "Locking of attached media failed")
	r = s.convert(failed, "shop", "rescue=nobody")
	outcome.Lacks(t, "the error", r.Error.Message, "nobody")
}
