package base

import (
	"crypto/md5"  //nolint:gosec // md5(1) is what the command computes
	"crypto/sha1" //nolint:gosec // as above, sha1(1)
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"io"
	"strings"

	"golang.org/x/crypto/ripemd160" //nolint:staticcheck // rmd160(1) of the base system

	"bsdrun/runtime/sim"
)

var digestCommands = []command{
	{name: "md5 sha1 sha224 sha256 sha384 sha512 sha512t256 rmd160", dir: "/sbin", flags: "bc:pqrs:tx", run: digest,
		usage: "usage: md5 [-pqrtx] [-c string] [-s string] [file ...]"},
	{name: "md5sum sha1sum sha224sum sha256sum sha384sum sha512sum sha512t256sum rmd160sum", dir: "/sbin", flags: "bctwz!", run: digestSum,
		long:  "binary=b check=c text=t warn=w zero! status quiet strict tag! ignore-missing",
		usage: "usage: md5sum [-bctwz] [--binary] [--check] [--help] [--ignore-missing] [--quiet] [--status] [--strict] [--tag] [--text] [--version] [--warn] [--zero] [file ...]"},
	{name: "cksum sum", dir: "/usr/bin", flags: "o:", run: cksum, usage: "usage: cksum [-o 1 | 2 | 3] [file ...]"},
}

// digests makes the hash functions by name.
var digests = map[string]func() hash.Hash{
	"md5": md5.New, "sha1": sha1.New, "sha224": sha256.New224, "sha256": sha256.New, "sha384": sha512.New384,
	"sha512": sha512.New, "sha512t256": sha512.New512_256, "rmd160": ripemd160.New,
}

// digestLabel is the name in "SHA256 (file) = ...".
func digestLabel(name string) string {
	switch name {
	case "sha512t256":
		return "SHA512t256"
	case "rmd160":
		return "RMD160"
	}
	return strings.ToUpper(name)
}

func digestOf(name string, r io.Reader) (string, error) {
	sum, err := sumOf(digests[name](), r)
	return hex.EncodeToString(sum), err
}

func sumOf(h hash.Hash, r io.Reader) ([]byte, error) {
	var err error
	if f := fileOf(r); f != nil && f.IsRegular() {
		err = hashFile(h, f)
	} else {
		_, err = io.Copy(h, r)
	}
	return h.Sum(nil), err
}

func digest(p *sim.Proc, o *options) int {
	name := progname(p)
	if o.has("tx") {
		return p.Cannot("%s -%s", name, o.last("tx"))
	}
	want, check := o.get("c")
	code := 0
	show := func(sum, label string) {
		bad := check && !strings.EqualFold(sum, want)
		if bad {
			code = 2
		}
		switch {
		case label == "":
			p.Printf("%s", sum)
		case o.has("q"):
			p.Printf("%s", sum)
		case o.has("r"):
			p.Printf("%s %s", sum, label)
		default:
			p.Printf("%s (%s) = %s", digestLabel(name), label, sum)
		}
		if bad {
			p.Printf(" [ Failed ]")
		}
		p.Printf("\n")
	}
	if text, ok := o.get("s"); ok {
		sum, _ := digestOf(name, strings.NewReader(text))
		label := `"` + text + `"`
		show(sum, label)
		if len(o.args) == 0 {
			return code
		}
	}
	if len(o.args) == 0 {
		in := p.Stdin
		if o.has("p") {
			in = io.TeeReader(p.Stdin, p.Stdout)
		}
		sum, err := digestOf(name, in)
		if err != nil {
			return fail(p, "stdin", err)
		}
		show(sum, "")
		return code
	}
	for _, file := range o.args {
		err := oneFile(p, file, func(r io.Reader) error {
			sum, err := digestOf(name, r)
			if err == nil {
				show(sum, file)
			}
			return err
		})
		if err != nil {
			code = fail(p, file, err)
		}
	}
	return code
}

