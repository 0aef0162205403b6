package openssh

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/sim"
)

// settings are what ssh was told, by keyword of ssh_config(5) in lower case; the
// first value counts.
type settings map[string][]string

// gathers are keywords of which every value counts.
var gathers = []string{"identityfile", "setenv", "sendenv", "certificatefile"}

func (s settings) add(keyword, value string) {
	if len(s[keyword]) == 0 || slices.Contains(gathers, keyword) {
		s[keyword] = append(s[keyword], value)
	}
}

func (s settings) get(keyword, other string) string {
	if v := s[keyword]; len(v) > 0 {
		return v[0]
	}
	return other
}

func (s settings) yes(keyword string) bool {
	v := strings.ToLower(s.get(keyword, "no"))
	return v == "yes" || v == "true"
}

// quiet tells whether nothing but what failed is told.
func (s settings) quiet() bool {
	return slices.Contains([]string{"quiet", "fatal", "error"}, strings.ToLower(s.get("loglevel", "info")))
}

// keywords are those of ssh_config(5).
var keywords = strings.Fields(`addkeystoagent addressfamily batchmode bindaddress bindinterface canonicaldomains
	canonicalizefallbacklocal canonicalizehostname canonicalizemaxdots canonicalizepermittedcnames casignaturealgorithms
	certificatefile challengeresponseauthentication checkhostip ciphers clearallforwardings compression connectionattempts
	connecttimeout controlmaster controlpath controlpersist dynamicforward enableescapecommandline enablesshkeysign escapechar
	exitonforwardfailure fingerprinthash forkafterauthentication forwardagent forwardx11 forwardx11timeout forwardx11trusted
	gatewayports globalknownhostsfile gssapiauthentication gssapidelegatecredentials hashknownhosts hostbasedacceptedalgorithms
	hostbasedauthentication hostkeyalgorithms hostkeyalias hostname identitiesonly identityagent identityfile ignoreunknown
	include ipqos kbdinteractiveauthentication kbdinteractivedevices kexalgorithms knownhostscommand localcommand localforward
	loglevel logverbose macs nohostauthenticationforlocalhost numberofpasswordprompts obscurekeystroketiming
	passwordauthentication permitlocalcommand permitremoteopen pkcs11provider port preferredauthentications proxycommand
	proxyjump proxyusefdpass pubkeyacceptedalgorithms pubkeyacceptedkeytypes pubkeyauthentication rekeylimit remotecommand
	remoteforward requesttty requiredrsasize revokedhostkeys securitykeyprovider sendenv serveralivecountmax
	serveraliveinterval sessiontype setenv stdinnull streamlocalbindmask streamlocalbindunlink stricthostkeychecking
	syslogfacility tcpkeepalive tunnel tunneldevice updatehostkeys user userknownhostsfile verifyhostkeydns versionaddendum
	visualhostkey xauthlocation`)

// unmodelled are keywords that would change what happens.
var unmodelled = strings.Fields(`proxycommand proxyjump knownhostscommand localcommand localforward remoteforward dynamicforward
	certificatefile pkcs11provider remotecommand tunnel verifyhostkeydns revokedhostkeys`)

// errCannot marks what the simulator does not model.
type errCannot struct{ what string }

func (e errCannot) Error() string { return e.what }

// set takes one setting, as -o or a line of a file gives it.
func (s settings) set(where, line string) error {
	keyword, value := line, ""
	if i := strings.IndexAny(line, " \t="); i >= 0 {
		keyword, value = line[:i], strings.TrimSpace(strings.TrimLeft(line[i:], " \t="))
	}
	name := strings.ToLower(keyword)
	value = strings.Trim(value, `"`)
	switch {
	case !slices.Contains(keywords, name):
		return fmt.Errorf("%s: Bad configuration option: %s", where, name)
	case value == "":
		return fmt.Errorf("%s: Missing argument.", where)
	case slices.Contains(unmodelled, name) && !strings.EqualFold(value, "none") && !strings.EqualFold(value, "no"):
		return errCannot{keyword + " " + value}
	case name == "stricthostkeychecking" && !slices.Contains(strictValues, strings.ToLower(value)):
		return fmt.Errorf("%s: unsupported option \"%s\".", where, value)
	case name == "port":
		if n, err := strconv.Atoi(value); err != nil || n < 1 || n > 65535 {
			return fmt.Errorf("%s: Bad number '%s'.", where, value)
		}
	}
	s.add(name, value)
	return nil
}

var strictValues = []string{"yes", "true", "no", "off", "false", "ask", "accept-new"}

// read takes what a configuration file says for a host.
func (s settings) read(p *sim.Proc, file, host string, must bool) error {
	text, err := p.FS().ReadFile(file)
	if err != nil {
		if must {
			return fmt.Errorf("Can't open user config file %s: %s", file, p.Machine.ErrText(err))
		}
		return nil
	}
	applies := true
	var bad int
	var first error
	for n, line := range bytes.Split(text, []byte("\n")) {
		line := strings.TrimSpace(string(line))
		if line == "" || line[0] == '#' {
			continue
		}
		where := fmt.Sprintf("%s: line %d", file, n+1)
		fields := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == '=' })
		switch strings.ToLower(fields[0]) {
		case "host":
			applies = matches(fields[1:], host)
			continue
		case "match", "include":
			return errCannot{"ssh_config's " + fields[0]}
		}
		if !applies {
			continue
		}
		if err := s.set(where, line); err != nil {
			if cannot := (errCannot{}); errors.As(err, &cannot) || !strings.Contains(err.Error(), "Bad configuration option") {
				return err
			}
			first, bad = errors.Join(first, err), bad+1
		}
	}
	if bad > 0 {
		return fmt.Errorf("%s\r\n%s: terminating, %d bad configuration options", strings.ReplaceAll(first.Error(), "\n", "\r\n"), file, bad)
	}
	return nil
}

// matches looks a host up in a list of patterns.
func matches(patterns []string, host string) bool {
	found := false
	for _, pattern := range patterns {
		pattern, except := strings.CutPrefix(pattern, "!")
		if fits, _ := path.Match(pattern, host); fits {
			if except {
				return false
			}
			found = true
		}
	}
	return found
}

// home is the directory that ~ stands for.
func home(p *sim.Proc) string {
	if u, ok := p.Machine.LookupUID(p.Cred.UID); ok {
		return u.Home
	}
	return p.Getenv("HOME")
}

// expand replaces ~ and the tokens of ssh_config(5) that name files.
func expand(p *sim.Proc, name string) string {
	if rest, ok := strings.CutPrefix(name, "~/"); ok {
		name = home(p) + "/" + rest
	}
	return strings.NewReplacer("%%", "%", "%d", home(p), "%u", p.Machine.UserName(p.Cred.UID)).Replace(name)
}
