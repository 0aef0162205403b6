package hostverbs

import (
	"context"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"mvdan.cc/sh/v3/syntax"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
)

// Command is what run, read, job and interact run.
type Command struct {
	Command any               `lua:"command,required" doc:"a list (a command with its arguments) or a string (a script for sh)"`
	Dir     string            `lua:"dir" doc:"working directory"`
	Env     map[string]string `lua:"env" doc:"variables added to the environment"`
	As      string            `lua:"as" doc:"run as this user"`
}

// Bounds are how long a command may take and which codes are answers.
type Bounds struct {
	Timeout time.Duration `lua:"timeout" doc:"seconds for the whole; the run's default without it"`
	Idle    time.Duration `lua:"idle" doc:"seconds without any output"`
	Codes   []int         `lua:"codes" doc:"exit codes that are answers, not failures; 0 alone without it"`
}

// Result is what a command came to.
type Result struct {
	Code   int           `lua:"code,produced" doc:"exit code"`
	Stdout string        `lua:"stdout,produced" doc:"what it printed"`
	Stderr string        `lua:"stderr,produced" doc:"what it printed on standard error"`
	Took   time.Duration `lua:"took,produced" doc:"seconds it took"`
}

// Changed is the result of a command that counts as a change.
type Changed struct {
	Changed bool `lua:"changed" doc:"true: nobody knows what a command of one's own changes"`
	Result  `lua:",inline"`
}

// effect is the command as an effect.
func (c Command) effect(op string, kind effect.Kind) (effect.Effect, error) {
	e := effect.Effect{Op: op, Kind: kind, Dir: c.Dir, As: c.As}
	for _, name := range slices.Sorted(maps.Keys(c.Env)) {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			return e, invalid(op, "env: %q is no name of a variable", name)
		}
		e.Env = append(e.Env, name+"="+c.Env[name])
	}
	switch command := c.Command.(type) {
	case string:
		if strings.TrimSpace(command) == "" {
			return e, invalid(op, "command: expected a script, got an empty string")
		}
		if strings.ContainsRune(command, 0) {
			return e, invalid(op, "command: a script cannot hold a zero byte")
		}
		e.Shell = command
	case []any:
		argv, err := words(op, command)
		if err != nil {
			return e, err
		}
		e.Argv = argv
	case effect.Secret:
		return e, secretArgument(op, "command", command)
	default:
		return e, invalid(op, "command: expected a list or a string, got %s", describe(c.Command))
	}
	return e, nil
}

// words are a command's arguments. Numbers are written as Lua writes them.
func words(op string, list []any) ([]string, error) {
	if len(list) == 0 {
		return nil, invalid(op, "command: expected a command, got an empty list")
	}
	argv := make([]string, len(list))
	for i, item := range list {
		at := fmt.Sprintf("command[%d]", i+1)
		switch item := item.(type) {
		case string:
			if strings.ContainsRune(item, 0) {
				return nil, invalid(op, "%s: an argument cannot hold a zero byte", at)
			}
			argv[i] = item
		case float64:
			argv[i] = strconv.FormatFloat(item, 'f', -1, 64)
		case effect.Secret:
			return nil, secretArgument(op, at, item)
		default:
			return nil, invalid(op, "%s: expected a string, got %s", at, describe(item))
		}
	}
	if argv[0] == "" {
		return nil, invalid(op, "command[1]: expected a command, got an empty string")
	}
	return argv, nil
}

func invalid(op, format string, args ...any) error {
	return effect.Errorf(effect.Invalid, op, format, args...)
}

func secretArgument(op, at string, s effect.Secret) error {
	e := effect.Errorf(effect.Invalid, op, "%s: the secret %s would show in the list of processes", at, s.Name())
	e.Hint = "give it by stdin, or put it into a file"
	return e
}

func describe(value any) string {
	switch value := value.(type) {
	case nil:
		return "nil"
	case bool:
		return fmt.Sprintf("the boolean %t", value)
	case float64:
		return "the number " + strconv.FormatFloat(value, 'g', -1, 64)
	case []any:
		return "a list"
	case map[string]any:
		return "a table of names"
	case effect.Doer:
		return "a host"
	default:
		return "something else"
	}
}

// bound adds the bounds to an effect.
func (b Bounds) bound(e effect.Effect) effect.Effect {
	e.Timeout, e.Idle, e.Want = b.Timeout, b.Idle, b.Codes
	return e
}

func resources(names []string) []effect.Resource {
	if names == nil {
		return nil
	}
	out := make([]effect.Resource, len(names))
	for i, name := range names {
		out[i] = effect.Resource(name)
	}
	return out
}

type runArgs struct {
	Command `lua:",inline"`
	Stdin   binding.Content `lua:"stdin" doc:"standard input; none without it"`
	To      string          `lua:"to" doc:"a file of the host that takes standard output instead, from its beginning"`
	Bounds  `lua:",inline"`
	Writes  []string `lua:"writes" doc:"what it touches, as file:/etc/rc.conf, file:/usr/ports/ (a tree), pkg:git, service:sshd; everything without it"`
}

