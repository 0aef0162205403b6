package gitsim

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/filemode"
)

// minimalSimilarity is the part of a file, in percent, that makes it the same one
// under another name.
const minimalSimilarity = 50

// renames joins pairs of a removed and an added file into one entry: the same
// content first, similar content then.
func (d deltas) renames() deltas {
	var gone, fresh []int
	for i, x := range d {
		switch {
		case x.status == 'D' && x.old.mode != filemode.Submodule:
			gone = append(gone, i)
		case x.status == 'A' && x.new.mode != filemode.Submodule && len(x.newText) > 0:
			fresh = append(fresh, i)
		}
	}
	if len(gone) == 0 || len(fresh) == 0 {
		return d
	}
	partner := map[int]int{} // of an added file: the removed one
	score := map[int]int{}
	taken := map[int]bool{}
	for _, exact := range []bool{true, false} {
		for _, a := range fresh {
			if _, done := partner[a]; done {
				continue
			}
			best, bestScore := -1, 0
			for _, g := range gone {
				if taken[g] {
					continue
				}
				s := 100
				if d[g].old.hash != d[a].new.hash {
					if exact {
						continue
					}
					s = similarity(d[g].oldText, d[a].newText)
				}
				if s >= minimalSimilarity && (s > bestScore || s == bestScore && baseName(d[g].name) == baseName(d[a].name)) {
					best, bestScore = g, s
				}
			}
			if best >= 0 {
				partner[a], score[a], taken[best] = best, bestScore, true
			}
		}
	}
	var out deltas
	for i, x := range d {
		if taken[i] {
			continue
		}
		if g, ok := partner[i]; ok {
			x.status, x.from, x.score = 'R', d[g].name, score[i]
			x.old, x.oldText = d[g].old, d[g].oldText
		}
		out = append(out, x)
	}
	return out
}

func baseName(s string) string { return s[strings.LastIndexByte(s, '/')+1:] }

// similarity is the part of the larger text, in percent, that both share, line by
// line.
func similarity(a, b []byte) int {
	size := max(len(a), len(b))
	if size == 0 {
		return 100
	}
	if min(len(a), len(b))*100 < size*minimalSimilarity {
		return 0
	}
	count := map[string]int{}
	for _, l := range bytes.SplitAfter(a, []byte("\n")) {
		count[string(l)]++
	}
	shared := 0
	for _, l := range bytes.SplitAfter(b, []byte("\n")) {
		if count[string(l)] > 0 {
			count[string(l)]--
			shared += len(l)
		}
	}
	return shared * 100 / size
}

// renameName is "old => new" with what both share taken out, as diffstat and
// summary print it.
func renameName(from, to string) string {
	prefix := 0
	for i := 0; i < min(len(from), len(to)) && from[i] == to[i]; i++ {
		if from[i] == '/' {
			prefix = i + 1
		}
	}
	suffix := 0
	for i := 1; i <= min(len(from), len(to))-prefix && from[len(from)-i] == to[len(to)-i]; i++ {
		if from[len(from)-i] == '/' {
			suffix = i
		}
	}
	if prefix == 0 && suffix == 0 {
		return from + " => " + to
	}
	return from[:prefix] + "{" + from[prefix:len(from)-suffix] + " => " + to[prefix:len(to)-suffix] + "}" + from[len(from)-suffix:]
}

// joinRenames turns pairs of the index into renames in a status.
func (g *git) joinRenames(changes []change) ([]change, error) {
	left, right := map[string]entry{}, map[string]entry{}
	for _, c := range changes {
		if c.x == 'D' && c.y == '.' {
			left[c.path] = c.head
		}
		if c.x == 'A' {
			right[c.path] = c.index
		}
	}
	if len(left) == 0 || len(right) == 0 {
		return changes, nil
	}
	d, err := g.compareSets(left, right, false)
	if err != nil {
		return nil, err
	}
	for _, x := range d.renames() {
		if x.status != 'R' {
			continue
		}
		changes = slices.DeleteFunc(changes, func(c change) bool { return c.path == x.from && c.x == 'D' })
		for i := range changes {
			if changes[i].path == x.name {
				changes[i].x, changes[i].from, changes[i].score, changes[i].head = 'R', x.from, x.score, x.old
			}
		}
	}
	return changes, nil
}
