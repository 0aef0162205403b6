package vbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"sync"

	"bsdrun/runtime/effect"
)

// A raw image of another host can be converted as it comes, without a copy of it
// here. VBoxManage takes the end of its input for the end of the disk, whatever
// was announced: the image is put to its place only after all bytes were sent.

// stageScript makes the folder that an image grows in.
const stageScript = `rm -rf "$1" && mkdir -m 700 "$1" || exit
shift
exec "$@"`

// streamed converts the image of another host.
func (a ConvertArgs) streamed(ctx context.Context, h effect.Doer, op string, v Version, size int64, there *effect.FileInfo) (skipped bool, err error) {
	dir, part := stageOf(a.To)
	command := a.command(v, part)
	command = append([]string{command[0], command[1], "stdin", part, fmt.Sprint(size)}, command[4:]...)
	s := &stream{ctx: ctx, from: a.Host, op: op, path: a.From, total: size}
	e := effect.Effect{
		Op: op, Kind: effect.Change, As: a.As, Title: fmt.Sprintf("%s %s stdin %s %d", tool, command[1], a.To, size),
		Argv: append([]string{"sh", "-c", stageScript, "sh", dir}, command...), Stdin: s, Anew: true, Timeout: a.Timeout,
		Writes: []effect.Resource{effect.Tree(dir)}, Diff: note(a.To, "convert %s of the other host to %s", a.From, a.Format),
	}
	if there != nil {
		e.Risk, e.Note = replaces(a.To)
	}
	res, err := h.Do(ctx, e)
	if sendErr := s.end(); sendErr != nil {
		err = sendErr
	}
	if err == nil && !res.Skipped && s.count != size {
		err = effect.Errorf(effect.Failed, op, "%d of %d bytes of %s have come", s.count, size, a.From)
	}
	if err != nil {
		_ = a.file(ctx, h, op, effect.FileOp{Verb: effect.FileRemove, Path: dir, Recursive: true}, effect.Tree(dir))
		return false, explain(err)
	}
	if err := a.file(ctx, h, op, effect.FileOp{Verb: effect.FileRename, Path: part, To: a.To}, effect.File(part), effect.File(a.To)); err != nil {
		return false, err
	}
	return res.Skipped, a.file(ctx, h, op, effect.FileOp{Verb: effect.FileRemove, Path: dir, Recursive: true}, effect.Tree(dir))
}

// file does something with a file as the machines' user.
func (o Owner) file(ctx context.Context, h effect.Doer, op string, f effect.FileOp, writes ...effect.Resource) error {
	_, err := h.Do(ctx, effect.Effect{Op: op, Kind: effect.Change, As: o.As, File: &f, Writes: writes})
	return err
}

// stream is what another host's file holds, from the first read on.
type stream struct {
	ctx   context.Context
	from  effect.Doer
	op    string
	path  string
	total int64

	begin sync.Once
	r     *io.PipeReader
	done  chan struct{}
	err   error
	count int64
	told  int64
}

// Read starts the sending, and passes it on.
func (s *stream) Read(p []byte) (int, error) {
	s.begin.Do(s.start)
	n, err := s.r.Read(p)
	s.count += int64(n)
	if s.count-s.told >= max(mib, s.total/100) {
		s.told = s.count
		effect.Report(s.ctx, s.op, fmt.Sprintf("%s: %d of %d bytes", path.Base(s.path), s.count, s.total), map[string]any{"bytes": s.count, "total": s.total})
	}
	return n, err
}

func (s *stream) start() {
	r, w := io.Pipe()
	s.r, s.done = r, make(chan struct{})
	// It holds the place of the conversion among the effects under way.
	ctx := effect.AsPart(s.ctx)
	go func() {
		defer close(s.done)
		_, s.err = s.from.Do(ctx, effect.Effect{Op: s.op, Kind: effect.Read, Argv: []string{"cat", s.path}, Reads: []effect.Resource{effect.File(s.path)}, Sink: w})
		_ = w.CloseWithError(s.err) // nil is the end
	}()
}

// errTaken: the conversion takes no more.
var errTaken = errors.New("the conversion has ended")

// end waits for the sending, if it has begun, and tells how that went.
func (s *stream) end() error {
	if s.done == nil {
		return nil
	}
	_ = s.r.CloseWithError(errTaken)
	<-s.done
	if errors.Is(s.err, errTaken) {
		return nil // the conversion knows why
	}
	return s.err
}
