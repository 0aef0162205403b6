package zfs

import (
	"context"
	"strings"

	"bsdrun/runtime/effect"
)

// SendArgs say what goes to another host.
type SendArgs struct {
	Dataset      string      `lua:"dataset,required" doc:"dataset of this host, up to its last snapshot; or the snapshot"`
	Host         effect.Doer `lua:"host,required" doc:"the host that receives"`
	To           string      `lua:"to" doc:"dataset there; default: of the same name"`
	Recursive    bool        `lua:"recursive" doc:"with all datasets below"`
	Intermediate *bool       `lua:"intermediate" doc:"every snapshot since the last common one, not the newest alone" default:"true"`
	Properties   bool        `lua:"properties" doc:"with the datasets' properties (-p)"`
	Raw          bool        `lua:"raw" doc:"encrypted datasets as they are on the disk (-w); the other host needs no key"`
	Compressed   bool        `lua:"compressed" doc:"compressed blocks as they are on the disk (-c)"`
	LargeBlocks  bool        `lua:"large_blocks" doc:"blocks of more than 128 KiB as they are (-L)"`
	Mount        bool        `lua:"mount" doc:"mount there what is received"`
	Force        bool        `lua:"force" doc:"give up there what stands in the way: later snapshots, and what was written since the common one; irreversible"`
}

// Sent tells what another host received.
type Sent struct {
	Changed   bool           `lua:"changed"`
	Snapshots []SentSnapshot `lua:"snapshots" doc:"what was sent, in this order"`
	Lost      []string       `lua:"lost" doc:"snapshots of the other host that were destroyed"`
	Bytes     int64          `lua:"bytes,produced" doc:"how much went over" unit:"bytes"`
}

// SentSnapshot is one snapshot that went over.
type SentSnapshot struct {
	Snapshot string `lua:"snapshot" doc:"full name on this host"`
	Target   string `lua:"target" doc:"full name on the other host"`
	From     string `lua:"from,omitempty" doc:"the common snapshot or bookmark that it was sent as the difference from"`
	Resumed  bool   `lua:"resumed" doc:"its beginning was there from an attempt that had been cut"`
}

// SendTo brings a dataset's snapshots to another host, through the controller.
func SendTo(ctx context.Context, h effect.Doer, a SendArgs) (Sent, error) {
	const op = "zfs.send_to"
	done := Sent{Snapshots: []SentSnapshot{}, Lost: []string{}}
	if err := checkName(op, a.Dataset, "", "@"); err != nil {
		return done, err
	}
	dataset, _, last := split(a.Dataset)
	if a.To == "" {
		a.To = dataset
	}
	if err := checkName(op, a.To, ""); err != nil {
		return done, err
	}
	names, err := a.datasets(ctx, h, op, dataset)
	if err != nil {
		return done, err
	}
	fresh := map[string]bool{}
	for _, name := range names {
		s := sending{op: op, fresh: fresh, args: a, source: name, target: a.To + strings.TrimPrefix(name, dataset), last: last, needed: name == dataset, done: &done}
		if err := s.run(ctx, h); err != nil {
			failure := *effect.AsError(err)
			if n := len(done.Snapshots); n > 0 && failure.Reached == "" {
				failure.Reached = "the other host has " + done.Snapshots[n-1].Target
			}
			return done, &failure
		}
	}
	return done, nil
}

// datasets are the one to send, and those below it.
func (a SendArgs) datasets(ctx context.Context, h effect.Doer, op, name string) ([]string, error) {
	if !a.Recursive {
		return []string{name}, nil
	}
	rows, err := query{op: op, name: name, types: typesOf(name), recursive: true, properties: []string{"type"}}.list(ctx, h)
	var names []string
	for _, r := range rows {
		names = append(names, r["name"])
	}
	return names, err
}

// sending is the way of one dataset to another host.
type sending struct {
	op             string
	args           SendArgs
	source, target string
	last           string // snapshot to send up to; empty: the newest
	needed         bool   // that there is none is an error, not nothing to do
	done           *Sent
	// fresh are the targets that this call has made, or in check mode would
	// have; whether what is cut there can be resumed.
	fresh map[string]bool
}

// maxCuts is how often a transfer that can be resumed may be cut.
const maxCuts = 4

// run sends until the other host has the last snapshot. Where the host keeps what
// was received of a stream that was cut, it goes on from there.
func (s *sending) run(ctx context.Context, h effect.Doer) error {
	for cuts := 0; ; cuts++ {
		p, err := s.plan(ctx, h)
		if err != nil {
			return err
		}
		err = s.follow(ctx, h, p)
		if err == nil || !p.resumable || cuts == maxCuts || effect.KindOf(err) != effect.Unreachable {
			return err
		}
		effect.Report(ctx, s.op, "the connection was lost; going on with "+s.source, map[string]any{"dataset": s.source, "cuts": cuts + 1})
	}
}
