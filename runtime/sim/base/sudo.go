package base

import (
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

const sudoUsage = `usage: sudo -h | -K | -k | -V
usage: sudo -v [-ABkNnS] [-g group] [-h host] [-p prompt] [-u user]
usage: sudo -l [-ABkNnS] [-g group] [-h host] [-p prompt] [-U user] [-u user] [command [arg ...]]
usage: sudo [-ABbEHkNnPS] [-C num] [-D directory] [-g group] [-h host] [-p prompt] [-R directory] [-T timeout] [-u user] [VAR=value] [-i | -s] [command [arg ...]]
`

// sudoCall is one call of sudo(8).
type sudoCall struct {
	p                           *sim.Proc
	flags                       map[byte]bool
	user, group, prompt, workIn string
	prompted                    bool // a prompt was given, perhaps an empty one
	assigns                     []string
	argv                        []string
	me                          identity
}

// sudoRule is a user specification of sudoers(5).
type sudoRule struct {
	who      string // name, %group, #uid or ALL
	runAs    []string
	nopasswd bool
	setenv   bool
	command  string // ALL, a path, a directory with a slash, or with arguments
	negated  bool
}

func sudo(p *sim.Proc, o *options) int {
	c := &sudoCall{p: p, flags: map[byte]bool{}, user: "root", me: caller(p)}
	args := o.args
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			break
		}
		var ok bool
		if args, ok = c.letters(arg, args); !ok {
			p.Errorf("%s", sudoUsage)
			return 1
		}
	}
	for len(args) > 0 && strings.Contains(args[0], "=") && !strings.HasPrefix(args[0], "=") {
		c.assigns, args = append(c.assigns, args[0]), args[1:]
	}
	c.argv = args
	switch {
	case c.flags['V']:
		p.Printf("Sudo version 1.9.16p2\n")
		return 0
	case c.flags['k'] && len(args) == 0 || c.flags['K']:
		c.ticket(time.Time{})
		return 0
	case len(args) == 0 && !c.flags['i'] && !c.flags['s'] && !c.flags['v'] && !c.flags['l']:
		p.Errorf("%s", sudoUsage)
		return 1
	}
	return c.run()
}

// sudoLong are the long names people use.
var sudoLong = map[string]byte{
	"non-interactive": 'n', "stdin": 'S', "login": 'i', "shell": 's', "preserve-env": 'E', "set-home": 'H', "validate": 'v',
	"list": 'l', "reset-timestamp": 'k', "remove-timestamp": 'K', "version": 'V', "background": 'b', "user": 'u', "group": 'g', "prompt": 'p', "chdir": 'D',
}

func (c *sudoCall) letters(arg string, rest []string) ([]string, bool) {
	cluster := arg[1:]
	if name, ok := strings.CutPrefix(arg, "--"); ok {
		name, value, hasValue := strings.Cut(name, "=")
		letter, known := sudoLong[name]
		if !known {
			c.p.Errorf("sudo: unrecognized option `%s'\n", arg)
			return nil, false
		}
		cluster = string(letter)
		if strings.IndexByte("ugpD", letter) >= 0 && hasValue {
			cluster += value
		}
	}
	for cluster != "" {
		letter := cluster[0]
		cluster = cluster[1:]
		if strings.IndexByte("ugphCDRTU", letter) >= 0 {
			value := cluster
			if cluster = ""; value == "" {
				if len(rest) == 0 {
					c.p.Errorf("sudo: option requires an argument -- %c\n", letter)
					return nil, false
				}
				value, rest = rest[0], rest[1:]
			}
			switch letter {
			case 'u':
				c.user = value
			case 'g':
				c.group = value
			case 'p':
				c.prompt, c.prompted = value, true
			case 'D':
				c.workIn = value
			}
			continue
		}
		if strings.IndexByte("ABEHKNPSVbiklnsv", letter) < 0 {
			c.p.Errorf("sudo: invalid option -- %c\n", letter)
			return nil, false
		}
		c.flags[letter] = true
	}
	return rest, true
}

