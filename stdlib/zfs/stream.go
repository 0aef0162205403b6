package zfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// follow sends what a plan says.
func (s *sending) follow(ctx context.Context, h effect.Doer, p plan) error {
	if p.rollback != "" && len(p.transfers) > 0 {
		back, err := Rollback(ctx, s.args.Host, RollbackArgs{Snapshot: p.rollback, Recursive: true})
		s.done.Lost = append(s.done.Lost, back.Destroyed...)
		if err != nil {
			return err
		}
	}
	for i, t := range p.transfers {
		if err := s.transfer(ctx, h, p, t, i == 0); err != nil {
			return err
		}
	}
	return nil
}

// transfer sends one snapshot and sees that it has arrived. The sending starts
// when the receiving wants its input: not at all in check mode.
func (s *sending) transfer(ctx context.Context, h effect.Doer, p plan, t transfer, first bool) error {
	_, _, name := split(t.snapshot)
	st := &stream{ctx: ctx, from: h, op: s.op, snapshot: t.snapshot, send: s.send(t)}
	receive := s.receive(p, t, first)
	receive.Stdin = st
	res, err := run(ctx, s.args.Host, receive)
	if sendErr := st.end(); sendErr != nil {
		return sendErr
	}
	if err != nil {
		return receiveError(err)
	}
	if p.fresh {
		s.fresh[s.target] = p.resumable
	}
	s.done.Changed = true
	s.done.Bytes += st.count.Load()
	target := s.target + "@" + name
	s.done.Snapshots = append(s.done.Snapshots, SentSnapshot{Snapshot: t.snapshot, Target: target, From: t.from, Resumed: t.token != ""})
	if res.Skipped {
		return nil
	}
	return s.verify(ctx, t, target)
}

func (s *sending) send(t transfer) effect.Effect {
	argv := []string{"zfs", "send"}
	for _, f := range []struct {
		flag string
		on   bool
	}{{"-p", s.args.Properties}, {"-w", s.args.Raw}, {"-c", s.args.Compressed}, {"-L", s.args.LargeBlocks}} {
		if f.on && t.token == "" { // a token knows them
			argv = append(argv, f.flag)
		}
	}
	e := effect.Effect{Op: s.op, Kind: effect.Read, Reads: []effect.Resource{below(s.source)}}
	if t.token != "" {
		e.Title = "zfs send -t TOKEN, the rest of " + t.snapshot
		e.Argv = append(argv, "-t", t.token)
		return e
	}
	if t.from != "" {
		argv = append(argv, "-i", t.from)
	}
	e.Argv = append(argv, t.snapshot)
	return e
}

func (s *sending) receive(p plan, t transfer, first bool) effect.Effect {
	argv := []string{"zfs", "receive"}
	if p.resumable {
		argv = append(argv, "-s")
	}
	if !s.args.Mount {
		argv = append(argv, "-u")
	}
	risk, note := effect.Safe, ""
	if p.force && first {
		argv = append(argv, "-F")
		risk, note = effect.Irreversible, "what was written to "+s.target+" since the common snapshot is lost"
	}
	_, _, name := split(t.snapshot)
	writes := append(mountedAt(p.mounted), resource(s.target), resource(s.target+"@"+name))
	if s.args.Mount && p.fresh {
		writes = append(writes, "file") // where it goes, its properties say
	}
	e := change(s.op, append(argv, s.target), "receive "+t.snapshot, writes...)
	e.Risk, e.Note = risk, note
	// It stands for which snapshot it is, in the records of a run: on another
	// day the same command receives another one.
	e.Title, e.Env = strings.Join(e.Argv, " "), []string{"BSDRUN_SNAPSHOT=" + t.snapshot}
	e.Anew = true // what the other host has was looked at
	if t.from != "" {
		e.Diff.Note += ", from " + t.from
	}
	return e
}

