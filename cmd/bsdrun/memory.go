package main

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// freeMemory is up to where no garbage is collected: most runs end before, and a
	// collection costs a short one as much as all its scripts.
	freeMemory = 64 << 20
	// leastHeap is what the heap grows to before any later collection: what moves
	// much and holds little, as a transfer does, would be collected all the time.
	leastHeap = freeMemory / 2
	// largeHeap is from where on the heap grows by largePercent between collections:
	// what thousands of hosts hold that wait for each other must not count twice.
	largeHeap    = 128 << 20
	largePercent = 20
)

// collectLater puts off the collection of garbage until there is some worth it. Who
// sets GOGC or GOMEMLIMIT decides instead.
func collectLater() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	percent := debug.SetGCPercent(-1)
	debug.SetMemoryLimit(freeMemory) // the first collection has reached it
	afterCollections(func() {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		debug.SetGCPercent(growth(live[0].Value.Uint64(), percent))
		debug.SetMemoryLimit(math.MaxInt64)
	})
}

// growth is the value of GOGC after a collection that has left so much; usual is
// what it is by default.
func growth(live uint64, usual int) int {
	if live > largeHeap {
		return min(usual, largePercent)
	}
	return max(usual, percentUpTo(leastHeap, live))
}

// percentUpTo is the value of GOGC with which a heap grows up to a size.
func percentUpTo(size, live uint64) int {
	if live == 0 || live >= size {
		return 0
	}
	return int((size - live) * 100 / live) //nolint:gosec // less than 100 times the size
}

// afterCollections calls f after every collection.
func afterCollections(f func()) {
	runtime.AddCleanup(new([16]byte), func(f func()) {
		f()
		afterCollections(f)
	}, f)
}
