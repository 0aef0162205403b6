package sim

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pelletier/go-toml/v2"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

// A machine is of the release that its files are of: the kernel in
// /boot/kernel/kernel, the userland in /lib/libc.so.7, each a program with an
// age. So boot environments, snapshots and rollbacks carry releases with them.

//go:embed releases.toml
var releaseFile []byte

// Release is one of FreeBSD's releases.
type Release struct {
	Name      string // 14.3-RELEASE
	OSRelDate int    // 1403000
	Build     string // what uname -v shows after the name
	Patch     int    // newest patch level
	EOL       time.Time
	Pool      int      // newest pool version its kernel imports
	Features  []string // pool features it knows, by short name
}

// Major is the number before the point: 14.
func (r Release) Major() int { return major(r.Name) }

// Version is the number without the branch: 14.3.
func (r Release) Version() string { return versionOf(r.Name) }

// Latest is the release with its newest patch level: 14.3-RELEASE-p6.
func (r Release) Latest() string {
	if r.Patch == 0 {
		return r.Name
	}
	return fmt.Sprintf("%s-p%d", r.Name, r.Patch)
}

// Releases lists the releases that are known, the oldest first.
func Releases() []Release { return slices.Clone(releases().list) }

// FindRelease is a release by name, with or without its branch and a patch
// level: 14.3, 14.3-RELEASE or 14.3-RELEASE-p2.
func FindRelease(name string) (Release, bool) {
	base, _, _ := strings.Cut(name, "-p")
	for _, r := range releases().list {
		if r.Name == base || r.Name == base+"-RELEASE" {
			return r, true
		}
	}
	return Release{}, false
}

// Libraries are the shared libraries that a major release brings and some other
// lacks, as paths below the root.
func Libraries(major int) []string {
	return strings.Fields(releases().majors[strconv.Itoa(major)].Libraries)
}

// LinkedLibrary is the library, of those that come with a major release, that
// programs of its packages need.
func LinkedLibrary(major int) string { return releases().majors[strconv.Itoa(major)].Linked }

// FeatureActive tells whether a pool feature is active as soon as it's enabled,
// rather than once something uses it.
func FeatureActive(name string) bool { return slices.Contains(activeFeatures, name) }

// FeatureReadOnly tells whether a pool with the feature active can be read, such
// as by a loader, without knowing it (zpool-features(7)).
func FeatureReadOnly(name string) bool { return slices.Contains(readOnlyFeatures, name) }

var (
	activeFeatures = strings.Fields(`empty_bpobj lz4_compress spacemap_histogram enabled_txg hole_birth extensible_dataset
		embedded_data userobj_accounting project_quota spacemap_v2 log_spacemap head_errlog vdev_zaps_v2`)
	readOnlyFeatures = strings.Fields(`allocation_classes async_destroy block_cloning block_cloning_endian bookmarks
		device_rebuild empty_bpobj enabled_txg fast_dedup filesystem_limits large_microzap livelist log_spacemap
		obsolete_counts physical_rewrite project_quota resilver_defer spacemap_histogram spacemap_v2 userobj_accounting
		zilsaxattr zpool_checkpoint`)
)

// notByDefault are features that neither a new pool nor an upgraded one gets
// unless it's asked for them.
var notByDefault = []string{"dynamic_gang_header"}

// FeatureByDefault tells whether zpool create and zpool upgrade enable a feature.
func FeatureByDefault(name string) bool { return !slices.Contains(notByDefault, name) }

// releaseTable is releases.toml.
type releaseTable struct {
	list   []Release
	majors map[string]majorFacts
}

type majorFacts struct {
	Libraries string `toml:"libraries"`
	Linked    string `toml:"linked"`
}

var releases = sync.OnceValue(func() releaseTable {
	t, err := readReleases(releaseFile)
	if err != nil {
		panic(err) // the file is part of the program
	}
	return t
})

