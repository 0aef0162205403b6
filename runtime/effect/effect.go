// Package effect is the vocabulary of the whole project: one thing done to a
// host, its result, its error, and whoever does it. It imports nothing but the
// standard library, and everything else imports it.
package effect

import (
	"context"
	"io"
	"time"
)

// Kind tells whether an effect may alter the host.
type Kind int

const (
	// Read leaves the host as it was. Reads pass in check mode and may be
	// retried by the retry layer.
	Read Kind = iota
	// Change may alter the host. Check mode skips it; nobody but the recipe
	// repeats it.
	Change
)

func (k Kind) String() string {
	if k == Change {
		return "change"
	}
	return "read"
}

// Risk tells how hard an effect is to take back.
type Risk int

const (
	// Safe effects can be undone or repeated at leisure.
	Safe Risk = iota
	// Disruptive effects may cut our own connection.
	Disruptive
	// Irreversible effects have no way back; they need leave (--allow
	// irreversible, or a person's yes).
	Irreversible
)

func (r Risk) String() string {
	return [...]string{"safe", "disruptive", "irreversible"}[r]
}

// Effect is the one thing bsdrun does to a host. Exactly one of Argv, Shell,
// File, Conn, Talk or Batch says what; Job says that Argv or Shell runs detached, or
// addresses a job that does.
type Effect struct {
	Op   string // "zpool.upgrade": journal, report and errors use it
	Kind Kind
	Risk Risk
	// Title is the command as a person would type it, where Argv or Shell has
	// machinery around it; empty: they speak for themselves.
	Title string
	// Note says in a person's words why the effect carries its risk.
	Note string

	Argv  []string  // a command, quoted once, by the transport ...
	Shell string    // ... or a script for /bin/sh ...
	File  *FileOp   // ... or a file operation ...
	Job   *JobOp    // ... or start, attach to, stop a detached job ...
	Conn  *ConnOp   // ... or probe, reconnect, reboot ...
	Talk  *Dialogue // ... or a pty dialogue (with Argv or Shell)
	// Batch is several Reads in one round trip, in the place of the batch and within
	// its Timeout: commands, files and jobs. Each has an outcome of its own. What
	// would wait for somebody fails: input, and to get what is no regular file.
	Batch []Effect

	In    string    // run inside this jail
	As    string    // run as this user
	Dir   string    // working directory
	Env   []string  // NAME=value, added to the environment
	Stdin io.Reader // nil: /dev/null

	// Reads and Writes name what is touched. Undeclared (nil) means
	// everything; an empty, non-nil slice means nothing.
	Reads, Writes []Resource

	// Leaves states what a Change makes true of a resource, where that is
	// known beforehand ("pkg:git" -> "2.47.1", a file -> Made); check mode
	// keeps it.
	Leaves map[Resource]string
	// Answer makes a Read's result from what skipped Changes would have
	// left, or reports false when that is not exactly known. Only called in
	// check mode, when the Read touches a pending write.
	Answer func(pending map[Resource]string) (Result, bool)

	Timeout time.Duration // for the whole effect; 0: the run's default
	Idle    time.Duration // without any output; 0: none

	Out io.Writer // live output of both streams; layers tee into it
	// Sink takes standard output instead of the Result: as it comes, of any
	// length, neither kept nor shown. The command runs on a channel of its own,
	// is never sent a second time, and ends when the Sink fails.
	Sink io.Writer
	Want []int // exit codes that are answers, not failures; nil: only 0
	Diff *Diff // what changes, for people

	// ID is the effect's place in the run, given by the journal to every
	// Change; the host's ledger knows it by this name. Bindings leave it.
	ID string
	// Again says that a former session of this run had already sent the effect,
	// so that the ledger must be asked before it is sent once more.
	Again bool
	// Anew says that an effect that is fed from here, by Stdin or a dialogue, may
	// be sent again whatever became of it in a former session: whoever sends it
	// has looked how far it came, or it does no harm.
	Anew bool
}

// Made is what a Change leaves of a file that is there afterwards, while only the
// Change would tell what is in it.
const Made = "made"

// Wants tells whether an exit code is an answer rather than a failure.
func (e Effect) Wants(code int) bool {
	if e.Want == nil {
		return code == 0
	}
	for _, want := range e.Want {
		if want == code {
			return true
		}
	}
	return false
}

// Doer does effects. The transport is one, every layer is one, and a binding
// holds nothing else.
type Doer interface {
	Do(ctx context.Context, e Effect) (Result, error)
}

// DoerFunc lets a function be a Doer.
type DoerFunc func(ctx context.Context, e Effect) (Result, error)

// Do calls f.
func (f DoerFunc) Do(ctx context.Context, e Effect) (Result, error) { return f(ctx, e) }

// Layer wraps a Doer in one more behaviour.
type Layer func(next Doer) Doer

// Chain wraps bottom in layers, the first named being the outermost.
func Chain(bottom Doer, layers ...Layer) Doer {
	for i := len(layers) - 1; i >= 0; i-- {
		bottom = layers[i](bottom)
	}
	return bottom
}

// Diff shows a change to a person.
type Diff struct {
	Path          string // the file, or another subject ("pkg git")
	Before, After []byte // contents; both nil when Note says it all
	Note          string // "create directory", "mode 0644 -> 0755"
	Hidden        bool   // holds what only root may read; shown on demand
}
