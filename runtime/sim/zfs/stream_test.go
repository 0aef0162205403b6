package zfs

import (
	"bytes"
	"strings"
	"testing"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

// sent is the stream of a send.
func sent(t *testing.T, m *sim.Machine, o SendOptions) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	ok(t, Send(m, o, &b))
	return &b
}

func received(t *testing.T, m *sim.Machine, target string, in *bytes.Buffer, o ReceiveOptions) {
	t.Helper()
	_, err := Receive(m, target, in, o)
	ok(t, err)
}

func TestSendAndReceive(t *testing.T) {
	from, to := machine(t, profile14), machine(t, "freebsd-13.5-zfs-mirror")
	create(t, from, "zroot/data", "compression", "zstd")
	put(t, from, "/zroot/data/f", "1")
	put(t, from, "/zroot/data/gone", "x")
	ok(t, TakeSnapshots(from, []string{"zroot/data@1"}, nil))
	put(t, from, "/zroot/data/f", "2")
	ok(t, from.View(vfs.Root, "/").Remove("/zroot/data/gone"), TakeSnapshots(from, []string{"zroot/data@2"}, nil))
	put(t, from, "/zroot/data/f", "3")
	ok(t, TakeSnapshots(from, []string{"zroot/data@3"}, nil))

	received(t, to, "zroot/copy", sent(t, from, SendOptions{Snapshot: "zroot/data@1"}), ReceiveOptions{})
	if got := content(to, "/zroot/copy/f"); got != "1" {
		t.Fatalf("received %q", got)
	}
	_, copied := FindDataset(to, "zroot/copy")
	if v, s := PropertyValue(to, copied, "compression"); s == "received" {
		t.Errorf("compression %s was received without -p", v)
	}
	_, err := Receive(to, "zroot/copy", sent(t, from, SendOptions{Snapshot: "zroot/data@1"}), ReceiveOptions{})
	refused(t, err, "cannot receive new filesystem stream: destination 'zroot/copy' exists\nmust specify -F to overwrite it")
	_, err = Receive(to, "zroot/copy", sent(t, from, SendOptions{Snapshot: "zroot/data@3"}), ReceiveOptions{})
	refused(t, err, "cannot receive new filesystem stream: destination 'zroot/copy' exists\nmust specify -F to overwrite it")
	_, err = Receive(to, "zroot/copy", sent(t, from, SendOptions{Snapshot: "zroot/data@3", From: "@2"}), ReceiveOptions{})
	refused(t, err, "cannot receive incremental stream: most recent snapshot of zroot/copy does not\nmatch incremental source")

	put(t, to, "/zroot/copy/local", "mine")
	all := SendOptions{Snapshot: "zroot/data@3", From: "1", Intermediates: true, Properties: true}
	_, err = Receive(to, "zroot/copy", sent(t, from, all), ReceiveOptions{})
	refused(t, err, "cannot receive incremental stream: destination zroot/copy has been modified\nsince most recent snapshot")
	received(t, to, "zroot/copy", sent(t, from, all), ReceiveOptions{Force: true})
	if content(to, "/zroot/copy/f") != "3" || content(to, "/zroot/copy/gone") != "" || content(to, "/zroot/copy/local") != "" {
		t.Error("the incremental stream left the wrong files")
	}
	if got := strings.Join(names(Children(to, "zroot/copy")), " "); got != "zroot/copy@1 zroot/copy@2 zroot/copy@3" {
		t.Errorf("snapshots %s", got)
	}
	if v, s := PropertyValue(to, copied, "compression"); v != "zstd" || s != "received" {
		t.Errorf("compression %s %s", v, s)
	}
	one := SendOptions{Snapshot: "zroot/data@1"}
	_, err = Receive(to, "zroot/new", sent(t, from, one), ReceiveOptions{Set: map[string]string{"bogus": "1"}})
	refused(t, err, "cannot receive: invalid property 'bogus'")
	received(t, to, "zroot/new", sent(t, from, one), ReceiveOptions{Set: map[string]string{"mountpoint": "/srv/new"}})
	if got := MountedAt(to, "zroot/new"); got != "/srv/new" {
		t.Errorf("mounted at %q", got)
	}
	_, err = Receive(to, "zroot/new", bytes.NewBufferString("junk\n"), ReceiveOptions{})
	refused(t, err, "cannot receive: failed to read from stream")
}

func TestSendFromBookmark(t *testing.T) {
	from, to := machine(t, profile14), machine(t, profile14)
	create(t, from, "zroot/data")
	put(t, from, "/zroot/data/a", "a")
	ok(t, TakeSnapshots(from, []string{"zroot/data@1"}, nil), TakeBookmark(from, "zroot/data@1", "zroot/data#1"))
	received(t, to, "zroot/data", sent(t, from, SendOptions{Snapshot: "zroot/data@1"}), ReceiveOptions{})
	ok(t, DestroyDataset(from, "zroot/data@1"), from.View(vfs.Root, "/").Rename("/zroot/data/a", "/zroot/data/b"))
	ok(t, TakeSnapshots(from, []string{"zroot/data@2"}, nil))
	received(t, to, "zroot/data", sent(t, from, SendOptions{Snapshot: "zroot/data@2", From: "#1"}), ReceiveOptions{})
	if content(to, "/zroot/data/b") != "a" || content(to, "/zroot/data/a") != "" {
		t.Error("wrong files")
	}
}