func readReleases(data []byte) (releaseTable, error) {
	var file struct {
		Features map[string]struct {
			Extends string `toml:"extends"`
			Names   string `toml:"names"`
		} `toml:"features"`
		Majors   map[string]majorFacts `toml:"majors"`
		Releases []struct {
			Version   string         `toml:"version"`
			OSRelDate int            `toml:"osreldate"`
			Build     string         `toml:"build"`
			Patch     int            `toml:"patch"`
			EOL       toml.LocalDate `toml:"eol"`
			Pool      int            `toml:"pool"`
			Features  string         `toml:"features"`
		} `toml:"releases"`
	}
	if err := toml.Unmarshal(data, &file); err != nil {
		return releaseTable{}, fmt.Errorf("releases: %w", err)
	}
	var features func(set string) []string
	features = func(set string) []string {
		if set == "" {
			return nil
		}
		return append(features(file.Features[set].Extends), strings.Fields(file.Features[set].Names)...)
	}
	t := releaseTable{majors: file.Majors}
	for _, r := range file.Releases {
		list := features(r.Features)
		slices.Sort(list)
		t.list = append(t.list, Release{
			Name: r.Version + "-RELEASE", OSRelDate: r.OSRelDate, Build: r.Build, Patch: r.Patch, EOL: r.EOL.AsTime(time.UTC),
			Pool: r.Pool, Features: list,
		})
	}
	return t, nil
}

// releasePool is the format of a pool made by a release: its version and the
// state of its features.
func releasePool(release string) (version int, features map[string]string) {
	r, _ := FindRelease(release)
	for _, name := range r.Features {
		if !FeatureByDefault(name) {
			continue
		}
		if features == nil {
			features = map[string]string{}
		}
		features[name] = "enabled"
		if FeatureActive(name) {
			features[name] = "active"
		}
	}
	return r.Pool, features
}

// versionOf is a release without branch and patch level: 14.3.
func versionOf(release string) string {
	version, _, _ := strings.Cut(release, "-")
	return version
}

// compareVersions orders versions such as 9.2 and 14.0.
func compareVersions(a, b string) int {
	number := func(v string) [2]int {
		x, y, _ := strings.Cut(versionOf(v), ".")
		first, _ := strconv.Atoi(x)
		second, _ := strconv.Atoi(y)
		return [2]int{first, second}
	}
	one, other := number(a), number(b)
	return slices.Compare(one[:], other[:])
}

// in tells whether a release has the tool. Those of packages have none of their
// own.
func (t *Tool) in(release string) bool {
	return (t.Since == "" || compareVersions(release, t.Since) >= 0) && (t.Until == "" || compareVersions(release, t.Until) < 0)
}

// kernelFile, libcFile and versionFile are what tells a machine's release.
const (
	kernelFile  = "/boot/kernel/kernel"
	libcFile    = "/lib/libc.so.7"
	versionFile = "/bin/freebsd-version"
)

// KernelRelease is the release of the kernel installed below a directory, as
// freebsd-version -k tells it; empty when there is none.
func (m *Machine) KernelRelease(root string) string {
	p, ok := readProgram(m.View(vfs.Root, "/"), path.Join(root, kernelFile))
	if !ok || p.Kind != "kernel" {
		return ""
	}
	return p.Release
}

// UserlandRelease is the release of the userland installed below a directory;
// empty when there is none.
func (m *Machine) UserlandRelease(root string) string {
	p, ok := readProgram(m.View(vfs.Root, "/"), path.Join(root, libcFile))
	if !ok || p.Kind != "libc" {
		return ""
	}
	return p.Release
}

// RunningRelease is the release of the kernel that runs, as uname -r shows it.
func (m *Machine) RunningRelease() string {
	m.state.Lock()
	defer m.state.Unlock()
	return m.state.Release.Uname()
}

func readProgram(view *vfs.View, file string) (state.Program, bool) {
	f, err := view.Open(file)
	if err != nil {
		return state.Program{}, false
	}
	defer f.Close()
	head := make([]byte, 4096) // the first line is shorter
	n, _ := f.Read(head)
	return state.ReadProgram(head[:n])
}

// setRelease notes what kernel runs. The state is locked.
func (m *Machine) setRelease(release string) {
	s := m.state
	r, _ := FindRelease(release)
	base, patch, _ := strings.Cut(release, "-p")
	version, branch, _ := strings.Cut(base, "-")
	old := s.Release
	s.Release = state.Release{OS: "FreeBSD", Version: version, Branch: branch, OSRelDate: r.OSRelDate, Build: r.Build, Ident: old.Ident, Arch: old.Arch}
	s.Release.Patch, _ = strconv.Atoi(patch)
	set := func(name, value string) {
		s.Sysctls[name] = &state.Sysctl{Value: value, Type: sysctlType(value)}
	}
	set("kern.osrelease", s.Release.Uname())
	set("kern.osreldate", strconv.Itoa(s.Release.OSRelDate))
	set("kern.version", s.Release.Text()+"\n")
	if s.Sysctls["vfs.zfs.version.spa"] != nil {
		set("vfs.zfs.version.spa", strconv.Itoa(r.Pool))
	}
}

