// Package recipes carries the shipped recipes inside the binary.
package recipes

import (
	"embed"
	"io/fs"
)

// Files are the recipes, and what they share under lib/.
//
//go:embed *.lua lib
var Files embed.FS

// Library is what the recipes load with require, by path.
func Library() map[string][]byte {
	files := map[string][]byte{}
	err := fs.WalkDir(Files, "lib", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[name], err = Files.ReadFile(name)
		return err
	})
	if err != nil {
		panic(err) // the files are inside the program
	}
	return files
}
