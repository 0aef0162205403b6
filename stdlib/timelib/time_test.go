package timelib

import (
	"context"
	"testing"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
)

type stopped struct{ at time.Time }

func (s stopped) Now() time.Time                             { return s.at }
func (s stopped) Sleep(context.Context, time.Duration) error { return nil }

func call(t *testing.T, ctx context.Context, name string, args ...any) (any, error) {
	t.Helper()
	for i := range Module.Funcs {
		if f := &Module.Funcs[i]; f.Name == name {
			return f.Invoke(ctx, "time."+name, nil, args)
		}
	}
	t.Fatalf("there is no time.%s", name)
	return nil, nil
}

func TestModule(t *testing.T) {
	if err := Module.Validate(); err != nil {
		t.Error(err)
	}
}

func TestNowIsTheHostsClock(t *testing.T) {
	at := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	got, err := call(t, clock.With(t.Context(), stopped{at}), "now")
	if err != nil || !got.(time.Time).Equal(at) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestFunctions(t *testing.T) {
	const moment = "2025-01-31T12:00:00Z"
	options := func(zone string) any { return zoneTable(zone) }
	tests := []struct {
		name string
		args []any
		want any
	}{
		{"format", []any{moment, "%Y%m%d-%H%M"}, "20250131-1200"},
		{"format", []any{moment}, "2025-01-31 12:00:00"},
		{"format", []any{moment, "%H:%M %Z", options("Europe/Rome")}, "13:00 CET"},
		{"parse", []any{"31 Jan 2025 12:00", "%d %b %Y %H:%M"}, mustTime(moment)},
		{"parse", []any{"2025-01-31 13:00", "%Y-%m-%d %H:%M", options("Europe/Rome")}, mustTime(moment)},
		{"add", []any{moment, 86400.0}, mustTime("2025-02-01T12:00:00Z")},
		{"add", []any{moment, -0.5}, mustTime("2025-01-31T11:59:59.5Z")},
		{"between", []any{moment, "2025-01-31T11:59:00Z"}, -60.0},
		{"unix", []any{moment}, int64(1738324800)},
		{"from_unix", []any{1738324800.0}, mustTime(moment)},
		{"duration", []any{3723.0}, "1h02m03s"},
		{"duration", []any{363960.0}, "4d05h06m"},
		{"duration", []any{59.6}, "1m00s"},
		{"duration", []any{1.25}, "1.2s"},
		{"seconds", []any{"1h30m"}, 5400.0},
		{"seconds", []any{"2d 1h"}, 176400.0},
		{"seconds", []any{"1.5s"}, 1.5},
	}
	for _, test := range tests {
		got, err := call(t, t.Context(), test.name, test.args...)
		if err != nil {
			t.Errorf("%s%v: %v", test.name, test.args, err)
			continue
		}
		if at, ok := got.(time.Time); ok {
			got = at.UTC()
		}
		if got != test.want {
			t.Errorf("%s%v: got %v, want %v", test.name, test.args, got, test.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		name string
		args []any
	}{
		{"parse", []any{"31.01.2025", "%Y-%m-%d"}},
		{"format", []any{"2025-01-31T12:00:00Z", "%Y", zoneTable("Nowhere/Land")}},
		{"format", []any{"yesterday"}},
		{"seconds", []any{"soon"}},
		{"seconds", []any{"1d x"}},
		{"duration", []any{-1.0}},
	} {
		if got, err := call(t, t.Context(), test.name, test.args...); effect.KindOf(err) != effect.Invalid {
			t.Errorf("%s%v: got %v, %v", test.name, test.args, got, err)
		}
	}
}