// bootFile is a boot program as a release has it, with its size in bytes.
type bootFile struct {
	file, kind string
	size       int
	pools      bool   // it reads pools
	since      string // first release that has it
}

var bootFiles = []bootFile{
	{"/boot/pmbr", "pmbr", 512, false, ""},
	{"/boot/mbr", "mbr", 512, false, ""},
	{"/boot/gptboot", "gptboot", 16 << 10, false, ""},
	{"/boot/gptzfsboot", "gptzfsboot", 0, true, ""},
	{"/boot/zfsboot", "zfsboot", 64 << 10, true, ""},
	{"/boot/loader", "loader", 288 << 10, true, ""},
	{"/boot/zfsloader", "loader", 288 << 10, true, ""},
	{"/boot/boot1.efi", "boot1.efi", 96 << 10, true, "10.1"},
	{"/boot/loader.efi", "loader.efi", 512 << 10, true, "10.1"},
}

// zfsbootSize is about how large gptzfsboot is.
func zfsbootSize(major int) int {
	switch {
	case major < 10:
		return 40 << 10
	case major < 12:
		return 84 << 10
	case major < 13:
		return 110 << 10
	}
	return 156 << 10
}

// bootCode is a boot program's file of a release. One that reads pools only ever
// reads, so that read-only compatible features don't stop it.
func (r Release) bootCode(b bootFile, name string) []byte {
	p := state.Program{Kind: b.kind, Release: name}
	if b.pools {
		p.Pool = r.Pool
		if r.Pool > maxNumbered {
			p.Features = append(slices.Clone(r.Features), readOnlyFeatures...)
			slices.Sort(p.Features)
			p.Features = slices.Compact(p.Features)
		}
	}
	size := b.size
	if b.kind == "gptzfsboot" {
		size = zfsbootSize(r.Major())
	}
	return p.Bytes(size)
}

// bootPrograms are a release's boot programs by kind, as its installer puts them
// on disks.
func bootPrograms(release string) (map[string][]byte, error) {
	r, ok := FindRelease(release)
	if !ok {
		return nil, fmt.Errorf("no release %s", release)
	}
	programs := map[string][]byte{}
	for _, b := range bootFiles {
		programs[b.kind] = r.bootCode(b, release)
	}
	return programs, nil
}

// maxNumbered is the last pool version that is only a number.
const maxNumbered = 28

// InstallKernel puts a release's kernel, its modules and boot programs below a
// directory, as the first pass of freebsd-update install or make installkernel
// does: what was there becomes /boot/kernel.old. The boot programs on the disks
// stay what they are.
func (m *Machine) InstallKernel(root, release string) error {
	return installKernel(m.View(vfs.Root, "/"), root, release)
}

func installKernel(view *vfs.View, root, release string) error {
	r, ok := FindRelease(release)
	if !ok {
		return fmt.Errorf("no release %s", release)
	}
	dir := path.Join("/", root, "boot/kernel")
	if _, err := view.Stat(path.Join(dir, "kernel")); err == nil {
		if err := replaceDir(view, dir, dir+".old"); err != nil {
			return err
		}
	}
	if err := placeKernel(view, dir, r, release); err != nil {
		return err
	}
	for _, b := range bootFiles {
		if b.since != "" && compareVersions(release, b.since) < 0 {
			continue
		}
		if err := placeFile(view, path.Join("/", root, b.file), r.bootCode(b, release), 0o444); err != nil {
			return err
		}
	}
	return nil
}

