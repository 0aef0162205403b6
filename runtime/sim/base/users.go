package base

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/sim"
)

var userCommands = []command{
	{name: "id", dir: "/usr/bin", flags: "AacdGgMnPprsu", run: id, usage: `
usage: id [user ...]
       id -A
       id -G [-n] [user ...]
       id -M
       id -P [user]
       id -c
       id -d [user]
       id -g [-nr] [user ...]
       id -p [user ...]
       id -s [user]
       id -u [-nr] [user ...]`[1:]},
	{name: "groups", dir: "/usr/bin", flags: "", run: groups, usage: "usage: groups [user]"},
	{name: "whoami", dir: "/usr/bin", flags: "", run: whoami, usage: "usage: whoami"},
	{name: "logname", dir: "/usr/bin", flags: "", run: logname, usage: "usage: logname"},
	{name: "who", dir: "/usr/bin", flags: "abHmqsTu", run: who, usage: "usage: who [-abHmqsTu] [am I] [file]"},
	{name: "w", dir: "/usr/bin", flags: "hiM!N!n", run: w, usage: "usage: w [-hin] [user ...]"},
	{name: "uptime", dir: "/usr/bin", flags: "", run: uptime, usage: "usage: uptime"},
	{name: "last", dir: "/usr/bin", flags: "d!f!h!n:st:wy", digits: true, run: last, usage: "usage: last [-swy] [-d [[CC]YY][MMDD]hhmm[.SS]] [-f file] [-h host] [-n maxrec] [-t tty] [user ...]"},
}

func userName(p *sim.Proc, uid int) string  { return p.Machine.UserName(uid) }
func groupName(p *sim.Proc, gid int) string { return p.Machine.GroupName(gid) }

// names remembers what numbers are called, for commands that ask once a file.
type names struct {
	p             *sim.Proc
	users, groups map[int]string
}

func newNames(p *sim.Proc) *names {
	return &names{p: p, users: map[int]string{}, groups: map[int]string{}}
}

func (n *names) user(uid int) string {
	if _, ok := n.users[uid]; !ok {
		n.users[uid] = userName(n.p, uid)
	}
	return n.users[uid]
}

func (n *names) group(gid int) string {
	if _, ok := n.groups[gid]; !ok {
		n.groups[gid] = groupName(n.p, gid)
	}
	return n.groups[gid]
}

func userByID(p *sim.Proc, uid int) (sim.User, bool)   { return p.Machine.LookupUID(uid) }
func groupByID(p *sim.Proc, gid int) (sim.Group, bool) { return p.Machine.LookupGID(gid) }

