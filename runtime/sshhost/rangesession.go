package sshhost

import (
	"context"
	"errors"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"bsdrun/runtime/bulk"
	"bsdrun/runtime/effect"
)

// receive sends until everything is there and right, over as many connections as
// get lost.
func (r *receiving) receive(ctx context.Context) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	defer bulk.Report(ctx, r.e.Op, r.e.File.Path, r.total, &r.arrived, &r.sent)()
	r.source = bulk.NewSourceSum(ctx, r.src, r.hashed)
	for losses := 0; !r.right; {
		before := r.arrived.Load()
		err := r.session(ctx)
		if err == nil || errors.Is(err, errRelay) && ctx.Err() == nil {
			continue // some may have to be sent once more
		}
		if ctx.Err() != nil || !errors.Is(err, errLost) && effect.KindOf(err) != effect.Unreachable {
			return err
		}
		if losses++; r.arrived.Load() > before {
			losses = 0
		}
		if losses > maxLosses {
			return err
		}
		if err := r.h.reconnect(ctx); err != nil {
			return err
		}
	}
	return nil
}

// left is what is not there yet, in order.
func (r *receiving) left() []*piece {
	var left []*piece
	for _, p := range r.pieces {
		if !p.isDone() {
			left = append(left, p)
		}
	}
	return left
}

// front is up to where everything is there.
func (r *receiving) front() int64 {
	for _, p := range r.pieces {
		if !p.isDone() {
			return int64(p.Index) * bulk.PieceSize(r.size)
		}
	}
	return r.size
}

