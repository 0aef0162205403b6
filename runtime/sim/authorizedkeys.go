package sim

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/sim/vfs"
)

// keyOptions are what a line of authorized_keys lets a key do, see sshd(8).
type keyOptions struct {
	Command     string
	NoPTY       bool
	NoForward   bool
	From        string
	Expires     time.Time
	Environment []string
	Open        []string // permitopen
}

// keyOptionsOf is where a login keeps the options of its key.
type keyOptionsKey struct{}

var keyOptionsOf = keyOptionsKey{}

// opens tells whether connections may be forwarded to a place.
func (o *keyOptions) opens(host string, port uint32) bool {
	return len(o.Open) == 0 || slices.ContainsFunc(o.Open, func(p string) bool {
		return p == fmt.Sprintf("%s:%d", host, port) || p == host+":*"
	})
}

// restrict follows options that take something away with "no-", and give it back
// without.
func (o *keyOptions) restrict(name string, forbidden bool) bool {
	switch name {
	case "pty":
		o.NoPTY = forbidden
	case "port-forwarding":
		o.NoForward = forbidden
	case "agent-forwarding", "x11-forwarding", "user-rc": // nothing of them is modelled
	default:
		return false
	}
	return true
}

// parseKeyOptions reads the options of a line; sshd passes over a line with one
// that it does not know.
func parseKeyOptions(list []string) (*keyOptions, error) {
	o := &keyOptions{}
	for _, text := range list {
		name, value, _ := strings.Cut(text, "=")
		name = strings.ToLower(name)
		value = strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(value, `"`), `"`), `\"`, `"`)
		plain, no := strings.CutPrefix(name, "no-")
		switch {
		case o.restrict(plain, no):
		case name == "restrict":
			o.NoPTY, o.NoForward = true, true
		case name == "command":
			o.Command = value
		case name == "from":
			o.From = value
		case name == "environment":
			o.Environment = append(o.Environment, value)
		case name == "permitopen":
			o.Open = append(o.Open, value)
		case name == "expiry-time":
			at, err := parseExpiry(value)
			if err != nil {
				return nil, err
			}
			o.Expires = at
		case slices.Contains([]string{"permitlisten", "tunnel", "principals", "no-touch-required", "verify-required"}, name):
		default:
			return nil, fmt.Errorf("unknown key option %s", name)
		}
	}
	return o, nil
}

// parseExpiry reads YYYYMMDD[HHMM[SS]][Z]; machines keep UTC.
func parseExpiry(text string) (time.Time, error) {
	const layout = "20060102150405"
	digits := strings.TrimSuffix(text, "Z")
	if n := len(digits); n != 8 && n != 12 && n != 14 {
		return time.Time{}, fmt.Errorf("invalid expires time %q", text)
	}
	return time.Parse(layout[:len(digits)], digits)
}

// admits tells why a key may not be used from an address now; nil when it may.
func (o *keyOptions) admits(client netip.Addr, now time.Time) error {
	switch {
	case !o.Expires.IsZero() && now.After(o.Expires):
		return errors.New("key has expired")
	case o.From != "" && !fromMatches(o.From, client):
		return fmt.Errorf("correct key but not from a permitted host (host=%s, ip=%s)", client, client)
	}
	return nil
}

// fromMatches looks an address up in a list of patterns, networks and, with !,
// exceptions.
func fromMatches(list string, client netip.Addr) bool {
	found := false
	for pattern := range strings.SplitSeq(list, ",") {
		pattern, except := strings.CutPrefix(strings.TrimSpace(pattern), "!")
		network, err := netip.ParsePrefix(pattern)
		fits := err == nil && network.Contains(client)
		if err != nil {
			fits, _ = path.Match(pattern, client.String())
		}
		if fits && except {
			return false
		}
		found = found || fits
	}
	return found
}

// errUnauthorized is what sshd says of a key that is in no file.
var errUnauthorized = errors.New("this key is not authorized")

// authorizedKey finds what a key may do among the files that sshd looks at for a
// user.
func (r *sshdRuns) authorizedKey(m *Machine, u User, key ssh.PublicKey, client netip.Addr) (*keyOptions, error) {
	reason := errUnauthorized
	for _, name := range strings.Fields(r.config.get("authorizedkeysfile")) {
		file := path.Join("/", keysFileOf(name, u))
		if !strings.HasPrefix(keysFileOf(name, u), "/") {
			file = path.Join(u.Home, keysFileOf(name, u))
		}
		text, err := m.View(vfs.Root, "/").ReadFile(file)
		if err != nil {
			continue
		}
		if r.config.get("strictmodes") != "no" {
			if err := m.strictModes(file, u); err != nil {
				reason = err
				continue
			}
		}
		for line := range strings.Lines(string(text)) {
			k, _, list, _, err := ssh.ParseAuthorizedKey([]byte(line))
			if err != nil || string(k.Marshal()) != string(key.Marshal()) {
				continue
			}
			o, err := parseKeyOptions(list)
			if err == nil {
				err = o.admits(client, m.Now())
			}
			if err == nil {
				return o, nil
			}
			reason = err
		}
	}
	return nil, reason
}

// keysFileOf replaces the tokens of AuthorizedKeysFile.
func keysFileOf(name string, u User) string {
	return strings.NewReplacer("%%", "%", "%h", u.Home, "%u", u.Name, "%U", fmt.Sprint(u.UID)).Replace(name)
}

// strictModes refuses files that others than the user and root may change.
func (m *Machine) strictModes(file string, u User) error {
	view := m.View(vfs.Root, "/")
	for at := file; ; at = path.Dir(at) {
		info, err := view.Stat(at)
		if err != nil {
			return err
		}
		if info.UID != 0 && info.UID != u.UID || info.Mode&0o022 != 0 {
			return fmt.Errorf("Authentication refused: bad ownership or modes for %s %s", map[bool]string{true: "file", false: "directory"}[at == file], at)
		}
		if at == u.Home || at == "/" {
			return nil
		}
	}
}

// mayUseKey tells whether a key with these options may log a user in.
func (c SSHDConfig) mayUseKey(u User, o *keyOptions) error {
	if u.UID == 0 && c.get("permitrootlogin") == "forced-commands-only" && o.Command == "" && c.get("forcecommand") == "" {
		return errors.New("ROOT LOGIN REFUSED")
	}
	return nil
}

// mayUsePassword tells whether a user may log in by a password.
func (c SSHDConfig) mayUsePassword(u User) bool {
	asked := c.get("passwordauthentication") == "yes" || c.get("kbdinteractiveauthentication") == "yes"
	return asked && (u.UID != 0 || c.get("permitrootlogin") == "yes")
}

// SSHMethods are the ways to log in that sshd names to its clients.
func (m *Machine) SSHMethods() string {
	c := m.sshdThatRuns().config
	var list []string
	for _, way := range [][2]string{
		{"pubkeyauthentication", "publickey"}, {"passwordauthentication", "password"}, {"kbdinteractiveauthentication", "keyboard-interactive"},
	} {
		if c.get(way[0]) == "yes" {
			list = append(list, way[1])
		}
	}
	return strings.Join(list, ",")
}
