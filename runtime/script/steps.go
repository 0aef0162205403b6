package script

import (
	"context"
	"fmt"
	"slices"
	"time"

	lua "github.com/yuin/gopher-lua"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
)

var stepGlobal = Global{
	Name: "step", Usage: "step(name, [opts,] fn)",
	Doc: "Runs fn as a named step and returns its value. A step that ended in an earlier session of the run returns the recorded value without running again. The value is plain data. In check mode a step whose outcome only a skipped change would tell returns an unknown value, and what follows is unknown, too, unless the step said that it changes nothing.",
	Params: []GlobalParam{
		{"name", "string", "what the step does, as people read it"},
		{"opts", "{key?: string, timeout?: number, changes?: boolean}", "key tells the turns of a loop apart; timeout in seconds; changes=false: the step changes nothing, which is enforced"},
		{"fn", "fun(): any", "the step"},
	},
	Returns: "any",
	Example: `local trees = step("Update the trees", { key = name }, function() return h.portshaker.update() end)`,
	fn:      (*vm).step,
}

func (v *vm) step(L *lua.LState) int {
	name := v.wantString(L, 1, "step", "name")
	if name == "" {
		v.invalidf(L, "step", "name: expected a name, got an empty string")
	}
	var options StepOptions
	at := 2
	if _, direct := L.Get(2).(*lua.LFunction); !direct {
		opts := v.options(L, L.Get(2), "step", "key", "timeout", "changes")
		options.Key = v.optString(L, opts, "step", "key")
		options.Timeout = v.optSeconds(L, opts, "step", "timeout", 0)
		if _, given := opts["changes"]; given {
			options.Looks = !v.optBool(L, opts, "step", "changes")
		}
		at = 3
	}
	fn := v.wantFunction(L, at, "step", "fn")
	ctx, run, err := v.world.Steps.Begin(effect.WithAt(v.ctx, v.where(L)), name, options)
	if err != nil {
		v.raise(L, err)
	}
	if recorded, ended := run.Recorded(); ended {
		L.Push(v.fromPlain(recorded))
		return 1
	}
	L.Push(v.runStep(L, ctx, run, name, options, fn))
	return 1
}

// runStep runs a step's function under the step's context and leaves the step.
func (v *vm) runStep(L *lua.LState, ctx context.Context, run StepRun, name string, options StepOptions, fn *lua.LFunction) lua.LValue {
	if _, bounded := ctx.Deadline(); options.Timeout > 0 && !bounded {
		var cancel context.CancelFunc
		late := effect.Errorf(effect.Timeout, "step", "%s took longer than %g seconds", name, options.Timeout)
		ctx, cancel = context.WithTimeoutCause(ctx, seconds(options.Timeout), late)
		defer cancel()
	}
	outer := v.ctx
	v.ctx = ctx
	returned, failure := v.protected(L, ctx, fn)
	var failed error
	if failure != nil {
		failed = v.toError(failure)
	}
	v.ctx = outer
	if skip, ok := failed.(*Skipped); ok { //nolint:errorlint // toError never wraps it
		if err := run.Skip(skip.Reason); err != nil {
			v.raise(L, err)
		}
		return lua.LNil
	}
	value, data := v.stepValue(name, returned, &failed)
	if err := run.End(data, failed); err != nil {
		v.raise(L, err)
	}
	if failed != nil {
		return v.unknownValue("step " + name)
	}
	return value
}

