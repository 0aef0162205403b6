package file_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/bulk"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/openssh"
	"bsdrun/stdlib/file"
	"bsdrun/tests/onsim"
)

// localImage is a local file as local_file gives it.
type localImage struct{ bulk.File }

func newImage(t *testing.T, size int64, data map[int64]string) *localImage {
	t.Helper()
	name := filepath.Join(t.TempDir(), "image")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	for at, text := range data {
		if _, err := f.WriteAt([]byte(text), at); err != nil {
			t.Fatal(err)
		}
	}
	return &localImage{bulk.File{Name: name, Open: func() (*os.File, error) { return os.Open(name) }}}
}

func (l *localImage) Open() (io.ReadCloser, error) { return os.Open(l.Name) }
func (l *localImage) Size() int64 {
	info, err := os.Stat(l.Name)
	if err != nil {
		return -1
	}
	return info.Size()
}

func (l *localImage) SHA256() (string, error) {
	b, err := os.ReadFile(l.Name)
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), err
}

// profiles are systems of different ages and kinds.
var profiles = []string{"freebsd-8.2-zfs-mirror", "freebsd-14.3-zfs-mirror-uefi", "kvmhost"}

func at(t *testing.T, profile string) (*onsim.Count, *sim.Machine) {
	t.Helper()
	tools := base.Tools()
	if profile == "kvmhost" {
		tools = base.GNUTools()
	}
	doer, m := onsim.New(t, profile, tools)
	return &onsim.Count{Doer: doer}, m
}

const gap = 9 << 20

// TestUploadLarge: sent in parts, to whatever there is; nothing of an unchanged one.
func TestUploadLarge(t *testing.T) {
	for _, profile := range profiles {
		t.Run(profile, func(t *testing.T) {
			h, m := at(t, profile)
			image := newImage(t, 3*gap+5, map[int64]string{0: "begin", gap: strings.Repeat("middle", 1<<16), 3 * gap: "end"})
			sum, _ := image.SHA256()
			a := file.UploadArgs{From: binding.Content{Source: image}, Path: "/var/tmp/image", Mode: "0640"}
			if done, err := file.Upload(t.Context(), effect.Chain(h, layer.Check()), a); err != nil || !done.Changed || h.Changes != 0 {
				t.Fatalf("check mode: %+v %v", done, err)
			}
			for _, want := range []bool{true, false} {
				done, err := file.Upload(t.Context(), h, a)
				if err != nil || done.Changed != want || want && done.SHA256 != "" {
					t.Fatalf("%+v %v", done, err)
				}
			}
			hashed, err := file.Hash(t.Context(), h, file.PathArgs{Path: "/var/tmp/image"})
			if err != nil || hashed != sum || h.Changes != 1 {
				t.Errorf("%s, want %s: %v, %d changes", hashed, sum, err, h.Changes)
			}
			a.Path, a.Whole = "/var/tmp/other", true
			if done, err := file.Upload(t.Context(), h, a); err != nil || done.SHA256 != sum {
				t.Errorf("hashed whole: %+v %v", done, err)
			}
			if out := onHost(t, m, "ls -A /var/tmp | grep -c bsdrun || :"); out != "0\n" {
				t.Errorf("left behind: %s", out)
			}
		})
	}
}

// layouts make images: one all allocated, and one that ends in a hole after a part of
// a block.
var layouts = map[string]string{
	"zeros": "dd if=/dev/zero of=/var/tmp/image bs=1048576 count=30 2>/dev/null; dd if=/dev/random of=/var/tmp/image bs=65536 count=20 seek=100 conv=notrunc 2>/dev/null",
	"holes": "truncate -s 40M /var/tmp/image; for at in 0 301; do dd if=/dev/random of=/var/tmp/image bs=65536 count=1 seek=$at conv=notrunc 2>/dev/null; done",
}

