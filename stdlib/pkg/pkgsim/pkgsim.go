// Package pkgsim models pkg(8) and the stub pkg(7) that installs it: state,
// messages and exit codes of pkg 2, over what the machine knows of packages.
package pkgsim

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

const (
	realPath  = "/usr/local/sbin/pkg"
	localDB   = "/var/db/pkg/local.sqlite"
	cacheDir  = "/var/cache/pkg"
	auditFile = "/var/db/pkg/vuln.xml"
)

// Tools are the stub of the base system, pkg itself, and the files that pkg
// brings.
func Tools() []*sim.Tool {
	return []*sim.Tool{
		{Name: "pkg", Since: "9.1", Paths: []string{"/usr/sbin/pkg"}, Run: stub},
		{Name: "pkg", Package: "pkg", Paths: []string{realPath, "/usr/local/sbin/pkg-static"}, Static: []string{"/usr/local/sbin/pkg-static"}, Run: run, Files: map[string]string{
			"/usr/local/etc/pkg.conf.sample": "# Settings of pkg; see pkg.conf(5).\n",
		}},
	}
}

// record is what pkg remembers on a machine beside state.Packages.
type record struct {
	mu     sync.Mutex
	Holder int // pid of the process that holds the database
}

// invocation is one run of pkg.
type invocation struct {
	*sim.Proc
	yes, quiet, dry  bool
	noUpdate         bool
	repo             string
	match            byte // 'e'xact, 'g'lob, 'x' regex, 'a'll
	force, recursive bool
	automatic        bool
	opts             map[byte]string // remaining options
	args             []string
}

// command is one subcommand: its options in getopt(3)'s way, and its work.
type command struct {
	options string
	usage   string
	run     func(i *invocation) int
}

var commands map[string]command

func init() {
	commands = map[string]command{
		"audit":      {"Ff:qrRR", "pkg audit [-Fqr] [-f file] <pattern>", audit},
		"autoremove": {"nqy", "pkg autoremove [-nyq]", autoremove},
		"bootstrap":  {"fy", "pkg bootstrap [-fy]", bootstrapAgain},
		"check":      {"aBCdginqrsvxy", "pkg check -Bds[r] [-vy] [-a | -Cgix <pattern>]", check},
		"clean":      {"anqy", "pkg clean [-anqy]", clean},
		"delete":     {"aCDfginqRxy", "pkg delete [-DfnqRy] [-Cgix] <pkg-name> ...", remove},
		"fetch":      {"aACdgino:qr:suUxy", "pkg fetch [-r reponame] [-o destdir] [-dqUy] [-Cgix] <pkg-name> <...>", fetch},
		"info":       {"aAbBCdDeEfFgiIkKlopqrRsSx", "pkg info <pkg-name>", info},
		"install":    {"ACfFgiIlMnqr:RUxy", "pkg install [-AfInFMqRUy] [-r reponame] [-Cgix] <pkg-name> ...", install},
		"lock":       {"aCgilqxy", "pkg lock [-lqy] [-Cgix] <pkg-name>", lock},
		"query":      {"aCe:F:gix", "pkg query <query-format> <pkg-name>", query},
		"repos":      {"el", "pkg repositories [-edl] [name]", repositories},
		"rquery":     {"aCe:gIir:Ux", "pkg rquery [-r reponame] [-I|<query-format>] <pkg-name>", rquery},
		"search":     {"cCdDefgiL:opqQ:r:RS:sUx", "pkg search [-eU] [-r repo] [-S search] [-L label] [-Q mod]... [-Cgix] <pkg-name>", search},
		"stats":      {"bqlr", "pkg stats [-qlrb]", stats},
		"unlock":     {"aCgilqxy", "pkg unlock [-lqy] [-Cgix] <pkg-name>", unlock},
		"update":     {"fqr:", "pkg update [-fq] [-r reponame]", update},
		"upgrade":    {"CfFgiInqr:Uxvy", "pkg upgrade [-fInFqUy] [-r reponame] [-Cgix] <pkg-name> ...", upgrade},
		"version":    {"CeIl:L:n:O:oPqrRs:tTUvxg", "pkg version [-IPR] [-hoqvU] [-l limchar] [-L limchar] [-Cegix pattern]", version},
		"which":      {"gmopq", "pkg which [-mqgop] <file>", which},
	}
	for alias, name := range map[string]string{"remove": "delete", "repositories": "repos"} {
		commands[alias] = commands[name]
	}
}

