package base

import (
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"syscall"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

// errPacked names a compression that is not modelled.
var errPacked = errors.New("compression is not modelled")

// compressor packs what is written; level 0 is the usual one.
func compressor(kind string, w io.Writer, level int) (io.WriteCloser, error) {
	switch kind {
	case "":
		return nopWriter{w}, nil
	case "gz":
		if level == 0 {
			level = gzip.DefaultCompression
		}
		return gzip.NewWriterLevel(w, level)
	case "zst":
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	}
	return nil, fmt.Errorf("%s %w", kind, errPacked)
}

// decompress finds out how a stream is packed and unpacks it.
func decompress(r io.Reader) (io.Reader, error) {
	head, whole := sniff(r, 6)
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return gzip.NewReader(whole)
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		z, err := zstd.NewReader(whole, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	case bytes.HasPrefix(head, []byte("BZh")):
		return bzip2.NewReader(whole), nil
	case bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")):
		return nil, fmt.Errorf("xz %w", errPacked)
	}
	return whole, nil
}

// packer is one call of gzip(1) or zstd(1).
type packer struct {
	p        *sim.Proc
	kind     string
	suffix   string
	unpack   bool
	toStdout bool
	keep     bool
	force    bool
	test     bool
	verbose  bool
	level    int
	output   string
	code     int
}

func gzipCommand(p *sim.Proc, o *options) int {
	name := progname(p)
	g := &packer{
		p: p, kind: "gz", suffix: ".gz", unpack: name != "gzip" || o.has("dlt"),
		toStdout: o.has("c") || strings.HasSuffix(name, "cat"), keep: o.has("k"), force: o.has("f"), test: o.has("t"), verbose: o.has("v"),
	}
	if o.has("l") {
		return p.Cannot("gzip -l")
	}
	if o.has("V") {
		p.Errorf("FreeBSD gzip 20190107\n")
		return 0
	}
	if level := o.last("123456789"); level != "" {
		g.level = int(level[0] - '0')
	}
	names := o.args
	if o.has("r") {
		names = g.expand(names)
	}
	return g.all(names)
}

func zstdCommand(p *sim.Proc, o *options) int {
	name := progname(p)
	z := &packer{
		p: p, kind: "zst", suffix: ".zst", unpack: name != "zstd" || o.has("dt"),
		toStdout: o.has("c") || name == "zstdcat", keep: !o.hasLong("rm"), force: o.has("f"), test: o.has("t"),
	}
	z.output, _ = o.get("o")
	return z.all(o.args)
}

// expand lists the files below directories.
func (g *packer) expand(names []string) []string {
	var files []string
	for _, name := range names {
		_ = tree(g.p, name, func(at string, info vfs.Info) error {
			if info.Type == vfs.TypeFile {
				files = append(files, at)
			}
			return nil
		})
	}
	return files
}

func (g *packer) all(names []string) int {
	if len(names) == 0 {
		names = []string{"-"}
	}
	for _, name := range names {
		g.one(name)
	}
	return g.code
}

func (g *packer) complain(format string, args ...any) {
	warnx(g.p, format, args...)
	g.code = 1
}

func (g *packer) one(name string) {
	if name == "-" {
		if err := g.convert(g.p.Stdin, g.p.Stdout); err != nil {
			g.complain("%s", g.errText("(stdin)", err))
		}
		return
	}
	if _, err := g.p.FS().Stat(name); err != nil && g.unpack && !strings.HasSuffix(name, g.suffix) {
		name += g.suffix
	}
	in, err := openFile(g.p, name)
	switch {
	case errors.Is(err, syscall.EISDIR):
		g.complain("%s is a directory", name)
		return
	case err != nil:
		g.complain("can't stat: %s: %s", name, sim.ErrText(err))
		return
	}
	defer func() { _ = in.Close() }()
	if g.test || g.toStdout {
		var out = g.p.Stdout
		if g.test {
			out = io.Discard
		}
		if err := g.convert(in, out); err != nil {
			g.complain("%s", g.errText(name, err))
		}
		return
	}
	g.replace(name, in)
}

// replace writes the result beside the file and removes the original.
func (g *packer) replace(name string, in io.Reader) {
	to := name + g.suffix
	if g.unpack {
		switch path.Ext(name) {
		case g.suffix:
			to = strings.TrimSuffix(name, g.suffix)
		case ".tgz":
			to = strings.TrimSuffix(name, ".tgz") + ".tar"
		default:
			g.complain("%s: unknown suffix -- ignored", name)
			return
		}
	}
	if g.output != "" {
		to = g.output
	}
	if exists(g.p, to) && !g.force {
		g.complain("%s already exists -- skipping", to)
		return
	}
	info, err := g.p.FS().Stat(name)
	if err != nil {
		g.complain("%s: %s", name, sim.ErrText(err))
		return
	}
	out, err := g.p.FS().OpenFile(to, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_TRUNC, 0o600)
	if err != nil {
		g.complain("can't open %s: %s", to, sim.ErrText(err))
		return
	}
	err = g.convert(in, out)
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		_ = g.p.FS().Remove(to)
		g.complain("%s", g.errText(name, err))
		return
	}
	_ = keepAttributes(g.p, to, info)
	if !g.keep {
		_ = g.p.FS().Remove(name)
	}
	if g.verbose {
		g.p.Errorf("%s:\t replaced with %s\n", name, to)
	}
}

func (g *packer) errText(name string, err error) string {
	if g.unpack && !isErrno(err) {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return name + ": unexpected end of file"
		}
		return name + ": not in gzip format"
	}
	return name + ": " + sim.ErrText(err)
}

func isErrno(err error) bool {
	var errno syscall.Errno
	return errors.As(err, &errno)
}

func (g *packer) convert(in io.Reader, out io.Writer) error {
	if g.unpack {
		head, whole := sniff(in, 6)
		plain, err := decompress(whole)
		if err != nil {
			return err
		}
		if g.kind == "gz" && !bytes.HasPrefix(head, []byte("\x1f\x8b")) && !(g.force && g.toStdout) {
			return gzip.ErrHeader
		}
		_, err = io.Copy(out, plain)
		return err
	}
	w, err := compressor(g.kind, out, g.level)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, in); err != nil {
		return err
	}
	return w.Close()
}
