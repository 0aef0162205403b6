package pkgsim

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

// local is the directory of a repository on the machine itself.
func (r repository) local() (string, bool) { return strings.CutPrefix(r.plain(), "file://") }

// readCatalogue reads packagesite.pkg, the catalogue that pkg-repo(8) writes: a
// tar of JSON lines, with a signature where the repository is signed.
func readCatalogue(m *sim.Machine, r repository, dir string) ([]*state.Package, error) {
	packed, err := m.View(vfs.Root, "/").ReadFile(dir + "/packagesite.pkg")
	if err != nil {
		return nil, fmt.Errorf("%s/packagesite.pkg: %s", r.plain(), sim.ErrText(err))
	}
	files, err := unpack(packed)
	if err != nil {
		return nil, fmt.Errorf("repository %s contains packages with wrong format: %w", r.name, err)
	}
	if r.signature != "" && !strings.EqualFold(r.signature, "none") && !signed(files) {
		return nil, fmt.Errorf("No signature found in the repository.  Can not validate against %s key.", r.pubkey)
	}
	var list []*state.Package
	lines := bufio.NewScanner(bytes.NewReader(files["packagesite.yaml"]))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p, err := readManifest(lines.Bytes())
		if err != nil {
			return nil, fmt.Errorf("repository %s has a broken catalogue: %w", r.name, err)
		}
		p.Repository = r.name
		list = append(list, p)
	}
	return list, lines.Err()
}

func signed(files map[string][]byte) bool {
	for name := range files {
		if strings.HasSuffix(name, ".sig") || name == "signature" {
			return true
		}
	}
	return false
}

// unpack reads a tar that zstd(1) packed.
func unpack(packed []byte) (map[string][]byte, error) {
	plain, err := zstd.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	files := map[string][]byte{}
	archive := tar.NewReader(plain)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if files[header.Name], err = io.ReadAll(archive); err != nil {
			return nil, err
		}
	}
}

// readManifest reads one package of a catalogue.
func readManifest(line []byte) (*state.Package, error) {
	var m struct {
		Name, Version, Origin, Comment, Maintainer, WWW, Prefix string
		FlatSize                                                int64
		Licenses, Categories                                    []string
		Deps                                                    map[string]json.RawMessage
		Options                                                 map[string]string
	}
	if err := json.Unmarshal(line, &m); err != nil {
		return nil, err
	}
	return &state.Package{
		Name: m.Name, Version: m.Version, Origin: m.Origin, Comment: m.Comment, Maintainer: m.Maintainer, WWW: m.WWW,
		Prefix: m.Prefix, Size: m.FlatSize, Licenses: m.Licenses, Categories: m.Categories, Options: m.Options,
		Deps: slices.Sorted(keysOf(m.Deps)),
	}, nil
}
