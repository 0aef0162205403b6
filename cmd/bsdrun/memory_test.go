package main

import (
	"runtime"
	"testing"
	"time"
)

func TestPercentUpTo(t *testing.T) {
	for live, want := range map[uint64]int{0: 0, 1 << 20: 3100, 16 << 20: 100, 24 << 20: 33, 32 << 20: 0, 1 << 30: 0} {
		if got := percentUpTo(32<<20, live); got != want {
			t.Errorf("%d MB live: %d, want %d", live>>20, got, want)
		}
	}
}

// TestAfterCollections: not only the first collection is noticed.
func TestAfterCollections(t *testing.T) {
	noticed := make(chan struct{}, 1)
	afterCollections(func() {
		select {
		case noticed <- struct{}{}:
		default: // the test is over
		}
	})
	for range 3 {
		runtime.GC()
		select {
		case <-noticed:
		case <-time.After(time.Minute):
			t.Fatal("a collection went unnoticed")
		}
	}
}

// A large heap grows by less than a small one, and by no more than who set GOGC allows.
func TestGrowth(t *testing.T) {
	for _, c := range []struct {
		live        uint64
		usual, want int
	}{{16 << 20, 100, 100}, {1 << 20, 100, 3100}, {128 << 20, 100, 100}, {256 << 20, 100, largePercent}, {256 << 20, 10, 10}} {
		if got := growth(c.live, c.usual); got != c.want {
			t.Errorf("%d MB live: %d, want %d", c.live>>20, got, c.want)
		}
	}
}