func replaceDir(view *vfs.View, from, to string) error {
	if err := view.RemoveAll(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return view.Rename(from, to)
}

func placeKernel(view *vfs.View, dir string, r Release, release string) error {
	kernel := state.Program{Kind: "kernel", Release: release}
	if err := placeFile(view, dir+"/kernel", kernel.Bytes(0), 0o555); err != nil {
		return err
	}
	for _, name := range moduleNames(release) {
		module := state.Program{Kind: name + ".ko", Release: release}
		if name == "zfs" {
			module.Pool, module.Features = r.Pool, r.Features
		}
		if err := placeFile(view, dir+"/"+name+".ko", module.Bytes(0), 0o555); err != nil {
			return err
		}
	}
	return placeFile(view, dir+"/linker.hints", []byte(release+"\n"), 0o444)
}

// moduleSpans are the kernel modules that matter, with the first release that has
// each and the first that lacks it again.
var moduleSpans = strings.Fields(`zfs nullfs linux linprocfs linsysfs fdescfs tmpfs pf pflog pfsync ipfw bridgestp if_bridge if_tap:-12.0
	if_tun:-12.0 if_tuntap:12.0 if_epair if_vlan if_lagg if_gre if_gif if_stf if_vxlan:11.0 if_wg:13.2 vmm:10.0 nmdm coretemp amdtemp
	aesni:9.0 cryptodev crypto geom_label geom_mirror geom_eli geom_nop geom_stripe geom_concat geom_gate unionfs fusefs:12.1
	nfscl nfsd smbfs:-15.0 accf_http accf_data accf_dns cc_htcp:9.0 cc_cubic:9.0 ipmi filemon:9.1 md mac_bsdextended mac_portacl
	mac_do:14.2 dummynet carp:10.0 snp autofs:10.1 ext2fs opensolaris:-13.0 xdr:13.0 acl_nfs4:13.0 acl_posix1e:13.0
	linux64:10.3 linux_common:11.0 uhid ums ucom usb uplcom ahci aio:-11.0 i915kms:9.1-13.0 drm2:9.1-13.0 alias_ftp ng_ether netgraph
	krpc procfs cd9660_iconv msdosfs_iconv hwpmc dtraceall dtrace cyclic:-11.0 cpuctl smbus ichsmb virtio_console:11.0 if_vmx:10.1`)

// moduleNames lists a release's kernel modules.
func moduleNames(release string) []string {
	var names []string
	for _, span := range moduleSpans {
		name, when, _ := strings.Cut(span, ":")
		since, until, _ := strings.Cut(when, "-")
		if (&Tool{Since: since, Until: until}).in(release) {
			names = append(names, name)
		}
	}
	return names
}

// InstallWorld puts a release's userland below a directory: the base system's
// programs, libc, freebsd-version and the libraries it brings. Those of the
// release before stay until RemoveOldLibraries; configuration in /etc is kept.
func (m *Machine) InstallWorld(root, release string) error {
	return installWorld(m.View(vfs.Root, "/"), root, release, m.Tools())
}

func installWorld(view *vfs.View, root, release string, tools []*Tool) error {
	r, ok := FindRelease(release)
	if !ok {
		return fmt.Errorf("no release %s", release)
	}
	for _, t := range tools {
		if t.Package != "" {
			continue
		}
		place := t.worldFiles
		if !t.in(release) {
			place = t.removeFiles
		}
		if err := place(view, root, tools, release); err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
	}
	libc := state.Program{Kind: "libc", Release: release}
	if err := placeFile(view, path.Join("/", root, libcFile), libc.Bytes(0), 0o444); err != nil {
		return err
	}
	for _, lib := range Libraries(r.Major()) {
		if err := placeFile(view, path.Join("/", root, lib), libraryBytes(lib, release), 0o444); err != nil {
			return err
		}
	}
	return nil
}

// libraryBytes is the content of a shared library.
func libraryBytes(name, release string) []byte {
	return []byte(toolMark + path.Base(name) + "\x00" + release + "\x00\n")
}

// worldFiles writes a base tool's files below a directory.
func (t *Tool) worldFiles(view *vfs.View, root string, _ []*Tool, release string) error {
	at := *t
	at.Paths, at.Files = nil, map[string]string{}
	for _, file := range t.Paths {
		at.Paths = append(at.Paths, path.Join("/", root, file))
	}
	for file, content := range t.Files {
		file = path.Join("/", root, file)
		if _, err := view.Lstat(file); err == nil && configuration(file, root) {
			continue
		}
		at.Files[file] = content
	}
	if err := placeTool(view, &at, 0); err != nil {
		return err
	}
	if t.Script != nil {
		return placeFile(view, at.Paths[0], []byte(scriptMark+t.Name+"\n"+t.Script(release)), 0o555)
	}
	if !slices.Contains(t.Paths, versionFile) {
		return nil
	}
	// Other scripts look for the release in this one.
	text := scriptMark + t.Name + "\nUSERLAND_VERSION=\"" + release + "\"\n"
	return placeFile(view, path.Join("/", root, versionFile), []byte(text), 0o555)
}

// configuration tells files that are the administrator's.
func configuration(file, root string) bool {
	name, ok := strings.CutPrefix(file, path.Join("/", root, "etc")+"/")
	return ok && name != "rc.subr" && !strings.HasPrefix(name, "rc.d/") && !strings.HasPrefix(name, "defaults/")
}

// removeFiles removes a tool that the release lacks, but for names that another
// has now.
func (t *Tool) removeFiles(view *vfs.View, root string, tools []*Tool, release string) error {
	for _, file := range t.Paths {
		if slices.ContainsFunc(tools, func(o *Tool) bool { return o.Package == "" && o.in(release) && slices.Contains(o.Paths, file) }) {
			continue
		}
		if err := view.Remove(path.Join("/", root, file)); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return err
		}
	}
	return nil
}

