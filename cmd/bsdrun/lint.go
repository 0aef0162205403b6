package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"bsdrun/recipes"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/lint"
	"bsdrun/runtime/rehearse"
	"bsdrun/runtime/report"
	"bsdrun/runtime/script"
	"bsdrun/stdlib"
)

// lintCommand is bsdrun lint FILE...
func (c *cli) lintCommand() *cobra.Command {
	asJSON := false
	var rules strings.Builder
	for _, rule := range lint.Rules() {
		fmt.Fprintf(&rules, "  %-12s  %s\n", rule[0], rule[1])
	}
	cmd := &cobra.Command{
		Use:   "lint [FILE | FOLDER | RECIPE]...",
		Short: "Find mistakes in recipes without running them",
		Long: `lint finds mistakes in recipes, in scripts, in what they require and in tests,
without running them and without a host. Without a name it looks at all Lua
files of the folder and those below it; - is standard input.

Each finding has a rule:

` + rules.String() + `
A comment silences the findings of its line, or of the next one when it stands
alone:  -- lint: ignore RULE, RULE: why

The exit code is 5 when something was found, else 0.`,
		Example: `  bsdrun lint
  bsdrun lint recipes/poudriere.lua --json`,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return shippedRecipes(), cobra.ShellCompDirectiveDefault
		},
		RunE: func(_ *cobra.Command, args []string) error { return c.lint(args, asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print {files, findings} as JSON")
	return cmd
}

// lint looks at files and tells what it finds.
func (c *cli) lint(args []string, asJSON bool) error {
	sources, err := c.lintSources(args)
	if err != nil {
		return err
	}
	findings := []lint.Finding{}
	for _, src := range sources {
		findings = append(findings, lintSource(src)...)
	}
	if asJSON {
		encoder := json.NewEncoder(c.out)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(map[string]any{"files": len(sources), "findings": findings})
	} else {
		err = printFindings(c.out, c.err, len(sources), findings)
	}
	if err == nil && len(findings) > 0 {
		return exitCode(effect.Script.Exit())
	}
	return err
}

func printFindings(out, errOut io.Writer, files int, findings []lint.Finding) error {
	for _, f := range findings {
		if _, err := fmt.Fprintln(out, f); err != nil {
			return err
		}
	}
	if len(findings) > 0 {
		_, err := fmt.Fprintf(errOut, "%s in %s\n", report.Plural(len(findings), "finding"), report.Plural(files, "file"))
		return err
	}
	_, err := fmt.Fprintf(errOut, "%s, nothing found\n", report.Plural(files, "file"))
	return err
}

// lintSources are the files that the command line names.
func (c *cli) lintSources(args []string) ([]source, error) {
	if len(args) == 0 {
		args = []string{"."}
	}
	var all []source
	for _, name := range args {
		if name == "-" {
			text, err := io.ReadAll(c.in)
			if err != nil {
				return nil, err
			}
			root, err := os.Getwd()
			if err != nil {
				return nil, err
			}
			all = append(all, source{name: "-", text: text, root: root})
			continue
		}
		if !isDirectory(name) {
			src, err := findRecipe(name)
			if err != nil {
				return nil, err
			}
			all = append(all, src)
			continue
		}
		found, err := luaFiles(name)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, usage("there are no Lua files in %s", name)
		}
		all = append(all, found...)
	}
	return all, nil
}

// luaFiles are the scripts in a folder and below it, but for editors' stubs and
// hidden folders.
func luaFiles(folder string) ([]source, error) {
	var all []source
	err := filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != folder && (strings.HasPrefix(d.Name(), ".") || d.Name() == stubFolder):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(name) != ".lua":
			return nil
		}
		src, err := findRecipe(name)
		if err == nil {
			all = append(all, src)
		}
		return err
	})
	return all, err
}

// stubFolder has what editors read of bsdrun.
const stubFolder = "_meta"

// lintSource looks at one file as what it is.
func lintSource(src source) []lint.Finding {
	o := lint.Options{Kind: kindOf(src), Modules: stdlib.Modules(), Exists: src.has}
	loads := script.Options{Root: src.libraryRoot(), Files: src.files}
	switch o.Kind {
	case lint.Recipe, lint.Script:
		o.Compile = func() error {
			_, err := script.Compile(src.name, src.text, loads)
			return err
		}
	case lint.Test:
		o.Modules = append(o.Modules, rehearse.Modules()...)
		o.Compile = func() error {
			_, err := script.CompileTests(src.name, src.text, loads)
			return err
		}
	}
	return lint.Check(src.name, src.text, o)
}

func kindOf(src source) lint.Kind {
	switch {
	case rehearse.IsTest(src.name):
		return lint.Test
	case script.IsRecipe(src.name, src.text):
		return lint.Recipe
	case path.Base(path.Dir(filepath.ToSlash(src.name))) == "lib":
		return lint.Library
	default:
		return lint.Script
	}
}

// libraryRoot is the folder that a file's scripts load others from: of what is in
// lib/, the folder around that.
func (s source) libraryRoot() string {
	if s.root != "" && filepath.Base(s.root) == "lib" {
		return filepath.Dir(s.root)
	}
	return s.root
}

// has tells whether a script could load a file.
func (s source) has(name string) bool {
	if s.root == "" {
		_, err := fs.Stat(recipes.Files, path.Join("lib", name))
		return err == nil
	}
	for _, folder := range []string{s.libraryRoot(), filepath.Join(s.libraryRoot(), "lib")} {
		if _, err := os.Stat(filepath.Join(folder, filepath.FromSlash(name))); err == nil || !errors.Is(err, fs.ErrNotExist) {
			return true
		}
	}
	return false
}
