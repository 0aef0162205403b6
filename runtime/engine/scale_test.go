package engine

import (
	"fmt"
	"runtime"
	"testing"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/inventory"
	"bsdrun/runtime/journal"
)

// costOfHost is what a host of a run allocates beside its connection: its script, the
// chain, the journal and the report.
func costOfHost(t *testing.T, hosts int) (allocations, bytes uint64) {
	t.Helper()
	store, err := journal.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	bs := boxes{}
	o := Options{
		Name: "-e", Source: []byte(`step("Add", function() h.box.add("x") end) fleet.barrier("added") return h.box.all()`), AdHoc: true,
		Journal: store, Modules: []binding.Module{boxModule}, dial: bs.dial,
	}
	for i := range hosts {
		name := fmt.Sprintf("host%04d", i)
		bs[name] = newBox()
		o.Hosts = append(o.Hosts, inventory.Host{Name: name, Kind: inventory.SSH})
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	report, err := Run(t.Context(), o)
	runtime.ReadMemStats(&after)
	if err != nil || report.Exit(false) != 0 {
		t.Fatalf("%v, or some hosts failed", err)
	}
	return (after.Mallocs - before.Mallocs) / uint64(hosts), (after.TotalAlloc - before.TotalAlloc) / uint64(hosts)
}

// A host costs a run of many no more than one of few, and never much.
func TestAHostCostsLittleAmongMany(t *testing.T) {
	_, _ = costOfHost(t, 10) // what is made once is made
	few, fewBytes := costOfHost(t, 200)
	many, manyBytes := costOfHost(t, 1600)
	t.Logf("of 200: %d allocations, %d bytes; of 1600: %d, %d", few, fewBytes, many, manyBytes)
	if many > few*6/5 || manyBytes > fewBytes*3/2 {
		t.Errorf("a host of 200: %d allocations, %d bytes; of 1600: %d, %d", few, fewBytes, many, manyBytes)
	}
	if most := uint64(2000); many > most {
		t.Errorf("%d allocations a host, more than %d", many, most)
	}
}
