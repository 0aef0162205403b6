package gitsim

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// subject is the first paragraph on one line.
func subject(message string) string {
	head, _, _ := strings.Cut(strings.TrimLeft(message, "\n"), "\n\n")
	return strings.TrimSpace(strings.ReplaceAll(strings.TrimRight(head, "\n"), "\n", " "))
}

func body(message string) string {
	_, rest, ok := strings.Cut(strings.TrimLeft(message, "\n"), "\n\n")
	if !ok {
		return ""
	}
	return strings.TrimLeft(rest, "\n")
}

const logDate = "Mon Jan 2 15:04:05 2006 -0700"

// dateText is a date in one of the forms of --date.
func (g *git) dateText(t time.Time, form string) (string, error) {
	switch form {
	case "", "default":
		return t.Format(logDate), nil
	case "iso", "iso8601":
		return t.Format("2006-01-02 15:04:05 -0700"), nil
	case "iso-strict", "iso8601-strict":
		s := t.Format("2006-01-02T15:04:05-07:00")
		return strings.Replace(s, "+00:00", "Z", 1), nil
	case "short":
		return t.Format("2006-01-02"), nil
	case "unix":
		return strconv.FormatInt(t.Unix(), 10), nil
	case "raw":
		return fmt.Sprintf("%d %s", t.Unix(), t.Format("-0700")), nil
	case "rfc", "rfc2822":
		return t.Format("Mon, 2 Jan 2006 15:04:05 -0700"), nil
	case "relative", "human":
		return relativeDate(g.p.Now().Sub(t)), nil
	}
	return "", g.cannot("--date=%s", form)
}

// relativeDate is git's "N units ago".
func relativeDate(d time.Duration) string {
	s := int64(d / time.Second)
	if s < 0 {
		return "in the future"
	}
	ago := func(n int64, unit string) string {
		if n == 1 {
			return "1 " + unit + " ago"
		}
		return fmt.Sprintf("%d %ss ago", n, unit)
	}
	if s < 90 {
		return ago(s, "second")
	}
	m := (s + 30) / 60
	if m < 90 {
		return ago(m, "minute")
	}
	h := (m + 30) / 60
	if h < 36 {
		return ago(h, "hour")
	}
	days := (h + 12) / 24
	switch {
	case days < 14:
		return ago(days, "day")
	case days < 70:
		return ago((days+3)/7, "week")
	case days < 365:
		return ago((days+15)/30, "month")
	}
	return ago((days+183)/365, "year")
}

// formatter prints commits as --format asks.
type formatter struct {
	g          *git
	form       string // "", oneline, short, medium, full, fuller, raw, or a template
	template   bool
	terminated bool // tformat: a newline behind each; format: between
	date       string
	short      bool
	decorate   map[plumbing.Hash][]string
	end        string
	printed    bool
}

func (g *git) newFormatter(o *options) (*formatter, error) {
	f := &formatter{g: g, form: "medium", terminated: true, date: o.get("date"), end: "\n"}
	if o.has("null") {
		f.end = "\x00"
	}
	form := o.get("format")
	if o.has("pretty") {
		form = o.get("pretty")
	}
	if o.has("oneline") {
		f.form, f.short = "oneline", true
	}
	if o.has("abbrev-commit") {
		f.short = true
	}
	switch {
	case form == "":
	case strings.HasPrefix(form, "format:"):
		f.form, f.template, f.terminated = form[7:], true, false
	case strings.HasPrefix(form, "tformat:"):
		f.form, f.template = form[8:], true
	case strings.Contains(form, "%"):
		f.form, f.template = form, true
	default:
		f.form = form
	}
	if !f.template && !slices.Contains([]string{"oneline", "short", "medium", "full", "fuller", "raw"}, f.form) {
		if slices.Contains([]string{"email", "mboxrd", "reference"}, f.form) {
			return nil, g.cannot("--format=%s", f.form)
		}
		return nil, fatal("invalid --pretty format: %s", f.form)
	}
	if _, err := g.dateText(time.Time{}, f.date); err != nil {
		return nil, err
	}
	if o.has("decorate") && o.get("decorate") != "no" || f.template && strings.Contains(f.form, "%d") || strings.Contains(f.form, "%D") {
		f.decorate = g.decorations()
	}
	return f, nil
}

