package vboxsim

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

// How fast disks are copied, in bytes a second, and how fast what is not there is
// passed by.
const (
	copyRate = 150 << 20
	holeRate = 4 << 30
)

// pass takes the time that copying so many bytes needs.
func (c *command) pass(bytes int64) {
	rate := int64(copyRate)
	if text := c.p.Machine.Params.Get(RateParam); text != "" {
		if asked, err := sim.ParseSize(text); err == nil && asked > 0 {
			rate = asked
		}
	}
	if err := c.p.Sleep(time.Duration(float64(bytes) / float64(rate) * float64(time.Second))); err != nil {
		panic(failed(1))
	}
}

// convertFromRaw is convertfromraw, and convertdd, as it was called before.
func convertFromRaw(c *command) int {
	given, words := c.options(map[string]int{"format": 1, "variant": 1, "uuid": 1})
	if len(words) < 2 || words[0] == "stdin" && len(words) != 3 || words[0] != "stdin" && len(words) != 2 {
		c.badUsage(2, "Incorrect number of parameters")
	}
	from, to := words[0], words[1]
	c.p.Errorf("Converting from raw image file=\"%s\" to file=\"%s\"...\n", from, to)
	var source io.Reader
	var size int64
	if from == "stdin" {
		n, err := strconv.ParseInt(words[2], 10, 64)
		if err != nil {
			c.badUsage(2, "Invalid size")
		}
		source, size = c.p.Stdin, n
	} else {
		f, err := c.view.Open(from)
		if err != nil {
			c.fail("Cannot open file \"%s\": %s", from, verr(err))
		}
		defer func() { _ = f.Close() }()
		if source, size = f, c.sizeOf(f); size < 0 {
			c.fail("Cannot get image size for file \"%s\": VERR_INVALID_FUNCTION", from)
		}
	}
	kind, word := uint32(vdiNormal), "dynamic"
	if strings.EqualFold(given["variant"], "fixed") {
		kind, word = vdiFixed, "fixed"
	} else {
		c.kindOf(given["variant"])
	}
	c.p.Errorf("Creating %s image with size %d bytes (%dMB)...\n", word, size, (size+mib-1)/mib)
	format := formatName(given["format"])
	if format != "VDI" && format != "VMDK" && format != "VHD" {
		c.fail("Cannot create the disk image \"%s\": VERR_NOT_FOUND", to)
	}
	if size%sector != 0 || size == 0 {
		c.error("VD: The given disk size %d is not aligned on a sector boundary (512 bytes)", size)
		c.where("VERR_VD_INVALID_SIZE", "VD.cpp", 6054, "int VDCreateBase(PVDISK, const char*, const char*, uint64_t, unsigned int, const char*, PCVDGEOMETRY, PCVDGEOMETRY, PCRTUUID, unsigned int, PVDINTERFACE, PVDINTERFACE)")
		c.fail("Cannot create the disk image \"%s\": VERR_VD_INVALID_SIZE", to)
	}
	uuid := c.newUUID()
	if given["uuid"] != "" {
		uuid = trim(given["uuid"])
	}
	f, err := c.view.OpenFile(to, vfs.O_RDWR|vfs.O_CREATE|vfs.O_EXCL, 0o600)
	if err != nil {
		c.error("%s: cannot create image '%s'", format, to)
		c.where(verr(err), format+".cpp", 706, "int "+strings.ToLower(format)+"ImageCreateFile(P"+format+"IMAGEDESC, unsigned int, PVDINTERFACEPROGRESS, unsigned int, unsigned int)")
		c.fail("Cannot create the disk image \"%s\": %s", to, verr(err))
	}
	i := &image{header: newHeader(format, kind, uuid, size), f: f}
	defer i.close()
	if err := c.fill(i, source); err != nil {
		c.p.Errorf("VBoxManage: error: Failed to write to disk image \"%s\": %s\n", to, verr(err))
		_ = c.view.Remove(to)
		return 1
	}
	return 0
}

// where tells where in its source the tool has failed.
func (c *command) where(code, file string, line int, function string) {
	c.error("Error code %s at /build/virtualbox/src/VBox/Storage/%s(%d) in function %s", code, file, line, function)
}

// sizeOf is the size of a file or of a disk; less than 0: neither.
func (c *command) sizeOf(f *vfs.File) int64 {
	if name := f.Device(); name != "" {
		if size := c.p.Machine.DeviceSize(name); size > 0 {
			return size
		}
		return -1
	}
	info, err := f.Stat()
	if err != nil || info.Type != vfs.TypeFile {
		return -1
	}
	return info.Size
}

