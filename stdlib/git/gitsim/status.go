package gitsim

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/gitignore"
	"github.com/go-git/go-git/v5/plumbing/format/index"
)

// change is one path of the status.
type change struct {
	path      string
	x, y      byte // as in --porcelain; '.' for unchanged
	head      entry
	index     entry
	disk      entry
	stages    [4]entry // of a conflict, by stage
	from      string   // of a rename
	score     int
	untracked bool
	ignored   bool
}

func (c change) conflict() bool {
	return c.x == 'U' || c.y == 'U' || c.x == 'A' && c.y == 'A' || c.x == 'D' && c.y == 'D'
}

// state compares HEAD, index and disk.
func (g *git) state(untracked string, ignored bool) ([]change, error) {
	idx, err := g.index()
	if err != nil {
		return nil, err
	}
	at, err := g.r.treeOf(g.r.head().hash)
	if err != nil {
		return nil, err
	}
	disk, err := g.onDisk(idx)
	if err != nil {
		return nil, err
	}
	in := staged(idx)
	var out []change
	for _, name := range sortedNames(at, in) {
		h, inHead := at[name]
		i, inIndex := in[name]
		d, exists := disk[name]
		if hasStages(idx, name) {
			continue
		}
		c := change{path: name, x: '.', y: '.', head: h, index: i, disk: d}
		switch {
		case !inHead:
			c.x = 'A'
		case !inIndex:
			c.x = 'D'
		case h != i:
			c.x = changed(h, i)
		}
		if inIndex {
			switch {
			case !exists:
				c.y = 'D'
			case d != i:
				c.y = changed(i, d)
			}
		}
		if c.x != '.' || c.y != '.' {
			out = append(out, c)
		}
	}
	out = append(out, conflicts(idx)...)
	if out, err = g.joinRenames(out); err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b change) int { return strings.Compare(a.path, b.path) })
	if untracked != "no" {
		extra, err := g.untracked(idx, untracked == "all", ignored)
		if err != nil {
			return nil, err
		}
		out = append(out, extra...)
	}
	return out, nil
}

func changed(a, b entry) byte {
	kind := func(m filemode.FileMode) filemode.FileMode {
		if m == filemode.Executable {
			return filemode.Regular
		}
		return m
	}
	if kind(a.mode) != kind(b.mode) {
		return 'T'
	}
	return 'M'
}

func hasStages(idx *index.Index, name string) bool {
	return slices.ContainsFunc(idx.Entries, func(e *index.Entry) bool { return e.Name == name && e.Stage != stageMerged })
}

// conflicts lists unmerged paths; which stages exist tells the two letters.
func conflicts(idx *index.Index) []change {
	by := map[string]*change{}
	for _, e := range idx.Entries {
		if e.Stage == stageMerged {
			continue
		}
		if by[e.Name] == nil {
			by[e.Name] = &change{path: e.Name}
		}
		by[e.Name].stages[e.Stage] = entry{e.Mode, e.Hash}
	}
	letters := map[string]string{"111": "UU", "011": "AA", "100": "DD", "110": "UD", "101": "DU", "010": "AU", "001": "UA"}
	var out []change
	for _, c := range by {
		key := ""
		for i := 1; i <= 3; i++ {
			if c.stages[i].mode == 0 {
				key += "0"
			} else {
				key += "1"
			}
		}
		xy := letters[key]
		c.x, c.y = xy[0], xy[1]
		out = append(out, *c)
	}
	return out
}

// untracked lists what the index doesn't know; a directory with nothing tracked
// below it counts as one.
func (g *git) untracked(idx *index.Index, all, ignored bool) ([]change, error) {
	tracked := map[string]bool{}
	for _, e := range idx.Entries {
		tracked[e.Name] = true
		for d := path.Dir(e.Name); d != "."; d = path.Dir(d) {
			tracked[d+"/"] = true
		}
	}
	w := untrackedWalk{g: g, tracked: tracked, all: all, ignored: ignored}
	w.patterns = g.ignorePatterns()
	if err := w.dir("", w.patterns); err != nil {
		return nil, err
	}
	return append(w.found, w.ignoredFound...), nil
}

type untrackedWalk struct {
	g                   *git
	tracked             map[string]bool
	all, ignored        bool
	patterns            []gitignore.Pattern
	found, ignoredFound []change
}

