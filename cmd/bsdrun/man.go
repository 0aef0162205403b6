package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/script"
	"bsdrun/stdlib"
)

// manualDate is when the manual page was last read through.
const manualDate = "November 27, 2026"

// manCommand is bsdrun man.
func (c *cli) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "man",
		Short:   "Print the manual page, bsdrun(1), as mdoc",
		Example: "  bsdrun man > /usr/local/share/man/man1/bsdrun.1\n  bsdrun man | mandoc | less",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m := &manual{}
			m.write(cmd.Root())
			_, err := io.WriteString(c.out, m.String())
			return err
		},
	}
}

// exitCodes are what people and scripts read from the exit code; the first that
// applies counts.
var exitCodes = []struct {
	code    int
	meaning string
}{
	{0, "All went well; a check with unknown steps is well, too."},
	{1, "A mistake of bsdrun itself, or results that could not be written."},
	{2, "A host failed."},
	{3, "Changes are pending; only with --check and --exit-code."},
	{4, "A host could not be reached."},
	{5, "An error in the script."},
	{64, "The command line is wrong."},
	{75, "Stopped, and can be resumed: an unanswered question, leave that was not given, a lock."},
	{130, "Interrupted."},
}

// manual is a manual page in the making.
type manual struct{ strings.Builder }

func (m *manual) write(root *cobra.Command) {
	m.line(".Dd %s\n.Dt BSDRUN 1\n.Os\n.Sh NAME\n.Nm bsdrun\n.Nd %s", manualDate, "run Lua recipes against FreeBSD machines over SSH")
	m.line(".Sh SYNOPSIS")
	for _, cmd := range append([]*cobra.Command{root}, commandsOf(root)...) {
		name, rest, _ := strings.Cut(strings.TrimPrefix(cmd.UseLine(), "bsdrun "), " ")
		if cmd == root {
			m.line(".Nm\n%s", m.text("[flags] RECIPE HOST..."))
			continue
		}
		m.line(".Nm\n.Cm %s", name)
		if rest != "" {
			m.line("%s", m.text(rest))
		}
	}
	m.line(".Sh DESCRIPTION")
	m.paragraphs(root.Long)
	m.line(".Sh COMMANDS\n.Bl -tag -width Ds")
	for _, cmd := range commandsOf(root) {
		m.command(cmd, root)
	}
	m.line(".El\n.Sh OPTIONS\nCommands with hosts have these, as far as they make sense there:\n.Bl -tag -width Ds")
	root.Flags().VisitAll(m.flag)
	m.line(".El")
	m.reference()
	m.ending(root)
}

func commandsOf(root *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, cmd := range root.Commands() {
		if cmd.IsAvailableCommand() && cmd.Name() != "help" {
			all = append(all, cmd)
		}
	}
	return all
}

// command explains a command and the flags that it has for itself.
func (m *manual) command(cmd, root *cobra.Command) {
	m.line(".It Cm %s", cmd.Name())
	m.paragraphs(cmp.Or(cmd.Long, cmd.Short+"."))
	var own []*pflag.Flag
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" && root.Flags().Lookup(f.Name) == nil {
			own = append(own, f)
		}
	})
	if len(own) > 0 {
		m.line(".Bl -tag -width Ds")
		for _, f := range own {
			m.flag(f)
		}
		m.line(".El")
	}
}

func (m *manual) flag(f *pflag.Flag) {
	if f.Hidden || f.Name == "help" {
		return
	}
	argument, usage := pflag.UnquoteUsage(f)
	item := ".It "
	if f.Shorthand != "" {
		item += "Fl " + f.Shorthand + " , "
	}
	item += "Fl Fl " + f.Name
	if argument != "" {
		item += " Ar " + escape(argument)
	}
	m.line("%s", item)
	m.line("%s", m.text(sentence(usage)))
}

func sentence(text string) string {
	return strings.ToUpper(text[:1]) + strings.TrimSuffix(text[1:], ".") + "."
}

