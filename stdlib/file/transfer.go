package file

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"bsdrun/runtime/bulk"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// remote is a small file of another host as content to send.
type remote struct {
	ctx      context.Context
	host     effect.Doer
	op, path string
	size     int64
	sum      string
}

func (r *remote) Size() int64             { return r.size }
func (r *remote) SHA256() (string, error) { return r.sum, nil }

// Open streams the file. What is not what it was at first ends in an error: the
// other host then keeps what it has.
func (r *remote) Open() (io.ReadCloser, error) {
	out, in := io.Pipe()
	go func() {
		s := summing{to: in, sum: sha256.New()}
		_, err := r.host.Do(r.ctx, effect.Effect{
			Op: r.op, Kind: effect.Read, Argv: []string{"/bin/cat", r.path}, Sink: &s, Reads: []effect.Resource{effect.File(r.path)},
		})
		if err == nil && r.sum != "" && hex.EncodeToString(s.sum.Sum(nil)) != r.sum {
			err = withOp(r.op, bulk.Moving(r.path))
		}
		in.CloseWithError(err)
	}()
	return out, nil
}

// withOp names the operation in an error.
func withOp(op string, err error) error {
	known := *effect.AsError(err)
	known.Op = op
	return &known
}

// summing hashes what it passes on.
type summing struct {
	to  io.Writer
	sum hash.Hash
}

func (s *summing) Write(p []byte) (int, error) {
	_, _ = s.sum.Write(p) // never fails
	return s.to.Write(p)
}

// distant is a large file of another host as content: read in parts, packed on
// the way, and hashed where it is.
type distant struct {
	remote
	was     string // its identity
	extents []effect.Extent
	hash    string // command that hashes standard input
	packer  string // command that packs what is read; empty: none
}

// regardScript tells of a file what decides how it is read: what it is, where its
// data is, and what the host has to pack and hash with.
const regardScript = `stat -L -c 'is %s %.9Y %i %b' "$f" 2>/dev/null || stat -L -f 'is %z %Fm %i %b' "$f" || exit
for s in 'openssl dgst -sha256' 'sha256 -q' sha256sum; do
h=$(printf abc | $s 2>/dev/null); h=${h##*= }
case $h in ba7816bf8f01cfea*) echo "sum $s"; break;; esac
done
for s in 'zstd -1cq' 'gzip -1c'; do command -v ${s%% *} >/dev/null 2>&1 && echo "pack $s" && break; done
! command -v qemu-img >/dev/null 2>&1 || echo map
`

// packSamples is how many blocks packsScript packs, to see what comes of it.
const packSamples = 4

var packsScript = `n=$(($(wc -c <"$f")/` + strconv.Itoa(bulk.Block) + `)); echo packs $(for i in 0 1 2 3; do dd if="$f" bs=` + strconv.Itoa(bulk.Block) + ` skip=$((n*i/` + strconv.Itoa(packSamples) + `)) count=1 2>/dev/null; done | $s 2>/dev/null | wc -c)
`

// holesScript: tar(1) of GNU and of FreeBSD knows the holes of a file and writes them
// before the data.
const holesScript = `s=; case $(tar --version 2>/dev/null) in *GNU*) s=S;; esac
cd "${f%/*}/" && tar -c${s}f - --format=pax "./${f##*/}" 2>/dev/null | head -c `

// distantFile looks at a file of a host.
func distantFile(ctx context.Context, h effect.Doer, op, path string, pace effect.Pace) (*distant, error) {
	d := &distant{remote: remote{ctx: effect.AsPart(ctx), host: h, op: op, path: path}}
	about, err := d.regard(ctx, packsScript)
	if err != nil {
		return nil, err
	}
	d.was, d.size, d.hash = about.identity, about.size, about.sum
	if d.hash == "" {
		return nil, effect.Errorf(effect.Missing, op, "the host has neither sha256, sha256sum nor openssl, so that nothing could tell whether %s arrived whole", path)
	}
	if !pace.Plain {
		d.packer = about.packer
	}
	if d.extents, err = d.dataIn(ctx, about); err != nil {
		return nil, err
	}
	if !about.sparse() && !about.worth() {
		d.packer = ""
	}
	if d.extents == nil {
		d.extents = []effect.Extent{{Length: d.size}}
		if about.sparse() {
			return d, nil // what is packed has no zeroes to speak of
		}
	}
	return d.unpacked(), nil
}

// unpacked leaves out gzip where there is no need to find zeroes: it is slower than
// most lines.
func (d *distant) unpacked() *distant {
	if strings.HasPrefix(d.packer, "gzip") {
		d.packer = ""
	}
	return d
}

// regarded is what regardScript tells.
type regarded struct {
	identity    string
	size        int64
	blocks      int64 // of 512 bytes
	sum, packer string
	packs       int64 // what is left of packSamples blocks
	mapper      bool  // it has qemu-img
}

