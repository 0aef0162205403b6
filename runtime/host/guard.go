package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
)

// Guarded is a change that may cut our own connection, with what takes it back.
// The host takes it back by itself unless a new connection has come about in time:
// whatever becomes of bsdrun and of the network between.
type Guarded struct {
	Op     string
	Note   string        // what is changed, for people
	Within time.Duration // from arming until the host takes the change back; 0: a minute
	// Files are put back as they are now, those that are not there are removed. A boot
	// in between does the same before the network is configured.
	Files []string
	// Undo is a command that the host runs after that, to take back what is in force:
	// it must work without a connection.
	Undo []string
	// Apply puts the change in force. What it writes into files that boot reads it
	// should leave to Keep.
	Apply func(ctx context.Context, h effect.Doer) error
	// Verify tells over the new connection whether the change does what it should; nil:
	// that there is one is enough.
	Verify func(ctx context.Context, h effect.Doer) error
	// Keep makes the change last, once a new connection has come about; nil: nothing.
	Keep func(ctx context.Context, h effect.Doer) error
}

const (
	guardHome     = "/var/db/bsdrun"
	defaultWithin = time.Minute
	// restoring is what taking back may last beyond the time.
	restoring = 90 * time.Second
)

// Guard carries out a guarded change: it saves the former state, arms a timer on the
// host, applies the change, opens a new connection by the same way, which becomes the
// host's connection, and only then disarms the timer and makes the change last. What
// fails is taken back at once where the host still hears us, else by the host itself;
// the error says which. The timer is a detached job, the boot's part a script of rc(8).
func Guard(ctx context.Context, h effect.Doer, g Guarded) error {
	w := &watch{h: h, g: g}
	if w.g.Within == 0 {
		w.g.Within = defaultWithin
	}
	sum := sha256.Sum256([]byte(strings.Join(slices.Concat([]string{g.Op, g.Note}, g.Undo, g.Files), "\x00")))
	w.name = hex.EncodeToString(sum[:6])
	skipped, err := w.arm(ctx)
	if err != nil {
		return err
	}
	if skipped { // check mode: nothing is in force that would have to be taken back
		return errors.Join(g.Apply(ctx, h), w.keep(ctx))
	}
	if err := g.Apply(ctx, h); err != nil {
		return w.takeBack(ctx, err)
	}
	if err := w.reconnect(ctx); err != nil {
		return w.takeBack(ctx, err)
	}
	if g.Verify != nil {
		if err := w.verify(ctx); err != nil {
			return w.takeBack(ctx, err)
		}
		// What Verify has waited for may have come into force after that connection.
		if err := w.reconnect(ctx); err != nil {
			return w.takeBack(ctx, err)
		}
	}
	if err := w.disarm(ctx); err != nil {
		return err
	}
	if err := w.keep(ctx); err != nil {
		return w.takeBack(ctx, err)
	}
	return nil
}

// watch is a guard at work.
type watch struct {
	h     effect.Doer
	g     Guarded
	name  string
	timer *Job
	until time.Time
}

func (w *watch) folder() string { return guardHome + "/guard-" + w.name }
func (w *watch) marker() string { return "/etc/rc.d/bsdrun_guard_" + w.name }

func (w *watch) keep(ctx context.Context) error {
	if w.g.Keep == nil {
		return nil
	}
	return w.g.Keep(ctx, w.h)
}

// verify waits no longer than the host does.
func (w *watch) verify(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, w.until.Sub(clock.Now(ctx)))
	defer cancel()
	return w.g.Verify(ctx, w.h)
}

// prepare saves the files and writes what takes the change back. Who makes the
// folder "decided" decides: the timer, a boot, or we.
const prepare = `set -e; umask 077
d=$1; marker=$2; words=$3; shift 3
[ ! -d "$d" ] || [ -d "$d/decided" ] || { echo "a guard of the same change is armed" >&2; exit 75; }
rm -rf "$d"; mkdir -p "$d"
quoted() { printf %s "$1" | sed "s/'/'\\\\''/g"; }
while [ "$words" -gt 0 ]; do
	printf "'%s' " "$(quoted "$1")" >>"$d/undo"
	words=$((words-1)); shift
done
n=0; : >"$d/files.sh"
for f do
	n=$((n+1)); q=$(quoted "$f")
	if [ -e "$f" ]; then
		cp -p "$f" "$d/file$n"
		echo "cp -p '$d/file$n' '$q.bsdrun_back' && mv -f '$q.bsdrun_back' '$q'" >>"$d/files.sh"
	else
		echo "rm -f '$q'" >>"$d/files.sh"
	fi
done
cat >"$d/back" <<END
mkdir '$d/decided' 2>/dev/null || [ "\$1" = "at once" ] || exit 0
sh '$d/files.sh'
[ "\$1" = boot ] || sh '$d/undo' >'$d/log' 2>&1 </dev/null
echo "\$1" >'$d/outcome'
rm -f '$marker'
END
[ -d "${marker%/*}" ] || exit 0
cat >"$marker.new" <<END
#!/bin/sh
# PROVIDE: $(basename "$marker")
# REQUIRE: FILESYSTEMS
# BEFORE: netif
# Takes back a change that was not confirmed before this boot.
sh '$d/back' boot
END
chmod 755 "$marker.new"; sync; mv -f "$marker.new" "$marker"; sync
`

