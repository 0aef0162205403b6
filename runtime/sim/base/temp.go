package base

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"syscall"

	"bsdrun/runtime/sim"
)

const nameLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// randomName is n characters from mktemp(3)'s alphabet.
func randomName(p *sim.Proc, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = nameLetters[rand.IntN(len(nameLetters))]
	}
	return string(b)
}

func mktemp(p *sim.Proc, o *options) int {
	templates := o.args
	prefix, hasPrefix := o.get("t")
	dir, hasDir := o.get("p")
	if hasDir && dir == "" {
		dir = p.Getenv("TMPDIR")
	}
	if !hasPrefix && len(templates) == 0 {
		// Without an operand, "-t tmp" is assumed.
		prefix, hasPrefix = "tmp", true
	}
	if hasPrefix {
		tmp := p.Getenv("TMPDIR")
		if tmp == "" {
			if tmp = dir; tmp == "" {
				tmp = "/tmp"
			}
		}
		templates = append([]string{tmp + "/" + prefix + ".XXXXXXXXXX"}, templates...)
	} else if hasDir {
		for i, t := range templates {
			templates[i] = strings.TrimRight(orTmp(dir), "/") + "/" + t
		}
	}
	code := 0
	for _, template := range templates {
		name, err := makeTemp(p, o, template)
		if err != nil {
			if code = 1; errors.Is(err, errFewXs) {
				warnx(p, "%s '%s'", err, template)
			} else if !o.has("q") {
				call := "mkstemp failed on "
				if o.has("d") {
					call = "mkdtemp failed on "
				}
				warn(p, call+template, err)
			}
			continue
		}
		p.Printf("%s\n", name)
		if o.has("u") {
			_ = p.FS().Remove(name)
		}
	}
	return code
}

func orTmp(dir string) string {
	if dir == "" {
		return "/tmp"
	}
	return dir
}

// errFewXs is GNU's refusal of a template.
var errFewXs = errors.New("too few X's in template")

func makeTemp(p *sim.Proc, o *options, template string) (string, error) {
	stem := strings.TrimRight(template, "X")
	if linux(p) && len(template)-len(stem) < 3 {
		return "", errFewXs
	}
	for {
		name := stem + randomName(p, len(template)-len(stem))
		var err error
		if o.has("d") {
			err = p.FS().Mkdir(name, 0o700)
		} else {
			f, openErr := p.FS().OpenFile(name, syscall.O_RDWR|syscall.O_CREAT|syscall.O_EXCL, 0o600)
			if err = openErr; err == nil {
				err = f.Close()
			}
		}
		if errors.Is(err, syscall.EEXIST) && stem != template {
			continue
		}
		return name, err
	}
}

func truncate(p *sim.Proc, o *options) int {
	size, hasSize := o.get("s")
	ref, hasRef := o.get("r")
	if len(o.args) == 0 || hasSize == hasRef || o.has("d") {
		return o.wrong(p)
	}
	var n int64
	sign := byte(0)
	if hasRef {
		info, err := p.FS().Stat(ref)
		if err != nil {
			return fail(p, ref, err)
		}
		n = info.Size
	} else {
		if size != "" && strings.IndexByte("+-%/", size[0]) >= 0 {
			sign, size = size[0], size[1:]
		}
		var ok bool
		if n, ok = parseSize(size); !ok {
			return errx(p, "invalid size argument `%s'", size)
		}
	}
	code := 0
	for _, name := range o.args {
		info, err := p.FS().Stat(name)
		if notExist(err) {
			if o.has("c") {
				continue
			}
			err = createEmpty(p, name)
		}
		if err == nil {
			err = p.FS().Truncate(name, newSize(info.Size, n, sign))
		}
		if err != nil {
			code = fail(p, name, err)
		}
	}
	return code
}

func newSize(old, n int64, sign byte) int64 {
	switch {
	case sign == '+':
		return old + n
	case sign == '-':
		return max(old-n, 0)
	case sign == '%' && n > 0:
		return (old + n - 1) / n * n
	case sign == '/' && n > 0:
		return old / n * n
	}
	return n
}

// parseSize is expand_number(3): a number with an optional power-of-1024 suffix.
func parseSize(s string) (int64, bool) {
	shift := 0
	if s != "" {
		if i := strings.IndexByte("bkmgtpe", s[len(s)-1]|0x20); i >= 0 {
			shift, s = 10*i, s[:len(s)-1]
		}
	}
	n, err := strconv.ParseInt(s, 0, 64)
	if err != nil || n < 0 || n<<shift>>shift != n {
		return 0, false
	}
	return n << shift, true
}