func (w *untrackedWalk) dir(rel string, patterns []gitignore.Pattern) error {
	full := path.Join(w.g.r.worktree, rel)
	if data, err := w.g.fs.ReadFile(path.Join(full, ".gitignore")); err == nil {
		patterns = append(slices.Clip(patterns), parseIgnore(string(data), rel)...)
	}
	list, err := w.g.fs.ReadDir(full)
	if err != nil {
		return err
	}
	matcher := gitignore.NewMatcher(patterns)
	for _, i := range list {
		name := path.Join(rel, i.Name)
		if i.Name == ".git" || w.tracked[name] {
			continue
		}
		hidden := matcher.Match(strings.Split(name, "/"), i.IsDir())
		switch {
		case !i.IsDir() && hidden:
			w.ignore(name)
		case !i.IsDir():
			w.found = append(w.found, change{path: name, x: '?', y: '?', untracked: true})
		case w.tracked[name+"/"]:
			if err := w.dir(name, patterns); err != nil {
				return err
			}
		case hidden:
			if w.g.hasFiles(path.Join(full, i.Name)) {
				w.ignore(name + "/")
			}
		case w.all && !isRepo(w.g, path.Join(full, i.Name)):
			if err := w.dir(name, patterns); err != nil {
				return err
			}
		default:
			sub := untrackedWalk{g: w.g, tracked: w.tracked, all: true, ignored: true}
			if err := sub.dir(name, patterns); err != nil {
				return err
			}
			if len(sub.found) > 0 || isRepo(w.g, path.Join(full, i.Name)) {
				w.found = append(w.found, change{path: name + "/", x: '?', y: '?', untracked: true})
			}
			if len(sub.found) == 0 && len(sub.ignoredFound) > 0 {
				w.ignore(name + "/")
			} else if w.ignored {
				w.ignoredFound = append(w.ignoredFound, sub.ignoredFound...)
			}
		}
	}
	return nil
}

func isRepo(g *git, dir string) bool {
	_, _, ok := discoverAt(g.fs, dir)
	return ok
}

func (w *untrackedWalk) ignore(name string) {
	if w.ignored {
		w.ignoredFound = append(w.ignoredFound, change{path: name, x: '!', y: '!', ignored: true})
	}
}

func (g *git) hasFiles(dir string) bool {
	list, err := g.fs.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, i := range list {
		if !i.IsDir() || g.hasFiles(path.Join(dir, i.Name)) {
			return true
		}
	}
	return false
}

func (g *git) ignorePatterns() []gitignore.Pattern {
	var out []gitignore.Pattern
	if file, ok := g.get("core.excludesfile"); ok {
		file = strings.Replace(file, "~", g.p.Getenv("HOME"), 1)
		if data, err := g.fs.ReadFile(g.abs(file)); err == nil {
			out = append(out, parseIgnore(string(data), "")...)
		}
	}
	if data, err := g.fs.ReadFile(path.Join(g.r.commonDir, "info/exclude")); err == nil {
		out = append(out, parseIgnore(string(data), "")...)
	}
	return out
}

func parseIgnore(text, dir string) []gitignore.Pattern {
	var domain []string
	if dir != "" {
		domain = strings.Split(dir, "/")
	}
	var out []gitignore.Pattern
	for _, line := range strings.Split(text, "\n") {
		if line = strings.TrimRight(line, " \t\r"); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		out = append(out, gitignore.ParsePattern(line, domain))
	}
	return out
}

// status is git-status(1).
func (g *git) status(args []string) error {
	o, err := g.parse("status", args, "s,short b,branch porcelain? long u,untracked-files? z,null ignored? v,verbose ahead-behind renames ignore-submodules? show-stash")
	if err != nil {
		return err
	}
	if err := g.needWorktree(); err != nil {
		return err
	}
	untracked := "normal"
	if v, ok := g.get("status.showuntrackedfiles"); ok {
		untracked = v
	}
	if o.has("untracked-files") {
		if untracked = o.get("untracked-files"); untracked == "" {
			untracked = "all"
		}
	}
	changes, err := g.state(untracked, o.has("ignored") && o.get("ignored") != "no")
	if err != nil {
		return err
	}
	changes = limit(changes, g.pathspecs(append(o.args, o.paths...)))
	format := o.get("porcelain")
	if o.has("porcelain") && format == "" || format == "1" || format == "v1" {
		format = "v1"
	}
	p := statusPrinter{g: g, end: "\n", head: g.r.head()}
	if o.has("null") {
		p.end = "\x00"
		if format == "" && !o.has("short") {
			format = "v1"
		}
	}
	switch {
	case format == "v2" || format == "2":
		p.v2(changes, o.has("branch"))
	case format == "v1" || o.has("short"):
		p.short(changes, o.has("branch"), format == "v1")
	case format != "":
		return fatal("unsupported porcelain version '%s'", format)
	default:
		p.long(changes, untracked)
	}
	return nil
}

