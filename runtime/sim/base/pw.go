package base

import (
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

var pwCommands = []command{
	{name: "pw", dir: "/usr/sbin", flags: raw, run: pw},
	{name: "chpass chsh chfn", dir: "/usr/bin", flags: "a:e:p:s:ly!d!h!", run: chpass,
		usage: "usage: chpass [-a list] [-e expiretime] [-p encpass] [-s shell] [user]"},
	{name: "pwd_mkdb", dir: "/usr/sbin", flags: "BCLNd:pis:u:", run: pwdMkdb, usage: "usage: pwd_mkdb [-BCiLNp] [-d directory] [-s cachesize] [-u username] file"},
	{name: "cap_mkdb", dir: "/usr/bin", flags: "blf:v", run: capMkdb, usage: "usage: cap_mkdb [-b | -l] [-v] [-f outfile] file ..."},
}

// Exit codes of sysexits(3) that pw(8) uses.
const (
	exUsage   = 64
	exDataErr = 65
	exNoUser  = 67
	exNoPerm  = 77
)

// pwCall is one call of pw(8).
type pwCall struct {
	p      *sim.Proc
	values map[byte]string
	flags  map[byte]bool
	name   string

	modifies bool // an account that is there
}

const pwUsage = `usage:
  pw [user|group|lock|unlock] [add|del|mod|show|next] [help|switches/values]
`

func pw(p *sim.Proc, o *options) int {
	args := o.args
	if len(args) > 1 && (args[0] == "-V" || args[0] == "-R") {
		return p.Cannot("pw %s", args[0])
	}
	object, action := "", ""
	for len(args) > 0 && (object == "" || action == "") {
		word := args[0]
		for _, kind := range []string{"user", "group"} {
			if rest, ok := strings.CutPrefix(word, kind); ok && object == "" {
				object, word = kind, rest
			} else if rest, ok := strings.CutSuffix(word, kind); ok && object == "" {
				object, word = kind, rest
			}
		}
		if isOneOf(word, "lock", "unlock") {
			object, action = "user", word
		} else if isOneOf(word, "add", "del", "mod", "show", "next") {
			action = word
		} else if word != "" {
			break
		}
		args = args[1:]
	}
	if object == "" || action == "" {
		p.Errorf("pw: unknown keyword `%s'\n%s", strings.Join(args[:min(1, len(args))], ""), pwUsage)
		return exUsage
	}
	c := &pwCall{p: p, values: map[byte]string{}, flags: map[byte]bool{}}
	if code := c.options(object, action, args); code != 0 {
		return code
	}
	if !isOneOf(action, "show", "next") && p.Cred.UID != 0 {
		return exitWith(exNoPerm, errx(p, "you must be root to run this program"))
	}
	return c.dispatch(object, action)
}

func (c *pwCall) dispatch(object, action string) int {
	if object == "group" {
		return map[string]func() int{"add": c.groupAdd, "del": c.groupDel, "mod": c.groupMod, "show": c.groupShow, "next": c.groupNext}[action]()
	}
	return map[string]func() int{
		"add": c.userAdd, "del": c.userDel, "mod": c.userMod, "show": c.userShow, "next": c.userNext,
		"lock": func() int { return c.lock(true) }, "unlock": func() int { return c.lock(false) },
	}[action]()
}

// pwFlags are the options without an argument, by what pw works on.
var pwFlags = map[string]string{
	"useradd": "mqoNPY", "userdel": "rqYP", "usermod": "mqNPY", "usershow": "aFP7q", "usernext": "q", "userlock": "q", "userunlock": "q",
	"groupadd": "oqNPY", "groupdel": "qNPY", "groupmod": "FqNPY", "groupshow": "aFPq", "groupnext": "q",
}

func (c *pwCall) options(object, action string, args []string) int {
	flags := pwFlags[object+action]
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if len(arg) < 2 || arg[0] != '-' {
			if c.name != "" {
				break
			}
			c.name = arg
			continue
		}
		for i := 1; i < len(arg); i++ {
			letter := arg[i]
			if strings.IndexByte(flags, letter) >= 0 {
				c.flags[letter] = true
				continue
			}
			if strings.IndexByte("abcdeghkilmnpsuwCDFGHKLMPVR", letter) < 0 {
				c.p.Errorf("pw: illegal option -- %c\n%s", letter, pwUsage)
				return exUsage
			}
			value := arg[i+1:]
			if value == "" {
				if len(args) == 0 {
					c.p.Errorf("pw: option requires an argument -- %c\n%s", letter, pwUsage)
					return exUsage
				}
				value, args = args[0], args[1:]
			}
			c.values[letter] = value
			break
		}
	}
	if n, ok := c.values['n']; ok {
		c.name = n
	}
	if c.flags['N'] {
		return c.p.Cannot("pw -N")
	}
	return 0
}

