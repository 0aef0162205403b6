package base

import (
	"crypto/sha512"
	"crypto/subtle"
	"strconv"
	"strings"
)

const cryptLetters = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// repeatTo repeats a digest to n bytes.
func repeatTo(digest []byte, n int) []byte {
	var out []byte
	for len(out) < n {
		out = append(out, digest[:min(len(digest), n-len(out))]...)
	}
	return out
}

// sha512Crypt is the $6$ format of crypt(3), FreeBSD's default since 9.
func sha512Crypt(password, setting string) string {
	const defaultRounds = 5000
	rest := strings.TrimPrefix(setting, "$6$")
	rounds, prefix := defaultRounds, "$6$"
	if spec, after, ok := strings.Cut(rest, "$"); ok && strings.HasPrefix(spec, "rounds=") {
		if n, err := strconv.Atoi(strings.TrimPrefix(spec, "rounds=")); err == nil {
			rounds = min(max(n, 1000), 999999999)
			prefix, rest = "$6$rounds="+strconv.Itoa(rounds)+"$", after
		}
	}
	salt, _, _ := strings.Cut(rest, "$")
	salt = salt[:min(len(salt), 16)]
	pw, s := []byte(password), []byte(salt)

	alternate := sha512.Sum512([]byte(password + salt + password))
	a := sha512.New()
	a.Write(pw)
	a.Write(s)
	a.Write(repeatTo(alternate[:], len(pw)))
	for n := len(pw); n > 0; n >>= 1 {
		if n&1 != 0 {
			a.Write(alternate[:])
		} else {
			a.Write(pw)
		}
	}
	sum := a.Sum(nil)
	dp := sha512.Sum512([]byte(strings.Repeat(password, len(pw))))
	p := repeatTo(dp[:], len(pw))
	ds := sha512.Sum512([]byte(strings.Repeat(salt, 16+int(sum[0]))))
	sp := repeatTo(ds[:], len(s))
	for i := range rounds {
		c := sha512.New()
		if i%2 != 0 {
			c.Write(p)
		} else {
			c.Write(sum)
		}
		if i%3 != 0 {
			c.Write(sp)
		}
		if i%7 != 0 {
			c.Write(p)
		}
		if i%2 != 0 {
			c.Write(sum)
		} else {
			c.Write(p)
		}
		sum = c.Sum(nil)
	}
	return prefix + salt + "$" + cryptEncode(sum)
}

// cryptEncode is crypt's own base 64: bytes i, i+21 and i+42 form a group, whose
// order rotates.
func cryptEncode(sum []byte) string {
	var b strings.Builder
	put := func(v uint, n int) {
		for range n {
			b.WriteByte(cryptLetters[v&0x3f])
			v >>= 6
		}
	}
	for i := range 21 {
		x, y, z := uint(sum[i]), uint(sum[i+21]), uint(sum[i+42])
		switch i % 3 {
		case 0:
			put(x<<16|y<<8|z, 4)
		case 1:
			put(y<<16|z<<8|x, 4)
		default:
			put(z<<16|x<<8|y, 4)
		}
	}
	put(uint(sum[63]), 2)
	return b.String()
}

// passwordFits checks a password against the field of master.passwd(5): empty
// lets everybody in, a star nobody.
func passwordFits(password, hash string) bool {
	switch {
	case hash == "":
		return true
	case strings.HasPrefix(hash, "$6$"):
		return subtle.ConstantTimeCompare([]byte(sha512Crypt(password, hash)), []byte(hash)) == 1
	}
	return false
}
