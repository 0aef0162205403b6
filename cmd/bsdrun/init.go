package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/gen"
)

// beginning is what a new project holds.
//
//go:embed all:beginning
var beginning embed.FS

// initCommand is bsdrun init [FOLDER].
func (c *cli) initCommand() *cobra.Command {
	renew := false
	cmd := &cobra.Command{
		Use:   "init [FOLDER]",
		Short: "Begin a project: an inventory, a recipe, its test, editor settings",
		Long: `init begins a project in a folder (default: this one): an inventory, a recipe,
its test, settings and stubs for editors that speak to the Lua language server,
and a README. Nothing that is there is overwritten: where one of the files
exists, nothing is written at all.

In a project that is there already, init --stubs brings the editor's stubs up
to date after bsdrun was.`,
		Example: `  bsdrun init site
  bsdrun init --stubs`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			folder := "."
			if len(args) == 1 {
				folder = args[0]
			}
			if renew {
				return c.renewStubs(folder)
			}
			return c.initProject(folder)
		},
	}
	cmd.Flags().BoolVar(&renew, "stubs", false, "renew the editor's stubs alone")
	return cmd
}

// initProject writes a new project, or nothing.
func (c *cli) initProject(folder string) error {
	files, err := newProject()
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return effect.WithHint(usage("%s exists already: nothing was written", path), "choose another folder; bsdrun init --stubs renews the editor's stubs alone")
		}
	}
	if err := writeAll(folder, files); err != nil {
		return err
	}
	in := ""
	if folder != "." {
		in = fmt.Sprintf("  cd %s\n", folder)
	}
	_, err = fmt.Fprintf(c.out, `A project is in %s. Next:

%s  bsdrun banner.lua sim: -p text=Hello   # try the recipe on a simulated machine
  bsdrun test                            # run its tests
  bsdrun lint                            # look for mistakes

After filling in inventory.toml, read the real hosts and change nothing:

  bsdrun -i inventory.toml check banner.lua web

README.md tells more.
`, folder, in)
	return err
}

// newProject are the files of a new project by name.
func newProject() (map[string][]byte, error) {
	files := stubs()
	err := fs.WalkDir(beginning, "beginning", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := beginning.ReadFile(name)
		files[strings.TrimPrefix(name, "beginning/")] = text
		return err
	})
	return files, err
}

// stubs are the editor's stubs of everything that scripts and tests have.
func stubs() map[string][]byte {
	files := map[string][]byte{}
	for name, text := range gen.Stubs(documented()) {
		files[stubFolder+"/"+name] = text
	}
	return files
}

// renewStubs brings a project's stubs up to date.
func (c *cli) renewStubs(folder string) error {
	if !isDirectory(filepath.Join(folder, stubFolder)) {
		return effect.WithHint(usage("%s has no folder %s", folder, stubFolder), "bsdrun init begins a project that has it")
	}
	files := stubs()
	if err := writeAll(folder, files); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c.out, "%d stubs are up to date in %s\n", len(files), filepath.Join(folder, stubFolder))
	return err
}

func writeAll(folder string, files map[string][]byte) error {
	for name, text := range files {
		path := filepath.Join(folder, filepath.FromSlash(name))
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = os.WriteFile(path, text, 0o644)
		}
		if err != nil {
			return effect.WithHint(usage("%s cannot be written: %v", path, effect.FileTrouble(err)), "name a folder that you may write: bsdrun init FOLDER")
		}
	}
	return nil
}
