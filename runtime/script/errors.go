package script

import (
	"context"
	"errors"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"bsdrun/runtime/effect"
)

// Skipped is the error of a script that ended by skip() outside any step: the
// host is done, and nothing failed.
type Skipped struct{ Reason string }

func (s *Skipped) Error() string { return "skipped: " + s.Reason }

// Traceback is the cause of an error that the script itself made; it tells
// which calls led there.
type Traceback struct {
	Message string
	Lines   string // one call a line, innermost first
}

func (t *Traceback) Error() string { return t.Message }

// Trace is the traceback that an error carries; empty for errors of the host.
func Trace(err error) string {
	var t *Traceback
	if errors.As(err, &t) {
		return t.Lines
	}
	return ""
}

func (v *vm) fillErrorMeta(meta *lua.LTable) {
	L := v.state
	meta.RawSetString("__tostring", L.NewFunction(func(L *lua.LState) int {
		L.Push(lua.LString(v.toError(L.Get(1)).Error()))
		return 1
	}))
	meta.RawSetString("__concat", L.NewFunction(func(L *lua.LState) int {
		text := func(value lua.LValue) string {
			if t, ok := value.(*lua.LTable); ok && v.isError(t) {
				return v.toError(t).Error()
			}
			return value.String()
		}
		L.Push(lua.LString(text(L.Get(1)) + text(L.Get(2))))
		return 1
	}))
}

// causeField holds, in an error's own metatable, the Go error it stands for.
const causeField = "__cause"

// errorValue is the table that a script sees of an error.
func (v *vm) errorValue(L *lua.LState, err error) lua.LValue {
	var skip *Skipped
	if errors.As(err, &skip) {
		return v.wrap(skip)
	}
	e := *effect.AsError(err)
	if e.Kind == effect.Failed && e.Command == "" {
		switch {
		case errors.Is(err, context.Canceled):
			e.Kind = effect.Cancelled
		case errors.Is(err, context.DeadlineExceeded):
			e.Kind = effect.Timeout
		}
	}
	if e.At == "" {
		e.At = v.where(L)
	}
	t := L.CreateTable(0, 12)
	set := func(name, value string) {
		if value != "" {
			t.RawSetString(name, lua.LString(value))
		}
	}
	set("op", e.Op)
	set("host", e.Host)
	set("kind", string(e.Kind))
	set("message", e.Summary())
	set("command", e.Command)
	set("stdout", e.Out)
	set("stderr", e.Err)
	set("reached", e.Reached)
	set("hint", e.Hint)
	set("at", e.At)
	if e.Command != "" || e.Code != 0 {
		t.RawSetString("code", lua.LNumber(e.Code))
	}
	meta := L.CreateTable(0, 4)
	v.marked(&v.errorMeta, "error", v.fillErrorMeta).ForEach(func(key, value lua.LValue) { meta.RawSet(key, value) })
	meta.RawSetString(causeField, v.wrap(&e))
	t.Metatable = meta
	return t
}

func (v *vm) wrap(value any) *lua.LUserData {
	ud := v.state.NewUserData()
	ud.Value = value
	return ud
}

// cause is the Go error that an error table stands for.
func (v *vm) cause(value lua.LValue) (*effect.Error, bool) {
	t, ok := value.(*lua.LTable)
	if !ok {
		return nil, false
	}
	meta, ok := t.Metatable.(*lua.LTable)
	if !ok {
		return nil, false
	}
	ud, ok := meta.RawGetString(causeField).(*lua.LUserData)
	if !ok {
		return nil, false
	}
	e, ok := ud.Value.(*effect.Error)
	return e, ok
}

func (v *vm) isError(t *lua.LTable) bool {
	_, ok := v.cause(t)
	return ok
}

