package sim

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"bsdrun/runtime/sim/vfs"
)

// sshVersion is what the sshd of a release calls itself and speaks.
type sshVersion struct {
	since  string // first release
	banner string
	keys   string // types of host keys it makes at its first start
}

var sshVersions = []sshVersion{
	{"15.0", "OpenSSH_10.0 FreeBSD-20250801", "ed25519"},
	{"14.0", "OpenSSH_9.9 FreeBSD-20250801", "ed25519"},
	{"13.0", "OpenSSH_9.9 FreeBSD-20250219", "ed25519"},
	{"12.0", "OpenSSH_7.9 FreeBSD-20200214", "ed25519"},
	{"11.0", "OpenSSH_7.5 FreeBSD-20170903", "rsa ecdsa ed25519"},
	{"10.0", "OpenSSH_6.6.1_hpn13v11 FreeBSD-20140420", "rsa ecdsa ed25519"},
	{"9.0", "OpenSSH_5.8p2_hpn13v11 FreeBSD-20110503", "rsa ecdsa"},
	{"", "OpenSSH_5.4p1 FreeBSD-20100308", "rsa"},
}

// debianSSH is Debian 12's.
var debianSSH = sshVersion{"14.0", "OpenSSH_9.2p1 Debian-2+deb12u7", "rsa ecdsa ed25519"}

// sshVersion is that of the machine's sshd.
func (m *Machine) sshVersion() sshVersion {
	if m.profile.linux() {
		return debianSSH
	}
	return sshVersionOf(m.UserlandRelease(""))
}

func sshVersionOf(release string) sshVersion {
	i := slices.IndexFunc(sshVersions, func(v sshVersion) bool { return v.since == "" || compareVersions(release, v.since) >= 0 })
	return sshVersions[i]
}

// SSHBanner is how sshd calls itself as a connection begins.
func (m *Machine) SSHBanner() string { return "SSH-2.0-" + m.sshVersion().banner }

// restrict has the server speak what its release does: an old one knows nothing
// that a client of today offers by itself.
func (v sshVersion) restrict(c *ssh.ServerConfig) {
	c.ServerVersion = "SSH-2.0-" + v.banner
	switch v.since {
	case "":
		c.KeyExchanges = []string{ssh.InsecureKeyExchangeDH14SHA1, ssh.InsecureKeyExchangeDH1SHA1}
	case "9.0":
		c.KeyExchanges = []string{
			ssh.KeyExchangeECDHP256, ssh.KeyExchangeECDHP384, ssh.KeyExchangeECDHP521,
			ssh.InsecureKeyExchangeDH14SHA1, ssh.InsecureKeyExchangeDH1SHA1,
		}
	default:
		return
	}
	c.Ciphers = []string{
		ssh.CipherAES128CTR, ssh.CipherAES192CTR, ssh.CipherAES256CTR, ssh.InsecureCipherRC4256, ssh.InsecureCipherRC4128,
		ssh.InsecureCipherAES128CBC, ssh.InsecureCipherTripleDESCBC, ssh.InsecureCipherRC4,
	}
	c.MACs = []string{ssh.HMACSHA1, ssh.InsecureHMACSHA196}
	c.PublicKeyAuthAlgorithms = []string{ssh.KeyAlgoRSA, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521}
	if v.since == "" {
		c.PublicKeyAuthAlgorithms = c.PublicKeyAuthAlgorithms[:1]
	}
}

// deriveHostKey is a key that a name decides, so that machines of one name have the
// same, until the parameter hostkey= asks for others.
func deriveHostKey(kind, name string) any {
	seed := sha256.Sum256([]byte(name))
	switch kind {
	case "rsa":
		return deriveRSA(seed)
	case "ecdsa":
		key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:])
		if err != nil {
			panic(err) // of 2^32 seeds not one is refused
		}
		return key
	}
	return ed25519.NewKeyFromSeed(seed[:])
}

// deriveRSA is an RSA key that a seed decides, which crypto/rsa refuses to make.
// It protects nothing.
func deriveRSA(seed [32]byte) *rsa.PrivateKey {
	one, e := big.NewInt(1), big.NewInt(65537)
	p, q := derivePrime(seed, "p"), derivePrime(seed, "q")
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: int(e.Int64())},
		D:         new(big.Int).ModInverse(e, phi), Primes: []*big.Int{p, q},
	}
	key.Precompute()
	return key
}

