package zpoolsim

import (
	_ "embed"
	"strings"

	"bsdrun/runtime/sim"
)

// compatibilityLists are the files of compatibility.d, a line each: the release
// that brought it, its name and comment, and after a colon the features; a name
// after + stands for those of another file.
//
//go:embed compatibility.txt
var compatibilityLists string

const compatibilityDir = "/usr/share/zfs/compatibility.d"

// compatibilityFiles are the files in compatibility.d, by the release that
// brought them.
func compatibilityFiles() []*sim.Tool {
	var tools []*sim.Tool
	lists := map[string][]string{}
	bySince := map[string]*sim.Tool{}
	for line := range strings.Lines(compatibilityLists) {
		head, words, _ := strings.Cut(strings.TrimSpace(line), ":")
		f := strings.SplitN(head, " ", 3)
		since, name, comment := f[0], f[1], f[2]
		for _, word := range strings.Fields(words) {
			if base, is := strings.CutPrefix(word, "+"); is {
				lists[name] = append(lists[name], lists[base]...)
			} else {
				lists[name] = append(lists[name], word)
			}
		}
		t := bySince[since]
		if t == nil {
			t = &sim.Tool{Name: "compatibility.d of " + since, Since: since, Files: map[string]string{}}
			bySince[since] = t
			tools = append(tools, t)
		}
		t.Files[compatibilityDir+"/"+name] = "# " + comment + "\n" + strings.Join(lists[name], "\n") + "\n"
	}
	return tools
}
