package main

import (
	"cmp"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/runtime/spelling"
)

// helpCommand is bsdrun help COMMAND.
func (c *cli) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Explain a command",
		Long:  "Explain a command, as bsdrun COMMAND --help does.",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			of, rest, _ := cmd.Root().Find(args)
			if len(rest) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return namesOf(of), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			of, rest, _ := cmd.Root().Find(args)
			if len(rest) > 0 {
				return c.noCommand(of, rest[0])
			}
			of.InitDefaultHelpFlag()
			return of.Help()
		},
	}
}

// noCommand complains of a name that no command below another has.
func (c *cli) noCommand(above *cobra.Command, name string) error {
	path := strings.TrimPrefix(above.CommandPath()+" "+name, "bsdrun ")
	if near := spelling.Nearest(name, namesOf(above)); near != "" {
		return effect.WithHint(usage("there is no command %s; did you mean %s?", path, near), "see %s %s --help", above.CommandPath(), near)
	}
	if _, err := c.explain(name); err == nil && !above.HasParent() {
		return effect.WithHint(usage("there is no command %s", path), "bsdrun doc %s explains what has this name", name)
	}
	return effect.WithHint(usage("there is no command %s", path), "%s --help lists the commands", above.CommandPath())
}

func namesOf(above *cobra.Command) []string {
	var names []string
	for _, cmd := range commandsOf(above) {
		names = append(names, cmd.Name())
	}
	return names
}

// help explains a command, or the recipe that stands in its place.
func (c *cli) help(cmd *cobra.Command, _ []string) {
	if recipe := cmd.Flags().Arg(0); !cmd.HasParent() && recipe != "" {
		if text, err := c.explain(recipe); err == nil {
			_, _ = io.WriteString(c.out, text+"\nThe flags of a run are told by bsdrun --help.\n")
			return
		}
	}
	text := cmp.Or(cmd.Long, cmd.Short) + "\n\n" + cmd.UsageString()
	_, _ = io.WriteString(c.out, folded(text, cmp.Or(c.styleOf(c.out).Width, usualWidth)))
}

// usualWidth is that of most terminals.
const usualWidth = 80

// columns are a line's first, with the space behind it, and its second.
var columns = lazyregexp.New(`^( *(?:-., )?\S.*? {2,})(\S.*)$`)

// folded breaks lines of two columns that are too long for a width, so that the
// second goes on below its beginning. Lines of text are of the right length.
func folded(text string, width int) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \n")
		m := columns.FindStringSubmatch(line)
		if len(line) <= width || m == nil || len(m[1]) > width-narrowest {
			b.WriteString(line + "\n")
			continue
		}
		margin := "\n" + strings.Repeat(" ", len(m[1]))
		b.WriteString(m[1] + strings.Join(wrapped(m[2], width-len(m[1])), margin) + "\n")
	}
	return b.String()
}

// fitted is a text of columns for a person at a terminal, whose lines are of its
// width; programs get a line an entry.
func (c *cli) fitted(text string) string {
	if width := c.styleOf(c.out).Width; width > 0 {
		return folded(text, width)
	}
	return text
}

// narrowest is the second column below which lines are left to the terminal.
const narrowest = 20

// wrapped are the lines that a text makes in a width.
func wrapped(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) > width:
			lines, line = append(lines, line), word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}
