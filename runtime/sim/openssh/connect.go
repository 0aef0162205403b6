package openssh

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

// client is one connection.
type client struct {
	p       *sim.Proc
	s       settings
	host    string // as it was given
	name    string // after HostName
	user    string
	port    int
	address string
	link    *sim.Link
	ssh     *ssh.Client
	refused bool // the host key was
}

// newClient finds out what to connect to. options are those of the command line.
func newClient(p *sim.Proc, s settings, config, destination string) (*client, error) {
	c := &client{p: p, s: s}
	c.host = strings.TrimPrefix(destination, "ssh://")
	if at := strings.LastIndexByte(c.host, '@'); at >= 0 {
		s.add("user", c.host[:at])
		c.host = c.host[at+1:]
	}
	if c.host != destination && strings.HasPrefix(destination, "ssh://") {
		if host, port, err := net.SplitHostPort(c.host); err == nil {
			c.host = host
			s.add("port", port)
		}
	}
	files := []string{home(p) + "/.ssh/config", "/etc/ssh/ssh_config"}
	if config != "" {
		files = []string{config}
	}
	if config != "none" {
		for _, file := range files {
			if err := s.read(p, file, c.host, config != ""); err != nil {
				return nil, err
			}
		}
	}
	c.name = strings.ReplaceAll(s.get("hostname", c.host), "%h", c.host)
	c.user = s.get("user", p.Machine.UserName(p.Cred.UID))
	c.port, _ = strconv.Atoi(s.get("port", "22"))
	return c, nil
}

// connect opens the connection and logs in; ok is false when it said why not.
func (c *client) connect() (ok bool) {
	p := c.p
	address, err := p.Machine.Resolve(c.name)
	if err == nil {
		c.address = address
		err = p.Machine.Network().Reachable(c.name)
	}
	var unreachable *sim.UnreachableError
	if errors.As(err, &unreachable) && strings.Contains(unreachable.Reason, "not resolve") {
		reason := "Name does not resolve"
		if linux(p) {
			reason = "Name or service not known"
		}
		fatal(p, "ssh: Could not resolve hostname %s: %s", c.name, reason)
		return false
	}
	if err == nil {
		var to netip.Addr
		if to, err = netip.ParseAddr(address); err == nil {
			c.link, err = p.ConnectSSH(netip.AddrPortFrom(to, uint16(c.port)), c.patience())
		}
	}
	if err != nil {
		reason := err.Error()
		if unreachable != nil {
			reason = unreachable.Reason
		}
		if reason == "Operation timed out" && linux(p) {
			reason = "Connection timed out"
		}
		if unreachable != nil && strings.Contains(reason, "timed out") {
			_ = p.Sleep(c.patience())
		}
		fatal(p, "ssh: connect to host %s port %d: %s", c.name, c.port, reason)
		return false
	}
	return c.logIn()
}

func (c *client) logIn() bool {
	p := c.p
	keys := c.identities()
	algorithms, checks := c.hostKeys()
	config := &ssh.ClientConfig{
		User: c.user, HostKeyCallback: checks, HostKeyAlgorithms: algorithms,
		Auth: []ssh.AuthMethod{ssh.PublicKeys(keys...)}, ClientVersion: "SSH-2.0-OpenSSH_9.9",
	}
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		var conn ssh.Conn
		var channels <-chan ssh.NewChannel
		var requests <-chan *ssh.Request
		conn, channels, requests, err = ssh.NewClientConn(c.link, c.name, config)
		if err == nil {
			c.ssh = ssh.NewClient(conn, channels, requests)
		}
	}()
	if werr := c.link.Wait(p, done, underWay); werr != nil {
		_ = c.link.Close()
		<-done
		return false
	}
	switch {
	case err == nil:
		return true
	case c.refused:
		fatal(p, "Host key verification failed.")
	case strings.Contains(err.Error(), "unable to authenticate"):
		fatal(p, "%s@%s: Permission denied (%s).", c.user, c.name, c.link.Peer.SSHMethods())
	case strings.Contains(err.Error(), "no common algorithm"):
		fatal(p, "Unable to negotiate with %s port %d: no matching host key type found.", c.address, c.port)
	default:
		fatal(p, "kex_exchange_identification: Connection closed by remote host\r\nConnection closed by %s port %d", c.address, c.port)
	}
	_ = c.link.Close()
	return false
}

