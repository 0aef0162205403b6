package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"bsdrun/recipes"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/rehearse"
	"bsdrun/runtime/script"
	"bsdrun/stdlib"
)

// testFlags are those of bsdrun test.
type testFlags struct {
	run         string
	parallel    int
	timeout     time.Duration
	junit       string
	coverage    bool
	html, lcov  string
	minCoverage float64
	verbose     bool
}

// testCommand is bsdrun test.
func (c *cli) testCommand() *cobra.Command {
	f := &testFlags{}
	cmd := &cobra.Command{
		Use:   "test [FILE | FOLDER | RECIPE]...",
		Short: "Run the tests of recipes on simulated machines",
		Long: `test runs the tests of recipes: what test() declares in NAME_test.lua beside
NAME.lua. Each test arranges simulated machines, runs the recipe on them, and
checks what came of it. Without a name all tests of the folder and those below
it are run. bsdrun doc rehearse, and bsdrun doc expect.equal and its like, tell
what a test may do.

The exit code is 2 when a test failed, 5 when a file of tests is wrong or fewer
lines ran than --min-coverage asks for, else 0.`,
		Example: `  bsdrun test
  bsdrun test recipes --run 'degraded' -v
  bsdrun test --cover-html coverage.html --min-coverage 90 --junit tests.xml`,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return shippedRecipes(), cobra.ShellCompDirectiveDefault
		},
		RunE: func(cmd *cobra.Command, args []string) error { return c.test(cmd.Context(), args, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.run, "run", "", "only tests whose name this regular `expression` matches; FILE: NAME is looked at, too")
	flags.IntVar(&f.parallel, "parallel", 0, "tests at once (default: as many as there are processors)")
	flags.DurationVar(&f.timeout, "timeout", 5*time.Minute, "a test fails that takes longer; time of simulated machines does not count")
	flags.StringVar(&f.junit, "junit", "", "write the results to this `file`, as build servers read them")
	flags.BoolVar(&f.coverage, "coverage", false, "tell which lines of the recipes ran")
	flags.StringVar(&f.html, "cover-html", "", "write the recipes' lines, coloured, to this `file`")
	flags.StringVar(&f.lcov, "cover-lcov", "", "write which lines ran to this `file`, as lcov and editors read it")
	flags.Float64Var(&f.minCoverage, "min-coverage", 0, "fail when fewer `percent` of the recipes' lines ran")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "name every test, with what it told")
	return cmd
}

func (c *cli) test(ctx context.Context, args []string, f *testFlags) error {
	files, err := testFiles(args)
	if err != nil {
		return err
	}
	o := rehearse.Options{
		Files: files, Modules: stdlib.Modules(), Tools: stdlib.Tools(), Parallel: f.parallel, Timeout: f.timeout, Find: findTested,
	}
	if f.run != "" {
		if o.Run, err = regexp.Compile(f.run); err != nil {
			return usage("--run: %v", err)
		}
	}
	covers := f.coverage || f.html != "" || f.lcov != "" || f.minCoverage > 0
	if covers {
		o.Cover = &script.Coverage{}
	}
	o.Done = func(r rehearse.Result) { c.tellTest(r, f.verbose) }
	began := time.Now()
	results, err := rehearse.Test(ctx, o)
	if err != nil {
		return err
	}
	failed := c.tellTests(results, time.Since(began))
	if f.junit != "" {
		if err := writeFile("--junit", f.junit, func(w io.Writer) error { return rehearse.JUnit(w, results) }); err != nil {
			return err
		}
	}
	enough := true
	if covers {
		if enough, err = c.tellCoverage(o.Cover, files, f); err != nil {
			return err
		}
	}
	switch {
	case failed > 0:
		return exitCode(effect.Failed.Exit())
	case !enough:
		return exitCode(effect.Script.Exit())
	case len(results) == 0:
		return usage("no test has a name that %q matches", f.run)
	}
	return nil
}

// tellTest tells of one test: of one that passed only when asked to.
func (c *cli) tellTest(r rehearse.Result, verbose bool) {
	switch {
	case r.Outcome == rehearse.Failed:
		_, _ = fmt.Fprintf(c.out, "FAIL  %s: %s\n%s", r.File, r.Name, indented(r.Report()))
	case verbose && r.Outcome == rehearse.Skipped:
		_, _ = fmt.Fprintf(c.out, "skip  %s: %s (%v)\n", r.File, r.Name, r.Err)
	case verbose:
		_, _ = fmt.Fprintf(c.out, "ok    %s: %s (%.2fs)\n", r.File, r.Name, r.Took.Seconds())
		for _, line := range r.Output {
			_, _ = fmt.Fprintf(c.out, "      %s\n", line)
		}
	}
}

func indented(text string) string {
	return "      " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n      ") + "\n"
}

