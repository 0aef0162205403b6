package sshhost

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"
	"pgregory.net/rapid"
)

// someKeys are two keys of each type.
var someKeys = sync.OnceValue(func() (keys []ssh.PublicKey) {
	add := func(key any, err error) {
		if err != nil {
			panic(err)
		}
		public, err := ssh.NewPublicKey(key)
		if err != nil {
			panic(err)
		}
		keys = append(keys, public)
	}
	for range 2 {
		ed, _, err := ed25519.GenerateKey(rand.Reader)
		add(ed, err)
		ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		add(&ec.PublicKey, err)
		rs, err := rsa.GenerateKey(rand.Reader, 2048)
		add(&rs.PublicKey, err)
	}
	return keys
})

// verdict is how a host's key is judged.
func verdict(err error) string {
	switch {
	case err == nil:
		return "known"
	case knownhosts.IsHostKeyChanged(err):
		return "changed"
	case knownhosts.IsHostUnknown(err):
		return "unknown"
	default:
		return "refused"
	}
}

// The index judges as the library does that reads every line for every host, also
// of keys that were learned meanwhile.
func TestTheIndexJudgesAsAllLinesDo(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		host := rapid.SampledFrom([]string{"web1:22", "web2:22", "web1:2222", "192.0.2.1:22", "[2001:db8::1]:22", "[2001:db8::1]:2222"})
		key := rapid.Custom(func(t *rapid.T) ssh.PublicKey { return someKeys()[rapid.IntRange(0, 5).Draw(t, "key")] })
		line := rapid.Custom(func(t *rapid.T) string {
			name, key := xknownhosts.Normalize(host.Draw(t, "host")), key.Draw(t, "key")
			rest := " " + strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
			switch rapid.IntRange(0, 16).Draw(t, "kind") {
			case 0:
				return xknownhosts.HashHostname(name) + rest
			case 1:
				return "web*" + rest
			case 2:
				return "!web1,web*" + rest
			case 3:
				return "@cert-authority " + name + rest
			case 4:
				return "@revoked *" + rest
			case 5:
				return name + ",other" + rest + " a comment"
			case 6:
				return "# " + name + rest
			case 7:
				return name + " ssh-ed25519 nonsense"
			default:
				return name + rest
			}
		})
		lines := rapid.SliceOfN(line, 0, 6).Draw(t, "lines")
		lines = append(lines, "spare "+strings.TrimSpace(string(ssh.MarshalAuthorizedKey(someKeys()[0]))))
		file := filepath.Join(dir, fmt.Sprint(n))
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		k := &knownFiles{names: []string{file, file + ".none"}}
		for range 4 {
			name, shown := host.Draw(t, "asked"), key.Draw(t, "shown")
			db, err := knownhosts.NewDB(file)
			if err != nil {
				t.Fatal(err)
			}
			remote := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 9), Port: 22}
			want, got := verdict(db.HostKeyCallback()(name, remote, shown)), verdict(k.judge(name, remote, shown))
			if got != want {
				t.Fatalf("%s with %s is %s, not %s, in\n%s", name, shown.Type(), got, want, strings.Join(lines, "\n"))
			}
			algorithms, err := k.algorithms(name)
			if known := db.HostKeyAlgorithms(name); err != nil || !slices.Equal(algorithms, known) {
				t.Fatalf("%s: %v, not %v: %v", name, algorithms, known, err)
			}
			if got == "unknown" {
				if err := k.learn(name, shown); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// Thousands of hosts that are met for the first time do not have the file read again
// for each.
func TestLearningReadsNothingAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "known_hosts")
	k := &knownFiles{names: []string{file}}
	key := someKeys()[0]
	for i := range 50 {
		name := fmt.Sprintf("web%d:22", i)
		if err := k.judge(name, &net.TCPAddr{}, key); verdict(err) != "unknown" {
			t.Fatalf("%s: %v", name, err)
		}
		if err := k.learn(name, key); err != nil {
			t.Fatal(err)
		}
		if err := k.judge(name, &net.TCPAddr{}, key); err != nil {
			t.Fatal(err)
		}
	}
	if k.db != nil {
		t.Error("all lines were read")
	}
	if err := k.judge("web7:22", &net.TCPAddr{}, someKeys()[3]); verdict(err) != "changed" {
		t.Errorf("another key of a host just learned: %v", err)
	}
}
