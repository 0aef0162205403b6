package sshhost

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// followed is the most that one look at a running change's output brings, of
// each stream.
const followed = 64 << 10

// follower shows the output of a change while it runs: the change writes into
// the ledger, and a shell beside reads what has come.
type follower struct {
	host *Host
	at   place
	name string
	w    io.Writer // nil: only to see whether it prints at all

	mu    sync.Mutex
	shown [2]int64 // bytes of stdout and stderr that w has seen
	blind bool     // there is no second shell
}

// poll looks for new output; trouble only means that nothing is seen until the
// end.
func (f *follower) poll(ctx context.Context, running *frame) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.blind {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	base, err := f.host.stateDir(ctx, f.at)
	if err != nil {
		f.blind = true
		return
	}
	side, err := f.host.shellAt(ctx, f.at)
	if err != nil {
		f.blind = true
		return
	}
	file := quoteRaw(base + "/runs/" + f.host.cfg.Run + "/" + f.name)
	script := fmt.Sprintf("tail -c +%d %s.o 2>/dev/null | head -c %d\ntail -c +%d %s.e 2>/dev/null | head -c %d >&2\n:",
		f.shown[0]+1, file, followed, f.shown[1]+1, file, followed)
	out, diag, err := side.askBoth(ctx, script)
	if err != nil {
		return
	}
	for i, b := range [][]byte{out, diag} {
		if len(b) == 0 {
			continue
		}
		running.beat.Store(time.Now().UnixNano())
		f.shown[i] += int64(len(b))
		if f.w != nil {
			_, _ = f.w.Write(b)
		}
	}
}

// remainder shows what the follower has not shown, when the whole output
// arrives.
type remainder struct {
	f    *follower
	i    int
	seen int64
}

func (r *remainder) Write(p []byte) (int, error) {
	r.f.mu.Lock()
	defer r.f.mu.Unlock()
	n := int64(len(p))
	skip := min(n, max(0, r.f.shown[r.i]-r.seen))
	r.seen += n
	if r.f.w != nil && skip < n {
		_, _ = r.f.w.Write(p[skip:])
	}
	return len(p), nil
}

// stateDir is where a place keeps its state.
func (h *Host) stateDir(ctx context.Context, at place) (string, error) {
	h.mu.Lock()
	dir := h.stateDirs[at]
	h.mu.Unlock()
	if dir != "" {
		return dir, nil
	}
	s, err := h.shellAt(ctx, at)
	if err != nil {
		return "", err
	}
	out, err := s.ask(ctx, h.stateScript()+`[ -n "$_D" ] && printf %s "$_D"`)
	if err != nil {
		return "", fmt.Errorf("the host has no place to keep state: %w", err)
	}
	h.mu.Lock()
	h.stateDirs[at] = string(out)
	h.mu.Unlock()
	return string(out), nil
}
