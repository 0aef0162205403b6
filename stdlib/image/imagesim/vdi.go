package imagesim

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"

	"bsdrun/runtime/sim/vfs"
)

// VirtualBox's format: a header, a table of blocks, blocks of one MiB.

const (
	vdiSignature = 0xbeda107f
	vdiBlock     = 1 << 20
	vdiHeader    = 512
	vdiFree      = 0xffffffff // reads as zeroes
	vdiDiscarded = 0xfffffffe
	mostBlocks   = 1 << 22
)

type vdiContent struct {
	file   io.ReaderAt
	disk   int64
	data   int64
	blocks []uint32
}

func openVDI(f io.ReaderAt) (content, error) {
	h := make([]byte, vdiHeader)
	if n, _ := f.ReadAt(h, 0); n < vdiHeader {
		return nil, errors.New("invalid VDI image (file too short)")
	}
	le := binary.LittleEndian
	if le.Uint32(h[64:]) != vdiSignature {
		return nil, errors.New("Image not in VDI format")
	}
	v := vdiContent{file: f, disk: int64(le.Uint64(h[368:])), data: int64(le.Uint32(h[344:]))}
	count := le.Uint32(h[384:])
	if le.Uint32(h[376:]) != vdiBlock || count > mostBlocks || v.disk < 0 || v.disk > int64(count)*vdiBlock {
		return nil, errors.New("unsupported VDI image (block size)")
	}
	raw := make([]byte, 4*count)
	if err := readFull(f, raw, int64(le.Uint32(h[340:]))); err != nil {
		return nil, err
	}
	for i := range count {
		v.blocks = append(v.blocks, le.Uint32(raw[4*i:]))
	}
	return v, nil
}

func (v vdiContent) size() int64 { return v.disk }

func (v vdiContent) free(block int64) bool { return v.blocks[block] >= vdiDiscarded }

func (v vdiContent) at(off int64) int64 {
	return v.data + int64(v.blocks[off/vdiBlock])*vdiBlock + off%vdiBlock
}

func (v vdiContent) find(off int64) (extent, error) {
	block := off / vdiBlock
	e := extent{Start: off, Present: true, Zero: v.free(block), Offset: -1}
	e.Data = !e.Zero
	if e.Data {
		e.Offset = v.at(off)
	}
	for end := block + 1; ; end++ {
		e.Length = min(end*vdiBlock, v.disk) - off
		if end*vdiBlock >= v.disk || v.free(end) != e.Zero || e.Data && v.at(end*vdiBlock) != e.Offset+e.Length {
			return e, nil
		}
	}
}

func (v vdiContent) read(b []byte, off int64) error {
	for len(b) > 0 {
		n := min(int64(len(b)), vdiBlock-off%vdiBlock)
		if err := readFull(v.file, b[:n], v.at(off)); err != nil {
			return err
		}
		b, off = b[n:], off+n
	}
	return nil
}

// vdiTarget writes a VDI: a block that gets something is the file's next one.
type vdiTarget struct {
	file   *vfs.File
	disk   int64
	blocks []uint32
	next   uint32
	static bool
}

func newVDI(f *vfs.File, size int64, static bool) *vdiTarget {
	v := &vdiTarget{file: f, disk: size, blocks: make([]uint32, (size+vdiBlock-1)/vdiBlock), static: static}
	for i := range v.blocks {
		v.blocks[i] = vdiFree
		if static {
			v.blocks[i] = uint32(i)
		}
	}
	if static {
		v.next = uint32(len(v.blocks))
	}
	return v
}

// data is where the blocks begin.
func (v *vdiTarget) data() int64 { return vdiHeader + (4*int64(len(v.blocks))+511)/512*512 }

func (v *vdiTarget) write(b []byte, off int64) error {
	for len(b) > 0 {
		block := off / vdiBlock
		n := min(int64(len(b)), vdiBlock-off%vdiBlock)
		if v.blocks[block] == vdiFree {
			v.blocks[block], v.next = v.next, v.next+1
		}
		if _, err := v.file.WriteAt(b[:n], v.data()+int64(v.blocks[block])*vdiBlock+off%vdiBlock); err != nil {
			return err
		}
		b, off = b[n:], off+n
	}
	return nil
}

func (v *vdiTarget) close() error {
	le := binary.LittleEndian
	h := make([]byte, v.data())
	copy(h, "<<< QEMU VM Virtual Disk Image >>>\n")
	le.PutUint32(h[64:], vdiSignature)
	le.PutUint32(h[68:], 0x00010001)
	le.PutUint32(h[72:], 0x180)
	le.PutUint32(h[76:], 1)
	if v.static {
		h[76] = 2
	}
	le.PutUint32(h[340:], vdiHeader)
	le.PutUint32(h[344:], uint32(v.data()))
	le.PutUint32(h[360:], 512)
	le.PutUint64(h[368:], uint64(v.disk))
	le.PutUint32(h[376:], vdiBlock)
	le.PutUint32(h[384:], uint32(len(v.blocks)))
	le.PutUint32(h[388:], v.next)
	id := sha256.Sum256([]byte(v.file.Path()))
	copy(h[392:408], id[:16])
	copy(h[408:424], id[16:])
	for i, block := range v.blocks {
		le.PutUint32(h[vdiHeader+4*i:], block)
	}
	if _, err := v.file.WriteAt(h, 0); err != nil {
		return err
	}
	return v.file.Truncate(v.data() + int64(v.next)*vdiBlock)
}
