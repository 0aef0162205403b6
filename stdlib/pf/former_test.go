package pf

import (
	"context"
	"strings"
	"testing"

	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/vfs"
	"bsdrun/stdlib/kld/kldsim"
	"bsdrun/stdlib/pf/pfsim"
	"bsdrun/tests/onsim"
)

// What is in force is written so that loading it again gives the same: the file
// where it is that, else what the kernel holds.
func TestTextOfWhatIsInForce(t *testing.T) {
	ctx := context.Background()
	h, m := onsim.New(t, "jailhost", base.Tools(), kldsim.Tools(), pfsim.Tools())
	const text = "# ours\nset skip on lo\ntable <bad> persist { 203.0.113.0/24 !203.0.113.7 }\nnat on em0 from 10.0.0.0/24 to any -> (em0)\nblock in from <bad>\n"
	if err := m.View(vfs.Root, "/").WriteFile("/etc/pf.conf", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m.Exec(ctx, "root", "kldload pf; pfctl -f /etc/pf.conf; pfctl -qt bad -T add 192.0.2.77")
	if got, err := inForce(ctx, h, "x", "/etc/pf.conf"); err != nil || got != text {
		t.Errorf("%v\n%s", err, got)
	}
	m.Exec(ctx, "root", "echo pass >/etc/pf.conf")
	got, err := inForce(ctx, h, "x", "/etc/pf.conf")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"set skip on { lo ", "table <bad> persist { 192.0.2.77 203.0.113.0/24 !203.0.113.7 }\n", "-> (em0) round-robin\n", "block drop in from <bad> to any\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if c, err := Check(ctx, h, CheckArgs{Text: got}); err != nil || !c.OK {
		t.Errorf("pfctl does not take it: %+v %v", c, err)
	}
	if d, err := DiffOf(ctx, h, DiffArgs{Text: got}); err != nil || len(d.Added) > 0 && !strings.HasPrefix(d.Added[0], "set skip on lo") {
		t.Errorf("it is another: %+v %v", d, err)
	}
}