// reference lists what a script has, with a line each.
func (m *manual) reference() {
	m.line(".Sh RECIPES\nThese are shipped.\n.Ic bsdrun doc Ar NAME\nexplains each.\n.Bl -tag -width Ds")
	for _, name := range shippedRecipes() {
		if program, err := compileNamed(name); err == nil {
			m.line(".It Cm %s\n%s", name, m.text(firstSentence(program.Recipe.Doc)+"."))
		}
	}
	m.line(".El\n.Sh MODULES\nA script reaches them as fields of its host:\n.Ql h.zpool.status(\\(dqzroot\\(dq) .\n.Bl -tag -width Ds")
	for _, module := range stdlib.Modules() {
		m.line(".It Cm %s\n%s", module.Name, m.text(binding.Summary(module.Doc)))
	}
	m.line(".El\n.Pp\nThe host itself can do this:\n.Bl -tag -width Ds")
	for _, e := range binding.Entries(stdlib.Modules()) {
		if e.Module.Verbs && e.Class == nil {
			m.line(".It Ic %s\n%s", escape(e.Usage()), m.text(binding.Summary(e.Func.Doc)))
		}
	}
	m.line(".El\n.Pp\nBeside them there are these functions:\n.Bl -tag -width Ds")
	for _, g := range script.Globals() {
		m.line(".It Ic %s\n%s", escape(g.Usage), m.text(binding.Summary(g.Doc)))
	}
	m.line(".El")
}

func (m *manual) ending(root *cobra.Command) {
	m.line(`.Sh ENVIRONMENT
.Bl -tag -width Ds
.It Ev BSDRUN_FLAG
Sets a flag, its dashes as underscores:
.Ev BSDRUN_MAX_FAIL .
.It Ev BSDRUN_SECRET_NAME
Is the secret
.Ar name .
.It Ev NO_COLOR
Forbids colours.
.It Ev PAGER
Shows long documentation.
.It Ev SSH_AUTH_SOCK
Is the socket of
.Xr ssh-agent 1 .
.It Ev XDG_STATE_HOME
Holds the journal.
.El
.Sh FILES
.Bl -tag -width Ds
.It Pa ~/.local/state/bsdrun
The journal of all runs, and the history of prompts.
.It Pa ~/.ssh/config , ~/.ssh/known_hosts
Are read as
.Xr ssh 1
reads them.
.It Pa /var/db/bsdrun
On a host: the lock, the ledger of the run, and jobs.
.El
.Sh EXIT STATUS
The first that applies, in this order: 130, 1, 64, 5, 2, 75, 4, 3, 0.
.Bl -tag -width Ds`)
	for _, e := range exitCodes {
		m.line(".It %d\n%s", e.code, m.text(e.meaning))
	}
	m.line(".El\n.Sh EXAMPLES\n.Bd -literal -offset indent")
	for _, cmd := range append([]*cobra.Command{root}, commandsOf(root)...) {
		for line := range strings.Lines(cmd.Example) {
			m.line("%s", escape(strings.TrimSpace(line)))
		}
	}
	m.line(".Ed\n.Sh SEE ALSO\n.Xr sh 1 ,\n.Xr ssh 1 ,\n.Xr ssh_config 5")
}

func (m *manual) line(format string, args ...any) { fmt.Fprintf(m, format+"\n", args...) }

// paragraphs writes text whose paragraphs are apart by an empty line; indented lines
// stay as they are.
func (m *manual) paragraphs(text string) {
	for i, paragraph := range strings.Split(strings.Trim(text, "\n"), "\n\n") {
		if !strings.Contains("\n"+paragraph, "\n  ") {
			if i > 0 {
				m.line(".Pp")
			}
			m.line("%s", m.text(strings.Join(strings.Fields(paragraph), " ")))
			continue
		}
		m.line(".Bd -literal")
		for line := range strings.Lines(paragraph) {
			m.line("%s", escape(strings.TrimRight(line, "\n")))
		}
		m.line(".Ed")
	}
}

// textWidth is what mandoc(1) finds long enough for a line.
const textWidth = 76

// text begins every sentence on a line of its own, as mdoc wants it, and keeps lines
// short.
func (m *manual) text(text string) string {
	var lines []string
	for sentence := range strings.Lines(strings.ReplaceAll(strings.TrimSpace(text), ". ", ".\n")) {
		line := ""
		for _, word := range strings.Fields(sentence) {
			if line != "" && len(line)+len(word) >= textWidth {
				lines = append(lines, escape(line))
				line = ""
			}
			line = strings.TrimPrefix(line+" "+word, " ")
		}
		lines = append(lines, escape(line))
	}
	return strings.Join(lines, "\n")
}

// escape keeps text from being taken for requests.
func escape(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "`", `\(ga`, `"`, `\(dq`, "^", `\(ha`, "~", `\(ti`, "--", `\-\-`, "()", `\&()`, "FreeBSD", `Free\&BSD`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}
