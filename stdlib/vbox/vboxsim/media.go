package vboxsim

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"bsdrun/runtime/sim/vfs"
)

// medium is an image that a registry knows.
type medium struct {
	disk
	parent string // UUID of the image that it lies upon
	owner  *machine
}

func (m medium) uuid() string { return trim(m.disk.UUID) }

var (
	mediumFile = com{"VBOX_E_FILE_ERROR", "MediumWrap", "IMedium"}
	openCall   = at("OpenMedium(Bstr(pszFilenameOrUuid).raw(), enmDevType, enmAccessMode, fForceNewUuidOnOpen, pMedium.asOutParam())", 197, "VBoxManageDisk.cpp")
)

// byUUID finds a known image.
func (w *world) byUUID(uuid string) (medium, bool) {
	for _, m := range w.known() {
		if strings.EqualFold(m.uuid(), trim(uuid)) {
			return m, true
		}
	}
	return medium{}, false
}

func (w *world) byPath(file string) (medium, bool) {
	for _, m := range w.known() {
		if m.Location == file {
			return m, true
		}
	}
	return medium{}, false
}

// lookUp is an image by name or UUID, known or not yet; a failure is complained
// about, and then false.
func (c *command) lookUp(w *world, name string) (found medium, ok bool) {
	if looksLikeUUID(name) {
		if m, known := w.byUUID(name); known {
			return m, true
		}
		c.complain(com{"VBOX_E_OBJECT_NOT_FOUND", "VirtualBoxWrap", "IVirtualBox"}, openCall, "Could not find an open hard disk with UUID {"+trim(name)+"}")
		return medium{}, false
	}
	file := c.abs(name)
	if m, known := w.byPath(file); known {
		return m, true
	}
	h, err := c.headerOf(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.complain(mediumFile, openCall, "Could not find file for the medium '"+file+"' (VERR_FILE_NOT_FOUND)")
		return medium{}, false
	case err != nil:
		c.complain(com{"VBOX_E_FILE_ERROR", "MediumWrap", "IMedium"}, openCall, "Could not get the storage format of the medium '"+file+"' ("+verr(err)+")")
		return medium{}, false
	}
	if other, known := w.byUUID(h.UUID); known {
		c.complain(com{"NS_ERROR_INVALID_ARG", "VirtualBoxWrap", "IVirtualBox"}, openCall,
			"Cannot register the hard disk '"+file+"' {"+h.UUID+"} because a hard disk '"+other.Location+"' with UUID {"+other.uuid()+"} already exists")
		return medium{}, false
	}
	opened := disk{UUID: braced(h.UUID), Location: file, Format: h.Format, Type: "Normal"}
	recordOf(c.p.Machine).Sizes[h.UUID] = h.Size
	c.server().Opened = append(c.server().Opened, opened)
	return medium{disk: opened, parent: h.Parent}, true
}

// need is lookUp that ends the call.
func (c *command) need(w *world, name string) medium {
	m, ok := c.lookUp(w, name)
	if !ok {
		panic(failed(1))
	}
	return m
}

// verr is the tool's word for a failure of the system.
func verr(err error) string {
	switch {
	case errors.Is(err, errFormat):
		return "VERR_NOT_SUPPORTED"
	case errors.Is(err, syscall.ENOENT), errors.Is(err, fs.ErrNotExist):
		return "VERR_FILE_NOT_FOUND"
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EROFS):
		return "VERR_ACCESS_DENIED"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "VERR_DISK_FULL"
	case errors.Is(err, syscall.ENOTDIR):
		return "VERR_PATH_NOT_FOUND"
	case errors.Is(err, syscall.EEXIST):
		return "VERR_ALREADY_EXISTS"
	case errors.Is(err, syscall.EISDIR):
		return "VERR_IS_A_DIRECTORY"
	}
	return "VERR_GENERAL_FAILURE"
}

func (c *command) headerOf(file string) (header, error) {
	f, err := c.view.Open(file)
	if err != nil {
		return header{}, err
	}
	defer func() { _ = f.Close() }()
	return readHeader(f)
}

// open opens a known or unknown image with those below it.
func (c *command) open(w *world, m medium, flag int) (*image, error) {
	return openImage(c.view, w, m, flag)
}

