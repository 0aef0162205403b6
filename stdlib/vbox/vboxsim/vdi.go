package vboxsim

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"bsdrun/runtime/sim/vfs"
)

// Images of disks. VDI is in the format of the real ones: a head, a map of blocks
// of 1 MiB, and those blocks that are not all zeros. Other formats have their real
// beginning, and behind it the disk as it is.

const (
	mib        = 1 << 20
	sector     = 512
	blockSize  = mib
	mapOffset  = mib
	signature  = 0xbeda107f
	vdiVersion = 0x00010001
	vdiIntro   = "<<< Oracle VM VirtualBox Disk Image >>>\n"
	headLength = 512

	// numbers of blocks that are not in the file
	blockFree = 0xffffffff // never written: the parent's, or zeros
	blockZero = 0xfffffffe

	// other formats keep the disk behind this
	otherOffset = 64 << 10
)

// kinds of VDI images.
const (
	vdiNormal = 1
	vdiFixed  = 2
	vdiDiff   = 4
)

// magics are what other formats begin with.
var magics = map[string]string{"VMDK": "KDMV", "VHD": "conectix", "QCOW": "QFI\xfb"}

// header is the head of an image.
type header struct {
	Format string
	Kind   uint32
	UUID   string
	Parent string // UUID of the image that it holds the differences from
	Size   int64
	Blocks []uint32 // where a block of the disk lies in the file
	Used   uint32   // blocks in the file
}

func (h *header) dataOffset() int64 {
	return (mapOffset + int64(len(h.Blocks))*4 + mib - 1) / mib * mib
}

// image is an open image, with those below it.
type image struct {
	header
	f      *vfs.File
	parent *image
}

var errFormat = errors.New("VERR_VD_INVALID_HEADER")

// readHeader reads the head of an image; raw ones have none.
func readHeader(f *vfs.File) (header, error) {
	head := make([]byte, headLength)
	if _, err := f.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return header{}, err
	}
	if string(head[:len(vdiIntro)]) == vdiIntro {
		return readVDI(f, head)
	}
	for format, magic := range magics {
		if string(head[:len(magic)]) == magic {
			h := header{Format: format, Kind: vdiNormal}
			_, err := fmt.Sscanf(string(head[8:64]), "%36s %d", &h.UUID, &h.Size)
			if err != nil {
				return header{}, errFormat
			}
			return h, nil
		}
	}
	return header{}, errFormat
}

func readVDI(f *vfs.File, head []byte) (header, error) {
	le := binary.LittleEndian
	if le.Uint32(head[64:]) != signature || le.Uint32(head[68:]) != vdiVersion {
		return header{}, errFormat
	}
	h := header{Format: "VDI", Kind: le.Uint32(head[76:])}
	at := 84 + 256 // behind the comment
	if offset := le.Uint32(head[at:]); offset != mapOffset {
		return header{}, errFormat
	}
	at += 8 + 16 + 4 // offsets, geometry, a word that is not used
	h.Size = int64(le.Uint64(head[at:]))
	count := le.Uint32(head[at+16:])
	h.Used = le.Uint32(head[at+20:])
	h.UUID = uuidFrom(head[at+24:])
	if parent := uuidFrom(head[at+56:]); parent != strings.Repeat("0", 8)+"-0000-0000-0000-000000000000" {
		h.Parent = parent
	}
	if int64(count) != (h.Size+blockSize-1)/blockSize {
		return header{}, errFormat
	}
	raw := make([]byte, 4*count)
	if _, err := f.ReadAt(raw, mapOffset); err != nil && !errors.Is(err, io.EOF) {
		return header{}, err
	}
	h.Blocks = make([]uint32, count)
	for i := range h.Blocks {
		h.Blocks[i] = le.Uint32(raw[4*i:])
	}
	return h, nil
}

// write puts the head into a file.
func (h *header) write(f *vfs.File) error {
	if h.Format == "RAW" {
		return nil
	}
	if magic := magics[h.Format]; magic != "" {
		head := make([]byte, headLength)
		copy(head, magic)
		copy(head[8:], fmt.Sprintf("%s %d", h.UUID, h.Size))
		_, err := f.WriteAt(head, 0)
		return err
	}
	le := binary.LittleEndian
	head := make([]byte, headLength)
	copy(head, vdiIntro)
	le.PutUint32(head[64:], signature)
	le.PutUint32(head[68:], vdiVersion)
	le.PutUint32(head[72:], 400)
	le.PutUint32(head[76:], h.Kind)
	at := 84 + 256
	le.PutUint32(head[at:], mapOffset)
	le.PutUint32(head[at+4:], uint32(h.dataOffset()))
	le.PutUint32(head[at+20:], sector) // of the geometry, which is left to the firmware
	at += 8 + 16 + 4
	le.PutUint64(head[at:], uint64(h.Size))
	le.PutUint32(head[at+8:], blockSize)
	le.PutUint32(head[at+16:], uint32(len(h.Blocks)))
	le.PutUint32(head[at+20:], h.Used)
	copy(head[at+24:], uuidBytes(h.UUID))
	copy(head[at+40:], uuidBytes(h.UUID)) // of the last change
	copy(head[at+56:], uuidBytes(h.Parent))
	raw := make([]byte, 4*len(h.Blocks))
	for i, n := range h.Blocks {
		le.PutUint32(raw[4*i:], n)
	}
	if _, err := f.WriteAt(head, 0); err != nil {
		return err
	}
	if len(raw) == 0 {
		return nil
	}
	_, err := f.WriteAt(raw, mapOffset)
	return err
}

