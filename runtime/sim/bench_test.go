package sim_test

import (
	"context"
	"runtime"
	"testing"

	"bsdrun/runtime/sim"
)

// A machine costs little: ten thousand of them fit one controller.
func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	n := sim.NewNetwork()
	machines := make([]*sim.Machine, 0, b.N)
	var before, after runtime.MemStats
	if _, err := sim.New(sim.Options{Profile: "builder"}); err != nil { // the shared image
		b.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&before)
	b.ResetTimer()
	for range b.N {
		m, err := sim.New(sim.Options{Profile: "builder", Network: n})
		if err != nil {
			b.Fatal(err)
		}
		machines = append(machines, m)
	}
	b.StopTimer()
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(b.N), "heap-B/machine")
	runtime.KeepAlive(machines)
}

func BenchmarkExec(b *testing.B) {
	m, err := sim.New(sim.Options{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		m.Exec(context.Background(), "root", "x=$(echo a | { read y; echo $y; }); [ \"$x\" = a ] && echo ok")
	}
}
