package main

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"bsdrun/recipes"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/spelling"
)

// source is the script of a run.
type source struct {
	name string // shown in errors and reports
	text []byte
	root string // the folder that require and templates reach; empty for embedded recipes
	// files are what an embedded recipe loads.
	files map[string][]byte
}

// findRecipe reads a recipe: a file, or the name of an embedded one with or
// without its folder and ending ("poudriere", "recipes/poudriere.lua").
func findRecipe(name string) (source, error) {
	text, err := os.ReadFile(name)
	switch {
	case err == nil:
		root, err := filepath.Abs(filepath.Dir(name))
		return source{name: name, text: text, root: root}, err
	case !errors.Is(err, fs.ErrNotExist) && !isDirectory(name):
		return source{}, usage("cannot read %s: %v", name, effect.FileTrouble(err))
	}
	embedded := strings.TrimSuffix(strings.TrimPrefix(name, "recipes/"), ".lua") + ".lua"
	if path.Base(embedded) == embedded {
		if text, err := recipes.Files.ReadFile(embedded); err == nil {
			return source{name: "recipes/" + embedded, text: text, files: recipes.Library()}, nil
		}
	}
	switch {
	case isDirectory(name):
		return source{}, effect.WithHint(usage("%s is a folder, not a recipe", name), "name the file in it, or a recipe of bsdrun list")
	case strings.Contains(name, ":"):
		return source{}, effect.WithHint(usage("there is no recipe %s; it looks like a host", name), "the recipe stands before the hosts: bsdrun facts %s", name)
	case name == "run":
		return source{}, effect.WithHint(usage("there is no command run"), "a recipe is run by its name or file: bsdrun facts sim:")
	}
	if near := similarRecipe(name); near != "" {
		return source{}, effect.WithHint(usage("there is no recipe %s; did you mean %s?", name, near), "bsdrun list shows the shipped recipes")
	}
	if near := similarCommand(name); near != "" {
		return source{}, effect.WithHint(usage("there is no recipe %s; did you mean the command %s?", name, near), "bsdrun %s --help", near)
	}
	return source{}, effect.WithHint(usage("there is no recipe %s, neither as a file nor among the shipped ones", name),
		"bsdrun list shows the shipped recipes; -e 'CODE' runs a script from the command line")
}

// similarRecipe is a file of that name with its ending, or a shipped recipe of nearly
// that name; empty: there is none.
func similarRecipe(name string) string {
	if info, err := os.Stat(name + ".lua"); err == nil && !info.IsDir() {
		return name + ".lua"
	}
	return spelling.Nearest(name, shippedRecipes())
}

// similarCommand is a command of nearly that name; empty: there is none.
func similarCommand(name string) string {
	var names []string
	for _, cmd := range commandsOf(new(cli).command()) {
		names = append(names, cmd.Name())
	}
	return spelling.Nearest(name, names)
}

func isDirectory(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}