// worth tells whether packing pays.
func (l regarded) worth() bool { return l.packs < packSamples*bulk.Block*4/5 }

func (l regarded) sparse() bool { return l.blocks*512 < l.size }

func (d *distant) regard(ctx context.Context, also string) (regarded, error) {
	res, err := d.host.Do(ctx, effect.Effect{
		Op: d.op, Kind: effect.Read, Title: "look at " + d.path,
		Shell: "f=" + quoted(d.path) + "\n" + regardScript + also, Want: []int{0, 1}, Reads: []effect.Resource{effect.File(d.path)},
	})
	if err != nil {
		return regarded{}, err
	}
	text, err := res.Text()
	if err != nil {
		return regarded{}, err
	}
	return parseRegard(d.op, text)
}

var isLine = lazyregexp.New(`^is (\d+) (\S+) (\d+) (\d+)$`)

func parseRegard(op, text string) (regarded, error) {
	var l regarded
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if found := isLine.FindStringSubmatch(line); found != nil {
			l.identity = strings.Join(found[1:4], " ")
			l.size, _ = strconv.ParseInt(found[1], 10, 64)
			l.blocks, _ = strconv.ParseInt(found[4], 10, 64)
		}
		if rest, ok := strings.CutPrefix(line, "sum "); ok {
			l.sum = rest
		}
		if rest, ok := strings.CutPrefix(line, "pack "); ok {
			l.packer = rest
		}
		l.mapper = l.mapper || line == "map"
		if rest, ok := strings.CutPrefix(line, "packs "); ok {
			l.packs, _ = strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
		}
	}
	if l.identity == "" {
		return l, effect.Errorf(effect.Failed, op, "stat told something else: %.200q", text)
	}
	return l, nil
}

// dataIn asks the host where data is; nil where nothing there tells.
func (d *distant) dataIn(ctx context.Context, about regarded) ([]effect.Extent, error) {
	if about.mapper {
		if extents, err := d.mapped(ctx); err != nil || extents != nil {
			return extents, err
		}
	}
	if about.sparse() {
		return d.holes(ctx)
	}
	return nil, nil
}

// mapped asks qemu-img, which sees more than the blocks in use tell: what was taken
// for a disk beforehand (fallocate(2)) and never written to. An image that a machine
// has open is locked; then nil.
func (d *distant) mapped(ctx context.Context) ([]effect.Extent, error) {
	found := bulk.Mapped{Size: d.size}
	err := bulk.ReadMap(func(to io.Writer) error {
		_, err := d.host.Do(ctx, effect.Effect{
			Op: d.op, Kind: effect.Read, Title: "map " + d.path, Sink: to,
			Argv: []string{"qemu-img", "map", "--output=json", "-f", "raw", d.path}, Reads: []effect.Resource{effect.File(d.path)},
		})
		return err
	}, found.Take)
	if err == nil {
		return found.Extents(), nil
	}
	if kind := effect.KindOf(err); kind == effect.Unreachable || kind == effect.Cancelled || ctx.Err() != nil {
		return nil, err
	}
	return nil, nil // whatever it dislikes
}

// holes asks tar where data is; nil where it does not tell.
func (d *distant) holes(ctx context.Context) ([]effect.Extent, error) {
	for _, most := range []int{64 << 10, 8 << 20} {
		var head limited
		_, err := d.host.Do(ctx, effect.Effect{
			Op: d.op, Kind: effect.Read, Title: "look for holes in " + d.path, Sink: &head,
			Shell: "f=" + quoted(d.path) + "\n" + holesScript + strconv.Itoa(most), Reads: []effect.Resource{effect.File(d.path)},
		})
		if err != nil {
			return nil, err
		}
		if extents, cut := bulk.TarExtents(head.data, d.size); !cut {
			return extents, nil
		}
	}
	return nil, nil
}

// limited keeps what the command limits.
type limited struct{ data []byte }

func (l *limited) Write(p []byte) (int, error) {
	l.data = append(l.data, p...)
	return len(p), nil
}

func (d *distant) Identity() (string, error)                        { return d.was, nil }
func (d *distant) Extents(context.Context) ([]effect.Extent, error) { return d.extents, nil }

// SHA256 has the host hash the whole file.
func (d *distant) SHA256() (string, error) {
	if d.sum == "" {
		sum, err := Hash(d.ctx, d.host, PathArgs{d.path})
		if err != nil {
			return "", err
		}
		d.sum = sum
	}
	return d.sum, nil
}

// Unchanged looks again.
func (d *distant) Unchanged(ctx context.Context) error {
	ctx, end := d.within(ctx)
	defer end()
	now, err := d.regard(ctx, "")
	if err == nil && now.identity != d.was {
		err = withOp(d.op, bulk.Moving(d.path))
	}
	return err
}

