package imagesim

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"bsdrun/runtime/sim/vfs"
	"bsdrun/stdlib/image/qcow2"
)

// extent is a range of a disk, as qemu-img map tells it.
type extent struct {
	Start, Length int64
	Depth         int
	Present       bool
	Zero, Data    bool
	Offset        int64 // in File; -1: none
	File          string
	compressed    bool
}

// content is what a format makes of a file.
type content interface {
	size() int64
	// find describes the range that begins at an offset, and is as long as it is
	// simple to tell; a range that is not there is the backing file's.
	find(off int64) (extent, error)
	// read reads a part of a range that is there and no zeroes.
	read(b []byte, off int64) error
}

// image is an open image with what backs it.
type image struct {
	name    string
	format  string
	file    *vfs.File
	info    vfs.Info
	content content
	qcow    *qcow2.Image // of that format
	backing *image
}

func (i *image) close() {
	for ; i != nil; i = i.backing {
		_ = i.file.Close()
	}
}

// probe tells the format of a file by its first bytes.
func probe(f io.ReaderAt) string {
	var head [512]byte
	n, _ := f.ReadAt(head[:], 0)
	switch {
	case bytes.HasPrefix(head[:n], []byte(qcow2.Magic)):
		return "qcow2"
	case n >= 68 && binary.LittleEndian.Uint32(head[64:]) == vdiSignature:
		return "vdi"
	default:
		return "raw"
	}
}

// open opens one file of a chain.
func (c *call) open(name, format string) (*image, error) {
	if err := c.unlocked(name, false); err != nil {
		return nil, err
	}
	if format != "" && !known(format) {
		return nil, fmt.Errorf("Unknown driver '%s'", format)
	}
	f, err := c.FS().Open(name)
	if err != nil {
		return nil, fmt.Errorf("Could not open '%s': %s", name, vfsText(err))
	}
	i := &image{name: name, format: format, file: f}
	if i.info, err = f.Stat(); err == nil && i.info.Type == vfs.TypeDir {
		err = fmt.Errorf("'file' driver requires '%s' to be a regular file", name)
	}
	if err == nil {
		err = i.read()
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return i, nil
}

func (i *image) read() (err error) {
	if i.format == "" {
		i.format = probe(i.file)
	}
	switch i.format {
	case "qcow2":
		if i.qcow, err = qcow2.Open(i.file); err == nil {
			i.content = qcowContent{i.qcow}
		}
	case "vdi":
		i.content, err = openVDI(i.file)
	default:
		i.content = rawContent{i.file, i.length()}
	}
	return err
}

// length is the size of the file or device.
func (i *image) length() int64 {
	if i.info.Type == vfs.TypeFile {
		return i.info.Size
	}
	end, err := i.file.Seek(0, io.SeekEnd)
	if err != nil {
		return 0
	}
	return end
}

// openChain opens an image with all that backs it.
func (c *call) openChain(name, format string) (*image, error) {
	i, err := c.open(name, format)
	if err != nil || i.qcow == nil || i.qcow.Backing == "" {
		return i, err
	}
	share := c.share
	c.share = true // who runs a machine lets others read what backs its disk
	defer func() { c.share = share }()
	if i.backing, err = c.openChain(i.backingPath(), i.qcow.BackingFormat); err != nil {
		i.close()
		return nil, fmt.Errorf("Could not open backing file: %w", err)
	}
	return i, nil
}

// backingPath is where the backing file is: beside the image, unless it says.
func (i *image) backingPath() string {
	name := i.qcow.Backing
	if path.IsAbs(name) || !strings.Contains(i.name, "/") {
		return name
	}
	return path.Dir(i.name) + "/" + name
}

// find describes the range at an offset through the whole chain.
func (i *image) find(off int64) (extent, error) {
	left := i.content.size() - off
	for depth, at := 0, i; ; depth, at = depth+1, at.backing {
		var e extent
		if beyond := at.content.size(); off >= beyond { // a smaller backing file
			return extent{Start: off, Length: left, Depth: depth - 1, Zero: true, Offset: -1}, nil
		}
		e, err := at.content.find(off)
		if err != nil {
			return e, err
		}
		left = min(left, e.Length)
		if e.Present || at.backing == nil {
			e.Start, e.Length, e.Depth = off, left, depth
			if e.Data && e.Offset >= 0 || at.format == "raw" {
				e.File = at.name
			}
			if !e.Present {
				e.Zero, e.Offset = true, -1
			}
			return e, nil
		}
	}
}

// each calls fn for the ranges of the whole disk.
func (i *image) each(fn func(e extent) error) error {
	for off := int64(0); off < i.content.size(); {
		e, err := i.find(off)
		if err == nil {
			err = fn(e)
		}
		if err != nil {
			return err
		}
		off += e.Length
	}
	return nil
}

// ReadAt reads the disk as a guest does.
func (i *image) ReadAt(b []byte, off int64) (int, error) {
	done := 0
	for done < len(b) {
		if off >= i.content.size() {
			return done, io.EOF
		}
		e, err := i.find(off)
		if err != nil {
			return done, err
		}
		part := b[done:min(int64(len(b)), int64(done)+e.Length)]
		if e.Zero || !e.Present {
			clear(part)
		} else if err := i.layer(e.Depth).content.read(part, off); err != nil {
			return done, err
		}
		done, off = done+len(part), off+int64(len(part))
	}
	return done, nil
}

func (i *image) layer(depth int) *image {
	for range depth {
		i = i.backing
	}
	return i
}

// sector is what QEMU counts the sizes of disks in.
const sector = 512

// rawContent is a file that is the disk itself, with zeroes up to a whole sector.
type rawContent struct {
	file   *vfs.File
	length int64
}

func (r rawContent) size() int64 { return (r.length + sector - 1) / sector * sector }

func (r rawContent) find(off int64) (extent, error) {
	e := extent{Start: off, Present: true, Offset: off, Length: r.size() - off}
	if !r.file.IsRegular() {
		e.Data = true
		return e, nil
	}
	const block = 4096
	data, err := r.file.NextData(off)
	switch {
	case err != nil: // a hole to the end
		e.Zero = true
	case data/block*block > off:
		e.Zero, e.Length = true, data/block*block-off
	default:
		e.Data = true
		hole, err := r.file.NextHole(off)
		if err != nil {
			return e, err
		}
		for { // holes of less than a block are none on a real disk
			end := min((hole+block-1)/block*block, r.length)
			e.Length = end - off
			if end >= r.length {
				return e, nil
			}
			if next, err := r.file.NextData(end); err != nil || next/block*block > end {
				return e, nil //nolint:nilerr // nothing but a hole follows
			}
			if hole, err = r.file.NextHole(end); err != nil || hole <= end {
				return e, err
			}
		}
	}
	return e, nil
}

func (r rawContent) read(b []byte, off int64) error { return readFull(r.file, b, off) }

func readFull(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) || errors.Is(err, io.EOF) {
		clear(b[n:])
		return nil
	}
	return err
}