func limit(changes []change, specs []string) []change {
	if len(specs) == 0 {
		return changes
	}
	return slices.DeleteFunc(changes, func(c change) bool { return !matchesPath(strings.TrimSuffix(c.path, "/"), specs) })
}

// pathspecs makes path arguments relative to the top of the worktree.
func (g *git) pathspecs(args []string) []string {
	var out []string
	for _, a := range args {
		if rest, ok := strings.CutPrefix(a, ":/"); ok {
			out = append(out, rest)
			continue
		}
		rel := strings.TrimPrefix(g.abs(a), strings.TrimSuffix(g.r.worktree, "/"))
		out = append(out, strings.TrimPrefix(rel, "/"))
	}
	return out
}

// matchesPath tells whether a path is one of the specs, below one, or matched by
// a pattern.
func matchesPath(name string, specs []string) bool {
	return slices.ContainsFunc(specs, func(s string) bool {
		if s == "" || s == name || strings.HasPrefix(name, strings.TrimSuffix(s, "/")+"/") {
			return true
		}
		if !strings.ContainsAny(s, "*?[") {
			return false
		}
		ok, err := path.Match(strings.ReplaceAll(s, "/", "\x00"), strings.ReplaceAll(name, "/", "\x00"))
		return err == nil && ok
	})
}

// statusPrinter writes a status in one of its forms.
type statusPrinter struct {
	g    *git
	end  string
	head head
}

// quote writes a name as git does: odd bytes in C style.
func (p statusPrinter) quote(name string, blanks bool) string {
	if p.end == "\x00" {
		return name
	}
	return quotePath(name, blanks)
}

func quotePath(name string, blanks bool) string {
	odd := blanks && strings.Contains(name, " ")
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		c := name[i]
		if k := strings.IndexByte("\a\b\t\n\v\f\r\"\\", c); k >= 0 {
			odd = true
			b.WriteByte('\\')
			b.WriteByte("abtnvfr\"\\"[k])
			continue
		}
		if c < 0x20 || c >= 0x7f {
			odd = true
			fmt.Fprintf(&b, "\\%03o", c)
			continue
		}
		b.WriteByte(c)
	}
	if !odd {
		return name
	}
	return `"` + b.String() + `"`
}

func (p statusPrinter) v2(changes []change, branch bool) {
	if branch {
		oid := "(initial)"
		if !p.head.hash.IsZero() {
			oid = p.head.hash.String()
		}
		name := "(detached)"
		if p.head.ref != "" {
			name = p.head.branch()
		}
		p.g.printf("# branch.oid %s%s# branch.head %s%s", oid, p.end, name, p.end)
		if up, ok := p.g.upstream(p.head.branch()); ok && p.head.ref != "" {
			p.g.printf("# branch.upstream %s%s", up.Short(), p.end)
			if h := p.g.r.refHash(up); !h.IsZero() && !p.head.hash.IsZero() {
				ahead, behind := p.g.aheadBehind(p.head.hash, h)
				p.g.printf("# branch.ab +%d -%d%s", ahead, behind, p.end)
			}
		}
	}
	sub := func(e ...entry) string {
		for _, x := range e {
			if x.mode == filemode.Submodule {
				return "S..."
			}
		}
		return "N..."
	}
	for _, c := range changes {
		switch {
		case c.untracked:
			p.g.printf("? %s%s", p.quote(c.path, false), p.end)
		case c.ignored:
			p.g.printf("! %s%s", p.quote(c.path, false), p.end)
		case c.conflict():
			p.g.printf("u %c%c N... %06o %06o %06o %06o %s %s %s %s%s", c.x, c.y, uint32(c.stages[1].mode), uint32(c.stages[2].mode), uint32(c.stages[3].mode),
				uint32(p.g.diskMode(c.path)), c.stages[1].hash, c.stages[2].hash, c.stages[3].hash, p.quote(c.path, false), p.end)
		case c.x == 'R':
			between := "\t"
			if p.end == "\x00" {
				between = p.end
			}
			p.g.printf("2 R%c %s %06o %06o %06o %s %s R%d %s%s%s%s", c.y, sub(c.index, c.head), uint32(c.head.mode), uint32(c.index.mode), uint32(c.disk.mode), c.head.hash, c.index.hash, c.score, p.quote(c.path, false), between, p.quote(c.from, false), p.end)
		default:
			p.g.printf("1 %c%c %s %06o %06o %06o %s %s %s%s", c.x, c.y, sub(c.index, c.head), uint32(c.head.mode), uint32(c.index.mode), uint32(c.disk.mode), c.head.hash, c.index.hash, p.quote(c.path, false), p.end)
		}
	}
}