// TestTransferLarge: between systems that have little in common.
func TestTransferLarge(t *testing.T) {
	for name, layout := range layouts {
		t.Run(name, func(t *testing.T) { transferLarge(t, name, layout) })
	}
}

func transferLarge(t *testing.T, name, layout string) {
	for i, profile := range profiles {
		other := profiles[(i+1)%len(profiles)]
		t.Run(profile+" to "+other, func(t *testing.T) {
			from, here := at(t, profile)
			to, _ := at(t, other)
			onHost(t, here, layout)
			done, err := file.Transfer(t.Context(), from, file.TransferArgs{Path: "/var/tmp/image", Host: to, To: "/var/tmp/copy", Whole: name == "holes"})
			if err != nil || !done.Changed || done.SHA256 == "" {
				t.Fatalf("%+v %v", done, err)
			}
			hashed, err := file.Hash(t.Context(), to, file.PathArgs{Path: "/var/tmp/copy"})
			if err != nil || hashed != done.SHA256 {
				t.Errorf("%s, want %s: %v", hashed, done.SHA256, err)
			}
		})
	}
}

// TestTransferJails: into a jail, from one to another and out of it; what is in
// between is the jail's own.
func TestTransferJails(t *testing.T) {
	h, m := at(t, "jailhost")
	www, db := host.In(h, "www"), host.In(h, "db")
	onHost(t, m, "dd if=/dev/random of=/var/tmp/image bs=65536 count=100 2>/dev/null")
	want, err := file.Hash(t.Context(), h, file.PathArgs{Path: "/var/tmp/image"})
	if err != nil {
		t.Fatal(err)
	}
	for _, way := range []struct {
		from, to   effect.Doer
		path, dest string
	}{
		{h, www, "/var/tmp/image", "/var/tmp/inside"},
		{www, db, "/var/tmp/inside", "/var/tmp/beside"},
		{db, h, "/var/tmp/beside", "/var/tmp/back"},
	} {
		done, err := file.Transfer(t.Context(), way.from, file.TransferArgs{Path: way.path, Host: way.to, To: way.dest})
		if err != nil || !done.Changed || done.SHA256 != want {
			t.Fatalf("%s: %+v %v", way.dest, done, err)
		}
	}
	if out := onHost(t, m, "sha256 -q /usr/jails/www/var/tmp/inside /usr/jails/db/var/tmp/beside /var/tmp/back | sort -u; ls -A /var/tmp /usr/jails/*/var/tmp | grep bsdrun || :"); out != want+"\n" {
		t.Errorf("%q", out)
	}
}

// TestDownloadWhatGrows: what was there at the beginning comes, and that is hashed.
func TestDownloadWhatGrows(t *testing.T) {
	for _, profile := range profiles {
		t.Run(profile, func(t *testing.T) {
			h, m := at(t, profile)
			onHost(t, m, "dd if=/dev/random of=/var/tmp/log bs=65536 count=70 2>/dev/null; echo end >>/var/tmp/log")
			want, err := file.Hash(t.Context(), h, file.PathArgs{Path: "/var/tmp/log"})
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			to := binding.Local{
				Path:   "log",
				Create: func() (io.WriteCloser, error) { return nil, os.ErrInvalid }, // it is large
				Receive: func(size int64, content string) (*bulk.Stage, error) {
					onHost(t, m, "echo more >>/var/tmp/log")
					root, err := os.OpenRoot(dir)
					if err != nil {
						return nil, err
					}
					return bulk.OpenStage(root, "log", size, content)
				},
			}
			done, err := file.Download(t.Context(), h, file.DownloadArgs{Path: "/var/tmp/log", To: to})
			if err != nil || done.SHA256 != want {
				t.Fatalf("%+v %v, want %s", done, err, want)
			}
			content, err := os.ReadFile(filepath.Join(dir, "log"))
			if sum := sha256.Sum256(content); err != nil || hex.EncodeToString(sum[:]) != want {
				t.Errorf("%d bytes that are something else: %v", len(content), err)
			}
		})
	}
}

