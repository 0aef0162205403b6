package file

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/bulk"
	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
)

// DownloadArgs are the arguments of Download.
type DownloadArgs struct {
	Path     string        `lua:"path,required" doc:"absolute path on the host"`
	To       binding.Local `lua:"to,required" doc:"the local file, as local_file gives it"`
	Limit    string        `lua:"limit" doc:"most bytes a second, such as \"10M\"; default: as fast as it goes"`
	Parallel int           `lua:"parallel" doc:"parts under way at once; default: 1, and 2 from a host that is far away or packs"`
	Compress string        `lua:"compress" doc:"auto: where the host has zstd(1)" default:"auto" enum:"auto|no"`
	Whole    bool          `lua:"whole" doc:"hash a file whole that is mostly holes: it takes longer than its data alone"`
}

// Downloaded describes what Download fetched.
type Downloaded struct {
	Size   int64  `lua:"size" doc:"bytes" unit:"bytes"`
	SHA256 string `lua:"sha256,omitempty" doc:"the content's hash at both ends, in hex; of a file that is mostly holes only with whole=true"`
}

// smallPiece is how much of a small file is fetched at a time.
const smallPiece = 4 << 20

// Download fetches a file of the host into a local file. A large one comes in
// parts, and goes on where it was cut.
func Download(ctx context.Context, h effect.Doer, a DownloadArgs) (_ Downloaded, err error) {
	const op = "file.download"
	if err := checkPath(op, a.Path); err != nil {
		return Downloaded{}, err
	}
	pace, err := paceOf(op, a.Limit, a.Parallel, 0, a.Compress)
	if err != nil {
		return Downloaded{}, err
	}
	if a.To.Create == nil {
		return Downloaded{}, effect.Errorf(effect.Denied, op, "%s may not be written", a.To.Path)
	}
	info, err := regular(ctx, h, op, a.Path)
	if err != nil {
		return Downloaded{}, err
	}
	if info.Size >= large && a.To.Receive != nil {
		return fetch(ctx, h, op, a, pace)
	}
	out, err := a.To.Create()
	if err != nil {
		return Downloaded{}, effect.Errorf(effect.Failed, op, "%v", err)
	}
	defer func() {
		if closing := out.Close(); err == nil {
			err = closing
		}
	}()
	d := download{op: op, path: a.Path, out: out, sum: sha256.New()}
	err = d.run(ctx, h)
	return Downloaded{d.size, hex.EncodeToString(d.sum.Sum(nil))}, err
}

type download struct {
	op, path string
	out      io.Writer
	sum      hash.Hash
	size     int64
}

// run copies until a piece comes short, so that a growing log ends too.
func (d *download) run(ctx context.Context, h effect.Doer) error {
	for {
		data, err := get(ctx, h, d.op, &effect.FileOp{
			Verb: effect.FileGet, Path: d.path, Offset: d.size, Length: smallPiece,
		})
		if err != nil {
			return err
		}
		d.size += int64(len(data))
		_, _ = d.sum.Write(data) // never fails
		if _, err := d.out.Write(data); err != nil {
			return err
		}
		if len(data) < smallPiece {
			return nil
		}
	}
}

// fetching is the download of a large file.
type fetching struct {
	op      string
	from    *distant
	stage   *bulk.Stage
	pace    *bulk.Pace
	lanes   int
	arrived atomic.Int64
	total   int64
	pieces  []bulk.Piece

	hashed []effect.Extent // what is hashed as one, at both ends
	whole  bool            // that is everything
	source *bulk.SourceSum // their hash there
	local  *bulk.Sum       // and here
	sum    string
	right  bool // it is the same here
	spoilt bool // it can not be

	mu    sync.Mutex
	done  map[int]bool
	begun map[int]bool // pieces of which something may be here
	again map[int]int  // pieces that did not arrive as they were sent
}

// fetch downloads a large file into a stage, and puts that in place.
func fetch(ctx context.Context, h effect.Doer, op string, a DownloadArgs, pace effect.Pace) (Downloaded, error) {
	from, err := distantFile(ctx, h, op, a.Path, pace)
	if err != nil {
		return Downloaded{}, err
	}
	stage, err := a.To.Receive(from.size, from.was)
	if err != nil {
		return Downloaded{}, effect.Errorf(effect.Failed, op, "%s: %v", a.To.Path, err)
	}
	f := &fetching{
		op: op, from: from, stage: stage, pace: bulk.NewPace(pace.Limit), lanes: pace.Lanes,
		done: map[int]bool{}, begun: map[int]bool{}, again: map[int]int{},
	}
	if f.lanes == 0 {
		if f.lanes, err = f.lanesFor(ctx, h); err != nil {
			return Downloaded{}, errors.Join(err, stage.Close())
		}
	}
	if err := f.run(ctx, a.Whole); err != nil {
		if f.spoilt {
			return Downloaded{}, errors.Join(err, stage.Discard())
		}
		return Downloaded{}, errors.Join(err, stage.Close())
	}
	if err := f.settled(ctx); err != nil {
		return Downloaded{}, errors.Join(err, stage.Discard())
	}
	done := Downloaded{Size: from.size}
	if f.whole {
		done.SHA256 = f.sum
	}
	return done, stage.Commit()
}