func (c *pwCall) failf(code int, format string, args ...any) int {
	return exitWith(code, errx(c.p, format, args...))
}

func (c *pwCall) saveUser(old string, line string) int {
	if err := rewrite(c.p, "/etc/master.passwd", old, line, 0o600); err != nil {
		return c.failf(74, "passwd file update: %s", sim.ErrText(err))
	}
	c.p.Machine.WritePasswd()
	return 0
}

func (c *pwCall) saveGroup(old string, line string) int {
	if err := rewrite(c.p, "/etc/group", old, line, 0o644); err != nil {
		return c.failf(74, "group update: %s", sim.ErrText(err))
	}
	return 0
}

// badName checks a name as pw_checkname does.
func badName(name string) string {
	switch {
	case name == "":
		return "zero length name"
	case len(name) > 32:
		return "name too long `" + name + "' (max is 32)"
	case name[0] == '-':
		return "invalid character `-' at position 0 in userid/group name"
	}
	if i := strings.IndexAny(name, " ,\t:+&#%$^()!@~*?<>=|\\/\";"); i >= 0 && !(i == len(name)-1 && name[i] == '$') {
		return fmt.Sprintf("invalid character `%c' at position %d in userid/group name", name[i], i)
	}
	return ""
}

// user finds the account an operation is about.
func (c *pwCall) user() (sim.User, int) {
	key := c.name
	if key == "" {
		key = c.values['u']
	}
	if key == "" {
		return sim.User{}, c.failf(exUsage, "login name or id required")
	}
	for _, u := range c.p.Machine.Users() {
		if u.Name == key || strconv.Itoa(u.UID) == key {
			return u, 0
		}
	}
	if _, err := strconv.Atoi(key); err == nil {
		return sim.User{}, c.failf(exNoUser, "no such uid `%s'", key)
	}
	return sim.User{}, c.failf(exNoUser, "no such user `%s'", key)
}

func (c *pwCall) nextUID() int {
	next := 1001
	for _, u := range c.p.Machine.Users() {
		if u.UID >= next && u.UID < 32000 {
			next = u.UID + 1
		}
	}
	return next
}

func (c *pwCall) nextGID(want int) int {
	used := map[int]bool{}
	for _, g := range c.p.Machine.Groups() {
		used[g.GID] = true
	}
	if want > 0 && !used[want] {
		return want
	}
	next := 1001
	for used[next] {
		next++
	}
	return next
}