func (c *sudoCall) run() int {
	p := c.p
	target, ok := p.Machine.LookupUser(strings.TrimPrefix(c.user, "#"))
	if !ok {
		return errx(p, "unknown user %s", c.user)
	}
	rules, err := c.rules()
	if err != nil {
		return errx(p, "%s", err.Error())
	}
	shell := target.Shell
	if shell == "" || c.flags['s'] && p.Getenv("SHELL") != "" {
		if shell = p.Getenv("SHELL"); shell == "" {
			shell = "/bin/sh"
		}
	}
	argv := c.argv
	if c.flags['i'] || c.flags['s'] {
		argv = []string{shell}
		if c.flags['i'] {
			argv = []string{loginShellName(shell)}
		}
		if len(c.argv) > 0 {
			argv = append(argv, "-c", escapeForShell(c.argv))
		}
	}
	file := shell
	if !c.flags['i'] && !c.flags['s'] && len(argv) > 0 {
		cred := p.Machine.CredOf(target)
		if file, err = p.Machine.LookPath(p.Machine.View(cred, p.Dir), p.Env, argv[0]); err != nil {
			return errx(p, "%s: command not found", argv[0])
		}
		file = p.FS().Abs(file)
	}
	rule, mine := c.match(rules, target, file, argv)
	host, _, _ := strings.Cut(hostname(p), ".")
	if c.flags['l'] {
		return c.list(rules, host)
	}
	if code := c.authenticate(rule, mine); code != 0 {
		return code
	}
	if c.flags['v'] {
		return 0
	}
	switch {
	case !mine && c.me.uid != 0:
		p.Errorf("%s is not in the sudoers file.\n", c.me.name)
		return 1
	case rule == nil && c.me.uid != 0:
		p.Errorf("Sorry, user %s is not allowed to execute '%s' as %s on %s.\n", c.me.name, strings.TrimSpace(file+" "+strings.Join(argv[1:], " ")), target.Name, host)
		return 1
	}
	return c.execute(rule, target, file, argv)
}

// escapeForShell protects what sudo -i and -s hand to the shell.
func escapeForShell(words []string) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		for _, r := range w {
			if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-$", r) || r > 127) {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		}
	}
	return b.String()
}

func (c *sudoCall) execute(rule *sudoRule, target sim.User, file string, argv []string) int {
	p := c.p
	cred := p.Machine.CredOf(target)
	if c.group != "" {
		gid, ok := lookupGroup(p, c.group)
		if !ok {
			return errx(p, "unknown group %s", c.group)
		}
		cred.GID = gid
	}
	vars := []string{}
	if c.flags['E'] {
		vars = slices.Clone(p.Env)
	} else {
		for _, name := range []string{"PATH", "TERM", "LANG", "LC_ALL", "LC_CTYPE", "DISPLAY", "BLOCKSIZE", "COLORTERM", "TZ"} {
			if v := p.Getenv(name); v != "" {
				vars = append(vars, name+"="+v)
			}
		}
	}
	dir := c.workIn
	if c.flags['i'] {
		vars = p.Machine.LoginEnv(target)
		dir = target.Home
	}
	vars = setVars(vars, "HOME="+target.Home, "SHELL="+target.Shell, "USER="+target.Name, "LOGNAME="+target.Name, "MAIL=/var/mail/"+target.Name,
		"SUDO_COMMAND="+strings.TrimSpace(file+" "+strings.Join(argv[1:], " ")), "SUDO_USER="+c.me.name,
		"SUDO_UID="+strconv.Itoa(c.me.uid), "SUDO_GID="+strconv.Itoa(c.me.gid))
	if p.Getenv("PATH") == "" {
		vars = setVars(vars, "PATH="+sim.DefaultPath)
	}
	if len(c.assigns) > 0 && c.me.uid != 0 && (rule == nil || !rule.setenv && rule.command != "ALL") {
		return errx(p, "sorry, you are not allowed to set the following environment variables: %s", strings.Join(c.assigns, ", "))
	}
	vars = setVars(vars, c.assigns...)
	command := sim.Command{Args: argv, Path: file, Env: vars, Cred: &cred, Dir: dir}
	if c.flags['b'] {
		if _, err := p.Start(command); err != nil {
			return errx(p, "unable to execute %s: %s", file, sim.ErrText(err))
		}
		return 0
	}
	code, err := p.Exec(command)
	if err != nil {
		return errx(p, "unable to execute %s: %s", file, sim.ErrText(err))
	}
	return code
}

// authenticate asks for the caller's own password, unless the rule or a ticket
// says otherwise.
func (c *sudoCall) authenticate(rule *sudoRule, mine bool) int {
	p := c.p
	if c.me.uid == 0 || rule != nil && rule.nopasswd || c.ticketValid() {
		return 0
	}
	me, _ := p.Machine.LookupUID(c.me.uid)
	if c.flags['n'] {
		return errx(p, "a password is required")
	}
	prompt := "Password:"
	if c.prompted {
		prompt = strings.NewReplacer("%u", me.Name, "%p", me.Name, "%U", c.user, "%h", hostname(p), "%%", "%").Replace(c.prompt)
	}
	const tries = 3
	for try := 1; try <= tries; try++ {
		given, err := c.password(prompt)
		if err != nil {
			if errors.Is(err, errNoTerminal) {
				p.Errorf("sudo: a terminal is required to read the password; either use the -S option to read from standard input or configure an askpass helper\n")
			} else {
				p.Errorf("sudo: no password was provided\n")
			}
			return errx(p, "a password is required")
		}
		if me.Password != "" && passwordFits(given, me.Password) {
			if mine {
				c.ticket(p.Now().Add(5 * time.Minute))
			}
			return 0
		}
		if try < tries {
			p.Errorf("Sorry, try again.\n")
		}
	}
	return errx(p, "%d incorrect password attempts", tries)
}

