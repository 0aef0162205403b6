package sim

import (
	"bytes"
	_ "embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pelletier/go-toml/v2"

	"bsdrun/runtime/sim/vfs"
)

//go:embed distribution.toml
var distributionFile []byte

// distributionFacts is distribution.toml.
type distributionFacts struct {
	Local string         `toml:"local"`
	Site  []textChange   `toml:"site"`
	Texts []textChange   `toml:"texts"`
	Lines []linesMissing `toml:"lines"`
}

// textChange replaces a part of a file in some releases.
type textChange struct {
	Path     string `toml:"path"`
	Releases string `toml:"releases"` // first and first without: 9.0-10.0
	From     string `toml:"from"`
	To       string `toml:"to"`
}

// linesMissing are lines that a file lacks in some releases.
type linesMissing struct {
	Path     string `toml:"path"`
	Releases string `toml:"releases"`
	Without  string `toml:"without"`
}

var distribution = sync.OnceValue(func() distributionFacts {
	var d distributionFacts
	if err := toml.Unmarshal(distributionFile, &d); err != nil {
		panic(fmt.Errorf("distribution.toml: %w", err)) // the file is part of the program
	}
	return d
})

// spans tells whether a release is one of a span such as 9.0-10.0.
func spans(releases, release string) bool {
	since, until, _ := strings.Cut(releases, "-")
	return (&Tool{Since: since, Until: until}).in(release)
}

// releaseText is a text of the image as a release has it.
func releaseText(name, release string, text []byte) []byte {
	for _, c := range distribution().Texts {
		if c.Path == name && spans(c.Releases, release) {
			text = bytes.Replace(text, []byte(c.From), []byte(c.To), 1)
		}
	}
	for _, l := range distribution().Lines {
		if l.Path == name && spans(l.Releases, release) {
			text = withoutLines(text, strings.Fields(l.Without))
		}
	}
	return text
}

func withoutLines(text []byte, beginnings []string) []byte {
	var kept []byte
	for line := range bytes.Lines(text) {
		if !slices.ContainsFunc(beginnings, func(b string) bool { return bytes.HasPrefix(line, []byte(b)) }) {
			kept = append(kept, line...)
		}
	}
	return kept
}

// pristineText is a text as the release brings it: without what the installer
// and the administrator did. Lines that name the machine are not the release's.
func pristineText(name, release string, text []byte) []byte {
	shell := "/bin/sh"
	if compareVersions(release, "14.0") < 0 {
		shell = "/bin/csh"
	}
	text = bytes.ReplaceAll(text, []byte("{{.RootShell}}"), []byte(shell))
	var kept []byte
	for line := range bytes.Lines(text) {
		if !bytes.Contains(line, []byte("{{")) {
			kept = append(kept, line...)
		}
	}
	for _, c := range distribution().Site {
		if c.Path == name {
			kept = bytes.Replace(kept, []byte(c.From), []byte(c.To), 1)
		}
	}
	return kept
}

// distributions are the trees made so far, by release and base tools.
var distributions sync.Map // string -> func() (*vfs.Tree, error)

// Distribution is the file tree of a release with a patch level, as it comes from
// the project: kernel, world, and /etc before anybody changed it. The tree is
// shared: it's for reading.
func (m *Machine) Distribution(release string) (*vfs.View, error) {
	key := toolsKey(release, m.Tools())
	tools := m.Tools()
	make := sync.OnceValues(func() (*vfs.Tree, error) { return buildDistribution(release, tools) })
	built, _ := distributions.LoadOrStore(key, make)
	tree, err := built.(func() (*vfs.Tree, error))()
	if err != nil {
		return nil, err
	}
	return tree.View(vfs.Root, "/"), nil
}

func buildDistribution(release string, tools []*Tool) (*vfs.Tree, error) {
	p, err := distributionProfile(release)
	if err != nil {
		return nil, err
	}
	built := p.start()
	tree := vfs.New(func() time.Time { return built })
	view := tree.View(vfs.Root, "/")
	entries, err := p.manifest()
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.device == "" {
			if err := e.place(view); err != nil {
				return nil, fmt.Errorf("distribution: %s: %w", e.path, err)
			}
		}
	}
	if err := p.placePristine(view, release); err != nil {
		return nil, err
	}
	if err := installWorld(view, "", release, tools); err != nil {
		return nil, fmt.Errorf("distribution: %w", err)
	}
	if err := installKernel(view, "", release); err != nil {
		return nil, fmt.Errorf("distribution: %w", err)
	}
	for _, e := range entries { // again, for files
		if err := e.adjust(view); err != nil {
			return nil, fmt.Errorf("distribution: %s: %w", e.path, err)
		}
	}
	return tree, nil
}

// oldTexts is the profile whose texts stand for those of releases before 9.0,
// which the image has nothing of.
const oldTexts = "freebsd-8.2-zfs-mirror"

func distributionProfile(release string) (*Profile, error) {
	if compareVersions(release, "9.0") < 0 {
		return FindProfile(oldTexts)
	}
	return FindProfile("freebsd-14.3")
}

// placePristine writes the texts that a release brings.
func (p *Profile) placePristine(view *vfs.View, release string) error {
	local := strings.Fields(distribution().Local)
	return p.eachText(release, func(name string, data []byte) error {
		if slices.Contains(local, name) {
			return nil
		}
		return placeText(view, name, pristineText(name, release, data))
	})
}

// eachText visits the texts of the image and those of the profile, as a release
// has them.
func (p *Profile) eachText(release string, visit func(name string, data []byte) error) error {
	const root = "image/root"
	err := fs.WalkDir(imageFiles, root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := imageFiles.ReadFile(name)
		if err != nil {
			return err
		}
		name = strings.TrimPrefix(name, root)
		if _, own := p.Files[name]; own {
			return nil
		}
		return visit(name, releaseText(name, release, data))
	})
	if err != nil {
		return err
	}
	for name, content := range p.Files {
		if err := visit(name, []byte(content)); err != nil {
			return err
		}
	}
	return nil
}

// placeText writes a text, executable if it's a script.
func placeText(view *vfs.View, name string, data []byte) error {
	mode := uint32(0o644)
	if bytes.HasPrefix(data, []byte("#!")) {
		mode = 0o755
	}
	return placeFile(view, path.Clean(name), data, mode)
}