func TestReplicate(t *testing.T) {
	from, to := machine(t, profile14), machine(t, profile14)
	create(t, from, "zroot/z", "org.example:a", "1")
	create(t, from, "zroot/z/y")
	put(t, from, "/zroot/z/y/f", "old")
	ok(t, TakeSnapshots(from, []string{"zroot/z@1", "zroot/z/y@1"}, nil))
	_, err := CreateDataset(from, NewDataset{Name: "zroot/z/clone", Origin: "zroot/z/y@1"})
	ok(t, err)
	put(t, from, "/zroot/z/clone/g", "cloned")
	put(t, from, "/zroot/z/y/f", "new")
	ok(t, TakeSnapshots(from, []string{"zroot/z@2", "zroot/z/y@2", "zroot/z/clone@2"}, nil))
	create(t, to, "zroot/backup")
	received(t, to, "zroot/backup", sent(t, from, SendOptions{Snapshot: "zroot/z@2", Replicate: true}), ReceiveOptions{WithoutTo: "d"})
	want := "zroot/backup/z zroot/backup/z@1 zroot/backup/z@2 zroot/backup/z/clone zroot/backup/z/clone@2 zroot/backup/z/y zroot/backup/z/y@1 zroot/backup/z/y@2"
	if got := strings.Join(names(Children(to, "zroot/backup")), " "); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	_, clone := FindDataset(to, "zroot/backup/z/clone")
	if clone.Origin != "zroot/backup/z/y@1" || content(to, "/zroot/backup/z/clone/g") != "cloned" || content(to, "/zroot/backup/z/clone/f") != "old" {
		t.Errorf("the clone comes from %q", clone.Origin)
	}
	ok(t, DestroyDataset(from, "zroot/z/clone@2"), DestroyDataset(from, "zroot/z/clone"), DestroyDataset(from, "zroot/z/y@1"))
	put(t, from, "/zroot/z/y/f", "newest")
	ok(t, TakeSnapshots(from, []string{"zroot/z@3", "zroot/z/y@3"}, nil))
	received(t, to, "zroot/backup", sent(t, from, SendOptions{Snapshot: "zroot/z@3", From: "@2", Intermediates: true, Replicate: true}), ReceiveOptions{WithoutTo: "d", Force: true})
	if content(to, "/zroot/backup/z/y/f") != "newest" {
		t.Error("the second stream left old files")
	}
	_, z := FindDataset(to, "zroot/backup/z")
	if v, s := PropertyValue(to, z, "org.example:a"); v != "1" || s != "received" {
		t.Errorf("property %s %s", v, s)
	}
}

func TestResume(t *testing.T) {
	from, to := machine(t, profile14), machine(t, profile14)
	create(t, from, "zroot/data")
	put(t, from, "/zroot/data/f", strings.Repeat("content ", 10000))
	ok(t, TakeSnapshots(from, []string{"zroot/data@1"}, nil))
	stream := sent(t, from, SendOptions{Snapshot: "zroot/data@1"}).Bytes()
	_, err := Receive(to, "zroot/copy", bytes.NewReader(stream[:len(stream)/2]), ReceiveOptions{})
	refused(t, err, "cannot receive new filesystem stream: incomplete stream")
	if _, d := FindDataset(to, "zroot/copy"); d != nil {
		t.Error("a stream that broke off left a file system")
	}
	_, err = Receive(to, "zroot/copy", bytes.NewReader(stream[:len(stream)/2]), ReceiveOptions{Resumable: true})
	if err == nil || !strings.Contains(err.Error(), "zfs send -t 1-") {
		t.Fatal(err)
	}
	_, d := FindDataset(to, "zroot/copy")
	token, _ := PropertyValue(to, d, "receive_resume_token")
	rest := sent(t, from, SendOptions{Resume: token})
	if rest.Len() > len(stream)*3/4 {
		t.Errorf("%d bytes of %d are sent again", rest.Len(), len(stream))
	}
	received(t, to, "zroot/copy", rest, ReceiveOptions{Resumable: true})
	if content(to, "/zroot/copy/f") != content(from, "/zroot/data/f") {
		t.Error("the files differ")
	}
	if v, _ := PropertyValue(to, d, "receive_resume_token"); v != "-" {
		t.Errorf("the token %s is left", v)
	}
	err = Send(from, SendOptions{Resume: "1-0000000000-2-7b7d"}, &bytes.Buffer{})
	refused(t, err, "resume token is corrupt (incorrect checksum)")
}

// FuzzReceive has no stream break the machine.
func FuzzReceive(f *testing.F) {
	m, err := sim.New(sim.Options{Profile: profile14})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = m.Close() })
	if err := TakeSnapshots(m, []string{"zroot/home@1"}, nil); err != nil {
		f.Fatal(err)
	}
	var b bytes.Buffer
	if err := Send(m, SendOptions{Snapshot: "zroot/home@1", Properties: true}, &b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(streamMagic))
	f.Fuzz(func(t *testing.T, stream []byte) {
		before := len(FindPool(m, "zroot").Datasets)
		if _, err := Receive(m, "zroot/new", bytes.NewReader(stream), ReceiveOptions{NoMount: true}); err != nil && len(FindPool(m, "zroot").Datasets) != before {
			t.Error("a stream that was refused left something")
		}
		for _, d := range Children(m, "zroot/new") {
			_ = DestroyDataset(m, d.Name)
		}
		_ = DestroyDataset(m, "zroot/new")
	})
}
