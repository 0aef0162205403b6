package openssh

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/md5" //nolint:gosec // -E md5
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"encoding/pem"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"bsdrun/runtime/sim"
)

const keygenLetters = "ABHLQUXceghiklopquvyC:D:E:F:I:K:M:N:O:P:R:V:Y:Z:a:b:f:g:m:n:r:s:t:w:z:"

// keygenCall is one call of ssh-keygen(1).
type keygenCall struct {
	p       *sim.Proc
	file    string
	mode    string
	arg     string
	kind    string
	bits    int
	comment string
	pass    *string
	quiet   bool
	hash    string
}

func runKeygen(p *sim.Proc) int {
	options, rest, err := getopt(p.Args[1:], keygenLetters)
	if err != nil {
		p.Errorf("%s\nusage: ssh-keygen [-q] [-a rounds] [-b bits] [-C comment] [-f output_keyfile]\n"+
			"                  [-m format] [-N new_passphrase] [-O option]\n"+
			"                  [-t dsa | ecdsa | ecdsa-sk | ed25519 | ed25519-sk | rsa]\n"+
			"                  [-w provider] [-Z cipher]\n", err)
		return 1
	}
	k := &keygenCall{p: p, kind: "ed25519", hash: "sha256"}
	for _, o := range options {
		switch o.letter {
		case "f":
			k.file = o.arg
		case "t":
			k.kind = o.arg
		case "b":
			k.bits, _ = strconv.Atoi(o.arg)
		case "C":
			k.comment = o.arg
		case "N", "P":
			k.pass = &o.arg
		case "q":
			k.quiet = true
		case "E":
			k.hash = o.arg
		case "l", "y", "F", "R", "A", "B", "H":
			if k.mode == "F" && o.letter == "H" {
				continue
			}
			k.mode, k.arg = o.letter, o.arg
		case "v", "a", "o", "m": // no difference to what is made here
		default:
			return p.Cannot("ssh-keygen -%s", o.letter)
		}
	}
	if len(rest) > 0 {
		p.Errorf("Too many arguments.\n")
		return 1
	}
	switch k.mode {
	case "l":
		return k.fingerprint()
	case "y":
		return k.public()
	case "F":
		return k.find()
	case "R":
		return k.remove()
	case "A":
		p.Machine.MakeHostKeys()
		return 0
	case "":
		return k.generate()
	}
	return p.Cannot("ssh-keygen -%s", k.mode)
}

func (k *keygenCall) key() (any, bool) {
	switch k.kind {
	case "ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err == nil
	case "rsa":
		bits := k.bits
		if bits == 0 {
			bits = 3072
		}
		key, err := rsa.GenerateKey(rand.Reader, bits)
		return key, err == nil
	case "ecdsa":
		curve := map[int]elliptic.Curve{0: elliptic.P256(), 256: elliptic.P256(), 384: elliptic.P384(), 521: elliptic.P521()}[k.bits]
		if curve == nil {
			return nil, false
		}
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		return key, err == nil
	}
	return nil, false
}

func (k *keygenCall) generate() int {
	p := k.p
	if !slices.Contains([]string{"ed25519", "rsa", "ecdsa"}, k.kind) {
		p.Errorf("unknown key type %s\n", k.kind)
		return 1
	}
	if k.file == "" {
		k.file = home(p) + "/.ssh/id_" + k.kind
	}
	if k.pass == nil || *k.pass != "" {
		return p.Cannot("ssh-keygen that asks for a passphrase, or is given one: use -N ''")
	}
	if !k.quiet {
		p.Printf("Generating public/private %s key pair.\n", k.kind)
	}
	if _, err := p.FS().Lstat(k.file); err == nil {
		p.Printf("%s already exists.\nOverwrite (y/n)? ", k.file)
		b := make([]byte, 1)
		if n, _ := p.Stdin.Read(b); n == 0 || b[0] != 'y' && b[0] != 'Y' {
			return 1
		}
	}
	key, ok := k.key()
	if !ok {
		p.Errorf("Invalid %s key length: must be 256, 384 or 521 bits\n", strings.ToUpper(k.kind))
		return 255
	}
	if k.comment == "" {
		k.comment = p.Machine.UserName(p.Cred.UID) + "@" + p.Machine.Hostname()
	}
	return k.save(key)
}