// stub is /usr/sbin/pkg: it hands over to pkg, or offers to install it, pkg(7).
func stub(p *sim.Proc) int {
	bootstrapping := len(p.Args) > 1 && p.Args[1] == "bootstrap"
	if _, err := p.FS().Stat(realPath); err == nil && !bootstrapping {
		return handOver(p)
	} else if err == nil {
		if !flagged(p.Args[2:], "f") {
			p.Printf("pkg already bootstrapped at %s\n", realPath)
			return 0
		}
	}
	if len(p.Args) > 1 && p.Args[1] == "-N" {
		p.Errorf("pkg: pkg is not installed\n")
		return 1
	}
	assumed := yesIn(p.Getenv("ASSUME_ALWAYS_YES")) || bootstrapping && flagged(p.Args[2:], "y")
	switch {
	case assumed:
	case !p.TTY:
		p.Errorf("The package management tool is not yet installed on your system.\n" +
			"Please set ASSUME_ALWAYS_YES=yes environment variable to be able to bootstrap in non-interactive (stdin not being a tty)\n")
		return 1
	default:
		p.Printf("The package management tool is not yet installed on your system.\nDo you want to fetch and install it now? [y/N]: ")
		if !answeredYes(p.Stdin) {
			return 1
		}
	}
	from := ""
	if at := slices.Index(p.Args, "-r"); bootstrapping && at > 0 && at+1 < len(p.Args) {
		from = p.Args[at+1]
	}
	if code := bootstrap(p, from); code != 0 || bootstrapping {
		return code
	}
	if len(p.Args) == 1 {
		return 0
	}
	return handOver(p)
}

// flagged tells whether arguments have an option, alone or among others.
func flagged(args []string, letter string) bool {
	return slices.ContainsFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "-") && strings.Contains(arg, letter) })
}

// handOver runs pkg itself in place of the stub.
func handOver(p *sim.Proc) int {
	code, err := p.Exec(sim.Command{Args: p.Args, Path: realPath})
	if err != nil {
		p.Errorf("pkg: %s: %s\n", realPath, sim.ErrText(err))
		return 1
	}
	return code
}

// bootstrap installs pkg from a repository, or from the first.
func bootstrap(p *sim.Proc, from string) int {
	repos := repositoriesOf(p)
	if len(repos) == 0 {
		p.Errorf("pkg: No repository is enabled\n")
		return 1
	}
	if from != "" {
		repos = slices.DeleteFunc(slices.Clone(repos), func(r repository) bool { return r.name != from })
		if len(repos) == 0 {
			return p.Cannot("pkg bootstrap -r with the unknown repository %s", from)
		}
	}
	r := repos[0]
	p.Printf("Bootstrapping pkg from %s, please wait...\n", r.url)
	if err := p.Machine.Network().Reachable(strings.ToLower(r.plain())); err != nil {
		p.Errorf("pkg: Error fetching %s/Latest/pkg.txz: %s\n", r.plain(), reason(err))
		p.Errorf("A pre-built version of pkg could not be found for your system.\n")
		p.Errorf("Consider changing PACKAGESITE or installing it from ports: 'ports-mgmt/pkg'.\n")
		return 1
	}
	_ = p.Sleep(fetchTime(12 << 20))
	if p.Cred.UID != 0 {
		p.Errorf("pkg: failed to extract pkg-static: Failed to create dir '/usr/local/sbin'\n")
		return 1
	}
	p.Printf("Verifying signature with trusted certificate pkg.freebsd.org.2013102301... done\n")
	own := ownPackage(p.Machine)
	p.Printf("Installing pkg-%s...\nExtracting pkg-%s: .......... done\n", own.Version, own.Version)
	if err := place(p, &own); err != nil {
		p.Errorf("pkg: %s\n", sim.ErrText(err))
		return 1
	}
	return 0
}

// ownPackage is pkg's own, as the repository has it.
func ownPackage(m *sim.Machine) state.Package {
	s := m.State()
	s.Lock()
	defer s.Unlock()
	if offered := s.Packages.Available["pkg"]; offered != nil {
		return *offered
	}
	return state.Package{
		Name: "pkg", Version: "2.3.1", Origin: "ports-mgmt/pkg", Comment: "Package manager", Prefix: "/usr/local",
		Maintainer: "pkg@FreeBSD.org", WWW: "https://github.com/freebsd/pkg", Size: 42 << 20,
		Categories: []string{"ports-mgmt"}, Licenses: []string{"BSD2CLAUSE"}, Repository: "FreeBSD",
	}
}

func bootstrapAgain(i *invocation) int { return stub(i.Proc) }

