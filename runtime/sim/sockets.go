package sim

import (
	"net/netip"
	"path"
	"slices"

	"bsdrun/runtime/sim/socket"
)

// newSockets makes the machine's sockets. They end with their processes, so a
// saved machine keeps none.
func (m *Machine) newSockets() *socket.Stack {
	return &socket.Stack{
		Kernel: func() socket.Kernel {
			if m.profile.linux() {
				return socket.Linux{}
			}
			return socket.FreeBSD{Major: major(m.RunningRelease())}
		},
		V6Only:  func() bool { return !m.profile.linux() && m.sysctl("net.inet6.ip6.v6only") != "0" },
		Daemons: m.daemonSockets,
	}
}

// Sockets are the machine's sockets that have no peer.
func (m *Machine) Sockets() *socket.Stack { return m.sockets }

// sysctl is the value of a kernel variable, empty where there is none.
func (m *Machine) sysctl(oid string) string {
	m.state.Lock()
	defer m.state.Unlock()
	if v := m.state.Sysctls[oid]; v != nil {
		return v.Value
	}
	return ""
}

// daemonSockets are those of the daemons that only have an entry in the process
// table.
func (m *Machine) daemonSockets() []*socket.Socket {
	var list []*socket.Socket
	for _, p := range m.Processes() {
		add := func(proto string, port uint16, fd int) {
			for _, family := range []socket.Family{socket.Inet6, socket.Inet} {
				list = append(list, &socket.Socket{
					Family: family, Proto: proto, V6Only: family == socket.Inet6, UID: p.Cred.UID, PID: p.PID, FD: fd,
					Local: netip.AddrPortFrom(family.Any(), port), Listening: proto == "tcp",
				})
				fd++
			}
		}
		switch path.Base(p.Path) {
		case "sshd":
			if p.PPID == 1 {
				add("tcp", 22, 3)
			}
		case "syslogd":
			if !slices.Contains(p.Args, "-ss") {
				add("udp", 514, 6)
			}
		case "ntpd":
			add("udp", 123, 20)
		}
	}
	return list
}