// fill copies a raw disk into an image. The head is written first and last, so
// that a copy that was cut short shows as an image of which blocks are missing.
func (c *command) fill(i *image, source io.Reader) error {
	if err := i.write(i.f); err != nil {
		return err
	}
	file, _ := source.(*vfs.File)
	block := make([]byte, blockSize)
	for n := 0; n < i.blocks(); n++ {
		b := block[:min(blockSize, i.Size-int64(n)*blockSize)]
		if file != nil && file.Device() == "" {
			next, err := file.NextData(int64(n) * blockSize)
			if err != nil {
				break // there is no more
			}
			if skip := int(next / blockSize); skip > n {
				n = skip
				b = block[:min(blockSize, i.Size-int64(n)*blockSize)]
			}
			if read, err := file.ReadAt(b, int64(n)*blockSize); err != nil && !errors.Is(err, io.EOF) {
				return err
			} else if read < len(b) {
				clear(b[read:])
			}
		} else if read, err := io.ReadFull(source, b); err != nil {
			// what does not come is taken for zeros, as by the real one
			clear(b[read:])
			if read == 0 {
				break
			}
		}
		c.pass(int64(len(b)))
		if err := i.writeBlock(n, b); err != nil {
			return err
		}
	}
	return i.finish()
}

var cloneCall = at("RTEXITCODE handleCloneMedium(HandlerArg*)", 1208, "VBoxManageDisk.cpp")

func cloneMedium(c *command) int {
	c.kindOfMedium()
	given, words := c.options(map[string]int{"format": 1, "variant": 1, "existing": 0})
	if len(words) != 2 {
		c.badUsage(2, "Mandatory input or output medium parameter not specified")
	}
	if has(given, "existing") {
		return c.p.Cannot("VBoxManage clonemedium --existing")
	}
	w := c.load()
	m := c.need(w, words[0])
	i, err := c.open(w, m, vfs.O_RDONLY)
	if err != nil {
		c.stop(mediumFile, openCall, "Could not open the medium '%s' (%s)", m.Location, verr(err))
	}
	defer i.close()
	to := c.abs(words[1])
	format := formatName(given["format"])
	if given["format"] == "" {
		format = i.Format
	}
	if format != "VDI" && format != "RAW" && magics[format] == "" {
		c.stop(com{"VBOX_E_OBJECT_NOT_FOUND", "MediumWrap", "IMedium"}, cloneCall, "Invalid or unsupported storage format '%s'", format)
	}
	uuid := c.newUUID()
	refuse := func(err error) {
		texts := []string{"Could not create the clone medium '" + to + "'.", format + ": cannot create image '" + to + "' (" + verr(err) + ")"}
		c.abort("clone medium", mediumFile, cloneCall, texts...)
	}
	f, err := c.view.OpenFile(to, vfs.O_RDWR|vfs.O_CREATE|vfs.O_EXCL, 0o600)
	if err != nil {
		refuse(err)
	}
	copied := &image{header: newHeader(format, c.kindOf(given["variant"]), uuid, i.Size), f: f}
	defer copied.close()
	if err := c.copyImage(copied, i); err != nil {
		_ = c.view.Remove(to)
		refuse(err)
	}
	c.p.Errorf("100%%\n")
	c.p.Printf("Clone medium created in format '%s'. UUID: %s\n", format, uuid)
	return 0
}

// copyImage copies a disk from one image into another, and tells how far it is.
func (c *command) copyImage(to, from *image) error {
	if err := to.write(to.f); err != nil {
		return err
	}
	shown := 0
	for n := range from.blocks() {
		for ; shown*from.blocks() <= n*10 && shown < 10; shown++ {
			c.p.Errorf("%d%%...", shown*10)
		}
		block := from.readBlock(n)
		if block == nil {
			continue
		}
		c.pass(int64(len(block)))
		if err := to.writeBlock(n, block); err != nil {
			return err
		}
	}
	for ; shown < 10; shown++ {
		c.p.Errorf("%d%%...", shown*10)
	}
	return to.finish()
}

// export and import go through an archive that is one in name and content: the
// description and the disks one after the other.