// within is the context of the host's own effects, which ends with that of the
// effect that they are part of.
func (d *distant) within(ctx context.Context) (context.Context, context.CancelFunc) {
	own, end := context.WithCancel(d.ctx)
	context.AfterFunc(ctx, end)
	return own, end
}

// catFunction prints parts of a file, given as blocks to skip and to read.
var catFunction = `_cat() { while [ $# -gt 1 ]; do dd if="$f" bs=` + strconv.Itoa(bulk.Block) + ` skip=$1 count=$2 2>/dev/null; shift 2; done; }
`

func blocksOf(parts []effect.Extent) string {
	var b strings.Builder
	for _, x := range parts {
		fmt.Fprintf(&b, " %d %d", x.Offset/bulk.Block, (x.Length+bulk.Block-1)/bulk.Block)
	}
	return b.String()
}

// Sums hashes groups of parts on the host. That can take long, so that it has a
// channel of its own.
func (d *distant) Sums(ctx context.Context, groups [][]effect.Extent) ([]string, error) {
	ctx, end := d.within(ctx)
	defer end()
	script := "f=" + quoted(d.path) + "\n" + catFunction + `_print() { _h=${1##*= }; echo ${_h%% *}; }
_sum() { _n=$1; shift; _print "$(_cat "$@" | case $_n in 0) exec ` + d.hash + `;; *) head -c $_n | ` + d.hash + `;; esac)"; }
_whole() { _h=$(` + d.hash + ` <"$f"); [ "$(($(wc -c <"$f")))" = $1 ] && _print "$_h"; }
`
	for _, parts := range groups {
		if parts[0].Length == d.size { // without a pipe it takes half the time, but what has grown is hashed beyond its end
			script += fmt.Sprintf("_whole %d || ", d.size)
		}
		script += "_sum " + d.bounded(parts) + blocksOf(parts) + "\n"
	}
	var said limited
	_, err := d.host.Do(ctx, effect.Effect{
		Op: d.op, Kind: effect.Read, Title: fmt.Sprintf("hash %d parts of %s", len(groups), d.path), Shell: script,
		Sink: &said, Reads: []effect.Resource{effect.File(d.path)},
	})
	if err != nil {
		return nil, err
	}
	sums := strings.Fields(string(said.data))
	if len(sums) != len(groups) {
		return nil, effect.Errorf(effect.Failed, d.op, "the host hashes %d parts of %s as %.200q", len(groups), d.path, said.data)
	}
	return sums, nil
}

// bounded is how much of parts is to be taken, or 0: the last block of a file that
// grows is longer by now.
func (d *distant) bounded(parts []effect.Extent) string {
	if last := parts[len(parts)-1]; last.End() < d.size || d.size%bulk.Block == 0 {
		return "0"
	}
	return strconv.FormatInt(bulk.Length(parts), 10)
}

// Stream reads parts, packed on the way.
func (d *distant) Stream(ctx context.Context, parts []effect.Extent) (io.ReadCloser, error) {
	ctx, end := d.within(ctx)
	script := "f=" + quoted(d.path) + "\n" + catFunction + "_cat" + blocksOf(parts)
	if d.packer != "" {
		script += " | " + d.packer
	}
	out, in := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, err := d.host.Do(ctx, effect.Effect{
			Op: d.op, Kind: effect.Read, Title: fmt.Sprintf("read %d MB of %s", bulk.Length(parts)>>20, d.path), Shell: script,
			Sink: in, Reads: []effect.Resource{effect.File(d.path)},
		})
		_ = in.CloseWithError(err) // nil is the end
	}()
	s := &packed{close: func() { end(); _ = out.CloseWithError(errClosed); <-done }}
	switch {
	case strings.HasPrefix(d.packer, "zstd"):
		s.open = func() (io.Reader, error) {
			z, err := zstd.NewReader(out, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(32<<20))
			if err != nil {
				return nil, err
			}
			s.end = z.Close
			return z, nil
		}
	case d.packer != "":
		s.open = func() (io.Reader, error) { return gzip.NewReader(out) }
	default:
		s.open = func() (io.Reader, error) { return out, nil }
	}
	return s, nil
}

var errClosed = errors.New("nobody reads any more")

// packed unpacks what it reads. It opens with the first read, as that waits for
// the host.
type packed struct {
	open  func() (io.Reader, error)
	close func()

	mu  sync.Mutex // guards what follows
	r   io.Reader
	end func()
}

func (p *packed) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.r == nil {
		r, err := p.open()
		if err != nil {
			return 0, err
		}
		p.r = r
	}
	return p.r.Read(b)
}

// Close ends a Read under way first.
func (p *packed) Close() error {
	p.close()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		p.end()
	}
	return nil
}

// quoted is a word for sh.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
