package secrets

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"golang.org/x/crypto/ssh"
)

// sshKey writes a private key, and returns its recipient.
func sshKey(t *testing.T, file, phrase string) string {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "test")
	if phrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "test", []byte(phrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, pem.EncodeToMemory(block))
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return string(ssh.MarshalAuthorizedKey(key))
}

func write(t *testing.T, file string, text []byte) {
	t.Helper()
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func encrypt(t *testing.T, plain string, words ...string) []byte {
	t.Helper()
	to, err := Recipients("x", words, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := Encrypt([]byte(plain), to)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestEveryKindOfKey(t *testing.T) {
	dir := t.TempDir()
	own, ofSSH, locked, sealed := filepath.Join(dir, "own"), filepath.Join(dir, "ssh"), filepath.Join(dir, "locked"), filepath.Join(dir, "sealed")
	text, ownRecipient, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	write(t, own, text)
	scrypt, err := age.NewScryptRecipient("phrase")
	if err != nil {
		t.Fatal(err)
	}
	scrypt.SetWorkFactor(10)
	sealedText, err := Encrypt(text, []age.Recipient{scrypt})
	if err != nil {
		t.Fatal(err)
	}
	write(t, sealed, sealedText)
	cipher := encrypt(t, "a = \"b\"\n", ownRecipient, sshKey(t, ofSSH, ""), sshKey(t, locked, "phrase"))
	for _, file := range []string{own, ofSSH, locked, sealed} {
		asked := 0
		keys := Keys{Files: []string{file}, Ask: func(string) (string, error) { asked++; return "phrase", nil }}
		plain, err := keys.Decrypt("x", cipher)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
		}
		if string(plain) != "a = \"b\"\n" {
			t.Errorf("%s: %q", filepath.Base(file), plain)
		}
		if want := file == locked || file == sealed; (asked == 1) != want {
			t.Errorf("%s: asked %d times", filepath.Base(file), asked)
		}
	}
	keys := Keys{Files: []string{locked}, Ask: func(string) (string, error) { return "", errors.New("nobody is there") }}
	if _, err := keys.Decrypt("x", cipher); err == nil || !strings.Contains(err.Error(), "nobody is there") {
		t.Errorf("%v", err)
	}
}

func TestAlteredFilesAreRefused(t *testing.T) {
	own := filepath.Join(t.TempDir(), "own")
	text, recipient, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	write(t, own, text)
	cipher := encrypt(t, strings.Repeat("a", 1000), recipient)
	lines := bytes.Split(cipher, []byte("\n"))
	at := len(lines) - 4
	lines[at][3] ^= 1
	if _, err := (Keys{Files: []string{own}}).Decrypt("x", bytes.Join(lines, []byte("\n"))); err == nil {
		t.Error("an altered file is taken")
	}
}

func TestRecipients(t *testing.T) {
	dir := t.TempDir()
	_, recipient, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Recipients(filepath.Join(dir, "a", "b.age"), nil, nil); err == nil || !strings.Contains(err.Error(), "whom is") {
		t.Errorf("%v", err)
	}
	write(t, filepath.Join(dir, RecipientsFile), []byte("# ours\n\n"+recipient+"\n"))
	if to, err := Recipients(filepath.Join(dir, "a", "b.age"), nil, nil); err != nil || len(to) != 1 {
		t.Errorf("%v, %v", to, err)
	}
	for _, wrong := range []string{"age1wrong", "AGE-SECRET-KEY-1", "ssh-dss AAAA"} {
		if _, err := Recipients("x", []string{wrong}, nil); err == nil {
			t.Errorf("%s is taken", wrong)
		}
	}
}

func TestValuesAreNotQuoted(t *testing.T) {
	_, err := Values("x", []byte("token = correct-horse"))
	if err == nil || strings.Contains(err.Error(), "horse") {
		t.Errorf("%v", err)
	}
}
