// Package gen writes what is generated from the declarations of modules: the
// reference under docs/reference and the editor stubs under recipes/_meta.
package gen

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bsdrun/runtime/binding"
)

// Folders of generated files, relative to the root of the repository.
const (
	referenceFolder = "docs/reference"
	stubFolder      = "recipes/_meta"
)

// mark is in every generated file, near its top; files without it are not ours.
const mark = "generated from the declarations of modules; do not edit"

// Write brings the generated files below dir, the root of the repository, up to
// date and removes those that nothing generates any more.
func Write(dir string, modules []binding.Module) error {
	files := Files(modules)
	for _, name := range sortedNames(files) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			return err
		}
	}
	var errs []error
	for _, name := range leftovers(dir, files) {
		errs = append(errs, os.Remove(filepath.Join(dir, name)))
	}
	return errors.Join(errs...)
}

// Stale lists the generated files below dir that differ from the declarations,
// are missing, or are left over.
func Stale(dir string, modules []binding.Module) []string {
	files := Files(modules)
	stale := leftovers(dir, files)
	for name, want := range files {
		have, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !bytes.Equal(have, want) {
			stale = append(stale, name)
		}
	}
	slices.Sort(stale)
	return stale
}

// Files are the generated files by name.
func Files(modules []binding.Module) map[string][]byte {
	files := map[string][]byte{
		referenceFolder + "/README.md": index(modules),
		referenceFolder + "/script.md": scriptPage(),
	}
	for i := range modules {
		m := &modules[i]
		files[fmt.Sprintf("%s/%s.md", referenceFolder, m.Name)] = page(m)
	}
	for name, text := range Stubs(modules) {
		files[stubFolder+"/"+name] = text
	}
	return files
}

// leftovers are generated files that are no longer wanted.
func leftovers(dir string, files map[string][]byte) []string {
	var out []string
	for _, folder := range []string{referenceFolder, stubFolder} {
		entries, err := os.ReadDir(filepath.Join(dir, folder))
		if err != nil {
			continue
		}
		for _, entry := range entries {
			name := folder + "/" + entry.Name()
			if _, wanted := files[name]; wanted || entry.IsDir() {
				continue
			}
			content, err := os.ReadFile(filepath.Join(dir, name))
			if err == nil && bytes.Contains(content[:min(len(content), 300)], []byte(mark)) {
				out = append(out, name)
			}
		}
	}
	return out
}

func sortedNames(files map[string][]byte) []string {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// oneLine makes a text fit for a table's cell or a stub's comment.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