// run is pkg(8) itself.
func run(p *sim.Proc) int {
	i := &invocation{Proc: p, match: 'e', opts: map[byte]string{}}
	i.yes = yesIn(p.Getenv("ASSUME_ALWAYS_YES"))
	rest, code, ended := i.global(p.Args[1:])
	if ended {
		return code
	}
	if len(rest) == 0 {
		p.Errorf("pkg: not enough arguments\nUsage: pkg [-v] [-d] [-l] [-N] [-j <jail name or id>|-c <chroot path>|-r <rootdir>] [-C <configuration file>] [-R <repo config dir>] [-o var=value] [-4|-6] <command> [<args>]\n\nFor more information on available commands and options see 'pkg help'.\n")
		return 1
	}
	name := rest[0]
	c, ok := commands[name]
	if !ok {
		return i.unmodelled(name)
	}
	i.warnMajor()
	if !i.parse(c.options, rest[1:]) {
		p.Errorf("Usage: %s\n\nFor more information see 'pkg help %s'.\n", c.usage, name)
		return 1
	}
	return c.run(i)
}

// global reads the options before the subcommand.
func (i *invocation) global(args []string) (rest []string, code int, ended bool) {
	verbose := 0
	args = splitOptions(args)
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "-N":
			s := i.Machine.State()
			s.Lock()
			count := len(s.Packages.Installed)
			s.Unlock()
			if count == 0 {
				i.Errorf("pkg: no packages registered\n")
				return nil, 1, true
			}
			i.Errorf("pkg: %d packages installed\n", count)
			return nil, 0, true
		case "-v", "--version":
			verbose++
		case "-vv":
			verbose += 2
		case "-d", "-4", "-6":
		case "-o":
			if len(args) < 2 {
				i.Errorf("pkg: option requires an argument -- o\n")
				return nil, 1, true
			}
			args = args[1:]
			i.Env = append(slices.Clone(i.Env), args[0])
		case "-j", "-c", "-r":
			if len(args) < 2 {
				i.Errorf("pkg: option requires an argument -- %s\n", args[0][1:])
				return nil, 1, true
			}
			if code := i.enter(args[0], args[1]); code != 0 {
				return nil, code, true
			}
			args = args[1:]
		case "-C", "-R":
			return nil, i.Cannot("pkg %s: packages of another root", args[0]), true
		default:
			i.Errorf("pkg: illegal option -- %s\n", strings.TrimLeft(args[0], "-"))
			return nil, 1, true
		}
		args = args[1:]
	}
	if verbose > 0 && len(args) == 0 {
		i.showVersion(verbose)
		return nil, 0, true
	}
	return args, 0, false
}

// enter has pkg work in a jail or under another root.
func (i *invocation) enter(option, place string) int {
	inside := *i.Proc
	inside.Dir = "/"
	if option == "-j" {
		j, running := i.Machine.State().FindJail(place)
		if !running {
			i.Errorf("pkg: jail \"%s\" not found\n", place)
			return 1
		}
		inside.Machine = i.Machine.Jail(j.JID)
	} else {
		root, err := i.FS().EvalSymlinks(place)
		if err != nil {
			i.Errorf("pkg: Could not open %s: %s\n", place, sim.ErrText(err))
			return 1
		}
		inside.Machine = i.Machine.Rooted(root)
	}
	i.Proc = &inside
	return 0
}

// splitOptions parts -oABI=X into -o and ABI=X before the subcommand.
func splitOptions(args []string) []string {
	var out []string
	for n, arg := range args {
		if !strings.HasPrefix(arg, "-") && (n == 0 || !slices.Contains([]string{"-o", "-j", "-c", "-r"}, args[n-1])) {
			return append(out, args[n:]...)
		}
		if value, ok := strings.CutPrefix(arg, "-o"); ok && value != "" {
			out = append(out, "-o", value)
			continue
		}
		out = append(out, arg)
	}
	return out
}

// warnMajor tells that pkg was built for another major release than the system's.
func (i *invocation) warnMajor() {
	s := i.Machine.State()
	s.Lock()
	own := s.Packages.Installed["pkg"]
	s.Unlock()
	if own != nil && own.ABI != "" && abiMajor(own.ABI) != abiMajor(abi(i.Proc)) {
		i.Errorf("pkg: Warning: Major OS version upgrade detected.  Running \"pkg bootstrap -f\" recommended\n")
	}
}

func (i *invocation) showVersion(verbose int) {
	i.Printf("%s\n", ownPackage(i.Machine).Version)
	if verbose < 2 {
		return
	}
	i.Printf("PKG_DBDIR = \"/var/db/pkg\";\nPKG_CACHEDIR = \"%s\";\nASSUME_ALWAYS_YES = %t;\nABI = \"%s\";\n\n\nRepositories:\n", cacheDir, i.yes, abi(i.Proc))
	for _, r := range allRepositories(i.Proc) {
		r.show(i.Proc)
	}
}

func (i *invocation) unmodelled(name string) int {
	known := strings.Fields("add alias annotate backup config create help key plugins register repo set shell shlib ssh triggers updating rwhich")
	if slices.Contains(known, name) {
		return i.Cannot("pkg %s", name)
	}
	i.Errorf("pkg: unknown command: %s\nUsage: pkg [-v] [-d] [-l] [-N] [-j <jail name or id>|-c <chroot path>|-r <rootdir>] [-C <configuration file>] [-R <repo config dir>] [-o var=value] [-4|-6] <command> [<args>]\n\nFor more information on available commands and options see 'pkg help'.\n", name)
	return 1
}