func derivePrime(seed [32]byte, name string) *big.Int {
	var text bytes.Buffer
	for block := range 4 {
		sum := sha256.Sum256(fmt.Appendf(nil, "%x %s %d", seed, name, block))
		text.Write(sum[:])
	}
	n := new(big.Int).SetBytes(text.Bytes())
	n.SetBit(n, 1023, 1).SetBit(n, 1022, 1).SetBit(n, 0, 1)
	two, e := big.NewInt(2), big.NewInt(65537)
	for {
		rest := new(big.Int).Sub(n, big.NewInt(1))
		if n.ProbablyPrime(0) && new(big.Int).GCD(nil, nil, rest, e).IsInt64() && new(big.Int).Mod(rest, e).Sign() != 0 {
			return n
		}
		n.Add(n, two)
	}
}

// hostKeyTypes are those a host key may have, in sshd's order.
var hostKeyTypes = []string{"rsa", "ecdsa", "ed25519"}

func hostKeyFile(kind string) string { return "/etc/ssh/ssh_host_" + kind + "_key" }

// MakeHostKeys makes the host keys that the release wants and the machine has not,
// as rc.d/sshd does before it starts sshd.
func (m *Machine) MakeHostKeys() {
	view := m.View(vfs.Root, "/")
	for _, kind := range strings.Fields(m.sshVersion().keys) {
		if _, err := view.Stat(hostKeyFile(kind)); err == nil {
			continue
		}
		key := deriveHostKey(kind, "host key of "+m.Name+"/"+m.Params.Get("hostkey"))
		private, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			panic(err) // the seed makes a key of each type
		}
		signer, err := ssh.NewSignerFromKey(key)
		if err != nil {
			panic(err)
		}
		public := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey()))) + " root@" + m.Name + "\n"
		_ = view.WriteFile(hostKeyFile(kind), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600)
		_ = view.WriteFile(hostKeyFile(kind)+".pub", []byte(public), 0o644)
	}
}

// storedHostKeys are the host keys that lie on the machine's disk, as its release
// uses them.
func (m *Machine) storedHostKeys() []ssh.Signer {
	var list []ssh.Signer
	view := m.View(vfs.Root, "/")
	for _, kind := range hostKeyTypes {
		text, err := view.ReadFile(hostKeyFile(kind))
		if err != nil {
			continue
		}
		s, err := ssh.ParsePrivateKey(text)
		if err != nil {
			continue // sshd skips a key it cannot read
		}
		if old, ok := s.(ssh.AlgorithmSigner); ok && kind == "rsa" && !m.profile.linux() && compareVersions(m.UserlandRelease(""), "11.0") < 0 {
			if sha1, err := ssh.NewSignerWithAlgorithms(old, []string{ssh.KeyAlgoRSA}); err == nil {
				s = sha1
			}
		}
		list = append(list, s)
	}
	return list
}

// signers are the host keys of the sshd that runs.
func (m *Machine) signers() []ssh.Signer { return m.sshdThatRuns().signers }

// HostKey is the first of the machine's public host keys.
func (m *Machine) HostKey() ssh.PublicKey { return m.HostKeys()[0] }

// HostKeys are the machine's public host keys. A release may add one.
func (m *Machine) HostKeys() []ssh.PublicKey {
	var keys []ssh.PublicKey
	for _, s := range m.signers() {
		keys = append(keys, s.PublicKey())
	}
	return keys
}

// signerOf is the host key whose public half is given; nil when there is none.
func (m *Machine) signerOf(public string) ssh.Signer {
	for _, s := range m.signers() {
		if string(s.PublicKey().Marshal()) == public {
			return s
		}
	}
	return nil
}

// KnownHostsLine are the machine's lines for a known_hosts file, when it is
// reached at address (host:port).
func (m *Machine) KnownHostsLine(address string) string {
	var lines []string
	for _, key := range m.HostKeys() {
		lines = append(lines, knownhosts.Line([]string{knownhosts.Normalize(address)}, key))
	}
	return strings.Join(lines, "\n")
}

// Trust accepts the machine's host keys and no others.
func (m *Machine) Trust() ssh.HostKeyCallback {
	return func(_ string, _ net.Addr, key ssh.PublicKey) error {
		if m.signerOf(string(key.Marshal())) == nil {
			return fmt.Errorf("ssh: host key mismatch")
		}
		return nil
	}
}
