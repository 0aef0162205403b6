package sshhost

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/effect"
)

func publicKey(t *testing.T, kind string) ssh.PublicKey {
	t.Helper()
	var private crypto.Signer
	var err error
	if kind == "ecdsa" {
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		_, private, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestKeysOfOtherTypesAreLearned: before a reboot into another release.
func TestKeysOfOtherTypesAreLearned(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sub", "known_hosts")
	k := &knownFiles{names: []string{file}}
	known, other, second := publicKey(t, "ed25519"), publicKey(t, "ecdsa"), publicKey(t, "ed25519")
	set := settings{alias: "host", host: "host.example.org", port: 2222, acceptNew: true}
	remote := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 2222}
	if err := k.check(set, remote, known); err != nil {
		t.Fatal(err)
	}
	if err := k.learnTypes(set.knownAs(), []ssh.PublicKey{other, second}); err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		key  ssh.PublicKey
		good bool
	}{{known, true}, {other, true}, {second, false}, {publicKey(t, "ecdsa"), false}} {
		err := k.check(set, remote, c.key)
		if (err == nil) != c.good {
			t.Errorf("key %d: %v", i, err)
		}
		if err != nil && (!errors.Is(err, errHostKey) || effect.KindOf(err) != effect.Unreachable) {
			t.Errorf("key %d: %#v", i, err)
		}
	}
	content, err := os.ReadFile(file)
	if err != nil || strings.Count(string(content), "\n") != 2 || !strings.Contains(string(content), "[host.example.org]:2222 ") {
		t.Errorf("known_hosts: %q, %v", content, err)
	}
}

func TestPinnedKeysAreAccepted(t *testing.T) {
	h := New(Config{Name: "x"})
	pinned, stranger := publicKey(t, "ecdsa"), publicKey(t, "ecdsa")
	refuse := func(string, net.Addr, ssh.PublicKey) error { return errHostKey }
	if err := h.pinnedCheck(refuse)("x", nil, pinned); err == nil {
		t.Error("accepted before it was pinned")
	}
	h.pinned = []ssh.PublicKey{pinned}
	check := h.pinnedCheck(refuse)
	if err := check("x", nil, pinned); err != nil {
		t.Errorf("pinned: %v", err)
	}
	if err := check("x", nil, stranger); err == nil {
		t.Error("a stranger's key is accepted")
	}
}
