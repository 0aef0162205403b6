// Package page shows a run as one HTML page that needs nothing but itself: no
// network, no other file.
package page

import (
	"context"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/journal"
)

// Run is a run as the page's script reads it. Times are milliseconds since the
// run began. Texts that hosts tend to share are numbers: their places in
// Strings, of which the first is empty.
type Run struct {
	ID      string               `json:"id"`
	Recipe  string               `json:"recipe"`
	State   string               `json:"state"`
	Check   bool                 `json:"check,omitempty"`
	Version string               `json:"version,omitempty"`
	Started time.Time            `json:"started"`
	Ended   int64                `json:"ended,omitempty"`
	Now     int64                `json:"now"` // when this was read
	Params  any                  `json:"params,omitempty"`
	Summary any                  `json:"summary,omitempty"`
	Error   *journal.ErrorReport `json:"error,omitempty"`
	Strings []string             `json:"strings"`
	Hosts   []Host               `json:"hosts"`
}

// Host is one host of a run.
type Host struct {
	Name    string               `json:"name"`
	Status  string               `json:"status"` // waiting, running, or how it ended
	Started int64                `json:"started,omitempty"`
	Ended   int64                `json:"ended,omitempty"`
	Changed int                  `json:"changed,omitempty"`
	Notes   []string             `json:"notes,omitempty"`
	Error   *journal.ErrorReport `json:"error,omitempty"`
	Result  any                  `json:"result,omitempty"`
	Steps   []Step               `json:"steps,omitempty"`
	Live    *Live                `json:"live,omitempty"`
}

// Step is one step of a host. The first one of a host, without a title, holds
// what was done outside of steps, if anything was.
type Step struct {
	Title   int                  `json:"title"`
	Depth   int                  `json:"depth,omitempty"` // steps around it
	Status  string               `json:"status"`
	Started int64                `json:"started"`
	Took    int64                `json:"took,omitempty"`
	Reason  int                  `json:"reason,omitempty"`
	Error   *journal.ErrorReport `json:"error,omitempty"`
	Builds  *Builds              `json:"builds,omitempty"`
	Effects []Effect             `json:"effects,omitempty"`
}

// Effect is one thing done in a step.
type Effect struct {
	Op      int    `json:"op"`
	Kind    string `json:"kind"`
	Risk    string `json:"risk,omitempty"`
	What    int    `json:"what"`
	At      int    `json:"at,omitempty"` // recipe.lua:12
	Status  string `json:"status"`
	Counts  bool   `json:"counts,omitempty"` // it changed the host, or in a check would
	Code    int    `json:"code,omitempty"`
	Took    int64  `json:"took,omitempty"`
	Out     int    `json:"out,omitempty"`
	Err     int    `json:"err,omitempty"`
	Diff    int    `json:"diff,omitempty"`
	Message int    `json:"message,omitempty"` // why it failed
}

// Live is what a host is at.
type Live struct {
	Since  int64   `json:"since"`
	What   string  `json:"what,omitempty"`
	Text   string  `json:"text,omitempty"` // how far it is
	Out    string  `json:"out,omitempty"`  // the last lines of its output
	Builds *Builds `json:"builds,omitempty"`
}

// waiting is the status of a host whose turn has not come.
const waiting = "waiting"

// Load reads a run.
func Load(ctx context.Context, store *journal.Store, id string) (*Run, error) {
	rec, err := store.Find(ctx, id)
	if err != nil {
		return nil, err
	}
	return load(ctx, store, rec, nil)
}

// LoadHosts reads a run of which only some hosts are wanted.
func LoadHosts(ctx context.Context, store *journal.Store, id string, names []string) (*Run, error) {
	rec, err := store.Find(ctx, id)
	if err != nil {
		return nil, err
	}
	wanted := make(map[string]bool, len(names))
	for _, name := range names {
		wanted[name] = true
	}
	return load(ctx, store, rec, wanted)
}

func load(ctx context.Context, store *journal.Store, rec *journal.Run, wanted map[string]bool) (*Run, error) {
	hosts, err := store.Hosts(ctx, rec.ID)
	if err != nil {
		return nil, err
	}
	l := loader{
		store: store, run: rec.ID, began: rec.Started, strings: newStrings(),
		over: rec.State != journal.Running,
	}
	if err := l.readNotes(ctx); err != nil {
		return nil, err
	}
	out := &Run{
		ID: rec.ID, Recipe: rec.Recipe, State: rec.State, Check: rec.Check, Version: rec.Version,
		Started: rec.Started, Ended: l.since(rec.Ended), Now: l.since(time.Now()),
		Summary: journal.ForJSON(rec.Summary), Error: rec.Error, Hosts: []Host{},
	}
	if len(rec.Params) > 0 {
		out.Params = journal.ForJSON(rec.Params)
	}
	for _, h := range hosts {
		if wanted != nil && !wanted[h.Name] {
			continue
		}
		host, err := l.host(ctx, h)
		if err != nil {
			return nil, err
		}
		out.Hosts = append(out.Hosts, host)
	}
	out.Strings = l.strings.list
	return out, nil
}

// status is how a host stands. In a run that is over none is running.
func (l *loader) status(h journal.Host) string {
	switch {
	case h.Status != "" && h.Status != journal.Running:
		return h.Status
	case l.over:
		return effect.StatusStopped
	case h.Status == "":
		return waiting
	default:
		return h.Status
	}
}