// mustPass tells whether no pcall may catch the error: the run has to stop, or
// what comes next is unknown.
func (v *vm) mustPass(failure lua.LValue) bool {
	if v.ctx.Err() != nil {
		return true
	}
	if ud, ok := failure.(*lua.LUserData); ok {
		_, skip := ud.Value.(*Skipped)
		return skip
	}
	e, ok := v.cause(failure)
	if !ok {
		return false
	}
	switch e.Kind {
	case effect.Unknown, effect.Stopped, effect.Cancelled, effect.Diverged, effect.Locked, effect.Internal:
		return true
	default:
		return false
	}
}

// toError is the Go error of whatever a script raised.
func (v *vm) toError(failure lua.LValue) error {
	if ud, ok := failure.(*lua.LUserData); ok {
		if skip, ok := ud.Value.(*Skipped); ok {
			return skip
		}
	}
	if err := v.ctx.Err(); err != nil {
		if _, ours := v.cause(failure); !ours {
			return contextError(v.ctx)
		}
	}
	if e, ok := v.cause(failure); ok {
		return withEdits(*e, failure.(*lua.LTable))
	}
	if t, ok := failure.(*lua.LTable); ok {
		return v.ownError(t)
	}
	if failure == lua.LNil {
		return v.scriptError("the script raised nil")
	}
	return v.scriptError(failure.String())
}

// contextError tells why a context ended.
func contextError(ctx context.Context) error {
	cause := context.Cause(ctx)
	var e *effect.Error
	if errors.As(cause, &e) {
		return e
	}
	if errors.Is(cause, context.DeadlineExceeded) {
		return &effect.Error{Kind: effect.Timeout, Message: "the time is up", Cause: cause}
	}
	return &effect.Error{Kind: effect.Cancelled, Message: "cancelled", Cause: cause}
}

// withEdits takes over what the script changed in an error before raising it
// again.
func withEdits(e effect.Error, t *lua.LTable) error {
	if text, ok := t.RawGetString("hint").(lua.LString); ok {
		e.Hint = string(text)
	}
	if text, ok := t.RawGetString("message").(lua.LString); ok && string(text) != e.Summary() {
		e.Message = string(text)
	}
	return &e
}

// ownError is what error{...} of the script means.
func (v *vm) ownError(t *lua.LTable) error {
	field := func(name string) string {
		if text, ok := t.RawGetString(name).(lua.LString); ok {
			return string(text)
		}
		return ""
	}
	e := &effect.Error{
		Kind: effect.Script, Op: field("op"), Message: field("message"), Hint: field("hint"), At: field("at"),
		Out: field("stdout"), Err: field("stderr"),
	}
	switch kind := effect.ErrKind(field("kind")); kind {
	case effect.Failed, effect.Timeout, effect.Denied, effect.Missing, effect.Unreachable, effect.Invalid:
		e.Kind = kind
	}
	if e.Message == "" {
		e.Message = "the script raised a table without a message"
	}
	return e
}

// scriptError splits gopher-lua's "file:line: message".
func (v *vm) scriptError(text string) error {
	e := &effect.Error{Kind: effect.Script, Message: strings.TrimSpace(text)}
	for name := range v.program.sourceNames() {
		rest, _ := strings.CutPrefix(text, name+":")
		line, message, found := strings.Cut(rest, ":")
		if _, err := strconv.Atoi(line); found && err == nil && len(rest) < len(text) {
			e.At, e.Message = name+":"+line, plainer(strings.TrimSpace(message))
			break
		}
	}
	e.Cause = &Traceback{Message: e.Message, Lines: v.trace}
	if e.At == "" {
		if first, _, ok := strings.Cut(v.trace, ": in "); ok {
			e.At = first
		}
	}
	return e
}

// plainer says the most common mistakes in plainer words.
func plainer(message string) string {
	switch {
	case strings.HasPrefix(message, "attempt to call a non-function object"):
		return "attempt to call something that is not a function"
	case strings.HasPrefix(message, "attempt to index a non-table object("):
		kind, key, _ := strings.Cut(strings.TrimPrefix(message, "attempt to index a non-table object("), ") with key ")
		return "attempt to take the field " + key + " of " + article(kind)
	default:
		return message
	}
}

func article(kind string) string {
	if kind == "nil" {
		return "nil"
	}
	return "a " + kind
}
