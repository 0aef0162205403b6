package main

import (
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/inventory"
	"bsdrun/runtime/report"
)

// cli is the command line of one process: its streams and its flags.
type cli struct {
	in       io.Reader
	out, err io.Writer
	flags    flags
	read     *inventory.Inventory // that of the command line, when it was read
}

// flags follow the habits of ssh and ansible. Each may be given as an
// environment variable: --max-fail is BSDRUN_MAX_FAIL.
type flags struct {
	code string // -e

	inventory  []string
	limit      string
	params     []string
	paramFiles []string
	allowRead  []string
	reachable  []string // --allow-connect
	secretFile string
	secretKeys []string

	check, diff, exitCode bool
	forks                 int
	batch, maxFail        string
	rerun                 string
	startAt               string
	allow                 []string
	takeOver              []string
	yes                   bool

	user, jump, sshConfig, identity string
	become                          string
	askBecome                       bool
	acceptNew                       bool
	legacy                          bool
	connectTimeout                  time.Duration
	timeout, runTimeout             time.Duration
	keep                            time.Duration

	output         string
	junit          string // a file for CI
	color          string
	progress       string
	verbose, quiet bool
}

// add declares the flags that every command with hosts has.
func (f *flags) add(set *pflag.FlagSet) {
	set.StringArrayVarP(&f.inventory, "inventory", "i", nil, "inventory `file` or folder of hosts and groups: TOML, Lua, or Ansible's (repeatable)")
	set.StringVarP(&f.limit, "limit", "l", "", "only the hosts that match this `selection`")
	set.BoolVarP(&f.check, "check", "n", false, "read for real, change nothing, tell what would change")
	set.BoolVar(&f.exitCode, "exit-code", false, "with --check: exit 3 when there is something to change")
	set.StringSliceVar(&f.reachable, "allow-connect", nil, "`hosts` or groups beyond those of the run that a script may reach with connect()")
	set.StringVar(&f.rerun, "rerun", "", "a new run on the hosts of the newest run of the recipe that are `failed` (or unreachable), unreachable or unfinished; failed@RUN names the run")
	f.addSession(set)
}

// addSession declares the flags that a resumed or taken-back run may have anew, too.
func (f *flags) addSession(set *pflag.FlagSet) {
	set.StringArrayVarP(&f.params, "param", "p", nil, "a parameter of the recipe, as `name=value` (repeatable)")
	set.StringArrayVarP(&f.paramFiles, "params", "P", nil, "a TOML or JSON `file` of parameters (repeatable)")
	set.StringArrayVar(&f.allowRead, "allow-read", nil, "let the script read this local `path` too (repeatable)")
	set.StringVar(&f.secretFile, "secrets", "", "TOML `file` of secrets, encrypted by age or readable by its owner only")
	set.StringArrayVar(&f.secretKeys, "secrets-key", nil, "`file` with a key of age or ssh that decrypts secrets (repeatable; default: bsdrun's own, id_ed25519, id_rsa)")
	set.BoolVarP(&f.diff, "diff", "D", false, "show what changes in files")
	set.IntVarP(&f.forks, "forks", "f", 200, "hosts worked on at once")
	set.StringVar(&f.batch, "batch", "", "roll through the hosts `N` or N% at a time")
	set.StringVar(&f.maxFail, "max-fail", "", "stop the run once `N` or N% of the hosts have failed")
	set.StringVar(&f.startAt, "start-at", "", "skip the steps before the one with this `name`")
	set.StringSliceVar(&f.allow, "allow", nil, "leave for what has no way back: `irreversible`")
	set.StringSliceVar(&f.takeOver, "take-over", nil, "give up a `run` that holds a host, and take that (repeatable)")
	set.BoolVarP(&f.yes, "yes", "y", false, "answer questions with their default, or yes (never those about irreversible things)")
	set.StringVarP(&f.user, "user", "u", "", "log in as this `user`")
	set.StringVarP(&f.jump, "jump", "J", "", "reach the hosts through these jump `hosts` (comma-separated)")
	set.StringVarP(&f.sshConfig, "ssh-config", "F", "", "ssh_config `file` to read instead of the usual ones")
	set.StringVar(&f.identity, "identity", "", "private key `file` to log in with")
	set.StringVarP(&f.become, "become", "b", "", "become root by this `method`: doas, sudo, su, mdo; found out when empty")
	set.Lookup("become").NoOptDefVal = "auto"
	set.BoolVarP(&f.askBecome, "ask-become-pass", "K", false, "ask for the password to become root")
	set.BoolVar(&f.acceptNew, "accept-new", false, "learn the keys of hosts that known_hosts does not have")
	set.BoolVar(&f.legacy, "legacy", false, "offer the old algorithms that hosts of FreeBSD 8 and 9 need")
	set.DurationVar(&f.connectTimeout, "connect-timeout", 15*time.Second, "how long a connection may take")
	set.DurationVar(&f.keep, "keep", 0, "keep connections for this `time` after their use, for the next run (bsdrun connections lists them)")
	set.DurationVar(&f.timeout, "timeout", 0, "how long one effect may take (0: no limit but its own)")
	set.DurationVar(&f.runTimeout, "run-timeout", 0, "how long the whole run may take (0: no limit)")
	set.StringVar(&f.junit, "junit", "", "also write the results to this `file`, as JUnit XML for CI")
	set.StringVar(&f.progress, "progress", "auto", "how a run is `shown` while it goes on: live, plain; auto: live at a terminal")
	f.addOutput(set)
}