// underWay says that neither side waits for anything but the other.
func underWay() bool { return true }

// identities reads the private keys.
func (c *client) identities() []ssh.Signer {
	files := c.s["identityfile"]
	if len(files) == 0 {
		files = []string{"~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ed25519"}
	}
	var list []ssh.Signer
	for _, name := range files {
		if s := c.identity(expand(c.p, name)); s != nil {
			list = append(list, s)
		}
	}
	return list
}

func (c *client) identity(file string) ssh.Signer {
	p := c.p
	info, err := p.FS().Stat(file)
	if err != nil {
		return nil
	}
	if info.UID == p.Cred.UID && info.Mode&0o077 != 0 {
		const line = "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@"
		p.Errorf("%s\r\n@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @\r\n%s\r\n", line, line)
		p.Errorf("Permissions 0%o for '%s' are too open.\r\nIt is required that your private key files are NOT accessible by others.\r\n", info.Mode&0o777, file)
		p.Errorf("This private key will be ignored.\r\nLoad key \"%s\": bad permissions\r\n", file)
		return nil
	}
	text, err := p.FS().ReadFile(file)
	if err != nil {
		p.Errorf("Load key \"%s\": %s\r\n", file, p.Machine.ErrText(err))
		return nil
	}
	key, err := ssh.ParsePrivateKey(text)
	var missing *ssh.PassphraseMissingError
	switch {
	case err == nil:
		return key
	case errors.As(err, &missing): // nobody is asked for it
	default:
		p.Errorf("Load key \"%s\": error in libcrypto\r\n", file)
	}
	return nil
}

// knownFiles are the files of known hosts; the first is the one that is added to.
func (c *client) knownFiles() []string {
	var files []string
	for _, list := range []string{
		c.s.get("userknownhostsfile", "~/.ssh/known_hosts ~/.ssh/known_hosts2"),
		c.s.get("globalknownhostsfile", "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"),
	} {
		for name := range strings.FieldsSeq(list) {
			if name != "none" {
				files = append(files, expand(c.p, name))
			}
		}
	}
	return files
}

// knownKey is a line of a known_hosts file that fits the host.
type knownKey struct {
	key  ssh.PublicKey
	file string
	line int
	mark string // @revoked, @cert-authority
}

// known are the keys that the host's files have for it.
func (c *client) known() []knownKey {
	name := c.knownName()
	var list []knownKey
	for _, file := range c.knownFiles() {
		text, err := c.p.FS().ReadFile(file)
		if err != nil {
			continue
		}
		for n, line := range bytes.Split(text, []byte("\n")) {
			mark, hosts, key, _, _, err := ssh.ParseKnownHosts(line)
			if err == nil && namesHost(hosts, name) {
				list = append(list, knownKey{key, file, n + 1, mark})
			}
		}
	}
	return list
}

// knownName is what known_hosts calls the host.
func (c *client) knownName() string {
	if alias := c.s.get("hostkeyalias", ""); alias != "" {
		return alias
	}
	return knownhosts.Normalize(net.JoinHostPort(c.name, strconv.Itoa(c.port)))
}

func namesHost(hosts []string, name string) bool {
	if len(hosts) == 1 && strings.HasPrefix(hosts[0], "|1|") {
		return hashMatches(hosts[0], name)
	}
	return matches(hosts, name) || slices.Contains(hosts, name)
}

