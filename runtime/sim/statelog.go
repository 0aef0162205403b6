package sim

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"sync"

	"github.com/fxamacker/cbor/v2"
	"github.com/klauspost/compress/zstd"

	"bsdrun/runtime/sim/vfs"
)

// stateLog is a state file: a first line, then records. A record is its length,
// its checksum and CBOR, compressed: it is read and written many times as fast as
// JSON, which would have files' bytes as base64. Adding one costs little; replacing
// the file each time would make the file system flush it.
type stateLog struct {
	path string
	file *os.File
	size int64 // up to where records are whole
}

const (
	stateMagic = "simulated machine of bsdrun\n"
	stateLimit = 64 << 20 // beyond it the file is written anew
)

var (
	stateEncoder = must(zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1)))
	stateDecoder = must(zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(4<<30)))
)

var stateCodec = sync.OnceValue(func() (c struct {
	enc cbor.EncMode
	dec cbor.DecMode
}) {
	c.enc = must(cbor.EncOptions{Time: cbor.TimeRFC3339Nano}.EncMode())
	c.dec = must(cbor.DecOptions{UTF8: cbor.UTF8DecodeInvalid, MaxArrayElements: math.MaxInt32, MaxMapPairs: math.MaxInt32}.DecMode())
	return c
})

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // options of this program
	}
	return v
}

// read opens the file and puts the machine together from its records; nil when
// there is no file yet. A last record that is not whole never was.
func (l *stateLog) read() (*saved, error) {
	l.sweep()
	data, err := os.ReadFile(l.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	rest, ok := bytes.CutPrefix(data, []byte(stateMagic))
	if !ok {
		return nil, fmt.Errorf("state=%s is no state file of a simulated machine", l.path)
	}
	var last *saved
	var first *vfs.Dump
	var deltas []vfs.Delta
	var state, tools parts
	for {
		record, after, ok := nextRecord(rest)
		if !ok {
			break
		}
		v, err := decodeRecord(record)
		switch {
		case err != nil:
			return nil, fmt.Errorf("state=%s: %w", l.path, err)
		case v.Tree != nil:
			first, deltas, state, tools = v.Tree, nil, parts{}, parts{}
		case first == nil:
			return nil, fmt.Errorf("state=%s does not begin with a whole machine", l.path)
		default:
			deltas = append(deltas, v.Delta)
		}
		maps.Copy(state, v.State)
		maps.Copy(tools, v.Tools)
		last, rest = v, after
	}
	if last == nil {
		return nil, fmt.Errorf("state=%s holds no machine", l.path)
	}
	last.State, last.Tools = state, tools
	last.Tree, last.Delta = vfs.Assemble(first, deltas), nil
	l.size = int64(len(data) - len(rest))
	return last, nil
}

// sweep removes files that a killed bsdrun had begun to write.
func (l *stateLog) sweep() {
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(l.path), l.temporary()))
	for _, name := range left {
		_ = os.Remove(name)
	}
}

func (l *stateLog) temporary() string { return "." + filepath.Base(l.path) + ".new*" }

func nextRecord(data []byte) (record, rest []byte, ok bool) {
	const head = 8
	if len(data) < head {
		return nil, data, false
	}
	n := int64(binary.LittleEndian.Uint32(data))
	if n > int64(len(data)-head) {
		return nil, data, false
	}
	record = data[head : head+n]
	if crc32.ChecksumIEEE(record) != binary.LittleEndian.Uint32(data[4:]) {
		return nil, data, false
	}
	return record, data[head+n:], true
}

func decodeRecord(record []byte) (*saved, error) {
	text, err := stateDecoder.DecodeAll(record, nil)
	if err != nil {
		return nil, err
	}
	v := &saved{}
	if err := stateCodec().dec.Unmarshal(text, v); err != nil {
		return nil, fmt.Errorf("another version of bsdrun has written it: %w", err)
	}
	if v.Version != savedVersion {
		return nil, fmt.Errorf("it was written by another version of bsdrun (format %d, this one has %d)", v.Version, savedVersion)
	}
	return v, nil
}

func encodeRecord(v *saved) ([]byte, error) {
	text, err := stateCodec().enc.Marshal(v)
	if err != nil {
		return nil, err
	}
	record := stateEncoder.EncodeAll(text, make([]byte, 8, len(text)/4))
	binary.LittleEndian.PutUint32(record, uint32(len(record)-8))
	binary.LittleEndian.PutUint32(record[4:], crc32.ChecksumIEEE(record[8:]))
	return record, nil
}

// full tells whether the file should be written anew.
func (l *stateLog) full() bool { return l.file != nil && l.size > stateLimit }

// add appends a record; one that holds a whole machine replaces all.
func (l *stateLog) add(v *saved) error {
	record, err := encodeRecord(v)
	if err != nil {
		return err
	}
	if v.Tree != nil {
		return l.replace(record)
	}
	if l.file == nil {
		if l.file, err = os.OpenFile(l.path, os.O_RDWR, 0o600); err != nil {
			return err
		}
		if err := l.file.Truncate(l.size); err != nil {
			return err
		}
	}
	if _, err := l.file.WriteAt(record, l.size); err != nil {
		_ = l.file.Truncate(l.size) // so that the next record is found
		return err
	}
	l.size += int64(len(record))
	return nil
}

// replace writes the file anew with one record.
func (l *stateLog) replace(record []byte) error {
	f, err := os.CreateTemp(filepath.Dir(l.path), l.temporary())
	if err != nil {
		return err
	}
	if _, err = io.WriteString(f, stateMagic); err == nil {
		_, err = f.Write(record)
	}
	if err == nil {
		err = os.Rename(f.Name(), l.path)
	}
	if err != nil {
		_ = f.Close()
		_ = os.Remove(f.Name())
		return err
	}
	l.close()
	l.file, l.size = f, int64(len(stateMagic)+len(record))
	return nil
}

func (l *stateLog) close() {
	if l.file != nil {
		_ = l.file.Close()
		l.file = nil
	}
}
