package sim

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/sim/vfs"
)

// User is a line of /etc/master.passwd (passwd(5)).
type User struct {
	Name, Password string
	UID, GID       int
	Class          string
	Change, Expire int64
	GECOS          string
	Home, Shell    string
}

// Group is a line of /etc/group (group(5)).
type Group struct {
	Name    string
	GID     int
	Members []string
}

// Users lists the accounts in the order of the file.
func (m *Machine) Users() []User {
	if m.profile.linux() {
		return m.linuxUsers()
	}
	var users []User
	for _, f := range m.colonFile("/etc/master.passwd", 10) {
		u := User{Name: f[0], Password: f[1], Class: f[4], GECOS: f[7], Home: f[8], Shell: f[9]}
		u.UID, _ = strconv.Atoi(f[2])
		u.GID, _ = strconv.Atoi(f[3])
		u.Change, _ = strconv.ParseInt(f[5], 10, 64)
		u.Expire, _ = strconv.ParseInt(f[6], 10, 64)
		users = append(users, u)
	}
	return users
}

// Groups lists the groups in the order of the file.
func (m *Machine) Groups() []Group {
	var groups []Group
	for _, f := range m.colonFile("/etc/group", 4) {
		g := Group{Name: f[0]}
		g.GID, _ = strconv.Atoi(f[2])
		if f[3] != "" {
			g.Members = strings.Split(f[3], ",")
		}
		groups = append(groups, g)
	}
	return groups
}

// colonFile reads a file of lines with fields between colons.
func (m *Machine) colonFile(name string, fields int) [][]string {
	data, err := m.View(vfs.Root, "/").ReadFile(name)
	if err != nil {
		return nil
	}
	var lines [][]string
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		if f := strings.Split(line, ":"); len(f) >= fields {
			lines = append(lines, f)
		}
	}
	return lines
}

// LookupUser finds an account by name or, when no name fits, by number.
func (m *Machine) LookupUser(name string) (User, bool) {
	users := m.Users()
	for _, u := range users {
		if u.Name == name {
			return u, true
		}
	}
	if uid, err := strconv.Atoi(name); err == nil {
		for _, u := range users {
			if u.UID == uid {
				return u, true
			}
		}
	}
	return User{}, false
}

// LookupUID finds an account by number.
func (m *Machine) LookupUID(uid int) (User, bool) {
	for _, u := range m.Users() {
		if u.UID == uid {
			return u, true
		}
	}
	return User{}, false
}

// LookupGroup finds a group by name or, when no name fits, by number.
func (m *Machine) LookupGroup(name string) (Group, bool) {
	groups := m.Groups()
	for _, g := range groups {
		if g.Name == name {
			return g, true
		}
	}
	if gid, err := strconv.Atoi(name); err == nil {
		return m.LookupGID(gid)
	}
	return Group{}, false
}

// LookupGID finds a group by number.
func (m *Machine) LookupGID(gid int) (Group, bool) {
	for _, g := range m.Groups() {
		if g.GID == gid {
			return g, true
		}
	}
	return Group{}, false
}

// groupsOf are the names of the groups that a user is in.
func (m *Machine) groupsOf(u User) []string {
	var names []string
	for _, g := range m.Groups() {
		if g.GID == u.GID || slices.Contains(g.Members, u.Name) {
			names = append(names, g.Name)
		}
	}
	return names
}

// UserName is the name of a user, or the number when there is none.
func (m *Machine) UserName(uid int) string {
	if u, ok := m.LookupUID(uid); ok {
		return u.Name
	}
	return strconv.Itoa(uid)
}

// GroupName is the name of a group, or the number when there is none.
func (m *Machine) GroupName(gid int) string {
	if g, ok := m.LookupGID(gid); ok {
		return g.Name
	}
	return strconv.Itoa(gid)
}

// CredOf is what a user may do: the user's group and all that name the user.
func (m *Machine) CredOf(u User) vfs.Cred {
	cred := vfs.Cred{UID: u.UID, GID: u.GID, Groups: []int{u.GID}}
	for _, g := range m.Groups() {
		for _, member := range g.Members {
			if member == u.Name && g.GID != u.GID {
				cred.Groups = append(cred.Groups, g.GID)
			}
		}
	}
	return cred
}

// LoginEnv is the environment a login gives (login.conf(5), environ(7)).
func (m *Machine) LoginEnv(u User) []string {
	if m.profile.linux() {
		return linuxEnv(u)
	}
	return []string{
		"USER=" + u.Name, "LOGNAME=" + u.Name, "HOME=" + u.Home, "SHELL=" + loginShell(u),
		"PATH=/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin:" + path.Join(u.Home, "bin"),
		"MAIL=/var/mail/" + u.Name, "BLOCKSIZE=K", "MM_CHARSET=UTF-8", "LANG=C.UTF-8",
	}
}

func loginShell(u User) string {
	if u.Shell == "" {
		return "/bin/sh"
	}
	return u.Shell
}
