package qcow2

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// File is what an image is written to.
type File interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
}

// Options say what image is made.
type Options struct {
	Size          int64
	ClusterBits   int // 0: 16
	Version       int // 0: 3
	Backing       string
	BackingFormat string
	Lazy          bool
}

// Writer makes an image: clusters in any order, each once. The tables are written
// at its end.
type Writer struct {
	f    File
	o    Options
	l1   int // entries
	l2   map[int64][]uint64
	refs []uint16 // by cluster of the file
	// Compressed clusters share clusters of the file; this is where the next goes.
	packAt, packEnd int64
	snapshots       []Snapshot
}

// Create begins an image.
func Create(f File, o Options) (*Writer, error) {
	if o.ClusterBits == 0 {
		o.ClusterBits = 16
	}
	if o.Version == 0 {
		o.Version = 3
	}
	if len(o.Backing) > mostName || o.Size < 0 {
		return nil, fmt.Errorf("Backing file name too long")
	}
	if err := f.Truncate(0); err != nil {
		return nil, err
	}
	w := &Writer{f: f, o: o, l2: map[int64][]uint64{}}
	per := w.size() * (w.size() / 8)
	w.l1 = int((o.Size + per - 1) / per)
	w.take(1) // the header
	w.take(w.clusters(int64(w.l1) * 8))
	return w, nil
}

func (w *Writer) size() int64 { return 1 << w.o.ClusterBits }

func (w *Writer) clusters(bytes int64) int { return int((bytes + w.size() - 1) / w.size()) }

// take reserves clusters of the file, and is the offset of the first.
func (w *Writer) take(n int) int64 {
	at := int64(len(w.refs)) * w.size()
	for range n {
		w.refs = append(w.refs, 1)
	}
	return at
}

// entry is a cluster's place in the tables.
func (w *Writer) entry(index int64) *uint64 {
	per := w.size() / 8
	table := w.l2[index/per]
	if table == nil {
		table = make([]uint64, per)
		w.l2[index/per] = table
	}
	return &table[index%per]
}

// Write puts data into a cluster.
func (w *Writer) Write(index int64, data []byte) error {
	at := w.take(1)
	*w.entry(index) = uint64(at) | copied
	return w.put(data, at)
}

func (w *Writer) put(data []byte, at int64) error {
	if _, err := w.f.WriteAt(data, at); err != nil {
		return err
	}
	return nil
}

// Reserve gives a cluster its place without writing to it.
func (w *Writer) Reserve(index int64) { *w.entry(index) = uint64(w.take(1)) | copied }

// Zero makes a cluster read as zeroes, whatever the backing file has.
func (w *Writer) Zero(index int64) error {
	if w.o.Version < 3 {
		return w.Write(index, make([]byte, w.size()))
	}
	*w.entry(index) = readsAsZero
	return nil
}

// Compress puts data into a cluster, compressed where that is shorter.
func (w *Writer) Compress(index int64, data []byte) error {
	var b bytes.Buffer
	c, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		return err
	}
	whole := make([]byte, w.size())
	copy(whole, data)
	if _, err := c.Write(whole); err != nil {
		return err
	}
	if err := c.Close(); err != nil {
		return err
	}
	if int64(b.Len()) >= w.size() {
		return w.Write(index, data)
	}
	at := w.room(int64(b.Len()))
	bits := 62 - (w.o.ClusterBits - 8)
	last := (at + int64(b.Len()) - 1) / sectorSize
	*w.entry(index) = packed | uint64(last-at/sectorSize)<<bits | uint64(at)
	return w.put(b.Bytes(), at)
}

// room finds the place for compressed data: after the last one, where that still
// has room, or where the next cluster of the file follows.
func (w *Writer) room(n int64) int64 {
	end := int64(len(w.refs)) * w.size()
	if w.packEnd != end {
		w.packAt, w.packEnd = end, end
	}
	at := w.packAt
	for w.packEnd < at+n {
		w.refs = append(w.refs, 0)
		w.packEnd += w.size()
	}
	// Readers take whole sectors: what those touch counts, too.
	last := ((at+n-1)/sectorSize*sectorSize + sectorSize - 1) / w.size()
	for c := at / w.size(); c <= last; c++ {
		w.refs[c]++
	}
	w.packAt = at + n
	return at
}

// Snapshot keeps what the image holds so far, which must be all of it.
func (w *Writer) Snapshot(name string, when time.Time) {
	w.snapshots = append(w.snapshots, Snapshot{ID: fmt.Sprint(len(w.snapshots) + 1), Name: name, Time: when})
}

// Close writes the tables and the header.
func (w *Writer) Close() error {
	own := copied
	if len(w.snapshots) > 0 {
		own = 0
	}
	l1 := make([]uint64, w.l1)
	for _, slot := range slices.Sorted(maps.Keys(w.l2)) {
		at := w.take(1)
		l1[slot] = uint64(at) | own
		table := w.l2[slot]
		for i, entry := range table {
			if entry&copied != 0 {
				table[i] = entry&^copied | own
			}
		}
		if err := w.putTable(table, at); err != nil {
			return err
		}
	}
	if err := w.putTable(l1, w.size()); err != nil {
		return err
	}
	snapshotsAt, err := w.putSnapshots(l1)
	if err != nil {
		return err
	}
	table, count, err := w.putRefcounts()
	if err != nil {
		return err
	}
	if err := w.put(w.header(table, count, snapshotsAt), 0); err != nil {
		return err
	}
	return w.f.Truncate(int64(len(w.refs)) * w.size())
}

