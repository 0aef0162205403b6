package zfs

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"bsdrun/runtime/sim/vfs"
)

// A stream of zfs send is a sequence of records, one for a snapshot: what is known
// of it, and what changed since the one before. It is the simulator's own format:
// no real ZFS reads it.

// streamMagic begins every record.
const streamMagic = "bsdrun:zfs-send\n"

// header is what a record tells of a snapshot.
type header struct {
	Name       string // on the sending machine
	Type       string
	GUID       uint64
	From       uint64 // GUID of the snapshot that the receiver has to have; 0: none
	Clone      bool   // From is the origin of a clone that begins here
	Whole      bool   // the record holds all, though it counts as one since From
	Created    time.Time
	Version    int
	Size       int64
	Written    int64
	Properties map[string]string `json:",omitempty"`
	Top        string            `json:",omitempty"` // of zfs send -R: the file system it was asked for
	Keep       []uint64          `json:",omitempty"` // of zfs send -R: the snapshots the sender has
	Payload    int64             // bytes of content, of which the first Offset were sent before
	Offset     int64
	Sum        string
}

// record is a snapshot on its way.
type record struct {
	header
	content []byte
}

// What is wrong with a stream.
var (
	errNoStream   = errors.New("failed to read from stream")
	errBadMagic   = errors.New("invalid stream (bad magic number)")
	errIncomplete = errors.New("incomplete stream")
	errChecksum   = errors.New("invalid stream (checksum mismatch)")
)

func encodeFiles(entries []vfs.Entry) ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(entries)
	return b.Bytes(), err
}

func decodeFiles(content []byte) ([]vfs.Entry, error) {
	var entries []vfs.Entry
	if err := gob.NewDecoder(bytes.NewReader(content)).Decode(&entries); err != nil {
		return nil, errChecksum
	}
	return entries, nil
}

func checksum(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// write appends a record to a stream, from an offset into its content.
func (r record) write(w io.Writer) error {
	r.Payload, r.Sum = int64(len(r.content)), checksum(r.content)
	head, err := json.Marshal(r.header)
	if err != nil {
		return err
	}
	size := binary.BigEndian.AppendUint64([]byte(streamMagic), uint64(len(head)))
	for _, part := range [][]byte{size, head, r.content[r.Offset:]} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// longestHeader bounds what a damaged stream can make a reader allocate.
const longestHeader = 16 << 20

// readRecord reads the next record; io.EOF says that there is none. A record cut
// short comes with errIncomplete, with what there was of it.
func readRecord(in io.Reader) (record, error) {
	start := make([]byte, len(streamMagic)+8)
	n, err := io.ReadFull(in, start)
	switch {
	case n == 0:
		return record{}, io.EOF
	case err != nil:
		return record{}, errNoStream
	case string(start[:len(streamMagic)]) != streamMagic:
		return record{}, errBadMagic
	}
	size := binary.BigEndian.Uint64(start[len(streamMagic):])
	if size > longestHeader {
		return record{}, errChecksum
	}
	head, err := io.ReadAll(io.LimitReader(in, int64(size)))
	if err != nil || uint64(len(head)) < size {
		return record{}, errNoStream
	}
	var r record
	if err := json.Unmarshal(head, &r.header); err != nil || r.Offset < 0 || r.Payload < r.Offset {
		return record{}, errChecksum
	}
	r.content, err = io.ReadAll(io.LimitReader(in, r.Payload-r.Offset))
	if err != nil || int64(len(r.content)) < r.Payload-r.Offset {
		return r, errIncomplete
	}
	return r, nil
}

// resumeToken is what a sender needs to know to go on with an interrupted stream.
type resumeToken struct {
	Name   string
	GUID   uint64
	From   uint64 `json:",omitempty"`
	Clone  bool   `json:",omitempty"`
	Offset int64
	Props  bool `json:",omitempty"`
}

func (t resumeToken) String() string {
	text, _ := json.Marshal(t)
	return fmt.Sprintf("1-%s-%x-%x", checksum(text)[:10], len(text), text)
}

// parseToken reads a receive_resume_token.
func parseToken(text string) (resumeToken, error) {
	bad := func(why string) error { return errors.New("resume token is corrupt (" + why + ")") }
	var version, length int
	var sum, packed string
	if n, _ := fmt.Sscanf(text, "%d-%10s-%x-%s", &version, &sum, &length, &packed); n != 4 || version != 1 {
		return resumeToken{}, bad("invalid format")
	}
	plain, err := hex.DecodeString(packed)
	if err != nil || len(plain) != length {
		return resumeToken{}, bad("payload is not hex-encoded")
	}
	if checksum(plain)[:10] != sum {
		return resumeToken{}, bad("incorrect checksum")
	}
	var t resumeToken
	if err := json.Unmarshal(plain, &t); err != nil {
		return resumeToken{}, bad("nvlist_unpack failed")
	}
	return t, nil
}
