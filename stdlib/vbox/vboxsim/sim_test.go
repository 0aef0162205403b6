package vboxsim

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/vfs"
	"bsdrun/stdlib/kld/kldsim"
	"bsdrun/stdlib/service/servicesim"
	"bsdrun/tests/onsim"
	"bsdrun/tests/transcript"
)

// step is a command, its exit code and what its answer holds; a text after "!"
// must not be there.
type step struct {
	script string
	code   int
	want   []string
}

// steps runs commands as op in /vm.
func steps(t *testing.T, m *sim.Machine, list []step) {
	t.Helper()
	for _, s := range list {
		out, errs, code := m.Exec(context.Background(), "op", "cd /vm; "+s.script)
		if code != s.code {
			t.Errorf("%s: code %d, want %d\n%s%s", s.script, code, s.code, out, errs)
		}
		for _, want := range s.want {
			without, not := strings.CutPrefix(want, "!")
			if strings.Contains(out+errs, without) == not {
				t.Errorf("%s: %q\n%s%s", s.script, want, out, errs)
			}
		}
	}
}

func TestImages(t *testing.T) {
	steps(t, newMachine(t, "virtualbox-ose-72", nil), []step{
		// zeros take no place, whether they are written or a hole, and come from a file or a pipe
		{script: "dd if=/dev/zero of=zero.img bs=1m count=8 2>/dev/null; VBoxManage convertfromraw zero.img zero.vdi; stat -f%z zero.vdi", want: []string{"2097152"}},
		{script: "VBoxManage convertfromraw stdin pipe.vdi 41943040 <KVM-image.img; stat -f%z pipe.vdi", want: []string{"5242880"}},
		{script: "VBoxManage clonemedium disk pipe.vdi back.img --format RAW && cmp KVM-image.img back.img"},
		{script: "VBoxManage convertfromraw KVM-image.img fixed.vdi --variant Fixed; stat -f%z fixed.vdi", want: []string{"44040192"}},
		{script: "VBoxManage showmediuminfo fixed.vdi", want: []string{"Format variant: fixed default"}},
		{script: "VBoxManage clonemedium disk fixed.vdi back2.img --format RAW && cmp KVM-image.img back2.img"},
		{script: "dd if=fixed.vdi bs=1 count=39 2>/dev/null", want: []string{"<<< Oracle VM VirtualBox Disk Image >>>"}},
		{script: "echo rubbish >bad.vdi; VBoxManage showmediuminfo bad.vdi", code: 1, want: []string{"Could not get the storage format of the medium '/vm/bad.vdi'"}},
		{script: "VBoxManage convertfromraw KVM-image.img x.vdi --variant Split2G", code: 70, want: []string{"the simulator can't"}},
	})
}

func TestUnknownIsAnError(t *testing.T) {
	steps(t, newMachine(t, "virtualbox-ose-72", nil), []step{
		{script: "VBoxManage list bogus", code: 2, want: []string{"Unknown subcommand"}},
		{script: "VBoxManage list usbhost", code: 70, want: []string{"the simulator can't"}},
		{script: "VBoxManage convertfromraw KVM-image.img a.vdi --bogus", code: 2, want: []string{"Unknown option: --bogus"}},
		{script: "VBoxManage createvm --name a --platform-architecture x86 --register"},
		{script: "VBoxManage storagectl a --name S --add bogus", code: 1, want: []string{"Invalid --add argument"}},
		{script: "VBoxManage controlvm a bogus", code: 1, want: []string{"not currently running"}},
		{script: "VBoxManage snapshot a list", code: 1, want: []string{"This machine does not have any snapshots"}},
		{script: "VBoxManage modifyvm a --nic-type1 virtio --mac-address1 auto --rtc-use-utc on"},
		{script: "VBoxManage modifyvm a --natpf1 ssh,tcp,,22,,22 --natpf1 ssh,tcp,,23,,22", code: 1, want: []string{"already exists"}},
		{script: "VBoxManage modifyvm a --natpf1 delete nosuch", code: 1},
	})
}

func TestOlderVersionsKnowLess(t *testing.T) {
	steps(t, newMachine(t, "virtualbox-ose", nil), []step{
		{script: "VBoxManage --version", want: []string{"6.1.50r"}},
		{script: "VBoxManage createvm --name a --register"},
		{script: "VBoxManage createvm --name b --platform-architecture x86", code: 2, want: []string{"Unknown option"}},
		{script: "VBoxManage modifyvm a --nic-type1 virtio", code: 1, want: []string{"Unknown option: --nic-type1"}},
		{script: "VBoxManage showvminfo a --machinereadable", want: []string{"!platformArchitecture", "!rec_screen0", `vmprocpriority="default"`}},
	})
	steps(t, newMachine(t, "virtualbox-ose", map[string][]string{VersionParam: {"4.2.18"}}), []step{
		{script: "VBoxManage createvm --name a --register && ls .VirtualBox ~/.VirtualBox/VirtualBox.xml", code: 1, want: []string{"/home/op/.VirtualBox/VirtualBox.xml"}},
		{script: "VBoxManage storagectl a --name S --add sata --portcount 2", code: 2, want: []string{"Unknown option"}},
		{script: "VBoxManage storagectl a --name S --add sata --sataportcount 2"},
		{script: "VBoxManage storagectl a --name V --add virtio", code: 1, want: []string{"Invalid --add argument"}},
		{script: "VBoxManage createmedium disk --filename a.vdi --size 10", code: 2, want: []string{"Invalid command"}},
		{script: "VBoxManage createhd --filename a.vdi --size 10 && VBoxManage showhdinfo a.vdi", want: []string{"Logical size:   10 MBytes", "Current size on disk: 2 MBytes"}},
		{script: "VBoxManage convertdd KVM-image.img b.vdi", want: []string{"Creating dynamic image"}},
	})
}