func (g *git) diskMode(name string) filemode.FileMode {
	e, _, err := g.diskFile(name)
	if err != nil {
		return 0
	}
	return e.mode
}

func (p statusPrinter) short(changes []change, branch, porcelain bool) {
	if branch {
		p.g.print("## " + p.branchLine() + p.end)
	}
	blank := func(c byte) byte {
		if c == '.' {
			return ' '
		}
		return c
	}
	for _, c := range changes {
		name := c.path
		if !porcelain {
			name = p.g.relative(name)
		}
		shown := p.quote(name, true)
		if c.x == 'R' && p.end == "\x00" {
			shown += p.end + c.from
		} else if c.x == 'R' {
			from := c.from
			if !porcelain {
				from = p.g.relative(from)
			}
			shown = p.quote(from, true) + " -> " + shown
		}
		p.g.printf("%c%c %s%s", blank(c.x), blank(c.y), shown, p.end)
	}
}

// relative is a name of the worktree as seen from the current directory.
func (g *git) relative(name string) string {
	prefix := g.prefix()
	if prefix == "" {
		return name
	}
	if rest, ok := strings.CutPrefix(name, prefix); ok {
		if rest == "" {
			return "./"
		}
		return rest
	}
	up := ""
	for prefix != "" && !strings.HasPrefix(name, prefix) {
		up += "../"
		prefix = strings.TrimSuffix(prefix, "/")
		prefix = prefix[:strings.LastIndexByte(prefix, '/')+1]
	}
	return up + strings.TrimPrefix(name, prefix)
}

func (p statusPrinter) branchLine() string {
	switch {
	case p.head.ref == "":
		return "HEAD (no branch)"
	case p.head.hash.IsZero():
		return "No commits yet on " + p.head.branch()
	}
	line := p.head.branch()
	up, ok := p.g.upstream(line)
	if !ok {
		return line
	}
	line += "..." + up.Short()
	h := p.g.r.refHash(up)
	if h.IsZero() {
		return line + " [gone]"
	}
	var parts []string
	ahead, behind := p.g.aheadBehind(p.head.hash, h)
	if ahead > 0 {
		parts = append(parts, fmt.Sprintf("ahead %d", ahead))
	}
	if behind > 0 {
		parts = append(parts, fmt.Sprintf("behind %d", behind))
	}
	if len(parts) > 0 {
		line += " [" + strings.Join(parts, ", ") + "]"
	}
	return line
}

// trackingInfo is the sentence about the upstream, as status, checkout and switch
// print it.
func (g *git) trackingInfo(branch string, at plumbing.Hash) string {
	up, ok := g.upstream(branch)
	if !ok {
		return ""
	}
	h := g.r.refHash(up)
	if h.IsZero() {
		return fmt.Sprintf("Your branch is based on '%s', but the upstream is gone.\n  (use \"git branch --unset-upstream\" to fixup)\n", up.Short())
	}
	commits := func(n int) string {
		if n == 1 {
			return "1 commit"
		}
		return fmt.Sprintf("%d commits", n)
	}
	switch ahead, behind := g.aheadBehind(at, h); {
	case ahead == 0 && behind == 0:
		return fmt.Sprintf("Your branch is up to date with '%s'.\n", up.Short())
	case behind == 0:
		return fmt.Sprintf("Your branch is ahead of '%s' by %s.\n  (use \"git push\" to publish your local commits)\n", up.Short(), commits(ahead))
	case ahead == 0:
		return fmt.Sprintf("Your branch is behind '%s' by %s, and can be fast-forwarded.\n  (use \"git pull\" to update your local branch)\n", up.Short(), commits(behind))
	default:
		return fmt.Sprintf("Your branch and '%s' have diverged,\nand have %d and %d different commits each, respectively.\n  (use \"git pull\" to merge the remote branch into yours)\n", up.Short(), ahead, behind)
	}
}

