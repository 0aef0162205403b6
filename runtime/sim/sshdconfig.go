package sim

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/sim/vfs"
)

const sshdConfigFile = "/etc/ssh/sshd_config"

// SSHDConfig is what sshd reads of sshd_config(5).
type SSHDConfig struct {
	values map[string][]string // by keyword in lower case, in the file's order
}

// ParseSSHDConfig reads a configuration outside of its Match blocks. The error is
// what sshd prints before it gives up.
func ParseSSHDConfig(file string, text []byte) (SSHDConfig, error) {
	c := SSHDConfig{values: map[string][]string{}}
	var bad []string
	matched := false
	for n, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		option, value := line, ""
		if i := strings.IndexAny(line, " \t="); i >= 0 {
			option, value = line[:i], strings.Trim(line[i:], " \t=")
		}
		keyword := strings.ToLower(option)
		switch {
		case !slices.Contains(sshdOptions, keyword):
			bad = append(bad, fmt.Sprintf("%s: line %d: Bad configuration option: %s\n", file, n+1, option))
		case value == "":
			return c, fmt.Errorf("%s line %d: no argument after keyword \"%s\"\n", file, n+1, option)
		case keyword == "match":
			matched = true
		case !matched:
			keyword = cmp.Or(sshdAliases[keyword], keyword)
			c.values[keyword] = append(c.values[keyword], value)
		}
	}
	if len(bad) > 0 {
		return c, fmt.Errorf("%s%s: terminating, %d bad configuration options\n", strings.Join(bad, ""), file, len(bad))
	}
	return c, nil
}

// sshdDefaults are FreeBSD's, for what is shown and looked at here.
var sshdDefaults = [][2]string{
	{"port", "22"},
	{"addressfamily", "any"},
	{"usepam", "yes"},
	{"permitrootlogin", "no"},
	{"pubkeyauthentication", "yes"},
	{"passwordauthentication", "no"},
	{"kbdinteractiveauthentication", "yes"},
	{"strictmodes", "yes"},
	{"permitemptypasswords", "no"},
	{"maxauthtries", "6"},
	{"maxsessions", "10"},
	{"authorizedkeysfile", ".ssh/authorized_keys"},
	{"allowusers", ""},
	{"denyusers", ""},
	{"allowgroups", ""},
	{"denygroups", ""},
	{"subsystem", ""},
}

// Effective is what sshd -T prints: the settings in force, a line each, keywords
// in lower case.
func (c SSHDConfig) Effective() string {
	var b strings.Builder
	for _, d := range sshdDefaults {
		switch values := c.values[d[0]]; {
		case many(d[0]):
			for _, value := range values {
				for _, word := range strings.Fields(value) {
					fmt.Fprintf(&b, "%s %s\n", d[0], word)
				}
			}
		case len(values) > 0:
			fmt.Fprintf(&b, "%s %s\n", d[0], strings.Join(strings.Fields(values[0]), " "))
		case d[1] != "":
			fmt.Fprintf(&b, "%s %s\n", d[0], d[1])
		}
	}
	return b.String()
}

// many tells whether a keyword adds to a list each time it stands.
func many(keyword string) bool {
	return strings.HasPrefix(keyword, "allow") || strings.HasPrefix(keyword, "deny")
}

// get is the value of a keyword: the first counts.
func (c SSHDConfig) get(keyword string) string {
	if values := c.values[keyword]; len(values) > 0 {
		return values[0]
	}
	for _, d := range sshdDefaults {
		if d[0] == keyword {
			return d[1]
		}
	}
	return ""
}

// lists tells whether one of some names fits a list of patterns.
func (c SSHDConfig) lists(keyword string, names ...string) bool {
	for _, value := range c.values[keyword] {
		for _, pattern := range strings.Fields(value) {
			pattern, _, _ = strings.Cut(pattern, "@")
			for _, name := range names {
				if fits, _ := path.Match(pattern, name); fits {
					return true
				}
			}
		}
	}
	return false
}

