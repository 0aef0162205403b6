package base

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"path"
	"strconv"

	"bsdrun/runtime/sim/vfs"
)

// sparseMember writes a file with holes as GNU tar's -S does in the format pax: a
// header that says so, the list of the parts with data, and these parts. It is
// false for a file without holes.
func sparseMember(w *tar.Writer, raw io.Writer, h *tar.Header, f *vfs.File) (bool, error) {
	parts := sparseParts(f, h.Size)
	if parts == nil {
		return false, nil
	}
	if err := w.Flush(); err != nil {
		return true, err
	}
	var list bytes.Buffer
	stored := int64(0)
	fmt.Fprintf(&list, "%d\n", len(parts))
	for _, p := range parts {
		fmt.Fprintf(&list, "%d\n%d\n", p[0], p[1])
		stored += p[1]
	}
	list.Write(make([]byte, padding(int64(list.Len()))))
	stored += int64(list.Len())
	dir, base := path.Split(h.Name)
	records := paxRecord("GNU.sparse.major", "1") + paxRecord("GNU.sparse.minor", "0") + paxRecord("GNU.sparse.name", h.Name) +
		paxRecord("GNU.sparse.realsize", strconv.FormatInt(h.Size, 10)) + paxRecord("mtime", fmt.Sprintf("%d.%09d", h.ModTime.Unix(), h.ModTime.Nanosecond()))
	if stored >= 1<<33 {
		records += paxRecord("size", strconv.FormatInt(stored, 10))
	}
	head := ustar(path.Join(dir, "PaxHeaders", base), 'x', &tar.Header{Mode: 0o644, ModTime: h.ModTime}, int64(len(records)))
	head = append(append(head, records...), make([]byte, padding(int64(len(records))))...)
	head = append(head, ustar(path.Join(dir, "GNUSparseFile.0", base), '0', h, stored)...)
	if _, err := raw.Write(append(head, list.Bytes()...)); err != nil {
		return true, err
	}
	for _, p := range parts {
		if _, err := io.Copy(raw, io.NewSectionReader(f, p[0], p[1])); err != nil {
			return true, err
		}
	}
	_, err := raw.Write(make([]byte, padding(stored)))
	return true, err
}

// sparseParts are where a file has data, as offsets and lengths; the last may be an
// empty one at the end of the file. Nil: it has no holes.
func sparseParts(f *vfs.File, size int64) (parts [][2]int64) {
	off := int64(0)
	for {
		at, err := f.NextData(off)
		if err != nil {
			break
		}
		end, err := f.NextHole(at)
		if err != nil {
			break
		}
		parts, off = append(parts, [2]int64{at, end - at}), end
	}
	if size == 0 || len(parts) == 1 && parts[0] == [2]int64{0, size} {
		return nil
	}
	if off < size {
		parts = append(parts, [2]int64{size, 0})
	}
	return parts
}

func padding(n int64) int64 { return (512 - n%512) % 512 }

// paxRecord is a line of an extended header, which begins with its own length.
func paxRecord(key, value string) string {
	text := " " + key + "=" + value + "\n"
	n := len(text)
	for n != len(strconv.Itoa(n))+len(text) {
		n = len(strconv.Itoa(n)) + len(text)
	}
	return strconv.Itoa(n) + text
}

// ustar is a header block.
func ustar(name string, kind byte, h *tar.Header, size int64) []byte {
	b := make([]byte, 512)
	octal := func(at, width int, v int64) { copy(b[at:], fmt.Sprintf("%0*o", width-1, v)) }
	copy(b[:100], name)
	octal(100, 8, h.Mode)
	octal(108, 8, int64(h.Uid))
	octal(116, 8, int64(h.Gid))
	octal(124, 12, min(size, 1<<33-1))
	octal(136, 12, h.ModTime.Unix())
	b[156] = kind
	copy(b[257:], "ustar\x0000")
	copy(b[265:297], h.Uname)
	copy(b[297:329], h.Gname)
	copy(b[148:156], "        ")
	sum := int64(0)
	for _, c := range b {
		sum += int64(c)
	}
	copy(b[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return b
}
