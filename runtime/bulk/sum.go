package bulk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"sync"

	"bsdrun/runtime/effect"
)

// Sum is the hash of parts of a content, made in order while they are moved, so that
// what is read for both is read together.
type Sum struct {
	parts []effect.Extent
	open  func(context.Context, []effect.Extent) (io.ReadCloser, error)

	mu    sync.Mutex
	ready int64
	more  chan struct{} // something has become ready
	done  chan struct{}
	sum   string
	err   error
}

// NewSum begins to hash parts, which open reads.
func NewSum(ctx context.Context, parts []effect.Extent, open func(context.Context, []effect.Extent) (io.ReadCloser, error)) *Sum {
	s := &Sum{parts: parts, open: open, more: make(chan struct{}, 1), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.sum, s.err = s.run(ctx)
	}()
	return s
}

// Ready lets everything before an offset be hashed.
func (s *Sum) Ready(offset int64) {
	s.mu.Lock()
	s.ready = max(s.ready, offset)
	s.mu.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
}

// Wait lets everything be hashed, and waits for it.
func (s *Sum) Wait(ctx context.Context) (string, error) {
	if n := len(s.parts); n > 0 {
		s.Ready(s.parts[n-1].End())
	}
	select {
	case <-s.done:
		return s.sum, s.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (s *Sum) run(ctx context.Context) (string, error) {
	hash, buffer := sha256.New(), make([]byte, Block)
	for at, left := int64(0), Length(s.parts); left > 0; {
		s.mu.Lock()
		ready := s.ready
		s.mu.Unlock()
		if ready <= at {
			select {
			case <-s.more:
				continue
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}
		next := Between(s.parts, at, ready)
		at = ready
		if len(next) == 0 {
			continue
		}
		stream, err := s.open(ctx, next)
		if err != nil {
			return "", err
		}
		n, err := io.CopyBuffer(hash, stream, buffer)
		if err = errors.Join(err, stream.Close()); err != nil {
			return "", err
		}
		if n < Length(next) {
			return "", io.ErrUnexpectedEOF
		}
		left -= n
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