// farTrip is the time of an answer from which on a second lane is worth it: a lane
// has no more than 2 MiB under way.
const farTrip = 8 * time.Millisecond

// lanesFor is how many lanes the distance asks for, or what packs there.
func (f *fetching) lanesFor(ctx context.Context, h effect.Doer) (int, error) {
	if f.from.packer != "" {
		return 2, nil
	}
	began := clock.Now(ctx)
	_, err := h.Do(ctx, effect.Effect{Op: f.op, Kind: effect.Read, Title: "see how far away it is", Shell: ":", Reads: []effect.Resource{effect.File(f.from.path)}})
	if err == nil && clock.Now(ctx).Sub(began) > farTrip {
		return 2, nil
	}
	return 1, err
}

// settled fails when the file was written to, unless it has only grown: what has
// come is then what was there at the beginning.
func (f *fetching) settled(ctx context.Context) error {
	err := f.from.Unchanged(ctx)
	if err == nil {
		return nil
	}
	now, looking := f.from.regard(ctx, "")
	if looking == nil && now.size > f.from.size {
		return nil
	}
	return err
}

// maxLosses is how often in a row the connection may be lost without anything
// arriving.
const maxLosses = 5

func (f *fetching) run(ctx context.Context, whole bool) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	if err := f.plan(whole); err != nil {
		return err
	}
	f.source = bulk.NewSourceSum(ctx, f.from, f.hashed)
	f.hash(ctx)
	stop := f.report(ctx)
	defer stop()
	for losses := 0; !f.right; {
		before := f.arrived.Load()
		err := f.session(ctx)
		if err == nil {
			err = f.compare(ctx)
		}
		if err != nil && effect.KindOf(err) != effect.Unreachable || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if losses++; err == nil || f.arrived.Load() > before {
			losses = 0
		}
		if losses > maxLosses {
			return err
		}
	}
	return nil
}

// hash begins to hash what arrives.
func (f *fetching) hash(ctx context.Context) {
	f.local = bulk.NewSum(ctx, f.hashed, func(_ context.Context, parts []effect.Extent) (io.ReadCloser, error) {
		return io.NopCloser(f.stage.Read(parts)), nil
	})
	f.local.Ready(f.front())
}

// plan finds out what is left, and whether there is room for it.
func (f *fetching) plan(whole bool) error {
	extents, err := f.from.Extents(f.from.ctx)
	if err != nil {
		return err
	}
	f.hashed, f.whole = bulk.Hashed(extents, f.from.size, whole)
	f.pieces = bulk.Pieces(extents, f.from.size)
	left := int64(0)
	for _, p := range f.pieces {
		f.total += p.Length()
		f.begun[p.Index] = f.stage.Kept()
		if f.done[p.Index] = f.stage.Noted(p.Index); f.done[p.Index] {
			f.arrived.Add(p.Length())
		} else {
			left += bulk.Length(f.missing(p))
		}
	}
	if room := f.stage.Room(); room >= 0 && left > room {
		return effect.WithHint(effect.Errorf(effect.Failed, f.op, "it needs %d MB, and %d MB are free here", left>>20, room>>20),
			"free some space; nothing was fetched")
	}
	return nil
}

// missing is what is to be fetched of a piece.
func (f *fetching) missing(p bulk.Piece) []effect.Extent {
	f.mu.Lock()
	begun, again := f.begun[p.Index], f.again[p.Index] > 0
	f.mu.Unlock()
	if !begun || again {
		return p.Extents
	}
	return bulk.Missing(p.Extents, func(offset int64) bool {
		return f.stage.Has(effect.Extent{Offset: offset, Length: min(bulk.Block, f.from.size-offset)})
	})
}

// left is what is not here yet, in order.
func (f *fetching) left() []bulk.Piece {
	f.mu.Lock()
	defer f.mu.Unlock()
	var left []bulk.Piece
	for _, p := range f.pieces {
		if !f.done[p.Index] {
			left = append(left, p)
		}
	}
	return left
}

// front is up to where everything is here.
func (f *fetching) front() int64 {
	if left := f.left(); len(left) > 0 {
		return int64(left[0].Index) * bulk.PieceSize(f.from.size)
	}
	return f.from.size
}

// together is how many pieces come as one stream: to begin one takes a while.
const together = 8

