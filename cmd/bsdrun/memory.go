package main

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
)

// freeMemory is up to where no garbage is collected: most runs end before, and a
// collection costs a short one as much as all its scripts.
const freeMemory = 64 << 20

// collectLater puts off the collection of garbage until there is some worth it. Who
// sets GOGC or GOMEMLIMIT decides instead.
func collectLater() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	percent := debug.SetGCPercent(-1)
	debug.SetMemoryLimit(freeMemory)
	// Collected by the first collection, which has reached the limit.
	first := new([16]byte)
	runtime.AddCleanup(first, func(percent int) {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(math.MaxInt64)
	}, percent)
}
