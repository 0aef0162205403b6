package libvirtsim

import (
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/binary"
	"fmt"
	"io"
	"path"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
	"bsdrun/stdlib/image/qcow2"
)

//go:embed seed
var seeds embed.FS

// SeedFile is what a profile has where its machines shall have the domains of
// this package: web (virtio, two interfaces), db (EFI, a chain of three images),
// old (IDE, raw), store (SCSI, boot order, a volume of a pool), mail server (starts
// with the machine; a blank in its name and its path), lab (a snapshot).
const SeedFile = "/etc/libvirt/domains.seed"

// images is the folder of the disks.
const images = "/var/lib/libvirt/images"

// seedOnce makes the domains where the profile asks for them.
func seedOnce(m *sim.Machine) error {
	view := m.View(vfs.Root, "/")
	if _, err := view.Stat(SeedFile); err != nil {
		return nil //nolint:nilerr // no profile asks for them
	}
	if err := Seed(m); err != nil {
		return err
	}
	return view.Remove(SeedFile)
}

// Seed makes the domains, networks, pool and images.
func Seed(m *sim.Machine) error {
	s := systemStore(m)
	if err := s.seedFiles(); err != nil {
		return err
	}
	if err := s.view.MkdirAll(images, 0o711); err != nil {
		return err
	}
	for _, i := range disks {
		if err := s.makeImage(i); err != nil {
			return fmt.Errorf("%s: %w", i.name, err)
		}
	}
	if err := s.seedVariables(); err != nil {
		return err
	}
	return s.seedSnapshot("lab", "before upgrade", m.Now().Unix()-86400)
}

func (s *store) seedFiles() error {
	for _, kind := range []struct{ from, to, edit string }{
		{"seed/domains", "qemu", "edit"}, {"seed/networks", "qemu/networks", "net-edit"}, {"seed", "storage", "pool-edit"},
	} {
		files, err := seeds.ReadDir(kind.from)
		if err != nil {
			return err
		}
		for _, f := range files {
			if f.IsDir() {
				continue
			}
			text, err := seeds.ReadFile(kind.from + "/" + f.Name())
			if err != nil {
				return err
			}
			_, name, _ := strings.Cut(string(text), "<name>")
			name, _, _ = strings.Cut(name, "</name>")
			file := path.Join(s.config, kind.to, name+".xml")
			if err := s.write(file, fmt.Sprintf(warning, kind.edit+" "+name)+string(text)); err != nil {
				return err
			}
			if kind.to == "qemu" && name != "mail server" {
				continue
			}
			link := path.Join(path.Dir(file), "autostart", name+".xml")
			if err := s.view.MkdirAll(path.Dir(link), 0o755); err != nil {
				return err
			}
			if err := s.view.Symlink(file, link); err != nil {
				return err
			}
		}
	}
	return nil
}

// seedVariables writes EFI variables: the boot menu of db.
func (s *store) seedVariables() error {
	packed, err := seeds.Open("seed/nvram/db_VARS.fd.gz")
	if err != nil {
		return err
	}
	defer packed.Close()
	r, err := gzip.NewReader(packed)
	if err != nil {
		return err
	}
	variables, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return s.write("/var/lib/libvirt/qemu/nvram/db_VARS.fd", string(variables))
}

func (s *store) seedSnapshot(domain, name string, when int64) error {
	d := s.domain(domain)
	text := fmt.Sprintf(`<domainsnapshot>
  <name>%s</name>
  <state>shutoff</state>
  <creationTime>%d</creationTime>
  <memory snapshot='no'/>
  <disks>
    <disk name='sda' snapshot='internal'/>
  </disks>
%s  <active>1</active>
</domainsnapshot>
`, name, when, indented(d.text))
	return s.write(s.snapshotFile(d, name), text)
}

// disk is an image to be made.
type disk struct {
	name     string
	size     int64
	raw      bool
	backing  string
	at       []int64 // offsets of pieces of data
	snapshot string
}

const (
	kib1 = int64(1) << 10
	mib  = int64(1) << 20
	gib  = int64(1) << 30
)

var disks = []disk{
	{name: "web.qcow2", size: 20 * gib, at: []int64{0, 2 * mib, 700 * mib, 9 * gib, 20*gib - 64*kib1}},
	{name: "web-data.img", size: 10 * gib, raw: true, at: []int64{0, 5 * gib}},
	{name: "golden.qcow2", size: 16 * gib, at: []int64{0, mib, 300 * mib, 4 * gib}},
	{name: "db-base.qcow2", size: 16 * gib, backing: "golden.qcow2", at: []int64{mib, 5 * gib}},
	{name: "db.qcow2", size: 16 * gib, backing: "db-base.qcow2", at: []int64{300 * mib, 15 * gib}},
	{name: "install.iso", size: 2 * mib, raw: true, at: []int64{32 * kib1}},
	{name: "old.img", size: 8 * gib, raw: true, at: []int64{0, 64 * mib, 7 * gib}},
	{name: "old-data.qcow2", size: 4 * gib, at: []int64{gib}},
	{name: "store-a.qcow2", size: 8 * gib, at: []int64{0}},
	{name: "store-b.img", size: 8 * gib, raw: true, at: []int64{0, gib}},
	{name: "store-c.qcow2", size: 40 * gib, at: []int64{0, 39 * gib}},
	{name: "mail server.qcow2", size: 12 * gib, at: []int64{0, 3 * gib}},
	{name: "lab.qcow2", size: 8 * gib, at: []int64{0, 2 * gib}, snapshot: "before upgrade"},
}

// piece is how much data lies at each offset.
const piece = 64 << 10

// data is what nobody could mistake for that of another place: bytes that come of
// the image's name and the offset. A disk begins with a sector that boots.
func data(name string, at int64) []byte {
	b := make([]byte, 0, piece)
	for n := uint64(0); len(b) < piece; n++ {
		sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(fmt.Sprint(name, at)), n))
		b = append(b, sum[:]...)
	}
	if at == 0 {
		b[510], b[511] = 0x55, 0xaa
	}
	return b
}

func (s *store) makeImage(d disk) error {
	f, err := s.view.OpenFile(path.Join(images, d.name), vfs.O_RDWR|vfs.O_CREATE|vfs.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if d.raw {
		for _, at := range d.at {
			if _, err := f.WriteAt(data(d.name, at), at); err != nil {
				return err
			}
		}
		return f.Truncate(d.size)
	}
	o := qcow2.Options{Size: d.size, Backing: d.backing}
	if d.backing != "" {
		o.BackingFormat = "qcow2"
	}
	w, err := qcow2.Create(f, o)
	if err != nil {
		return err
	}
	for _, at := range d.at {
		if err := w.Write(at/piece, data(d.name, at)); err != nil {
			return err
		}
	}
	if d.snapshot != "" {
		w.Snapshot(d.snapshot, s.m.Now().Add(-24*60*60*1e9))
	}
	return w.Close()
}
