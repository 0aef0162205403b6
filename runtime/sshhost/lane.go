package sshhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pkg/sftp"

	"bsdrun/runtime/bulk"
	"bsdrun/runtime/effect"
)

// lane brings pieces to the host, one after the other.
type lane struct {
	r     *receiving
	own   link // a connection of its own; may be nil
	files *sftp.Client
	file  *sftp.File    // nil: the host has no SFTP server for us
	free  chan []byte   // buffers of blocks that are not on their way
	trip  time.Duration // a round trip
	tight bool          // the last sample was worth compressing
	count int
}

// What is on its way at once: as much as a gigabit line of that length holds, and no
// more, as it is lost when the line is.
const (
	fastLine  = 125e6 // bytes a second
	leastAway = 4     // blocks
	mostAway  = 16
	// laneTrip is the round trip from which on a second lane is worth it:
	// OpenSSH's window is 2 MiB a channel.
	laneTrip = 8 * time.Millisecond
	mostLane = 6 // with what else is open as many sessions as OpenSSH allows: 10
)

// lanesFor is how many lanes the distance asks for, or the effect.
func (r *receiving) lanesFor(first *lane) int {
	switch {
	case r.sender() != nil:
		return 1
	case r.e.File.Pace.Lanes > 0:
		return r.e.File.Pace.Lanes
	}
	return min(max(int(first.trip/laneTrip), r.e.File.Pace.Connections), mostLane)
}

// open opens the file by SFTP where that reaches it; over a connection of its own if
// that is asked for. Without, the lane sends streams.
func (l *lane) open(ctx context.Context, own bool) error {
	r := l.r
	if r.h.cfg.local || r.at != (place{}) || r.sender() != nil {
		return nil
	}
	way, err := r.h.connected(ctx)
	if err != nil {
		return err
	}
	if own {
		if l.own, err = r.h.dial(ctx); err != nil {
			return err
		}
		way = l.own
	}
	if err := l.openFile(ctx, way, own); err != nil && (errors.Is(err, errLost) || ctx.Err() != nil) {
		return err
	}
	return nil
}

// openFile opens the file by SFTP.
func (l *lane) openFile(ctx context.Context, way link, own bool) error {
	h := l.r.h
	p, _, err := h.begin(ctx, way, own, func(way link) (*process, error) {
		if h.cfg.Become.Method != "" {
			return h.startAt(ctx, way, place{}, sftpServers, &strayBuffer{})
		}
		return way.subsystem(ctx, "sftp")
	})
	if err != nil {
		return err
	}
	go func() { _, _ = io.Copy(io.Discard, p.stderr) }()
	context.AfterFunc(ctx, p.close)
	c, err := sftp.NewClientPipe(p.stdout, closer{p.stdin, p.close}, sftp.MaxPacketUnchecked(sftpPacket))
	if err != nil {
		p.close()
		return err
	}
	began, other := time.Now(), make(chan time.Duration, 1)
	go func() { // the host may be busy: the shorter one of two is nearer to the truth
		_, _ = c.Lstat(l.r.stage)
		other <- time.Since(began)
	}()
	f, err := c.OpenFile(l.r.stage, os.O_WRONLY)
	if err != nil {
		_ = c.Close()
		return err
	}
	l.trip = min(time.Since(began), <-other)
	l.files, l.file = c, f
	away := min(max(int(l.trip.Seconds()*fastLine/bulk.Block), leastAway), mostAway)
	l.free = make(chan []byte, away)
	for range away {
		l.free <- make([]byte, bulk.Block)
	}
	return nil
}

func (l *lane) close() {
	if l.files != nil {
		_ = l.files.Close()
	}
	if l.own != nil {
		l.own.close()
	}
}

// sender is the source where its host brings the pieces itself; else nil.
func (r *receiving) sender() effect.Sender {
	s, ok := r.src.(effect.Sender)
	if !ok || r.relayed.Load() {
		return nil
	}
	return s
}

// send brings a piece on its way; settled waits until it has arrived.
func (l *lane) send(ctx context.Context, p *piece) (settled func() error, err error) {
	r := l.r
	missing := bulk.Missing(p.Extents, p.has)
	switch {
	case r.sender() != nil && p.tries == 0:
		return arrivedAlready, l.direct(ctx, p, missing)
	case l.file != nil && !l.worth(ctx, p):
		return l.blocks(ctx, p, missing)
	}
	for _, run := range missing {
		if err := l.pipe(ctx, run, p.tries == 0); err != nil {
			r.doubtful.Store(true) // perhaps a part of it has arrived
			return nil, err
		}
		r.arrived.Add(p.mark(run))
	}
	return arrivedAlready, nil
}

func arrivedAlready() error { return nil }

// direct has the source's host send. Where it cannot, the next session does it
// from here.
func (l *lane) direct(ctx context.Context, p *piece, missing []effect.Extent) error {
	if err := l.r.sender().Send(ctx, l.r.stage, missing); err != nil {
		l.r.doubtful.Store(true) // perhaps a part of it has arrived
		if !errors.Is(err, effect.ErrNoWay) {
			return err
		}
		l.r.relayed.Store(true)
		return fmt.Errorf("%w: %w", errRelay, err)
	}
	l.r.arrived.Add(p.mark(missing...))
	return nil
}

// errRelay ends a session so that the next one goes another way.
var errRelay = errors.New("sent through the controller")

