package imagesim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/vfs"
)

// Images that the real qemu-img makes are looked at by both programs, and those
// that ours makes, too: the answers have to be the same.

// machine is a simulated host with qemu-img.
func machine(t testing.TB) *sim.Machine {
	t.Helper()
	m, err := sim.New(sim.Options{Tools: append(base.Tools(), Tools()...)})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.InstallPackage("qemu-tools"); err != nil {
		t.Fatal(err)
	}
	return m
}

func onSim(m *sim.Machine, line string) string {
	out, errs, code := m.Exec(context.Background(), "root", "mkdir -p /srv/vm; cd /srv/vm; "+line)
	return fmt.Sprintf("--- stdout\n%s--- stderr\n%s--- exit %d\n", out, errs, code)
}

func onReal(t *testing.T, dir, line string) string {
	t.Helper()
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return fmt.Sprintf("--- stdout\n%s--- stderr\n%s--- exit %d\n", &out, &errs, cmd.ProcessState.ExitCode())
}

// load copies the real files to the machine, without zeroes.
func load(t *testing.T, m *sim.Machine, dir string) {
	t.Helper()
	view := m.View(vfs.Root, "/srv/vm")
	if err := view.MkdirAll("/srv/vm", 0o755); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(dir + "/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		from, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := view.OpenFile(filepath.Base(name), vfs.O_RDWR|vfs.O_CREATE, 0o644)
		if err == nil {
			err = copyData(f, from)
		}
		if err != nil {
			t.Fatal(err)
		}
		_ = from.Close()
		_ = f.Close()
	}
}

// copyData copies what lies between a file's holes.
func copyData(to *vfs.File, from *os.File) error {
	const data, hole = 3, 4 // SEEK_DATA, SEEK_HOLE
	size, err := from.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	for off := int64(0); off < size; {
		start, err := from.Seek(off, data)
		if err != nil {
			break // nothing but a hole
		}
		end, err := from.Seek(start, hole)
		if err != nil {
			return err
		}
		b := make([]byte, end-start)
		if _, err := from.ReadAt(b, start); err != nil {
			return err
		}
		if _, err := to.WriteAt(b, start); err != nil {
			return err
		}
		off = end
	}
	return to.Truncate(size)
}

// store copies a file of the machine to the disk, with its holes.
func store(t *testing.T, m *sim.Machine, dir, name string) {
	t.Helper()
	f, err := m.View(vfs.Root, "/srv/vm").Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	i, _ := f.Stat()
	if err := out.Truncate(i.Size); err != nil {
		t.Fatal(err)
	}
	if err := f.EachData(1<<20, func(b []byte, off int64) error { _, err := out.WriteAt(b, off); return err }); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
}

// diskSizes depend on the file system.
var diskSizes = regexp.MustCompile(`"actual-size": \d+|disk size: [^\n]*`)

func same(t *testing.T, line, real, ours string) {
	t.Helper()
	if diff := cmp.Diff(diskSizes.ReplaceAllString(real, "SIZE"), diskSizes.ReplaceAllString(ours, "SIZE")); diff != "" {
		t.Errorf("%s: - real, + ours\n%s", line, diff)
	}
}

