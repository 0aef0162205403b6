package sim

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"bsdrun/runtime/sim/state"
)

// Network is what the machines of a run see of each other and of the world:
// names, addresses, what can be reached, repositories behind URLs.
type Network struct {
	mu       sync.Mutex
	machines []*Machine
	hosts    map[string]string // further names: "www.example.org" -> address
	git      map[string]string // URL -> directory on the controller
	down     map[string]string // host or URL prefix that cannot be reached -> why

	given, made []*Tool // the tools of the machine that was made last
}

// NewNetwork is a network where everything well-known can be reached.
func NewNetwork() *Network {
	return &Network{hosts: map[string]string{}, git: map[string]string{}, down: map[string]string{}}
}

// tools are those of a machine to which some are given. Most machines of a network are
// given the same, and share all.
func (n *Network) tools(given []*Tool) []*Tool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.made == nil || !slices.Equal(given, n.given) {
		n.given = given
		n.made = slices.Concat([]*Tool{shellTool(), bashTool(), cshTool(), sftpTool()}, given, standIns(given))
	}
	return n.made
}

// read takes what a machine's URL says about the network:
//
//	git=URL=DIR        a repository on the controller's disk, behind a URL
//	unreachable=HOST   a host (or the beginning of a URL) nobody reaches
func (n *Network) read(params url.Values) error {
	for _, pair := range params["git"] {
		// The directory follows the last "=": URLs may hold some too.
		i := strings.LastIndexByte(pair, '=')
		if i <= 0 || i == len(pair)-1 {
			return fmt.Errorf("git=%s: want git=URL=DIRECTORY", pair)
		}
		dir, err := filepath.Abs(pair[i+1:])
		if err != nil {
			return err
		}
		if _, err := os.Stat(dir); err != nil {
			return fmt.Errorf("git=%s: %w", pair, err)
		}
		n.MapGit(pair[:i], dir)
	}
	for _, host := range params["unreachable"] {
		n.SetUnreachable(host, "Operation timed out")
	}
	return nil
}

// MapGit puts a repository on the controller's disk behind a URL.
func (n *Network) MapGit(url, dir string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.git[plainURL(url)] = dir
}

// Git is the directory behind a repository's URL.
func (n *Network) Git(url string) (dir string, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	dir, ok = n.git[plainURL(url)]
	return dir, ok
}

// plainURL makes the usual spellings of a repository's URL equal.
func plainURL(u string) string {
	return strings.TrimSuffix(strings.TrimSuffix(strings.TrimRight(u, "/"), ".git"), "/")
}

// SetUnreachable makes a host, or all URLs that begin so, unreachable; an empty
// reason undoes it.
func (n *Network) SetUnreachable(host, reason string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !strings.Contains(host, "://") {
		host = strings.ToLower(host) // as Reachable looks it up
	}
	if reason == "" {
		delete(n.down, host)
		return
	}
	n.down[host] = reason
}

// SetHost gives a name an address.
func (n *Network) SetHost(name, address string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[name] = address
}

// UnreachableError is why a host does not answer, in the words of connect(2) or
// the resolver.
type UnreachableError struct{ Host, Reason string }

func (e *UnreachableError) Error() string { return e.Host + ": " + e.Reason }

// known are the hosts of the world that a build needs.
var known = []string{
	"freebsd.org", "github.com", "githubusercontent.com", "gitlab.com", "codeberg.org", "sourceforge.net", "example.org",
	"example.com", "example.net",
}

// Reachable tells whether what a URL (or host name) names can be reached.
func (n *Network) Reachable(target string) error {
	host := strings.ToLower(hostOf(target))
	n.mu.Lock()
	defer n.mu.Unlock()
	for prefix, reason := range n.down {
		if prefix == host || strings.HasPrefix(target, prefix) {
			return &UnreachableError{host, reason}
		}
	}
	if _, ok := n.git[plainURL(target)]; ok {
		return nil
	}
	if n.machine(host) != nil || n.hosts[host] != "" {
		return nil
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return &UnreachableError{host, "Operation timed out"}
	}
	for _, domain := range known {
		if host == domain || strings.HasSuffix(host, "."+domain) {
			return nil
		}
	}
	return &UnreachableError{host, "Name does not resolve"}
}