// decorations lists which names point at a commit.
func (g *git) decorations() map[plumbing.Hash][]string {
	out := map[plumbing.Hash][]string{}
	at := g.r.head()
	if at.ref != "" {
		out[at.hash] = append(out[at.hash], "HEAD -> "+at.branch())
	} else {
		out[at.hash] = append(out[at.hash], "HEAD")
	}
	for _, kind := range []string{"refs/tags/", "refs/remotes/", "refs/heads/"} {
		for _, ref := range g.r.refs(kind) {
			if ref.Name() == at.ref {
				continue
			}
			h, _ := peelTag(g.r.store, g.r.refHash(ref.Name()))
			name := pretty(ref.Name())
			if kind == "refs/tags/" {
				name = "tag: " + name
			}
			out[h] = append(out[h], name)
		}
	}
	return out
}

func (f *formatter) id(h plumbing.Hash) string {
	if f.short {
		return f.g.r.short(h)
	}
	return h.String()
}

func (f *formatter) names(h plumbing.Hash) string {
	if n := f.decorate[h]; len(n) > 0 {
		return " (" + strings.Join(n, ", ") + ")"
	}
	return ""
}

// print writes one commit.
func (f *formatter) print(c *object.Commit) error {
	g := f.g
	if f.template {
		text, err := f.expand(c)
		if err != nil {
			return err
		}
		if !f.terminated && f.printed {
			g.print(f.end)
		}
		f.printed = true
		g.print(text)
		if f.terminated {
			g.print(f.end)
		}
		return nil
	}
	if f.form == "oneline" {
		g.print(f.id(c.Hash) + f.names(c.Hash) + " " + subject(c.Message) + f.end)
		f.printed = true
		return nil
	}
	if f.printed {
		g.print(f.end)
	}
	f.printed = true
	g.println("commit " + f.id(c.Hash) + f.names(c.Hash))
	who := func(s object.Signature) string { return s.Name + " <" + s.Email + ">" }
	date := func(t time.Time) string { s, _ := g.dateText(t, f.date); return s }
	if f.form == "raw" {
		g.printf("tree %s\n", c.TreeHash)
		for _, p := range c.ParentHashes {
			g.printf("parent %s\n", p)
		}
		raw := func(t time.Time) string { s, _ := g.dateText(t, "raw"); return s }
		g.printf("author %s %s\ncommitter %s %s\n", who(c.Author), raw(c.Author.When), who(c.Committer), raw(c.Committer.When))
	} else {
		if p := g.parents(c); len(p) > 1 {
			g.print("Merge:")
			for _, h := range p {
				g.print(" " + g.r.short(h))
			}
			g.println("")
		}
		switch f.form {
		case "fuller":
			g.printf("Author:     %s\nAuthorDate: %s\nCommit:     %s\nCommitDate: %s\n", who(c.Author), date(c.Author.When), who(c.Committer), date(c.Committer.When))
		case "full":
			g.printf("Author: %s\nCommit: %s\n", who(c.Author), who(c.Committer))
		case "short":
			g.printf("Author: %s\n", who(c.Author))
		default:
			g.printf("Author: %s\nDate:   %s\n", who(c.Author), date(c.Author.When))
		}
	}
	g.println("")
	text := strings.TrimRight(c.Message, "\n")
	if f.form == "short" {
		text = subject(c.Message)
	}
	for _, line := range strings.Split(text, "\n") {
		g.println(strings.TrimRight("    "+line, " "))
	}
	return nil
}

// expand fills in a template (PRETTY FORMATS of git-log(1)).
func (f *formatter) expand(c *object.Commit) (string, error) {
	var b strings.Builder
	s := f.form
	for i := 0; i < len(s); i++ {
		if s[i] != '%' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		used, err := f.placeholder(&b, c, s[i+1:])
		if err != nil {
			return "", err
		}
		if used == 0 {
			b.WriteByte('%')
		}
		i += used
	}
	return b.String(), nil
}

