package main

import (
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/engine"
	"bsdrun/runtime/journal"
)

// execFlags are those of exec alone.
type execFlags struct {
	reads, stdin bool
	as, dir      string
}

// execCommand is bsdrun exec HOST... -- COMMAND.
func (c *cli) execCommand() *cobra.Command {
	var f execFlags
	cmd := &cobra.Command{
		Use:   "exec HOST... -- COMMAND [ARGUMENT...]",
		Short: "Run one command on hosts",
		Long: `Run one command on hosts, and print what it prints.

Several words are a command with its arguments, which reach it as they are; one
word is a script for sh. Hosts that printed the same are shown together. What
the command says on standard error goes there. The exit code is 0 when it was 0
everywhere, 2 when it failed on a host, 4 when a host could not be reached; the
report and -o json have the command's own.`,
		Example: `  bsdrun exec web1.example.org web2.example.org -- freebsd-version -kru
  bsdrun exec --become db.example.org -- 'zpool status -x; df -h /'
  bsdrun exec --stdin web.example.org -- tee /tmp/motd < motd`,
		RunE: func(cmd *cobra.Command, args []string) error {
			dash := cmd.ArgsLenAtDash()
			if dash < 0 || dash == len(args) {
				return effect.WithHint(usage("exec wants HOST... -- COMMAND"), "two dashes stand before the command: bsdrun exec web.example.org -- uptime")
			}
			if command := args[dash:]; strings.TrimSpace(command[0]) == "" {
				return usage("exec: the command is empty")
			}
			o, err := c.options()
			if err != nil {
				return err
			}
			if o.Hosts, err = c.hostsOf(cmd.Context(), execName, args[:dash]); err != nil {
				return err
			}
			o.Name, o.AdHoc, o.Source = execName, true, f.script()
			if o.Params, err = c.execParams(f, args[dash:]); err != nil {
				return err
			}
			if o.Root, err = os.Getwd(); err != nil {
				return err
			}
			return c.carryOut(cmd.Context(), o, engine.Run)
		},
	}
	cmd.Flags().BoolVar(&f.reads, "read", false, "the command changes nothing, so it also runs with --check")
	cmd.Flags().BoolVar(&f.stdin, "stdin", false, "give the command on every host what standard input has (the journal keeps it)")
	cmd.Flags().StringVar(&f.as, "as", "", "run it as this `user` of the host")
	cmd.Flags().StringVar(&f.dir, "dir", "", "run it in this `folder`")
	c.flags.add(cmd.Flags())
	return cmd
}

// maxStdin bounds what is kept of standard input; more goes as a file.
const maxStdin = 16 << 20

// execParams are what the script of exec gets.
func (c *cli) execParams(f execFlags, words []string) (map[string]any, error) {
	options := map[string]any{}
	if f.as != "" {
		options["as"] = f.as
	}
	if f.dir != "" {
		options["dir"] = f.dir
	}
	if f.stdin {
		text, err := io.ReadAll(io.LimitReader(c.in, maxStdin+1))
		if err != nil {
			return nil, usage("--stdin: %v", err)
		}
		if len(text) > maxStdin {
			return nil, effect.WithHint(usage("--stdin: standard input is longer than %d MiB", maxStdin>>20), "h.file.upload sends a file of any size")
		}
		options["stdin"] = string(text)
	}
	return map[string]any{"command": execCommandValue(words), "options": options}, nil
}

// execCommandValue is a list for a command with arguments, text for a script.
func execCommandValue(words []string) any {
	if len(words) == 1 {
		return words[0]
	}
	list := make([]any, len(words))
	for i, w := range words {
		list[i] = w
	}
	return list
}

// script runs p.command and returns what it printed; what it said on standard error
// is told.
func (f execFlags) script() []byte {
	verb := "run"
	if f.reads {
		verb = "read"
	}
	return []byte("local r = h:" + verb + "(p.command, p.options)\n" +
		"if r.stderr ~= '' then log((r.stderr:gsub('\\n$', ''))) end\n" +
		"return r.stdout")
}

// Scripts that bsdrun itself has written go by these names.
const (
	execName = "exec"
	jobsName = "jobs"
)

// hideOwnScript takes lines of such a script out of failures: nobody wrote them.
// That its result is unknown in a check is no news, either.
func hideOwnScript(r *journal.Report) {
	if r.Recipe != execName && r.Recipe != jobsName {
		return
	}
	for i := range r.Hosts {
		switch failure := r.Hosts[i].Error; {
		case failure == nil:
		case failure.Kind == effect.Unknown:
			r.Hosts[i].Error = nil
		default:
			failure.At, failure.Excerpt = "", ""
		}
	}
}
