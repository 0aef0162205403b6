package image

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/effect"
	"bsdrun/tests/transcript"
)

// recorded is what the real qemu-img printed for a command, the nth time.
func recorded(t *testing.T, command string, n int) transcript.Entry {
	t.Helper()
	for _, e := range transcript.Read(t, "testdata/qemu-img.txtar", "session") {
		if e.Command == command {
			if n--; n < 0 {
				return e
			}
		}
	}
	t.Fatalf("%s was not recorded", command)
	return transcript.Entry{}
}

func TestParseInfo(t *testing.T) {
	i, err := parseInfo("test", recorded(t, "qemu-img info --backing-chain --output=json top.qcow2", 0).Stdout)
	if err != nil {
		t.Fatal(err)
	}
	want := Image{
		Path: "top.qcow2", Format: "qcow2", VirtualSize: 32 << 20, ActualSize: 331776, ClusterSize: 65536, Compat: "1.1", Compression: "zlib",
		Backing: "base.qcow2", BackingPath: "base.qcow2", BackingFormat: "qcow2", Snapshots: []Snapshot{},
	}
	if diff := cmp.Diff(want, i.Image); diff != "" {
		t.Error(diff)
	}
	if len(i.Chain) != 3 || i.Chain[2].Path != "golden.qcow2" || i.Chain[2].Backing != "" {
		t.Errorf("%+v", i.Chain)
	}
	i, err = parseInfo("test", "["+recorded(t, "qemu-img info --output=json golden.qcow2", 0).Stdout+"]")
	if err != nil || len(i.Snapshots) != 2 || i.Snapshots[1] != (Snapshot{"2", "two b", time.Unix(1795720218, 192874000).UTC(), 0}) {
		t.Errorf("%+v %v", i, err)
	}
	i, err = parseInfo("test", "["+recorded(t, "qemu-img info --output=json empty.vdi", 0).Stdout+"]")
	if err != nil || i.Format != "vdi" || i.VirtualSize != 8<<20 {
		t.Errorf("%+v %v", i, err)
	}
	for _, bad := range []string{"", "[]", "{}", `[{"format": "raw"}]`, "qemu-img: x"} {
		if _, err := parseInfo("test", bad); effect.KindOf(err) != effect.Failed {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func parseExtents(text string) (Extents, error) {
	return readExtents(false, func(to io.Writer) error {
		_, err := io.WriteString(to, text)
		return err
	})
}

func TestParseExtents(t *testing.T) {
	e, err := parseExtents(recorded(t, "qemu-img map --output=json top.qcow2", 0).Stdout)
	want := Extents{Size: 32 << 20, Data: 262144, VDI: 2 << 20, Zero: 32<<20 - 262144, Extents: []Extent{
		{0, 1 << 20, false}, {1 << 20, 196608, true}, {1245184, 7143424, false}, {8 << 20, 65536, true}, {8454144, 25100288, false},
	}}
	if diff := cmp.Diff(want, e); diff != "" || err != nil {
		t.Error(diff, err)
	}
	e, err = parseExtents(`[{"start": 0, "length": 600000, "data": true}, {"start": 600000, "length": 50000}, {"start": 650000, "length": 700000, "data": true}]`)
	if err != nil || e.VDI != 2<<20 {
		t.Errorf("ranges that begin and end within the same MiB: %+v %v", e, err)
	}
	e, err = parseExtents(recorded(t, "qemu-img map --output=json pre.qcow2", 0).Stdout)
	if err != nil || e.Data != 0 || e.Zero != 4<<20 {
		t.Errorf("clusters that hold nothing: %+v %v", e, err)
	}
	if e, err = parseExtents("[]\n"); err != nil || e.Size != 0 || e.Extents == nil {
		t.Errorf("%+v %v", e, err)
	}
	for _, bad := range []string{
		"", "x", "{}", "[", `[{"start": 0, "length": 10}`, `[{"start": 5, "length": 10}]`, `[{"start": 0, "length": -1}]`, `[{"start": 0, "length": 10}, {"start": 11, "length": 1}]`,
	} {
		if e, err := parseExtents(bad); err == nil {
			t.Errorf("%q: %+v", bad, e)
		}
	}
}

// What the real one says when it fails is told apart.
func TestExplain(t *testing.T) {
	for command, want := range map[string]effect.ErrKind{
		"qemu-img info nosuch.img":                                  effect.Missing,
		"qemu-img convert -O raw top.qcow2 y":                       effect.Missing,
		"qemu-img info '/var/lib/libvirt/images/mail server.qcow2'": effect.Failed,
	} {
		e := recorded(t, command, 0)
		err := effect.AsError(explain(&effect.Error{Kind: effect.Failed, Code: e.Code, Err: e.Stderr}))
		if err.Kind != want || want == effect.Failed && !strings.Contains(err.Hint, "shut it down") {
			t.Errorf("%s: %+v", command, err)
		}
	}
	e := recorded(t, "qemu-img convert -O raw top.qcow2 y", 0)
	if err := effect.AsError(explain(&effect.Error{Code: e.Code, Err: e.Stderr})); !strings.HasSuffix(err.Hint, "its backing file golden.qcow2") {
		t.Errorf("%+v", err)
	}
}

func TestTail(t *testing.T) {
	var log tail
	log.add([]byte("bsdrun copy\n    (0.00/100%)\r    (25.00/100%)\r"))
	log.add([]byte("    (100.00/100%)\r\nqemu-img: error while writing at byte 7: No space left on device\n"))
	if log.phase != "copy" || log.text() != "qemu-img: error while writing at byte 7: No space left on device" {
		t.Errorf("%q %q", log.phase, log.text())
	}
	log.add([]byte("\nbsdrun compare\n    (3.12/100%)\r"))
	if log.phase != "compare" {
		t.Errorf("%q", log.phase)
	}
}

func FuzzInfo(f *testing.F) {
	data, err := os.ReadFile("testdata/qemu-img.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, part := range strings.Split(string(data), "--- stdout\n") {
		text, _, _ := strings.Cut(part, "--- stderr")
		f.Add(text)
		f.Add("[" + text + "]")
	}
	f.Fuzz(func(t *testing.T, out string) {
		if i, err := parseInfo("test", out); err == nil && (len(i.Chain) == 0 || i.VirtualSize < 0) {
			t.Errorf("%+v", i)
		}
		if e, err := parseExtents(out); err == nil && e.Data+e.Zero != e.Size {
			t.Errorf("%+v", e)
		}
		var log tail
		log.add([]byte(out))
		_ = log.text()
	})
}