// session fetches what is left, for as long as the connection holds.
func (f *fetching) session(ctx context.Context) error {
	// A lane reads on when another one fails: what has come is not to come again.
	g, ended := errgroup.WithContext(ctx)
	queue := make(chan []bulk.Piece)
	g.Go(func() error {
		defer close(queue)
		length := together
		if f.lanes > 1 { // what is hashed in order is to come in order
			length = 1
		}
		for run := range slices.Chunk(f.left(), length) {
			select {
			case queue <- run:
			case <-ended.Done():
				return nil // its cause is known
			}
		}
		return nil
	})
	for range f.lanes {
		g.Go(func() error {
			for run := range queue {
				if err := f.stream(ctx, run); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// stream fetches what is missing of pieces, as one stream.
func (f *fetching) stream(ctx context.Context, pieces []bulk.Piece) error {
	missing, parts := make([][]effect.Extent, len(pieces)), []effect.Extent(nil)
	for i, p := range pieces {
		missing[i] = f.missing(p)
		parts = append(parts, missing[i]...)
	}
	stream := io.ReadCloser(io.NopCloser(nil))
	if len(parts) > 0 {
		var err error
		joined := bulk.Missing(parts, func(int64) bool { return false })
		if stream, err = f.from.Stream(ctx, joined); err != nil {
			return err
		}
	}
	defer stream.Close()
	for i, p := range pieces {
		if err := f.piece(ctx, p, stream, missing[i]); err != nil {
			return err
		}
	}
	return nil
}

// piece takes what was missing of a piece from a stream.
func (f *fetching) piece(ctx context.Context, p bulk.Piece, stream io.Reader, missing []effect.Extent) error {
	f.mu.Lock()
	f.begun[p.Index] = true
	all := f.again[p.Index] > 0
	f.mu.Unlock()
	if err := f.blocks(ctx, stream, missing, all); err != nil {
		return err
	}
	f.mu.Lock()
	f.done[p.Index] = true
	f.mu.Unlock()
	f.local.Ready(f.front())
	return f.stage.Note(p.Index)
}

// maxTries is how often a piece may arrive wrong.
const maxTries = 3

// compare compares what has arrived with what was sent. Pieces that are wrong are to
// be fetched once more.
func (f *fetching) compare(ctx context.Context) error {
	have, err := f.local.Wait(ctx)
	if err != nil {
		return err
	}
	if f.sum, err = f.source.Wait(ctx); err != nil {
		return err
	}
	if f.right = have == f.sum; f.right {
		return nil
	}
	if err := f.settled(ctx); err != nil {
		return err
	}
	wrong := 0
	for _, p := range f.pieces {
		same, err := f.same(ctx, p)
		if err != nil {
			return err
		}
		if same {
			continue
		}
		wrong++
		f.arrived.Add(-p.Length())
		f.done[p.Index] = false
		if f.again[p.Index]++; f.again[p.Index] == maxTries {
			return effect.WithHint(effect.Errorf(effect.Failed, f.op, "what arrives of %s is not what was sent, %d times over", f.from.path, maxTries),
				"a disk or a memory may be failing")
		}
	}
	if f.spoilt = wrong == 0; f.spoilt {
		return effect.WithHint(effect.Errorf(effect.Failed, f.op, "what was received of %s holds something where that is empty", f.from.path), "nobody else may write there; fetch it again")
	}
	f.hash(ctx)
	return nil
}

// same tells whether a piece is here as the host has it.
func (f *fetching) same(ctx context.Context, p bulk.Piece) (bool, error) {
	want, err := f.from.Sums(ctx, [][]effect.Extent{p.Extents})
	if err != nil {
		return false, err
	}
	sum := sha256.New()
	_, err = io.CopyBuffer(sum, f.stage.Read(p.Extents), make([]byte, bulk.Block))
	return hex.EncodeToString(sum.Sum(nil)) == want[0], err
}

// blocks takes parts from a stream and writes what is not zero; with all, everything.
func (f *fetching) blocks(ctx context.Context, stream io.Reader, parts []effect.Extent, all bool) error {
	block := make([]byte, bulk.Block)
	for _, x := range bulk.Blocks(parts) {
		data := block[:x.Length]
		if err := f.pace.Wait(ctx, len(data)); err != nil {
			return err
		}
		if _, err := io.ReadFull(stream, data); err != nil {
			// The end of a connection is none of the file.
			if effect.KindOf(err) != effect.Unreachable && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
				err = withOp(f.op, bulk.Moving(f.from.path))
			}
			return err
		}
		f.arrived.Add(x.Length)
		if !all && bulk.Zero(data) {
			continue
		}
		if _, err := f.stage.WriteAt(data, x.Offset); err != nil {
			return err
		}
	}
	return nil
}

// report tells every second how far it is, until it is stopped.
func (f *fetching) report(ctx context.Context) (stop func()) {
	return bulk.Report(ctx, f.op, f.from.path, f.total, &f.arrived, nil)
}
