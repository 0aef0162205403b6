// Package convert carries out the conversion of KVM machines on two simulated hosts:
// as it is, with a failure at each of its effects, and with what hosts and domains
// can have against it.
package convert

import (
	"errors"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bsdrun/recipes"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/engine"
	"bsdrun/runtime/inventory"
	"bsdrun/runtime/journal"
	"bsdrun/runtime/sim"
	"bsdrun/stdlib"
	"bsdrun/tests/onsim"
	"bsdrun/tests/outcome"
)

var stopped, unreachable, failed, ok = effect.StatusStopped, effect.StatusUnreachable, effect.StatusFailed, effect.StatusOK

// stage is a host of KVM and one of VirtualBox in state files, and what was done
// there.
type stage struct {
	t     *testing.T
	kvm   string // URLs
	vbox  string
	store *journal.Store
	id    string       // of the last run of the recipe
	gone  []string     // runs that are given up
	wrap  effect.Layer // around what is sent to the hosts
}

// newStage makes both hosts; what goes wrong there may be given as parameters of
// simulated machines, by profile.
func newStage(t *testing.T, faults ...url.Values) *stage {
	t.Helper()
	store, err := journal.Memory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	s := &stage{t: t, store: store}
	dir := t.TempDir()
	for i, to := range []struct {
		url     *string
		profile string
	}{{&s.kvm, "kvmhost"}, {&s.vbox, "vboxhost"}} {
		params := url.Values{"state": {filepath.Join(dir, to.profile)}}
		if i < len(faults) {
			maps.Copy(params, faults[i])
		}
		*to.url = "sim:" + to.profile + "?" + params.Encode()
	}
	return s
}

// shop makes a small domain beside the others: like web, with disks of some MiB.
func (s *stage) shop() *stage {
	s.t.Helper()
	s.byHand(s.kvm, `cd /var/lib/libvirt/images
dd if=/dev/urandom of=/tmp/raw bs=64k count=3
dd if=/dev/urandom of=/tmp/raw bs=64k count=1 seek=300
truncate -s 32M /tmp/raw
printf '\125\252' | dd of=/tmp/raw bs=1 seek=510 conv=notrunc
qemu-img convert -f raw -O qcow2 /tmp/raw shop-base.qcow2
qemu-img create -f qcow2 -b shop-base.qcow2 -F qcow2 shop.qcow2
dd if=/dev/urandom of=shop-data.img bs=64k count=1 seek=100
truncate -s 16M shop-data.img
rm /tmp/raw
virsh dumpxml web | sed -e 's/web/shop/g' -e s/5b1b01/5b1bff/ >/tmp/shop.xml
virsh define /tmp/shop.xml`)
	return s
}

var shopDisks = []disk{
	{"vda", "qcow2", []string{"shop.qcow2", "shop-base.qcow2"}, "SATA-0-0"},
	{"vdb", "raw", []string{"shop-data.img"}, "SATA-1-0"},
}

// like gives a stage the hosts of another one, as they are now.
func (s *stage) like(other *stage) *stage {
	s.t.Helper()
	for _, files := range [][2]string{{other.kvm, s.kvm}, {other.vbox, s.vbox}} {
		b, err := os.ReadFile(stateOf(files[0]))
		if err == nil {
			err = os.WriteFile(stateOf(files[1]), b, 0o600)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.t.Fatal(err)
		}
	}
	return s
}

func stateOf(machine string) string {
	_, query, _ := strings.Cut(machine, "?")
	params, _ := url.ParseQuery(query)
	return params.Get("state")
}

func (s *stage) options() engine.Options {
	return engine.Options{
		Journal: s.store, Modules: stdlib.Modules(), Tools: stdlib.Tools, Wrap: s.wrap, Settings: engine.Settings{TakeOver: s.gone},
	}
}

