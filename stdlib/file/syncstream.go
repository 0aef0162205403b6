package file

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"bsdrun/runtime/effect"
)

// archive is a tar archive that is packed when somebody reads it.
type archive struct {
	s     *syncing
	ctx   context.Context
	names []string
	tool  string
	torn  []string // files that changed while they were packed

	once  sync.Once
	out   *io.PipeReader
	ended chan struct{}
	err   error
	told  progress
}

func newArchive(s *syncing, ctx context.Context, names []string, tool string) *archive {
	return &archive{s: s, ctx: ctx, names: names, tool: tool, ended: make(chan struct{}),
		told: progress{ctx: ctx, op: s.op, files: len(names), bytes: s.want.size(names)}}
}

func (a *archive) Read(p []byte) (int, error) {
	a.once.Do(func() {
		var in *io.PipeWriter
		a.out, in = io.Pipe()
		go func() {
			defer close(a.ended)
			err := a.pack(in)
			if !errors.Is(err, errUnread) {
				a.err = err
			}
			in.CloseWithError(err)
		}()
	})
	return a.out.Read(p)
}

// errUnread is what a writer gets when nobody reads any more.
var errUnread = errors.New("the stream was cut")

// stop ends the packing and tells why it failed, if it did by itself.
func (a *archive) stop() error {
	a.once.Do(func() { close(a.ended) })
	if a.out != nil {
		_ = a.out.CloseWithError(errUnread)
	}
	<-a.ended
	return a.err
}

// chunk is how much is collected before it is passed on.
const chunk = 128 << 10

// pack writes the archive, directories before what is in them.
func (a *archive) pack(w io.Writer) error {
	buffer := bufio.NewWriterSize(w, chunk)
	c := compressor(a.tool, buffer)
	out := tar.NewWriter(c)
	packed := map[string]bool{}
	torn, err := a.s.from.stream(a.ctx, a.names, func(i item) error {
		short, err := a.add(out, i)
		packed[i.name] = true
		if short {
			a.torn = append(a.torn, i.name)
		}
		return err
	})
	if err != nil {
		return err
	}
	a.torn = append(a.torn, torn...)
	for _, name := range a.names {
		if !packed[name] {
			delete(a.s.want, name)
		}
	}
	for _, end := range []func() error{out.Close, c.Close, buffer.Flush} {
		if err := end(); err != nil {
			return err
		}
	}
	return nil
}

// add writes one entry; what a file has lost while it is read becomes zeroes.
func (a *archive) add(out *tar.Writer, i item) (short bool, err error) {
	e := a.s.want[i.name]
	owned := a.s.ownedAsIs(i.name)
	owned.size = i.size
	head := header(i.name, owned)
	head.ModTime = i.modified.Truncate(time.Second)
	if i.same != "" {
		head.Typeflag, head.Linkname, head.Size = tar.TypeLink, i.same, 0
		e.sum = a.s.want[i.same].sum
	}
	if err := out.WriteHeader(head); err != nil {
		return false, err
	}
	if i.content != nil {
		sum := sha256.New()
		n, err := io.Copy(io.MultiWriter(out, sum), io.LimitReader(i.content, i.size))
		if err != nil {
			return false, err
		}
		if short = n < i.size; short {
			if _, err := io.CopyN(out, zeroes{}, i.size-n); err != nil {
				return true, err
			}
		}
		e.size, e.sum = i.size, hex.EncodeToString(sum.Sum(nil))
	}
	a.s.want[i.name] = e
	a.told.add(i.size)
	return short, nil
}

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// header describes an entry for tar(1), in the form that has names as they are.
func header(name string, e entry) *tar.Header {
	head := &tar.Header{Typeflag: tar.TypeReg, Name: "./" + name, Mode: int64(e.mode), Size: e.size, Format: tar.FormatGNU}
	head.Uname, head.Uid = userOrNumber(e.owner)
	head.Gname, head.Gid = userOrNumber(e.group)
	switch e.kind {
	case "directory":
		head.Typeflag, head.Name = tar.TypeDir, "./"+strings.TrimPrefix(name+"/", "./")
	case "link":
		head.Typeflag, head.Linkname, head.Mode = tar.TypeSymlink, e.target, 0o777
	}
	return head
}

// userOrNumber is a name, or the number of whoever has none.
func userOrNumber(name string) (string, int) {
	if id, err := strconv.Atoi(name); err == nil {
		return "", id
	}
	return name, 0
}

// compressor packs what is written; it is to be closed.
func compressor(tool string, w io.Writer) io.WriteCloser {
	switch tool {
	case "zstd":
		c, _ := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
			zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true)) // fails on wrong options alone
		return c
	case "gzip":
		c, _ := gzip.NewWriterLevel(w, gzip.BestSpeed) // fails on a wrong level alone
		return c
	}
	return plain{w}
}

type plain struct{ io.Writer }

func (plain) Close() error { return nil }

// progress tells how far a stream is, in steps that can be seen.
type progress struct {
	ctx         context.Context
	op          string
	files, done int
	bytes, sent int64
	twentieths  int64
}

func (p *progress) add(size int64) {
	p.done++
	p.sent += size
	now := int64(20*p.done) / int64(max(p.files, 1))
	if p.bytes > 0 {
		now = 20 * p.sent / p.bytes
	}
	if now <= p.twentieths {
		return
	}
	p.twentieths = now
	effect.Report(p.ctx, p.op, fmt.Sprintf("%d of %d files, %d of %d bytes", p.done, p.files, p.sent, p.bytes),
		map[string]any{"done": p.done, "total": p.files, "bytes": p.sent, "of": p.bytes})
}