// arm starts the timer and saves what it puts back, in this order: a guard that is
// prepared never lacks its timer, and one that finds nothing prepared does nothing.
// skipped is for check mode.
func (w *watch) arm(ctx context.Context) (skipped bool, err error) {
	w.until = clock.Now(ctx).Add(w.g.Within)
	w.timer, err = StartJob(ctx, w.h, effect.Effect{
		Op: w.g.Op, Writes: []effect.Resource{effect.File(w.folder())},
		Title: fmt.Sprintf("guard %s: the host takes it back after %s unless a new connection comes about", w.g.Note, w.g.Within),
		Argv:  []string{"sh", "-c", `sleep "$1"; [ ! -f "$2/back" ] || sh "$2/back" timer`, "sh", fmt.Sprint(int(w.g.Within.Seconds())), w.folder()},
	}, "guard-"+w.name)
	if err != nil || w.timer.Skipped() {
		return true, err
	}
	_, err = w.h.Do(ctx, effect.Effect{
		Op: w.g.Op, Kind: effect.Change, Writes: []effect.Resource{effect.File(w.folder()), effect.File(w.marker())}, Title: "save the former state",
		Argv: slices.Concat([]string{"sh", "-c", prepare, "sh", w.folder(), w.marker(), fmt.Sprint(len(w.g.Undo))}, w.g.Undo, w.g.Files),
	})
	return false, err
}

// reconnect makes a new connection the host's, while there is time.
func (w *watch) reconnect(ctx context.Context) error {
	for wait := time.Second; ; wait = min(2*wait, 10*time.Second) {
		left := w.until.Sub(clock.Now(ctx)) - 2*time.Second
		if left <= 0 {
			return effect.Errorf(effect.Unreachable, w.g.Op, "no new connection came about within %s", w.g.Within)
		}
		try, cancel := context.WithTimeout(ctx, min(left, 15*time.Second))
		_, err := w.h.Do(try, effect.Effect{Op: w.g.Op, Reads: effect.Nothing, Conn: &effect.ConnOp{Verb: effect.ConnProbe}})
		if err == nil {
			_, err = w.h.Do(try, effect.Effect{Op: w.g.Op, Reads: effect.Nothing, Conn: &effect.ConnOp{Verb: effect.ConnReconnect}})
		}
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if sleepErr := clock.Sleep(ctx, min(wait, max(left, 0))); sleepErr != nil {
			return sleepErr
		}
	}
}

// disarm lets the change stand, if the host has not taken it back already.
func (w *watch) disarm(ctx context.Context) error {
	r, err := w.h.Do(ctx, effect.Effect{
		Op: w.g.Op, Kind: effect.Change, Writes: effect.Nothing, Want: []int{0, 1}, Title: "disarm the guard",
		Argv: []string{"sh", "-c", `mkdir "$1/decided" 2>/dev/null || { cat "$1/outcome"; exit 1; }; rm -f "$2"; echo kept >"$1/outcome"`, "sh", w.folder(), w.marker()},
	})
	if err != nil {
		return err
	}
	if r.Code != 0 {
		return w.takenBack(ctx, nil)
	}
	_, err = w.timer.Stop(ctx, time.Second)
	return err
}

// takeBack takes the change back at once where the host still hears us, and waits
// until it has done so itself where not. why is what went wrong.
func (w *watch) takeBack(ctx context.Context, why error) error {
	if ctx.Err() != nil || effect.KindOf(why) == effect.Cancelled {
		return why // we are to end: the host does it
	}
	now, cancel := context.WithTimeout(ctx, 15*time.Second)
	_, err := w.h.Do(now, effect.Effect{
		Op: w.g.Op, Kind: effect.Change, Writes: effect.Nothing, Title: "take the change back",
		Argv: []string{"sh", w.folder() + "/back", "at once"},
	})
	cancel()
	if err == nil {
		_, err = w.timer.Stop(ctx, time.Second)
	}
	if err != nil {
		if err := clock.Sleep(ctx, max(0, w.until.Sub(clock.Now(ctx)))); err != nil {
			return err
		}
	}
	err = w.takenBack(ctx, why)
	if effect.KindOf(why) == effect.Stopped && effect.KindOf(err) == effect.Failed {
		return why
	}
	return err
}

// takenBack waits until the host answers and says how the change was taken back.
func (w *watch) takenBack(ctx context.Context, why error) error {
	var outcome string
	err := WaitUntil(ctx, func(ctx context.Context) (bool, error) {
		r, err := w.h.Do(ctx, effect.Effect{
			Op: w.g.Op, Reads: effect.Nothing, Want: []int{0, 1}, Argv: []string{"cat", w.folder() + "/outcome"},
		})
		if err != nil {
			if effect.KindOf(err) == effect.Unreachable {
				return false, nil
			}
			return false, err
		}
		line, err := r.Line()
		outcome = line
		return r.Code == 0, err
	}, restoring)
	if err != nil {
		return &effect.Error{
			Op: w.g.Op, Kind: effect.Unreachable, Cause: err,
			Message: fmt.Sprintf("%s: the host does not answer, although it should have taken the change back within %s", w.g.Note, w.g.Within),
			Hint:    "look at its console: sh " + w.folder() + "/back does it by hand",
		}
	}
	e := &effect.Error{
		Op: w.g.Op, Kind: effect.Failed, Cause: why,
		Message: w.g.Note + ": " + map[string]string{
			"timer": fmt.Sprintf("no new connection came about within %s, and the host took the change back by itself", w.g.Within),
			"boot":  "the host rebooted before the change was confirmed, and took it back by itself",
		}[outcome],
		Hint: "the former state is in force again; see what in the change keeps new connections out",
	}
	if outcome == "at once" {
		e.Message = w.g.Note + ": the change was taken back: " + reason(why)
		if failed := effect.AsError(why); failed.Kind != effect.Unreachable {
			e.Hint = "the former state is in force again"
			e.Command, e.Code, e.Err, e.Out = failed.Command, failed.Code, failed.Err, failed.Out
		}
	}
	return e
}

func reason(err error) string {
	if err == nil {
		return "it was not confirmed in time"
	}
	return effect.AsError(err).Summary()
}
