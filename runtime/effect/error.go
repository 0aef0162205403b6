package effect

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// ErrUnknown is what check mode answers where only the skipped change would
// have told.
var ErrUnknown = errors.New("unknown beyond this point: a change before it was not made")

// ErrKind says what sort of failure an Error is; it decides the exit code.
type ErrKind string

// The kinds of failure.
const (
	Failed      ErrKind = "failed"      // a command or operation on the host failed
	Timeout     ErrKind = "timeout"     // it took too long
	Denied      ErrKind = "denied"      // the host refused: permission, authentication within the host
	Missing     ErrKind = "missing"     // a file or program is not there
	Unreachable ErrKind = "unreachable" // no connection, or lost for good
	Stopped     ErrKind = "stopped"     // stopped before something that needs leave; resumable
	Locked      ErrKind = "locked"      // another run holds the host; resumable
	Diverged    ErrKind = "diverged"    // the recipe no longer does what the journal says; resumable with --recipe
	Cancelled   ErrKind = "cancelled"   // Ctrl-C
	Invalid     ErrKind = "invalid"     // a wrong argument in the script
	Script      ErrKind = "script"      // an error of the script itself
	Usage       ErrKind = "usage"       // the command line is wrong
	Unknown     ErrKind = "unknown"     // check mode cannot tell
	Internal    ErrKind = "internal"    // our own mistake
)

// Exit is the exit code that the kind asks for.
func (k ErrKind) Exit() int {
	switch k {
	case Cancelled:
		return 130
	case Internal:
		return 1
	case Usage:
		return 64
	case Invalid, Script:
		return 5
	case Stopped, Locked, Diverged:
		return 75
	case Unreachable:
		return 4
	case Unknown:
		return 0
	default:
		return 2
	}
}

// Error tells what failed, where, how, and what to do next. Unset fields are
// not printed.
type Error struct {
	Op      string // "pkg.install"
	Host    string
	Kind    ErrKind
	Code    int    // exit code of the command, if one ran
	Command string // as a person would type it, redacted
	Message string // what failed, in one line; made from Command and Code if empty
	Out     string // last lines of standard output
	Err     string // last lines of standard error
	Reached string // what had been done when it failed
	Hint    string // what to do next
	At      string // recipe.lua:12
	Result  any    // what the script has to report although it failed: plain data
	Cause   error
}

// Error is one line, fit for a log; reports print the fields.
func (e *Error) Error() string {
	var b strings.Builder
	for _, part := range []string{e.Host, e.Op} {
		if part != "" {
			b.WriteString(part + ": ")
		}
	}
	b.WriteString(e.Summary())
	return b.String()
}

// Summary is what failed, without host, operation and hint.
func (e *Error) Summary() string {
	if e.Message != "" {
		return e.Message
	}
	if e.Command != "" && e.Cause == nil {
		summary := fmt.Sprintf("%s: exit code %d", e.Command, e.Code)
		if last := lastLine(e.Err); last != "" {
			return summary + ": " + last
		}
		if last := lastLine(e.Out); last != "" {
			return summary + ": " + last
		}
		return summary
	}
	if e.Cause != nil {
		return e.Cause.Error()
	}
	return string(e.Kind)
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Is matches ErrUnknown for errors of that kind.
func (e *Error) Is(target error) bool { return target == ErrUnknown && e.Kind == Unknown }

// AsError finds the Error in err's chain, or makes one of it.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	found := &Error{Kind: Failed, Cause: err}
	switch {
	case errors.Is(err, ErrUnknown):
		found.Kind = Unknown
	case errors.Is(err, context.Canceled):
		found.Kind, found.Message = Cancelled, "interrupted"
	case errors.Is(err, context.DeadlineExceeded):
		found.Kind, found.Message = Timeout, "it took too long"
	}
	return found
}

// KindOf is the kind of err; empty for nil.
func KindOf(err error) ErrKind {
	if err == nil {
		return ""
	}
	return AsError(err).Kind
}

// Errorf is a failure of op that did not come from a command.
func Errorf(kind ErrKind, op, format string, args ...any) *Error {
	return &Error{Kind: kind, Op: op, Message: fmt.Sprintf(format, args...)}
}

// WithHint adds advice to an error that has none yet.
func WithHint(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	e := *AsError(err)
	if e.Hint == "" {
		e.Hint = fmt.Sprintf(format, args...)
	}
	if e.Cause == nil {
		e.Cause = unwrapOnce(err)
	}
	return &e
}

// unwrapOnce keeps what err wraps beyond being an Error itself.
func unwrapOnce(err error) error {
	if _, same := err.(*Error); same { //nolint:errorlint // exactly this error, not one below it
		return nil
	}
	return err
}
