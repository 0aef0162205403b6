// Package qcow2 reads and writes disk images of QEMU's format, versions 2 and 3.
//
// There are Go packages that read them, but none that takes its backing files and
// its clusters from something else than the local disk, and none that writes.
package qcow2

import (
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"
)

// Magic begins every image.
const Magic = "QFI\xfb"

// ErrFormat says that something is no qcow2 image.
var ErrFormat = errors.New("Image is not in qcow2 format")

// What an image may need of its reader.
const (
	Dirty        uint64 = 1 << 0
	Corrupt      uint64 = 1 << 1
	externalData uint64 = 1 << 2
	compression  uint64 = 1 << 3
	extendedL2   uint64 = 1 << 4
	understood          = Dirty | Corrupt | compression
)

const (
	lazyRefcounts uint64 = 1 << 0 // a compatible feature

	copied      uint64 = 1 << 63
	packed      uint64 = 1 << 62
	offsetMask  uint64 = 0x00fffffffffffe00
	readsAsZero uint64 = 1

	extensionEnd     = 0
	extensionBacking = 0xE2792ACA

	sectorSize = 512
	// Bounds on what a damaged header may ask for.
	mostL1        = 32 << 20 / 8
	mostSnapshots = 65536
	mostName      = 1023
)

// Image is an image that is read. It may be used by one reader at a time.
type Image struct {
	r io.ReaderAt

	Version        int
	ClusterBits    int
	Size           int64 // bytes that a guest sees
	Backing        string
	BackingFormat  string
	Incompatible   uint64
	Compatible     uint64
	RefcountBits   int
	Compression    byte // 0 deflate, 1 zstd
	Encryption     uint32
	Snapshots      []Snapshot
	refcountTable  uint64
	refcountLength uint32 // in clusters

	l1 []uint64
	l2 map[uint64][]uint64
}

// Snapshot is a snapshot inside an image.
type Snapshot struct {
	ID, Name string
	Time     time.Time
	Clock    time.Duration // how long the machine had run
	Memory   int64         // bytes of its memory
	Size     int64         // bytes of the disk
	l1       uint64
	l1Size   uint32
}

// Kind is what a cluster is.
type Kind int

// The kinds of clusters.
const (
	Unallocated Kind = iota // the backing file's, or zeroes
	Zero                    // reads as zeroes
	Data
	Compressed
)

// Cluster is where a cluster is.
type Cluster struct {
	Kind   Kind
	Offset int64 // in the file: of Data, and of Zero that has its place (else -1)
	entry  uint64
}

