package poudrieresim

import (
	"archive/tar"
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"bsdrun/runtime/sim/vfs"
)

// manifest is what a package says about itself (+COMPACT_MANIFEST).
type manifest struct {
	Name        string                    `json:"name"`
	Origin      string                    `json:"origin"`
	Version     string                    `json:"version"`
	Comment     string                    `json:"comment"`
	Maintainer  string                    `json:"maintainer"`
	WWW         string                    `json:"www"`
	ABI         string                    `json:"abi"`
	Arch        string                    `json:"arch"`
	Prefix      string                    `json:"prefix"`
	FlatSize    int64                     `json:"flatsize"`
	LicenseRule string                    `json:"licenselogic"`
	Licenses    []string                  `json:"licenses,omitempty"`
	Desc        string                    `json:"desc"`
	Deps        map[string]manifestDepend `json:"deps,omitempty"`
	Categories  []string                  `json:"categories"`
	Options     map[string]string         `json:"options,omitempty"`
	Annotations map[string]string         `json:"annotations"`

	file string // its name in All/
	size int64
	sum  string
}

type manifestDepend struct {
	Origin  string `json:"origin"`
	Version string `json:"version"`
}

const pkgExt = ".pkg"

// openRepo finds the repository and, where it's changed as a whole, copies it
// aside (ATOMIC_PACKAGE_REPOSITORY).
func (b *building) openRepo() error {
	r := b.r
	r.Repo = path.Join(b.data(), "packages", r.Master)
	r.Atomic = b.get("ATOMIC_PACKAGE_REPOSITORY", "yes") == "yes"
	if !r.Atomic {
		r.Packages = r.Repo
		return b.fs.MkdirAll(path.Join(r.Packages, "All"), 0o755)
	}
	r.Packages = path.Join(r.Repo, ".building")
	if b.isDir(r.Packages) {
		b.msg("Using packages from previously failed, or uncommitted, build: %s", r.Packages)
		return b.fs.MkdirAll(path.Join(r.Packages, "All"), 0o755)
	}
	b.msg("Stashing existing package repository")
	if err := b.fs.MkdirAll(path.Join(r.Packages, "All"), 0o755); err != nil {
		return err
	}
	latest := path.Join(r.Repo, ".latest")
	if !b.isDir(latest) {
		return nil
	}
	return b.linkTree(latest+"/", r.Packages)
}