func openImage(view *vfs.View, w *world, m medium, flag int) (*image, error) {
	f, err := view.OpenFile(m.Location, flag, 0)
	if err != nil {
		return nil, err
	}
	h, err := readHeader(f)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	i := &image{header: h, f: f}
	if h.Parent == "" {
		return i, nil
	}
	below, known := w.byUUID(h.Parent)
	if !known {
		i.close()
		return nil, errFormat
	}
	if i.parent, err = openImage(view, w, below, vfs.O_RDONLY); err != nil {
		i.close()
		return nil, err
	}
	return i, nil
}

// access tells whether a known image is there as it is known.
func (c *command) access(m medium) string {
	h, err := c.headerOf(m.Location)
	if err != nil || h.UUID != m.uuid() {
		return "inaccessible"
	}
	if m.owner != nil && runOf(c.p.Machine, m.owner.UUID) != nil {
		return "locked write"
	}
	return "created"
}

// describe prints an image as list and showmediuminfo do.
func (c *command) describe(w *world, m medium, long bool) {
	say := func(key, format string, args ...any) {
		c.p.Printf("%-15s "+format+"\n", append([]any{key + ":"}, args...)...)
	}
	h, err := c.headerOf(m.Location)
	parent, kind, label := "base", "base", strings.ToLower(m.Type)
	if label == "" {
		label = "normal"
	}
	if m.parent != "" {
		parent, kind = m.parent, "differencing"
	}
	say("UUID", "%s", m.uuid())
	say("Parent UUID", "%s", parent)
	say("State", "%s", c.access(m))
	say("Type", "%s (%s)", label, kind)
	say("Location", "%s", m.Location)
	say("Storage format", "%s", m.Format)
	if long {
		variant := "dynamic"
		switch h.Kind {
		case vdiFixed:
			variant = "fixed"
		case vdiDiff:
			variant = "differencing"
		}
		say("Format variant", "%s default", variant)
	}
	sizes := recordOf(c.p.Machine).Sizes
	size := h.Size
	if err != nil { // what is gone is still remembered
		size = sizes[m.uuid()]
	}
	sizes[m.uuid()] = size
	if c.v.since(4, 3) {
		say("Capacity", "%d MBytes", size/mib)
	} else {
		say("Logical size", "%d MBytes", size/mib)
	}
	if long {
		onDisk := int64(0)
		if info, err := c.view.Stat(m.Location); err == nil {
			onDisk = info.Size
		}
		if c.v.since(4, 3) {
			say("Size on disk", "%d MBytes", onDisk/mib)
		} else {
			say("Current size on disk", "%d MBytes", onDisk/mib)
		}
	}
	if c.v.since(5, 0) {
		say("Encryption", "disabled")
	}
	if !long {
		return
	}
	if c.v.since(5, 0) {
		say("Property", "AllocationBlockSize=%d", blockSize)
	}
	for i, vm := range w.usersOf(m.uuid()) {
		key := "In use by VMs:"
		if i > 0 {
			key = ""
		}
		c.p.Printf("%-16s%s (UUID: %s)\n", key, vm.Name, trim(vm.UUID))
	}
}

// kindOfMedium takes the words disk, dvd and floppy off the arguments.
func (c *command) kindOfMedium() {
	for _, kind := range []string{"disk", "hdd", "dvd", "floppy"} {
		if len(c.args) > 0 && c.args[0] == kind {
			if kind == "dvd" || kind == "floppy" {
				panic(failed(c.p.Cannot("VBoxManage %s %s", c.verb, kind)))
			}
			c.args = c.args[1:]
		}
	}
}

func showMedium(c *command) int {
	c.kindOfMedium()
	_, words := c.options(nil)
	if len(words) != 1 {
		c.badUsage(2, "Incorrect number of parameters")
	}
	w := c.load()
	c.describe(w, c.need(w, words[0]), true)
	return 0
}

// kindOf is the kind of image that a variant asks for.
func (c *command) kindOf(variant string) uint32 {
	kind := uint32(vdiNormal)
	for word := range strings.SplitSeq(variant, ",") {
		switch strings.ToLower(word) {
		case "", "standard", "stream":
		case "fixed":
			kind = vdiFixed
		default:
			panic(failed(c.p.Cannot("images of the variant %s", word)))
		}
	}
	return kind
}

