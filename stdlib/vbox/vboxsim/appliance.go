package vboxsim

import (
	"archive/tar"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"strings"

	"bsdrun/runtime/sim/vfs"
)

// appliance is the description in an OVA: the machine, and its disks in order. It
// is the machine's own settings where the real one is OVF.
type appliance struct {
	XMLName xml.Name        `xml:"Envelope"`
	Disks   []applianceDisk `xml:"DiskSection>Disk"`
	Machine machine         `xml:"VirtualSystem>Machine"`
}

type applianceDisk struct {
	File string `xml:"href,attr"`
	Size int64  `xml:"capacity,attr"`
	UUID string `xml:"uuid,attr"`
}

// writeAppliance puts a machine into an archive: the description first.
func (c *command) writeAppliance(f io.Writer, w *world, m *machine, base string) error {
	a := appliance{Machine: *m}
	a.Machine.Disks, a.Machine.Snapshot, a.Machine.Current = nil, nil, ""
	var images []*image
	for _, ctl := range m.Hardware.Controllers {
		for _, d := range ctl.Devices {
			found, known := w.byUUID(d.Image)
			if d.Image == "" || !known {
				continue
			}
			i, err := c.open(w, found, vfs.O_RDONLY)
			if err != nil {
				return err
			}
			defer i.close()
			images = append(images, i)
			a.Disks = append(a.Disks, applianceDisk{File: base + "-disk00" + itoa(len(images)) + ".vmdk", Size: i.Size, UUID: d.Image})
		}
	}
	text, err := xml.MarshalIndent(a, "", "  ")
	if err != nil {
		return err
	}
	out := tar.NewWriter(f)
	if err := out.WriteHeader(&tar.Header{Name: base + ".ovf", Mode: 0o640, Size: int64(len(text))}); err != nil {
		return err
	}
	if _, err := out.Write(text); err != nil {
		return err
	}
	for n, i := range images {
		var numbers []int
		for block := range i.blocks() {
			if i.readBlock(block) != nil {
				numbers = append(numbers, block)
			}
		}
		if err := writeStream(out, a.Disks[n].File, i, numbers); err != nil {
			return err
		}
		c.pass(int64(len(numbers)) * blockSize)
	}
	return out.Close()
}

// writeStream writes a disk as the blocks that it has, each behind its number.
func writeStream(out *tar.Writer, name string, i *image, numbers []int) error {
	size := int64(len(numbers)) * (8 + blockSize)
	if err := out.WriteHeader(&tar.Header{Name: name, Mode: 0o640, Size: size}); err != nil {
		return err
	}
	for _, n := range numbers {
		head := []byte{'K', 'D', 'M', 'V', byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
		block := make([]byte, blockSize)
		copy(block, i.readBlock(n))
		if _, err := out.Write(append(head, block...)); err != nil {
			return err
		}
	}
	return nil
}

// importAppliance makes a machine of an archive.
func importAppliance(c *command) int {
	given, words := c.options(map[string]int{"dry-run": 0, "n": 0, "options": 1, "vsys": 1, "vmname": 1, "basefolder": 1})
	if len(words) != 1 {
		c.badUsage(2, "Not enough arguments for \"import\" command.")
	}
	file := c.abs(words[0])
	f, err := c.view.Open(words[0])
	if err != nil {
		c.p.Errorf("0%%...VBOX_E_FILE_ERROR\n")
		c.error("Appliance read failed")
		c.error("Could not open OVA file '%s' for reading (%s)", file, verr(err))
		c.error("Details: code VBOX_E_FILE_ERROR (0x80bb0004), component ApplianceWrap, interface IAppliance")
		c.error("Context: %s", at("RTEXITCODE handleImportAppliance(HandlerArg*)", 957, "VBoxManageAppliance.cpp"))
		return 1
	}
	defer func() { _ = f.Close() }()
	in := tar.NewReader(f)
	var a appliance
	if _, err := in.Next(); err != nil || decodeXML(in, &a) != nil {
		c.fail("Appliance read failed: '%s' is not a valid OVA file", file)
	}
	c.done()
	c.p.Printf("Interpreting %s...\nOK.\n", file)
	w := c.load()
	name := given["vmname"]
	if name == "" {
		name = a.Machine.Name
		for n := 1; w.named(name); n++ {
			name = a.Machine.Name + " " + itoa(n)
		}
	}
	c.appliancePlan(&a, name)
	if has(given, "n") || has(given, "dry-run") {
		return 0
	}
	c.takeIn(w, &a, in, name, given)
	c.done()
	c.p.Printf("Successfully imported the appliance.\n")
	return 0
}

func decodeXML(r io.Reader, v any) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return xml.Unmarshal(data, v)
}