// linkTree copies a tree with hard links.
func (b *building) linkTree(from, to string) error {
	list, err := b.fs.ReadDir(from)
	if err != nil {
		return err
	}
	if err := b.fs.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, i := range list {
		src, dst := path.Join(from, i.Name), path.Join(to, i.Name)
		switch {
		case i.IsDir():
			err = b.linkTree(src, dst)
		case i.Type == vfs.TypeLink:
			err = b.fs.Symlink(i.Target, dst)
		case strings.HasPrefix(i.Name, "."):
		default:
			err = b.fs.Link(src, dst)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// packages reads what the build's repository holds.
func (b *building) packages() []manifest { return b.readPackages(path.Join(b.r.Packages, "All")) }

func (c *command) readPackages(dir string) []manifest {
	list, err := c.fs.ReadDir(dir)
	if err != nil {
		return nil
	}
	var out []manifest
	for _, i := range list {
		if !strings.HasSuffix(i.Name, pkgExt) || i.Type != vfs.TypeFile {
			continue
		}
		data, err := c.fs.ReadFile(path.Join(dir, i.Name))
		if err != nil {
			continue
		}
		m, err := readManifest(data)
		if err != nil {
			m = manifest{}
		}
		m.file, m.size = i.Name, i.Size
		out = append(out, m)
	}
	return out
}

// readManifest takes the manifest out of a package.
func readManifest(data []byte) (manifest, error) {
	var m manifest
	z, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
	if err != nil {
		return m, err
	}
	defer z.Close()
	t := tar.NewReader(z)
	for {
		h, err := t.Next()
		if err != nil {
			return m, err
		}
		if h.Name != "+COMPACT_MANIFEST" {
			continue
		}
		text, err := io.ReadAll(io.LimitReader(t, 1<<20))
		if err != nil {
			return m, err
		}
		sum := sha256.Sum256(data)
		m.sum = hex.EncodeToString(sum[:])
		return m, json.Unmarshal(text, &m)
	}
}

// archive packs files as pkg does: a tar in zstd.
func archive(when time.Time, files ...[2]string) ([]byte, error) {
	var buf bytes.Buffer
	z, err := zstd.NewWriter(&buf, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(1<<16))
	if err != nil {
		return nil, err
	}
	t := tar.NewWriter(z)
	for _, f := range files {
		if err := t.WriteHeader(&tar.Header{Name: f[0], Mode: 0o644, Size: int64(len(f[1])), ModTime: when.Truncate(time.Second), Uname: "root", Gname: "wheel"}); err != nil {
			return nil, err
		}
		if _, err := io.WriteString(t, f[1]); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(t.Close(), z.Close()); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// abi is what the jail's packages run on: FreeBSD:14:amd64.
func (b *building) abi() string {
	major, _, _ := strings.Cut(b.jget(b.r.Jail, "version"), ".")
	arch := b.jget(b.r.Jail, "arch")
	if _, a, ok := strings.Cut(arch, "."); ok {
		arch = a
	}
	return "FreeBSD:" + major + ":" + arch
}

// makePackage writes the package of a built port.
func (b *building) makePackage(i *item) error {
	abi := b.abi()
	if i.NoArch {
		abi = strings.Join(strings.Split(abi, ":")[:2], ":") + ":*"
	}
	m := manifest{
		Name: i.Base, Origin: i.Origin, Version: i.Version, Comment: i.Comment, Maintainer: i.Maintainer, WWW: i.WWW, ABI: abi,
		Arch: strings.ToLower(abi), Prefix: "/usr/local", FlatSize: int64(len(i.Comment)) * 4096, LicenseRule: "single",
		Licenses: strings.Fields(i.License), Desc: i.Comment + ".", Categories: i.Categories,
		Annotations: map[string]string{"FreeBSD_version": b.osversion(b.jget(b.r.Jail, "mnt")), "built_by": "poudriere-" + Version, "port_checkout_unclean": "no", "port_git_hash": b.r.GitHash},
	}
	if i.Flavor != "" {
		m.Annotations["flavor"] = i.Flavor
	}
	if len(i.Runtime) > 0 {
		m.Deps = map[string]manifestDepend{}
	}
	for _, name := range i.Runtime {
		if d := b.r.Items[name]; d != nil {
			m.Deps[d.Base] = manifestDepend{d.Origin, d.Version}
		}
	}
	if len(i.Options) > 0 {
		m.Options = map[string]string{}
	}
	for _, o := range i.Options {
		m.Options[o] = "on"
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	plist := "/usr/local/bin/" + i.Base
	data, err := archive(b.p.Now(), [2]string{"+COMPACT_MANIFEST", string(text)}, [2]string{"+MANIFEST", string(text)}, [2]string{plist, "#!/bin/sh\n# " + i.Package + "\n"})
	if err != nil {
		return err
	}
	all := path.Join(b.r.Packages, "All")
	if err := b.fs.MkdirAll(all, 0o755); err != nil {
		return err
	}
	if err := b.fs.WriteFile(path.Join(all, i.Package+pkgExt), data, 0o644); err != nil {
		return err
	}
	if i.Origin == pkgOrigin {
		latest := path.Join(b.r.Packages, "Latest")
		if err := b.fs.MkdirAll(latest, 0o755); err != nil {
			return err
		}
		return b.link("../All/"+i.Package+pkgExt, path.Join(latest, "pkg"+pkgExt))
	}
	return nil
}

func (b *building) remove(m manifest) error {
	b.r.Deleted++
	return b.fs.Remove(path.Join(b.r.Packages, "All", m.file))
}

// installedBase are the packages that a port has in the repository.
func (b *building) installedBase(i *item) []manifest {
	var out []manifest
	for _, m := range b.packages() {
		if m.Name == i.Base && m.Origin == i.Origin {
			out = append(out, m)
		}
	}
	return out
}

// stale deletes packages that the tree has outgrown: other versions, other
// options, other dependencies, and then whatever needs what was deleted.
func (b *building) stale() error {
	all := b.packages()
	if len(all) == 0 {
		return nil
	}
	b.msg("Sanity checking the repository")
	for _, m := range all {
		if m.Name == "" {
			b.msg("Deleting %s: corrupted package", m.file)
			if err := b.remove(m); err != nil {
				return err
			}
		}
	}
	b.msg("Checking packages for incremental rebuild needs")
	b.status("delete_old_pkgs:")
	t := b.tree(b.f)
	for _, m := range b.packages() {
		why := b.outgrown(m, t.Exists(m.Origin))
		if why == "" {
			continue
		}
		b.msg("Deleting %s: %s", m.file, why)
		if err := b.remove(m); err != nil {
			return err
		}
	}
	if b.f.shallow {
		return nil
	}
	return b.orphans()
}

// outgrown tells why a package is to be deleted; packages of ports that this build
// doesn't touch stay.
func (b *building) outgrown(m manifest, exists bool) string {
	if !exists {
		return "stale package: nonexistent origin " + m.Origin
	}
	var i *item
	for _, name := range b.names() {
		x := b.r.Items[name]
		if x.Origin == m.Origin && x.Flavor == m.Annotations["flavor"] {
			i = x
		}
	}
	switch {
	case i == nil || i.State == "ignored":
		return ""
	case i.Base != m.Name:
		return "package name changed to '" + i.Base + "'"
	case i.Version != m.Version:
		return "new version: " + i.Version
	case b.abi() != m.ABI && !strings.HasSuffix(m.ABI, ":*"):
		return "ABI changed: '" + m.ABI + "' -> '" + b.abi() + "'"
	}
	if b.get("CHECK_CHANGED_OPTIONS", "verbose") != "no" {
		var old []string
		for o := range m.Options {
			old = append(old, o)
		}
		slices.Sort(old)
		if !slices.Equal(old, i.Options) {
			return "changed options"
		}
	}
	if b.get("CHECK_CHANGED_DEPS", "yes") != "no" {
		for _, name := range i.Runtime {
			d := b.r.Items[name]
			if _, had := m.Deps[d.Base]; !had {
				return "new dependency: " + d.Origin
			}
		}
		for base, d := range m.Deps {
			if !slices.ContainsFunc(i.Runtime, func(name string) bool { return b.r.Items[name].Base == base }) {
				return "removed dependency: " + d.Origin
			}
		}
	}
	return ""
}

// orphans deletes packages whose dependencies are gone, until none is left.
func (b *building) orphans() error {
	for again := true; again; {
		again = false
		all := b.packages()
		have := map[string]bool{}
		for _, m := range all {
			have[m.Name+"-"+m.Version] = true
		}
		for _, m := range all {
			for base, d := range m.Deps {
				missing := base + "-" + d.Version
				if have[missing] {
					continue
				}
				b.msg("Deleting %s: missing dependency: %s", m.file, missing)
				if err := b.remove(m); err != nil {
					return err
				}
				again = true
				break
			}
		}
	}
	return nil
}

// catalogue writes the files by which pkg finds the packages (pkg-repo(8)).
func (b *building) catalogue() error {
	var site, data bytes.Buffer
	var list []json.RawMessage
	for _, m := range b.packages() {
		row := struct {
			manifest
			Sum     string `json:"sum"`
			Path    string `json:"path"`
			Repo    string `json:"repopath"`
			PkgSize int64  `json:"pkgsize"`
		}{m, m.sum, "All/" + m.file, "All/" + m.file, m.size}
		line, err := json.Marshal(row)
		if err != nil {
			return err
		}
		site.Write(line)
		site.WriteByte('\n')
		list = append(list, line)
	}
	text, err := json.Marshal(map[string]any{"groups": []string{}, "packages": list, "expired_packages": []string{}})
	if err != nil {
		return err
	}
	data.Write(text)
	b.p.Printf("Creating repository in /tmp/packages: 100%%\nPacking files for repository: 100%%\n")
	for _, f := range []struct{ file, inside, text string }{{"packagesite.pkg", "packagesite.yaml", site.String()}, {"data.pkg", "data", data.String()}} {
		files := [][2]string{{f.inside, f.text}}
		if sig, err := b.sign([]byte(f.text)); err != nil {
			return err
		} else if sig != "" {
			files = append(files, [2]string{f.inside + ".sig", sig})
		}
		packed, err := archive(b.p.Now(), files...)
		if err != nil {
			return err
		}
		if err := b.replace(path.Join(b.r.Packages, f.file), packed); err != nil {
			return err
		}
	}
	meta := "version = 2;\npacking_format = \"tzst\";\nmanifests = \"packagesite.yaml\";\ndata = \"data\";\nfilesite = \"filesite.yaml\";\nmanifests_archive = \"packagesite\";\nfilesite_archive = \"filesite\";\n"
	return b.replace(path.Join(b.r.Packages, "meta.conf"), []byte(meta))
}

// sign makes the signature of PKG_REPO_SIGNING_KEY; without a key there's none.
func (b *building) sign(text []byte) (string, error) {
	file := b.conf["PKG_REPO_SIGNING_KEY"]
	if file == "" || !b.exists(file) {
		return "", nil
	}
	raw, err := b.fs.ReadFile(file)
	if err != nil {
		return "", err
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return "", errf(1, "pkg: can't load key %s", file)
	}
	var key any
	if key, err = x509.ParsePKCS8PrivateKey(block.Bytes); err != nil {
		if key, err = x509.ParsePKCS1PrivateKey(block.Bytes); err != nil {
			return "", errf(1, "pkg: can't load key %s", file)
		}
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return "", errf(1, "pkg: can't load key %s: not an RSA key", file)
	}
	sum := sha256.Sum256(text)
	digest := sha256.Sum256([]byte(hex.EncodeToString(sum[:])))
	sig, err := rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, digest[:])
	return string(sig), err
}

// commit makes the new repository the current one.
func (b *building) commit() error {
	r := b.r
	if !r.Atomic {
		return nil
	}
	if b.get("COMMIT_PACKAGES_ON_FAILURE", "yes") == "no" && (b.count("failed") > 0 || b.count("skipped") > 0) {
		b.warn("Not committing packages to repository as failures were encountered")
		return nil
	}
	stamp := strconv.FormatInt(b.p.Now().Unix(), 10)
	real := ".real_" + stamp
	old, _ := b.fs.Readlink(path.Join(r.Repo, ".latest"))
	for n := 1; old == real || b.exists(path.Join(r.Repo, real)); n++ {
		real = fmt.Sprintf(".real_%d", b.p.Now().Unix()+int64(n))
	}
	b.status("committing:")
	b.msg("Committing packages to repository: %s via .latest symlink", path.Join(r.Repo, real))
	if err := b.fs.WriteFile(path.Join(r.Packages, ".buildname"), []byte(r.Build+"\n"), 0o644); err != nil {
		return err
	}
	if err := b.fs.Rename(r.Packages, path.Join(r.Repo, real)); err != nil {
		return err
	}
	if err := b.link(real, path.Join(r.Repo, ".latest")); err != nil {
		return err
	}
	r.Packages = path.Join(r.Repo, real)
	list, err := b.fs.ReadDir(r.Packages)
	if err != nil {
		return err
	}
	for _, i := range list {
		if strings.HasPrefix(i.Name, ".") {
			continue
		}
		if err := b.link(".latest/"+i.Name, path.Join(r.Repo, i.Name)); err != nil {
			return err
		}
	}
	if old == "" {
		return nil
	}
	b.msg("Removing old packages")
	return b.removeOld(real)
}

// removeOld drops earlier repositories but for those that are to be kept.
func (b *building) removeOld(current string) error {
	keep := 0
	if b.get("KEEP_OLD_PACKAGES", "no") == "yes" {
		keep, _ = strconv.Atoi(b.get("KEEP_OLD_PACKAGES_COUNT", "5"))
		keep = max(0, keep-1)
	}
	list, err := b.fs.ReadDir(b.r.Repo)
	if err != nil {
		return err
	}
	var old []string
	for _, i := range list {
		if strings.HasPrefix(i.Name, ".real_") && i.Name != current {
			old = append(old, i.Name)
		}
	}
	slices.Sort(old)
	for _, name := range old[:max(0, len(old)-keep)] {
		if err := b.fs.RemoveAll(path.Join(b.r.Repo, name)); err != nil {
			return err
		}
	}
	return nil
}
