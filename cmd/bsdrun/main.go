// Command bsdrun runs Lua recipes against FreeBSD machines over SSH. The files
// here turn flags into engine options and reports into exit codes; there is one
// file a subcommand, and no logic beyond that.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/runtime/report"
)

func main() {
	collectLater()
	os.Exit(Main())
}

// Main runs the command line of this process and returns its exit code.
func Main() int {
	return run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}

// exitCode is an error that only sets the exit code: the report has been
// printed already.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	results := &output{to: out}
	c := &cli{in: in, out: results, err: errOut}
	root := c.command()
	root.SetArgs(args)
	root.SetOut(results)
	root.SetErr(errOut)
	cmd, err := root.ExecuteContextC(ctx)
	if results.failed(err) {
		err = nil
		if lost := results.lost(); lost != nil {
			report.Error(errOut, lost, c.style())
			return 1
		}
	}
	var code exitCode
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	}
	var told *effect.Error
	if !errors.As(err, &told) { // cobra's own complaints
		told = c.misused(cmd, err)
	}
	report.Error(errOut, told, c.style())
	return told.Kind.Exit()
}

// misused says in our own words how a command is used.
func (c *cli) misused(cmd *cobra.Command, err error) *effect.Error {
	if m := noSuchCommand.FindStringSubmatch(err.Error()); m != nil && cmd.HasAvailableSubCommands() {
		return effect.AsError(c.noCommand(cmd, m[1]))
	}
	e := &effect.Error{Kind: effect.Usage, Message: err.Error(), Hint: "see " + cmd.CommandPath() + " --help"}
	if strings.Contains(e.Message, " arg(s)") || noSuchCommand.MatchString(e.Message) {
		e.Message = "this is how it is used: " + cmd.UseLine()
	}
	return e
}

// noSuchCommand is how cobra complains of a word too much.
var noSuchCommand = lazyregexp.New(`^unknown command "(.*)" for `)

// usage is a complaint about the command line.
func usage(format string, args ...any) error {
	return effect.Errorf(effect.Usage, "", format, args...)
}
