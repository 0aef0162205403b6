package zpool

import (
	"context"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
)

// ScrubArgs are the arguments of Scrub.
type ScrubArgs struct {
	Pool   string        `lua:"pool,required" doc:"name of the pool"`
	MaxAge time.Duration `lua:"max_age" doc:"a scrub that finished without errors no longer ago is good enough; 0: none is"`
	Wait   bool          `lua:"wait" doc:"wait until the scrub has ended"`
	Stop   bool          `lua:"stop" doc:"cancel a scrub instead"`
	Pause  bool          `lua:"pause" doc:"pause a scrub instead; scrub goes on with it"`
	Within time.Duration `lua:"within" doc:"with wait: fail when it takes longer; 0: wait as long as it takes"`
}

// Scrubbed is what a scrub came to.
type Scrubbed struct {
	Changed bool `lua:"changed" doc:"a scrub was, or in check mode would be, started, paused or canceled"`
	Scan    Scan `lua:"scan,produced" doc:"the scrub; with wait the ended one"`
}

// Scrub lets a pool read and check all of its data.
func Scrub(ctx context.Context, h effect.Doer, a ScrubArgs) (Scrubbed, error) {
	const op = "zpool.scrub"
	if a.Stop && a.Pause || (a.Stop || a.Pause) && (a.Wait || a.MaxAge > 0) {
		return Scrubbed{}, effect.Errorf(effect.Invalid, op, "stop and pause exclude each other, wait and max_age")
	}
	now, err := status(ctx, h, op, a.Pool)
	if err != nil {
		return Scrubbed{}, err
	}
	done := Scrubbed{Scan: now.Scan}
	argv, what := a.todo(ctx, now.Scan)
	if argv != nil {
		res, err := change(ctx, h, effect.Effect{
			Op: op, Argv: append(argv, a.Pool), Writes: onPool(a.Pool), Diff: diff(a.Pool, "%s", what),
		})
		if err != nil {
			return done, err
		}
		done.Changed = true
		if res.Skipped {
			return done, nil
		}
	}
	switch {
	case a.Wait:
		now, err = wait(ctx, h, op, WaitArgs{Pool: a.Pool, Activities: []string{"scrub"}, Within: a.Within})
	case argv != nil:
		now, err = status(ctx, h, op, a.Pool)
	}
	done.Scan = now.Scan
	return done, err
}

// todo is what must be done about the scan that there is; nil: nothing.
func (a ScrubArgs) todo(ctx context.Context, scan Scan) (argv []string, what string) {
	scrubbing := scan.Function == "scrub" && scan.Busy()
	switch {
	case a.Stop:
		if !scrubbing {
			return nil, ""
		}
		return []string{"zpool", "scrub", "-s"}, "cancel the scrub"
	case a.Pause:
		if !scrubbing || scan.State == "paused" {
			return nil, ""
		}
		return []string{"zpool", "scrub", "-p"}, "pause the scrub"
	case scrubbing && scan.State == "running", a.MaxAge > 0 && recent(ctx, scan, a.MaxAge):
		return nil, ""
	case scrubbing:
		return []string{"zpool", "scrub"}, "go on with the scrub"
	}
	return []string{"zpool", "scrub"}, "start a scrub"
}

func recent(ctx context.Context, scan Scan, age time.Duration) bool {
	return scan.Function == "scrub" && scan.State == "finished" && scan.Errors == 0 && !scan.Ended.IsZero() && clock.Now(ctx).Sub(scan.Ended) <= age
}

// TrimArgs are the arguments of Trim.
type TrimArgs struct {
	Pool    string   `lua:"pool,required" doc:"name of the pool"`
	Devices []string `lua:"devices,pos" doc:"only these devices; default: all"`
	Rate    int64    `lua:"rate" doc:"at most so much a second; 0: as fast as it goes" unit:"bytes"`
	Secure  bool     `lua:"secure" doc:"let the devices erase what is freed"`
	Stop    bool     `lua:"stop" doc:"cancel instead"`
	Suspend bool     `lua:"suspend" doc:"suspend instead; trim goes on with it"`
}

// Trim tells the devices of a pool which of their space is free. One that is
// under way is left alone.
func Trim(ctx context.Context, h effect.Doer, a TrimArgs) (Changed, error) {
	const op = "zpool.trim"
	if err := checkPool(op, a.Pool); err != nil {
		return Changed{}, err
	}
	if err := checkWords(op, "device", a.Devices...); err != nil {
		return Changed{}, err
	}
	if a.Stop && a.Suspend || (a.Stop || a.Suspend) && (a.Rate > 0 || a.Secure) {
		return Changed{}, effect.Errorf(effect.Invalid, op, "stop and suspend exclude each other, rate and secure")
	}
	argv := []string{"zpool", "trim"}
	switch {
	case a.Stop:
		argv = append(argv, "-c")
	case a.Suspend:
		argv = append(argv, "-s")
	}
	if a.Secure {
		argv = append(argv, "-d")
	}
	if a.Rate > 0 {
		argv = append(argv, "-r", strconv.FormatInt(a.Rate, 10))
	}
	_, err := change(ctx, h, effect.Effect{
		Op: op, Argv: append(append(argv, a.Pool), a.Devices...), Writes: onPool(a.Pool),
		Diff: diff(a.Pool, "%s", strings.Join(argv[1:], " ")),
	})
	if said(err, "currently trimming") || (a.Stop || a.Suspend) && said(err, "no active trim") {
		return Changed{}, nil
	}
	return Changed{err == nil}, err
}

// CheckpointArgs are the arguments of MakeCheckpoint.
type CheckpointArgs struct {
	Pool    string `lua:"pool,required" doc:"name of the pool"`
	Discard bool   `lua:"discard" doc:"remove the checkpoint instead"`
}

// MakeCheckpoint keeps the present state of a pool, so that import can rewind
// to it. There is one at most: the one there is stays.
func MakeCheckpoint(ctx context.Context, h effect.Doer, a CheckpointArgs) (Changed, error) {
	const op = "zpool.checkpoint"
	now, err := status(ctx, h, op, a.Pool)
	if err != nil || now.Checkpoint.Exists == !a.Discard || now.Checkpoint.Discarding && a.Discard {
		return Changed{}, err
	}
	argv, what := []string{"zpool", "checkpoint"}, "make a checkpoint"
	if a.Discard {
		argv, what = append(argv, "-d"), "discard the checkpoint"
	}
	_, err = change(ctx, h, effect.Effect{Op: op, Argv: append(argv, a.Pool), Writes: onPool(a.Pool), Diff: diff(a.Pool, "%s", what)})
	return Changed{err == nil}, err
}