// placeholder writes the one that s starts with and tells its length; 0 when it's
// none.
func (f *formatter) placeholder(b *strings.Builder, c *object.Commit, s string) (int, error) {
	g := f.g
	join := func(hs []plumbing.Hash, form func(plumbing.Hash) string) string {
		var out []string
		for _, h := range hs {
			out = append(out, form(h))
		}
		return strings.Join(out, " ")
	}
	full := func(h plumbing.Hash) string { return h.String() }
	simple := map[byte]func() string{
		'H': func() string { return c.Hash.String() },
		'h': func() string { return g.r.short(c.Hash) },
		'T': func() string { return c.TreeHash.String() },
		't': func() string { return g.r.short(c.TreeHash) },
		'P': func() string { return join(g.parents(c), full) },
		'p': func() string { return join(g.parents(c), g.r.short) },
		's': func() string { return subject(c.Message) },
		'b': func() string { return body(c.Message) },
		'B': func() string { return strings.TrimLeft(c.Message, "\n") },
		'n': func() string { return "\n" },
		'%': func() string { return "%" },
		'd': func() string { return f.names(c.Hash) },
		'D': func() string { return strings.Join(f.decorate[c.Hash], ", ") },
		'e': func() string { return string(c.Encoding) },
		'm': func() string { return ">" },
	}
	if fn, ok := simple[s[0]]; ok {
		text := fn()
		if s[0] == 'e' && text == "UTF-8" {
			text = ""
		}
		b.WriteString(text)
		return 1, nil
	}
	if s[0] == 'x' && len(s) >= 3 {
		n, err := strconv.ParseUint(s[1:3], 16, 8)
		if err != nil {
			return 0, nil // not a placeholder: printed as it stands
		}
		b.WriteByte(byte(n))
		return 3, nil
	}
	if len(s) >= 2 && (s[0] == 'a' || s[0] == 'c') {
		who := c.Author
		if s[0] == 'c' {
			who = c.Committer
		}
		forms := map[byte]string{'d': f.date, 'i': "iso", 'I': "iso-strict", 't': "unix", 's': "short", 'r': "relative", 'D': "rfc"}
		switch form, ok := forms[s[1]]; {
		case ok:
			text, err := g.dateText(who.When, form)
			b.WriteString(text)
			return 2, err
		case s[1] == 'n' || s[1] == 'N':
			b.WriteString(who.Name)
			return 2, nil
		case s[1] == 'e' || s[1] == 'E':
			b.WriteString(who.Email)
			return 2, nil
		case s[1] == 'l' || s[1] == 'L':
			local, _, _ := strings.Cut(who.Email, "@")
			b.WriteString(local)
			return 2, nil
		}
	}
	if strings.HasPrefix(s, "Creset") || strings.HasPrefix(s, "C(") || strings.HasPrefix(s, "Cred") || strings.HasPrefix(s, "Cgreen") || strings.HasPrefix(s, "Cblue") {
		for _, color := range []string{"Creset", "Cred", "Cgreen", "Cblue"} {
			if strings.HasPrefix(s, color) {
				return len(color), nil
			}
		}
		if end := strings.IndexByte(s, ')'); end > 0 {
			return end + 1, nil
		}
	}
	if strings.HasPrefix(s, "G?") {
		b.WriteByte('N')
		return 2, nil
	}
	return 0, g.cannot("the format placeholder %%%s", s[:min(2, len(s))])
}

const logOptions = diffOptions + " n,max-count= <number> oneline format= pretty? date= abbrev-commit abbrev? decorate? first-parent reverse all merges no-walk graph since= after= until= before= author= grep= skip= follow m c branches? tags? root left-right i,regexp-ignore-case topo-order date-order author-date-order"

// log is git-log(1).
func (g *git) log(args []string) error {
	o, err := g.parse("log", args, logOptions)
	if err != nil {
		return err
	}
	for _, u := range []string{"graph", "follow", "left-right", "branches"} {
		if o.has(u) {
			return g.cannot("log --%s", u)
		}
	}
	if err := g.open(); err != nil {
		return err
	}
	if len(o.args) == 0 && !o.has("all") && g.r.head().hash.IsZero() {
		return fatal("your current branch '%s' does not have any commits yet", g.r.head().branch())
	}
	commits, err := g.selectCommits(o)
	if err != nil {
		return err
	}
	f, err := g.newFormatter(o)
	if err != nil {
		return err
	}
	for _, c := range commits {
		if err := f.print(c); err != nil {
			return err
		}
		if err := g.logDiff(o, f, c); err != nil {
			return err
		}
	}
	if f.template && !f.terminated && f.printed && len(commits) > 0 && f.end == "\n" {
		g.print("\n")
	}
	return nil
}