// stepValue is what a step returned, for the script and for the record.
func (v *vm) stepValue(name string, returned []lua.LValue, failed *error) (lua.LValue, any) {
	if *failed != nil {
		return lua.LNil, nil
	}
	if len(returned) > 1 {
		*failed = effect.Errorf(effect.Script, "step", "%s returns %d values; a step returns one", name, len(returned))
		return lua.LNil, nil
	}
	value := first(returned)
	maker := &plainMaker{vm: v, above: map[*lua.LTable]bool{}}
	data, err := maker.make(value, "")
	switch {
	case err == effect.ErrUnknown: //nolint:errorlint // made by plainMaker, never wrapped
		*failed = &effect.Error{Kind: effect.Unknown, Op: "step", Cause: err}
	case err != nil:
		e := effect.Errorf(effect.Script, "step", "%s cannot be recorded: %v", name, err)
		e.Hint = "a step returns plain data, which a resumed run reads back: strings, numbers, booleans, lists and tables of them, and handles"
		*failed = e
	}
	return value, data
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

var failGlobal = Global{
	Name: "fail", Usage: "fail(format, ...)",
	Doc: "Ends the script on this host with an error. The text is formatted as by string.format. With a table it can say more: message, hint (what to do next), result, which is shown although the script failed, and resumable, " +
		"which stops the run here with exit code 75: resumed, the step is run again.",
	Params: []GlobalParam{
		{"format", "string|{message: string, hint?: string, result?: any, resumable?: boolean}", "what is wrong"},
		{"...", "any", "values for the format"},
	},
	Example: `fail{ message = "2 ports failed", hint = "see their logs", result = build }`,
	fn: func(v *vm, L *lua.LState) int {
		v.raise(L, v.failure(L))
		return 0
	},
}

// failure reads what fail was given.
func (v *vm) failure(L *lua.LState) error {
	v.touch(L, L.Get(1))
	t, ok := L.Get(1).(*lua.LTable)
	if !ok || v.isError(t) {
		return &effect.Error{Kind: effect.Failed, Message: v.formatted(L, "fail")}
	}
	fields := v.options(L, t, "fail", "message", "hint", "result", "resumable")
	e := &effect.Error{Kind: effect.Failed, Message: v.optString(L, fields, "fail", "message"), Hint: v.optString(L, fields, "fail", "hint")}
	if e.Message == "" {
		v.invalidf(L, "fail", "message: missing, expected a string")
	}
	if v.optBool(L, fields, "fail", "resumable") {
		e.Kind = effect.Stopped
	}
	if value, given := fields["result"]; given {
		var err error
		if e.Result, err = v.resultData(value); err != nil {
			return err
		}
	}
	return e
}

var skipGlobal = Global{
	Name: "skip", Usage: "skip(format, ...)",
	Doc:    "Ends the step, or outside any step the script on this host, as skipped with a reason. Nothing has failed.",
	Params: []GlobalParam{{"format", "string", "why there is nothing to do"}, {"...", "any", "values for the format"}},
	fn: func(v *vm, L *lua.LState) int {
		v.raise(L, &Skipped{Reason: v.formatted(L, "skip")})
		return 0
	},
}

var logGlobal = Global{
	Name: "log", Usage: "log(format, ...)",
	Doc:    "Tells people something while the script runs. The text is formatted as by string.format.",
	Params: []GlobalParam{{"format", "string", "the text"}, {"...", "any", "values for the format"}},
	fn: func(v *vm, L *lua.LState) int {
		v.log(v.formatted(L, "log"))
		return 0
	},
}

func (v *vm) log(text string) {
	if v.world != nil && v.world.Log != nil {
		v.world.Log(v.ctx, text)
	}
}

// formatted is the text of fail, skip and log. A single argument is the text
// itself, so that a percent sign in it is harmless.
func (v *vm) formatted(L *lua.LState, op string) string {
	if L.GetTop() == 1 {
		v.touch(L, L.Get(1))
		return v.display(L, L.Get(1))
	}
	format := v.wantString(L, 1, op, "format")
	text, err := v.format(L, format, 2, true)
	if err != nil {
		v.invalidf(L, op, "%v", err)
	}
	return text
}

var sleepGlobal = Global{
	Name: "sleep", Usage: "sleep(seconds)",
	Doc:    "Waits, on the host's clock. In check mode it returns at once, since nothing was started that could take time.",
	Params: []GlobalParam{{"seconds", "number", "how long"}},
	fn: func(v *vm, L *lua.LState) int {
		n, ok := L.Get(1).(lua.LNumber)
		if !ok || n < 0 {
			v.touch(L, L.Get(1))
			v.invalidf(L, "sleep", "seconds: expected a number, 0 or more, got %s", v.got(L.Get(1)))
		}
		v.pause(L, float64(n))
		return 0
	},
}

func (v *vm) pause(L *lua.LState, n float64) {
	if v.world.Check {
		return
	}
	if err := v.idle(func() error { return clock.Sleep(v.ctx, seconds(n)) }); err != nil {
		v.raise(L, contextError(v.ctx))
	}
}

var retryGlobal = Global{
	Name: "retry", Usage: "retry([opts,] fn)",
	Doc: "Calls fn again when it fails, and returns what it returns. Without on=, failures of the host are retried (failed, timeout, unreachable, missing, denied), mistakes of the script are not.",
	Params: []GlobalParam{
		{"opts", "{times?: integer, delay?: number, backoff?: number, on?: string|string[]}", "times: calls at most (3); delay: seconds before the second call (1); backoff: factor of each further delay (2); on: kinds of error to retry"},
		{"fn", "fun(): ...", "what to do"},
	},
	Returns: "any",
	Example: `local rev = retry({ times = 5, delay = 10 }, function() return h.git.remote_revision(url) end)`,
	fn:      (*vm).retry,
}

func (v *vm) retry(L *lua.LState) int {
	opts := map[string]lua.LValue{}
	at := 1
	if _, direct := L.Get(1).(*lua.LFunction); !direct {
		opts = v.options(L, L.Get(1), "retry", "times", "delay", "backoff", "on")
		at = 2
	}
	fn := v.wantFunction(L, at, "retry", "fn")
	times := int(v.optSeconds(L, opts, "retry", "times", 3))
	delay := v.optSeconds(L, opts, "retry", "delay", 1)
	backoff := v.optSeconds(L, opts, "retry", "backoff", 2)
	kinds := v.retryKinds(L, opts["on"])
	if times < 1 {
		v.invalidf(L, "retry", "times: expected 1 or more, got %d", times)
	}
	for turn := 1; ; turn++ {
		returned, failure := v.protected(L, v.ctx, fn)
		if failure == nil {
			for _, value := range returned {
				L.Push(value)
			}
			return len(returned)
		}
		if turn == times || v.mustPass(failure) || !v.retryable(failure, kinds) {
			L.Error(failure, 0)
		}
		v.log(fmt.Sprintf("try %d of %d failed: %s", turn, times, v.toError(failure)))
		v.pause(L, delay)
		delay *= backoff
	}
}

var hostFailures = []effect.ErrKind{effect.Failed, effect.Timeout, effect.Unreachable, effect.Missing, effect.Denied}

func (v *vm) retryKinds(L *lua.LState, on lua.LValue) []effect.ErrKind {
	var words []string
	switch on := on.(type) {
	case nil:
		return hostFailures
	case lua.LString:
		words = []string{string(on)}
	case *lua.LTable:
		on.ForEach(func(_, word lua.LValue) { words = append(words, word.String()) })
	default:
		v.invalidf(L, "retry", "on: expected a kind of error or a list of them, got %s", v.got(on))
	}
	var kinds []effect.ErrKind
	for _, word := range words {
		if !slices.Contains(hostFailures, effect.ErrKind(word)) {
			v.invalidf(L, "retry", "on: %q is no kind of error that can be retried (failed, timeout, unreachable, missing, denied)", word)
		}
		kinds = append(kinds, effect.ErrKind(word))
	}
	return kinds
}

func (v *vm) retryable(failure lua.LValue, kinds []effect.ErrKind) bool {
	return slices.Contains(kinds, effect.KindOf(v.toError(failure)))
}
