package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/rehearse"
	"bsdrun/runtime/script"
	"bsdrun/runtime/spelling"
	"bsdrun/stdlib"
)

// docCommand is bsdrun doc NAME.
func (c *cli) docCommand() *cobra.Command {
	var search, plain bool
	cmd := &cobra.Command{
		Use:   "doc [NAME | --search WORD...]",
		Short: "Explain a recipe, a module or a function (poudriere.bulk)",
		Long: `Explain a recipe, a module or a function.

At a terminal a long text is shown by the pager that PAGER names, less by
default.`,
		Example: `  bsdrun doc zpool
  bsdrun doc zpool.status
  bsdrun doc --search snapshot`,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return docNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			var text string
			var err error
			switch {
			case search && len(args) == 0:
				return usage("doc --search wants words to look for")
			case search:
				text, err = c.search(args)
				text = c.fitted(text)
			case len(args) == 0:
				return c.list()
			case len(args) > 1:
				return effect.WithHint(usage("doc explains one name, not %d", len(args)), "bsdrun doc --search %s looks for words", strings.Join(args, " "))
			default:
				text, err = c.explain(args[0])
			}
			if err != nil {
				return err
			}
			return c.page(text, plain)
		},
	}
	cmd.Flags().BoolVarP(&search, "search", "k", false, "list what has these words in its documentation")
	cmd.Flags().BoolVar(&plain, "no-pager", false, "print, whatever the length")
	return cmd
}

// explain tells what goes by a name: a recipe, and the module or function of the
// same name, too.
func (c *cli) explain(name string) (string, error) {
	var b strings.Builder
	if program, err := compileNamed(name); err == nil {
		docRecipe(&b, name, program.Recipe)
	} else if strings.HasSuffix(name, ".lua") {
		return "", err
	}
	if entry, ok := binding.Find(documented(), name); ok {
		switch {
		case b.Len() > 0 && entry.Func == nil:
			b.WriteString("\nModule ")
		case b.Len() > 0:
			b.WriteString("\nFunction ")
		}
		b.WriteString(binding.DocText(entry))
	} else if global, ok := script.FindGlobal(name); ok {
		fmt.Fprintf(&b, "%s\n\n%s\n", global.Usage, global.Doc)
	}
	if b.Len() > 0 {
		return b.String(), nil
	}
	message := fmt.Sprintf("nothing is called %q", name)
	if near := spelling.Nearest(name, docNames()); near != "" {
		message += fmt.Sprintf("; did you mean %q?", near)
	}
	return "", effect.WithHint(usage("%s", message), "bsdrun list shows recipes and modules, bsdrun doc --search WORD what has a word in it")
}

// docNames are the names that explain knows.
func docNames() []string {
	names := append(shippedRecipes(), binding.Names(documented())...)
	for _, g := range script.Globals() {
		names = append(names, g.Name)
	}
	return names
}

func docRecipe(b *strings.Builder, name string, r *script.Recipe) {
	fmt.Fprintf(b, "Recipe %s\n\n%s\n", name, strings.TrimSpace(r.Doc))
	if len(r.Params) > 0 {
		b.WriteString("\nParameters\n")
	}
	for _, p := range r.Params {
		fmt.Fprintf(b, "  %s\n      %s\n", p.Synopsis(), p.Doc)
	}
	if len(r.Example) > 0 {
		fmt.Fprintf(b, "\nOn simulated machines (bsdrun %s sim:) required parameters have example values.\n", name)
	}
}

// search lists what has all of the words in its name or in its documentation.
func (c *cli) search(words []string) (string, error) {
	var found []string
	add := func(name, doc, rest string) {
		text := strings.ToLower(name + " " + doc + " " + rest)
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, strings.ToLower(w)) }) {
			found = append(found, fmt.Sprintf("%s\t%s", name, firstSentence(doc)))
		}
	}
	for _, name := range shippedRecipes() {
		program, err := compileNamed(name)
		if err != nil {
			return "", err
		}
		add(name, program.Recipe.Doc, "")
	}
	for _, m := range documented() {
		add(m.Name, m.Doc, "")
	}
	for _, e := range binding.Entries(documented()) {
		rest := ""
		for _, p := range e.Params() {
			rest += " " + p.Name + " " + p.Doc
		}
		add(e.Name(), e.Func.Doc, rest)
	}
	for _, g := range script.Globals() {
		add(g.Name, g.Doc, "")
	}
	if len(found) == 0 {
		return "", effect.WithHint(usage("nothing has %q in its documentation", strings.Join(words, " ")), "fewer words find more; bsdrun list shows recipes and modules")
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, line := range found {
		_, _ = fmt.Fprintln(w, line)
	}
	err := w.Flush() // before the text is taken
	return b.String(), err
}

// documented are the modules of scripts and of tests.
func documented() []binding.Module { return append(stdlib.Modules(), rehearse.Modules()...) }