// uuidFrom reads an identifier, whose first three fields are little-endian.
func uuidFrom(b []byte) string {
	b = slices.Clone(b[:16])
	slices.Reverse(b[0:4])
	slices.Reverse(b[4:6])
	slices.Reverse(b[6:8])
	h := hex.EncodeToString(b)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func uuidBytes(text string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(trim(text), "-", ""))
	if err != nil || len(b) != 16 {
		return make([]byte, 16)
	}
	slices.Reverse(b[0:4])
	slices.Reverse(b[4:6])
	slices.Reverse(b[6:8])
	return b
}

// newHeader is that of an empty image.
func newHeader(format string, kind uint32, uuid string, size int64) header {
	h := header{Format: format, Kind: kind, UUID: uuid, Size: size}
	if format == "VDI" {
		h.Blocks = make([]uint32, (size+blockSize-1)/blockSize)
		for i := range h.Blocks {
			h.Blocks[i] = blockFree
			if kind == vdiFixed {
				h.Blocks[i] = uint32(i)
			}
		}
		if kind == vdiFixed {
			h.Used = uint32(len(h.Blocks))
		}
	}
	return h
}

// length is how long the file of an image is.
func (h *header) length() int64 {
	switch h.Format {
	case "RAW":
		return h.Size
	case "VDI":
		return h.dataOffset() + int64(h.Used)*blockSize
	}
	return otherOffset + h.Size
}

// writeBlock keeps a block of the disk; one of zeros takes no place.
func (i *image) writeBlock(n int, data []byte) error {
	zero := len(bytes.Trim(data, "\x00")) == 0
	switch {
	case i.Format == "RAW":
		if zero {
			return nil
		}
		return i.put(data, int64(n)*blockSize)
	case i.Format != "VDI":
		if zero {
			return nil
		}
		return i.put(data, otherOffset+int64(n)*blockSize)
	case zero && i.Kind != vdiFixed:
		i.Blocks[n] = blockZero
		return nil
	case zero:
		return nil // the file has it as a hole
	}
	if i.Blocks[n] >= blockZero {
		i.Blocks[n] = i.Used
		i.Used++
	}
	return i.put(data, i.dataOffset()+int64(i.Blocks[n])*blockSize)
}

// put writes, and tells a full file system as the tool does.
func (i *image) put(data []byte, at int64) error {
	_, err := i.f.WriteAt(data, at)
	return err
}

// finish writes the head and gives the file its length.
func (i *image) finish() error {
	if err := i.write(i.f); err != nil {
		return err
	}
	if i.Kind == vdiFixed {
		return i.f.Allocate(0, i.length())
	}
	return i.f.Truncate(i.length())
}

// readBlock is a block of the disk; nil: zeros.
func (i *image) readBlock(n int) []byte {
	var at int64
	switch {
	case i.Format == "RAW":
		at = int64(n) * blockSize
	case i.Format != "VDI":
		at = otherOffset + int64(n)*blockSize
	case i.Blocks[n] == blockFree && i.parent != nil:
		if n < len(i.parent.Blocks) {
			return i.parent.readBlock(n)
		}
		return nil
	case i.Blocks[n] >= blockZero:
		return nil
	default:
		at = i.dataOffset() + int64(i.Blocks[n])*blockSize
	}
	b := make([]byte, min(blockSize, i.Size-int64(n)*blockSize))
	if _, err := i.f.ReadAt(b, at); err != nil && !errors.Is(err, io.EOF) {
		return nil
	}
	return b
}

// blocks is how many the disk has.
func (i *image) blocks() int { return int((i.Size + blockSize - 1) / blockSize) }

// head is the beginning of the disk.
func (i *image) head(length int) []byte {
	var head []byte
	for n := 0; n < i.blocks() && len(head) < length; n++ {
		block := i.readBlock(n)
		if block == nil {
			block = make([]byte, min(blockSize, i.Size-int64(n)*blockSize))
		}
		head = append(head, block...)
	}
	return head[:min(length, len(head))]
}

// close closes the files of an image.
func (i *image) close() {
	for ; i != nil; i = i.parent {
		_ = i.f.Close()
	}
}