func createMedium(c *command) int {
	c.kindOfMedium()
	given, words := c.options(map[string]int{"filename": 1, "size": 1, "sizebyte": 1, "format": 1, "variant": 1})
	if len(words) > 0 || given["filename"] == "" || given["size"]+given["sizebyte"] == "" {
		c.badUsage(2, "Parameters --filename and --size are required")
	}
	size, err := strconv.ParseInt(given["size"]+given["sizebyte"], 10, 64)
	if err != nil || size <= 0 {
		c.badUsage(2, "Invalid size")
	}
	if given["size"] != "" {
		size *= mib
	}
	w := c.load()
	file := c.abs(given["filename"])
	if path.Ext(file) == "" {
		file += ".vdi"
	}
	h := newHeader(formatName(given["format"]), c.kindOf(given["variant"]), c.newUUID(), size)
	f, err := c.view.OpenFile(file, vfs.O_RDWR|vfs.O_CREATE|vfs.O_EXCL, 0o600)
	if err != nil {
		c.abort("create medium", com{"VBOX_E_FILE_ERROR", "MediumWrap", "IMedium"}, at("RTEXITCODE handleCreateMedium(HandlerArg*)", 630, "VBoxManageDisk.cpp"),
			"Could not create the medium storage unit '"+file+"'.", h.Format+": cannot create image '"+file+"' ("+verr(err)+")")
	}
	i := &image{header: h, f: f}
	err = i.finish()
	i.close()
	if err != nil {
		_ = c.view.Remove(file)
		c.abort("create medium", com{"VBOX_E_FILE_ERROR", "MediumWrap", "IMedium"}, at("RTEXITCODE handleCreateMedium(HandlerArg*)", 630, "VBoxManageDisk.cpp"),
			"Could not create the medium storage unit '"+file+"'.", h.Format+": setting image size failed for '"+file+"' ("+verr(err)+")")
	}
	w.Disks = append(w.Disks, disk{UUID: braced(h.UUID), Location: file, Format: h.Format, Type: "Normal"})
	c.save(w)
	c.done()
	c.p.Printf("Medium created. UUID: %s\n", h.UUID)
	return 0
}

func formatName(format string) string {
	if format == "" {
		return "VDI"
	}
	return strings.ToUpper(format)
}

var modifyCall = at("RTEXITCODE handleModifyMedium(HandlerArg*)", 937, "VBoxManageDisk.cpp")

func modifyMedium(c *command) int {
	c.kindOfMedium()
	given, words := c.options(map[string]int{"resize": 1, "resizebyte": 1, "compact": 0, "type": 1})
	if len(words) != 1 || len(given) == 0 {
		c.badUsage(2, "No operation specified")
	}
	w := c.load()
	m := c.need(w, words[0])
	if m.owner != nil && runOf(c.p.Machine, m.owner.UUID) != nil {
		c.abort("resize medium", com{"VBOX_E_INVALID_OBJECT_STATE", "MediumWrap", "IMedium"}, modifyCall, "Medium '"+m.Location+"' is locked for writing by another task")
	}
	i, err := c.open(w, m, vfs.O_RDWR)
	if err != nil {
		c.stop(mediumFile, openCall, "Could not open the medium '%s' (%s)", m.Location, verr(err))
	}
	defer i.close()
	if text := given["resize"] + given["resizebyte"]; text != "" {
		c.resize(m, i, text, given["resize"] != "")
	}
	if has(given, "compact") {
		c.compact(i)
	}
	return 0
}

// resize makes the disk of an image larger.
func (c *command) resize(m medium, i *image, text string, megabytes bool) {
	size, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		c.badUsage(2, "Invalid size '%s'", text)
	}
	if megabytes {
		size *= mib
	}
	switch {
	case i.Format != "VDI" || i.Kind == vdiFixed && !c.v.since(6, 0):
		c.abort("resize medium", com{"VBOX_E_NOT_SUPPORTED", "MediumWrap", "IMedium"}, modifyCall, "Resizing to new size "+strconv.FormatInt(size, 10)+" is not yet supported for medium '"+m.Location+"'")
	case size < i.Size:
		c.abort("resize medium", com{"VBOX_E_NOT_SUPPORTED", "MediumWrap", "IMedium"}, modifyCall, "Shrinking is not yet supported for medium '"+m.Location+"'")
	}
	offset := i.dataOffset()
	i.Size = size
	for len(i.Blocks) < i.blocks() {
		i.Blocks = append(i.Blocks, blockFree)
	}
	if i.dataOffset() != offset {
		panic(failed(c.p.Cannot("an image so large that its map of blocks has to move")))
	}
	if err := i.finish(); err != nil {
		c.abort("resize medium", mediumFile, modifyCall, "Could not resize medium '"+m.Location+"' ("+verr(err)+")")
	}
	c.done()
}