func export(c *command) int {
	given, words := c.options(map[string]int{"output": 1, "o": 1, "manifest": 0, "legacy09": 0, "ovf09": 0, "ovf10": 0, "ovf20": 0, "vsys": 1, "vmname": 1})
	to := given["output"] + given["o"]
	if len(words) != 1 || to == "" {
		c.badUsage(2, "Missing --output option")
	}
	if path.Ext(to) != ".ova" {
		return c.p.Cannot("VBoxManage export to %s", to)
	}
	w := c.load()
	m := c.find(w, words[0], at("FindMachine(Bstr(strMachine).raw(), machine.asOutParam())", 2075, "VBoxManageAppliance.cpp"))
	if state, _ := c.state(m); state != "poweroff" && state != "aborted" {
		c.stop(com{"VBOX_E_INVALID_VM_STATE", "ApplianceWrap", "IAppliance"}, "", "Machine '%s' is currently %s: it must be powered off to be exported", m.Name, state)
	}
	if _, err := c.view.Stat(to); err == nil {
		c.p.Errorf("0%%...\n")
		c.abort("export appliance", com{"VBOX_E_FILE_ERROR", "ApplianceWrap", "IAppliance"}, at("RTEXITCODE handleExportAppliance(HandlerArg*)", 2363, "VBoxManageAppliance.cpp"),
			"Error opening file '"+c.abs(to)+"' for writing (VERR_ALREADY_EXISTS)")
	}
	f, err := c.view.OpenFile(to, vfs.O_RDWR|vfs.O_CREATE|vfs.O_EXCL, 0o600)
	if err != nil {
		c.abort("export appliance", com{"VBOX_E_FILE_ERROR", "ApplianceWrap", "IAppliance"}, at("RTEXITCODE handleExportAppliance(HandlerArg*)", 2363, "VBoxManageAppliance.cpp"),
			"Error opening file '"+c.abs(to)+"' for writing ("+verr(err)+")")
	}
	defer func() { _ = f.Close() }()
	if err := c.writeAppliance(f, w, m, strings.TrimSuffix(path.Base(to), ".ova")); err != nil {
		_ = c.view.Remove(to)
		c.fail("Appliance write failed: %s", verr(err))
	}
	c.done()
	c.p.Printf("Successfully exported 1 machine(s).\n")
	return 0
}

// appliancePlan names what an import would make.
func (c *command) appliancePlan(a *appliance, name string) {
	folder := path.Join(c.load().System.Folder, name)
	c.p.Printf("Disks:\n")
	for i, d := range a.Disks {
		c.p.Printf("  vmdisk%d\t%d\t-1\thttp://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized\t%s\t-1\t-1\t\n", i+1, d.Size, d.File)
	}
	c.p.Printf("\nVirtual system 0:\n")
	items := []string{
		fmt.Sprintf("Suggested OS type: \"%s\"\n    (change with \"--vsys 0 --ostype <type>\"; use \"list ostypes\" to list all possible values)", a.Machine.OSType),
		fmt.Sprintf("Suggested VM name \"%s\"\n    (change with \"--vsys 0 --vmname <name>\")", name),
		"Suggested VM group \"/\"\n    (change with \"--vsys 0 --group <group>\")",
		fmt.Sprintf("Suggested VM settings file name \"%s\"\n    (change with \"--vsys 0 --settingsfile <filename>\")", path.Join(folder, name+".vbox")),
		fmt.Sprintf("Suggested VM base folder \"%s\"\n    (change with \"--vsys 0 --basefolder <path>\")", path.Dir(folder)),
		fmt.Sprintf("Number of CPUs: %d\n    (change with \"--vsys 0 --cpus <n>\")", a.Machine.Hardware.CPUs),
		fmt.Sprintf("Guest memory: %d MB\n    (change with \"--vsys 0 --memory <MB>\")", a.Machine.Hardware.Memory),
		"Sound card (appliance expects \"\", can change on import)\n    (disable with \"--vsys 0 --unit 7 --ignore\")",
	}
	for _, n := range a.Machine.Hardware.Adapters {
		kind, config := map[string]string{"bridged": "Bridged", "nat": "NAT"}[n.Kind], map[string]int{"bridged": 3, "nat": 2}[n.Kind]
		if kind != "" {
			items = append(items, fmt.Sprintf("Network adapter: orig %s, config %d, extra slot=%d;type=%s", kind, config, n.Slot-1, kind))
		}
	}
	number := 0
	for _, ctl := range a.Machine.Hardware.Controllers {
		here := len(items)
		switch ctl.Type {
		case "IntelAhci":
			items = append(items, fmt.Sprintf("SATA controller, type AHCI\n    (disable with \"--vsys 0 --unit %d --ignore\")", here))
		case "PIIX4":
			items = append(items, fmt.Sprintf("IDE controller, type PIIX4\n    (disable with \"--vsys 0 --unit %d --ignore\")", here))
		default:
			items = append(items, fmt.Sprintf("SCSI controller, type %s\n    (change with \"--vsys 0 --unit %d --scsitype {BusLogic|LsiLogic}\";\n    disable with \"--vsys 0 --unit %d --ignore\")", ctl.Type, here, here))
		}
		for _, d := range ctl.Devices {
			if d.Image == "" {
				continue
			}
			unit, file := len(items), a.Disks[number].File
			number++
			items = append(items, fmt.Sprintf("Hard disk image: source image=%s, target path=%s, controller=%d;port=%d\n    (change target path with \"--vsys 0 --unit %d --disk path\";\n    change controller with \"--vsys 0 --unit %d --controller <index>\";\n    change controller port with \"--vsys 0 --unit %d --port <n>\";\n    disable with \"--vsys 0 --unit %d --ignore\")",
				file, file, here, d.Port, unit, unit, unit, unit))
		}
	}
	for i, item := range items {
		c.p.Printf("%2d: %s\n", i, item)
	}
}
