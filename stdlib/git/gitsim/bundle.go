package gitsim

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/storage"
	"github.com/go-git/go-git/v5/storage/memory"
)

// bundle is git-bundle(1).
func (g *git) bundle(args []string) error {
	if len(args) < 2 {
		return &failure{129, "usage: git bundle create [-q | --quiet | --progress]\n"}
	}
	sub, rest := args[0], args[1:]
	switch sub {
	case "create":
		return g.createBundle(rest)
	case "verify", "list-heads", "unbundle":
		o, err := g.parse("bundle "+sub, rest, "q,quiet progress")
		if err != nil {
			return err
		}
		if len(o.args) == 0 {
			return &failure{129, "usage: git bundle " + sub + " <file>\n"}
		}
		return g.readBundle(sub, o)
	}
	return g.cannot("bundle %s", sub)
}

const bundleHead = "# v2 git bundle\n"

func (g *git) createBundle(args []string) error {
	o, err := g.parse("bundle create", args, "q,quiet progress all branches tags version=")
	if err != nil {
		return err
	}
	if err := g.open(); err != nil {
		return err
	}
	if len(o.args) == 0 {
		return &failure{129, "usage: git bundle create [<options>] <file> <git-rev-list args>\n"}
	}
	file := o.args[0]
	heads, haves, err := g.bundleHeads(o)
	if err != nil {
		return err
	}
	if len(heads) == 0 {
		return fatal("Refusing to create empty bundle.")
	}
	var wants []plumbing.Hash
	for _, ref := range heads {
		wants = append(wants, ref.Hash())
	}
	objects, err := g.objectsBetween(wants, haves)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	b.WriteString(bundleHead)
	for _, h := range haves {
		fmt.Fprintf(&b, "-%s %s\n", h, g.refSubject(h))
	}
	for _, ref := range heads {
		fmt.Fprintf(&b, "%s %s\n", ref.Hash(), ref.Name())
	}
	b.WriteString("\n")
	if _, err := packfile.NewEncoder(&b, g.r.store, false).Encode(objects, 0); err != nil {
		return err
	}
	if file == "-" {
		_, err := g.p.Stdout.Write(b.Bytes())
		return err
	}
	return g.fs.WriteFile(g.abs(file), b.Bytes(), 0o666)
}

// bundleHeads are the references that go into a bundle, and the commits that its
// reader must have.
func (g *git) bundleHeads(o *options) (heads []*plumbing.Reference, haves []plumbing.Hash, err error) {
	for _, ref := range g.r.refs("refs/") {
		n := ref.Name()
		if o.has("all") || o.has("branches") && n.IsBranch() || o.has("tags") && n.IsTag() {
			heads = append(heads, plumbing.NewHashReference(n, g.r.refHash(n)))
		}
	}
	if o.has("all") {
		heads = append(heads, plumbing.NewHashReference(plumbing.HEAD, g.r.head().hash))
	}
	for _, rev := range o.args[1:] {
		from, to, ranged := strings.Cut(rev, "..")
		switch {
		case strings.HasPrefix(rev, "^"):
			from, to = rev[1:], ""
		case !ranged:
			from, to = "", rev
		}
		if from != "" {
			h, err := g.resolve(from)
			if err != nil {
				return nil, nil, err
			}
			haves = append(haves, h)
		}
		if to == "" {
			continue
		}
		if h, full, ok := g.lookUp(to); ok {
			heads = append(heads, plumbing.NewHashReference(full, h))
		} else if _, err := g.resolve(to); err != nil {
			return nil, nil, err
		}
	}
	return heads, haves, nil
}

// bundleFile is a bundle taken apart.
type bundleFile struct {
	needs []plumbing.Hash
	heads []*plumbing.Reference
	pack  []byte
}

func parseBundle(data []byte) (*bundleFile, bool) {
	rest, ok := bytes.CutPrefix(data, []byte(bundleHead))
	if !ok {
		return nil, false
	}
	b := &bundleFile{}
	for {
		line, after, ok := bytes.Cut(rest, []byte("\n"))
		if !ok {
			return nil, false
		}
		rest = after
		if len(line) == 0 {
			b.pack = rest
			return b, true
		}
		text, need := strings.CutPrefix(string(line), "-")
		hash, name, _ := strings.Cut(text, " ")
		h, ok := hexHash(hash)
		if !ok {
			return nil, false
		}
		if need {
			b.needs = append(b.needs, h)
		} else {
			b.heads = append(b.heads, plumbing.NewHashReference(plumbing.ReferenceName(name), h))
		}
	}
}

// openBundle makes a store of a bundle that is whole.
func (g *git) openBundle(file string) (storage.Storer, error) {
	data, err := g.fs.ReadFile(file)
	if err != nil {
		return nil, err
	}
	b, ok := parseBundle(data)
	if !ok {
		return nil, fatal("'%s' does not look like a v2 or v3 bundle file", file)
	}
	s := memory.NewStorage()
	if g.r != nil {
		have := transfer{from: g.r.store, to: s}
		if err := have.copy(b.needs); err != nil {
			return nil, err
		}
	} else if len(b.needs) > 0 {
		return nil, fatal("Repository lacks these prerequisite commits")
	}
	if err := packfile.UpdateObjectStorage(s, bytes.NewReader(b.pack)); err != nil {
		return nil, err
	}
	for _, ref := range b.heads {
		if err := s.SetReference(ref); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (g *git) readBundle(sub string, o *options) error {
	file := o.args[0]
	var data []byte
	var err error
	if file == "-" {
		data, err = io.ReadAll(g.p.Stdin)
	} else {
		data, err = g.fs.ReadFile(g.abs(file))
	}
	if err != nil {
		return &failure{1, fmt.Sprintf("error: could not open '%s'\n", file)}
	}
	b, ok := parseBundle(data)
	if !ok {
		return &failure{1, fmt.Sprintf("error: '%s' does not look like a v2 or v3 bundle file\n", file)}
	}
	list := func() {
		for _, ref := range b.heads {
			g.printf("%s %s\n", ref.Hash(), ref.Name())
		}
	}
	if sub == "list-heads" {
		list()
		return nil
	}
	if err := g.open(); err != nil {
		return fatal("need a repository to %s a bundle", sub)
	}
	var missing []string
	for _, h := range b.needs {
		if g.r.store.HasEncodedObject(h) != nil {
			missing = append(missing, "error: "+h.String()+" ")
		}
	}
	if len(missing) > 0 {
		return &failure{1, "error: Repository lacks these prerequisite commits:\n" + strings.Join(missing, "\n") + "\n"}
	}
	if sub == "unbundle" {
		if err := g.keepPack(b.pack, len(b.needs) > 0); err != nil {
			return err
		}
		list()
		return nil
	}
	if !o.has("quiet") {
		what := fmt.Sprintf("these %d refs", len(b.heads))
		if len(b.heads) == 1 {
			what = "this ref"
		}
		g.printf("The bundle contains %s:\n", what)
		list()
		switch len(b.needs) {
		case 0:
			g.println("The bundle records a complete history.")
		case 1:
			g.printf("The bundle requires this ref:\n%s \n", b.needs[0])
		default:
			g.printf("The bundle requires these %d refs:\n", len(b.needs))
			for _, h := range b.needs {
				g.printf("%s \n", h)
			}
		}
		g.println("The bundle uses this hash algorithm: sha1")
	}
	if file != "-" {
		g.say("%s is okay\n", file)
	}
	return nil
}
