package script

import (
	"context"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// Vocabulary are the names that every script knows besides its host's and its
// modules': of a library also what it has, in the order of the alphabet.
func Vocabulary() map[string][]string {
	v := newVM(context.Background(), &Program{}, newSandbox("", nil, nil, nil))
	defer v.close()
	words := map[string][]string{}
	add := func(library, name string) { words[library] = append(words[library], name) }
	v.makeGlobals(v.state)
	v.globals().ForEach(func(key, value lua.LValue) {
		words[key.String()] = nil
		if table, ok := value.(*lua.LTable); ok && key.String() != "_G" {
			table.ForEach(func(name, _ lua.LValue) { add(key.String(), name.String()) })
		}
	})
	for _, g := range globals {
		if library, name, dotted := strings.Cut(g.Name, "."); dotted {
			add(library, name)
		} else if _, known := words[g.Name]; !known {
			words[g.Name] = nil
		}
	}
	for name := range words {
		slices.Sort(words[name])
		words[name] = slices.Compact(words[name])
	}
	return words
}

// Instead says where to turn in the place of a name that scripts do not have;
// empty for any other name.
func Instead(name string) string { return closedDoors[name] }

// IsRecipe tells whether a source declares a recipe; any other is an ad hoc
// script, or a file that recipes require.
func IsRecipe(name string, source []byte) bool {
	chunk, err := parseChunk(name, source)
	return err == nil && isRecipe(chunk)
}
