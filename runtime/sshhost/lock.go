package sshhost

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
)

// The lock: the folder lock in the state directory. Whoever makes it has the
// host. Its file owner names the run, the boot under which the run last took it,
// the controller and the time, a line each.
//
// A run takes its own lock again whatever it says, in particular after every
// reboot. A lock of another run keeps out for as long as the host runs the boot
// that it names. Under a later boot nothing of that run is on the host any more,
// and more likely than not the lock is but a copy: the state directory lies in
// the boot environment, so that every environment made during a run has one, and
// a host that comes back in an old one shows it again. Still the run may be about
// to come back from a reboot that it has ordered itself. It does so as soon as
// the host answers; after that time (Config.Return) the lock is stale, and
// another run takes it over. A run that had the host until the reboot need not
// wait: nobody else can have been about to come back.
//
// A run that is known to be over, but was cut off before it could let go, loses the
// lock at once, and so does one that somebody gives up (Config.TakeOver), but never
// while a change of it is under way on the host.
//
// A takeover moves the ledger of the former run to runs/RUN.taken. That run, if
// it comes after all, can note nothing and so change nothing, finds the folder
// and stops. Resumed by a person, it moves the ledger back and goes on, as soon
// as the lock is free.

// Further words for how a run stands to the lock.
const (
	returning = "returning" // another run's, of an earlier boot: it may come back
	stale     = "stale"     // the same, but it had the time to
	taken     = "taken"     // another run has taken over our lock
)

// returnTime is how long after a boot a run has to take its lock again.
const returnTime = 5 * time.Minute

// olderFiles explains a ledger that has lost entries.
const olderFiles = "the files of the host are those of an earlier time (another boot environment, a rollback, a crash)"

// lockFunctions are shell functions: _own writes the owner, _owner reads who it is
// into _o and its boot into _x, _earlier tells whether that boot is known and not
// the present one, _up sets _n to the seconds since the boot.
func (h *Host) lockFunctions(ctx context.Context) string {
	return `_own() ` + h.ownScript(ctx) + `
_owner() ` + ownerScript + `
_earlier() { case "$_x" in ''|-|"$_b") return 1;; esac
case "$_b$_x" in -*) return 1;; @*@*) _n=$((${_b#@}-${_x#@})); [ $_n -gt ` + strconv.Itoa(bootTolerance) + ` ] || [ $_n -lt -` + strconv.Itoa(bootTolerance) + ` ];; esac; }
_up() { _n=; if [ $_k = linux ]; then { read -r _n _w </proc/uptime; } 2>/dev/null; _n=${_n%%.*}; [ -n "$_n" ]
else _n=$(sysctl -n kern.boottime 2>/dev/null); _n=${_n#*sec = }; _n=${_n%%,*}; [ -n "$_n" ] && _n=$(($(date +%s)-$_n)); fi; }
`
}

// ownScript writes the owner of the lock, ownerScript reads who it is.
func (h *Host) ownScript(ctx context.Context) string {
	owner := fmt.Sprintf("controller %s\nsince %s\n", h.cfg.Controller, clock.Now(ctx).UTC().Format(time.RFC3339))
	return `{ { { echo ` + quoteRaw(h.cfg.Run) + `; echo "boot $_b"; ` + printfTo([]byte(owner)) + `} >"$_D/lock/owner.new" && mv -f "$_D/lock/owner.new" "$_D/lock/owner"; } 2>/dev/null; }`
}

const ownerScript = `{ _o=; _x=; { read -r _o; read -r _w _x; } <"$_D/lock/owner"; } 2>/dev/null`

// settleIn is prepare for the host that nobody has, or we: it sets _P to ok or
// noledger, or to other where prepare must find out. It goes with the first change of
// every host, so it is short.
func (h *Host) settleIn(ctx context.Context) string {
	run := quoteRaw(h.cfg.Run)
	return h.stateScript() + `_P=noledger; _T=$(ps -o lstart= -p $$ 2>/dev/null)
if [ -n "$_D" ]; then
_L="$_D/runs/"` + run + `
if [ -d "$_L.taken" ]; then _P=other
elif mkdir "$_D/lock" 2>/dev/null; then ` + h.ownScript(ctx) + ` && _P=ok
else ` + ownerScript + `
if [ "$_o" = ` + run + ` ] && [ "$_x" = "$_b" ]; then _P=ok; else _P=other; fi
fi
[ $_P != ok ] || { mkdir -p "$_L" && true >>"$_L/ledger"; } 2>/dev/null || _P=noledger
fi
`
}

// busyFunction tells whether a change of the owner is under way.
const busyFunction = livesFunction + `_busy() { awk '$2 == "s" { s[$1] = $0 } $2 == "c" { delete s[$1] } END { for (i in s) print s[i] }' "$_D/runs/$_o/ledger" 2>/dev/null | ( while read -r _i _w _s; do _lives && exit; done; exit 1 ); }
`

// claim is what a run may take of a lock that is another's.
type claim struct {
	stale  bool   // what is stale or was taken from it
	former string // what this run has; empty: of none
	over   bool   // that is over: nobody will go on with it
}