func (c *pwCall) userAdd() int {
	if c.flags['D'] || c.values['D'] != "" {
		return c.p.Cannot("pw useradd -D")
	}
	if bad := badName(c.name); bad != "" {
		return c.failf(exDataErr, "%s", bad)
	}
	m := c.p.Machine
	for _, u := range m.Users() {
		if u.Name == c.name {
			return c.failf(exDataErr, "login name `%s' already exists", c.name)
		}
	}
	u := sim.User{Name: c.name, Password: "*", UID: c.nextUID(), GECOS: "User &", Home: "/home/" + c.name, Shell: "/bin/sh"}
	if base, ok := c.values['b']; ok {
		u.Home = path.Join(base, c.name)
	}
	if text, ok := c.values['u']; ok {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return c.failf(exUsage, "Bad id '%s': invalid", text)
		}
		if _, taken := m.LookupUID(n); taken && !c.flags['o'] {
			return c.failf(exDataErr, "uid `%d' has already been allocated", n)
		}
		u.UID = n
	}
	if code := c.apply(&u); code != 0 {
		return code
	}
	var extra []sim.Group
	if code := c.extraGroups(&extra); code != 0 {
		return code
	}
	if _, ok := c.values['g']; !ok {
		if g, there := m.LookupGroup(c.name); there && len(g.Members) == 0 {
			u.GID = g.GID
		} else if there {
			return c.failf(74, "group '%s' already exists", c.name)
		} else {
			u.GID = c.nextGID(u.UID)
			if code := c.saveGroup("", groupLine(sim.Group{Name: c.name, GID: u.GID})); code != 0 {
				return code
			}
		}
	}
	if code := c.saveUser("", passwdLine(u)); code != 0 {
		return code
	}
	for _, g := range extra {
		g.Members = append(g.Members, u.Name)
		if code := c.saveGroup(g.Name, groupLine(g)); code != 0 {
			return code
		}
	}
	c.makeMailbox(u)
	if c.flags['m'] {
		return c.makeHome(u)
	}
	return 0
}

// apply sets the fields that useradd and usermod share.
func (c *pwCall) apply(u *sim.User) int {
	if text, ok := c.values['g']; ok {
		g, there := c.p.Machine.LookupGroup(text)
		if !there {
			return c.failf(exNoUser, "group `%s' is not defined", text)
		}
		u.GID = g.GID
	}
	if text, ok := c.values['c']; ok {
		if strings.ContainsAny(text, ":\n") {
			return c.failf(exDataErr, "invalid character `:' in gecos field")
		}
		u.GECOS = text
	}
	if home, ok := c.values['d']; ok {
		u.Home = home
		if c.modifies {
			c.warnHome(home)
		}
	}
	if shell, ok := c.values['s']; ok {
		full, found := c.shell(shell)
		if !found {
			return c.failf(78, "can't find shell `%s' in shell paths", shell)
		}
		u.Shell = full
	}
	if class, ok := c.values['L']; ok {
		u.Class = class
	}
	for letter, to := range map[byte]*int64{'e': &u.Expire, 'p': &u.Change} {
		if text, ok := c.values[letter]; ok {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return c.p.Cannot("pw -%c with a date", letter)
			}
			*to = n
		}
	}
	if fd, ok := c.values['h']; ok {
		return c.password(u, fd, false)
	}
	if fd, ok := c.values['H']; ok {
		return c.password(u, fd, true)
	}
	return c.method(u)
}

// method is -w: how a new account's password comes about.
func (c *pwCall) method(u *sim.User) int {
	switch method := c.values['w']; method {
	case "", "no":
	case "none":
		u.Password = ""
	case "yes":
		u.Password = hashed(u.Name)
	case "random":
		word := randomName(c.p, 12)
		c.p.Printf("Password for '%s' is: %s\n", u.Name, word)
		u.Password = hashed(word)
	default:
		return c.failf(exUsage, "Invalid value for default password")
	}
	return 0
}

// hashed is a password as crypt(3) stores it, with a salt of its own.
func hashed(password string) string {
	salt := make([]byte, 16)
	for i := range salt {
		salt[i] = cryptLetters[rand.IntN(len(cryptLetters))]
	}
	return sha512Crypt(password, "$6$"+string(salt))
}

func (c *pwCall) shell(name string) (string, bool) {
	if name == "" || strings.HasPrefix(name, "/") {
		return name, true
	}
	for _, dir := range []string{"/bin", "/usr/bin", "/usr/local/bin"} {
		if exists(c.p, path.Join(dir, name)) {
			return path.Join(dir, name), true
		}
	}
	return "", false
}

// password reads one from a descriptor; "-" sets none that fits.
func (c *pwCall) password(u *sim.User, fd string, encrypted bool) int {
	if fd == "-" {
		u.Password = "*"
		return 0
	}
	if fd != "0" {
		return c.p.Cannot("pw -h with descriptor %s", fd)
	}
	data, err := io.ReadAll(io.LimitReader(c.p.Stdin, 1024))
	line, _, _ := strings.Cut(string(data), "\n")
	if err != nil || line == "" {
		return c.failf(exDataErr, "empty password read on file descriptor %s", fd)
	}
	if encrypted {
		if strings.Contains(line, ":") {
			return c.failf(exDataErr, "bad encrypted password")
		}
		u.Password = line
		return 0
	}
	u.Password = hashed(line)
	return 0
}

