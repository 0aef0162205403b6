package keeper

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// protocol is the version of what is spoken over the socket; keepers of another one
// have another socket.
const protocol = 1

// What a client can ask for.
const (
	verbConnect = "connect"
	verbList    = "list"
	verbClose   = "close"
	verbStop    = "stop"
)

// request is the first message of a client.
type request struct {
	Verb  string
	Route []Hop         // of connect: the jump hosts, then the host
	Keep  time.Duration // of connect: how long the connection is kept unused
	Names []string      // of close
}

// question is what the keeper asks a client while it connects, or its last word.
type question struct {
	Ask  string // hostKey, keys, sign, interactive, password; empty: this is the end
	Hop  int
	Text string
	// Of hostKey: the key and where it comes from. Of sign: the key's index, what is
	// to be signed, and how.
	Key       []byte
	Remote    string
	Index     int
	Data      []byte
	Algorithm string
	Questions []string
	Echos     []bool

	Failure *failure
	Server  []byte // the key by which the keeper itself is known
	Kept    []Kept // of list
	Closed  int    // of close and stop
}

// answer is the client's.
type answer struct {
	Refused string // why not
	Keys    [][]byte
	Sign    []byte
	Texts   []string
}

// failure is an error that keeps, over the socket, what callers look for in it.
type failure struct {
	Hop     int
	Login   bool // the host was reached, and did not let us in
	Text    string
	Timeout bool
	Name    string // that does not resolve
	Errno   int
	EOF     bool
}

func describe(err error, hop int, login bool) *failure {
	f := &failure{Hop: hop, Login: login, Text: err.Error()}
	var name *net.DNSError
	var number syscall.Errno
	var late net.Error
	switch {
	case errors.As(err, &name) && name.IsNotFound:
		f.Name = name.Name
	case errors.As(err, &number):
		f.Errno = int(number)
	case errors.Is(err, io.EOF):
		f.EOF = true
	case errors.As(err, &late) && late.Timeout():
		f.Timeout = true
	}
	return f
}

// cause is the error that the failure describes.
func (f *failure) cause() error {
	switch {
	case f.Name != "":
		return &net.DNSError{Err: f.Text, Name: f.Name, IsNotFound: true}
	case f.Errno != 0:
		return fmt.Errorf("%s: %w", f.Text, syscall.Errno(f.Errno)) //nolint:gosec // it was one
	case f.EOF:
		return fmt.Errorf("%s: %w", f.Text, io.EOF)
	default:
		return errors.New(f.Text)
	}
}

// maxMessage bounds a message: keys and names, nothing long.
const maxMessage = 1 << 20

// send writes a message: its length, then JSON.
func send(w io.Writer, message any) error {
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)) //nolint:gosec // bounded by maxMessage
	return err
}

// receive reads a message, and nothing beyond it.
func receive(r io.Reader, message any) error {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxMessage {
		return fmt.Errorf("a message of %d bytes", n)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return err
	}
	return json.Unmarshal(text, message)
}