// prepare is the statement with which a run settles down in a shell: it sets _P
// to ok, noledger, locked, returning, stale or taken. With a claim it takes that,
// and _P tells what came of it.
func (h *Host) prepare(ctx context.Context, c claim) string {
	run, wait := quoteRaw(h.cfg.Run), strconv.Itoa(int(h.returnTime()/time.Second))
	script := h.stateScript() + h.lockFunctions(ctx) + `_P=noledger; _T=$(ps -o lstart= -p $$ 2>/dev/null)
if [ -n "$_D" ]; then
_L="$_D/runs/"` + run + `
`
	if c != (claim{}) {
		due, leave := `_earlier && _up && [ $_n -ge `+wait+` ]`, `if [ -d "$_D/runs/$_o" ]; then rm -rf "$_D/runs/$_o.taken"; mv -f "$_D/runs/$_o" "$_D/runs/$_o.taken"; fi`
		if c.former != "" {
			due = `[ "$_o" = ` + quoteRaw(c.former) + ` ] && ! _busy`
		}
		if c.over {
			leave = `rm -rf "$_D/runs/$_o"`
		}
		// One of several that find it stale is to take it; what they found
		// may not be so any more.
		script += `_owner
if [ -n "$_o" ] && [ "$_o" != ` + run + ` ] && mkdir "$_D/lock/taking" 2>/dev/null; then
_owner; if ` + due + `; then
` + leave + `
_own; [ -d "$_D/runs/$_o.taken" ] && cat "$_D/lock/owner" >"$_D/runs/$_o.taken/by"
fi; rmdir "$_D/lock/taking" 2>/dev/null
fi
`
	}
	script += `if ` + yes(!c.stale) + ` && [ -d "$_L.taken" ]; then _P=taken
elif mkdir "$_D/lock" 2>/dev/null; then _own && _P=ok
else _owner
if [ "$_o" = ` + run + ` ]; then _P=ok; [ "$_x" = "$_b" ] || _own
elif _earlier && _up; then if [ $_n -lt ` + wait + ` ]; then _P=returning; else _P=stale; fi
elif [ -d "$_D/lock" ]; then _P=locked; fi
fi
`
	if c.stale {
		script += `if [ $_P = ok ] && [ -d "$_L.taken" ]; then rm -rf "$_L"; mv -f "$_L.taken" "$_L"; fi
`
	}
	return script + `if [ $_P = ok ]; then mkdir -p "$_L" 2>/dev/null && { true >>"$_L/ledger"; } 2>/dev/null || _P=noledger; fi
fi
`
}

func yes(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

// returnTime is how long another run is waited for.
func (h *Host) returnTime() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.touched:
		return 0
	case h.cfg.Return > 0:
		return h.cfg.Return
	}
	return returnTime
}

// tellOwner tells, of a lock that is another's, the state directory, the owner,
// and when it last noted something; of one that may be claimed, whose it was or
// by whom it was taken; of one that is ours, whether the ledger lacks latest.
func tellOwner(latest string) string {
	return `case $_P in
ok) _p=` + latest + `; while read -r _i _w; do [ "$_i" != "$_p" ] || _p=; done 2>/dev/null <"$_L/ledger"; [ -z "$_p" ] || echo past;;
taken) echo "$_D"; cat "$_L.taken/by" 2>/dev/null;;
locked|returning|stale) echo "$_D"; cat "$_D/lock/owner" 2>/dev/null
set -- $(ls -l "$_D/runs/$_o/ledger" 2>/dev/null); [ $# -lt 8 ] || echo "last change $6 $7 $8"
[ $_P = locked ] || echo "the host was booted $_n seconds ago"
! _busy || echo "a change of it is under way";;
esac`
}

// lock takes the host's lock outside a change's own frame.
func (h *Host) lock(ctx context.Context, at place) error {
	s, err := h.shellAt(ctx, at)
	if err != nil {
		return err
	}
	if err := s.take(ctx); err != nil {
		return err
	}
	defer s.give()
	if s.prepared || s.noLedger {
		return nil
	}
	return h.settleDown(ctx, s, at)
}

// settleDown takes the lock in a shell, also from a run that has left it, and
// looks whether the ledger is whole; whoever calls has the turn.
func (h *Host) settleDown(ctx context.Context, s *shell, at place) error {
	word, told, err := h.askLock(ctx, s, at, claim{})
	if err != nil {
		return err
	}
	found := word
	told.known = h.ownerOf(ctx, word, told.run)
	if c := h.mayClaim(word, told); c != (claim{}) {
		if word, _, err = h.askLock(ctx, s, at, c); err != nil {
			return err
		}
		if word == lockedOut || word == returning || word == stale {
			// Somebody else's, or it was quicker.
			if word, told, err = h.askLock(ctx, s, at, claim{}); err != nil {
				return err
			}
			told.known = h.ownerOf(ctx, word, told.run)
		}
	}
	switch word {
	case "ok":
	case noLedger:
		h.withoutLedger(ctx, s)
		return nil
	default:
		return h.lockError(word, told)
	}
	s.prepared = true
	h.touch()
	switch {
	case found == stale:
		h.note(ctx, "connection.lock", "took over the lock of "+told.owner()+": that run has not come back since")
	case found == lockedOut || found == returning:
		h.note(ctx, "connection.lock", "took over the lock of "+told.owner())
	case found == taken:
		h.note(ctx, "connection.lock", fmt.Sprintf("while this run was away, %s had the host", told.owner()))
	case told.past:
		h.note(ctx, "connection.ledger", olderFiles+": what this run did there since is not in them")
	}
	return nil
}

