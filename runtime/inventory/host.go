// Package inventory names hosts: those of the command line, and those of an
// inventory file with groups and variables.
package inventory

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// Kind is how a host is reached.
type Kind string

// The kinds of hosts.
const (
	SSH   Kind = "ssh"
	Local Kind = "local"
	Sim   Kind = "sim"
)

// Host is one host of a run and how to reach it.
type Host struct {
	Name string `json:"name"` // unique in a run; what reports show
	Kind Kind   `json:"kind"`

	Address string `json:"address,omitempty"` // what ssh would take: a name of ssh_config, DNS, or an address
	User    string `json:"user,omitempty"`
	Port    int    `json:"port,omitempty"` // 0: ssh_config's, or 22
	Sim     string `json:"sim,omitempty"`  // of a simulated machine: its URL, without a count
	Jail    string `json:"jail,omitempty"` // a jail of the host, which is meant then

	Settings
	Groups []string       `json:"groups,omitempty"`
	Vars   map[string]any `json:"vars,omitempty"` // h.vars
}

// Settings are what a host or a group may say about its connection. Zero values
// leave the matter to the command line and ssh_config.
type Settings struct {
	Jump           string        `json:"jump,omitempty"`            // as for ssh -J
	Identity       string        `json:"identity,omitempty"`        // a private key file
	KnownHosts     string        `json:"known_hosts,omitempty"`     // instead of ssh_config's files
	Secrets        string        `json:"secrets,omitempty"`         // a file of secrets, asked before others
	Become         string        `json:"become,omitempty"`          // doas, sudo, su, mdo, auto
	BecomeUser     string        `json:"become_user,omitempty"`     // instead of root
	Legacy         bool          `json:"legacy,omitempty"`          // offer old algorithms
	AcceptNew      bool          `json:"accept_new,omitempty"`      // learn an unknown key
	ConnectTimeout time.Duration `json:"connect_timeout,omitempty"` // for reaching the host
	StateDir       string        `json:"state_dir,omitempty"`       // on the host: ledger, lock, jobs
}

// Base is the name of the host that a jail is on, or the host's own.
func (h Host) Base() string {
	if h.Jail == "" {
		return h.Name
	}
	return strings.TrimSuffix(h.Name, "/"+h.Jail)
}

// JailName tells whether a jail may have a name. What jexec(8) could take for
// something else is none.
func JailName(name string) bool { return jailName.MatchString(name) }

var jailName = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)

// Parse reads a host as the command line names it: local:, a simulated machine
// (sim:PROFILE, several as sim:PROFILE*3), or what ssh would take
// ([USER@]HOST[:PORT], ssh://..., an IPv6 address in brackets), with ranges
// (web[01:20].example.org). A jail of it stands behind a slash: HOST/www.
func Parse(text string) ([]Host, error) {
	scheme := ""
	if rest, ok := strings.CutPrefix(text, "ssh://"); ok {
		scheme, text = "ssh://", rest
	}
	whole, query, asked := strings.Cut(text, "?")
	name, jail, inside := strings.Cut(whole, "/")
	if asked {
		name += "?" + query
	}
	hosts, err := parseHost(scheme + name)
	if err != nil || !inside {
		return hosts, err
	}
	if !JailName(jail) {
		return nil, invalid("%q: %q is no name of a jail", text, jail)
	}
	for i := range hosts {
		hosts[i].Name += "/" + jail
		hosts[i].Jail = jail
	}
	return hosts, nil
}

func parseHost(text string) ([]Host, error) {
	switch {
	case text == "":
		return nil, effect.WithHint(invalid("a host's name is empty"), "a variable of the shell may be empty, or a comma or an operator too much")
	case text == "local:" || text == "local":
		return []Host{{Name: "local", Kind: Local}}, nil
	case strings.HasPrefix(text, "sim:"):
		return parseSim(text)
	case strings.HasPrefix(text, "-"):
		return nil, invalid("%q is no host name", text) // ssh would take it for an option
	}
	var hosts []Host
	expanded, err := expand(text)
	if err != nil {
		return nil, err
	}
	for _, name := range expanded {
		h, err := parseSSH(name)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, h)
	}
	return hosts, nil
}

var simURL = lazyregexp.New(`^sim:([^*?]*)(?:\*([0-9]+))?(\?.*)?$`)

// maxSim bounds a typing mistake, not the fleet.
const maxSim = 100_000

