package base

import (
	"path"
	"slices"
	"strings"

	"bsdrun/runtime/sim"
)

var suCommands = []command{
	{name: "su", dir: "/usr/bin", flags: raw, run: su, live: true},
	{name: "doas", dir: "/usr/local/bin", pkg: "doas", flags: "C:Lnsu:", run: doas, live: true,
		usage: "usage: doas [-Lns] [-C config] [-u user] command [arg ...]"},
	{name: "sudo", dir: "/usr/local/bin", pkg: "sudo", flags: raw, run: sudo, live: true,
		files: map[string]string{"/usr/local/etc/sudoers": "root ALL=(ALL:ALL) ALL\n@includedir /usr/local/etc/sudoers.d\n"}},
}

const suUsage = "usage: su [-] [-flms] [-c class] [login [args]]\n"

// suCall is one call of su(1).
type suCall struct {
	login, keep bool
	class       string
	args        []string
}

func su(p *sim.Proc, o *options) int {
	c := &suCall{args: o.args}
	for len(c.args) > 0 && strings.HasPrefix(c.args[0], "-") {
		arg := c.args[0]
		c.args = c.args[1:]
		if arg == "--" {
			break
		}
		if arg == "-" {
			c.login = true
			continue
		}
		if !c.letters(p, arg[1:]) {
			p.Errorf("%s", suUsage)
			return 1
		}
	}
	if c.login && c.keep {
		p.Errorf("%s", suUsage)
		return 1
	}
	name := "root"
	if len(c.args) > 0 {
		name, c.args = c.args[0], c.args[1:]
	}
	target, ok := p.Machine.LookupUser(name)
	if !ok || target.Name != name {
		return errx(p, "unknown login: %s", name)
	}
	if code := maySu(p, target); code != 0 {
		return code
	}
	if c.class != "" && !loginClass(p, c.class) {
		return errx(p, "unknown class: %s", c.class)
	}
	return become(p, target, c.login, c.keep, c.args)
}

func (c *suCall) letters(p *sim.Proc, cluster string) bool {
	for i, letter := range cluster {
		switch letter {
		case 'l':
			c.login = true
		case 'm':
			c.keep = true
		case 'f', 's':
		case 'c':
			// Before the name this is a login class; a shell's -c stands behind it.
			if c.class = cluster[i+1:]; c.class != "" {
				return true
			}
			if len(c.args) == 0 {
				p.Errorf("su: option requires an argument -- c\n")
				return false
			}
			c.class, c.args = c.args[0], c.args[1:]
		default:
			p.Errorf("su: illegal option -- %c\n", letter)
			return false
		}
	}
	return true
}

// loginClass tells whether login.conf(5) has a class.
func loginClass(p *sim.Proc, class string) bool {
	data, err := p.FS().ReadFile("/etc/login.conf")
	if err != nil {
		return class == "default"
	}
	for line := range strings.Lines(string(data)) {
		names, _, ok := strings.Cut(line, ":")
		if ok && line[0] != '#' && line[0] != '\t' && line[0] != ' ' && slices.Contains(strings.Split(names, "|"), class) {
			return true
		}
	}
	return false
}

// maySu asks for the password unless root calls; only members of wheel become
// root (pam_group).
func maySu(p *sim.Proc, target sim.User) int {
	if p.Cred.UID == 0 {
		return 0
	}
	if target.UID == 0 && !slices.Contains(caller(p).groups, 0) {
		return errx(p, "Sorry")
	}
	if target.Password == "" {
		return 0 // pam_unix with nullok
	}
	given, err := p.Password("Password:")
	if err != nil || !passwordFits(given, target.Password) {
		return errx(p, "Sorry")
	}
	return 0
}