// session sends what is left and compares what has arrived, for as long as the
// connection holds.
func (r *receiving) session(ctx context.Context) error {
	if _, err := r.h.shellAt(ctx, r.at); err != nil {
		return err
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	v, first, back := &verifier{}, &lane{r: r}, &readBack{r: r}
	defer func() { v.close(); first.close(); back.close() }()
	var open errgroup.Group
	open.Go(func() error { return v.open(ctx, r) })
	open.Go(func() error { return first.open(ctx, false) })
	if !r.doubtful.Load() {
		open.Go(func() error { return r.readAlong(ctx, back) })
	}
	if err := open.Wait(); err != nil {
		return err
	}
	go r.h.watchLink(ctx, v.link)
	if r.doubtful.Load() {
		if err := r.recover(ctx, v); err != nil {
			return err
		}
		r.doubtful.Store(false)
		if err := r.readAlong(ctx, back); err != nil {
			return err
		}
	}
	if err := r.sendAll(ctx, first, v, back); err != nil {
		return err
	}
	return r.compare(ctx, v, back)
}

// readAlong has what arrives read back at once. To read again what was there before
// takes longer than to send little: it is then done at the end, when no other loss
// can follow.
func (r *receiving) readAlong(ctx context.Context, back *readBack) error {
	if there := r.arrived.Load(); there > r.total-there {
		return nil
	}
	return back.open(ctx)
}

// sendAll sends what is left over as many lanes as help. The first begins at once.
func (r *receiving) sendAll(ctx context.Context, first *lane, v *verifier, back *readBack) error {
	left := r.left()
	if len(left) == 0 {
		return nil
	}
	g, ctx := errgroup.WithContext(ctx)
	queue, drained := make(chan *piece), make(chan struct{})
	g.Go(func() error {
		defer close(drained)
		defer close(queue)
		for _, p := range left {
			select {
			case queue <- p:
				r.source.Ready(int64(p.Index+1) * bulk.PieceSize(r.size))
			case <-ctx.Done():
				return nil // its cause is known
			}
		}
		return nil
	})
	landed := func(p *piece) error {
		r.arrived.Add(p.finish())
		if err := v.note(ctx, p.Index); err != nil {
			return err
		}
		return back.advance(ctx, r.front())
	}
	work := func(l *lane) error {
		var away sync.WaitGroup
		defer away.Wait()
		for p := range queue {
			settled, err := l.send(ctx, p)
			if err != nil {
				return err
			}
			away.Add(1)
			g.Go(func() error {
				defer away.Done()
				if err := settled(); err != nil {
					return err
				}
				return landed(p)
			})
		}
		return nil
	}
	g.Go(func() error { return work(first) })
	g.Go(func() error {
		for i := 1; i < r.lanesFor(first); i++ {
			select {
			case <-drained:
				return nil
			default:
			}
			l := &lane{r: r}
			if err := l.open(ctx, i < r.e.File.Pace.Connections); err != nil {
				l.close()
				if ctx.Err() != nil || errors.Is(err, errLost) {
					return err
				}
				return nil // fewer do it as well
			}
			g.Go(func() error {
				defer l.close()
				return work(l)
			})
		}
		return nil
	})
	return g.Wait()
}

// compare compares what has arrived with what was sent. Pieces that are wrong are to
// be sent once more.
func (r *receiving) compare(ctx context.Context, v *verifier, back *readBack) error {
	have, err := back.sum(ctx)
	if err != nil {
		return err
	}
	if r.sum, err = r.source.Wait(ctx); err != nil {
		return r.short(ctx, err)
	}
	if r.right = have == r.sum; r.right {
		return nil
	}
	if err := r.src.Unchanged(ctx); err != nil {
		return err
	}
	wrong := false
	for _, p := range r.pieces {
		same, err := r.same(ctx, v, p)
		if err != nil {
			return err
		}
		if same {
			continue
		}
		wrong = true
		if r.arrived.Add(-p.forget()); p.tries >= maxTries {
			return effect.WithHint(effect.Errorf(effect.Failed, r.e.Op, "what arrives of %s is not what was sent, %d times over", r.e.File.Path, p.tries),
				"the host's disk or memory may be failing: see its log")
		}
	}
	if !wrong {
		r.h.discard(ctx, r.e, r.stage)
		return effect.WithHint(effect.Errorf(effect.Failed, r.e.Op, "%s holds something where what was sent is empty", r.stage), "nobody else may write there; send it again")
	}
	return nil
}

// same tells whether a piece is there as the source has it.
func (r *receiving) same(ctx context.Context, v *verifier, p *piece) (bool, error) {
	alike, err := r.alike(ctx, v, [][]effect.Extent{p.Extents})
	return err == nil && alike[0], err
}

// alike tells which groups of parts are there as the source has them.
func (r *receiving) alike(ctx context.Context, v *verifier, groups [][]effect.Extent) ([]bool, error) {
	want, err := r.sumsOf(ctx, groups)
	if err != nil {
		return nil, err
	}
	have, err := v.sums(ctx, groups)
	if err != nil {
		return nil, err
	}
	alike := make([]bool, len(groups))
	for i := range groups {
		alike[i] = want[i] == have[i]
	}
	return alike, nil
}

// recover settles what an earlier attempt has left and nobody is sure of.
func (r *receiving) recover(ctx context.Context, v *verifier) error {
	for _, p := range r.pieces {
		if p.isDone() || !p.noted {
			continue
		}
		right, err := r.same(ctx, v, p)
		if err != nil {
			return err
		}
		if right {
			r.arrived.Add(p.finish())
		}
		p.noted = false
	}
	misses := 0
	for _, p := range r.left() {
		if misses == 2 {
			break // they are sent in order
		}
		found, err := r.probe(ctx, v, p)
		if err != nil {
			return err
		}
		if misses++; found {
			misses = 0
		}
	}
	return nil
}

const (
	// clump is how many grains are looked at together at first.
	clump = 8
	// ragged is how many clumps may be there in part: what is on its way at once
	// arrives in any order.
	ragged = 2
)

// probe finds out how much of a piece is there. Parts come in order, so that one
// without its first has nothing.
func (r *receiving) probe(ctx context.Context, v *verifier, p *piece) (bool, error) {
	grains := p.Grains(r.size)
	first, err := r.alike(ctx, v, [][]effect.Extent{grains[:1]})
	if err != nil || !first[0] {
		return false, err
	}
	r.arrived.Add(p.mark(grains[0]))
	if len(grains) == 1 {
		return true, nil
	}
	clumps := slices.Collect(slices.Chunk(grains[1:], clump))
	whole, err := r.alike(ctx, v, clumps)
	if err != nil {
		return false, err
	}
	parts := 0
	for i, grains := range clumps {
		if whole[i] {
			r.arrived.Add(p.mark(grains...))
			continue
		}
		if parts++; parts > ragged {
			break
		}
		there, err := r.alike(ctx, v, slices.Collect(slices.Chunk(grains, 1)))
		if err != nil {
			return false, err
		}
		for j, grain := range grains {
			if there[j] {
				r.arrived.Add(p.mark(grain))
			}
		}
	}
	return true, nil
}

// sumsOf hashes groups of parts of the source.
func (r *receiving) sumsOf(ctx context.Context, groups [][]effect.Extent) ([]string, error) {
	if s, ok := r.src.(effect.Summer); ok {
		return s.Sums(ctx, groups)
	}
	sums := make([]string, len(groups))
	for i, group := range groups {
		sum, err := bulk.NewSum(ctx, group, r.src.Stream).Wait(ctx)
		if err != nil {
			return nil, r.short(ctx, err)
		}
		sums[i] = sum
	}
	return sums, nil
}