// TestGuests boots what is on the first disk, as far as that goes.
func TestGuests(t *testing.T) {
	m := newMachine(t, "virtualbox-ose-72", nil)
	transcript.Must(t, m, "echo 'vboxusers:*:920:op' >>/etc/group")
	s := m.State()
	s.Lock()
	s.Modules = append(s.Modules, s.Modules[0])
	s.Modules[len(s.Modules)-1].Name = driver
	s.Unlock()
	user, _ := m.LookupUser("op")
	view := m.View(m.CredOf(user), "/vm")
	gpt := map[int64]string{510: "\x55\xaa", 512: "EFI PART", 1024: string(espType)}
	for _, c := range []struct {
		name, bus, firmware, marker string
		pieces                      map[int64]string
		want, not                   string
	}{
		{name: "labels", bus: "sata", firmware: "bios", marker: "sim guest: hostname=mail root=zfs:zroot/ROOT/default", want: "FreeBSD/amd64 (mail) (ttyu0)"},
		{name: "vtbd", bus: "sata", firmware: "bios", marker: "sim guest: hostname=mail root=/dev/vtbd0p2", want: "Mounting from ufs:/dev/vtbd0p2 failed with error 19.", not: "login:"},
		{name: "scsi", bus: "virtio", firmware: "bios", marker: "sim guest: hostname=mail root=/dev/da0p2", want: "login:"},
		{name: "linux", bus: "ide", firmware: "bios", marker: "sim guest: os=Linux hostname=web", want: "web login:", not: "FreeBSD"},
		{name: "efi", bus: "sata", firmware: "efi", pieces: gpt, want: "(Amnesiac)"},
		{name: "noefi", bus: "sata", firmware: "efi", want: "No bootable option", not: "login:"},
		{name: "empty", bus: "sata", firmware: "bios", pieces: map[int64]string{}, not: "login:"},
	} {
		pieces := map[int64]string{510: "\x55\xaa"}
		if c.pieces != nil {
			pieces = c.pieces
		}
		pieces[30000] = c.marker
		writeRaw(t, view, c.name+".img", 4*mib, pieces)
		want := []string{c.want}
		if c.not != "" {
			want = append(want, "!"+c.not)
		}
		steps(t, m, []step{{script: `N=` + c.name + `
VBoxManage createvm --name $N --ostype FreeBSD_64 --register --basefolder /vm >/dev/null
VBoxManage modifyvm $N --firmware ` + c.firmware + ` --uart1 0x3F8 4 --uartmode1 file /vm/$N.console
VBoxManage convertfromraw $N.img $N.vdi 2>/dev/null
VBoxManage storagectl $N --name S --add ` + c.bus + `
VBoxManage storageattach $N --storagectl S --port 0 --device 0 --type hdd --medium $N.vdi
VBoxManage startvm $N --type headless
sleep 40; cat $N.console; VBoxManage controlvm $N poweroff 2>/dev/null`, want: want}})
	}
}

// TestMachinesRunOn closes a host with a machine that runs, and opens it again.
func TestMachinesRunOn(t *testing.T) {
	url := "sim:vboxhost?state=" + t.TempDir() + "/host"
	tools := slices.Concat(base.Tools(), kldsim.Tools(), servicesim.Tools(), Tools())
	as := func(m *sim.Machine, script string) string {
		out, errs, _ := m.Exec(context.Background(), "vbox", script)
		return out + errs
	}
	onsim.Open(t, url, tools, func(m *sim.Machine) {
		as(m, "VBoxManage createvm --name a --register; VBoxManage createvm --name b --register; VBoxManage startvm a --type headless; VBoxManage startvm b --type headless")
		transcript.Must(t, m, "pkill -9 -f 'comment b'")
	})
	onsim.Open(t, url, tools, func(m *sim.Machine) {
		if got := as(m, "VBoxManage list runningvms; pgrep -lf VBoxHeadless"); strings.Count(got, "VBoxHeadless") != 1 || !strings.HasPrefix(got, `"a" {`) {
			t.Errorf("%s", got)
		}
		if got := as(m, "VBoxManage showvminfo b --machinereadable"); !strings.Contains(got, `VMState="aborted"`) {
			t.Errorf("%s", got)
		}
		if got := as(m, "VBoxManage controlvm a poweroff; sleep 2; VBoxManage showvminfo a --machinereadable"); !strings.Contains(got, `VMState="poweroff"`) {
			t.Errorf("%s", got)
		}
	})
}

// FuzzHeader reads rubbish as an image.
func FuzzHeader(f *testing.F) {
	f.Add([]byte(vdiIntro), int64(4096))
	f.Add([]byte("QFI\xfb"), int64(512))
	f.Add([]byte("KDMV\x01\x00\x00\x0011111111-2222-4333-8444-555555555555 1048576"), int64(mib))
	f.Fuzz(func(t *testing.T, head []byte, size int64) {
		if size < 0 || size > 1<<40 {
			return
		}
		view := vfs.New(time.Now).View(vfs.Root, "/")
		file, err := view.OpenFile("/image", vfs.O_RDWR|vfs.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = file.Write(head)
		_ = file.Truncate(size)
		if h, err := readHeader(file); err == nil && (h.Format == "" || h.Size < 0) {
			t.Errorf("%q: %+v", head, h)
		}
	})
}
