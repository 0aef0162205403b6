package sim

import (
	"fmt"
	"strings"

	"bsdrun/runtime/sim/vfs"
)

// Login is the user the controller logs in as when it names none.
func (m *Machine) Login() string {
	if m.login == "" {
		return "root"
	}
	return m.login
}

// AddUser makes an account with a home directory, as pw(8) useradd -m does.
func (m *Machine) AddUser(name string, groups ...string) error {
	if _, exists := m.LookupUser(name); exists {
		return nil
	}
	uid := 1001
	for _, u := range m.Users() {
		if u.UID >= uid && u.UID < 60000 {
			uid = u.UID + 1
		}
	}
	if m.profile.linux() {
		return m.addLinuxUser(name, uid, groups)
	}
	view := m.View(vfs.Root, "/")
	master, err := view.ReadFile("/etc/master.passwd")
	if err != nil {
		return err
	}
	master = fmt.Appendf(master, "%s:*:%d:%d::0:0:%s:/home/%s:/bin/sh\n", name, uid, uid, name, name)
	if err := view.WriteFile("/etc/master.passwd", master, 0o600); err != nil {
		return err
	}
	m.WritePasswd()
	file, err := view.ReadFile("/etc/group")
	if err != nil {
		return err
	}
	var out strings.Builder
	for line := range strings.Lines(string(file)) {
		for _, g := range groups {
			if strings.HasPrefix(line, g+":") {
				line = strings.TrimRight(line, "\n")
				if !strings.HasSuffix(line, ":") {
					line += ","
				}
				line += name + "\n"
			}
		}
		out.WriteString(line)
	}
	fmt.Fprintf(&out, "%s:*:%d:\n", name, uid)
	if err := view.WriteFile("/etc/group", []byte(out.String()), 0o644); err != nil {
		return err
	}
	home := "/home/" + name
	if err := view.MkdirAll(home, 0o755); err != nil {
		return err
	}
	return view.Chown(home, uid, uid)
}

// becomeFiles let the group wheel become root.
var becomeFiles = map[string]struct{ path, content string }{
	"doas": {"/usr/local/etc/doas.conf", "permit nopass :wheel\n"},
	"sudo": {"/usr/local/etc/sudoers.d/wheel", "%wheel ALL=(ALL:ALL) NOPASSWD: ALL\n"},
}

// setUpAccounts makes the profile's users, the login user and what it becomes root with, as the
// machine's URL asks.
func (m *Machine) setUpAccounts() error {
	for _, u := range m.profile.Users {
		if err := m.AddUser(u.Name, u.Groups...); err != nil {
			return err
		}
	}
	if name := m.Params.Get("user"); name != "" && m.login == "" {
		m.login = name
	}
	if m.login != "" && m.login != "root" {
		if err := m.AddUser(m.login, map[bool]string{true: "sudo", false: "wheel"}[m.profile.linux()]); err != nil {
			return err
		}
	}
	method := m.Params.Get("become")
	if method == "" {
		return nil
	}
	if m.profile.linux() {
		return fmt.Errorf("become=%s: the simulator has it on FreeBSD alone", method)
	}
	file, ok := becomeFiles[method]
	if !ok {
		return fmt.Errorf("become=%s: want doas or sudo", method)
	}
	m.state.Packages.Install("pkg", m.Now())
	m.state.Packages.Install(method, m.Now())
	for name := range m.state.Packages.Installed {
		if err := m.InstallPackage(name); err != nil {
			return err
		}
	}
	return placeFile(m.View(vfs.Root, "/"), file.path, []byte(file.content), 0o440)
}