// become runs the target's shell.
func become(p *sim.Proc, target sim.User, login, keep bool, args []string) int {
	shell := target.Shell
	if shell == "" {
		shell = "/bin/sh"
	}
	vars, dir := p.Env, ""
	if keep {
		if p.Cred.UID != 0 && !slices.Contains(matchingLines(p, "/etc/shells", "", 0), shell) {
			return errx(p, "permission denied (shell).")
		}
		if s := p.Getenv("SHELL"); s != "" {
			shell = s
		}
	} else {
		if login {
			fresh := p.Machine.LoginEnv(target)
			if term := p.Getenv("TERM"); term != "" {
				fresh = append(fresh, "TERM="+term)
			}
			vars = fresh
			if dir = target.Home; !isDir(p, dir) {
				p.Errorf("su: no directory\n")
				return 1
			}
		}
		vars = setVars(vars, "HOME="+target.Home, "SHELL="+shell)
		if target.UID != 0 || login {
			vars = setVars(vars, "USER="+target.Name, "LOGNAME="+target.Name)
		}
	}
	argv0 := "su"
	if login {
		argv0 = "-su"
	}
	cred := p.Machine.CredOf(target)
	code, err := p.Exec(sim.Command{Args: append([]string{argv0}, args...), Path: shell, Env: vars, Dir: dir, Cred: &cred})
	if err != nil {
		return fail(p, shell, err)
	}
	return code
}

// setVars sets variables of an environment.
func setVars(vars []string, pairs ...string) []string {
	for _, pair := range pairs {
		name, _, _ := strings.Cut(pair, "=")
		vars = append(unset(vars, name), pair)
	}
	return vars
}

// doasRule is a line of doas.conf(5).
type doasRule struct {
	permit, nopass, keepenv bool
	setenv                  []string
	identity, target        string
	command                 string
	args                    []string
	exactArgs               bool
}

const doasConf = "/usr/local/etc/doas.conf"

func doas(p *sim.Proc, o *options) int {
	file := doasConf
	if name, ok := o.get("C"); ok {
		return doasCheck(p, o, name)
	}
	if o.has("L") {
		return 0
	}
	argv := o.args
	if o.has("s") {
		shell := p.Getenv("SHELL")
		if shell == "" {
			shell = "/bin/sh"
		}
		argv = []string{shell}
	}
	if len(argv) == 0 {
		return o.wrong(p)
	}
	name := "root"
	if u, ok := o.get("u"); ok {
		name = u
	}
	target, ok := p.Machine.LookupUser(name)
	if !ok {
		return errx(p, "unknown user")
	}
	rules, code := doasRules(p, file)
	if code != 0 {
		return code
	}
	rule := doasMatch(p, rules, target, argv)
	if rule == nil || !rule.permit {
		return errx(p, "Operation not permitted")
	}
	if !rule.nopass && p.Cred.UID != 0 {
		if o.has("n") {
			return errx(p, "Authentication required")
		}
		me, _ := p.Machine.LookupUID(p.Cred.UID)
		host, _, _ := strings.Cut(hostname(p), ".")
		given, err := p.Password("doas (" + me.Name + "@" + host + ") password: ")
		if err != nil {
			return errx(p, "a tty is required")
		}
		if !passwordFits(given, me.Password) {
			return errx(p, "Authentication failed")
		}
	}
	return doasRun(p, rule, target, argv)
}

func doasRun(p *sim.Proc, rule *doasRule, target sim.User, argv []string) int {
	me, _ := p.Machine.LookupUID(p.Cred.UID)
	vars := []string{}
	if rule.keepenv {
		vars = slices.Clone(p.Env)
	} else {
		for _, name := range []string{"DISPLAY", "TERM"} {
			if v := p.Getenv(name); v != "" {
				vars = append(vars, name+"="+v)
			}
		}
	}
	vars = setVars(vars, "HOME="+target.Home, "LOGNAME="+target.Name, "USER="+target.Name, "SHELL="+target.Shell, "DOAS_USER="+me.Name)
	if !rule.keepenv {
		vars = setVars(vars, "PATH="+sim.DefaultPath)
	}
	for _, pair := range rule.setenv {
		name, value, ok := strings.Cut(pair, "=")
		switch {
		case strings.HasPrefix(name, "-"):
			vars = unset(vars, name[1:])
		case strings.HasPrefix(value, "$"):
			vars = setVars(vars, name+"="+p.Getenv(value[1:]))
		case ok:
			vars = setVars(vars, pair)
		default:
			vars = setVars(vars, name+"="+p.Getenv(name))
		}
	}
	cred := p.Machine.CredOf(target)
	found, err := p.Machine.LookPath(p.Machine.View(cred, p.Dir), vars, argv[0])
	if err != nil {
		return errx(p, "%s: command not found", argv[0])
	}
	code, err := p.Exec(sim.Command{Args: argv, Path: found, Env: vars, Cred: &cred})
	if err != nil {
		return fail(p, argv[0], err)
	}
	return code
}