// named tells whether a machine of the name is known.
func (w *world) named(name string) bool {
	for _, m := range w.machines {
		if m != nil && m.Name == name {
			return true
		}
	}
	return false
}

// takeIn makes the machine of an appliance.
func (c *command) takeIn(w *world, a *appliance, in *tar.Reader, name string, given map[string]string) {
	folder := w.System.Folder
	if given["basefolder"] != "" {
		folder = c.abs(given["basefolder"])
	}
	m := a.Machine
	m.Name, m.UUID, m.file, m.Aborted, m.StateFile = name, braced(c.newUUID()), path.Join(folder, name, name+".vbox"), false, ""
	if _, err := c.view.Stat(m.file); err == nil || w.named(name) {
		c.abort("import appliance", com{"VBOX_E_FILE_ERROR", "ApplianceWrap", "IAppliance"}, at("RTEXITCODE handleImportAppliance(HandlerArg*)", 1493, "VBoxManageAppliance.cpp"),
			"Machine settings file '"+m.file+"' already exists")
	}
	if err := c.view.MkdirAll(path.Dir(m.file), 0o700); err != nil {
		c.fail("Could not create the directory '%s' (%s)", path.Dir(m.file), verr(err))
	}
	format, suffix := "VMDK", ".vmdk"
	if strings.Contains(given["options"], "importtovdi") {
		format, suffix = "VDI", ".vdi"
	}
	for _, d := range a.Disks {
		if _, err := in.Next(); err != nil {
			c.fail("Appliance read failed: VERR_TAR_UNEXPECTED_EOS")
		}
		file := path.Join(path.Dir(m.file), strings.TrimSuffix(d.File, ".vmdk")+suffix)
		f, err := c.view.OpenFile(file, vfs.O_RDWR|vfs.O_CREATE|vfs.O_EXCL, 0o600)
		if err != nil {
			c.fail("Could not create the imported medium '%s' (%s)", file, verr(err))
		}
		i := &image{header: newHeader(format, vdiNormal, c.newUUID(), d.Size), f: f}
		err = c.readStream(in, i)
		i.close()
		if err != nil {
			_ = c.view.Remove(file)
			c.fail("Could not create the imported medium '%s' (%s)", file, verr(err))
		}
		m.Disks = append(m.Disks, disk{UUID: braced(i.UUID), Location: file, Format: format, Type: "Normal"})
		m.Hardware.swap(d.UUID, braced(i.UUID))
	}
	if !strings.Contains(given["options"], "keepallmacs") {
		for n := range m.Hardware.Adapters {
			m.Hardware.Adapters[n].MAC = c.newMAC()
		}
	}
	c.saveMachine(&m)
	w.Machines = append(w.Machines, entry{m.UUID, m.file})
	w.machines[trim(m.UUID)] = &m
	c.save(w)
}

func (c *command) readStream(in io.Reader, i *image) error {
	for buffer := make([]byte, 8+blockSize); ; {
		_, err := io.ReadFull(in, buffer)
		if errors.Is(err, io.EOF) {
			return i.finish()
		}
		if err != nil {
			return err
		}
		n := int(buffer[4])<<24 | int(buffer[5])<<16 | int(buffer[6])<<8 | int(buffer[7])
		if n >= i.blocks() {
			return errFormat
		}
		c.pass(blockSize)
		if err := i.writeBlock(n, buffer[8:8+min(blockSize, i.Size-int64(n)*blockSize)]); err != nil {
			return err
		}
	}
}

// swap puts one image in the place of another.
func (h *hardware) swap(from, to string) {
	for i := range h.Controllers {
		for j := range h.Controllers[i].Devices {
			if d := &h.Controllers[i].Devices[j]; trim(d.Image) == trim(from) {
				d.Image = to
			}
		}
	}
}
