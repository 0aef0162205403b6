package vboxsim

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/vfs"
	"bsdrun/tests/transcript"
)

// newMachine is one with VirtualBox of a package, a user op, and the folder /vm
// with a raw image of 40 MiB, of which three blocks are not zeros.
func newMachine(t testing.TB, pkg string, params map[string][]string) *sim.Machine {
	t.Helper()
	m, err := sim.New(sim.Options{Profile: "freebsd-14.3", Tools: append(base.Tools(), Tools()...), Params: params})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	if err := m.InstallPackage(pkg); err != nil {
		t.Fatal(err)
	}
	if err := m.AddUser("op"); err != nil {
		t.Fatal(err)
	}
	transcript.Must(t, m, "mkdir /vm; chown op:op /vm")
	user, _ := m.LookupUser("op")
	view := m.View(m.CredOf(user), "/vm")
	writeRaw(t, view, "KVM-image.img", 40*mib, map[int64]string{510: "\x55\xaa", 4 * mib: "data", 39*mib + 5: "end"})
	writeRaw(t, view, "odd.img", 1000, nil)
	return m
}

func writeRaw(t testing.TB, view *vfs.View, name string, size int64, pieces map[int64]string) {
	t.Helper()
	f, err := view.OpenFile(name, vfs.O_RDWR|vfs.O_CREATE|vfs.O_TRUNC, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for at, text := range pieces {
		if _, err := f.WriteAt([]byte(text), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
}

// masks hide what must differ: identifiers, times, sizes of files, and which
// build and system it was.
var masks = []transcript.Mask{
	{Pattern: regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), By: "UUID"},
	{Pattern: regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+`), By: "TIME"},
	{Pattern: regexp.MustCompile(`7\.2\.\d+(_Debian)?r\d+`), By: "VERSION"},
	{Pattern: regexp.MustCompile(`Version 7\.2\.\d+(_Debian)?`), By: "VERSION"},
	{Pattern: regexp.MustCompile(`(?m)^(-rw-------).*? (\d+) \S+ +\S+ +\S+ (\S+)$`), By: "$1 $2 $3"},
	{Pattern: regexp.MustCompile(`080027[0-9A-F]{6}`), By: "MAC"},
	{Pattern: regexp.MustCompile(`\beth0\b`), By: "em0"},
	{Pattern: regexp.MustCompile(`ls: (cannot access ')?([^:']*)'?: No such file`), By: "ls: $2: No such file"},
	{Pattern: regexp.MustCompile(`(vdiIMAGECreateFile|vdiImageCreateFile)`), By: "create"},
}

// session replays the transcripts in the order in which one state leads to the
// next.
type session struct {
	name string
	skip []string // beginnings of commands that are left out
	only string   // the beginning of the one command that is run
	// before prepares, as op in /vm.
	before string
}

var sessions = []session{
	{name: "version"},
	{name: "list-empty"},
	{name: "list-ostypes"},
	{name: "createvm", skip: []string{twoWords}},
	{name: "list"},
	{name: "convertfromraw"},
	{name: "convertdd"},
	{name: "modifyvm"},
	{name: "startvm", skip: []string{"VBoxManage showvminfo"}},
	{name: "guestproperty"},
	{name: "medium", only: "VBoxManage showmediuminfo"},
	{name: "medium", only: "VBoxManage list"},
	{name: "storage", before: "cp VB-image.vdi VB-copy.vdi"},
	{name: "showvminfo"},
	{name: "close"},
	{name: "export", before: "VBoxManage storageattach fbsd --storagectl SATA --port 9 --medium none; VBoxManage storagectl fbsd --name IDE --remove; VBoxManage storagectl fbsd --name VIRTIO --remove; VBoxManage modifyvm fbsd --nic1 none", skip: []string{"VBoxManage import -n"}},
	{name: "clone", before: "rm -f VB-clone.vdi", skip: []string{"qemu-img"}},
	{name: "createmedium"},
}

const twoWords = "VBoxManage createvm --name 'two words'"

// Those that were recorded on hosts of their own.
var others = [][]session{
	{
		{name: "createvm", only: twoWords},
		{name: "inaccessible", before: "echo broken >'/home/op/VirtualBox VMs/two words/two words.vbox'"},
	},
	{
		{name: "uuid-clash", before: ofClash},
		{name: "rename"},
		{name: "unregister", before: "mv VB-moved.vdi VB-copy.vdi; rm -f odd.img; VBoxManage export fbsd -o fbsd.ova"},
	},
	{{name: "errors"}},
}

// ofClash makes a machine outside of its user's home, whose disk has been given
// back.
const ofClash = `rm -f odd.img; VBoxManage createvm --name fbsd --ostype FreeBSD_64 --register --basefolder /vm/vms
VBoxManage storagectl fbsd --name SATA --add sata --portcount 1
truncate -s 40M zero.img; VBoxManage convertfromraw zero.img VB-image.vdi; rm zero.img
VBoxManage storageattach fbsd --storagectl SATA --port 0 --device 0 --type hdd --medium VB-image.vdi`

func TestReplay(t *testing.T) {
	m := newMachine(t, "virtualbox-ose-72", recorded)
	replayAll(t, m, sessions)
	for _, list := range others {
		replayAll(t, newMachine(t, "virtualbox-ose-72", recorded), list)
	}
}

// recorded is the version of the transcripts.
var recorded = map[string][]string{VersionParam: {"7.2.22"}}

func replayAll(t *testing.T, m *sim.Machine, list []session) {
	t.Helper()
	for _, s := range list {
		if s.before != "" {
			if out, errs, code := m.Exec(context.Background(), "op", "cd /vm; "+s.before); code != 0 {
				t.Fatalf("%s: %s: code %d\n%s%s", s.name, s.before, code, out, errs)
			}
		}
		s.replay(t, m)
	}
}

func (s session) replay(t *testing.T, m *sim.Machine) {
	t.Helper()
	ran := 0
	for _, e := range transcript.Read(t, "testdata/vboxmanage.txtar", s.name) {
		skipped := false
		for _, beginning := range s.skip {
			skipped = skipped || strings.HasPrefix(e.Command, beginning)
		}
		skipped = skipped || !strings.HasPrefix(e.Command, s.only)
		if skipped {
			continue
		}
		ran++
		command := strings.NewReplacer("eth0", "em0", "stat -c%s", "stat -f%z").Replace(e.Command)
		if strings.HasSuffix(e.Stderr, "No such file or directory") && e.Code == 2 {
			e.Code = 1 // ls of GNU
		}
		out, errs, code := m.Exec(context.Background(), "op", "cd /vm; "+command)
		e.Compare(t, s.name, masks, out, errs, code)
	}
	if ran == 0 {
		t.Errorf("%s: nothing replayed", s.name)
	}
}