// compact gives back the blocks that hold zeros.
func (c *command) compact(i *image) {
	if i.Format != "VDI" || i.Kind == vdiFixed {
		c.abort("compact medium", com{"VBOX_E_NOT_SUPPORTED", "MediumWrap", "IMedium"}, at("RTEXITCODE handleModifyMedium(HandlerArg*)", 905, "VBoxManageDisk.cpp"), "Compact medium operation for this format is not implemented yet!")
	}
	var kept [][]byte
	for n, at := range i.Blocks {
		if at >= blockZero {
			continue
		}
		block := i.readBlock(n)
		c.pass(int64(len(block)))
		if slices.Max(block) == 0 {
			i.Blocks[n] = blockZero
			continue
		}
		kept = append(kept, block)
	}
	i.Used = 0
	for n, at := range i.Blocks {
		if at >= blockZero {
			continue
		}
		i.Blocks[n] = blockZero
		_ = i.writeBlock(n, kept[0]) // where something lay already
		kept = kept[1:]
	}
	if err := i.finish(); err != nil {
		c.fail("Failed to compact medium: %s", verr(err))
	}
	c.done()
}

var closeCall = at("Close()", 1877, "VBoxManageDisk.cpp")

func closeMedium(c *command) int {
	c.kindOfMedium()
	given, words := c.options(map[string]int{"delete": 0})
	if len(words) != 1 {
		c.badUsage(2, "Incorrect number of parameters")
	}
	w := c.load()
	m := c.need(w, words[0])
	if users := w.usersOf(m.uuid()); len(users) > 0 {
		c.stop(com{"VBOX_E_OBJECT_IN_USE", "MediumWrap", "IMedium"}, closeCall, "Medium '%s' cannot be closed because it is still attached to %d virtual machines", m.Location, len(users))
	}
	if len(m.Children) > 0 {
		c.stop(com{"VBOX_E_OBJECT_IN_USE", "MediumWrap", "IMedium"}, closeCall, "Cannot close medium '%s' because it has %d child media", m.Location, len(m.Children))
	}
	if has(given, "delete") {
		if err := c.view.Remove(m.Location); err != nil {
			c.abort("delete medium", mediumFile, at("RTEXITCODE handleCloseMedium(HandlerArg*)", 1868, "VBoxManageDisk.cpp"), "Could not delete the medium storage unit '"+m.Location+"' ("+verr(err)+")")
		}
	}
	w.unregister(c, m)
	c.save(w)
	if has(given, "delete") {
		c.done()
	}
	return 0
}

// unregister takes an image out of the registry that has it.
func (w *world) unregister(c *command, m medium) {
	is := func(d disk) bool { return trim(d.UUID) == m.uuid() }
	w.Disks = drop(w.Disks, is)
	c.server().Opened = drop(c.server().Opened, is)
	if m.owner != nil {
		m.owner.Disks = drop(m.owner.Disks, is)
		c.saveMachine(m.owner)
	}
}

// internalCommands are those that no manual has.
func internalCommands(c *command) int {
	if len(c.args) < 2 || c.args[0] != "sethduuid" || len(c.args) > 3 {
		return c.p.Cannot("VBoxManage internalcommands %s", strings.Join(c.args, " "))
	}
	file := c.abs(c.args[1])
	uuid := c.newUUID()
	if len(c.args) == 3 {
		uuid = trim(c.args[2])
	}
	f, err := c.view.OpenFile(file, vfs.O_RDWR, 0)
	if err != nil {
		c.fail("Cannot open the image: %s", verr(err))
	}
	defer func() { _ = f.Close() }()
	h, err := readHeader(f)
	if err == nil {
		h.UUID = uuid
		err = h.write(f)
	}
	if err != nil {
		c.fail("Cannot open the image: %s", verr(err))
	}
	c.p.Printf("UUID changed to: %s\n", uuid)
	return 0
}
