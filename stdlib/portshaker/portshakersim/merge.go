package portshakersim

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aymanbagabas/go-udiff"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/portstree"
	"bsdrun/runtime/sim/vfs"
)

// merging is one merge_to under way.
type merging struct {
	*call
	fs      *vfs.View
	cache   string
	target  string
	master  string
	auto    bool // -a
	pretend bool // -p
	source  *portstree.Tree
	there   *portstree.Tree
	in      *bufio.Reader
}

// mergeTo brings this source's ports into a target.
func (c *call) mergeTo() error {
	f, ok := flags(c.args, "bmt", "ap")
	if !ok || f["t"] == "" || f["m"] == "" {
		return c.usage("merge_to")
	}
	m := &merging{call: c, fs: c.p.FS(), cache: c.cache(), target: f["t"], master: f["m"], auto: f["a"] != "", pretend: f["p"] != "", in: bufio.NewReaderSize(oneByte{c.p.Stdin}, 16)}
	if !c.isDir(m.cache) {
		return fail("'%s' does not exists.", m.cache)
	}
	if !c.isDir(m.target) {
		return fail("Target directory does not exist.")
	}
	m.source = &portstree.Tree{FS: m.fs, Root: m.cache}
	m.there = &portstree.Tree{FS: m.fs, Root: m.target}
	c.info("Merging '%s' to '%s'.", m.cache, m.target)
	for _, step := range []func() error{m.framework, m.ports, m.moved, m.updating} {
		if err := step(); err != nil {
			return err
		}
	}
	for _, name := range []string{"UIDs", "GIDs"} {
		if err := m.ids(name); err != nil {
			return err
		}
	}
	return nil
}

// oneByte reads byte by byte, so that what isn't ours stays in the pipe, as
// read(1) of sh does.
type oneByte struct{ r io.Reader }

func (o oneByte) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	return o.r.Read(b[:1])
}

// list names what a directory holds, hidden files left out, sorted.
func (m *merging) list(dir string, dirs bool) []string {
	entries, err := m.fs.ReadDir(dir)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name, ".") && e.IsDir() == dirs && e.Name != "CVS" {
			out = append(out, e.Name)
		}
	}
	return out
}