// parse reads a subcommand's options.
func (i *invocation) parse(options string, args []string) bool {
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			break
		}
		if long, ok := strings.CutPrefix(arg, "--"); ok {
			letter, found := longOptions[strings.SplitN(long, "=", 2)[0]]
			if !found {
				i.Errorf("pkg: unrecognized option `%s'\n", arg)
				return false
			}
			i.option(letter, "")
			continue
		}
		for n := 1; n < len(arg); n++ {
			at := strings.IndexByte(options, arg[n])
			if at < 0 || arg[n] == ':' {
				i.Errorf("pkg: illegal option -- %c\n", arg[n])
				return false
			}
			if at+1 == len(options) || options[at+1] != ':' {
				i.option(arg[n], "")
				continue
			}
			value := arg[n+1:]
			if value == "" {
				if len(args) == 0 {
					i.Errorf("pkg: option requires an argument -- %c\n", arg[n])
					return false
				}
				value, args = args[0], args[1:]
			}
			i.option(arg[n], value)
			break
		}
	}
	i.args = args
	return true
}

var longOptions = map[string]byte{
	"yes": 'y', "dry-run": 'n', "quiet": 'q', "force": 'f', "no-repo-update": 'U', "all": 'a', "glob": 'g', "regex": 'x',
	"automatic": 'A', "recursive": 'R', "fetch": 'F', "exists": 'e', "raw": 'R', "ignore-missing": 'M', "checksums": 's',
	"dependencies": 'd',
}

func (i *invocation) option(letter byte, value string) {
	i.opts[letter] = value
	switch letter {
	case 'y':
		i.yes = true
	case 'n':
		i.dry = true
	case 'q':
		i.quiet = true
	case 'f':
		i.force = true
	case 'U':
		i.noUpdate = true
	case 'r':
		i.repo = value
	case 'R':
		i.recursive = true
	case 'A':
		i.automatic = true
	case 'a', 'g', 'x':
		i.match = letter
	}
}

func (i *invocation) has(letter byte) bool {
	_, ok := i.opts[letter]
	return ok
}

// confirm asks whether to go on; without a terminal nobody answers.
func (i *invocation) confirm(question string) bool {
	if i.yes {
		return true
	}
	i.Printf("\n%s[y/N]: ", question)
	ok := answeredYes(i.Stdin)
	if !i.TTY {
		i.Printf("\n")
	}
	return ok
}

func answeredYes(r io.Reader) bool {
	var line []byte
	one := make([]byte, 1)
	for {
		n, err := r.Read(one)
		if n > 0 && one[0] == '\n' || err != nil {
			break
		}
		line = append(line, one[:n]...)
	}
	answer := strings.ToLower(strings.TrimSpace(string(line)))
	return answer == "y" || answer == "yes"
}

func yesIn(value string) bool {
	switch strings.ToLower(value) {
	case "yes", "true", "on", "1":
		return true
	}
	return false
}

// locked runs work with the database held, as pkg's advisory lock does.
func (i *invocation) locked(work func() int) int {
	r := sim.ToolState[record](i.Machine, "pkg")
	r.mu.Lock()
	if r.Holder != 0 && r.Holder != i.PID && slices.ContainsFunc(i.Machine.Processes(), func(p *sim.Process) bool { return p.PID == r.Holder }) {
		r.mu.Unlock()
		i.Errorf("pkg: Cannot get an advisory lock on a database, it is locked by another process\n")
		return 1
	}
	r.Holder = i.PID
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.Holder = 0
		r.mu.Unlock()
	}()
	return work()
}

// root refuses everybody else, in the words of each subcommand.
func (i *invocation) root(purpose string) bool {
	if i.Cred.UID == 0 {
		return true
	}
	i.Errorf("pkg: Insufficient privileges to %s\n", purpose)
	return false
}

// saveDB notes a change of the database where pkg keeps it.
func saveDB(m *sim.Machine) error {
	s := m.State()
	s.Lock()
	content := "SQLite format 3\x00"
	for _, name := range slices.Sorted(keysOf(s.Packages.Installed)) {
		p := s.Packages.Installed[name]
		content += fmt.Sprintf("%s-%s %t %t\n", name, p.Version, p.Automatic, p.Locked)
	}
	s.Unlock()
	view := m.View(vfs.Root, "/")
	if err := view.MkdirAll("/var/db/pkg", 0o755); err != nil {
		return err
	}
	return view.WriteFile(localDB, []byte(content), 0o644)
}
