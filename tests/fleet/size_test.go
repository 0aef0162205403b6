//go:build !race

package fleet

// thousand is the size of a large run.
const thousand = 1000

// maxAllocations is for a host with both its sides; a third above what was measured.
const maxAllocations = 35_000
