package base

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

// passwdLine writes a user as master.passwd(5).
func passwdLine(u sim.User) string {
	return fmt.Sprintf("%s:%s:%d:%d:%s:%d:%d:%s:%s:%s", u.Name, u.Password, u.UID, u.GID, u.Class, u.Change, u.Expire, u.GECOS, u.Home, u.Shell)
}

func groupLine(g sim.Group) string {
	return fmt.Sprintf("%s:*:%d:%s", g.Name, g.GID, strings.Join(g.Members, ","))
}

// rewrite changes one line of a file of colon-separated records: it replaces,
// adds (old is empty) or removes (line is empty).
func rewrite(p *sim.Proc, file, old, line string, mode uint32) error {
	data, err := p.FS().ReadFile(file)
	if err != nil {
		return err
	}
	var out strings.Builder
	for l := range strings.Lines(string(data)) {
		name, _, _ := strings.Cut(l, ":")
		if old != "" && name == old {
			if line != "" {
				out.WriteString(line + "\n")
			}
			continue
		}
		out.WriteString(strings.TrimSuffix(l, "\n") + "\n")
	}
	if old == "" {
		out.WriteString(line + "\n")
	}
	// The file is replaced, as pw_mkdb and pwd_mkdb do.
	temp := file + ".new"
	if err := p.FS().WriteFile(temp, []byte(out.String()), mode); err != nil {
		return err
	}
	if err := p.FS().Chmod(temp, mode); err != nil {
		return err
	}
	return p.FS().Rename(temp, file)
}

// chpass without an option would open an editor.
func chpass(p *sim.Proc, o *options) int {
	name := loginName(p)
	if len(o.args) > 0 {
		name = o.args[0]
	}
	u, ok := p.Machine.LookupUser(name)
	if !ok {
		return errx(p, "unknown user: %s", name)
	}
	if p.Cred.UID != 0 && p.Cred.UID != u.UID {
		return errx(p, "permission denied")
	}
	if len(o.list) == 0 {
		return p.Cannot("edit an account with chpass")
	}
	if o.has("aep") && p.Cred.UID != 0 {
		return errx(p, "permission denied")
	}
	if shell, ok := o.get("s"); ok {
		u.Shell = shell
	}
	if hash, ok := o.get("p"); ok {
		u.Password = hash
	}
	if text, ok := o.get("e"); ok {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return p.Cannot("chpass -e with a date")
		}
		u.Expire = n
	}
	line := passwdLine(u)
	if list, ok := o.get("a"); ok {
		line = list
	}
	// chpass is setuid root.
	root := *p
	root.Cred = vfs.Root
	if err := rewrite(&root, "/etc/master.passwd", u.Name, line, 0o600); err != nil {
		return fail(p, "/etc/master.passwd", err)
	}
	p.Machine.WritePasswd()
	p.Errorf("%s: user information updated\n", progname(p))
	return 0
}

// pwdMkdb makes /etc/passwd and the databases anew.
func pwdMkdb(p *sim.Proc, o *options) int {
	if len(o.args) != 1 {
		return o.wrong(p)
	}
	if p.Cred.UID != 0 {
		return fail(p, "/etc/spwd.db.tmp", syscall.EACCES)
	}
	data, err := p.FS().ReadFile(o.args[0])
	if err != nil {
		return fail(p, o.args[0], err)
	}
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		if strings.Count(line, ":") != 9 {
			warnx(p, "corrupted entry")
			warnx(p, "at line #%d", number)
			return exitWith(1, errx(p, "%s: Inappropriate file type or format", o.args[0]))
		}
	}
	if o.has("C") {
		return 0
	}
	if p.FS().Abs(o.args[0]) != "/etc/master.passwd" {
		if err := p.FS().Rename(o.args[0], "/etc/master.passwd"); err != nil {
			return fail(p, o.args[0], err)
		}
	}
	p.Machine.WritePasswd()
	return 0
}

// capMkdb writes the database beside a capability file such as login.conf.
func capMkdb(p *sim.Proc, o *options) int {
	if len(o.args) == 0 {
		return o.wrong(p)
	}
	out := o.args[0]
	if name, ok := o.get("f"); ok {
		out = name
	}
	var all []byte
	for _, name := range o.args {
		data, err := p.FS().ReadFile(name)
		if err != nil {
			return fail(p, name, err)
		}
		all = append(all, data...)
	}
	if err := p.FS().WriteFile(out+".db", all, 0o644); err != nil {
		return fail(p, out+".db", err)
	}
	return 0
}
