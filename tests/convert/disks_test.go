package convert

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

const (
	images = "/var/lib/libvirt/images/"
	vms    = "/home/vbox/VirtualBox VMs/"
)

// disk is one of a domain, and what becomes of it.
type disk struct {
	target, format string
	chain          []string // its files, the image itself first
	place          string   // key of the machine's settings
}

func (d disk) image(machine string) string {
	return vms + machine + "/" + machine + "-" + d.target + ".vdi"
}

// disksAreTheSame fails the test unless a machine has the disks in their places, and
// they hold what those of the domain hold, by the word of the real qemu-img.
func (s *stage) disksAreTheSame(machine string, disks []disk) {
	s.t.Helper()
	settings := s.settings(machine)
	dir := s.t.TempDir()
	var there, here []string
	for _, d := range disks {
		if got := settings[d.place]; got != d.image(machine) {
			s.t.Errorf("%s is %q, want %q", d.place, got, d.image(machine))
		}
		here = append(here, d.image(machine))
		for _, name := range d.chain {
			there = append(there, images+name)
		}
	}
	s.fetch(s.kvm, dir, there)
	s.fetch(s.vbox, dir, here)
	for _, d := range disks {
		cmd := exec.Command("qemu-img", "compare", "-f", d.format, "-F", "vdi", d.chain[0], path.Base(d.image(machine)))
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			s.t.Errorf("%s: %v: %s", d.target, err, out)
		}
	}
}

// fetch copies files of a machine here, without their holes.
func (s *stage) fetch(url, dir string, names []string) {
	s.t.Helper()
	s.on(url, func(m *sim.Machine) {
		for _, name := range names {
			if err := fetchFile(m.View(vfs.Root, "/"), name, filepath.Join(dir, path.Base(name))); err != nil {
				s.t.Fatal(err)
			}
		}
	})
}

func fetchFile(view *vfs.View, name, here string) error {
	from, err := view.Open(name)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.Create(here)
	if err != nil {
		return err
	}
	defer to.Close()
	info, err := from.Stat()
	if err != nil {
		return err
	}
	if err := to.Truncate(info.Size); err != nil {
		return err
	}
	return from.EachData(1<<20, func(b []byte, off int64) error {
		_, err := to.WriteAt(b, off)
		return err
	})
}
