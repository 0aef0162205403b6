package base

import (
	"encoding"
	"errors"
	"hash"
	"io"
	"sync"

	"bsdrun/runtime/sim/vfs"
)

// hashFile hashes what is left of a file. Its holes need not be read.
func hashFile(h hash.Hash, f *vfs.File) error {
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	for at < info.Size {
		data, err := f.NextData(at)
		if err != nil { // there is none any more
			data = info.Size
		}
		if err := hashZeroes(h, data-at); err != nil {
			return err
		}
		if _, err := f.Seek(data, io.SeekStart); err != nil {
			return err
		}
		if at = data; data == info.Size {
			return nil
		}
		hole, err := f.NextHole(data)
		if err != nil {
			return err
		}
		n, err := io.CopyN(h, f, hole-data)
		if errors.Is(err, io.EOF) { // it was cut short meanwhile
			return nil
		}
		if err != nil {
			return err
		}
		at += n
	}
	return nil
}

// manyZeroes is from where on it pays to remember what zeroes make of a hash.
const manyZeroes = 64 << 20

// zeroRun is a hash in a state, and how many zeroes follow.
type zeroRun struct {
	state  string
	length int64
}

// zeroRuns remembers in which state long runs of zeroes left a hash: machines are
// full of equal images with little in them, and their hashes true all the same.
var zeroRuns sync.Map // zeroRun -> []byte

var zeroes [1 << 20]byte

func hashZeroes(h hash.Hash, n int64) error {
	keeps, ok := h.(interface {
		encoding.BinaryMarshaler
		encoding.BinaryUnmarshaler
	})
	if !ok || n < manyZeroes {
		return writeZeroes(h, n)
	}
	state, err := keeps.MarshalBinary()
	if err != nil {
		return err
	}
	run := zeroRun{string(state), n} // a state names its kind of hash
	if known, ok := zeroRuns.Load(run); ok {
		return keeps.UnmarshalBinary(known.([]byte))
	}
	if err := writeZeroes(h, n); err != nil {
		return err
	}
	if state, err = keeps.MarshalBinary(); err == nil {
		zeroRuns.Store(run, state)
	}
	return err
}

func writeZeroes(h hash.Hash, n int64) error {
	for n > 0 {
		wrote, err := h.Write(zeroes[:min(n, int64(len(zeroes)))])
		if err != nil {
			return err
		}
		n -= int64(wrote)
	}
	return nil
}
