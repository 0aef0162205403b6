package repl

import (
	"fmt"
	"slices"
	"strings"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/engine"
	"bsdrun/runtime/report"
)

// commands are those that begin with a colon, with their help.
var commands = []struct{ name, usage, help string }{
	{"check", ":check on|off", "skip changes and tell what they would be; alone: which it is"},
	{"doc", ":doc NAME", "explain a module, a function or a recipe; h.zpool alone does, too"},
	{"help", ":help", "this"},
	{"hosts", ":hosts [NAME...|all]", "the hosts of the session; with names: inputs go to these only"},
	{"quit", ":quit", "end the session, as Ctrl-D does"},
}

const help = `
An input is an expression, which is shown, or statements. h is the host, p the
parameters, _ the last value; a local stays for the next input. A line that is no
whole statement goes on in the next one; an empty line ends it. Tab completes
modules, functions, options, and names of the host: pools, jails, services,
files. Ctrl-C cancels the input under way. An input that begins with a space is
not kept in the history.
`

// command does a command, and tells whether the session ends.
func (r *repl) command(words []string) (end bool) {
	name, args := "", words
	if len(words) > 0 {
		name, args = words[0], words[1:]
	}
	switch name {
	case "help", "h", "?":
		for _, c := range commands {
			_, _ = fmt.Fprintf(r.Out, "%-22s %s\n", c.usage, c.help)
		}
		_, _ = fmt.Fprint(r.Out, help)
	case "doc":
		r.doc(args)
	case "check":
		r.setCheck(args)
	case "hosts":
		r.chooseHosts(args)
	case "quit", "q":
		return true
	default:
		r.misuse("there is no command :%s", ":help lists them", name)
	}
	return false
}

func (r *repl) misuse(format, hint string, args ...any) {
	e := effect.Errorf(effect.Usage, "", format, args...)
	e.Hint = hint
	r.failed(effect.Usage)
	report.Error(r.Err, e, r.Style)
}

// explains shows the documentation when an input is nothing but the name of a
// module or a function: h.zpool.
func (r *repl) explains(text string) bool {
	entry, found := binding.Find(r.o.Modules, text)
	if !found || !strings.HasPrefix(text, "h.") && !strings.HasPrefix(text, "h:") || entry.Func != nil && entry.Func.Property {
		return false
	}
	r.doc([]string{text})
	return true
}

func (r *repl) doc(args []string) {
	if len(args) != 1 {
		r.misuse("which name? :doc zpool, :doc zpool.status", "bsdrun doc --search WORD looks for a word")
		return
	}
	text, err := r.Doc(args[0])
	if err != nil {
		r.failed(effect.KindOf(err))
		report.Error(r.Err, effect.AsError(err), r.Style)
		return
	}
	_, _ = fmt.Fprint(r.Out, text)
}

func (r *repl) setCheck(args []string) {
	switch {
	case len(args) == 0:
	case len(args) == 1 && args[0] == "on":
		r.ready[0].SetCheck(true)
	case len(args) == 1 && args[0] == "off":
		r.ready[0].SetCheck(false)
	default:
		r.misuse(":check is on or off, not %q", "alone it tells which it is", strings.Join(args, " "))
		return
	}
	if r.ready[0].Checks() {
		_, _ = fmt.Fprintln(r.Out, "check mode is on: changes are skipped, reads are real")
	} else {
		_, _ = fmt.Fprintln(r.Out, "check mode is off: changes are made")
	}
}

// chooseHosts lists the hosts, or chooses those that inputs go to.
func (r *repl) chooseHosts(names []string) {
	chosen := r.ready
	if len(names) > 0 && !slices.Equal(names, []string{"all"}) {
		chosen = nil
		for _, name := range names {
			at := slices.IndexFunc(r.ready, func(s *engine.Session) bool { return s.Host == name })
			if at < 0 {
				r.misuse("%s is no host of this session", ":hosts lists them", name)
				return
			}
			chosen = append(chosen, r.ready[at])
		}
	}
	if len(names) > 0 {
		r.chosen = chosen
		r.known = hostData{}
	}
	for _, h := range r.o.Hosts {
		switch at := slices.IndexFunc(r.ready, func(s *engine.Session) bool { return s.Host == h.Name }); {
		case at < 0:
			_, _ = fmt.Fprintf(r.Out, "  %s  not connected\n", h.Name)
		case slices.Contains(r.chosen, r.ready[at]):
			_, _ = fmt.Fprintf(r.Out, "* %s\n", h.Name)
		default:
			_, _ = fmt.Fprintf(r.Out, "  %s\n", h.Name)
		}
	}
}