func (k *keygenCall) save(key any) int {
	p := k.p
	block, err := ssh.MarshalPrivateKey(key, k.comment)
	if err != nil {
		return fatal(p, "Saving key \"%s\" failed: %s", k.file, err)
	}
	signer, _ := ssh.NewSignerFromKey(key)
	public := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey()))) + " " + k.comment + "\n"
	if dir := home(p) + "/.ssh"; strings.HasPrefix(k.file, dir+"/") {
		if _, err := p.FS().Stat(dir); err != nil && p.FS().Mkdir(dir, 0o700) == nil && !k.quiet {
			p.Printf("Created directory '%s'.\n", dir)
		}
	}
	for _, f := range []struct {
		name string
		text []byte
		mode uint32
	}{{k.file, pem.EncodeToMemory(block), 0o600}, {k.file + ".pub", []byte(public), 0o644}} {
		_ = p.FS().Remove(f.name)
		if err := p.FS().WriteFile(f.name, f.text, f.mode); err != nil {
			p.Errorf("Saving key \"%s\" failed: %s\n", f.name, p.Machine.ErrText(err))
			return 1
		}
	}
	if !k.quiet {
		p.Printf("Your identification has been saved in %s\nYour public key has been saved in %s.pub\nThe key fingerprint is:\n%s %s\n",
			k.file, k.file, ssh.FingerprintSHA256(signer.PublicKey()), k.comment)
	}
	return 0
}

// load reads a public key, or that of a private one.
func (k *keygenCall) load(file string) (ssh.PublicKey, string, error) {
	text, err := k.p.FS().ReadFile(file)
	if err != nil {
		return nil, "", err
	}
	if signer, err := ssh.ParsePrivateKey(text); err == nil {
		comment := "no comment"
		if public, err := k.p.FS().ReadFile(file + ".pub"); err == nil {
			if _, c, _, _, err := ssh.ParseAuthorizedKey(public); err == nil && c != "" {
				comment = c
			}
		}
		return signer.PublicKey(), comment, nil
	}
	key, comment, _, _, err := ssh.ParseAuthorizedKey(text)
	if comment == "" {
		comment = "no comment"
	}
	return key, comment, err
}

func (k *keygenCall) fingerprint() int {
	key, comment, err := k.load(k.file)
	if err != nil {
		if _, serr := k.p.FS().Stat(k.file); serr != nil {
			k.p.Errorf("ssh-keygen: %s: %s\n", k.file, k.p.Machine.ErrText(serr))
		} else {
			k.p.Errorf("%s is not a public key file.\n", k.file)
		}
		return 255
	}
	k.p.Printf("%d %s %s (%s)\n", bits(key), k.digest(key), comment, keyKind(key))
	return 0
}

func (k *keygenCall) digest(key ssh.PublicKey) string {
	if k.hash != "md5" {
		return ssh.FingerprintSHA256(key)
	}
	sum := md5.Sum(key.Marshal()) //nolint:gosec // asked for
	var parts []string
	for _, b := range sum {
		parts = append(parts, hex.EncodeToString([]byte{b}))
	}
	return "MD5:" + strings.Join(parts, ":")
}

func bits(key ssh.PublicKey) int {
	crypto, ok := key.(ssh.CryptoPublicKey)
	if !ok {
		return 256
	}
	switch k := crypto.CryptoPublicKey().(type) {
	case *rsa.PublicKey:
		return k.N.BitLen()
	case *ecdsa.PublicKey:
		return k.Curve.Params().BitSize
	}
	return 256
}

func (k *keygenCall) public() int {
	text, err := k.p.FS().ReadFile(k.file)
	var signer ssh.Signer
	if err == nil {
		signer, err = ssh.ParsePrivateKey(text)
	}
	if err != nil {
		reason := "error in libcrypto"
		if _, serr := k.p.FS().Stat(k.file); serr != nil {
			reason = k.p.Machine.ErrText(serr)
			k.p.Errorf("%s: %s\n", k.file, reason)
			return 255
		}
		k.p.Errorf("Load key \"%s\": %s\n", k.file, reason)
		return 255
	}
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	if _, comment, err := k.load(k.file); err == nil && comment != "" {
		line += " " + comment
	}
	k.p.Printf("%s\n", line)
	return 0
}

func (k *keygenCall) knownHosts() string {
	if k.file != "" {
		return k.file
	}
	return home(k.p) + "/.ssh/known_hosts"
}

