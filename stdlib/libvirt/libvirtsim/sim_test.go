package libvirtsim

import (
	"fmt"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/vfs"
	"bsdrun/stdlib/image/qcow2"
	"bsdrun/tests/transcript"
)

// machine is a simulated host with virsh, and what the parameters ask for.
func machine(t testing.TB, params map[string][]string) *sim.Machine {
	t.Helper()
	m, err := sim.New(sim.Options{Tools: append(base.Tools(), Tools()...), Params: params})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.InstallPackage("libvirt-clients"); err != nil {
		t.Fatal(err)
	}
	return m
}

// recorded is a machine as the one was on which the session was recorded.
func recorded(t *testing.T) *sim.Machine {
	t.Helper()
	m := machine(t, map[string][]string{DeafParam: {"mail server"}}) // SeaBIOS hears nothing
	s := systemStore(m)
	put := func(file, text string) {
		t.Helper()
		if err := s.write(file, text); err != nil {
			t.Fatal(err)
		}
	}
	names, err := os.ReadDir("../testdata/domains")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range names {
		if f.Name() == "bios.xml" || f.Name() == "mail-live.xml" {
			continue
		}
		text, err := os.ReadFile("../testdata/domains/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(f.Name(), ".xml")
		put(s.domainFile(map[string]string{"mail": "mail server"}[name]+map[bool]string{true: name}[name != "mail"]), string(text))
	}
	for _, name := range []string{"default", "lan"} {
		text, _ := seeds.ReadFile("seed/networks/" + name + ".xml")
		put(s.network(name), string(text))
	}
	pool, _ := seeds.ReadFile("seed/pool.xml")
	put(s.pool("default"), string(pool))
	put(s.activePool("default"), string(pool))
	for name, size := range map[string]int64{
		"web.qcow2": 20 * mib, "web-data.img": -10 * mib, "golden.qcow2": 32 * mib, "db-base.qcow2": 32 * mib, "db.qcow2": 32 * mib, "old.img": -5 * mib,
		"install.iso": -mib, "old-data.qcow2": 5 * mib, "store-a.qcow2": 5 * mib, "store-b.img": -5 * mib, "store-c.qcow2": 6 * mib, "mail server.qcow2": 8 * mib, "lab.qcow2": 8 * mib,
	} {
		put(path.Join(images, name), "")
		f, err := s.view.OpenFile(path.Join(images, name), vfs.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if size < 0 {
			err = f.Truncate(-size)
		} else {
			var w *qcow2.Writer
			if w, err = qcow2.Create(f, qcow2.Options{Size: size}); err == nil {
				err = w.Close()
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	for i, name := range []string{"one", "two b"} {
		if err := s.seedSnapshot("lab", name, 1795720029); err != nil {
			t.Fatal(err)
		}
		file := s.snapshotFile(s.domain("lab"), name)
		text := s.read(file)
		if i == 0 {
			text = strings.Replace(text, "<active>1", "<active>0", 1)
		} else {
			text = strings.Replace(text, "  <creation", "  <parent>\n    <name>one</name>\n  </parent>\n  <creation", 1)
		}
		put(file, text)
	}
	mail, err := os.ReadFile("../testdata/other/mail.xml")
	if err != nil {
		t.Fatal(err)
	}
	put("/mail.xml", string(mail))
	put("/bad.xml", "<domain type='qemu'><name>x\n")
	transcript.Must(t, m, "virsh start 'mail server'; virsh destroy 'mail server'; virsh start 'mail server'; virsh autostart web; hostname vm")
	return m
}

// masks hide what depends on the file system and on how long a machine runs.
var masks = []transcript.Mask{
	{Pattern: regexp.MustCompile(`CPU time: .*\n`), By: ""},
	{Pattern: regexp.MustCompile(`Messages: .*\n`), By: ""},
	{Pattern: regexp.MustCompile(`((?:Capacity|Allocation|Physical|Available): +)[\d.]+( [KMGT]iB|)`), By: "$1 N"},
	{Pattern: regexp.MustCompile(`'bytes'>\d+`), By: "'bytes'>N"},
	{Pattern: regexp.MustCompile(`19:07:09`), By: "19:07:09"},
	{Pattern: regexp.MustCompile(`(?m)^ vd[ab] .*|^ Target   Capacity.*|^-+$`), By: "TABLE"},
	{Pattern: regexp.MustCompile(`(?s)    <permissions>.*</permissions>\n`), By: ""},
	{Pattern: regexp.MustCompile(`(?s)\(domain_definition\).*`), By: "XML"},
}

func TestRecordedSession(t *testing.T) {
	transcript.Script{
		Archive: "../testdata/virsh.txtar", Masks: masks,
		// A domain that runs and is undefined becomes transient, and what was
		// recorded after that of the other files is not modelled.
		Skip: []string{"virsh net-start", "virsh reboot"},
	}.Replay(t, recorded(t), "session")
}

func TestTablesAreAsWide(t *testing.T) {
	m := recorded(t)
	want := fmt.Sprintf(" Id   Name          State\n%s\n 2    mail server   running\n\n", strings.Repeat("-", 29))
	if out := transcript.Must(t, m, "virsh list"); out != want {
		t.Errorf("%q", out)
	}
}

type step transcript.Step

func TestSeed(t *testing.T) {
	m := machine(t, nil)
	if err := Seed(m); err != nil {
		t.Fatal(err)
	}
	boot(m)
	if out := transcript.Must(t, m, "virsh list --all --name"); out != "mail server\ndb\nlab\nold\nstore\nweb\n\n" {
		t.Errorf("%q", out)
	}
	transcript.Steps(t, m, []step{
		{"virsh dumpxml db", 0, []string{"spice", "!sesame"}},
		{"virsh dumpxml db --security-info", 0, []string{"passwd='sesame'"}},
		{"virsh shutdown 'mail server'; virsh domstate 'mail server'", 0, []string{"running"}},
		{"sleep 60; virsh domstate --reason 'mail server'", 0, []string{"shut off (shutdown)"}},
		{"virsh start web; virsh domstate web", 0, []string{"running"}},
		{"virsh net-destroy default; virsh destroy web; virsh start web", 1, []string{"network 'default' is not active"}},
		{"virsh pool-destroy default; virsh vol-path --pool default --vol store-c.qcow2", 1, []string{"pool 'default' is not active"}},
	})
	_, errs, code := m.Exec(t.Context(), "nobody", "virsh -c qemu:///system list")
	if code != 1 || !strings.Contains(errs, "Permission denied") {
		t.Errorf("%d %s", code, errs)
	}
	if out, errs, code := m.Exec(t.Context(), "nobody", "virsh list --all"); code != 0 || strings.Contains(out, "web") {
		t.Errorf("%d %s%s", code, out, errs)
	}
}

func FuzzSplit(f *testing.F) {
	f.Add(`dominfo "a b"; domstate 'x\'`)
	f.Fuzz(func(t *testing.T, text string) {
		commands, wrong := split(text)
		for _, words := range commands {
			if wrong == "" && len(words) == 0 {
				t.Errorf("%q: an empty command", text)
			}
		}
	})
}

func FuzzDefine(f *testing.F) {
	m := machine(f, nil)
	s := systemStore(m)
	f.Add("<domain><name>a</name></domain>")
	f.Add("<domain type='kvm'><name>a b</name><memory unit='GiB'>1</memory><devices><graphics type='vnc' passwd='x'/></devices></domain>")
	f.Fuzz(func(t *testing.T, text string) {
		name, err := s.define(text)
		if err != nil {
			return
		}
		if d := s.domain(name); d == nil || d.uuid == "" {
			t.Errorf("%q is lost: %q", name, s.read(s.domainFile(name)))
		}
		_ = s.view.Remove(s.domainFile(name))
	})
}