var receiveRules = []effect.Rule{
	{Pattern: lazyregexp.New(`invalid option 'u'`), Kind: effect.Failed, Hint: "zfs(8) of the other host mounts what it receives, whatever that is: mount=true lets it"},
	{Pattern: lazyregexp.New(`has been modified|does not\s+match incremental source`), Kind: effect.Failed,
		Hint: "something was written there since: force=true gives it up; readonly=on on the target keeps it from happening"},
	{Pattern: lazyregexp.New(`resuming stream can be generated`), Kind: effect.Failed, Hint: "send again: it goes on where it was cut"},
	{Pattern: lazyregexp.New(`destination '[^']*' exists`), Kind: effect.Failed, Hint: "send to another dataset, or destroy that one"},
	{Pattern: lazyregexp.New(`stream .*(?:feature|version)|unsupported (?:feature|version)|must be upgraded`), Kind: effect.Failed,
		Hint: "the other host's ZFS is older than the stream: leave out compressed, large_blocks and raw, or upgrade its pool"},
}

func receiveError(err error) error {
	err, _ = effect.Explain(err, receiveRules)
	return err
}

// verify compares the identity of what has arrived.
func (s *sending) verify(ctx context.Context, t transfer, target string) error {
	there, err := one(ctx, s.args.Host, s.op, target, "guid", "creation")
	if err != nil {
		return err
	}
	if there == nil || match(row{"name": t.snapshot, "guid": t.guid, "creation": t.creation}, []row{there}) < 0 {
		return effect.Errorf(effect.Failed, s.op, "the other host received something else than %s as %s", t.snapshot, target)
	}
	return nil
}

// errTaken: the receiving end takes no more.
var errTaken = errors.New("the receiving end has closed")

// stream is what zfs send prints, from the first read on. It holds what one write
// brings, whatever the length of it all.
type stream struct {
	ctx      context.Context
	from     effect.Doer
	op       string
	snapshot string
	send     effect.Effect

	begin sync.Once
	r     *io.PipeReader
	done  chan struct{}
	err   error
	count atomic.Int64
	total int64 // as zfs(8) estimates it; 0: unknown
	told  int64
}

// Read starts the sending, and passes it on.
func (s *stream) Read(p []byte) (int, error) {
	s.begin.Do(s.start)
	n, err := s.r.Read(p)
	s.tell(s.count.Add(int64(n)))
	return n, err
}

func (s *stream) start() {
	r, w := io.Pipe()
	s.r, s.done = r, make(chan struct{})
	// It holds the place of the receiving among the effects under way.
	ctx := effect.AsPart(s.ctx)
	s.total = estimate(ctx, s.from, s.send)
	go func() {
		defer close(s.done)
		e := s.send
		e.Sink = w
		_, s.err = run(ctx, s.from, e)
		_ = w.CloseWithError(s.err) // nil is the end
	}()
}

// end waits for the sending, if it has begun, and tells how that went.
func (s *stream) end() error {
	if s.done == nil {
		return nil
	}
	_ = s.r.CloseWithError(errTaken)
	<-s.done
	if errors.Is(s.err, errTaken) {
		return nil // the receiving end knows why
	}
	return s.err
}

// People hear of every hundredth part, or where nobody knows how much it will be
// every so many bytes.
const (
	tellLeast = 1 << 20
	tellBlind = 16 << 20
)

func (s *stream) tell(count int64) {
	every := int64(tellBlind)
	if s.total > 0 {
		every = max(tellLeast, s.total/100)
	}
	if count-s.told < every {
		return
	}
	s.told = count
	text := fmt.Sprintf("%s: %d MiB", s.snapshot, count>>20)
	data := map[string]any{"snapshot": s.snapshot, "bytes": count}
	if s.total > 0 {
		text += fmt.Sprintf(" of %d", s.total>>20)
		data["total"] = s.total
	}
	effect.Report(s.ctx, s.op, text, data)
}

var estimated = lazyregexp.New(`(?m)^size\t(\d+)$`)

// estimate asks how much will be sent; 0 where the release does not tell.
func estimate(ctx context.Context, h effect.Doer, send effect.Effect) int64 {
	e := send
	e.Argv = append([]string{"zfs", "send", "-nvP"}, send.Argv[2:]...)
	e.Want = []int{0, 1, 2}
	if e.Title != "" {
		e.Title = "zfs send -nvP -t TOKEN"
	}
	res, err := h.Do(ctx, e)
	if err != nil || res.Code != 0 {
		return 0
	}
	out, _ := res.Text()
	if m := estimated.FindStringSubmatch(out); m != nil {
		return number(m[1])
	}
	return 0
}