// mayReturn tells whether a run may go on after another one had taken its host:
// when a person has resumed it since.
func (h *Host) mayReturn() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cfg.Resumed && !h.touched
}

// mayClaim is what this run may take of what another one has.
func (h *Host) mayClaim(word string, told holder) claim {
	switch word {
	case stale:
		return claim{stale: true}
	case taken:
		return claim{stale: h.mayReturn()}
	case lockedOut, returning:
		if h.givenUp(told) {
			return claim{former: told.run, over: told.known.Over}
		}
	}
	return claim{}
}

// givenUp tells whether nobody will go on with a run.
func (h *Host) givenUp(o holder) bool {
	return o.known.Over || o.run != "" && slices.Contains(h.cfg.TakeOver, o.run) && !o.known.Active
}

// ownerOf is what the controller knows of the run that keeps this one out.
func (h *Host) ownerOf(ctx context.Context, word, run string) Owner {
	if run == "" || h.cfg.Owner == nil || word != lockedOut && word != returning {
		return Owner{}
	}
	return h.cfg.Owner(ctx, run)
}

// askLock sends prepare and reads what it finds.
func (h *Host) askLock(ctx context.Context, s *shell, at place, c claim) (string, holder, error) {
	out := effect.NewCapture("")
	f, err := s.send(func(b *bytes.Buffer) {
		b.WriteString(busyFunction + h.prepare(ctx, c) + tellOwner(h.latestAt(at)))
	}, "$_P", out, io.Discard)
	if err != nil {
		return "", holder{}, err
	}
	if err := h.await(ctx, effect.Effect{}, s, f, nil, nil); err != nil {
		return "", holder{}, err
	}
	kept, err := out.Output()
	return f.word, parseHolder(string(kept.Tail(tailSize))), err
}

// note tells people of something that they must know.
func (h *Host) note(ctx context.Context, op, text string) {
	effect.Emit(ctx, effect.Event{Type: effect.Log, Host: h.cfg.Name, Op: op, Text: text})
}

// holder is who has the lock, as tellOwner says.
type holder struct {
	dir, run string
	details  []string
	past     bool
	known    Owner
}

func parseHolder(text string) holder {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if lines[0] == "past" {
		return holder{past: true}
	}
	told := holder{dir: lines[0]}
	if len(lines) > 1 {
		told.run, told.details = lines[1], lines[2:]
	}
	return told
}

func (o holder) owner() string {
	if o.run == "" {
		return "a run that left no name"
	}
	details := o.details
	if o.known.Told != "" {
		details = append(slices.Clip(details), o.known.Told)
	}
	return "run " + o.run + " (" + strings.Join(details, ", ") + ")"
}

// lockError tells who has the host, and how to go on.
func (h *Host) lockError(word string, o holder) error {
	failure := effect.Errorf(effect.Locked, "", "%s holds the host", o.owner())
	switch {
	case word == taken:
		failure.Message = fmt.Sprintf("before this run came back to the host, %s took it over", o.owner())
		failure.Hint = fmt.Sprintf("see with bsdrun log what it changes; when it has ended, go on with: bsdrun resume %s", h.cfg.Run)
	case h.givenUp(o):
		failure.Hint = "wait until that has ended: what it does there goes on"
	case word == returning:
		failure.Hint = fmt.Sprintf("it may be waiting for the host, which was rebooted; if it does not come back within %s of the boot, the next run takes the host over", h.returnTime())
	case o.known.Active:
		failure.Hint = "wait for it, or stop it where it goes on; then: bsdrun resume " + o.run
	case o.known.Told != "":
		failure.Hint = fmt.Sprintf("go on with it: bsdrun resume %s; or give it up, and give this command again with --take-over %s", o.run, o.run)
	case o.run != "":
		failure.Hint = fmt.Sprintf("wait for it; where it was begun, go on with it: bsdrun resume %s; or, if nobody will, give this command again with --take-over %s", o.run, o.run)
	default:
		failure.Hint = fmt.Sprintf("if no run is under way, remove %s/lock on the host", o.dir)
	}
	return failure
}

// renew takes the lock again after a reboot, before another run thinks that this
// one has left. Without it nothing more is done on the host.
func (h *Host) renew(ctx context.Context) error {
	h.mu.Lock()
	due := h.rebooted && h.touched
	h.rebooted = false
	h.mu.Unlock()
	if !due {
		return nil
	}
	err := h.lock(ctx, place{})
	if err != nil {
		h.mu.Lock()
		h.rebooted = true
		h.mu.Unlock()
	}
	return err
}