// hostKeys are the kinds of host key to ask for, the known ones first, and the check
// of the one that comes.
func (c *client) hostKeys() ([]string, ssh.HostKeyCallback) {
	known := c.known()
	order := []string{ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	slices.SortStableFunc(order, func(a, b string) int {
		has := func(algorithm string) int {
			if slices.ContainsFunc(known, func(k knownKey) bool { return k.key.Type() == keyType(algorithm) }) {
				return 0
			}
			return 1
		}
		return has(a) - has(b)
	})
	if list := c.s.get("hostkeyalgorithms", ""); list != "" && !strings.ContainsAny(list[:1], "+-^") {
		order = strings.Split(list, ",")
	}
	return order, func(_ string, _ net.Addr, key ssh.PublicKey) error {
		if err := c.checkHostKey(known, key); err != nil {
			c.refused = true
			return err
		}
		return nil
	}
}

// keyType is the type of the keys that an algorithm signs with.
func keyType(algorithm string) string {
	if strings.HasPrefix(algorithm, "rsa-sha2-") {
		return ssh.KeyAlgoRSA
	}
	return algorithm
}

// keyKind is how OpenSSH calls a type of keys.
func keyKind(key ssh.PublicKey) string {
	switch {
	case strings.HasPrefix(key.Type(), "ecdsa"):
		return "ECDSA"
	case key.Type() == ssh.KeyAlgoRSA:
		return "RSA"
	}
	return "ED25519"
}

var errHostKey = errors.New("host key verification failed")

func (c *client) checkHostKey(known []knownKey, key ssh.PublicKey) error {
	p, kind := c.p, keyKind(key)
	same := func(k knownKey) bool { return bytes.Equal(k.key.Marshal(), key.Marshal()) }
	strict := strings.ToLower(c.s.get("stricthostkeychecking", "ask"))
	lax := slices.Contains([]string{"no", "off", "false"}, strict)
	if i := slices.IndexFunc(known, func(k knownKey) bool { return k.mark == "revoked" && same(k) }); i >= 0 {
		p.Errorf("@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\r\n@       WARNING: REVOKED HOST KEY DETECTED!               @\r\n@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\r\n")
		p.Errorf("The %s host key for %s is marked as revoked.\r\nThis could mean that a stolen key is being used to impersonate this host.\r\n", kind, c.name)
		return errHostKey
	}
	if slices.ContainsFunc(known, same) {
		return nil
	}
	if i := slices.IndexFunc(known, func(k knownKey) bool { return k.key.Type() == key.Type() && k.mark == "" }); i >= 0 {
		c.warnChanged(kind, key, known[i])
		if !lax {
			p.Errorf("Host key for %s has changed and you have requested strict checking.\r\n", c.knownName())
			return errHostKey
		}
		if !c.s.quiet() {
			p.Errorf("Password authentication is disabled to avoid man-in-the-middle attacks.\r\nKeyboard-interactive authentication is disabled to avoid man-in-the-middle attacks.\r\n")
		}
		return nil
	}
	switch strict {
	case "yes", "true":
		p.Errorf("No %s host key is known for %s and you have requested strict checking.\r\n", kind, c.knownName())
		return errHostKey
	case "ask":
		return errHostKey // there is nobody to ask
	}
	c.learn(key, kind)
	return nil
}

func (c *client) warnChanged(kind string, key ssh.PublicKey, old knownKey) {
	const line = "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@"
	p := c.p
	p.Errorf("%s\r\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\n%s\r\n", line, line)
	p.Errorf("IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\r\nSomeone could be eavesdropping on you right now (man-in-the-middle attack)!\r\n")
	p.Errorf("It is also possible that a host key has just been changed.\r\nThe fingerprint for the %s key sent by the remote host is\n%s.\r\n", kind, ssh.FingerprintSHA256(key))
	p.Errorf("Please contact your system administrator.\r\nAdd correct host key in %s to get rid of this message.\r\n", c.knownFiles()[0])
	p.Errorf("Offending %s key in %s:%d\r\n", keyKind(old.key), old.file, old.line)
}

// learn adds the host's key to the first file.
func (c *client) learn(key ssh.PublicKey, kind string) {
	p, file, name := c.p, c.knownFiles()[0], c.knownName()
	if dir := home(p) + "/.ssh"; strings.HasPrefix(file, dir+"/") {
		if _, err := p.FS().Stat(dir); err != nil {
			_ = p.FS().Mkdir(dir, 0o700)
		}
	}
	if c.s.yes("hashknownhosts") {
		name = hashName(name)
	}
	err := appendLine(p, file, name+" "+strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))+"\n", 0o600)
	switch {
	case err != nil:
		p.Errorf("Failed to add the host to the list of known hosts (%s).\r\n", file)
	case !c.s.quiet():
		p.Errorf("Warning: Permanently added '%s' (%s) to the list of known hosts.\r\n", c.knownName(), kind)
	}
}

func appendLine(p *sim.Proc, file, line string, mode uint32) error {
	f, err := p.FS().OpenFile(file, vfs.O_WRONLY|vfs.O_CREATE|vfs.O_APPEND, mode)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte(line))
	return errors.Join(err, f.Close())
}