// framework patches Mk/ with what this source changes against the master.
func (m *merging) framework() error {
	for _, name := range m.list(path.Join(m.cache, "Mk"), false) {
		done := path.Join(m.target, "Mk", "."+name+"-"+m.name+"-patched")
		if m.exists(done) {
			m.warn("'Mk/%s' has already been patched.", name)
			continue
		}
		ours, err := m.fs.ReadFile(path.Join(m.cache, "Mk", name))
		if err != nil {
			return err
		}
		now, err := m.fs.ReadFile(path.Join(m.target, "Mk", name))
		if err != nil {
			return fail("'Mk/%s' missing! copy / clone repository before merging.", name)
		}
		if m.pretend {
			continue
		}
		base, err := m.fs.ReadFile(path.Join(m.p.Getenv("mirror_base_dir"), m.master, "Mk", name))
		switch {
		case err == nil && bytes.Equal(base, ours), bytes.Equal(now, ours):
		case err == nil && bytes.Equal(base, now):
			if err := m.fs.WriteFile(path.Join(m.target, "Mk", name), ours, 0o644); err != nil {
				return err
			}
		default:
			return fail("Unable to patch 'Mk/%s'.", name)
		}
		if err := m.fs.WriteFile(done, nil, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// ports goes through category/port.
func (m *merging) ports() error {
	for _, category := range m.list(m.cache, true) {
		if category == "Mk" || category == "Tools" {
			continue
		}
		fresh := false
		for _, port := range m.list(path.Join(m.cache, category), true) {
			isNew, err := m.port(category + "/" + port)
			if err != nil {
				return err
			}
			fresh = fresh || isNew
		}
		if fresh {
			m.debug("Updating %s Makefile.", category)
			if m.pretend {
				continue
			}
			if err := m.subdirs(category); err != nil {
				return err
			}
		}
	}
	return nil
}

// version is what a tree has of a port: version, revision and epoch.
func version(t *portstree.Tree, origin string) *portstree.Port {
	p, err := t.Port(origin, "")
	if err != nil {
		return &portstree.Port{}
	}
	return p
}

func (m *merging) port(origin string) (isNew bool, err error) {
	from, to := path.Join(m.cache, origin), path.Join(m.target, origin)
	m.debug("Processing %s.", origin)
	if !m.isDir(to) {
		m.debug("%s is a new port.", origin)
		return true, m.copy(origin, "0", version(m.source, origin).Version)
	}
	ours, theirs := version(m.source, origin), version(m.there, origin)
	take, backward := false, false
	sign := portstree.CompareVersions(ours.PortVersion, theirs.PortVersion)
	switch {
	case ours.Epoch > theirs.Epoch:
		m.debug("%s has been updated (higher PORTEPOCH).", origin)
		take = true
	case ours.Epoch < theirs.Epoch, sign < 0, sign == 0 && ours.Revision < theirs.Revision:
		m.warn("%s: port version going backward (I will not merge this port)!", origin)
		backward = true
	case sign > 0:
		m.debug("%s has been updated (higher PORTVERSION).", origin)
		take = true
	case ours.Revision > theirs.Revision:
		m.debug("%s has been updated (higher PORTREVISION).", origin)
		take = true
	default:
		m.debug("%s has not been updated.", origin)
	}
	if !take && !backward {
		if touched := m.touched(origin, from, to); len(touched) > 0 {
			if take, err = m.conflict(origin, from, to, touched); err != nil {
				return false, err
			}
		}
	}
	if !take {
		m.debug("Not copying '%s' to '%s'.", from, to)
		return false, nil
	}
	return false, m.copy(origin, theirs.Version, ours.Version)
}

// touched lists the files of a port that differ: new and changed ones, then those
// that are gone.
func (m *merging) touched(origin, from, to string) []string {
	var out []string
	for _, sub := range []string{"", "files/"} {
		ours, theirs := m.list(path.Join(from, sub), false), m.list(path.Join(to, sub), false)
		for _, name := range ours {
			a, _ := m.fs.ReadFile(path.Join(from, sub, name))
			b, err := m.fs.ReadFile(path.Join(to, sub, name))
			switch {
			case err != nil:
				m.debug("%s/%s%s has been created.", origin, sub, name)
			case !bytes.Equal(a, b):
				m.debug("%s/%s%s has been changed.", origin, sub, name)
			default:
				continue
			}
			out = append(out, sub+name)
		}
		for _, name := range theirs {
			if !slices.Contains(ours, name) {
				m.debug("%s/%s%s has been removed.", origin, sub, name)
				out = append(out, sub+name)
			}
		}
	}
	return out
}

// promptPause is the time one round of the prompt takes.
const promptPause = 5 * time.Millisecond

// conflict decides about a port of the same version with other files: by -a, by
// fail_on_conflict, or by asking until somebody answers. Nobody does at the end of
// the input, and then it asks for ever.
func (m *merging) conflict(origin, from, to string, touched []string) (take bool, err error) {
	names := strings.Join(touched, " ")
	if m.auto {
		m.warn("%s: %s changed but the port version is still the same (copying port anyway).", origin, names)
		return true, nil
	}
	if m.pretend {
		m.warn("%s: %s changed but the port version is still the same.", origin, names)
		return false, nil
	}
	answer := ""
	for {
		switch letter := strings.ToLower(answer[:min(1, len(answer))]); letter {
		case "i":
			return true, nil
		case "c":
			return false, nil
		case "d":
			m.show(from, to, touched)
			answer = ""
			continue
		}
		m.warn("Conflict detected!")
		m.p.Printf("The target ports tree (%s) already have the version of %s provided by %s.\n", m.target, origin, m.name)
		m.p.Printf("However, the following file(s) has been touched: %s.\nAn update may be required.\n", names)
		if yes(m.p.Getenv("fail_on_conflict")) {
			return false, &stopped{code: 1}
		}
		m.p.Printf("(diff|install|continue) > ")
		line, _ := m.in.ReadString('\n')
		answer = strings.TrimSpace(line)
		if err := m.p.Sleep(promptPause); err != nil {
			return false, &stopped{code: 1}
		}
	}
}

// show pipes the differences through the pager.
func (m *merging) show(from, to string, touched []string) {
	var text bytes.Buffer
	for _, name := range touched {
		text.WriteString(m.diff(path.Join(to, name), path.Join(from, name)))
	}
	m.p.RunCommand(sim.Command{Args: strings.Fields(m.env("PAGER", "less")), Stdin: &text})
}

// diff is `diff -uN`: a file that's missing counts as empty.
func (m *merging) diff(from, to string) string {
	head := func(mark, name string) (string, string) {
		when := time.Unix(0, 0).UTC()
		if i, err := m.fs.Stat(name); err == nil {
			when = i.MTime
		}
		data, _ := m.fs.ReadFile(name)
		return mark + " " + name + "\t" + when.Format("2006-01-02 15:04:05.000000000 -0700") + "\n", string(data)
	}
	oldHead, oldText := head("---", from)
	newHead, newText := head("+++", to)
	body := udiff.Unified("a", "b", oldText, newText)
	if _, hunks, ok := strings.Cut(body, "+++ b\n"); ok {
		return oldHead + newHead + hunks
	}
	return ""
}

// copy replaces a port in the target and notes where it comes from.
func (m *merging) copy(origin, before, after string) error {
	from, to := path.Join(m.cache, origin), path.Join(m.target, origin)
	m.debug("Copying '%s' to '%s'.", from, to)
	if m.pretend {
		return nil
	}
	if err := m.fs.RemoveAll(to); err != nil && m.exists(to) {
		return fail("Cannot remove outdated '%s' port directory.", to)
	}
	if err := m.fs.MkdirAll(path.Dir(to), 0o777); err != nil {
		return fail("Cannot merge %s.", origin)
	}
	if err := copyTree(m.p, from, to); err != nil {
		m.p.Errorf("cp: %v\n", err)
		return fail("Cannot merge %s.", origin)
	}
	return m.append(".portshaker-merged-ports", fmt.Sprintf("%s:%s:%s:%s\n", m.name, origin, before, after))
}

func (m *merging) append(name, line string) error {
	f, err := m.fs.OpenFile(path.Join(m.target, name), vfs.O_WRONLY|vfs.O_APPEND|vfs.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	if _, err := f.Write([]byte(line)); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// subdirs rewrites the SUBDIR lines of a category's Makefile.
func (m *merging) subdirs(category string) error {
	file := path.Join(m.target, category, "Makefile")
	data, err := m.fs.ReadFile(file)
	if err != nil {
		if data, err = m.fs.ReadFile(path.Join(m.cache, category, "Makefile")); err != nil {
			data = []byte("    COMMENT = " + category + "\n\n    SUBDIR +=\n\n.include <bsd.port.subdir.mk>\n")
		}
	}
	var head, tail []string
	seen := false
	for _, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		switch {
		case strings.HasPrefix(strings.TrimSpace(line), "SUBDIR"):
			seen = true
		case seen:
			tail = append(tail, line)
		default:
			head = append(head, line)
		}
	}
	lines := head
	for _, port := range m.list(path.Join(m.target, category), true) {
		lines = append(lines, "    SUBDIR += "+port)
	}
	lines = append(lines, tail...)
	return m.fs.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644)
}

// moved removes the ports that this source's MOVED lists.
func (m *merging) moved() error {
	for _, mv := range m.source.Moved() {
		dir := path.Join(m.target, mv.From)
		if !m.isDir(dir) {
			m.warn("%s referenced in %s/MOVED does not exist.", mv.From, m.cache)
			continue
		}
		m.info("Removing obsolete port %s.", mv.From)
		if m.pretend {
			continue
		}
		if err := m.fs.RemoveAll(dir); err != nil {
			return fail("Cannot remove obsolete port %s.", mv.From)
		}
		if err := m.append("MOVED", strings.Join([]string{mv.From, mv.To, mv.Date, mv.Why}, "|")+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// entry is one dated part of UPDATING.
type entry struct{ date, text string }

// splitUpdating takes UPDATING apart: what stands before the first date, and the
// entries.
func splitUpdating(text string) (head string, entries []entry) {
	for _, line := range strings.SplitAfter(text, "\n") {
		if len(line) >= 9 && line[8] == ':' {
			if _, err := strconv.Atoi(line[:8]); err == nil {
				entries = append(entries, entry{date: line[:8]})
			}
		}
		if n := len(entries); n > 0 {
			entries[n-1].text += line
		} else {
			head += line
		}
	}
	return head, entries
}

// updating sorts this source's entries into the target's UPDATING, the latest
// first.
func (m *merging) updating() error {
	ours, err := m.fs.ReadFile(path.Join(m.cache, "UPDATING"))
	if err != nil || m.pretend {
		return nil // a source without UPDATING has nothing to add
	}
	file := path.Join(m.target, "UPDATING")
	now, _ := m.fs.ReadFile(file)
	head, entries := splitUpdating(string(now))
	_, add := splitUpdating(string(ours))
	for _, e := range add {
		if !slices.Contains(entries, e) {
			entries = append(entries, e)
		}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return strings.Compare(b.date, a.date) })
	for _, e := range entries {
		head += strings.TrimRight(e.text, "\n") + "\n\n"
	}
	return m.fs.WriteFile(file, []byte(strings.TrimRight(head, "\n")+"\n"), 0o644)
}

// ids adds users or groups that the target doesn't have, in the order of their
// numbers.
func (m *merging) ids(name string) error {
	ours, err := m.fs.ReadFile(path.Join(m.cache, name))
	if err != nil || m.pretend {
		return nil // a source without the file has nothing to add
	}
	file := path.Join(m.target, name)
	now, _ := m.fs.ReadFile(file)
	var comments, lines []string
	have := map[string]bool{}
	add := func(text string, keepComments bool) {
		for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
			key, _, _ := strings.Cut(line, ":")
			switch {
			case strings.HasPrefix(line, "#") || line == "":
				if keepComments {
					comments = append(comments, line)
				}
			case !have[key]:
				have[key] = true
				lines = append(lines, line)
			}
		}
	}
	add(string(now), true)
	add(string(ours), false)
	number := func(line string) int {
		f := strings.SplitN(line, ":", 4)
		if len(f) < 3 {
			return 0
		}
		n, _ := strconv.Atoi(f[2])
		return n
	}
	slices.SortStableFunc(lines, func(a, b string) int { return number(a) - number(b) })
	return m.fs.WriteFile(file, []byte(strings.Join(append(comments, lines...), "\n")+"\n"), 0o644)
}
