package layer

import (
	"context"
	"fmt"
	"path"
	"strings"

	"bsdrun/runtime/effect"
)

// Risk judges commands and shell texts that a script wrote itself: what they
// put at stake is not declared by any binding. A query that would change the
// host in a way that is hard to take back is refused.
func Risk() effect.Layer {
	return func(next effect.Doer) effect.Doer {
		return effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
			if e.Risk != effect.Safe || !raw(e) {
				return next.Do(ctx, e)
			}
			v := judge(e)
			if v.risk == effect.Safe {
				return next.Do(ctx, e)
			}
			if e.Kind == effect.Read {
				return effect.Result{}, &effect.Error{
					Kind: effect.Invalid, Op: e.Op, Command: Describe(e),
					Message: "this is no query: " + v.note, Hint: "run it with h:run, which check mode skips and the journal records",
				}
			}
			e.Risk = v.risk
			if e.Note == "" {
				e.Note = v.note
			}
			return next.Do(ctx, e)
		})
	}
}

// raw tells whether a script, not a binding, wrote the command: the host's own
// verbs have names without a module.
func raw(e effect.Effect) bool {
	return !strings.Contains(strings.TrimPrefix(e.Op, "host."), ".") && (len(e.Argv) > 0 || e.Shell != "")
}

func judge(e effect.Effect) verdict {
	if e.Shell != "" {
		return judgeShell(e.Shell)
	}
	return judgeArgv(e.Argv)
}

// Classify is the risk of a command line, and why.
func Classify(argv []string) (effect.Risk, string) {
	v := judgeArgv(argv)
	return v.risk, v.note
}

// ClassifyShell is the risk of a text for sh, and why.
func ClassifyShell(text string) (effect.Risk, string) {
	v := judgeShell(text)
	return v.risk, v.note
}

// verdict is a risk and its reason.
type verdict struct {
	risk effect.Risk
	note string
}

var safe = verdict{}

func irreversible(format string, args ...any) verdict {
	return verdict{effect.Irreversible, fmt.Sprintf(format, args...)}
}

func disruptive(format string, args ...any) verdict {
	return verdict{effect.Disruptive, fmt.Sprintf(format, args...)}
}

func worse(a, b verdict) verdict {
	if b.risk > a.risk {
		return b
	}
	return a
}

// judgeArgv looks a command up in the table, through the commands that only run
// another one.
func judgeArgv(argv []string) verdict {
	for depth := 0; len(argv) > 0 && depth < 10; depth++ {
		name := program(argv[0])
		if inner, shell, wraps := unwrap(name, argv[1:]); wraps {
			if shell != "" {
				return judgeShell(shell)
			}
			argv = inner
			continue
		}
		if rc := path.Dir(argv[0]); strings.HasSuffix(rc, "/rc.d") || strings.HasSuffix(rc, "/init.d") {
			return judgeService(append([]string{name}, argv[1:]...))
		}
		if rule := rules[name]; rule != nil {
			return rule(args(argv[1:]))
		}
		if strings.HasPrefix(name, "newfs") || strings.HasPrefix(name, "mkfs") {
			return irreversible("%s makes a new file system over what is there", name)
		}
		return safe
	}
	return safe
}

// program is a command's name without its folder.
func program(word string) string {
	if strings.HasSuffix(word, "/") {
		return word
	}
	return path.Base(word)
}

// wrappers are commands that run the command that follows their options;
// valued lists the options that take a value.
var wrappers = map[string]struct {
	valued string
	skip   int  // words of their own before the command
	assign bool // NAME=value may come first
}{
	"builtin": {}, "busybox": {}, "chroot": {valued: "Ggu", skip: 1}, "command": {}, "daemon": {valued: "PpSTtuoLlmR"},
	"doas": {valued: "uC"}, "env": {valued: "uPSC", assign: true}, "eval": {}, "exec": {}, "idprio": {skip: 1},
	"ionice": {valued: "cn"}, "jexec": {valued: "uU", skip: 1}, "limits": {valued: "CUcdflmnpstuvw"}, "lockf": {valued: "tT", skip: 1},
	"mdo": {valued: "ugG"}, "nice": {valued: "n"}, "nohup": {}, "rtprio": {skip: 1}, "script": {valued: "tTF", skip: 1},
	"setsid": {}, "stdbuf": {valued: "ioe"}, "sudo": {valued: "ugpChDRTt", assign: true}, "time": {valued: "o"},
	"timeout": {valued: "sk", skip: 1}, "truss": {valued: "so"}, "xargs": {valued: "EIJLnPRSs"},
}