// fixture makes images of all sorts with the real tools.
const fixture = `set -e
qemu-img create -q -f qcow2 golden.qcow2 32M
qemu-io -c 'write -P 1 0 64k' -c 'write -P 2 1M 192k' -c 'write -z 2M 64k' golden.qcow2
qemu-img create -q -f qcow2 -b golden.qcow2 -F qcow2 base.qcow2
qemu-io -c 'write -P 3 1M 64k' base.qcow2
qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 'top x.qcow2'
qemu-io -c 'write -P 4 8M 4k' -c 'write -z 0 64k' 'top x.qcow2'
qemu-img create -q -f qcow2 -b golden.qcow2 -F qcow2 -o cluster_size=4096 small.qcow2 40M
qemu-io -c 'write -P 9 34M 10000' small.qcow2
qemu-img create -q -f qcow2 -o compat=0.10 old.qcow2 4M
qemu-io -c 'write -P 6 1M 100k' old.qcow2
qemu-img create -q -f qcow2 -o preallocation=metadata pre.qcow2 4M
qemu-img create -q -f qcow2 -o preallocation=full full.qcow2 1M
qemu-img create -q -f vdi disk.vdi 8M
qemu-io -f vdi -c 'write -P 7 3M 5000' disk.vdi
qemu-img create -q -f raw disk.img 8M
qemu-io -f raw -c 'write -P 5 64k 4k' -c 'write -P 5 4M 1M' disk.img
head -c 100001 /dev/zero | tr '\0' x >odd.img
qemu-img convert -c -O qcow2 'top x.qcow2' packed.qcow2
qemu-img convert -c -O qcow2 -o compression_type=zstd 'top x.qcow2' zstd.qcow2
cp golden.qcow2 snap.qcow2
qemu-img snapshot -c one snap.qcow2
qemu-io -c 'write -P 8 1M 1M' snap.qcow2
qemu-img snapshot -c 'two b' snap.qcow2
qemu-img create -q -f qcow2 gone.qcow2 1M
qemu-img create -q -f qcow2 -b gone.qcow2 -F qcow2 middle.qcow2
qemu-img create -q -f qcow2 -b middle.qcow2 -F qcow2 broken.qcow2
rm gone.qcow2
head -c 100000 'top x.qcow2' >cut.qcow2
`

// images are those of the fixture that are whole.
var images = []string{
	"golden.qcow2", "base.qcow2", "top x.qcow2", "small.qcow2", "old.qcow2", "pre.qcow2", "full.qcow2", "disk.vdi", "disk.img", "odd.img", "packed.qcow2", "zstd.qcow2",
	"snap.qcow2",
}

func prepare(t *testing.T) (*sim.Machine, string) {
	t.Helper()
	dir, m := t.TempDir(), machine(t)
	if out := onReal(t, dir, fixture); !strings.HasSuffix(out, "exit 0\n") {
		t.Fatal(out)
	}
	load(t, m, dir)
	return m, dir
}