// underWay tells of a merge that isn't finished.
func (p statusPrinter) underWay(changes []change) {
	if _, merging := p.g.mergeHead(); !merging {
		return
	}
	if slices.ContainsFunc(changes, change.conflict) {
		p.g.print("You have unmerged paths.\n  (fix conflicts and run \"git commit\")\n  (use \"git merge --abort\" to abort the merge)\n\n")
		return
	}
	p.g.print("All conflicts fixed but you are still merging.\n  (use \"git commit\" to conclude merge)\n\n")
}

func (p statusPrinter) long(changes []change, untracked string) {
	g := p.g
	if p.head.ref == "" {
		g.println("HEAD detached at " + g.r.short(p.head.hash))
	} else {
		g.println("On branch " + p.head.branch())
		if info := g.trackingInfo(p.head.branch(), p.head.hash); info != "" && !p.head.hash.IsZero() {
			g.print(info + "\n")
		}
	}
	if p.head.hash.IsZero() {
		g.print("\nNo commits yet\n\n")
	}
	p.underWay(changes)
	words := map[byte]string{'M': "modified:   ", 'A': "new file:   ", 'D': "deleted:    ", 'T': "typechange: "}
	var in, unmerged, out, extra, hidden []string
	deleted := false
	for _, c := range changes {
		name := quotePath(g.relative(c.path), false)
		switch {
		case c.untracked:
			extra = append(extra, name)
		case c.ignored:
			hidden = append(hidden, name)
		case c.conflict():
			unmerged = append(unmerged, map[string]string{"UU": "both modified:   ", "AA": "both added:      ", "DD": "both deleted:    ", "UD": "deleted by them: ", "DU": "deleted by us:   ", "AU": "added by us:     ", "UA": "added by them:   "}[string([]byte{c.x, c.y})]+name)
		default:
			if c.x == 'R' {
				in = append(in, "renamed:    "+quotePath(g.relative(c.from), false)+" -> "+name)
			} else if c.x != '.' {
				in = append(in, words[c.x]+name)
			}
			if c.y != '.' {
				out = append(out, words[c.y]+name)
				deleted = deleted || c.y == 'D'
			}
		}
	}
	section := func(title, hint string, lines []string) {
		if len(lines) == 0 {
			return
		}
		g.print(title + "\n" + hint)
		for _, l := range lines {
			g.println("\t" + l)
		}
		g.println("")
	}
	unstage := "  (use \"git restore --staged <file>...\" to unstage)\n"
	if p.head.hash.IsZero() {
		unstage = "  (use \"git rm --cached <file>...\" to unstage)\n"
	}
	add := "add"
	if deleted {
		add = "add/rm"
	}
	section("Changes to be committed:", unstage, in)
	section("Unmerged paths:", "  (use \"git add <file>...\" to mark resolution)\n", unmerged)
	section("Changes not staged for commit:", "  (use \"git "+add+" <file>...\" to update what will be committed)\n  (use \"git restore <file>...\" to discard changes in working directory)\n", out)
	section("Untracked files:", "  (use \"git add <file>...\" to include in what will be committed)\n", extra)
	section("Ignored files:", "  (use \"git add -f <file>...\" to include in what will be committed)\n", hidden)
	switch {
	case len(in) > 0:
	case len(out)+len(unmerged) > 0:
		g.println("no changes added to commit (use \"git add\" and/or \"git commit -a\")")
	case len(extra) > 0:
		g.println("nothing added to commit but untracked files present (use \"git add\" to track)")
	case p.head.hash.IsZero():
		g.println("nothing to commit (create/copy files and use \"git add\" to track)")
	case untracked == "no":
		g.println("nothing to commit (use -u to show untracked files)")
	default:
		g.println("nothing to commit, working tree clean")
	}
}
