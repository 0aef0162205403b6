package sshhost

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kevinburke/ssh_config"
)

// settings are what ssh_config(5) and the configuration say of one host.
type settings struct {
	alias      string // as the user named it
	host       string // what is dialled
	port       int
	user       string
	keyAlias   string // under which name known_hosts has it
	identities []string
	certs      []string
	onlyThese  bool // IdentitiesOnly
	agent      string
	known      []string // user's files, then the system's
	acceptNew  bool
	jump       string
	command    string // ProxyCommand
	timeout    time.Duration
	tries      int // NumberOfPasswordPrompts
	algorithms map[string]string
	batch      bool
}

// address is where to dial.
func (s settings) address() string { return net.JoinHostPort(s.host, strconv.Itoa(s.port)) }

// knownAs is the address that host keys are kept under.
func (s settings) knownAs() string {
	if s.keyAlias != "" {
		return s.keyAlias + ":22"
	}
	return s.address()
}

// configText is a file of ssh_config, read once.
type configText struct {
	lines []string
	err   error
}

func (s *Shared) readConfig(file string) configText {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.texts[file]; ok {
		return t
	}
	content, err := os.ReadFile(file)
	t := configText{strings.Split(string(content), "\n"), err}
	s.texts[file] = t
	return t
}

// configFiles are the files to read, in order.
func (s *Shared) configFiles() []string {
	switch s.cfg.ConfigFile {
	case "":
		return []string{filepath.Join(s.cfg.Home, ".ssh", "config"), "/etc/ssh/ssh_config"}
	case "none":
		return nil
	default:
		return []string{s.cfg.ConfigFile}
	}
}

// selection picks the lines of ssh_config that hold for one host. The library
// reads the result: it knows Host and some of Match, but refuses a file with
// Match exec, and has no Include below a condition.
type selection struct {
	shared   *Shared
	alias    string
	user     string // given on the command line, or by a line before
	hostName string
	out      bytes.Buffer
}

const maxInclude = 16 // as ssh_config(5) has it

func (c *selection) file(name string, system bool, depth int) error {
	if depth > maxInclude {
		return fmt.Errorf("%s: too many levels of Include", name)
	}
	text := c.shared.readConfig(name)
	if text.err != nil {
		if os.IsNotExist(text.err) {
			return nil
		}
		return text.err
	}
	active := true
	for number, line := range text.lines {
		keyword, rest := splitLine(line)
		switch strings.ToLower(keyword) {
		case "", "#":
		case "host":
			active = matchList(strings.Fields(unquoted(rest)), c.alias)
		case "match":
			active = c.match(name, number+1, strings.Fields(rest))
		case "include":
			if !active {
				continue
			}
			if err := c.include(strings.Fields(unquoted(rest)), system, depth); err != nil {
				return err
			}
		default:
			if !active {
				continue
			}
			c.note(strings.ToLower(keyword), unquoted(rest))
			c.out.WriteString(keyword + " " + rest + "\n")
		}
	}
	return nil
}

// note remembers what a later Match may ask for.
func (c *selection) note(keyword, value string) {
	switch keyword {
	case "hostname":
		if c.hostName == "" {
			c.hostName = strings.ReplaceAll(value, "%h", c.alias)
		}
	case "user":
		if c.user == "" {
			c.user = value
		}
	}
}

