package engine

import (
	"fmt"
	"testing"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/inventory"
	"bsdrun/runtime/journal"
)

// BenchmarkRun is what a run costs beside its effects: a script that does
// nothing, on one host.
func BenchmarkRun(b *testing.B) { benchmark(b, 1, `return 1`) }

// BenchmarkThousandChanges is what the chain costs: divide by a thousand.
func BenchmarkThousandChanges(b *testing.B) {
	benchmark(b, 1, `for i = 1, 1000 do h.box.add("x") end`)
}

// BenchmarkThousandHosts is what a host costs a run.
func BenchmarkThousandHosts(b *testing.B) { benchmark(b, 1000, `h.box.add("x")`) }

func benchmark(b *testing.B, hosts int, source string) {
	store, err := journal.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	b.ReportAllocs()
	for b.Loop() {
		bs := boxes{}
		o := Options{Name: "-e", Source: []byte(source), AdHoc: true, Journal: store, Modules: []binding.Module{boxModule}, dial: bs.dial}
		for i := range hosts {
			name := fmt.Sprintf("host%04d", i)
			bs[name] = newBox()
			o.Hosts = append(o.Hosts, inventory.Host{Name: name, Kind: inventory.SSH})
		}
		report, err := Run(b.Context(), o)
		if err != nil || report.Exit(false) != 0 {
			b.Fatalf("%v, %+v", err, report)
		}
	}
}