// addOutput declares the flags that say how results are shown.
func (f *flags) addOutput(set *pflag.FlagSet) {
	set.StringVarP(&f.output, "output", "o", "text", "`format` of the results: text, json, jsonl, junit")
	set.StringVar(&f.color, "color", "auto", "colours: auto, always, never")
	set.BoolVarP(&f.verbose, "verbose", "v", false, "show every effect and its output")
	set.BoolVarP(&f.quiet, "quiet", "q", false, "show results and errors only")
}

// fromEnvironment sets flags that the command line leaves alone from BSDRUN_*.
func fromEnvironment(cmd *cobra.Command) error {
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := "BSDRUN_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, set := os.LookupEnv(name)
		if !set || f.Changed || failed != nil {
			return
		}
		if err := cmd.Flags().Set(f.Name, value); err != nil {
			failed = usage("%s=%s: %s", name, value, inPlainWords(err))
		}
	})
	return failed
}

// inPlainWords leaves out which function of Go found fault with a value.
func inPlainWords(err error) string {
	text, _, number := strings.Cut(err.Error(), ": strconv.")
	if number {
		text += ": it is no number of this kind"
	}
	if _, name, unknown := strings.Cut(text, "unknown shorthand flag: "); unknown {
		letter, _, _ := strings.Cut(strings.Trim(name, "'"), "'")
		return "unknown flag: -" + letter
	}
	text, _, duration := strings.Cut(text, ": time: ")
	if duration {
		text += ": a duration is like 30s, 5m or 2h"
	}
	return text
}

// readFlagFile reads a file that a flag names.
func readFlagFile(flag, name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, usage("%s: %s: %v", flag, name, effect.FileTrouble(err))
	}
	return text, nil
}

// checkTimes refuses times that are none.
func (f *flags) checkTimes() error {
	for _, limit := range []struct {
		name string
		is   time.Duration
	}{{"timeout", f.timeout}, {"run-timeout", f.runTimeout}, {"connect-timeout", f.connectTimeout}, {"keep", f.keep}} {
		if limit.is < 0 {
			return usage("--%s is a time from 0, not %s", limit.name, limit.is)
		}
	}
	if f.connectTimeout == 0 {
		return usage("--connect-timeout is a time longer than 0: it bounds each try to reach a host")
	}
	return nil
}

// checkOutput refuses a format that there is not, and flags that contradict one
// another.
func (f *flags) checkOutput(set *pflag.FlagSet) error {
	if f.verbose && f.quiet && set.Changed("verbose") && set.Changed("quiet") {
		return effect.WithHint(usage("--verbose shows more and --quiet less"), "give one of the two")
	}
	if !slices.Contains([]string{"text", "json", "jsonl", "junit"}, f.output) {
		return usage("--output is text, json, jsonl or junit, not %q", f.output)
	}
	if !slices.Contains([]string{"auto", "always", "never"}, f.color) {
		return usage("--color is auto, always or never, not %q", f.color)
	}
	return nil
}

// style says how the error stream may be decorated.
func (c *cli) style() report.Style { return c.styleOf(c.err) }

func (c *cli) styleOf(w io.Writer) report.Style {
	s := report.Style{Color: c.colored(w)}
	if f, is := terminal(w); is {
		s.Terminal = true
		s.Width, _, _ = term.GetSize(int(f.Fd()))
	}
	return s
}

func (c *cli) colored(w io.Writer) bool {
	switch c.flags.color {
	case "always":
		return true
	case "never":
		return false
	}
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

func isTerminal(stream any) bool {
	_, is := terminal(stream)
	return is
}

// terminal is the terminal behind a stream, if there is one.
func terminal(stream any) (*os.File, bool) {
	if o, ok := stream.(*output); ok {
		stream = o.to
	}
	f, ok := stream.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd()))
}