// qcowContent is a qcow2 image by itself.
type qcowContent struct{ image *qcow2.Image }

func (q qcowContent) size() int64 { return q.image.Size }

func (q qcowContent) find(off int64) (extent, error) {
	size := q.image.ClusterSize()
	first, err := q.image.Find(off)
	e := extent{Start: off, Present: first.Kind != qcow2.Unallocated, Offset: -1, compressed: first.Kind == qcow2.Compressed}
	e.Zero = first.Kind == qcow2.Zero
	e.Data = first.Kind == qcow2.Data || e.compressed
	within := off % size
	if first.Kind == qcow2.Data {
		e.Offset = first.Offset + within
	}
	e.Length = min(size-within, q.image.Size-off)
	for err == nil && off+e.Length < q.image.Size {
		var next qcow2.Cluster
		if next, err = q.image.Find(off + e.Length); next.Kind != first.Kind {
			break
		}
		if first.Kind == qcow2.Data && next.Offset != e.Offset+e.Length {
			break
		}
		e.Length = min(e.Length+size, q.image.Size-off)
	}
	return e, err
}

func (q qcowContent) read(b []byte, off int64) error {
	size := q.image.ClusterSize()
	buf := make([]byte, size)
	for len(b) > 0 {
		c, err := q.image.Find(off)
		if err == nil {
			err = q.image.ReadCluster(c, buf)
		}
		if err != nil {
			return err
		}
		n := copy(b, buf[off%size:])
		b, off = b[n:], off+int64(n)
	}
	return nil
}