// logDiff adds the changes of a commit where the options ask for them.
func (g *git) logDiff(o *options, f *formatter, c *object.Commit) error {
	asked := false
	for _, form := range []string{"name-status", "name-only", "stat", "shortstat", "numstat", "patch", "u", "raw", "summary"} {
		asked = asked || o.has(form)
	}
	parents := g.parents(c)
	if !asked || len(parents) > 1 && !o.has("first-parent") {
		return nil
	}
	parent := plumbing.ZeroHash
	if len(parents) > 0 {
		parent = parents[0]
	}
	d, err := g.compare(parent, c.Hash)
	if err != nil || len(d) == 0 {
		return err
	}
	d = d.only(g.pathspecs(o.paths))
	if f.form != "oneline" && (!f.template || f.form != "") {
		if f.template && !f.terminated {
			g.print("\n")
		} else {
			g.println("")
		}
	}
	if !o.has("no-renames") {
		d = d.renames()
	}
	return g.showDiff(o, d, false)
}

// selectCommits walks and filters as log and rev-list do.
func (g *git) selectCommits(o *options) ([]*object.Commit, error) {
	var revs []string
	paths := append([]string{}, o.paths...)
	for i, a := range o.args {
		probe := strings.TrimPrefix(a, "^")
		if !g.isRevision(orHead(probe)) {
			if o.split || !g.isFile(a) {
				return nil, ambiguous(a)
			}
			paths = append(o.args[i:len(o.args):len(o.args)], paths...)
			break
		}
		revs = append(revs, a)
	}
	if len(revs) == 0 && !o.has("all") {
		revs = []string{"HEAD"}
	}
	from, exclude, _, err := g.revisions(revs)
	if err != nil {
		return nil, err
	}
	if o.has("all") {
		for _, ref := range g.r.refs("refs/") {
			if c, err := g.peeled(g.r.refHash(ref.Name())); err == nil {
				from = append(from, c.Hash)
			}
		}
		if h := g.r.head().hash; !h.IsZero() {
			from = append(from, h)
		}
	}
	keep, err := g.commitFilter(o, paths)
	if err != nil {
		return nil, err
	}
	most, skip := -1, 0
	for _, key := range []string{"<number>", "max-count"} {
		if o.has(key) {
			if most, err = strconv.Atoi(o.get(key)); err != nil {
				return nil, fatal("'%s': not an integer", o.get(key))
			}
		}
	}
	if o.has("skip") {
		skip, _ = strconv.Atoi(o.get("skip"))
	}
	var out []*object.Commit
	visit := func(c *object.Commit) bool {
		if most >= 0 && len(out) >= most {
			return false
		}
		if !keep(c) {
			return true
		}
		if skip > 0 {
			skip--
			return true
		}
		out = append(out, c)
		return true
	}
	if o.has("no-walk") {
		for _, h := range from {
			c, err := g.r.commit(h)
			if err != nil {
				return nil, err
			}
			visit(c)
		}
	} else if o.has("first-parent") {
		err = g.firstParents(from, exclude, visit)
	} else {
		err = g.walk(from, exclude, visit)
	}
	if o.has("reverse") {
		slices.Reverse(out)
	}
	return out, err
}

func (g *git) firstParents(from, exclude []plumbing.Hash, fn func(*object.Commit) bool) error {
	hidden := g.ancestors(exclude...)
	for _, h := range from {
		for !h.IsZero() && !hidden[h] {
			c, err := g.r.commit(h)
			if err != nil {
				return err
			}
			if !fn(c) {
				return nil
			}
			h = plumbing.ZeroHash
			if p := g.parents(c); len(p) > 0 {
				h = p[0]
			}
		}
	}
	return nil
}