// blocks writes parts block by block, at their places, but for zeroes.
func (l *lane) blocks(ctx context.Context, p *piece, parts []effect.Extent) (func() error, error) {
	stream, err := l.r.src.Stream(ctx, parts)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	var away sync.WaitGroup // what is on its way is not lost with the source
	var failure error
	var once sync.Once
	for _, x := range bulk.Blocks(parts) {
		var block []byte
		select {
		case block = <-l.free:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if _, err := io.ReadFull(stream, block[:x.Length]); err != nil {
			l.free <- block
			away.Wait()
			return nil, l.r.short(ctx, err)
		}
		begin, end := 0, int(x.Length)
		if p.tries == 0 {
			begin, end = bulk.Trim(block[:x.Length])
		}
		if begin == end {
			l.r.arrived.Add(p.mark(x))
			l.free <- block
			continue
		}
		if err := l.r.pace.Wait(ctx, end-begin); err != nil {
			l.free <- block
			return nil, err
		}
		away.Add(1)
		go func() {
			defer away.Done()
			if _, err := l.file.WriteAt(block[begin:end], x.Offset+int64(begin)); err != nil {
				once.Do(func() { failure = l.r.writeError(ctx, err) })
			} else {
				l.r.arrived.Add(p.mark(x))
			}
			l.r.sent.Add(int64(end - begin))
			l.free <- block
		}()
	}
	return func() error {
		away.Wait()
		return failure
	}, nil
}

// short explains a source that ends too early. The end of a connection is no end of
// it.
func (r *receiving) short(ctx context.Context, err error) error {
	if effect.KindOf(err) == effect.Unreachable {
		return err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		if changed := r.src.Unchanged(ctx); changed != nil {
			return changed
		}
		return effect.Errorf(effect.Failed, r.e.Op, "%s is shorter than it was", r.e.File.Path)
	}
	return err
}

// writeError tells a host that refuses from one that is gone.
func (r *receiving) writeError(ctx context.Context, err error) error {
	var status *sftp.StatusError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist) || errors.As(err, &status):
		return effect.WithHint(effect.Errorf(effect.Failed, r.e.Op, "the host does not take it: %v", err), "see whether its file system is full or a quota is exhausted")
	default:
		return fmt.Errorf("%w: %w", errLost, err)
	}
}

// How well a sample must compress for the whole to be worth it, and how many
// pieces of a source that is far away one sample stands for.
const (
	worthWhile = 0.8
	sampleFor  = 16
)

// worth tells whether a piece is sent compressed.
func (l *lane) worth(ctx context.Context, p *piece) bool {
	if l.r.e.File.Pace.Plain || !l.r.has("zstd") {
		return false
	}
	l.count++
	if _, far := l.r.src.(effect.Summer); far && l.count%sampleFor != 1 {
		return l.tight
	}
	sample := p.Extents[0]
	sample.Length = min(sample.Length, bulk.Block)
	stream, err := l.r.src.Stream(ctx, []effect.Extent{sample})
	if err != nil {
		return false // whoever reads it next will tell
	}
	defer stream.Close()
	data, err := io.ReadAll(stream)
	if err != nil {
		return false
	}
	l.tight = float64(len(encoder().EncodeAll(data, nil))) < worthWhile*float64(len(data))
	return l.tight
}

// encoder compresses samples.
var encoder = sync.OnceValue(func() *zstd.Encoder {
	e, _ := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1)) // the options are right
	return e
})

// pipe sends a run of data as a stream, compressed where that is possible. Where
// nothing is there yet, zeroes are left out.
func (l *lane) pipe(ctx context.Context, run effect.Extent, fresh bool) error {
	r := l.r
	stream, err := r.src.Stream(ctx, []effect.Extent{run})
	if err != nil {
		return err
	}
	defer stream.Close()
	script, packed := "", func(w io.Writer) io.WriteCloser { return plain{w} }
	switch {
	case r.h.cfg.local || r.e.File.Pace.Plain:
	case r.has("zstd"):
		script = "zstd -dcq | "
		packed = func(w io.Writer) io.WriteCloser {
			e, _ := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20)) // the options are right
			return e
		}
	case r.has("gzip"):
		script = "gzip -dc | "
		packed = func(w io.Writer) io.WriteCloser {
			e, _ := gzip.NewWriterLevel(w, gzip.BestSpeed) // there is that level
			return e
		}
	}
	conv := "notrunc"
	if fresh && r.has("sparse") {
		conv += ",sparse"
	}
	block := strconv.Itoa(bulk.Block)
	script += "dd ibs=" + block + " obs=" + block + " seek=" + strconv.FormatInt(run.Offset/bulk.Block, 10) + " conv=" + conv + " of=" + quoteRaw(r.stage) + " 2>/dev/null"
	reading, writing := io.Pipe()
	defer reading.Close()
	go func() {
		w := packed(writing)
		n, err := io.CopyBuffer(w, stream, make([]byte, bulk.Block))
		if err == nil && n < run.Length {
			err = io.ErrUnexpectedEOF
		}
		if closing := w.Close(); err == nil {
			err = closing
		}
		_ = writing.CloseWithError(err) // nil is the end
	}()
	input := &progress{r: r.pace.Reader(ctx, reading)}
	defer func() { r.sent.Add(input.n.Load()) }()
	failed := make(chan error, 1)
	fed := readerFunc(func(b []byte) (int, error) {
		n, err := input.Read(b)
		if err != nil && !errors.Is(err, io.EOF) {
			select {
			case failed <- err:
			default:
			}
		}
		return n, err
	})
	c := effect.Effect{Op: r.e.Op, Argv: []string{"dd"}, Stdin: fed, In: r.at.in, As: r.at.as}
	_, err = r.h.byChannel(ctx, c, script)
	select {
	case unread := <-failed:
		if ctx.Err() == nil {
			return r.short(ctx, unread)
		}
	default:
	}
	return err
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// plain passes on as it is.
type plain struct{ io.Writer }

func (plain) Close() error { return nil }