func (w *Writer) putTable(table []uint64, at int64) error {
	raw := make([]byte, 8*len(table))
	for i, entry := range table {
		binary.BigEndian.PutUint64(raw[8*i:], entry)
	}
	return w.put(raw, at)
}

// putSnapshots writes the snapshots, which have tables of their own at the top and
// share all below.
func (w *Writer) putSnapshots(l1 []uint64) (int64, error) {
	if len(w.snapshots) == 0 {
		return 0, nil
	}
	shared := uint16(len(w.snapshots))
	for slot, table := range w.l2 {
		w.refs[l1[slot]&offsetMask>>w.o.ClusterBits] += shared
		for _, entry := range table {
			for _, c := range w.touched(entry) {
				w.refs[c] += shared
			}
		}
	}
	be := binary.BigEndian
	var list []byte
	for _, s := range w.snapshots {
		at := w.take(max(w.clusters(int64(w.l1)*8), 1))
		if err := w.putTable(l1, at); err != nil {
			return 0, err
		}
		var h [56]byte
		be.PutUint64(h[:], uint64(at))
		be.PutUint32(h[8:], uint32(w.l1))
		be.PutUint16(h[12:], uint16(len(s.ID)))
		be.PutUint16(h[14:], uint16(len(s.Name)))
		be.PutUint32(h[16:], uint32(s.Time.Unix()))
		be.PutUint32(h[20:], uint32(s.Time.Nanosecond()))
		be.PutUint32(h[36:], 16)
		be.PutUint64(h[48:], uint64(w.o.Size))
		list = append(append(append(list, h[:]...), s.ID...), s.Name...)
		list = append(list, make([]byte, -len(list)&7)...)
	}
	at := w.take(w.clusters(int64(len(list))))
	return at, w.put(list, at)
}

// touched are the clusters of the file that an entry counts for.
func (w *Writer) touched(entry uint64) []int64 {
	if entry&packed == 0 {
		if at := entry & offsetMask; at != 0 {
			return []int64{int64(at >> w.o.ClusterBits)}
		}
		return nil
	}
	at, size := (&Image{ClusterBits: w.o.ClusterBits}).place(entry)
	var list []int64
	for c := int64(at) / w.size(); c <= (int64(at)+int64(size)-1)/w.size(); c++ {
		list = append(list, c)
	}
	return list
}

// putRefcounts writes the reference counts, which count themselves.
func (w *Writer) putRefcounts() (at int64, clusters int, err error) {
	per := int(w.size() / 2)
	blocks, table := 1, 1
	for {
		total := len(w.refs) + blocks + table
		needs := (total + per - 1) / per
		tableNeeds := w.clusters(int64(needs) * 8)
		if needs <= blocks && tableNeeds <= table {
			break
		}
		blocks, table = max(blocks, needs), max(table, tableNeeds)
	}
	at = w.take(table)
	first := w.take(blocks)
	list := make([]uint64, blocks)
	for b := range list {
		list[b] = uint64(first + int64(b)*w.size())
		raw := make([]byte, w.size())
		for i := range per {
			if n := b*per + i; n < len(w.refs) {
				binary.BigEndian.PutUint16(raw[2*i:], w.refs[n])
			}
		}
		if err := w.put(raw, int64(list[b])); err != nil {
			return 0, 0, err
		}
	}
	return at, table, w.putTable(list, at)
}

func (w *Writer) header(table int64, tableClusters int, snapshots int64) []byte {
	be := binary.BigEndian
	h := make([]byte, 112)
	if w.o.Version == 2 {
		h = h[:72]
	}
	copy(h, Magic)
	be.PutUint32(h[4:], uint32(w.o.Version))
	be.PutUint32(h[20:], uint32(w.o.ClusterBits))
	be.PutUint64(h[24:], uint64(w.o.Size))
	be.PutUint32(h[36:], uint32(w.l1))
	be.PutUint64(h[40:], uint64(w.size()))
	be.PutUint64(h[48:], uint64(table))
	be.PutUint32(h[56:], uint32(tableClusters))
	be.PutUint32(h[60:], uint32(len(w.snapshots)))
	be.PutUint64(h[64:], uint64(snapshots))
	if w.o.Version > 2 {
		if w.o.Lazy {
			be.PutUint64(h[80:], lazyRefcounts)
		}
		be.PutUint32(h[96:], 4)
		be.PutUint32(h[100:], uint32(len(h)))
	}
	extension := func(kind uint32, text string) {
		h = be.AppendUint32(be.AppendUint32(h, kind), uint32(len(text)))
		h = append(h, text...)
		h = append(h, make([]byte, -len(h)&7)...)
	}
	if w.o.Backing != "" && w.o.BackingFormat != "" {
		extension(extensionBacking, w.o.BackingFormat)
	}
	extension(extensionEnd, "")
	if w.o.Backing != "" {
		be.PutUint64(h[8:], uint64(len(h)))
		be.PutUint32(h[16:], uint32(len(w.o.Backing)))
		h = append(h, w.o.Backing...)
	}
	return h
}

// Resize makes the guest's disk larger. It tells false where the table at the top
// would have to grow.
func (i *Image) Resize(f File, size int64) (bool, error) {
	per := i.ClusterSize() * (i.ClusterSize() / 8)
	if (size+per-1)/per > int64(len(i.l1)) {
		return false, nil
	}
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], uint64(size))
	_, err := f.WriteAt(raw[:], 24)
	return true, err
}
