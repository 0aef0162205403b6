//go:build race

package fleet

// With the race detector a run takes ten times as long.
const (
	thousand       = 200
	maxAllocations = 60_000
)