// TestStaleStage: what another content has left goes; what the same has left is
// used.
func TestStaleStage(t *testing.T) {
	h, m := at(t, "")
	image := newImage(t, gap, map[int64]string{0: strings.Repeat("one", 1<<20)})
	stop := context.Canceled
	failing := &failingImage{image, stop}
	put := func(s effect.Source) error {
		_, err := file.Upload(t.Context(), h, file.UploadArgs{From: binding.Content{Source: s}, Path: "/var/tmp/image", Compress: "no"})
		return err
	}
	if err := put(failing); err == nil {
		t.Fatal("a source that breaks is taken")
	}
	if out := onHost(t, m, "ls -A /var/tmp | grep -c bsdrun"); out != "2\n" {
		t.Errorf("%s files are kept", out)
	}
	if err := put(newImage(t, gap, map[int64]string{5: "two"})); err != nil {
		t.Fatal(err)
	}
	if out := onHost(t, m, "ls -A /var/tmp | grep -c bsdrun || :; head -c 8 /var/tmp/image | tr '\\0' ."); out != "0\n.....two" {
		t.Errorf("%q", out)
	}
}

// failingImage breaks when it is read.
type failingImage struct {
	*localImage
	err error
}

func (f *failingImage) Stream(context.Context, []effect.Extent) (io.ReadCloser, error) {
	return nil, f.err
}

func TestLimits(t *testing.T) {
	h, _ := at(t, "")
	for _, limit := range []string{"0", "fast", "10X", "-5", "10MB", "1 M"} {
		_, err := file.Upload(t.Context(), h, file.UploadArgs{From: binding.Content{Data: []byte("x")}, Path: "/tmp/x", Limit: limit})
		if effect.KindOf(err) != effect.Invalid {
			t.Errorf("%q: %v", limit, err)
		}
	}
	for _, limit := range []string{"", "500", "500K", "10M", "1G"} {
		_, err := file.Upload(t.Context(), h, file.UploadArgs{From: binding.Content{Data: []byte("x")}, Path: "/tmp/x", Limit: limit})
		if err != nil {
			t.Errorf("%q: %v", limit, err)
		}
	}
}

// TestTransferDirectLarge: between simulated machines of one network; where their
// ssh is of different ages, through the controller.
func TestTransferDirectLarge(t *testing.T) {
	network := sim.NewNetwork()
	machine := func(profile, name string, tools []*sim.Tool) (effect.Doer, *sim.Machine) {
		m, err := sim.New(sim.Options{Profile: profile, Name: name, Network: network, Tools: append(tools, openssh.Tools()...)})
		if err != nil {
			t.Fatal(err)
		}
		return onsim.As(t, m, "root"), m
	}
	kvm, here := machine("kvmhost", "kvm", base.GNUTools())
	vbox, there := machine("", "vbox", base.Tools())
	old, _ := machine("freebsd-8.2-zfs-mirror", "old", base.Tools())
	onHost(t, here, "truncate -s 80M /var/tmp/image; dd if=/dev/random of=/var/tmp/image bs=65536 count=19 seek=700 conv=notrunc 2>/dev/null")
	for _, c := range []struct {
		name   string
		to     effect.Doer
		direct bool
	}{{"vbox", vbox, true}, {"old", old, false}} { // the new ssh and the old sshd have no host key type in common
		done, err := file.Transfer(t.Context(), kvm, file.TransferArgs{
			Path: "/var/tmp/image", Host: c.to, To: "/var/tmp/copy", Address: c.name, Whole: true,
		})
		if err != nil || done.Direct != c.direct || done.SHA256 == "" {
			t.Fatalf("%s: %+v %v", c.name, done, err)
		}
	}
	if out := onHost(t, there, "ls -A /root | grep -c bsdrun || :; grep -c bsdrun /root/.ssh/authorized_keys || :"); out != "0\n0\n" {
		t.Errorf("left behind: %q", out)
	}
}