func TestLooksAsQEMUDoes(t *testing.T) {
	m, dir := prepare(t)
	var lines []string
	for _, name := range append(images, "broken.qcow2", "middle.qcow2", "nosuch.img") {
		for _, command := range []string{
			"info", "info --output=json", "info --backing-chain", "info --backing-chain --output=json", "map", "map --output=json",
			"snapshot -l", "measure -O raw", "measure --output=json -O raw", "check", "check --output=json",
		} {
			if name == "disk.vdi" && strings.HasPrefix(command, "check") {
				continue // not modelled
			}
			lines = append(lines, "qemu-img "+command+" '"+name+"'")
		}
	}
	lines = append(lines,
		"qemu-img info -f qcow2 disk.img", "qemu-img info -f raw golden.qcow2", "qemu-img info", "qemu-img info a b", "qemu-img info --bogus a", "qemu-img info -x a",
		"qemu-img info /", "qemu-img info -f", "qemu-img info -f bogus golden.qcow2", "qemu-img info --output=xml golden.qcow2", "qemu-img info --output", "qemu-img bogus", "qemu-img",
		"qemu-img create -f qcow2 x.qcow2", "qemu-img create -f bogus x 1M", "qemu-img create -f qcow2 -b nosuch.qcow2 -F qcow2 x.qcow2",
		"qemu-img create -f qcow2 -b golden.qcow2 x.qcow2", "qemu-img create -f qcow2", "qemu-img create -f raw -b golden.qcow2 -F qcow2 x.img",
		"qemu-img create -f qcow2 a.qcow2 32M", "qemu-img create -f raw a.img 1000", "qemu-img create -f vdi a.vdi 8M",
		"qemu-img create -f qcow2 -b golden.qcow2 -F qcow2 -o cluster_size=4096 b.qcow2 40M", "qemu-img create -f qcow2 -o compat=0.10 c.qcow2 4M",
		"qemu-img create -f qcow2 -o preallocation=metadata d.qcow2 4M", "qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 e.qcow2",
		"qemu-img create -f qcow2 /nosuch/x.qcow2 1M",
		"qemu-img info b.qcow2", "qemu-img info --output=json c.qcow2", "qemu-img info --backing-chain e.qcow2", "qemu-img info a.img",
		"qemu-img create -f raw o.img 1000001; echo $(($(wc -c <o.img)))",
		"qemu-img compare golden.qcow2 base.qcow2", "qemu-img compare golden.qcow2 disk.img", "qemu-img compare -s golden.qcow2 disk.img", "qemu-img compare golden.qcow2 golden.qcow2",
		"qemu-img compare golden.qcow2 nosuch", "qemu-img compare golden.qcow2", "qemu-img compare -q golden.qcow2 base.qcow2",
		"qemu-img compare 'top x.qcow2' packed.qcow2", "qemu-img compare 'top x.qcow2' zstd.qcow2", "qemu-img compare small.qcow2 golden.qcow2",
		"qemu-img convert -O bogus golden.qcow2 y", "qemu-img convert -O raw nosuch.qcow2 y", "qemu-img convert -O raw golden.qcow2 /nosuch/y", "qemu-img convert golden.qcow2",
		"qemu-img convert -l nosuch -O raw snap.qcow2 y", "qemu-img convert -l snapshot.name=nosuch -O raw snap.qcow2 y", "qemu-img convert -O raw broken.qcow2 y",
		"qemu-img resize a.img 16M", "qemu-img resize -f raw a.img +1M", "qemu-img resize a.img 8M", "qemu-img resize --shrink -f raw a.img 8M", "qemu-img resize c.qcow2 8M",
		"qemu-img resize nosuch 8M", "qemu-img info a.img", "qemu-img info c.qcow2", "qemu-img measure -O qcow2 'top x.qcow2'", "qemu-img measure -O qcow2 --size 32M", "qemu-img measure -O qcow2 --size 2T",
	)
	for _, line := range lines {
		same(t, line, onReal(t, dir, line), onSim(m, line))
	}
}

// What ours converts is, to the real one, the same disk, and whole.
func TestQEMUReadsOurs(t *testing.T) {
	m, dir := prepare(t)
	for _, name := range images {
		for _, format := range []string{"raw", "qcow2", "vdi", "qcow2 -c", "qcow2 -o compat=0.10", "qcow2 -o cluster_size=4096"} {
			kind := strings.Fields(format)[0]
			if out := onSim(m, fmt.Sprintf("qemu-img convert -O %s '%s' made", format, name)); !strings.Contains(out, "exit 0") {
				t.Errorf("%s to %s: %s", name, format, out)
				continue
			}
			store(t, m, dir, "made")
			out := onReal(t, dir, fmt.Sprintf("qemu-img compare -F %s '%s' made", kind, name))
			if kind == "qcow2" {
				out += onReal(t, dir, "qemu-img check made")
			}
			if strings.Count(out, "exit 0")+strings.Count(out, "identical")+strings.Count(out, "No errors") != map[string]int{"qcow2": 4}[kind]+map[bool]int{true: 2}[kind != "qcow2"] {
				t.Errorf("%s to %s: %s", name, format, out)
			}
		}
	}
	for _, snapshot := range []string{"one", "two b"} {
		onSim(m, "qemu-img convert -l 'snapshot.name="+snapshot+"' -O raw snap.qcow2 made")
		store(t, m, dir, "made")
		if out := onReal(t, dir, "qemu-img convert -l 'snapshot.name="+snapshot+"' -O raw snap.qcow2 real && cmp real made"); !strings.Contains(out, "exit 0") {
			t.Errorf("snapshot %s: %s", snapshot, out)
		}
	}
}