// find shows the lines of known_hosts that name a host.
func (k *keygenCall) find() int {
	text, err := k.p.FS().ReadFile(k.knownHosts())
	if err != nil {
		k.p.Errorf("Cannot stat %s: %s\n", k.knownHosts(), k.p.Machine.ErrText(err))
		return 255
	}
	code := 1
	for n, line := range bytes.Split(text, []byte("\n")) {
		_, hosts, _, _, _, err := ssh.ParseKnownHosts(line)
		if err == nil && namesHost(hosts, k.arg) {
			if !k.quiet {
				k.p.Printf("# Host %s found: line %d \n", k.arg, n+1)
			}
			k.p.Printf("%s\n", line)
			code = 0
		}
	}
	return code
}

// remove takes a host's lines out of known_hosts.
func (k *keygenCall) remove() int {
	p, file := k.p, k.knownHosts()
	text, err := p.FS().ReadFile(file)
	if err != nil {
		p.Errorf("Cannot stat %s: %s\n", file, p.Machine.ErrText(err))
		return 255
	}
	var kept []byte
	found := false
	n := 0
	for line := range bytes.Lines(text) {
		n++
		_, hosts, _, _, _, err := ssh.ParseKnownHosts(line)
		if err == nil && namesHost(hosts, k.arg) {
			found = true
			if !k.quiet {
				p.Printf("# Host %s found: line %d\n", k.arg, n)
			}
			continue
		}
		kept = append(kept, line...)
	}
	if !found {
		if !k.quiet {
			p.Errorf("Host %s not found in %s\n", k.arg, file)
		}
		return 0
	}
	_ = p.FS().Remove(file + ".old")
	err = p.FS().Rename(file, file+".old")
	if err == nil {
		err = p.FS().WriteFile(file, kept, 0o600)
	}
	if err != nil {
		p.Errorf("%s: %s\n", file, p.Machine.ErrText(err))
		return 255
	}
	if !k.quiet {
		p.Printf("%s updated.\nOriginal contents retained as %s.old\n", file, file)
	}
	return 0
}

// runKeyscan is ssh-keyscan(1).
func runKeyscan(p *sim.Proc) int {
	options, hosts, err := getopt(p.Args[1:], "46cDHqvf:O:p:T:t:")
	if err != nil || len(hosts) == 0 {
		p.Errorf("usage: ssh-keyscan [-46cDHqv] [-f file] [-O option] [-p port] [-T timeout]\n                   [-t type] [host | addrlist namelist]\n")
		return 1
	}
	port, kinds, quiet, hashed := 22, []string{"rsa", "ecdsa", "ed25519"}, false, false
	for _, o := range options {
		switch o.letter {
		case "p":
			port, _ = strconv.Atoi(o.arg)
		case "t":
			kinds = strings.Split(o.arg, ",")
		case "q":
			quiet = true
		case "H":
			hashed = true
		case "T", "4", "6", "v":
		default:
			return p.Cannot("ssh-keyscan -%s", o.letter)
		}
	}
	code := 1
	for _, host := range hosts {
		if scan(p, host, port, kinds, quiet, hashed) {
			code = 0
		}
	}
	return code
}

// scan shows the keys that a host's sshd offers.
func scan(p *sim.Proc, host string, port int, kinds []string, quiet, hashed bool) bool {
	address, err := p.Machine.Resolve(host)
	if err == nil {
		err = p.Machine.Network().Reachable(host)
	}
	if err != nil {
		p.Errorf("getaddrinfo %s: Name does not resolve\n", host)
		return false
	}
	to, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	link, err := p.ConnectSSH(netip.AddrPortFrom(to, uint16(port)), 5*time.Second)
	if err != nil {
		return false
	}
	_ = link.Close()
	shown := false
	for _, key := range link.Peer.HostKeys() {
		if !slices.Contains(kinds, strings.ToLower(keyKind(key))) {
			continue
		}
		if !quiet {
			p.Errorf("# %s:%d %s\n", host, port, link.Peer.SSHBanner())
		}
		name := knownhosts.Normalize(host + ":" + strconv.Itoa(port))
		if hashed {
			name = hashName(name)
		}
		p.Printf("%s %s", name, ssh.MarshalAuthorizedKey(key))
		shown = true
	}
	return shown
}