// lookupUser takes a name, or any number.
func lookupUser(p *sim.Proc, text string) (int, bool) {
	if u, ok := p.Machine.LookupUser(text); ok {
		return u.UID, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 0
}

func lookupGroup(p *sim.Proc, text string) (int, bool) {
	if g, ok := p.Machine.LookupGroup(text); ok {
		return g.GID, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 0
}

// identity is who id(1) tells about.
type identity struct {
	name   string
	uid    int
	gid    int
	groups []int
}

func caller(p *sim.Proc) identity {
	who := identity{name: userName(p, p.Cred.UID), uid: p.Cred.UID, gid: p.Cred.GID, groups: slices.Clone(p.Cred.Groups)}
	if len(who.groups) == 0 || who.groups[0] != who.gid {
		who.groups = append([]int{who.gid}, slices.DeleteFunc(who.groups, func(g int) bool { return g == who.gid })...)
	}
	return who
}

func account(p *sim.Proc, u sim.User) identity {
	cred := p.Machine.CredOf(u)
	return identity{u.Name, u.UID, u.GID, cred.Groups}
}

// named is "0(root)", or the number alone where there is no name.
func named(n int, name string, known bool) string {
	if !known {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%d(%s)", n, name)
}

func id(p *sim.Proc, o *options) int {
	if o.has("AM") {
		return p.Cannot("id -%s", o.last("AM"))
	}
	if o.has("nr") && !o.has("Ggu") {
		return o.wrong(p)
	}
	people := []identity{caller(p)}
	code := 0
	if len(o.args) > 0 {
		people = nil
		for _, name := range o.args {
			u, ok := p.Machine.LookupUser(name)
			if !ok {
				code = errx(p, "%s: no such user", name)
				continue
			}
			people = append(people, account(p, u))
		}
	}
	for _, who := range people {
		printID(p, o, who)
	}
	return code
}

func printID(p *sim.Proc, o *options, who identity) {
	u, _ := p.Machine.LookupUID(who.uid)
	switch {
	case o.has("u") && o.has("n"):
		p.Printf("%s\n", userName(p, who.uid))
	case o.has("u"):
		p.Printf("%d\n", who.uid)
	case o.has("g") && o.has("n"):
		p.Printf("%s\n", groupName(p, who.gid))
	case o.has("g"):
		p.Printf("%d\n", who.gid)
	case o.has("G"):
		var words []string
		for _, g := range who.groups {
			if o.has("n") {
				words = append(words, groupName(p, g))
			} else {
				words = append(words, strconv.Itoa(g))
			}
		}
		p.Printf("%s\n", strings.Join(words, " "))
	case o.has("P"):
		p.Printf("%s:*:%d:%d:%s:%d:%d:%s:%s:%s\n", u.Name, u.UID, u.GID, u.Class, u.Change, u.Expire, u.GECOS, u.Home, u.Shell)
	case o.has("d"):
		p.Printf("%s\n", u.Home)
	case o.has("s"):
		p.Printf("%s\n", u.Shell)
	case o.has("c"):
		class := u.Class
		if class == "" {
			class = "default"
		}
		p.Printf("%s\n", class)
	case o.has("p"):
		p.Printf("uid\t%s\n", userName(p, who.uid))
		var words []string
		for _, g := range who.groups {
			words = append(words, groupName(p, g))
		}
		p.Printf("groups\t%s\n", strings.Join(words, " "))
	default:
		_, hasUser := p.Machine.LookupUID(who.uid)
		_, hasGroup := p.Machine.LookupGID(who.gid)
		var words []string
		for _, g := range who.groups {
			_, known := p.Machine.LookupGID(g)
			words = append(words, named(g, groupName(p, g), known))
		}
		p.Printf("uid=%s gid=%s groups=%s\n", named(who.uid, userName(p, who.uid), hasUser), named(who.gid, groupName(p, who.gid), hasGroup), strings.Join(words, ","))
	}
}

func groups(p *sim.Proc, o *options) int {
	who := caller(p)
	if len(o.args) > 0 {
		u, ok := p.Machine.LookupUser(o.args[0])
		if !ok {
			p.Errorf("id: %s: no such user\n", o.args[0])
			return 1
		}
		who = account(p, u)
	}
	var words []string
	for _, g := range who.groups {
		words = append(words, groupName(p, g))
	}
	p.Printf("%s\n", strings.Join(words, " "))
	return 0
}

func whoami(p *sim.Proc, _ *options) int {
	p.Printf("%s\n", userName(p, p.Cred.UID))
	return 0
}

// loginName is the user that logged in, whatever su made of the process since.
func loginName(p *sim.Proc) string {
	if name := p.Getenv("LOGNAME"); name != "" {
		return name
	}
	return userName(p, p.Cred.UID)
}

func logname(p *sim.Proc, _ *options) int {
	p.Printf("%s\n", loginName(p))
	return 0
}

// logins are the terminals in use: the first process on each.
func logins(p *sim.Proc) []*sim.Process {
	var list []*sim.Process
	seen := map[string]bool{}
	for _, q := range p.Machine.Processes() {
		if q.TTY == "" || seen[q.TTY] {
			continue
		}
		seen[q.TTY] = true
		list = append(list, q)
	}
	return list
}

func who(p *sim.Proc, o *options) int {
	if o.has("b") {
		p.Printf("                 system boot  %s\n", strftime("%b %e %H:%M", bootTime(p).In(zone(p))))
		return 0
	}
	if o.has("H") {
		p.Printf("%-16s %-12s %-12s FROM\n", "NAME", "LINE", "TIME")
	}
	names := []string{}
	for _, q := range logins(p) {
		names = append(names, userName(p, q.Cred.UID))
		if o.has("q") {
			continue
		}
		p.Printf("%-16s %-12s %s\n", userName(p, q.Cred.UID), q.TTY, strftime("%b %e %H:%M", q.Started.In(zone(p))))
	}
	if o.has("q") {
		p.Printf("%s\n# users = %d\n", strings.Join(names, "  "), len(names))
	}
	return 0
}

// uptimeLine is the line that uptime and w begin with.
func uptimeLine(p *sim.Proc) string {
	now := p.Now()
	up := now.Sub(bootTime(p))
	days, hours, minutes := int(up.Hours())/24, int(up.Hours())%24, int(up.Minutes())%60
	text := ""
	if days > 0 {
		text = fmt.Sprintf(" %d day%s,", days, plural(days))
	}
	switch {
	case hours > 0:
		text += fmt.Sprintf(" %2d:%02d,", hours, minutes)
	case minutes > 0:
		text += fmt.Sprintf(" %d min%s,", minutes, plural(minutes))
	default:
		secs := int(up.Seconds()) % 60
		text += fmt.Sprintf(" %d sec%s,", secs, plural(secs))
	}
	users := len(logins(p))
	return fmt.Sprintf("%s  up%s %d user%s, load averages: 0.08, 0.05, 0.01\n", strftime("%l:%M%p", now.In(zone(p))), text, users, plural(users))
}

func uptime(p *sim.Proc, _ *options) int {
	p.Printf("%s", uptimeLine(p))
	return 0
}

func w(p *sim.Proc, o *options) int {
	if !o.has("h") {
		p.Printf("%sUSER       TTY      FROM    LOGIN@  IDLE WHAT\n", uptimeLine(p))
	}
	for _, q := range logins(p) {
		name := userName(p, q.Cred.UID)
		if len(o.args) > 0 && !slices.Contains(o.args, name) {
			continue
		}
		p.Printf("%-10s %-8s %-7s %s     - %s\n", name, q.TTY, "-", strftime("%l:%M%p", q.Started.In(zone(p))), strings.Join(q.Args, " "))
	}
	return 0
}

func last(p *sim.Proc, o *options) int {
	loc := zone(p)
	for _, q := range logins(p) {
		p.Printf("%-10s %-8s %-22s %s   still logged in\n", userName(p, q.Cred.UID), q.TTY, "", strftime("%a %b %e %H:%M", q.Started.In(loc)))
	}
	boot := bootTime(p).In(loc)
	if len(o.args) == 0 {
		p.Printf("%-10s %-8s %-22s %s\n\n", "boot time", "", "", strftime("%a %b %e %H:%M", boot))
	} else {
		p.Printf("\n")
	}
	p.Printf("utx.log begins %s\n", strftime("%a %b %e %H:%M:%S %Z %Y", boot))
	return 0
}
