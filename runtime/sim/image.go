package sim

import (
	"bufio"
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"text/template"
	"time"

	"bsdrun/runtime/sim/vfs"
)

//go:embed all:image
var imageFiles embed.FS

// images are the base trees made so far, by profile and base tools: machines of
// one kind share theirs.
var images sync.Map // string -> func() (*vfs.Image, error)

// image is the base tree of a profile with the base system's tools.
func (p *Profile) image(tools []*Tool) (*vfs.Image, error) {
	key := toolsKey(p.Name, tools)
	make := sync.OnceValues(func() (*vfs.Image, error) {
		if p.linux() {
			return p.buildLinuxImage(tools)
		}
		return p.buildImage(tools)
	})
	built, _ := images.LoadOrStore(key, make)
	return built.(func() (*vfs.Image, error))()
}

// toolsKey names what is made of a name and the base system's tools.
func toolsKey(name string, tools []*Tool) string {
	var key strings.Builder
	key.WriteString(name)
	for _, t := range tools {
		if t.Package == "" {
			fmt.Fprintf(&key, "\x00%s\x00%s", t.Name, strings.Join(t.Paths, "\x00"))
		}
	}
	return key.String()
}

// buildImage makes the tree of a fresh installation: what is the same on every
// machine of the profile.
func (p *Profile) buildImage(tools []*Tool) (*vfs.Image, error) {
	installed := p.start().Add(-24 * time.Hour)
	tree := vfs.New(func() time.Time { return installed })
	if err := p.checkRoot(); err != nil {
		return nil, err
	}
	view := tree.View(vfs.Root, "/")
	if err := p.mountAll(tree, view); err != nil {
		return nil, err
	}
	entries, err := p.manifest()
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if err := e.place(view); err != nil {
			return nil, fmt.Errorf("image: %s: %w", e.path, err)
		}
	}
	for _, j := range p.Jails {
		if err := p.placeJail(view, j.Path, entries, tools); err != nil {
			return nil, fmt.Errorf("image: %s: %w", j.Path, err)
		}
	}
	if err := p.placeFiles(view); err != nil {
		return nil, err
	}
	if err := installWorld(view, "", p.release(p.Release.Userland), tools); err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	if err := installKernel(view, "", p.release(p.Release.Kernel)); err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	for _, e := range entries { // again, for files
		if err := e.adjust(view); err != nil {
			return nil, fmt.Errorf("image: %s: %w", e.path, err)
		}
	}
	return tree.Freeze(), nil
}

// facts are what the files of the image are filled in with.
type facts struct {
	Hostname, ShortName, Address, Gateway, Release, RootShell string
	Interface                                                 string
	Number                                                    int    // of the machine in the network, from 1
	Root, RootDevice, ESP                                     string // for fstab
	Swap                                                      []string
}

// placeFiles writes the files of the image and those of the profile. What
// differs between machines of one profile is filled in by personalise.
func (p *Profile) placeFiles(view *vfs.View) error {
	return p.eachText(p.release(p.Release.Userland), func(name string, data []byte) error { return placeText(view, name, data) })
}

// placeJail installs a world for a jail below a directory.
func (p *Profile) placeJail(view *vfs.View, root string, entries []manifestEntry, tools []*Tool) error {
	if err := view.MkdirAll(root, 0o755); err != nil {
		return err
	}
	view = view.Under(root)
	entries = slices.DeleteFunc(slices.Clone(entries), func(e manifestEntry) bool { return strings.HasPrefix(e.path, "/dev/") })
	for _, e := range entries {
		if err := e.place(view); err != nil {
			return err
		}
	}
	bare := *p
	bare.Files = map[string]string{"/etc/fstab": "", "/etc/rc.conf": ""}
	if err := bare.placeFiles(view); err != nil {
		return err
	}
	if err := installWorld(view, "", p.release(p.Release.Userland), tools); err != nil {
		return err
	}
	for _, e := range entries {
		if err := e.adjust(view); err != nil {
			return err
		}
	}
	return nil
}

// personalise fills in what is this machine's own: its name, address, shell.
func (m *Machine) personalise() error {
	number := m.network.size() + 1
	short := m.Name
	m.address = fmt.Sprintf("192.0.2.%d", 9+number)
	if number > 200 {
		m.address = fmt.Sprintf("198.18.%d.%d", number/250, number%250+1)
	}
	f := facts{
		Hostname: short + ".example.org", ShortName: short, Address: m.address, Gateway: lanGateway,
		Interface: m.profile.Interface, Number: number,
		Release: m.state.Release.Uname(), RootShell: m.profile.RootShell,
		Root: m.profile.Root.Type, RootDevice: m.profile.rootSource(), ESP: m.profile.espDevice(), Swap: m.profile.swapDevices(),
	}
	view := m.View(vfs.Root, "/")
	for _, name := range m.profile.templates() {
		data, err := view.ReadFile(name)
		if err != nil {
			return err
		}
		t, err := template.New(name).Parse(string(data))
		if err != nil {
			return err
		}
		var out bytes.Buffer
		if err := t.Execute(&out, f); err != nil {
			return err
		}
		if err := view.WriteFile(name, out.Bytes(), 0o644); err != nil {
			return err
		}
	}
	if !m.profile.linux() {
		m.WritePasswd()
	}
	m.personaliseState(f)
	return nil
}