var errNoTerminal = errors.New("no terminal")

func (c *sudoCall) password(prompt string) (string, error) {
	if !c.flags['S'] {
		given, err := c.p.Password(prompt)
		if err != nil {
			return "", errNoTerminal
		}
		return given, nil
	}
	c.p.Errorf("%s", prompt)
	var line []byte
	for b := make([]byte, 1); ; {
		n, err := c.p.Stdin.Read(b)
		if n > 0 && b[0] == '\n' {
			return string(line), nil
		}
		line = append(line, b[:n]...)
		if err != nil {
			if len(line) == 0 {
				return "", err
			}
			return string(line), nil
		}
	}
}

// ticketFile says until when a user, in a session, need not give the password
// again.
func (c *sudoCall) ticketFile() string {
	return "/var/run/sudo/ts/" + c.me.name + "." + strconv.Itoa(c.p.Process().SessionID)
}

// ticket writes the time, or removes the ticket for the zero time.
func (c *sudoCall) ticket(until time.Time) {
	view, file := rootView(c.p), c.ticketFile()
	if until.IsZero() {
		_ = view.Remove(file)
		return
	}
	_ = view.MkdirAll(path.Dir(file), 0o711)
	_ = view.WriteFile(file, []byte(strconv.FormatInt(until.Unix(), 10)+"\n"), 0o600)
}

func (c *sudoCall) ticketValid() bool {
	data, err := rootView(c.p).ReadFile(c.ticketFile())
	until, perr := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	return err == nil && perr == nil && !c.flags['k'] && c.p.Now().Unix() < until
}

func rootView(p *sim.Proc) *vfs.View { return p.Machine.View(vfs.Root, "/") }

// rules reads sudoers and what it includes.
func (c *sudoCall) rules() ([]sudoRule, error) {
	s := &sudoers{view: rootView(c.p), aliases: map[string][]string{}}
	const main = "/usr/local/etc/sudoers"
	if _, err := s.view.Stat(main); err != nil {
		return nil, errors.New("unable to open " + main + ": " + sim.ErrText(err))
	}
	if err := s.read(main, 0); err != nil {
		return nil, err
	}
	return s.rules, nil
}

// sudoers is the configuration as it is read.
type sudoers struct {
	view    *vfs.View
	aliases map[string][]string
	rules   []sudoRule
}

func (s *sudoers) read(file string, depth int) error {
	data, err := s.view.ReadFile(file)
	if err != nil || depth > 128 {
		return err
	}
	for line := range strings.Lines(strings.ReplaceAll(string(data), "\\\n", " ")) {
		line = strings.TrimSpace(line)
		for _, word := range []string{"@includedir ", "#includedir ", "@include ", "#include "} {
			rest, ok := strings.CutPrefix(line, word)
			if !ok {
				continue
			}
			if err := s.include(strings.TrimSpace(rest), strings.Contains(word, "dir"), depth); err != nil {
				return err
			}
			line = ""
		}
		if i := strings.IndexByte(line, '#'); i >= 0 && (i+1 >= len(line) || line[i+1] < '0' || line[i+1] > '9') {
			line = strings.TrimSpace(line[:i])
		}
		if line == "" || strings.HasPrefix(line, "Defaults") {
			continue
		}
		if err := s.line(line); err != nil {
			return errors.New(file + ": " + err.Error())
		}
	}
	return nil
}

