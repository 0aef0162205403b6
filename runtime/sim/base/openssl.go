package base

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"bsdrun/runtime/sim"
)

var opensslCommands = []command{
	{name: "openssl", dir: "/usr/bin", flags: raw, run: openssl},
}

// opensslTools are the parts that signing a package repository needs; keys and
// signatures are real.
var opensslTools = map[string]func(c *opensslCall) int{
	"genrsa": (*opensslCall).genrsa, "rsa": (*opensslCall).rsa, "pkey": (*opensslCall).rsa, "dgst": (*opensslCall).dgst,
	"rand": (*opensslCall).rand, "version": (*opensslCall).version,
}

// opensslCall is one call of openssl(1).
type opensslCall struct {
	p      *sim.Proc
	values map[string]string
	flags  map[string]bool
	args   []string
}

func openssl(p *sim.Proc, o *options) int {
	if len(o.args) == 0 {
		return p.Cannot("openssl without a command")
	}
	tool := opensslTools[o.args[0]]
	if tool == nil {
		return p.Cannot("openssl %s", strings.Join(o.args, " "))
	}
	c := &opensslCall{p: p, values: map[string]string{}, flags: map[string]bool{}}
	args := o.args[1:]
	for len(args) > 0 && strings.HasPrefix(args[0], "-") && len(args[0]) > 1 {
		name := strings.TrimPrefix(args[0][1:], "-")
		args = args[1:]
		if !isOneOf(name, "out", "in", "sign", "verify", "signature", "passout", "passin", "inform", "outform") {
			c.flags[name] = true
			continue
		}
		if len(args) == 0 {
			p.Errorf("%s: Option -%s needs a value\n", o.args[0], name)
			return 1
		}
		c.values[name], args = args[0], args[1:]
	}
	c.args = args
	return tool(c)
}

// output writes to -out, or to standard output.
func (c *opensslCall) output(data []byte, mode uint32) int {
	name, ok := c.values["out"]
	if !ok {
		c.p.Printf("%s", data)
		return 0
	}
	if err := c.p.FS().WriteFile(name, data, mode); err != nil {
		c.p.Errorf("Can't open \"%s\" for writing, %s\n", name, sim.ErrText(err))
		return 1
	}
	return 0
}

func (c *opensslCall) genrsa() int {
	bits := 2048
	if len(c.args) > 0 {
		n, err := strconv.Atoi(c.args[0])
		if err != nil || n < 512 {
			c.p.Errorf("genrsa: Can't parse \"%s\" as a number\n", c.args[0])
			return 1
		}
		bits = n
	}
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return c.p.Cannot("openssl genrsa %d: %s", bits, err.Error())
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return c.p.Cannot("openssl genrsa: %s", err.Error())
	}
	return c.output(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

var errNoKey = errors.New("no key")

// key reads a private RSA key.
func (c *opensslCall) key(name string) (*rsa.PrivateKey, error) {
	data, err := c.p.FS().ReadFile(name)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errNoKey
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if key, ok := parsed.(*rsa.PrivateKey); ok && err == nil {
		return key, nil
	}
	return nil, errNoKey
}

// rsa converts a key: to its public half with -pubout, and checks it.
func (c *opensslCall) rsa() int {
	name, ok := c.values["in"]
	if !ok {
		return c.p.Cannot("openssl with a key from standard input")
	}
	key, err := c.key(name)
	switch {
	case errors.Is(err, errNoKey):
		c.p.Errorf("Could not find private key from %s\n", name)
		return 1
	case err != nil:
		c.p.Errorf("Can't open \"%s\" for reading, %s\nCould not open file or uri for loading private key from %s\n", name, sim.ErrText(err), name)
		return 1
	}
	if !c.flags["noout"] {
		block := &pem.Block{Type: "PRIVATE KEY"}
		var err error
		if c.flags["pubout"] {
			block.Type = "PUBLIC KEY"
			block.Bytes, err = x509.MarshalPKIXPublicKey(&key.PublicKey)
		} else {
			block.Bytes, err = x509.MarshalPKCS8PrivateKey(key)
		}
		if err != nil {
			return c.p.Cannot("openssl rsa: %s", err.Error())
		}
		c.p.Errorf("writing RSA key\n")
		return c.output(pem.EncodeToMemory(block), 0o644)
	}
	if c.flags["check"] {
		c.p.Printf("RSA key ok\n")
	}
	return 0
}

// dgst hashes, signs or verifies with SHA-256.
func (c *opensslCall) dgst() int {
	name, file := "stdin", "-"
	if len(c.args) > 0 {
		name, file = c.args[0], c.args[0]
	}
	var sum []byte
	err := oneInput(c.p, file, func(_ string, r io.Reader) (err error) {
		sum, err = sumOf(sha256.New(), r)
		return err
	})
	if err != nil {
		c.p.Errorf("Can't open \"%s\" for reading, %s\n", file, sim.ErrText(err))
		return 1
	}
	if file, ok := c.values["sign"]; ok {
		key, err := c.key(file)
		if err != nil {
			c.p.Errorf("Could not open file or uri for loading private key from %s\n", file)
			return 1
		}
		signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum)
		if err != nil {
			return c.p.Cannot("openssl dgst -sign: %s", err.Error())
		}
		return c.output(signature, 0o644)
	}
	if _, ok := c.values["verify"]; ok {
		return c.verify(sum)
	}
	for flag := range c.flags {
		if !isOneOf(flag, "sha256", "r", "hex") {
			return c.p.Cannot("openssl dgst -%s", flag)
		}
	}
	if c.flags["r"] {
		return c.output(fmt.Appendf(nil, "%x *%s\n", sum, name), 0o644)
	}
	return c.output(fmt.Appendf(nil, "SHA2-256(%s)= %x\n", name, sum), 0o644)
}

func (c *opensslCall) verify(sum []byte) int {
	data, err := c.p.FS().ReadFile(c.values["verify"])
	block, _ := pem.Decode(data)
	if err != nil || block == nil {
		c.p.Errorf("Could not open file or uri for loading public key from %s\n", c.values["verify"])
		return 1
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	key, ok := parsed.(*rsa.PublicKey)
	signature, serr := c.p.FS().ReadFile(c.values["signature"])
	if err != nil || !ok || serr != nil {
		c.p.Errorf("Error opening signature file %s\n", c.values["signature"])
		return 1
	}
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, sum, signature) != nil {
		c.p.Printf("Verification failure\n")
		return 1
	}
	c.p.Printf("Verified OK\n")
	return 0
}

func (c *opensslCall) rand() int {
	if len(c.args) != 1 {
		return c.p.Cannot("openssl rand without a number of bytes")
	}
	n, err := strconv.Atoi(c.args[0])
	if err != nil || n < 1 {
		c.p.Errorf("rand: Can't parse \"%s\" as a number\n", c.args[0])
		return 1
	}
	data, err := io.ReadAll(io.LimitReader(rand.Reader, int64(n)))
	if err != nil {
		return c.p.Cannot("openssl rand: %s", err.Error())
	}
	switch {
	case c.flags["hex"]:
		data = []byte(hex.EncodeToString(data) + "\n")
	case c.flags["base64"]:
		data = []byte(base64.StdEncoding.EncodeToString(data) + "\n")
	}
	return c.output(data, 0o644)
}

func (c *opensslCall) version() int {
	c.p.Printf("OpenSSL 3.0.16 11 Feb 2025 (Library: OpenSSL 3.0.16 11 Feb 2025)\n")
	return 0
}