func (c *pwCall) extraGroups(list *[]sim.Group) int {
	text, ok := c.values['G']
	if !ok {
		return 0
	}
	for name := range strings.FieldsFuncSeq(text, isListMark) {
		g, there := c.p.Machine.LookupGroup(name)
		if !there {
			return c.failf(exNoUser, "group `%s' does not exist", name)
		}
		*list = append(*list, g)
	}
	return 0
}

// makeHome creates the home directory with the files of the skeleton.
func (c *pwCall) makeHome(u sim.User) int {
	view := c.p.FS()
	mode := uint32(0o755)
	if text, ok := c.values['M']; ok {
		change, err := parseMode(text, 0)
		if err != nil {
			return c.failf(exDataErr, "invalid directory creation mode '%s'", text)
		}
		mode = change(0, true)
	}
	if err := view.MkdirAll(path.Dir(u.Home), 0o755); err != nil {
		return c.failf(73, "mkdir(%s): %s", u.Home, sim.ErrText(err))
	}
	if !exists(c.p, u.Home) {
		if err := view.Mkdir(u.Home, mode); err != nil {
			return c.failf(73, "mkdir(%s): %s", u.Home, sim.ErrText(err))
		}
	}
	skeleton := "/usr/share/skel"
	if dir, ok := c.values['k']; ok {
		skeleton = dir
	}
	entries, _ := view.ReadDir(skeleton)
	for _, e := range entries {
		// A leading "dot." is stripped to ".".
		name := e.Name
		if rest, ok := strings.CutPrefix(name, "dot."); ok {
			name = "." + rest
		}
		cp := &copier{p: c.p, recursive: true, follow: "P"}
		cp.file(path.Join(skeleton, e.Name), path.Join(u.Home, name), false)
	}
	_ = view.Chmod(u.Home, mode)
	_ = tree(c.p, u.Home, func(name string, _ vfs.Info) error { return view.Lchown(name, u.UID, u.GID) })
	return 0
}

// warnHome says that a new home directory is not there.
func (c *pwCall) warnHome(home string) {
	info, err := c.p.FS().Stat(home)
	switch {
	case err != nil && !c.flags['m'] && home != "/nonexistent":
		c.p.Errorf("pw: WARNING: home `%s' does not exist\n", home)
	case err == nil && info.Type != vfs.TypeDir:
		c.p.Errorf("pw: WARNING: home `%s' is not a directory\n", home)
	}
}

// makeMailbox makes the mailbox of a new account, empty.
func (c *pwCall) makeMailbox(u sim.User) {
	view, file := c.p.FS(), "/var/mail/"+u.Name
	if _, err := view.Lstat(file); err == nil || !exists(c.p, "/var/mail") {
		return
	}
	if view.WriteFile(file, nil, 0o600) == nil {
		_ = view.Lchown(file, u.UID, u.GID)
	}
}

func (c *pwCall) userMod() int {
	c.modifies = true
	u, code := c.user()
	if code != 0 {
		return code
	}
	old := u.Name
	if name, ok := c.values['l']; ok {
		if bad := badName(name); bad != "" {
			return c.failf(exDataErr, "%s", bad)
		}
		if _, taken := c.p.Machine.LookupUser(name); taken {
			return c.failf(exDataErr, "login name `%s' already exists", name)
		}
		u.Name = name
	}
	if text, ok := c.values['u']; ok && c.name != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return c.failf(exUsage, "Bad id '%s': invalid", text)
		}
		u.UID = n
	}
	if code := c.apply(&u); code != 0 {
		return code
	}
	var extra []sim.Group
	if code := c.extraGroups(&extra); code != 0 {
		return code
	}
	if code := c.saveUser(old, passwdLine(u)); code != 0 {
		return code
	}
	if code := c.memberships(old, u.Name, extra); code != 0 {
		return code
	}
	if c.flags['m'] {
		return c.makeHome(u)
	}
	return 0
}