// RemoveOldLibraries removes the shared libraries that other releases brought and
// this one lacks, as the last pass of freebsd-update install does. Programs built
// for those releases end with it, unless a compat package has the libraries.
func (m *Machine) RemoveOldLibraries(root, release string) error {
	_, err := m.removeOldLibraries(root, release, false)
	return err
}

// OldLibraries lists what RemoveOldLibraries would remove, as paths from /.
func (m *Machine) OldLibraries(root, release string) []string {
	list, _ := m.removeOldLibraries(root, release, true)
	return list
}

func (m *Machine) removeOldLibraries(root, release string, only bool) ([]string, error) {
	r, ok := FindRelease(release)
	if !ok {
		return nil, fmt.Errorf("no release %s", release)
	}
	view := m.View(vfs.Root, "/")
	keep := Libraries(r.Major())
	var old []string
	for _, name := range allLibraries() {
		file := path.Join("/", root, name)
		if _, err := view.Lstat(file); err != nil || slices.Contains(keep, name) {
			continue
		}
		old = append(old, path.Join("/", name))
		if only {
			continue
		}
		if err := view.Remove(file); err != nil {
			return old, err
		}
	}
	return old, nil
}

// allLibraries lists the libraries of every release.
func allLibraries() []string {
	var all []string
	for name := range releases().majors {
		n, _ := strconv.Atoi(name)
		all = append(all, Libraries(n)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// libraryDirs are where the run-time linker looks, see ldconfig_paths in
// rc.conf(5).
var libraryDirs = []string{"/lib", "/usr/lib", "/usr/local/lib/compat", "/usr/local/lib"}

// linked is the library of one release that a program was linked with, and where
// the machine has it: empty when it lacks it. A program of the base system, which
// comes with its libraries, needs none. fields are those of the program's file.
func (m *Machine) linked(fields [][]byte) (library, where string) {
	if len(fields) < 3 {
		return "", ""
	}
	abi, err := strconv.Atoi(string(bytes.TrimSpace(fields[2])))
	if err != nil {
		return "", ""
	}
	if library = LinkedLibrary(abi); library == "" {
		return "", ""
	}
	view := m.View(vfs.Root, "/")
	for _, dir := range libraryDirs {
		if _, err := view.Stat(path.Join(dir, library)); err == nil {
			return library, path.Join(dir, library)
		}
	}
	return library, ""
}

// missingLibrary is the library a program needs and the machine lacks; empty when
// it has all.
func (m *Machine) missingLibrary(fields [][]byte) string {
	if library, where := m.linked(fields); where == "" {
		return library
	}
	return ""
}

// Linked tells which library of one release a program's file was linked with, and
// where the machine has it; ok is false where the file is no program.
func (m *Machine) Linked(file string) (library, where string, ok bool) {
	rest, ok := bytes.CutPrefix(m.head(m.View(vfs.Root, "/"), file), []byte(toolMark))
	if !ok {
		return "", "", false
	}
	rest, _, _ = bytes.Cut(rest, []byte("\n"))
	library, where = m.linked(bytes.SplitN(rest, []byte{0}, 3))
	return library, where, true
}

// MissingLibrary is the shared library that a program's file needs and the machine
// lacks; empty when the run-time linker would be content.
func (m *Machine) MissingLibrary(file string) string {
	if library, where, _ := m.Linked(file); where == "" {
		return library
	}
	return ""
}

// unlinkable stands for a program whose libraries are gone: the run-time linker
// ends it.
func unlinkable(library string) *Tool {
	return &Tool{Name: "ld-elf.so.1", Run: func(p *Proc) int {
		p.Errorf("ld-elf.so.1: Shared object %q not found, required by %q\n", library, path.Base(p.Args[0]))
		return 1
	}}
}
