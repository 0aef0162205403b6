package sim

import (
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pelletier/go-toml/v2"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/spelling"
)

//go:embed profiles/*.toml profiles/*.txt
var profileFiles embed.FS

// Profile describes a kind of machine; profiles/*.toml hold them.
type Profile struct {
	Name    string
	Doc     string `toml:"doc"`     // one line, for people
	Extends string `toml:"extends"` // profile whose values this one starts from

	OS string `toml:"os"` // empty: FreeBSD

	Release struct {
		Version  string `toml:"version"`
		Branch   string `toml:"branch"`
		Kernel   int    `toml:"kernel"`   // patch level
		Userland int    `toml:"userland"` // patch level
		Ident    string `toml:"ident"`
		Build    string `toml:"build"` // of Linux: what uname -v shows
		Arch     string `toml:"arch"`
	} `toml:"release"`
	Hardware struct {
		CPUs   int    `toml:"cpus"`
		Memory string `toml:"memory"` // "32G"
		Model  string `toml:"model"`
		Boot   string `toml:"boot"`
	} `toml:"hardware"`
	Start     string            `toml:"start"` // the machine's time at first boot, RFC 3339
	Root      Root              `toml:"root"`
	RootShell string            `toml:"root_shell"`
	Interface string            `toml:"interface"` // its network interface
	Sysctls   map[string]string `toml:"sysctls"`
	Tunables  []string          `toml:"tunables"` // names of sysctls set in loader.conf only
	ReadOnly  []string          `toml:"read_only"`
	Files     map[string]string `toml:"files"` // path -> content, over the image's
	Packages  struct {
		List      string   `toml:"list"`      // file of the packages a repository offers
		Installed []string `toml:"installed"` // with what they depend on
	} `toml:"packages"`
	Users []struct {
		Name   string   `toml:"name"`
		Groups []string `toml:"groups"` // beyond his own; those that files bring
	} `toml:"users"`
	Jails []struct {
		Path     string   `toml:"path"` // where its world is installed
		Packages []string `toml:"packages"`
	} `toml:"jails"`
}

var loadProfiles = sync.OnceValues(readProfiles)

func readProfiles() (map[string]*Profile, error) {
	entries, err := fs.ReadDir(profileFiles, "profiles")
	if err != nil {
		return nil, err
	}
	profiles := map[string]*Profile{}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".toml")
		if !ok {
			continue
		}
		p, err := readProfile(name, 0)
		if err != nil {
			return nil, err
		}
		profiles[name] = p
	}
	return profiles, nil
}

// readProfile reads one profile on top of the one it extends.
func readProfile(name string, depth int) (*Profile, error) {
	data, err := profileFiles.ReadFile(path.Join("profiles", name+".toml"))
	if err != nil {
		return nil, err
	}
	var head struct {
		Extends string `toml:"extends"`
	}
	if err := toml.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("profile %s: %w", name, err)
	}
	p := &Profile{}
	if head.Extends != "" {
		if depth > 4 {
			return nil, fmt.Errorf("profile %s: extends itself", name)
		}
		if p, err = readProfile(head.Extends, depth+1); err != nil {
			return nil, err
		}
	}
	if err := toml.Unmarshal(data, p); err != nil {
		return nil, fmt.Errorf("profile %s: %w", name, err)
	}
	p.Name = name
	return p, nil
}

// Profiles lists the kinds of machines by name.
func Profiles() []*Profile {
	profiles, err := loadProfiles()
	if err != nil {
		panic(err) // the files are part of the program
	}
	list := make([]*Profile, 0, len(profiles))
	for _, p := range profiles {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b *Profile) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// FindProfile is a profile by name.
func FindProfile(name string) (*Profile, error) {
	var names []string
	for _, p := range Profiles() {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return nil, fmt.Errorf("no simulated machine %q%s; there are %s", name, spelling.Guess(name, names), strings.Join(names, ", "))
}

// os is the operating system, as uname -s names it.
func (p *Profile) os() string { return cmp.Or(p.OS, "FreeBSD") }

// start is the machine's time at its first boot: the same for every run.
func (p *Profile) start() time.Time {
	t, err := time.Parse(time.RFC3339, p.Start)
	if err != nil {
		return time.Date(2025, 11, 3, 8, 0, 0, 0, time.UTC)
	}
	return t
}

// release is the profile's release with a patch level: 14.3-RELEASE-p2.
func (p *Profile) release(patch int) string {
	return state.Release{Version: p.Release.Version, Branch: p.Release.Branch, Patch: patch}.Uname()
}

// newState is what a machine of this profile knows at its first boot.
func (p *Profile) newState() *state.State {
	s := state.New()
	s.Release = state.Release{
		OS: p.os(), Build: p.Release.Build, Version: p.Release.Version, Branch: p.Release.Branch, Patch: p.Release.Kernel, Ident: p.Release.Ident, Arch: p.Release.Arch,
	}
	memory, _ := ParseSize(p.Hardware.Memory)
	s.Hardware = state.Hardware{CPUs: p.Hardware.CPUs, Memory: memory, Model: p.Hardware.Model, Boot: p.Hardware.Boot}
	for name, value := range p.Sysctls {
		s.Sysctls[name] = &state.Sysctl{
			Value: value, Type: sysctlType(value), Writable: !slices.Contains(p.ReadOnly, name) && !slices.Contains(p.Tunables, name),
			Tunable: slices.Contains(p.Tunables, name),
		}
	}
	s.Disks = p.disks()
	s.Pools = p.pools(s.Disks)
	s.Packages.Available = catalogue(p.Packages.List)
	for _, name := range p.Packages.Installed {
		s.Packages.Install(name, p.start())
	}
	for _, installed := range s.Packages.Installed {
		installed.ABI = fmt.Sprintf("%s:%d:%s", s.Release.OS, major(s.Release.Version), s.Release.Arch)
	}
	return s
}

func sysctlType(value string) string {
	for i, r := range value {
		if (r < '0' || r > '9') && (r != '-' || i > 0) {
			return "string"
		}
	}
	if value == "" {
		return "string"
	}
	return "integer"
}

// ParseSize reads a size with a unit of 1024: 512M, 32G, 2T.
func ParseSize(text string) (int64, error) {
	units := map[byte]int{'K': 10, 'M': 20, 'G': 30, 'T': 40, 'k': 10, 'm': 20, 'g': 30, 't': 40}
	shift := 0
	digits := text
	if n := len(text); n > 0 {
		if s, ok := units[text[n-1]]; ok {
			shift, digits = s, text[:n-1]
		}
	}
	var n int64
	if _, err := fmt.Sscanf(digits+" ", "%d ", &n); err != nil || n < 0 || strings.ContainsFunc(digits, notDigit) {
		return 0, fmt.Errorf("%q is not a size such as 512M or 2T", text)
	}
	return n << shift, nil
}

func notDigit(r rune) bool { return r < '0' || r > '9' }