// doasRules reads the configuration, which must be root's and not writable by
// others.
func doasRules(p *sim.Proc, file string) ([]doasRule, int) {
	root := rootView(p)
	info, err := root.Stat(file)
	if err != nil {
		return nil, errx(p, "doas is not enabled, %s: %s", file, sim.ErrText(err))
	}
	if info.Mode&0o022 != 0 {
		return nil, errx(p, "%s is writable by group or other", file)
	}
	if info.UID != 0 {
		return nil, errx(p, "%s is not owned by root", file)
	}
	data, err := root.ReadFile(file)
	if err != nil {
		return nil, fail(p, "could not open config file "+file, err)
	}
	rules, line := parseDoas(string(data))
	if line > 0 {
		return nil, errx(p, "syntax error at line %d", line)
	}
	return rules, 0
}

// parseDoas reads the rules; line is the first it does not understand.
func parseDoas(text string) (rules []doasRule, line int) {
	number := 0
	joined := strings.ReplaceAll(text, "\\\n", " ")
	for l := range strings.Lines(joined) {
		number++
		l, _, _ = strings.Cut(l, "#")
		l = strings.ReplaceAll(strings.ReplaceAll(l, "{", " { "), "}", " } ")
		words, err := splitWords(l)
		if err != nil {
			return nil, number
		}
		if len(words) == 0 {
			continue
		}
		rule, ok := parseDoasRule(words)
		if !ok {
			return nil, number
		}
		rules = append(rules, rule)
	}
	return rules, 0
}

func parseDoasRule(words []string) (doasRule, bool) {
	r := doasRule{permit: words[0] == "permit"}
	if !r.permit && words[0] != "deny" {
		return r, false
	}
	words = words[1:]
	for len(words) > 0 && isOneOf(words[0], "nopass", "nolog", "persist", "keepenv", "setenv") {
		switch words[0] {
		case "nopass":
			r.nopass = true
		case "keepenv":
			r.keepenv = true
		case "setenv":
			end := slices.Index(words, "}")
			if end < 0 || words[1] != "{" {
				return r, false
			}
			r.setenv = words[2:end]
			words = words[end:]
		}
		words = words[1:]
	}
	if len(words) == 0 {
		return r, false
	}
	r.identity, words = words[0], words[1:]
	if len(words) > 1 && words[0] == "as" {
		r.target, words = words[1], words[2:]
	}
	if len(words) > 1 && words[0] == "cmd" {
		r.command, words = words[1], words[2:]
		if len(words) > 0 && words[0] == "args" {
			r.exactArgs, r.args, words = true, words[1:], nil
		}
	}
	return r, len(words) == 0
}

// doasMatch is the last rule that fits.
func doasMatch(p *sim.Proc, rules []doasRule, target sim.User, argv []string) *doasRule {
	me := caller(p)
	for i := len(rules) - 1; i >= 0; i-- {
		r := &rules[i]
		if group, ok := strings.CutPrefix(r.identity, ":"); ok {
			id, known := lookupGroup(p, group)
			if !known || !slices.Contains(me.groups, id) {
				continue
			}
		} else if r.identity != me.name {
			continue
		}
		if r.target != "" && r.target != target.Name {
			continue
		}
		if r.command != "" && r.command != argv[0] || r.exactArgs && !slices.Equal(r.args, argv[1:]) {
			continue
		}
		return r
	}
	return nil
}

// doasCheck is -C: parse a file, and say what a command would get.
func doasCheck(p *sim.Proc, o *options, file string) int {
	data, err := p.FS().ReadFile(file)
	if err != nil {
		return fail(p, "could not open config file "+file, err)
	}
	rules, line := parseDoas(string(data))
	if line > 0 {
		return errx(p, "syntax error at line %d", line)
	}
	if len(o.args) == 0 {
		return 0
	}
	target, _ := p.Machine.LookupUser("root")
	if name, ok := o.get("u"); ok {
		target, _ = p.Machine.LookupUser(name)
	}
	switch rule := doasMatch(p, rules, target, o.args); {
	case rule == nil || !rule.permit:
		p.Printf("deny\n")
		return 1
	case rule.nopass:
		p.Printf("permit nopass\n")
	default:
		p.Printf("permit\n")
	}
	return 0
}

// loginShellName is a shell's name as a login shell.
func loginShellName(shell string) string { return "-" + path.Base(shell) }