// Open reads an image's header and tables.
func Open(r io.ReaderAt) (*Image, error) {
	var h [112]byte
	n, err := r.ReadAt(h[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if n < 72 || string(h[:4]) != Magic {
		return nil, ErrFormat
	}
	be := binary.BigEndian
	i := &Image{
		r: r, Version: int(be.Uint32(h[4:])), ClusterBits: int(be.Uint32(h[20:])), Size: int64(be.Uint64(h[24:])),
		Encryption: be.Uint32(h[32:]), refcountTable: be.Uint64(h[48:]), refcountLength: be.Uint32(h[56:]), RefcountBits: 16, l2: map[uint64][]uint64{},
	}
	if i.Version != 2 && i.Version != 3 {
		return nil, fmt.Errorf("Unsupported qcow2 version %d", i.Version)
	}
	if i.ClusterBits < 9 || i.ClusterBits > 21 || i.Size < 0 {
		return nil, fmt.Errorf("Unsupported cluster size: 2^%d", i.ClusterBits)
	}
	length := uint32(72)
	if i.Version == 3 {
		i.Incompatible, i.Compatible = be.Uint64(h[72:]), be.Uint64(h[80:])
		order := be.Uint32(h[96:])
		if length = be.Uint32(h[100:]); length < 104 || order > 6 {
			return nil, errors.New("the header makes no sense")
		}
		i.RefcountBits = 1 << order
		if length > 104 {
			i.Compression = h[104]
		}
	}
	if unknown := i.Incompatible &^ understood; unknown != 0 {
		return nil, fmt.Errorf("Unsupported qcow2 feature(s): mask %x", unknown)
	}
	if err := i.readBacking(be.Uint64(h[8:]), be.Uint32(h[16:]), length); err != nil {
		return nil, err
	}
	if i.l1, err = i.table(be.Uint64(h[40:]), be.Uint32(h[36:])); err != nil {
		return nil, err
	}
	return i, i.readSnapshots(be.Uint64(h[64:]), be.Uint32(h[60:]))
}

// ClusterSize is the bytes of a cluster.
func (i *Image) ClusterSize() int64 { return 1 << i.ClusterBits }

// Lazy tells whether reference counts may be behind.
func (i *Image) Lazy() bool { return i.Compatible&lazyRefcounts != 0 }

func (i *Image) full(b []byte, off uint64) error {
	if off > 1<<62 {
		return io.ErrUnexpectedEOF
	}
	n, err := i.r.ReadAt(b, int64(off))
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// readBacking reads the backing file's name, and its format, which is told in one
// of the extensions that follow the header.
func (i *Image) readBacking(at uint64, size, header uint32) error {
	if size > mostName || header > uint32(i.ClusterSize()) {
		return errors.New("Backing file name too long")
	}
	if at != 0 && size > 0 {
		name := make([]byte, size)
		if err := i.full(name, at); err != nil {
			return err
		}
		i.Backing = string(name)
	}
	for off, end := uint64(header), uint64(i.ClusterSize()); off+8 <= end; {
		var h [8]byte
		if err := i.full(h[:], off); err != nil {
			return nil //nolint:nilerr // an image of version 2 may end here
		}
		kind, length := binary.BigEndian.Uint32(h[:]), binary.BigEndian.Uint32(h[4:])
		off += 8
		if kind == extensionEnd || uint64(length) > end-off {
			return nil
		}
		if kind == extensionBacking && length <= 64 {
			name := make([]byte, length)
			if err := i.full(name, off); err != nil {
				return err
			}
			i.BackingFormat = string(name)
		}
		off += (uint64(length) + 7) &^ 7
	}
	return nil
}

func (i *Image) table(at uint64, entries uint32) ([]uint64, error) {
	if entries > mostL1 {
		return nil, errors.New("Active L1 table too large")
	}
	raw := make([]byte, int(entries)*8)
	if err := i.full(raw, at); err != nil {
		return nil, err
	}
	table := make([]uint64, entries)
	for n := range table {
		table[n] = binary.BigEndian.Uint64(raw[n*8:])
	}
	return table, nil
}

func (i *Image) readSnapshots(at uint64, count uint32) error {
	if count > mostSnapshots {
		return errors.New("Too many snapshots")
	}
	be := binary.BigEndian
	for range count {
		var h [40]byte
		if err := i.full(h[:], at); err != nil {
			return err
		}
		extra, id, name := be.Uint32(h[36:]), int(be.Uint16(h[12:])), int(be.Uint16(h[14:]))
		if extra > 1024 {
			return errors.New("Too much extra metadata in snapshot table entry")
		}
		rest := make([]byte, int(extra)+id+name)
		if err := i.full(rest, at+40); err != nil {
			return err
		}
		s := Snapshot{
			l1: be.Uint64(h[:]), l1Size: be.Uint32(h[8:]), Memory: int64(be.Uint32(h[32:])), Size: i.Size,
			Time: time.Unix(int64(be.Uint32(h[16:])), int64(be.Uint32(h[20:]))).UTC(), Clock: time.Duration(be.Uint64(h[24:])),
		}
		if extra >= 8 {
			s.Memory = int64(be.Uint64(rest))
		}
		if extra >= 16 {
			s.Size = int64(be.Uint64(rest[8:]))
		}
		s.ID, s.Name = string(rest[extra:int(extra)+id]), string(rest[int(extra)+id:])
		i.Snapshots = append(i.Snapshots, s)
		at += (uint64(40+len(rest)) + 7) &^ 7
	}
	return nil
}

// At is the image as it was at a snapshot, by name or number.
func (i *Image) At(name string) (*Image, error) {
	for _, byID := range []bool{false, true} {
		for _, s := range i.Snapshots {
			if s.Name != name && (!byID || s.ID != name) {
				continue
			}
			then := *i
			var err error
			then.l1, err = i.table(s.l1, s.l1Size)
			then.Size = s.Size
			return &then, err
		}
	}
	return nil, errors.New("Can't find snapshot")
}

// Find tells where the cluster with an offset of the guest's disk is.
func (i *Image) Find(off int64) (Cluster, error) {
	none := Cluster{Kind: Unallocated, Offset: -1}
	index := off >> i.ClusterBits
	l2Bits := i.ClusterBits - 3
	slot := index >> l2Bits
	if slot >= int64(len(i.l1)) {
		return none, nil
	}
	at := i.l1[slot] & offsetMask
	if at == 0 {
		return none, nil
	}
	table, err := i.l2Table(at)
	if err != nil {
		return none, err
	}
	entry := table[index&(1<<l2Bits-1)]
	switch {
	case entry&packed != 0:
		return Cluster{Compressed, -1, entry}, nil
	case entry&readsAsZero != 0 && i.Version > 2:
		if where := entry & offsetMask; where != 0 {
			return Cluster{Zero, int64(where), entry}, nil
		}
		return Cluster{Zero, -1, entry}, nil
	case entry&offsetMask == 0:
		return none, nil
	}
	return Cluster{Data, int64(entry & offsetMask), entry}, nil
}

func (i *Image) l2Table(at uint64) ([]uint64, error) {
	if table, ok := i.l2[at]; ok {
		return table, nil
	}
	table, err := i.table(at, uint32(i.ClusterSize()/8))
	if err != nil {
		return nil, err
	}
	i.l2[at] = table
	return table, nil
}

// ReadCluster reads what a cluster holds into as much of a buffer as the cluster is
// long. One that is not allocated reads as zeroes.
func (i *Image) ReadCluster(c Cluster, b []byte) error {
	b = b[:min(int64(len(b)), i.ClusterSize())]
	switch c.Kind {
	case Data:
		// The last cluster of a file may be shorter than others.
		n, err := i.r.ReadAt(b, c.Offset)
		clear(b[n:])
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return err
	case Compressed:
		return i.unpack(c.entry, b)
	default:
		clear(b)
		return nil
	}
}

// place is where a compressed cluster lies.
func (i *Image) place(entry uint64) (at uint64, size int) {
	bits := 62 - (i.ClusterBits - 8)
	at = entry & (1<<bits - 1)
	sectors := entry &^ (copied | packed) >> bits
	return at, int((sectors+1)*sectorSize - at&(sectorSize-1))
}

func (i *Image) unpack(entry uint64, b []byte) error {
	at, size := i.place(entry)
	raw := make([]byte, size)
	if at > 1<<62 {
		return io.ErrUnexpectedEOF
	}
	n, err := i.r.ReadAt(raw, int64(at))
	if n == 0 {
		return err
	}
	var r io.Reader = flate.NewReader(&oneReader{raw[:n]})
	if i.Compression == 1 {
		d, err := zstd.NewReader(&oneReader{raw[:n]}, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
		if err != nil {
			return err
		}
		defer d.Close()
		r = d
	}
	_, err = io.ReadFull(r, b)
	return err
}

// oneReader reads a slice, and byte by byte, so that nobody reads beyond what is
// needed.
type oneReader struct{ b []byte }

func (r *oneReader) Read(p []byte) (int, error) {
	if len(r.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.b)
	r.b = r.b[n:]
	return n, nil
}

// ReadByte reads one byte.
func (r *oneReader) ReadByte() (byte, error) {
	if len(r.b) == 0 {
		return 0, io.EOF
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c, nil
}
