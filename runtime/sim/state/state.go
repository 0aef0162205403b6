// Package state is what a simulated machine knows beyond its files: the release
// it runs, packages, services, sysctls, pools and network. Tools share it, so
// that what one changes the others see.
package state

import (
	"strings"
	"sync"
	"time"
)

// State is one machine's. Lock it around every use of its fields.
type State struct {
	mu   sync.Mutex
	uses int

	Release  Release
	Hardware Hardware
	Boot     Boot
	Packages Packages
	Services map[string]*Service // by rc.d name
	Sysctls  map[string]*Sysctl  // by OID
	Modules  []Module            // kernel modules loaded, kernel first
	Disks    []*Disk
	Devices  []string // nodes in /dev that stand for disks, partitions and labels
	Swap     []string // devices swapped on
	Firmware Firmware
	Pools    []*Pool
	Jails    []Jail // running, by number
	LastJID  int
	Network  Network
	Roots    Roots // of jails and the like, by their directory
}

// Lock takes the state for this goroutine alone.
func (s *State) Lock() {
	s.mu.Lock()
	s.uses++
}

// Unlock gives it back.
func (s *State) Unlock() { s.mu.Unlock() }

// Uses counts how often the state was locked: while that stays the same, so does
// the state.
func (s *State) Uses() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	uses := s.uses
	for _, root := range s.Roots {
		uses += root.Uses()
	}
	return uses
}

// Release is the kernel that runs: "14.3-RELEASE-p2" is Version "14.3", Branch
// "RELEASE" and Patch 2. What is installed stands in the machine's files.
type Release struct {
	OS        string // FreeBSD
	Version   string // 14.3
	Branch    string // RELEASE
	Patch     int
	OSRelDate int    // 1403000
	Ident     string // kernel configuration: GENERIC
	Build     string // releng/14.3-n271432-8c9ce319fef7
	Arch      string // amd64
}

// Hardware is what the machine is made of.
type Hardware struct {
	CPUs   int
	Memory int64  // bytes
	Model  string // hw.model
	Boot   string // machdep.bootmethod: BIOS or UEFI
}

// Boot identifies the running boot.
type Boot struct {
	ID    string    // kern.boot_id
	Time  time.Time // kern.boottime
	Count int       // boots so far
}

// Packages are those installed and those a repository offers.
type Packages struct {
	Bootstrapped bool                // pkg itself is installed
	Installed    map[string]*Package // by name
	Available    map[string]*Package `json:"-"` // by name; comes from the profile
	Catalogue    string              // when the repository's catalogue was last fetched; empty: never
	Locked       []string
}

// Package is one package.
type Package struct {
	Name, Version, Origin, Comment string
	Maintainer, WWW, Prefix        string
	Categories, Licenses           []string
	Deps                           []string          // names
	Files                          []string          // paths it installs
	Options                        map[string]string `json:",omitempty"`
	Size                           int64             // installed, bytes
	Automatic                      bool              `json:",omitempty"`
	Locked                         bool              `json:",omitempty"`
	Installed                      time.Time         // zero when only available
	Message                        string            `json:",omitempty"`
	Repository                     string            // FreeBSD
	ABI                            string            `json:",omitempty"` // what it was built for: FreeBSD:14:amd64
}

// Install notes a package of the repository as installed with what it needs.
func (p *Packages) Install(name string, when time.Time) {
	offered := p.Available[name]
	if offered == nil || p.Installed[name] != nil {
		return
	}
	installed := *offered
	installed.Installed = when
	p.Installed[name] = &installed
	p.Bootstrapped = p.Bootstrapped || name == "pkg"
	for _, dep := range offered.Deps {
		if p.Installed[dep] == nil {
			p.Install(dep, when)
			p.Installed[dep].Automatic = true
		}
	}
}

// Service is a service of rc.d; whether it is enabled stands in rc.conf.
type Service struct {
	Name    string
	Script  string // /etc/rc.d/sshd
	RCVar   string // sshd_enable; empty: always enabled
	Process string // command its daemon shows
	Pidfile string
	Running bool
	PID     int
}

// ServiceEnded notes that the process of a service has ended.
func (s *State) ServiceEnded(pid int) {
	s.Lock()
	defer s.Unlock()
	for _, svc := range s.Services {
		if svc.PID == pid {
			svc.Running, svc.PID = false, 0
		}
	}
}

// Sysctl is one OID.
type Sysctl struct {
	Value    string
	Type     string // integer, string, opaque
	Writable bool
	Tunable  bool // can be set in loader.conf
	Desc     string
}

// Module is a kernel module loaded.
type Module struct {
	ID   int
	Refs int
	Addr uint64
	Size int64
	Name string // if_bridge.ko
}

// New is an empty state.
func New() *State {
	return &State{
		Packages: Packages{Installed: map[string]*Package{}, Available: map[string]*Package{}},
		Services: map[string]*Service{},
		Sysctls:  map[string]*Sysctl{},
		Roots:    Roots{},
	}
}

// Uname is the release as uname -r shows it.
func (r Release) Uname() string { return withPatch(r.Version, r.Branch, r.Patch) }

// Text is what uname -v shows. Up to 11 the build says the rest itself.
func (r Release) Text() string {
	text := r.OS + " " + r.Uname() + " " + r.Build
	if strings.HasPrefix(r.Build, "#") {
		return text
	}
	return text + " " + r.Ident
}