// templates lists the files that personalise fills in.
func (p *Profile) templates() []string {
	const root = "image/root"
	var names []string
	visit := fs.WalkDir
	if p.linux() { // all its files stand in the profile
		visit = func(fs.FS, string, fs.WalkDirFunc) error { return nil }
	}
	_ = visit(imageFiles, root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := imageFiles.ReadFile(name)
		if err == nil && bytes.Contains(data, []byte("{{")) {
			name = strings.TrimPrefix(name, root)
			names = append(names, name)
			for _, j := range p.Jails {
				names = append(names, j.Path+name)
			}
		}
		return err
	})
	for name, content := range p.Files {
		if strings.Contains(content, "{{") {
			names = append(names, name)
		}
	}
	return names
}

// WritePasswd makes /etc/passwd and the databases from /etc/master.passwd, as
// pwd_mkdb(8) does.
func (m *Machine) WritePasswd() {
	view := m.View(vfs.Root, "/")
	var passwd strings.Builder
	for _, u := range m.Users() {
		fmt.Fprintf(&passwd, "%s:*:%d:%d:%s:%s:%s\n", u.Name, u.UID, u.GID, u.GECOS, u.Home, u.Shell)
	}
	master, _ := view.ReadFile("/etc/master.passwd")
	_ = view.WriteFile("/etc/passwd", []byte(passwd.String()), 0o644)
	_ = view.WriteFile("/etc/pwd.db", []byte(passwd.String()), 0o644)
	_ = view.WriteFile("/etc/spwd.db", master, 0o600)
	_ = view.Chmod("/etc/spwd.db", 0o600)
}

// manifestEntry is a line of image/mtree.txt.
type manifestEntry struct {
	path           string
	mode           uint32
	owner, group   string
	target, device string
	dir            bool
}

// ids of the owners the manifest names; the files they come from are not there
// yet when it is read.
var manifestIDs = map[string]int{
	"root": 0, "wheel": 0, "daemon": 1, "kmem": 2, "tty": 4, "mail": 6, "games": 13, "smmsp": 25, "authpf": 63, "uucp": 66,
	"dialer": 68, "audit": 77,
}

func (p *Profile) manifest() ([]manifestEntry, error) {
	list := "image/mtree.txt"
	if p.linux() {
		list = "image/debian.txt"
	}
	data, err := imageFiles.ReadFile(list)
	if err != nil {
		return nil, err
	}
	var entries []manifestEntry
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) == 0 || f[0] == "#" || strings.HasPrefix(f[0], "#") {
			continue
		}
		if !strings.HasPrefix(f[0], "/") {
			continue
		}
		e := manifestEntry{path: f[0], owner: f[2], group: f[3]}
		if _, err := fmt.Sscanf(f[1], "%o", &e.mode); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", list, lines.Text(), err)
		}
		switch {
		case len(f) == 6 && f[4] == "->":
			e.target = f[5]
		case len(f) == 6 && f[4] == "dev":
			e.device = f[5]
		default:
			_, err := fs.Stat(imageFiles, path.Join("image/root", e.path))
			e.dir = !isFileEntry(e.path, err == nil)
		}
		entries = append(entries, e)
	}
	return entries, lines.Err()
}

// isFileEntry tells lines that set a file's mode from those that make a
// directory: files stand in the image, or are made by the machine.
func isFileEntry(name string, inImage bool) bool {
	switch name {
	case "/etc/spwd.db", "/etc/ssh/ssh_host_ed25519_key", "/etc/opieaccess", "/var/log/utx.log":
		return true
	}
	if !inImage {
		return false
	}
	info, err := fs.Stat(imageFiles, path.Join("image/root", name))
	return err == nil && !info.IsDir()
}

func (e manifestEntry) uid() int {
	if e.owner == "operator" {
		return 2
	}
	return manifestIDs[e.owner]
}

func (e manifestEntry) gid() int {
	if e.group == "operator" {
		return 5
	}
	return manifestIDs[e.group]
}

// place makes a directory, link or device.
func (e manifestEntry) place(view *vfs.View) error {
	switch {
	case e.target != "":
		return view.Symlink(e.target, e.path)
	case e.device != "":
		if err := view.Mknod(e.path, vfs.TypeChar, e.device, e.mode); err != nil {
			return err
		}
	case e.dir:
		if _, err := view.Stat(e.path); err != nil {
			if err := view.Mkdir(e.path, 0o755); err != nil {
				return err
			}
		}
	default:
		return nil
	}
	return e.adjust(view)
}

// adjust sets owner and mode of what is there.
func (e manifestEntry) adjust(view *vfs.View) error {
	if _, err := view.Lstat(e.path); err != nil || e.target != "" {
		return nil //nolint:nilerr // a file the machine makes later
	}
	if err := view.Chown(e.path, e.uid(), e.gid()); err != nil {
		return err
	}
	return view.Chmod(e.path, e.mode)
}