func (c *selection) include(patterns []string, system bool, depth int) error {
	for _, pattern := range patterns {
		pattern = c.shared.path(pattern)
		if !filepath.IsAbs(pattern) {
			base := filepath.Join(c.shared.cfg.Home, ".ssh")
			if system {
				base = "/etc/ssh"
			}
			pattern = filepath.Join(base, pattern)
		}
		files, err := filepath.Glob(pattern)
		if err != nil {
			return fmt.Errorf("Include %s: %w", pattern, err)
		}
		for _, file := range files {
			if err := c.file(file, system, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// match evaluates the criteria of a Match line.
func (c *selection) match(file string, line int, words []string) bool {
	result := len(words) > 0
	for len(words) > 0 {
		word := strings.ToLower(words[0])
		negated := strings.HasPrefix(word, "!")
		criterion := strings.TrimPrefix(word, "!")
		words = words[1:]
		ok := false
		switch criterion {
		case "all":
			ok = true
		case "final", "canonical":
			// We make one pass and canonicalise nothing.
		case "host", "originalhost", "user", "localuser":
			if len(words) == 0 {
				return false
			}
			ok = matchList(strings.Split(unquoted(words[0]), ","), c.subject(criterion))
			words = words[1:]
		default:
			// exec and what releases to come may add: what cannot be told is
			// not taken to hold.
			c.shared.warn(fmt.Sprintf("%s:%d: Match %s is not supported: the lines below it are skipped", file, line, criterion))
			return false
		}
		if ok == negated {
			result = false
		}
	}
	return result
}

func (c *selection) subject(criterion string) string {
	switch criterion {
	case "host":
		if c.hostName != "" {
			return c.hostName
		}
		return c.alias
	case "originalhost":
		return c.alias
	case "user":
		if c.user != "" {
			return c.user
		}
		return localUser()
	default:
		return localUser()
	}
}

// matchList matches patterns of ssh_config(5): * and ?, and ! to exclude.
func matchList(patterns []string, subject string) bool {
	var host ssh_config.Host
	for _, text := range patterns {
		if p, err := ssh_config.NewPattern(unquoted(text)); err == nil {
			host.Patterns = append(host.Patterns, p)
		}
	}
	return host.Matches(subject)
}

// splitLine takes keyword and arguments apart: "Port 22", "Port=22".
func splitLine(line string) (keyword, rest string) {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return "", ""
	}
	end := strings.IndexAny(line, " \t=")
	if end < 0 {
		return line, ""
	}
	rest = strings.TrimLeft(line[end:], " \t")
	rest = strings.TrimLeft(strings.TrimPrefix(rest, "="), " \t")
	return line[:end], rest
}

func unquoted(text string) string {
	text = strings.TrimSpace(text)
	if len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"' {
		return text[1 : len(text)-1]
	}
	return text
}

// How long a host may take to answer where nobody says it. A simulated machine always
// answers, but it may be one of thousands that share the processors with us.
const (
	connectTimeout   = 15 * time.Second
	simulatedTimeout = 2 * time.Minute
)

// resolve finds everything that ssh_config and the configuration say of a
// host.
func (s *Shared) resolve(cfg Config) (settings, error) {
	alias, port := splitAddress(cfg.Address)
	if at := strings.LastIndexByte(alias, '@'); at >= 0 {
		if cfg.User == "" {
			cfg.User = alias[:at]
		}
		alias = alias[at+1:]
	}
	if cfg.Port != 0 {
		port = cfg.Port
	}
	lines := &selection{shared: s, alias: alias, user: cfg.User}
	for i, file := range s.configFiles() {
		if err := lines.file(file, i > 0, 0); err != nil {
			return settings{}, fmt.Errorf("ssh_config: %w", err)
		}
	}
	parsed, err := ssh_config.DecodeBytes(lines.out.Bytes())
	if err != nil {
		return settings{}, fmt.Errorf("ssh_config: %w", err)
	}
	return s.collect(cfg, alias, port, parsed)
}

func (s *Shared) collect(cfg Config, alias string, port int, parsed *ssh_config.Config) (settings, error) {
	get := func(key string) string { v, _ := parsed.Get(alias, key); return v }
	set := settings{alias: alias, host: alias, port: port, user: cfg.User, algorithms: map[string]string{}}
	if name := get("HostName"); name != "" {
		set.host = strings.NewReplacer("%%", "%", "%h", alias).Replace(name)
	}
	if set.port == 0 {
		set.port = 22
		if text := get("Port"); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 1 || n > 65535 {
				return set, fmt.Errorf("ssh_config: Port %s is no port", text)
			}
			set.port = n
		}
	}
	if set.user == "" {
		set.user = get("User")
	}
	if set.user == "" {
		set.user = localUser()
	}
	expand := func(text string) string { return s.path(s.expand(text, set)) }
	set.keyAlias = get("HostKeyAlias")
	set.onlyThese = isYes(get("IdentitiesOnly"))
	set.batch = isYes(get("BatchMode"))
	set.agent = expand(get("IdentityAgent"))
	for _, name := range cfg.Identity {
		set.identities = append(set.identities, s.path(name))
	}
	names, _ := parsed.GetAll(alias, "IdentityFile")
	for _, name := range names {
		set.identities = append(set.identities, expand(name))
	}
	certs, _ := parsed.GetAll(alias, "CertificateFile")
	for _, name := range certs {
		set.certs = append(set.certs, expand(name))
	}
	set.known = s.knownNames(cfg, get, expand)
	set.acceptNew = cfg.AcceptNew || strings.EqualFold(get("StrictHostKeyChecking"), "accept-new")
	set.jump, set.command = proxy(cfg, get)
	set.timeout = cfg.ConnectTimeout
	if set.timeout == 0 {
		set.timeout = connectTimeout
		if cfg.Dialer != nil {
			set.timeout = simulatedTimeout
		}
		if n, err := strconv.Atoi(get("ConnectTimeout")); err == nil && n > 0 {
			set.timeout = time.Duration(n) * time.Second
		}
	}
	set.tries = 3
	if n, err := strconv.Atoi(get("NumberOfPasswordPrompts")); err == nil && n >= 0 {
		set.tries = n
	}
	for _, key := range []string{"KexAlgorithms", "Ciphers", "MACs", "HostKeyAlgorithms", "PubkeyAcceptedAlgorithms", "PubkeyAcceptedKeyTypes"} {
		if v := get(key); v != "" {
			set.algorithms[key] = v
		}
	}
	return set, nil
}

func isYes(text string) bool {
	return strings.EqualFold(text, "yes") || strings.EqualFold(text, "true")
}

// knownNames are the files with host keys.
func (s *Shared) knownNames(cfg Config, get func(string) string, expand func(string) string) []string {
	if len(cfg.KnownHosts) > 0 {
		return cfg.KnownHosts
	}
	var names []string
	for key, fallback := range map[string]string{
		"UserKnownHostsFile":   "~/.ssh/known_hosts ~/.ssh/known_hosts2",
		"GlobalKnownHostsFile": "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2",
	} {
		text := get(key)
		if text == "" {
			text = fallback
		}
		for _, name := range strings.Fields(text) {
			if name != "none" {
				names = append(names, expand(unquoted(name)))
			}
		}
	}
	// The user's files first: what is learned goes into the first one.
	slices.SortStableFunc(names, func(a, b string) int {
		return boolOrder(strings.HasPrefix(a, "/etc/")) - boolOrder(strings.HasPrefix(b, "/etc/"))
	})
	return names
}

func boolOrder(b bool) int {
	if b {
		return 1
	}
	return 0
}

// proxy is how the host is reached: whichever of ProxyJump and ProxyCommand is
// given, the configuration before ssh_config.
func proxy(cfg Config, get func(string) string) (jump, command string) {
	if cfg.Jump == "none" {
		return "", ""
	}
	if cfg.Jump != "" {
		return cfg.Jump, ""
	}
	jump, command = get("ProxyJump"), get("ProxyCommand")
	if strings.EqualFold(jump, "none") {
		jump = ""
	}
	if strings.EqualFold(command, "none") || jump != "" {
		command = ""
	}
	return jump, command
}

// expand replaces the tokens of ssh_config(5).
func (s *Shared) expand(text string, set settings) string {
	if !strings.Contains(text, "%") {
		return text
	}
	local := localUser()
	name, _ := os.Hostname()
	short, _, _ := strings.Cut(name, ".")
	return strings.NewReplacer(
		"%%", "%", "%h", set.host, "%n", set.alias, "%p", strconv.Itoa(set.port), "%r", set.user,
		"%u", local, "%d", s.cfg.Home, "%l", name, "%L", short, "%k", set.alias,
	).Replace(text)
}

// splitAddress takes host and port apart: "name", "name:22", "[2001:db8::1]:22",
// "2001:db8::1", "ssh://name:22".
func splitAddress(text string) (host string, port int) {
	text = strings.TrimSuffix(strings.TrimPrefix(text, "ssh://"), "/")
	at := ""
	if i := strings.LastIndexByte(text, '@'); i >= 0 {
		at, text = text[:i+1], text[i+1:]
	}
	if name, number, err := net.SplitHostPort(text); err == nil {
		if n, err := strconv.Atoi(number); err == nil {
			return at + name, n
		}
	}
	return at + strings.Trim(text, "[]"), 0
}

// algorithms applies a line of ssh_config(5) to a default: a list replaces it,
// +list appends, -list removes, ^list moves to the front.
func algorithms(line string, defaults, supported []string) []string {
	if line == "" {
		return defaults
	}
	mode := line[0]
	names := strings.Split(strings.TrimLeft(line, "+-^"), ",")
	var picked []string
	for _, pattern := range names {
		for _, name := range supported {
			if ok, err := path.Match(pattern, name); err == nil && ok && !slices.Contains(picked, name) {
				picked = append(picked, name)
			}
		}
	}
	without := func(list []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(name string) bool { return slices.Contains(picked, name) })
	}
	switch mode {
	case '+':
		return append(slices.Clone(defaults), slices.DeleteFunc(picked, func(name string) bool { return slices.Contains(defaults, name) })...)
	case '-':
		return without(defaults)
	case '^':
		return append(picked, without(defaults)...)
	default:
		return picked
	}
}
