package gitsim

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// delta is one file that differs.
type delta struct {
	name     string
	from     string // of a rename
	score    int    // of a rename: how much is the same, in percent
	status   byte   // A D M T R
	old, new entry
	oldText  []byte
	newText  []byte
}

// deltas is a comparison, sorted by name.
type deltas []delta

// compare lists what differs between two commits or trees; zero is nothing.
func (g *git) compare(a, b plumbing.Hash) (deltas, error) {
	left, err := g.r.treeOf(a)
	if err != nil {
		return nil, err
	}
	right, err := g.r.treeOf(b)
	if err != nil {
		return nil, err
	}
	return g.compareSets(left, right, false)
}

func (g *git) compareSets(left, right map[string]entry, rightOnDisk bool) (deltas, error) {
	var out deltas
	for _, name := range sortedNames(left, right) {
		l, inLeft := left[name]
		r, inRight := right[name]
		d := delta{name: name, old: l, new: r}
		switch {
		case inLeft && inRight && l == r:
			continue
		case !inLeft:
			d.status = 'A'
		case !inRight:
			d.status = 'D'
		default:
			d.status = changed(l, r)
		}
		var err error
		if d.oldText, err = g.content(l); err != nil {
			return nil, err
		}
		if rightOnDisk && inRight {
			if _, d.newText, err = g.diskFile(name); err != nil {
				return nil, err
			}
		} else if d.newText, err = g.content(r); err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

func (g *git) content(e entry) ([]byte, error) {
	switch e.mode {
	case 0:
		return nil, nil
	case filemode.Submodule:
		return []byte("Subproject commit " + e.hash.String() + "\n"), nil
	}
	b, err := object.GetBlob(g.r.store, e.hash)
	if err != nil {
		return nil, err
	}
	return readBlob(b)
}

// shown is the name in diffstat and summary.
func (d delta) shown() string {
	if d.status == 'R' {
		return renameName(d.from, d.name)
	}
	return quotePath(d.name, false)
}

// letter is the status, with the score of a rename.
func (d delta) letter() string {
	if d.status == 'R' {
		return fmt.Sprintf("R%03d", d.score)
	}
	return string(d.status)
}

// names are the name, or both of a rename.
func (d delta) names(form func(string) string, sep string) string {
	if d.status == 'R' {
		return form(d.from) + sep + form(d.name)
	}
	return form(d.name)
}

func (d delta) binary() bool {
	return bytes.IndexByte(head8k(d.oldText), 0) >= 0 || bytes.IndexByte(head8k(d.newText), 0) >= 0
}

func head8k(b []byte) []byte { return b[:min(len(b), 8000)] }

// counts are the lines added and removed.
func (d delta) counts() (added, removed int) {
	for _, h := range d.hunks(0) {
		for _, l := range h.Lines {
			switch l.Kind {
			case udiff.Insert:
				added++
			case udiff.Delete:
				removed++
			}
		}
	}
	return added, removed
}

func (d delta) hunks(around int) []*udiff.Hunk {
	if bytes.Equal(d.oldText, d.newText) {
		return nil
	}
	edits := udiff.Strings(string(d.oldText), string(d.newText))
	u, err := udiff.ToUnifiedDiff("a", "b", string(d.oldText), edits, around)
	if err != nil {
		return nil
	}
	return u.Hunks
}

const statWidth = 80

// stat prints the diffstat and its last line.
func (d deltas) stat(g *git) {
	if len(d) == 0 {
		return
	}
	type row struct {
		name           string
		added, removed int
		binary         bool
		from, to       int
	}
	var rows []row
	nameWidth, most, anyBinary := 0, 0, false
	for _, x := range d {
		r := row{name: x.shown(), binary: x.binary(), from: len(x.oldText), to: len(x.newText)}
		if r.binary {
			anyBinary = true
		} else {
			r.added, r.removed = x.counts()
			most = max(most, r.added+r.removed)
		}
		nameWidth = max(nameWidth, len(r.name))
		rows = append(rows, r)
	}
	number := len(fmt.Sprint(most))
	if anyBinary {
		number = max(number, 3)
	}
	graph := most
	if nameWidth+number+6+graph > statWidth {
		graph = min(graph, max(6, statWidth*3/8-number-6))
		if nameWidth > statWidth-number-6-graph {
			nameWidth = statWidth - number - 6 - graph
		} else {
			graph = statWidth - number - 6 - nameWidth
		}
	}
	scale := func(n int) int {
		if n == 0 {
			return 0
		}
		return 1 + n*(graph-1)/most
	}
	for _, r := range rows {
		name := r.name
		if len(name) > nameWidth {
			name = name[len(name)-nameWidth+3:]
			if i := strings.IndexByte(name, '/'); i >= 0 {
				name = name[i:]
			}
			name = "..." + name
		}
		if r.binary {
			g.printf(" %-*s | %*s %d -> %d bytes\n", nameWidth, name, number, "Bin", r.from, r.to)
			continue
		}
		plus, minus := r.added, r.removed
		if graph <= most {
			total := scale(plus + minus)
			if total < 2 && plus > 0 && minus > 0 {
				total = 2
			}
			if plus < minus {
				plus = scale(plus)
				minus = total - plus
			} else {
				minus = scale(minus)
				plus = total - minus
			}
		}
		bar := strings.Repeat("+", plus) + strings.Repeat("-", minus)
		if bar != "" {
			bar = " " + bar
		}
		g.printf(" %-*s | %*d%s\n", nameWidth, name, number, r.added+r.removed, bar)
	}
	d.shortstat(g)
}

func (d deltas) shortstat(g *git) {
	if len(d) == 0 {
		return
	}
	added, removed := 0, 0
	for _, x := range d {
		if !x.binary() {
			a, r := x.counts()
			added, removed = added+a, removed+r
		}
	}
	s := func(n int) string {
		if n == 1 {
			return ""
		}
		return "s"
	}
	line := fmt.Sprintf(" %d file%s changed", len(d), s(len(d)))
	if added > 0 || removed == 0 {
		line += fmt.Sprintf(", %d insertion%s(+)", added, s(added))
	}
	if removed > 0 || added == 0 {
		line += fmt.Sprintf(", %d deletion%s(-)", removed, s(removed))
	}
	g.println(line)
}

// summary prints created and deleted files and changed modes.
func (d deltas) summary(g *git) {
	for _, x := range d {
		switch {
		case x.status == 'R':
			g.printf(" rename %s (%d%%)\n", x.shown(), x.score)
		case x.status == 'A':
			g.printf(" create mode %06o %s\n", uint32(x.new.mode), quotePath(x.name, false))
		case x.status == 'D':
			g.printf(" delete mode %06o %s\n", uint32(x.old.mode), quotePath(x.name, false))
		case x.old.mode != x.new.mode:
			g.printf(" mode change %06o => %06o %s\n", uint32(x.old.mode), uint32(x.new.mode), quotePath(x.name, false))
		}
	}
}

// patch prints the unified diff.
func (d deltas) patch(g *git, around int) {
	for _, x := range d {
		a, b := quotePath("a/"+x.name, false), quotePath("b/"+x.name, false)
		if x.status == 'R' {
			a = quotePath("a/"+x.from, false)
		}
		g.printf("diff --git %s %s\n", a, b)
		oldHash, newHash := g.shortBlob(x.old), g.shortBlob(x.new)
		switch {
		case x.status == 'A':
			g.printf("new file mode %06o\n", uint32(x.new.mode))
			a = "/dev/null"
		case x.status == 'D':
			g.printf("deleted file mode %06o\n", uint32(x.old.mode))
			b = "/dev/null"
		case x.old.mode != x.new.mode:
			g.printf("old mode %06o\nnew mode %06o\n", uint32(x.old.mode), uint32(x.new.mode))
		}
		if x.status == 'R' {
			g.printf("similarity index %d%%\nrename from %s\nrename to %s\n", x.score, quotePath(x.from, false), quotePath(x.name, false))
		}
		if x.old.hash == x.new.hash {
			continue
		}
		mode := ""
		if x.old.mode == x.new.mode {
			mode = fmt.Sprintf(" %06o", uint32(x.old.mode))
		}
		g.printf("index %s..%s%s\n", oldHash, newHash, mode)
		if x.binary() {
			g.printf("Binary files %s and %s differ\n", a, b)
			continue
		}
		hunks := x.hunks(around)
		if len(hunks) == 0 {
			continue
		}
		g.printf("--- %s\n+++ %s\n", a, b)
		for _, h := range hunks {
			x.printHunk(g, h)
		}
	}
}

func (g *git) shortBlob(e entry) string {
	if e.hash.IsZero() {
		return "0000000"
	}
	return g.r.short(e.hash)
}

func (d delta) printHunk(g *git, h *udiff.Hunk) {
	from, to := 0, 0
	for _, l := range h.Lines {
		if l.Kind != udiff.Insert {
			from++
		}
		if l.Kind != udiff.Delete {
			to++
		}
	}
	span := func(start, n int) string {
		switch n {
		case 0:
			return fmt.Sprintf("%d,0", start-1)
		case 1:
			return fmt.Sprint(start)
		}
		return fmt.Sprintf("%d,%d", start, n)
	}
	if len(d.oldText) == 0 {
		h.FromLine = 1
	}
	if len(d.newText) == 0 {
		h.ToLine = 1
	}
	g.printf("@@ -%s +%s @@%s\n", span(h.FromLine, from), span(h.ToLine, to), d.function(h.FromLine))
	for _, l := range h.Lines {
		sign := " "
		switch l.Kind {
		case udiff.Insert:
			sign = "+"
		case udiff.Delete:
			sign = "-"
		}
		g.print(sign + strings.TrimSuffix(l.Content, "\n") + "\n")
		if !strings.HasSuffix(l.Content, "\n") {
			g.println("\\ No newline at end of file")
		}
	}
}

// function is the last line above a hunk that starts with a letter, as git shows
// behind the @@.
func (d delta) function(line int) string {
	lines := strings.Split(string(d.oldText), "\n")
	for i := min(line-2, len(lines)-1); i >= 0; i-- {
		if l := lines[i]; l != "" && (isLetter(l[0]) || l[0] == '_' || l[0] == '$') {
			return " " + strings.TrimRight(l[:min(len(l), 80)], " \t\r")
		}
	}
	return ""
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

const diffOptions = "name-status name-only quiet exit-code stat? shortstat numstat p,patch u s,no-patch raw cached staged z,null summary no-color color? U,unified= no-renames M,find-renames? no-ext-diff w,ignore-all-space diff-filter= relative merge-base full-index textconv a,text"

// diff is git-diff(1).
func (g *git) diff(args []string) error {
	o, err := g.parse("diff", args, diffOptions)
	if err != nil {
		return err
	}
	if err := g.open(); err != nil {
		return err
	}
	var revs, paths []string
	for i, a := range o.args {
		if !g.isRevision(a) {
			if !o.split && !g.isFile(a) {
				return ambiguous(a)
			}
			paths = o.args[i:]
			break
		}
		revs = append(revs, a)
	}
	paths = append(append([]string{}, paths...), o.paths...)
	d, err := g.diffOf(revs, o.has("cached") || o.has("staged"))
	if err != nil {
		return err
	}
	return g.showDiff(o, d.only(g.pathspecs(paths)), true)
}

func (g *git) isRevision(arg string) bool {
	if l, r, ok := strings.Cut(arg, "..."); ok {
		return g.isRevision(orHead(l)) && g.isRevision(orHead(r))
	}
	if l, r, ok := strings.Cut(arg, ".."); ok && !strings.HasPrefix(arg, ".") {
		return g.isRevision(orHead(l)) && g.isRevision(orHead(r))
	}
	_, err := g.resolve(arg)
	return err == nil
}

func orHead(s string) string {
	if s == "" {
		return "HEAD"
	}
	return s
}

func (d deltas) only(specs []string) deltas {
	if len(specs) == 0 {
		return d
	}
	var out deltas
	for _, x := range d {
		if matchesPath(x.name, specs) {
			out = append(out, x)
		}
	}
	return out
}

// diffOf compares what the revisions say: two trees, a tree and the index or the
// disk, or index and disk.
func (g *git) diffOf(revs []string, cached bool) (deltas, error) {
	if len(revs) == 1 {
		if l, r, ok := strings.Cut(revs[0], "..."); ok {
			a, err := g.resolveCommit(orHead(l))
			if err != nil {
				return nil, err
			}
			b, err := g.resolveCommit(orHead(r))
			if err != nil {
				return nil, err
			}
			bases := g.mergeBases(a.Hash, b.Hash)
			if len(bases) == 0 {
				return nil, fatal("%s: no merge base", revs[0])
			}
			return g.compare(bases[0], b.Hash)
		}
		if l, r, ok := strings.Cut(revs[0], ".."); ok {
			revs = []string{orHead(l), orHead(r)}
		}
	}
	var at []plumbing.Hash
	for _, rev := range revs {
		h, err := g.resolve(rev)
		if err != nil {
			return nil, err
		}
		at = append(at, h)
	}
	if len(at) >= 2 {
		return g.compare(at[0], at[1])
	}
	if g.r.worktree == "" {
		return nil, fatal("this operation must be run in a work tree")
	}
	idx, err := g.index()
	if err != nil {
		return nil, err
	}
	in := staged(idx)
	if cached {
		h := g.r.head().hash
		if len(at) == 1 {
			h = at[0]
		}
		left, err := g.r.treeOf(h)
		if err != nil {
			return nil, err
		}
		return g.compareSets(left, in, false)
	}
	disk, err := g.onDisk(idx)
	if err != nil {
		return nil, err
	}
	if len(at) == 0 {
		return g.compareSets(in, disk, true)
	}
	left, err := g.r.treeOf(at[0])
	if err != nil {
		return nil, err
	}
	return g.compareSets(left, disk, true)
}

// showDiff prints a comparison in the form asked for.
func (g *git) showDiff(o *options, d deltas, patchByDefault bool) error {
	d = d.filter(o.get("diff-filter"))
	if !o.has("no-renames") && (patchByDefault || o.has("find-renames") || o.has("stat") || o.has("patch")) {
		d = d.renames()
	}
	shown := g.showLists(o, d)
	for _, form := range []struct {
		name  string
		print func(*git)
	}{{"stat", d.stat}, {"shortstat", d.shortstat}, {"summary", d.summary}} {
		if o.has(form.name) {
			shown = true
			form.print(g)
		}
	}
	if o.has("patch") || o.has("u") || o.has("unified") || !shown && patchByDefault && !o.has("quiet") && !o.has("no-patch") {
		around := 3
		if o.has("unified") {
			_, _ = fmt.Sscan(o.get("unified"), &around)
		}
		if shown && len(d) > 0 {
			g.println("")
		}
		d.patch(g, around)
	}
	if (o.has("quiet") || o.has("exit-code")) && len(d) > 0 {
		return quiet(1)
	}
	return nil
}

// filter keeps the states of --diff-filter; small letters leave theirs out.
func (d deltas) filter(letters string) deltas {
	if letters == "" {
		return d
	}
	without := strings.Trim(letters, "abcdefghijklmnopqrstuvwxyz") == ""
	var kept deltas
	for _, x := range d {
		if strings.IndexByte(letters, x.status) >= 0 || without && strings.IndexByte(strings.ToUpper(letters), x.status) < 0 {
			kept = append(kept, x)
		}
	}
	return kept
}

// showLists prints the forms of one line a file, and tells whether any was asked
// for.
func (g *git) showLists(o *options, d deltas) bool {
	end, sep := "\n", "\t"
	name := func(s string) string { return quotePath(s, false) }
	if o.has("null") {
		end, sep = "\x00", "\x00"
		name = func(s string) string { return s }
	}
	shown := false
	for _, form := range []struct {
		name string
		line func(x delta) string
	}{
		{"raw", func(x delta) string {
			return fmt.Sprintf(":%06o %06o %s %s %s%s%s", uint32(x.old.mode), uint32(x.new.mode), g.shortBlob(x.old), g.shortBlob(x.new), x.letter(), sep, x.names(name, sep))
		}},
		{"name-status", func(x delta) string { return x.letter() + sep + x.names(name, sep) }},
		{"name-only", func(x delta) string { return name(x.name) }},
		{"numstat", func(x delta) string {
			if x.binary() {
				return "-\t-\t" + name(x.name)
			}
			a, r := x.counts()
			shown := name(x.name)
			if x.status == 'R' && end == "\n" {
				shown = x.shown()
			}
			return fmt.Sprintf("%d\t%d\t%s", a, r, shown)
		}},
	} {
		if !o.has(form.name) {
			continue
		}
		shown = true
		for _, x := range d {
			g.print(form.line(x) + end)
		}
	}
	return shown
}

// diffIndex is git-diff-index(1).
func (g *git) diffIndex(args []string) error {
	o, err := g.parse("diff-index", args, diffOptions)
	if err != nil {
		return err
	}
	if err := g.open(); err != nil {
		return err
	}
	if len(o.args) == 0 {
		return &failure{129, "usage: git diff-index [-m] [--cached] [--merge-base] [<common-diff-options>] <tree-ish> [<path>...]\n"}
	}
	d, err := g.diffOf(o.args[:1], o.has("cached"))
	if err != nil {
		return err
	}
	return g.showDiff(rawByDefault(o), d.only(g.pathspecs(append(o.args[1:], o.paths...))), false)
}

func rawByDefault(o *options) *options {
	for _, form := range []string{"name-status", "name-only", "quiet", "stat", "shortstat", "numstat", "patch", "u", "summary", "no-patch"} {
		if o.has(form) {
			return o
		}
	}
	o.set["raw"] = []string{""}
	return o
}

// diffTree is git-diff-tree(1).
func (g *git) diffTree(args []string) error {
	o, err := g.parse("diff-tree", args, diffOptions+" r t root no-commit-id v m c pretty? format=")
	if err != nil {
		return err
	}
	if err := g.open(); err != nil {
		return err
	}
	var d deltas
	switch {
	case len(o.args) >= 2 && g.isRevision(o.args[1]):
		if d, err = g.diffOf(o.args[:2], false); err != nil {
			return err
		}
		d = d.only(g.pathspecs(append(o.args[2:], o.paths...)))
	case len(o.args) >= 1:
		c, err := g.resolveCommit(o.args[0])
		if err != nil {
			return err
		}
		parents := g.parents(c)
		if len(parents) == 0 && !o.has("root") || len(parents) > 1 {
			return nil
		}
		parent := plumbing.ZeroHash
		if len(parents) == 1 {
			parent = parents[0]
		}
		if d, err = g.compare(parent, c.Hash); err != nil {
			return err
		}
		if !o.has("no-commit-id") {
			g.println(c.Hash.String())
		}
	default:
		return &failure{129, "usage: git diff-tree [<options>] <tree-ish> [<tree-ish>] [<path>...]\n"}
	}
	if !o.has("r") && !o.has("patch") {
		d = collapse(d)
	}
	return g.showDiff(rawByDefault(o), d, false)
}

// collapse shows directories instead of the files below them.
func collapse(d deltas) deltas {
	var out deltas
	seen := map[string]bool{}
	for _, x := range d {
		if top, _, nested := strings.Cut(x.name, "/"); nested {
			if !seen[top] {
				seen[top] = true
				out = append(out, delta{name: top, status: 'M', old: entry{mode: filemode.Dir}, new: entry{mode: filemode.Dir}})
			}
			continue
		}
		out = append(out, x)
	}
	return out
}
