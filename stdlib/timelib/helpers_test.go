package timelib

import (
	"time"

	"bsdrun/runtime/binding"
)

func zoneTable(zone string) *binding.Table {
	return &binding.Table{Named: map[string]any{"zone": zone}}
}

func mustTime(text string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return at.UTC()
}