func run(ctx context.Context, h effect.Doer, a runArgs) (Changed, error) {
	e, err := a.Command.effect("run", effect.Change)
	if err != nil {
		return Changed{}, err
	}
	if e, err = redirect(e, a.To); err != nil {
		return Changed{}, err
	}
	if e.Stdin, err = a.Stdin.Input("run"); err != nil {
		return Changed{}, err
	}
	if closer, ok := e.Stdin.(io.Closer); ok {
		defer func() { _ = closer.Close() }()
	}
	e.Writes = resources(a.Writes)
	result, err := do(ctx, h, a.Bounds.bound(e))
	return Changed{Changed: true, Result: result}, err
}

// redirect sends standard output into a file of the host.
func redirect(e effect.Effect, to string) (effect.Effect, error) {
	if to == "" {
		return e, nil
	}
	script := e.Shell
	if e.Argv != nil {
		quoted := make([]string, len(e.Argv))
		for i, word := range e.Argv {
			q, err := syntax.Quote(word, syntax.LangPOSIX)
			if err != nil {
				return e, invalid(e.Op, "command[%d]: cannot be quoted for sh: %v", i+1, err)
			}
			quoted[i] = q
		}
		script = strings.Join(quoted, " ")
	}
	target, err := syntax.Quote(to, syntax.LangPOSIX)
	if err != nil {
		return e, invalid(e.Op, "to: %q cannot be quoted for sh: %v", to, err)
	}
	// On a line of its own, so that a comment at the script's end ends there.
	e.Argv, e.Shell = nil, "exec >"+target+"\n"+script
	return e, nil
}

type readArgs struct {
	Command `lua:",inline"`
	Stdin   binding.Content `lua:"stdin" doc:"standard input; none without it"`
	Bounds  `lua:",inline"`
	Reads   []string `lua:"reads" doc:"what it looks at, as file:/etc/rc.conf, pkg, service:sshd; everything without it"`
}

func read(ctx context.Context, h effect.Doer, a readArgs) (Result, error) {
	e, err := a.Command.effect("read", effect.Read)
	if err != nil {
		return Result{}, err
	}
	if e.Stdin, err = a.Stdin.Input("read"); err != nil {
		return Result{}, err
	}
	if closer, ok := e.Stdin.(io.Closer); ok {
		defer func() { _ = closer.Close() }()
	}
	e.Reads = resources(a.Reads)
	return do(ctx, h, a.Bounds.bound(e))
}

// do does the effect and reads both streams.
func do(ctx context.Context, h effect.Doer, e effect.Effect) (Result, error) {
	r, err := h.Do(ctx, e)
	if err != nil || r.Skipped {
		return Result{}, err
	}
	stdout, err := r.Stdout.Bytes()
	if err != nil {
		return Result{}, tooLong(e.Op, err)
	}
	stderr, err := r.Stderr.Bytes()
	if err != nil {
		return Result{}, tooLong(e.Op, err)
	}
	return Result{Code: r.Code, Stdout: string(stdout), Stderr: string(stderr), Took: r.Took}, nil
}

func tooLong(op string, err error) error {
	return &effect.Error{Op: op, Kind: effect.Failed, Message: err.Error(), Hint: "with to= the output goes to a file of the host", Cause: err}
}

// Exchange answers a question of a command.
type Exchange struct {
	Expect string          `lua:"expect,required" doc:"regular expression (RE2) on what was printed since the last answer"`
	Send   binding.Content `lua:"send" doc:"the answer, as it is; end it with \\n where a line is wanted"`
	Repeat bool            `lua:"repeat" doc:"answer again when the pattern appears again"`
	Fail   string          `lua:"fail" doc:"end the dialogue with this message instead of an answer"`
}

// talkIdle is how long a dialogue may be silent unless the script says otherwise:
// it may be waiting for an answer that it is never given.
const talkIdle = 30 * time.Minute

type interactArgs struct {
	Command  `lua:",inline"`
	Dialogue []Exchange `lua:"dialogue,required" doc:"the answers"`
	Bounds   `lua:",inline"`
}

func interact(ctx context.Context, h effect.Doer, a interactArgs) (Changed, error) {
	e, err := a.Command.effect("interact", effect.Change)
	if err != nil {
		return Changed{}, err
	}
	e.Talk = &effect.Dialogue{}
	for i, x := range a.Dialogue {
		if x.Send.Source != nil {
			return Changed{}, invalid("interact", "dialogue[%d].send: a local file is no answer", i+1)
		}
		if _, err := regexp.Compile(x.Expect); err != nil {
			return Changed{}, invalid("interact", "dialogue[%d].expect: %v", i+1, err)
		}
		if x.Fail == "" && x.Send.Data == nil {
			return Changed{}, invalid("interact", "dialogue[%d]: expected send or fail", i+1)
		}
		e.Talk.Exchanges = append(e.Talk.Exchanges, effect.Exchange{
			Expect: x.Expect, Send: string(x.Send.Data), Secret: x.Send.Secret, Repeat: x.Repeat, Fail: x.Fail,
		})
	}
	if a.Idle == 0 {
		a.Idle = talkIdle
	}
	result, err := do(ctx, h, a.Bounds.bound(e))
	return Changed{Changed: true, Result: result}, err
}