// admits tells why a user may not log in by any means; nil when it may.
func (c SSHDConfig) admits(m *Machine, u User) error {
	groups := m.groupsOf(u)
	view := m.View(vfs.Root, "/")
	shell, err := view.Stat(u.Shell)
	switch {
	case err != nil:
		return fmt.Errorf("User %s not allowed because shell %s does not exist", u.Name, u.Shell)
	case shell.Mode&0o111 == 0:
		return fmt.Errorf("User %s not allowed because shell %s is not executable", u.Name, u.Shell)
	case u.UID == 0 && c.get("permitrootlogin") == "no":
		return errors.New("ROOT LOGIN REFUSED")
	case c.lists("denyusers", u.Name):
		return fmt.Errorf("User %s not allowed because listed in DenyUsers", u.Name)
	case len(c.values["allowusers"]) > 0 && !c.lists("allowusers", u.Name):
		return fmt.Errorf("User %s not allowed because not listed in AllowUsers", u.Name)
	case c.lists("denygroups", groups...):
		return fmt.Errorf("User %s not allowed because a group is listed in DenyGroups", u.Name)
	case len(c.values["allowgroups"]) > 0 && !c.lists("allowgroups", groups...):
		return fmt.Errorf("User %s not allowed because none of user's groups are listed in AllowGroups", u.Name)
	}
	return nil
}

// sshdRuns is a running sshd: what it read as it started.
type sshdRuns struct {
	text    string
	config  SSHDConfig
	signers []ssh.Signer
}

// StartSSHD has sshd read its configuration and host keys, as at its start and
// when it is told to reload; from then on these count. The error is what sshd
// prints: it then does not run.
func (m *Machine) StartSSHD() error {
	text, err := m.View(vfs.Root, "/").ReadFile(sshdConfigFile)
	if err != nil {
		return fmt.Errorf("%s: %s\n", sshdConfigFile, ErrText(err))
	}
	return m.runSSHD(text)
}

// runSSHD has sshd run with a configuration and the host keys on the disk.
func (m *Machine) runSSHD(text []byte) error {
	config, err := ParseSSHDConfig(sshdConfigFile, text)
	if err != nil {
		return err
	}
	signers := m.storedHostKeys()
	if len(signers) == 0 {
		return errors.New("sshd: no hostkeys available -- exiting.\n")
	}
	m.sshd.Store(&sshdRuns{string(text), config, signers})
	return nil
}

// sshdThatRuns is what the sshd that runs has read.
func (m *Machine) sshdThatRuns() *sshdRuns {
	if r := m.sshd.Load(); r != nil {
		return r
	}
	if m.StartSSHD() != nil {
		return &sshdRuns{}
	}
	return m.sshd.Load()
}

// sshdAliases are keywords that older configurations have for the same thing, see
// sshd_config(5).
var sshdAliases = map[string]string{"challengeresponseauthentication": "kbdinteractiveauthentication"}

// sshdOptions are the keywords of sshd_config(5).
var sshdOptions = strings.Fields(`acceptenv addressfamily allowagentforwarding allowgroups allowstreamlocalforwarding
	allowtcpforwarding allowusers authenticationmethods authorizedkeyscommand authorizedkeyscommanduser authorizedkeysfile
	authorizedprincipalscommand authorizedprincipalscommanduser authorizedprincipalsfile banner casignaturealgorithms
	channeltimeout chrootdirectory ciphers clientalivecountmax clientaliveinterval compression denygroups denyusers
	disableforwarding exposeauthinfo fingerprinthash forcecommand gatewayports gssapiauthentication gssapicleanupcredentials
	gssapistrictacceptorcheck hostbasedacceptedalgorithms hostbasedauthentication hostbasedusesnamefrompacketonly
	hostcertificate hostkey hostkeyagent hostkeyalgorithms ignorerhosts ignoreuserknownhosts include ipqos
	kbdinteractiveauthentication kerberosauthentication kerberosgetafstoken kerberosorlocalpasswd kerberosticketcleanup
	kexalgorithms listenaddress logingracetime loglevel logverbose macs match maxauthtries maxsessions maxstartups moduli
	passwordauthentication permitemptypasswords permitlisten permitopen permitrootlogin permittty permittunnel
	permituserenvironment permituserrc persourcemaxstartups persourcenetblocksize persourcepenalties pidfile port
	printlastlog printmotd pubkeyacceptedalgorithms pubkeyauthentication pubkeyauthoptions refuseconnection rekeylimit
	requiredrsasize revokedkeys securitykeyprovider setenv streamlocalbindmask streamlocalbindunlink strictmodes subsystem
	syslogfacility tcpkeepalive trustedusercakeys unusedconnectiontimeout useblacklist useblocklist usedns usepam
	versionaddendum x11displayoffset x11forwarding x11uselocalhost xauthlocation challengeresponseauthentication`)