// unwrap is the command, or the shell text, that a wrapper runs.
func unwrap(name string, rest []string) (inner []string, shell string, wraps bool) {
	switch name {
	case "sh", "bash", "dash", "ksh", "csh", "tcsh", "zsh":
		return nil, afterOption(rest, 'c'), afterOption(rest, 'c') != ""
	case "su":
		return nil, afterOption(rest, 'c'), afterOption(rest, 'c') != ""
	case "ssh":
		inner := skipOptions(rest, "bcDEeFIiJLlmOopQRSWw")
		if len(inner) < 2 {
			return nil, "", false
		}
		return nil, strings.Join(inner[1:], " "), true
	}
	w, ok := wrappers[name]
	if !ok {
		return nil, "", false
	}
	inner = skipOptions(rest, w.valued)
	for w.assign && len(inner) > 0 && isAssignment(inner[0]) {
		inner = inner[1:]
	}
	if len(inner) < w.skip {
		return nil, "", true
	}
	inner = inner[w.skip:]
	if name == "eval" {
		return nil, strings.Join(inner, " "), true
	}
	return inner, "", true
}

func isAssignment(word string) bool {
	name, _, found := strings.Cut(word, "=")
	return found && name != "" && !strings.ContainsAny(name, "/-. ")
}

// afterOption is the word after a cluster of options that holds the letter:
// the text of sh -ec.
func afterOption(words []string, letter byte) string {
	for i, word := range words {
		if len(word) > 1 && word[0] == '-' && word[1] != '-' && strings.IndexByte(word, letter) > 0 && i+1 < len(words) {
			return words[i+1]
		}
	}
	return ""
}

// skipOptions drops leading options; the letters in valued take the next word
// when it is not attached.
func skipOptions(words []string, valued string) []string {
	for len(words) > 0 {
		word := words[0]
		if word == "--" {
			return words[1:]
		}
		if len(word) < 2 || word[0] != '-' {
			return words
		}
		words = words[1:]
		if word[1] != '-' && strings.IndexByte(valued, word[len(word)-1]) >= 0 && len(words) > 0 {
			words = words[1:]
		}
	}
	return words
}

// args are a command's words after its name.
type args []string

// sub is the first word that is no option.
func (a args) sub() string {
	for _, word := range a {
		if !strings.HasPrefix(word, "-") {
			return word
		}
	}
	return ""
}

// after are the words after the subcommand.
func (a args) after() args {
	for i, word := range a {
		if !strings.HasPrefix(word, "-") {
			return a[i+1:]
		}
	}
	return nil
}

// opt tells whether one of the letters is given, alone or in a cluster.
func (a args) opt(letters string) bool {
	for _, word := range a {
		if word == "--" {
			return false
		}
		if len(word) > 1 && word[0] == '-' && word[1] != '-' && strings.ContainsAny(word[1:], letters) {
			return true
		}
	}
	return false
}

// long tells whether one of the words is given as it is, or as the start of
// word=value.
func (a args) long(words ...string) bool {
	for _, have := range a {
		for _, want := range words {
			if have == want || strings.HasPrefix(have, want+"=") {
				return true
			}
		}
	}
	return false
}

// plain are the words that are no options.
func (a args) plain() args {
	var out args
	for i, word := range a {
		if word == "--" {
			return append(out, a[i+1:]...)
		}
		if !strings.HasPrefix(word, "-") {
			out = append(out, word)
		}
	}
	return out
}