// tellTests sums up, and counts those that failed.
func (c *cli) tellTests(results []rehearse.Result, took time.Duration) int {
	count := map[string]int{}
	for _, r := range results {
		count[r.Outcome]++
	}
	text := fmt.Sprintf("%d passed, %d failed", count[rehearse.Passed], count[rehearse.Failed])
	if count[rehearse.Skipped] > 0 {
		text += fmt.Sprintf(", %d skipped", count[rehearse.Skipped])
	}
	_, _ = fmt.Fprintf(c.out, "%s in %.1fs\n", text, took.Seconds())
	return count[rehearse.Failed]
}

// tellCoverage shows what ran of the recipes, and tells whether that is enough.
func (c *cli) tellCoverage(cover *script.Coverage, files []rehearse.File, f *testFlags) (enough bool, err error) {
	covered := rehearse.Cover(cover, func(name string) string { return coveredName(files, name) })
	if err := rehearse.CoverageText(c.out, covered); err != nil {
		return false, err
	}
	for _, to := range []struct {
		flag, file string
		write      func(io.Writer, []rehearse.FileCoverage) error
	}{{"--cover-html", f.html, rehearse.CoverageHTML}, {"--cover-lcov", f.lcov, rehearse.CoverageLCOV}} {
		if to.file == "" {
			continue
		}
		if err := writeFile(to.flag, to.file, func(w io.Writer) error { return to.write(w, covered) }); err != nil {
			return false, err
		}
	}
	if got := rehearse.Percent(covered); got < f.minCoverage {
		_, _ = fmt.Fprintf(c.err, "bsdrun: %.1f%% of the lines ran, --min-coverage asks for %g%%\n", got, f.minCoverage)
		return false, nil
	}
	return true, nil
}

// coveredName is the path of a file that tests ran: a recipe has its own, what it
// requires is found beside one of them.
func coveredName(files []rehearse.File, name string) string {
	if strings.ContainsRune(name, '/') && !strings.HasPrefix(name, "lib/") {
		return name
	}
	for _, f := range files {
		folder := path.Dir(filepath.ToSlash(f.Name))
		for _, beside := range []string{path.Join(folder, name), path.Join(folder, "lib", name)} {
			if _, err := os.Stat(filepath.FromSlash(beside)); err == nil && f.Root != "" {
				return beside
			}
			if _, has := f.Files[strings.TrimPrefix(beside, folder+"/")]; has {
				return beside
			}
		}
	}
	return name
}

func writeFile(flag, name string, write func(io.Writer) error) error {
	file, err := os.Create(name)
	if err != nil {
		return usage("%s: %v", flag, err)
	}
	return errors.Join(write(file), file.Close())
}

// testFiles are the files of tests that the command line names.
func testFiles(args []string) ([]rehearse.File, error) {
	if len(args) == 0 {
		args = []string{"."}
	}
	var files []rehearse.File
	for _, name := range args {
		var sources []source
		if isDirectory(name) {
			all, err := luaFiles(name)
			if err != nil {
				return nil, err
			}
			for _, src := range all {
				if rehearse.IsTest(src.name) {
					sources = append(sources, src)
				}
			}
			if len(sources) == 0 {
				return nil, effect.WithHint(usage("there are no tests in %s", name), "tests of NAME.lua are in NAME_test.lua beside it")
			}
		} else {
			src, err := findTests(name)
			if err != nil {
				return nil, err
			}
			sources = append(sources, src)
		}
		for _, src := range sources {
			files = append(files, rehearse.File{Name: src.name, Source: src.text, Root: src.root, Files: src.files})
		}
	}
	return files, nil
}

// findTests finds a file of tests by its name, or by that of its recipe.
func findTests(name string) (source, error) {
	if !rehearse.IsTest(name) {
		name = strings.TrimSuffix(name, ".lua") + "_test.lua"
	}
	src, err := findRecipe(name)
	if err != nil {
		return source{}, effect.WithHint(usage("there are no tests %s", name), "tests of NAME.lua are in NAME_test.lua beside it")
	}
	return src, nil
}

// findTested finds a recipe beside its tests.
func findTested(tests rehearse.File, name string) (rehearse.File, error) {
	beside := path.Join(path.Dir(filepath.ToSlash(tests.Name)), name)
	if tests.Root == "" {
		text, err := fs.ReadFile(recipes.Files, name)
		return rehearse.File{Name: beside, Source: text, Files: tests.Files}, err
	}
	text, err := os.ReadFile(filepath.Join(tests.Root, filepath.FromSlash(name)))
	if err != nil {
		return rehearse.File{}, fmt.Errorf("there is no recipe %s", beside)
	}
	return rehearse.File{Name: beside, Source: text, Root: tests.Root}, nil
}
