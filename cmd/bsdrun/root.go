package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/spelling"
)

// command builds the tree of commands.
func (c *cli) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "bsdrun [flags] RECIPE HOST...",
		Short: "Run Lua recipes against FreeBSD machines over SSH",
		Long: `bsdrun runs Lua recipes against FreeBSD machines over SSH.

RECIPE is a file, or the name of a shipped recipe (bsdrun list). HOST is what
ssh would take, local: for this machine, or sim:PROFILE for a simulated one.
With -e 'CODE' a script from the command line is run instead.

Results go to standard output, progress to standard error. Every flag may be
set in the environment: --max-fail as BSDRUN_MAX_FAIL.`,
		Example: `  bsdrun poudriere sim:
  bsdrun -e 'return h.facts.release' web.example.org
  bsdrun check pool-health db.example.org -p max_capacity=90`,
		Args:              cobra.ArbitraryArgs,
		SilenceErrors:     true,
		SilenceUsage:      true,
		ValidArgsFunction: completeRecipes,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := fromEnvironment(cmd); err != nil || cmd.Flags().Lookup("color") == nil {
				return err
			}
			return c.flags.checkOutput(cmd.Flags())
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && !cmd.Flags().Changed("execute") {
				return cmd.Help()
			}
			return c.runRecipe(cmd, args)
		},
	}
	root.Flags().StringVarP(&c.flags.code, "execute", "e", "", "run this `code` instead of a recipe")
	c.flags.add(root.Flags())
	root.SetFlagErrorFunc(wrongFlag)
	root.AddCommand(
		c.checkCommand(), c.connectionsCommand(), c.docCommand(), c.execCommand(), c.hostsCommand(), c.jobsCommand(), c.keeperCommand(), c.listCommand(), c.logCommand(), c.manCommand(),
		c.replCommand(), c.reportCommand(), c.resumeCommand(), c.runsCommand(), c.secretsCommand(), c.serveCommand(), c.showCommand(), c.simCommand(), c.undoCommand(), c.versionCommand(),
		c.initCommand(), c.lintCommand(), c.testCommand(),
	)
	root.SetHelpFunc(c.help)
	root.SetHelpCommand(c.helpCommand())
	root.InitDefaultCompletionCmd()
	if completion, _, err := root.Find([]string{"completion"}); err == nil {
		completion.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() } // so that an unknown shell is refused
	}
	return root
}

// wrongFlag tells what is wrong with a flag, and which one may be meant.
func wrongFlag(cmd *cobra.Command, err error) error {
	hint := "see " + cmd.CommandPath() + " --help"
	if name, unknown := strings.CutPrefix(err.Error(), "unknown flag: --"); unknown && name == "version" {
		hint = "bsdrun version prints it"
	} else if unknown {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := spelling.Nearest(name, names); near != "" {
			hint = "did you mean --" + near + "? " + hint
		}
	}
	return effect.WithHint(usage("%s", inPlainWords(err)), "%s", hint)
}
