package sim

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"syscall"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

// JID is the number of the jail that a machine is, 0 for a host.
func (m *Machine) JID() int { return m.jid }

// Host is the machine that a jail runs on, or the machine itself.
func (m *Machine) Host() *Machine { return m.host }

// StartJail makes a jail and lists it as running: the machine as what runs in it
// sees it.
func (m *Machine) StartJail(j state.Jail) *Machine {
	j = m.state.StartJail(j)
	return m.Jail(j.JID)
}

// Jail is a running jail of the host by its number, nil for none. Its root has
// packages and services of its own, its network is what it may use of the host's.
func (m *Machine) Jail(jid int) *Machine {
	j, running := m.host.state.FindJail(strconv.Itoa(jid))
	if !running {
		return nil
	}
	m.mu.Lock()
	jail := m.jails[jid]
	m.mu.Unlock()
	if jail == nil {
		jail = m.host.Rooted(j.Path)
		jail.jid = jid
		m.mu.Lock()
		m.jails[jid] = jail
		m.mu.Unlock()
	}
	if !j.VNET || jail.state.Network.Hostname == "" {
		jail.shareNetwork(j)
	}
	return jail
}

// Rooted is the machine with another directory as its root, and with the packages
// and services that are there.
func (m *Machine) Rooted(root string) *Machine {
	host := m.host.state
	host.Lock()
	s := host.Roots[root]
	if s == nil {
		s = state.New()
		host.Roots[root] = s
	}
	release, hardware, boot, available := host.Release, host.Hardware, host.Boot, host.Packages.Available
	sysctls := map[string]*state.Sysctl{}
	for name, v := range host.Sysctls {
		own := *v
		sysctls[name] = &own
	}
	everything := host.Packages
	host.Unlock()
	s.Lock()
	defer s.Unlock()
	s.Release, s.Hardware, s.Boot, s.Sysctls = release, hardware, boot, sysctls
	s.Packages.Available = available
	if root == "/" {
		root, s.Packages = "", everything
	}
	return &Machine{hardware: m.hardware, state: s, root: root}
}

// furnish installs the packages of a fresh jail.
func (m *Machine) furnish(packages []string) error {
	m.WritePasswd()
	for _, name := range packages {
		m.state.Packages.Install(name, m.profile.start())
	}
	for name, p := range m.state.Packages.Installed {
		p.ABI = fmt.Sprintf("%s:%d:%s", m.state.Release.OS, major(m.state.Release.Version), m.state.Release.Arch)
		if err := m.InstallPackage(name); err != nil {
			return err
		}
	}
	return nil
}

// shareNetwork shows a jail its own addresses, on the interfaces that have them.
func (m *Machine) shareNetwork(j state.Jail) {
	own := state.Network{Hostname: j.Hostname}
	m.host.locked(func(n *state.Network) {
		if j.VNET {
			own.Interfaces = []*state.Interface{{Name: "lo0", MTU: 16384, Flags: []string{"LOOPBACK", "MULTICAST"}, Group: []string{"lo"}}}
			return
		}
		own.Gateway, own.Gateway6 = n.Gateway, n.Gateway6
		mine := slices.Concat(j.IP4, j.IP6)
		for _, i := range n.Interfaces {
			shown := *i
			shown.Flags, shown.Inet, shown.Inet6 = slices.Clone(i.Flags), nil, nil
			for _, p := range i.Addresses() {
				if slices.Contains(mine, p.Addr().String()) {
					list := &shown.Inet
					if p.Addr().Is6() {
						list = &shown.Inet6
					}
					*list = append(*list, p.String())
				}
			}
			own.Interfaces = append(own.Interfaces, &shown)
		}
	})
	m.state.Lock()
	defer m.state.Unlock()
	if name := m.state.Network.Hostname; name != "" {
		own.Hostname = name // hostname(1) may have changed it
	}
	m.state.Network = own
	if v := m.state.Sysctls["security.jail.jailed"]; v != nil {
		v.Value = "1"
	}
}

// RemoveJail ends a jail: what runs in it is killed.
func (m *Machine) RemoveJail(jid int) {
	jail := m.Jail(jid)
	if jail == nil {
		return
	}
	for _, p := range jail.Processes() {
		p.signal(syscall.SIGKILL)
	}
	m.host.state.StopJails(func(j state.Jail) bool { return j.JID == jid })
	m.mu.Lock()
	delete(m.jails, jid)
	m.mu.Unlock()
	jail.state.Lock()
	defer jail.state.Unlock()
	jail.state.Network, jail.state.Services = state.Network{}, map[string]*state.Service{}
}

// stopJails forgets the jails of a machine that went down.
func (m *Machine) stopJails() {
	m.state.StopJails(func(state.Jail) bool { return true })
	m.mu.Lock()
	jails := slices.Collect(maps.Values(m.jails))
	clear(m.jails)
	m.mu.Unlock()
	for _, jail := range jails {
		jail.state.Lock()
		jail.state.Network, jail.state.Services = state.Network{}, map[string]*state.Service{}
		jail.state.Unlock()
	}
	m.state.Lock()
	m.state.LastJID = 0
	m.state.Unlock()
}

// jailSource is what a jail's connections come from: its first address of a family.
func (m *Machine) jailSource(to netip.Addr) (from netip.Addr, ok bool) {
	m.locked(func(n *state.Network) {
		for _, i := range n.Interfaces {
			for _, p := range i.Addresses() {
				if !ok && p.Addr().Is4() == to.Is4() && !p.Addr().IsLinkLocalUnicast() {
					from, ok = p.Addr(), true
				}
			}
		}
	})
	return from, ok
}

// GiveAddress adds an alias unless some interface has the address already.
func (m *Machine) GiveAddress(name string, prefix netip.Prefix) {
	m.locked(func(n *state.Network) {
		if i := n.Find(name); i != nil && n.Owner(prefix.Addr()) == nil {
			i.Add(prefix)
		}
	})
}

// Mounts are the file systems that are mounted: in a jail, the one that its root is
// on, and no more (enforce_statfs).
func (m *Machine) Mounts() []vfs.Usage {
	if m.root == "" {
		return m.tree.Mounts()
	}
	u, err := m.UsageOf("/")
	if err != nil {
		return nil
	}
	return []vfs.Usage{u}
}

// UsageOf is the file system of a file.
func (m *Machine) UsageOf(abs string) (vfs.Usage, error) {
	if m.root == "" {
		return m.tree.UsageOf(abs)
	}
	u, err := m.tree.UsageOf(m.root)
	u.Point = "/"
	return u, err
}