// commitFilter is --since, --until, --author, --grep, --merges and the paths.
func (g *git) commitFilter(o *options, paths []string) (func(*object.Commit) bool, error) {
	specs := g.pathspecs(paths)
	limit := func(names ...string) (time.Time, error) {
		for _, n := range names {
			if o.has(n) {
				t, ok := g.parseDate(o.get(n))
				if !ok {
					return t, g.cannot("the date %q", o.get(n))
				}
				return t, nil
			}
		}
		return time.Time{}, nil
	}
	since, err := limit("since", "after")
	if err != nil {
		return nil, err
	}
	until, err := limit("until", "before")
	if err != nil {
		return nil, err
	}
	fold := func(s string) string {
		if o.has("regexp-ignore-case") {
			return strings.ToLower(s)
		}
		return s
	}
	return func(c *object.Commit) bool {
		parents := g.parents(c)
		switch {
		case o.has("merges") && len(parents) < 2, o.has("no-merges") && len(parents) > 1,
			!since.IsZero() && c.Committer.When.Before(since), !until.IsZero() && c.Committer.When.After(until),
			o.has("author") && !strings.Contains(fold(c.Author.Name+" <"+c.Author.Email+">"), fold(o.get("author"))),
			o.has("grep") && !strings.Contains(fold(c.Message), fold(o.get("grep"))):
			return false
		}
		if len(specs) == 0 {
			return true
		}
		if len(parents) == 0 {
			parents = []plumbing.Hash{plumbing.ZeroHash}
		}
		for _, p := range parents { // a commit like one of its parents adds nothing
			d, err := g.compare(p, c.Hash)
			if err != nil || len(d.only(specs)) == 0 {
				return false
			}
		}
		return true
	}, nil
}

func (g *git) parseDate(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	if n, err := strconv.ParseInt(strings.TrimPrefix(s, "@"), 10, 64); err == nil && n > 100000000 {
		return time.Unix(n, 0), true
	}
	f := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '.' })
	units := map[string]time.Duration{"second": time.Second, "minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour, "week": 7 * 24 * time.Hour, "month": 30 * 24 * time.Hour, "year": 365 * 24 * time.Hour}
	if len(f) == 3 && f[2] == "ago" {
		n, err := strconv.Atoi(f[0])
		if unit, ok := units[strings.TrimSuffix(f[1], "s")]; ok && err == nil {
			return g.p.Now().Add(-time.Duration(n) * unit), true
		}
	}
	return time.Time{}, false
}

// show is git-show(1).
func (g *git) show(args []string) error {
	o, err := g.parse("show", args, logOptions)
	if err != nil {
		return err
	}
	if err := g.open(); err != nil {
		return err
	}
	revs := o.args
	if len(revs) == 0 {
		revs = []string{"HEAD"}
	}
	f, err := g.newFormatter(o)
	if err != nil {
		return err
	}
	for _, rev := range revs {
		h, err := g.resolve(rev)
		if err != nil {
			return err
		}
		if err := g.showObject(o, f, h, rev); err != nil {
			return err
		}
	}
	if f.template && !f.terminated && f.printed {
		g.print("\n")
	}
	return nil
}

func (g *git) showObject(o *options, f *formatter, h plumbing.Hash, rev string) error {
	e, err := g.r.store.EncodedObject(plumbing.AnyObject, h)
	if err != nil {
		return fatal("bad object %s", rev)
	}
	switch e.Type() {
	case plumbing.BlobObject:
		return g.dump(e)
	case plumbing.TreeObject:
		g.printf("tree %s\n\n", rev)
		t, err := object.DecodeTree(g.r.store, e)
		if err != nil {
			return err
		}
		for _, x := range t.Entries {
			if !x.Mode.IsFile() {
				x.Name += "/"
			}
			g.println(x.Name)
		}
		return nil
	case plumbing.TagObject:
		t, err := object.DecodeTag(g.r.store, e)
		if err != nil {
			return err
		}
		date, _ := g.dateText(t.Tagger.When, f.date)
		g.printf("tag %s\nTagger: %s <%s>\nDate:   %s\n\n%s\n", t.Name, t.Tagger.Name, t.Tagger.Email, date, t.Message)
		return g.showObject(o, f, t.Target, rev)
	}
	c, err := g.r.commit(h)
	if err != nil {
		return err
	}
	if err := f.print(c); err != nil {
		return err
	}
	if o.has("no-patch") {
		return nil
	}
	asked := false
	for _, form := range []string{"name-status", "name-only", "stat", "shortstat", "numstat", "raw", "summary", "patch", "u"} {
		asked = asked || o.has(form)
	}
	if !asked {
		o.set["patch"] = []string{""}
		defer delete(o.set, "patch")
	}
	return g.logDiff(o, f, c)
}

// dump writes an object's bytes.
func (g *git) dump(e plumbing.EncodedObject) error {
	r, err := e.Reader()
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(g.p.Stdout, r)
	return err
}
