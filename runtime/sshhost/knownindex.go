package sshhost

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"net"
	"os"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"
)

// knownIndex finds the lines of known_hosts that name a host as it is, without
// looking at those of all others: a run has thousands of hosts.
type knownIndex struct {
	keys map[string][]ssh.PublicKey // by name, in the order of the lines
	// whole: there are no other lines. Otherwise some are hashed, or patterns, or
	// about certificates.
	whole bool
	// revoked: some key is good for no host.
	revoked bool
	learned map[string]bool // hosts, whatever the port, to which keys were added after reading
}

// indexKnown reads known_hosts files. What it does not understand counts as another
// line.
func indexKnown(files []string) (*knownIndex, error) {
	x := &knownIndex{keys: map[string][]ssh.PublicKey{}, learned: map[string]bool{}, whole: true}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(bytes.NewReader(text))
		for lines.Scan() {
			x.line(strings.TrimSpace(lines.Text()))
		}
		if lines.Err() != nil {
			return nil, lines.Err()
		}
	}
	return x, nil
}

func (x *knownIndex) line(line string) {
	if line == "" || line[0] == '#' {
		return
	}
	fields := strings.Fields(line)
	if fields[0] == "@revoked" {
		x.revoked = true
	}
	if strings.ContainsAny(fields[0], "@|*?!") || len(fields) < 3 {
		x.whole = false
		return
	}
	blob, err := base64.StdEncoding.DecodeString(fields[2])
	if err != nil {
		x.whole = false
		return
	}
	key, err := ssh.ParsePublicKey(blob)
	if err != nil || key.Type() != fields[1] {
		x.whole = false
		return
	}
	if _, certified := key.(*ssh.Certificate); certified {
		x.whole = false
		return
	}
	for name := range strings.SplitSeq(fields[0], ",") {
		if name != "" {
			name = xknownhosts.Normalize(name)
			x.keys[name] = append(x.keys[name], key)
		}
	}
}

// accepts tells whether a line names the host with this key. When none does, other
// lines may.
func (x *knownIndex) accepts(name string, key ssh.PublicKey) bool {
	if _, certified := key.(*ssh.Certificate); certified || x.revoked {
		return false
	}
	return slices.ContainsFunc(x.keys[xknownhosts.Normalize(name)], func(known ssh.PublicKey) bool {
		return bytes.Equal(known.Marshal(), key.Marshal())
	})
}

// unknown tells whether no line at all is about a host.
func (x *knownIndex) unknown(name string) bool {
	return x.whole && len(x.keys[xknownhosts.Normalize(name)]) == 0
}

// algorithms are those of the keys by which a host is known; all of them only in an
// index that is whole.
func (x *knownIndex) algorithms(name string) []string {
	var names []string
	for _, key := range x.keys[xknownhosts.Normalize(name)] {
		kind := []string{key.Type()}
		if key.Type() == ssh.KeyAlgoRSA {
			kind = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA}
		}
		for _, algorithm := range kind {
			if !slices.Contains(names, algorithm) {
				names = append(names, algorithm)
			}
		}
	}
	return names
}

// learn adds a key that was written to the files.
func (x *knownIndex) learn(name string, key ssh.PublicKey) {
	name = xknownhosts.Normalize(name)
	x.keys[name] = append(x.keys[name], key)
	x.learned[withoutPort(name)] = true
}

// isNew tells whether a host's keys were added after the files were read. The keys of
// its usual port may count at others.
func (x *knownIndex) isNew(name string) bool { return x.learned[withoutPort(name)] }

func withoutPort(name string) string {
	if host, _, err := net.SplitHostPort(name); err == nil {
		return host
	}
	return name
}
