package sshhost

import (
	"context"
	"fmt"
	"io"
	"sync"

	"bsdrun/runtime/bulk"
	"bsdrun/runtime/lazyregexp"
)

// readBack is a command on the host that hashes as one what has arrived, while more
// is on its way.
type readBack struct {
	r *receiving

	mu sync.Mutex
	p  *process // nil: not open
	at int64    // up to where it was told to read
}

// readBackScript reads parts, of any number in a line. What has arrived is brought
// to the disk meanwhile, so that little is left of that for the end. Where that
// fails, the file goes: whoever asked the disk later would not be told.
func readBackScript(stage, sum string) string {
	return settle + syncFunction + catFunction(stage) + `while read -r _r; do { _sync "$t" || rm -f "$t"; } & _cat $_r; wait; done | ` + sum
}

func (b *readBack) open(ctx context.Context) error {
	p, _, err := b.r.h.open(ctx, b.r.at, readBackScript(b.r.stage, b.r.hasher), nil)
	if err != nil {
		return err
	}
	go func() { _, _ = io.Copy(io.Discard, p.stderr) }()
	context.AfterFunc(ctx, p.close)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.p = p
	return nil
}

func (b *readBack) close() {
	if b.p != nil {
		_ = b.p.stdin.Close()
		b.p.close()
	}
}

// advance has everything read up to an offset.
func (b *readBack) advance(ctx context.Context, to int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.p == nil || to <= b.at {
		return nil
	}
	parts := bulk.Between(b.r.hashed, b.at, to)
	b.at = to
	if len(parts) == 0 {
		return nil
	}
	if _, err := io.WriteString(b.p.stdin, inBlocks(parts)+"\n"); err != nil {
		return lost(ctx, err)
	}
	return nil
}

var sumForm = lazyregexp.New(`\b[0-9a-f]{64}\s*$`)

// sum has the rest read, and waits for the hash.
func (b *readBack) sum(ctx context.Context) (string, error) {
	if b.p == nil {
		if err := b.open(ctx); err != nil {
			return "", err
		}
	}
	if err := b.advance(ctx, b.r.size); err != nil {
		return "", err
	}
	_ = b.p.stdin.Close()
	said, err := io.ReadAll(io.LimitReader(b.p.stdout, smallFile))
	if err != nil {
		return "", lost(ctx, err)
	}
	// What is before it is a login shell's.
	found := sumForm.FindString(string(said))
	if found == "" {
		return "", lost(ctx, fmt.Errorf("the host hashes what arrived as %.200q", said))
	}
	return found[:64], nil
}

// lost says that the connection ended, unless we have ended.
func lost(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", errLost, err)
}