// oneFile opens a file by exactly its name: "-" is none of standard input.
func oneFile(p *sim.Proc, name string, fn func(r io.Reader) error) error {
	f, err := openFile(p, name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return fn(f)
}

// digestSum is the form with the Linux names, FreeBSD 14 and later.
func digestSum(p *sim.Proc, o *options) int {
	if !linux(p) && major(p) < 14 {
		p.Errorf("%s: not found\n", progname(p))
		return 127
	}
	name := strings.TrimSuffix(progname(p), "sum")
	if o.has("c") {
		return digestCheck(p, o, name)
	}
	return eachInput(p, o.args, func(file string, r io.Reader) error {
		sum, err := digestOf(name, r)
		if err == nil {
			mark := " "
			if o.last("bt") == "b" {
				mark = "*"
			}
			p.Printf("%s %s%s\n", sum, mark, file)
		}
		return err
	})
}

func digestCheck(p *sim.Proc, o *options, name string) int {
	bad, unread := 0, 0
	code := eachInput(p, o.args, func(_ string, r io.Reader) error {
		return eachLine(r, func(line string) error {
			sum, file, ok := sumLine(line)
			if !ok {
				return nil
			}
			got := ""
			err := oneInput(p, file, func(_ string, r io.Reader) (err error) {
				got, err = digestOf(name, r)
				return err
			})
			switch {
			case err != nil && notExist(err) && o.hasLong("ignore-missing"):
			case err != nil:
				unread++
				warn(p, file, err)
				p.Printf("%s: FAILED open or read\n", file)
			case !strings.EqualFold(got, sum):
				bad++
				if !o.hasLong("status") {
					p.Printf("%s: FAILED\n", file)
				}
			case !o.hasLong("status") && !o.hasLong("quiet"):
				p.Printf("%s: OK\n", file)
			}
			return nil
		})
	})
	if bad > 0 {
		warnx(p, "WARNING: %d computed checksum%s did NOT match", bad, plural(bad))
	}
	if unread > 0 {
		warnx(p, "WARNING: %d listed file%s could not be read", unread, plural(unread))
	}
	if bad+unread > 0 {
		return 1
	}
	return code
}

// sumLine reads "SUM  file", "SUM *file" and "NAME (file) = SUM".
func sumLine(line string) (sum, file string, ok bool) {
	if _, rest, tagged := strings.Cut(line, " ("); tagged && strings.Contains(rest, ") = ") {
		i := strings.LastIndex(rest, ") = ")
		return rest[i+4:], rest[:i], true
	}
	sum, rest, ok := strings.Cut(line, " ")
	if !ok || rest == "" {
		return "", "", false
	}
	if rest[0] == ' ' || rest[0] == '*' {
		rest = rest[1:]
	}
	return sum, rest, true
}

func cksum(p *sim.Proc, o *options) int {
	if o.has("o") || progname(p) == "sum" {
		return p.Cannot("the historic sums of %s", progname(p))
	}
	return eachInput(p, o.args, func(name string, r io.Reader) error {
		data, err := io.ReadAll(r)
		if err == nil {
			p.Printf("%d %d", posixCRC(data), len(data))
			if len(o.args) > 0 {
				p.Printf(" %s", name)
			}
			p.Printf("\n")
		}
		return err
	})
}

// posixCRC is the checksum of cksum(1): a CRC over the data and its length.
func posixCRC(data []byte) uint32 {
	var table [256]uint32
	for i := range table {
		c := uint32(i) << 24
		for range 8 {
			if c&0x80000000 != 0 {
				c = c<<1 ^ 0x04c11db7
			} else {
				c <<= 1
			}
		}
		table[i] = c
	}
	crc := uint32(0)
	add := func(b byte) { crc = crc<<8 ^ table[byte(crc>>24)^b] }
	for _, b := range data {
		add(b)
	}
	for n := len(data); n > 0; n >>= 8 {
		add(byte(n))
	}
	return ^crc
}