func parseSim(text string) ([]Host, error) {
	parts := simURL.FindStringSubmatch(text)
	if parts == nil {
		return nil, invalid("%q is no simulated machine; it is sim:PROFILE, sim:PROFILE*N, with ?NAME=VALUE&... behind", text)
	}
	profile, count, query := parts[1], parts[2], parts[3]
	name := profile
	if name == "" {
		name = "sim"
	}
	url := "sim:" + profile + query
	if count == "" {
		return []Host{{Name: name, Kind: Sim, Sim: url}}, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 1 || n > maxSim {
		return nil, invalid("%q: the number of machines is between 1 and %d", text, maxSim)
	}
	if strings.Contains(query, "state=") && n > 1 {
		return nil, invalid("%q: several machines cannot share one state file", text)
	}
	hosts := make([]Host, n)
	for i := range hosts {
		hosts[i] = Host{Name: fmt.Sprintf("%s-%0*d", name, len(count), i+1), Kind: Sim, Sim: url}
	}
	return hosts, nil
}

func parseSSH(text string) (Host, error) {
	h := Host{Name: text, Kind: SSH}
	rest := strings.TrimPrefix(text, "ssh://")
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		h.User, rest = rest[:at], rest[at+1:]
		if h.User == "" {
			return h, invalid("%q: the user's name is missing before @", text)
		}
	}
	h.Address = rest
	if host, port, err := net.SplitHostPort(rest); err == nil {
		h.Address = host
		if h.Port, err = strconv.Atoi(port); err != nil || h.Port < 1 || h.Port > 65535 {
			return h, invalid("%q: %q is no port", text, port)
		}
	} else if strings.HasPrefix(rest, "[") && strings.HasSuffix(rest, "]") {
		h.Address = rest[1 : len(rest)-1]
	} else if name, _, assigned := strings.Cut(rest, "="); assigned {
		return h, effect.WithHint(invalid("%q is no host name", text), "a parameter is given by -p %s=...", name)
	}
	if h.Address == "" || strings.HasPrefix(h.Address, "-") || strings.ContainsAny(h.Address, " \t\n/'\"\\;|&$`()<>[]=") {
		return h, invalid("%q is no host name", text)
	}
	return h, nil
}

const (
	rangeItem = `(?:[0-9]*:[0-9]+(?::[0-9]+)?|[a-z]:[a-z](?::[0-9]+)?|[A-Z]:[A-Z](?::[0-9]+)?)`
	rangeWord = `(?:` + rangeItem + `|[0-9]+)`
)

// rangePattern is a range, or several and single numbers: [01:20], [01:20,23].
var rangePattern = lazyregexp.New(`\[(` + rangeItem + `|` + rangeWord + `(?:,` + rangeWord + `)+)\]`)

// maxRange bounds a typing mistake.
const maxRange = 100_000

// expand writes ranges out: web[01:03] is web01, web02, web03, web[1:9:4] is web1,
// web5, web9, and web[1:3,7] is web1, web2, web3, web7. What is no range stays as it
// is (an IPv6 address in brackets).
func expand(text string) ([]string, error) {
	at := rangePattern.FindStringSubmatchIndex(text)
	if at == nil {
		return []string{text}, nil
	}
	var middles []string
	for item := range strings.SplitSeq(text[at[2]:at[3]], ",") {
		words, err := rangeWords(item)
		if err != nil {
			return nil, err
		}
		middles = append(middles, words...)
	}
	tails, err := expand(text[at[1]:])
	if err != nil {
		return nil, err
	}
	if len(middles)*len(tails) > maxRange {
		return nil, invalid("%q names more than %d hosts", text, maxRange)
	}
	var out []string
	for _, middle := range middles {
		for _, tail := range tails {
			out = append(out, text[:at[0]]+middle+tail)
		}
	}
	return out, nil
}

// rangeWords writes out one range; a single number is one of itself.
func rangeWords(item string) ([]string, error) {
	from, rest, ranged := strings.Cut(item, ":")
	if !ranged {
		return []string{item}, nil
	}
	to, by, stepped := strings.Cut(rest, ":")
	step := 1
	if stepped {
		var err error
		if step, err = strconv.Atoi(by); err != nil || step < 1 {
			return nil, invalid("[%s]: the step of a range is from 1", item)
		}
	}
	letters := to[0] > '9'
	first, last := 0, 0
	if letters {
		first, last = int(from[0]), int(to[0])
	} else {
		var err1, err2 error
		if from == "" {
			from = "0"
		}
		first, err1 = strconv.Atoi(from)
		last, err2 = strconv.Atoi(to)
		if err1 != nil || err2 != nil || last-first >= maxRange {
			return nil, invalid("[%s] names more than %d hosts", item, maxRange)
		}
	}
	if last < first {
		return nil, invalid("[%s] is empty: a range goes from the lower to the higher", item)
	}
	var words []string
	for i := first; i <= last; i += step {
		if letters {
			words = append(words, string(rune(i)))
		} else {
			words = append(words, fmt.Sprintf("%0*d", len(from), i))
		}
	}
	return words, nil
}