// memberships makes a user a member of exactly the groups of -G, and follows a
// renaming.
func (c *pwCall) memberships(old, name string, extra []sim.Group) int {
	_, given := c.values['G']
	for _, g := range c.p.Machine.Groups() {
		i := slices.Index(g.Members, old)
		member := i >= 0
		if given {
			member = slices.ContainsFunc(extra, func(x sim.Group) bool { return x.GID == g.GID })
		}
		members := slices.DeleteFunc(slices.Clone(g.Members), func(m string) bool { return m == old })
		if member {
			members = append(members, name)
		}
		if slices.Equal(members, g.Members) || i >= 0 && member && name == old {
			continue
		}
		g.Members = members
		if code := c.saveGroup(g.Name, groupLine(g)); code != 0 {
			return code
		}
	}
	return 0
}

func (c *pwCall) userDel() int {
	u, code := c.user()
	if code != 0 {
		return code
	}
	if u.Name == "root" {
		return c.failf(exDataErr, "cannot remove user 'root'")
	}
	if code := c.saveUser(u.Name, ""); code != 0 {
		return code
	}
	for _, g := range c.p.Machine.Groups() {
		if slices.Contains(g.Members, u.Name) {
			g.Members = slices.DeleteFunc(g.Members, func(m string) bool { return m == u.Name })
			if code := c.saveGroup(g.Name, groupLine(g)); code != 0 {
				return code
			}
		}
	}
	// The user's own group goes when it is empty.
	if g, ok := c.p.Machine.LookupGroup(u.Name); ok && g.GID == u.GID && len(g.Members) == 0 && g.Name == u.Name {
		if code := c.saveGroup(g.Name, ""); code != 0 {
			return code
		}
	}
	_ = c.p.FS().Remove("/var/cron/tabs/" + u.Name)
	_ = c.p.FS().Remove("/var/mail/" + u.Name)
	if c.flags['r'] && strings.HasPrefix(u.Home, "/") && u.Home != "/" {
		if info, err := c.p.FS().Lstat(u.Home); err == nil && info.UID == u.UID {
			_ = c.p.FS().RemoveAll(u.Home)
		}
	}
	return 0
}

func (c *pwCall) userShow() int {
	show := func(u sim.User) {
		switch {
		case c.flags['7']:
			c.p.Printf("%s:*:%d:%d:%s:%s:%s\n", u.Name, u.UID, u.GID, u.GECOS, u.Home, u.Shell)
		case c.flags['P']:
			c.p.Printf("Login Name: %-15s   #%-12d Group: %-15s   #%d\n Full Name: %s\n      Home: %-26.26s      Class: %s\n     Shell: %-26.26s     Office: \n",
				u.Name, u.UID, groupName(c.p, u.GID), u.GID, u.GECOS, u.Home, u.Class, u.Shell)
		default:
			if c.p.Cred.UID != 0 {
				u.Password = "*"
			}
			c.p.Printf("%s\n", passwdLine(u))
		}
	}
	if c.flags['a'] {
		for _, u := range c.p.Machine.Users() {
			show(u)
		}
		return 0
	}
	u, code := c.user()
	if code != 0 {
		return code
	}
	show(u)
	return 0
}

func (c *pwCall) userNext() int {
	n := c.nextUID()
	c.p.Printf("%d:%d\n", n, c.nextGID(n))
	return 0
}

const lockedMark = "*LOCKED*"

func (c *pwCall) lock(on bool) int {
	u, code := c.user()
	if code != 0 {
		return code
	}
	locked := strings.HasPrefix(u.Password, lockedMark)
	switch {
	case on && locked:
		return c.failf(exDataErr, "user '%s' is already locked", u.Name)
	case !on && !locked:
		return c.failf(exDataErr, "user '%s' is not locked", u.Name)
	case on:
		u.Password = lockedMark + u.Password
	default:
		u.Password = strings.TrimPrefix(u.Password, lockedMark)
	}
	return c.saveUser(u.Name, passwdLine(u))
}
