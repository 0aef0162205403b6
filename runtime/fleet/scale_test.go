package fleet

import (
	"context"
	"fmt"
	"runtime"
	"testing"
)

// meetAll has so many hosts meet and look at who came, and returns what a host of
// them has allocated.
func meetAll(t *testing.T, hosts int) (bytes uint64) {
	t.Helper()
	roster := Roster{Tell: func(string) {}}
	for i := range hosts {
		roster.Hosts = append(roster.Hosts, fmt.Sprintf("host%05d", i))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	(Plan{}).Run(t.Context(), roster, func(ctx context.Context, m *Member) Outcome {
		met, err := m.Barrier(ctx, "all", MeetOptions{All: true})
		if err != nil || len(met.Hosts) != hosts || len(m.Hosts()) != hosts {
			t.Errorf("%s met %d of %d: %v", m.Host, len(met.Hosts), hosts, err)
		}
		return OK
	})
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) / uint64(hosts)
}

// A meeting of more hosts costs each of them no more.
func TestManyMeetAsFewDo(t *testing.T) {
	few, many := meetAll(t, 250), meetAll(t, 4000)
	if many > 2*few+4096 {
		t.Errorf("%d bytes a host where 250 meet, %d where 4000 do", few, many)
	}
}

// Thousands that can never go on are told so at once, and not one by one.
func TestManyThatWaitForEachOtherFail(t *testing.T) {
	roster := Roster{Tell: func(string) {}}
	for i := range 4000 {
		roster.Hosts = append(roster.Hosts, fmt.Sprintf("host%05d", i))
	}
	ended := (Plan{}).Run(t.Context(), roster, func(ctx context.Context, m *Member) Outcome {
		if _, err := m.Barrier(ctx, fmt.Sprintf("of my own, %d", m.Index%2), MeetOptions{}); err != nil {
			return Failed
		}
		return OK
	})
	for i, outcome := range ended.Outcomes {
		if outcome != Failed {
			t.Fatalf("%s is %s", roster.Hosts[i], outcome)
		}
	}
}