// params are those of a conversion of a domain; each further one is NAME=VALUE.
func (s *stage) params(domain string, further ...string) map[string]any {
	p := map[string]any{"domain": domain, "from": s.kvm, "user": "vbox"}
	for _, f := range further {
		name, value, _ := strings.Cut(f, "=")
		p[name] = value
	}
	return p
}

// begin carries the recipe out, or checks it, however that ends.
func (s *stage) begin(check bool, params map[string]any) journal.HostReport {
	s.t.Helper()
	source, err := recipes.Files.ReadFile("kvm-to-virtualbox.lua")
	if err != nil {
		s.t.Fatal(err)
	}
	o := s.options()
	o.Name, o.Source, o.Files, o.Params, o.Settings.Check = "kvm-to-virtualbox.lua", source, recipes.Library(), params, check
	o.Hosts = s.hosts(s.vbox)
	return s.report(engine.Run(s.t.Context(), o))
}

func (s *stage) hosts(url string) []inventory.Host {
	s.t.Helper()
	hosts, err := inventory.Parse(url)
	if err != nil {
		s.t.Fatal(err)
	}
	return hosts
}

// convert carries the recipe out and expects a status.
func (s *stage) convert(status string, domain string, further ...string) journal.HostReport {
	s.t.Helper()
	return s.expect(status, s.begin(false, s.params(domain, further...)))
}

// resume goes on with the last run.
func (s *stage) resume() journal.HostReport {
	s.t.Helper()
	return s.report(engine.Resume(s.t.Context(), s.id, s.options()))
}

func (s *stage) report(r *journal.Report, err error) journal.HostReport {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
	s.id = r.Run
	return r.Hosts[0]
}

func (s *stage) expect(status string, r journal.HostReport) journal.HostReport {
	s.t.Helper()
	return outcome.Is(s.t, status, r)
}

// script runs Lua on a host and returns what that gave; resume is not about it.
func (s *stage) script(url, code string) any {
	s.t.Helper()
	defer func(id string, wrap effect.Layer) { s.id, s.wrap = id, wrap }(s.id, s.wrap)
	s.wrap = nil
	o := s.options()
	o.Name, o.Source, o.AdHoc, o.Hosts = "-e", []byte(code), true, s.hosts(url)
	return s.expect(ok, s.report(engine.Run(s.t.Context(), o))).Result
}

// on opens a machine for what is done to it, or looked at, by hand.
func (s *stage) on(url string, do func(m *sim.Machine)) {
	s.t.Helper()
	onsim.Open(s.t, url, stdlib.Tools(), do)
}

// byHand runs a script on a host as root and returns what it printed.
func (s *stage) byHand(url, script string) (out string) {
	s.t.Helper()
	s.on(url, func(m *sim.Machine) { out = onsim.Exec(s.t, m, script) })
	return out
}

// vboxManage runs VBoxManage for each of some arguments, as the user of the machines.
func (s *stage) vboxManage(arguments ...string) string {
	s.t.Helper()
	script := ""
	for _, a := range arguments {
		script += "/usr/local/bin/VBoxManage " + a + "; "
	}
	return s.byHand(s.vbox, "su -l vbox -c '"+script+"'")
}

// settings are those of a machine, as VirtualBox tells them.
func (s *stage) settings(name string) map[string]string {
	s.t.Helper()
	list := map[string]string{}
	for line := range strings.Lines(s.vboxManage(`showvminfo "` + name + `" --machinereadable`)) {
		if key, value, found := strings.Cut(strings.TrimSpace(line), "="); found {
			list[strings.Trim(key, `"`)] = strings.Trim(value, `"`)
		}
	}
	return list
}

// lines are the texts of a list in what the run returned.
func lines(t *testing.T, r journal.HostReport, names ...string) string {
	t.Helper()
	list, _ := outcome.Result(t, r, names...).([]any)
	var text strings.Builder
	for _, line := range list {
		text.WriteString(line.(string) + "\n")
	}
	return text.String()
}

func diffOf(want, got any) string { return cmp.Diff(want, got) }
