package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"bsdrun/recipes"
	"bsdrun/runtime/script"
	"bsdrun/runtime/sim"
	"bsdrun/stdlib"
)

// shippedRecipes are the names of the embedded recipes.
func shippedRecipes() []string {
	entries, err := recipes.Files.ReadDir(".")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if name, is := strings.CutSuffix(e.Name(), ".lua"); is && !strings.HasSuffix(name, "_test") {
			names = append(names, name)
		}
	}
	return names
}

func completeRecipes(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return []string{"sim:", "local:"}, cobra.ShellCompDirectiveNoSpace
	}
	return shippedRecipes(), cobra.ShellCompDirectiveDefault
}

// listCommand is bsdrun list.
func (c *cli) listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List recipes, modules and simulated machines",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return c.list() },
	}
}

func (c *cli) list() error {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "Recipes (bsdrun doc NAME):")
	for _, name := range shippedRecipes() {
		program, err := compileNamed(name)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(w, "  %s\t%s\n", name, firstSentence(program.Recipe.Doc))
	}
	_, _ = fmt.Fprintln(w, "\nModules (bsdrun doc NAME, bsdrun doc NAME.FUNCTION):")
	for _, m := range stdlib.Modules() {
		_, _ = fmt.Fprintf(w, "  %s\t%s\n", m.Name, firstSentence(m.Doc))
	}
	_, _ = fmt.Fprintln(w, "\nSimulated machines (sim:NAME):")
	for _, p := range sim.Profiles() {
		_, _ = fmt.Fprintf(w, "  %s\t%s\n", p.Name, firstSentence(p.Doc))
	}
	_ = w.Flush() // a Builder takes all
	_, err := io.WriteString(c.out, c.fitted(b.String()))
	return err
}

func compileNamed(name string) (*script.Program, error) {
	src, err := findRecipe(name)
	if err != nil {
		return nil, err
	}
	program, err := script.Compile(src.name, src.text, script.Options{Root: src.root, Files: src.files})
	if err == nil && program.Recipe == nil {
		err = usage("%s is no recipe: it returns no table with a run function", name)
	}
	return program, err
}

// firstSentence is a doc's help line.
func firstSentence(doc string) string {
	doc, _, _ = strings.Cut(strings.TrimSpace(doc), "\n")
	if i := strings.Index(doc, ". "); i >= 0 {
		doc = doc[:i]
	}
	return strings.TrimSuffix(doc, ".")
}