func (s *sudoers) include(name string, dir bool, depth int) error {
	if !strings.HasPrefix(name, "/") {
		name = path.Join("/usr/local/etc", name)
	}
	if !dir {
		return s.read(name, depth+1)
	}
	entries, err := s.view.ReadDir(name)
	if err != nil {
		return nil // a missing directory is fine
	}
	for _, e := range entries {
		// Names with a dot or a tilde at the end are passed over.
		if strings.Contains(e.Name, ".") || strings.HasSuffix(e.Name, "~") || e.Type != vfs.TypeFile {
			continue
		}
		if err := s.read(path.Join(name, e.Name), depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (s *sudoers) line(line string) error {
	word, rest, _ := strings.Cut(line, " ")
	if strings.HasSuffix(word, "_Alias") {
		name, list, ok := strings.Cut(rest, "=")
		if !ok {
			return errors.New("syntax error")
		}
		s.aliases[strings.TrimSpace(name)] = splitList(list)
		return nil
	}
	who, spec, ok := strings.Cut(line, "=")
	people := strings.Fields(who)
	if !ok || len(people) < 2 {
		return errors.New("syntax error")
	}
	for _, name := range s.expand(splitList(strings.Join(people[:len(people)-1], " "))) {
		s.commands(name, spec)
	}
	return nil
}

func splitList(text string) []string {
	var list []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

func (s *sudoers) expand(list []string) []string {
	var out []string
	for _, name := range list {
		if members, ok := s.aliases[name]; ok {
			out = append(out, s.expand(members)...)
		} else {
			out = append(out, name)
		}
	}
	return out
}

// commands reads "(runas) TAG: command, command".
func (s *sudoers) commands(who, spec string) {
	rule := sudoRule{who: who, runAs: []string{"root"}}
	for _, part := range splitOutside(spec) {
		part = strings.TrimSpace(part)
		if rest, ok := strings.CutPrefix(part, "("); ok {
			users, after, _ := strings.Cut(rest, ")")
			names, _, _ := strings.Cut(users, ":")
			rule.runAs, part = s.expand(splitList(names)), strings.TrimSpace(after)
		}
		for {
			tag, after, ok := strings.Cut(part, ":")
			if !ok || strings.ToUpper(tag) != tag || strings.ContainsAny(tag, "/ ") {
				break
			}
			switch tag {
			case "NOPASSWD":
				rule.nopasswd = true
			case "PASSWD":
				rule.nopasswd = false
			case "SETENV":
				rule.setenv = true
			case "NOSETENV":
				rule.setenv = false
			}
			part = strings.TrimSpace(after)
		}
		for _, command := range s.expand([]string{part}) {
			one := rule
			one.command, one.negated = strings.CutPrefix(command, "!")
			s.rules = append(s.rules, one)
		}
	}
}

// splitOutside splits at commas that are not in parentheses or escaped.
func splitOutside(s string) []string {
	var parts []string
	depth, start := 0, 0
	for i := range len(s) {
		switch {
		case s[i] == '(':
			depth++
		case s[i] == ')':
			depth--
		case s[i] == ',' && depth == 0 && (i == 0 || s[i-1] != '\\'):
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// match is the last rule that fits; mine tells whether any names the caller.
func (c *sudoCall) match(rules []sudoRule, target sim.User, file string, argv []string) (rule *sudoRule, mine bool) {
	for i := range rules {
		r := &rules[i]
		if !c.isMe(r.who) {
			continue
		}
		mine = true
		if !slices.Contains(r.runAs, "ALL") && !slices.Contains(r.runAs, target.Name) {
			continue
		}
		if sudoCommandFits(r.command, file, argv) {
			if rule = r; r.negated {
				rule = nil
			}
		}
	}
	return rule, mine
}

func (c *sudoCall) isMe(who string) bool {
	switch {
	case who == "ALL" || who == c.me.name:
		return true
	case strings.HasPrefix(who, "%"):
		gid, ok := lookupGroup(c.p, strings.TrimPrefix(who[1:], "#"))
		return ok && slices.Contains(c.me.groups, gid)
	case strings.HasPrefix(who, "#"):
		return who[1:] == strconv.Itoa(c.me.uid)
	}
	return false
}

func sudoCommandFits(pattern, file string, argv []string) bool {
	if pattern == "ALL" {
		return true
	}
	name, args, hasArgs := strings.Cut(pattern, " ")
	switch {
	case strings.HasSuffix(name, "/"):
		if path.Dir(file)+"/" != name {
			return false
		}
	case !match(name, file):
		return false
	}
	given := ""
	if len(argv) > 1 {
		given = strings.Join(argv[1:], " ")
	}
	switch args = strings.TrimSpace(args); {
	case !hasArgs:
		return true
	case args == `""`:
		return given == ""
	}
	return match(args, given)
}

func (c *sudoCall) list(rules []sudoRule, host string) int {
	var mine []sudoRule
	for _, r := range rules {
		if c.isMe(r.who) {
			mine = append(mine, r)
		}
	}
	if len(mine) == 0 {
		c.p.Errorf("Sorry, user %s may not run sudo on %s.\n", c.me.name, host)
		return 1
	}
	nopass := slices.ContainsFunc(mine, func(r sudoRule) bool { return r.nopasswd })
	if code := c.authenticate(&sudoRule{nopasswd: nopass}, true); code != 0 {
		return code
	}
	c.p.Printf("User %s may run the following commands on %s:\n", c.me.name, host)
	for _, r := range mine {
		tags := ""
		if r.nopasswd {
			tags = "NOPASSWD: "
		}
		c.p.Printf("    (%s) %s%s\n", strings.Join(r.runAs, ", "), tags, r.command)
	}
	return 0
}