// hostOf is the host of a URL, of git's user@host:path, or the name itself.
func hostOf(target string) string {
	if u, err := url.Parse(target); err == nil && u.Host != "" {
		return u.Hostname()
	}
	if at := strings.IndexByte(target, '@'); at >= 0 {
		target = target[at+1:]
	}
	if host, _, err := net.SplitHostPort(target); err == nil {
		return host
	}
	host, _, _ := strings.Cut(target, ":")
	return host
}

// add brings a machine into the network and gives it an address.
func (n *Network) add(m *Machine) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.machines = append(n.machines, m)
}

// place is the machine's number in the network, from 1.
func (n *Network) size() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.machines)
}

func (n *Network) remove(m *Machine) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if i := slices.Index(n.machines, m); i >= 0 {
		n.machines = slices.Delete(n.machines, i, i+1)
	}
}

// Machine finds a machine by name or address, nil when there is none.
func (n *Network) Machine(host string) *Machine {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.machine(host)
}

func (n *Network) machine(host string) *Machine {
	for _, m := range n.machines {
		if m.Name == host || m.hasAddress(host) {
			return m
		}
	}
	return nil
}

// owner is the machine that has an address on one of its interfaces; nil when none
// has.
func (n *Network) owner(a netip.Addr) *Machine {
	n.mu.Lock()
	machines := slices.Clone(n.machines)
	n.mu.Unlock()
	for _, m := range machines {
		var has bool
		m.locked(func(s *state.Network) { has = s.Owner(a) != nil })
		if has {
			return m
		}
	}
	return nil
}

// at is the machine that has an address, or has it when it is up; nil when none does.
func (n *Network) at(a netip.Addr) *Machine {
	if m := n.owner(a); m != nil {
		return m
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.machine(a.String())
}

// Resolve is the address of a name, as the resolver gives it.
func (n *Network) Resolve(name string) (string, error) {
	if _, err := netip.ParseAddr(name); err == nil {
		return name, nil
	}
	n.mu.Lock()
	address, ok := n.hosts[name]
	m := n.machine(name)
	n.mu.Unlock()
	switch {
	case ok:
		return address, nil
	case m != nil:
		return m.Address(), nil
	}
	if err := n.Reachable(name); err != nil {
		return "", &UnreachableError{name, "Name does not resolve"}
	}
	return exampleAddress(name), nil
}

// exampleAddress gives a host of the world a steady address out of those for
// documentation (RFC 5737).
func exampleAddress(name string) string {
	sum := 0
	for _, b := range []byte(name) {
		sum = (sum*31 + int(b)) % 254
	}
	return fmt.Sprintf("203.0.113.%d", sum+1)
}

// Dial connects to a machine's sshd by name or address.
func (n *Network) Dial(ctx context.Context, host string) (net.Conn, error) {
	m, err := n.target(host)
	if err != nil {
		return nil, err
	}
	return m.Dial(ctx)
}

// dialFrom is Dial from another machine.
func (n *Network) dialFrom(ctx context.Context, from *Machine, host string) (net.Conn, error) {
	m, err := n.target(host)
	if err != nil {
		return nil, err
	}
	sent, err := from.Connect("tcp", netip.AddrPort{}, netip.AddrPortFrom(m.primary(), 22))
	if err != nil {
		return nil, &UnreachableError{host, err.Error()}
	}
	return m.dial(ctx, sent.From, netip.AddrPortFrom(m.primary(), 22), ServeOptions{})
}

func (n *Network) target(host string) (*Machine, error) {
	if err := n.Reachable(host); err != nil {
		return nil, err
	}
	if m := n.Machine(host); m != nil {
		return m, nil
	}
	return nil, &UnreachableError{host, "Connection refused"}
}
