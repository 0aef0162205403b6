// Package secrets reads and writes files of secrets that are encrypted by age.
package secrets

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/armor"
	"github.com/pelletier/go-toml/v2"
	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/effect"
)

// Keys open files.
type Keys struct {
	// Files are identity files: of age, or private keys of ssh. None: those of
	// DefaultFiles that exist.
	Files []string
	// Ask has a person type a passphrase.
	Ask func(text string) (string, error)
}

// DefaultFiles are where keys are looked for.
func DefaultFiles() []string {
	home, _ := os.UserHomeDir()
	config, _ := os.UserConfigDir()
	return []string{
		filepath.Join(config, "bsdrun", "identity"), filepath.Join(home, ".ssh", "id_ed25519"), filepath.Join(home, ".ssh", "id_rsa"),
	}
}

// RecipientsFile lists, in the folder of an encrypted file or above it, whom such files
// are for.
const RecipientsFile = ".age-recipients"

func invalid(format string, args ...any) error {
	return effect.Errorf(effect.Usage, "secrets", format, args...)
}

// IsEncrypted tells whether a text is an age file.
func IsEncrypted(text []byte) bool {
	return bytes.HasPrefix(text, []byte("age-encryption.org/")) || bytes.HasPrefix(bytes.TrimSpace(text), []byte(armor.Header))
}

// spoilt complains of an encrypted file that is not as it was written.
func spoilt(name string) error {
	return effect.WithHint(invalid("%s cannot be decrypted: it has been cut off or altered", name), "take it from a backup, or from where it is versioned")
}

// Decrypt opens a text with one of the keys.
func (k Keys) Decrypt(name string, text []byte) ([]byte, error) {
	identities, looked, err := k.identities()
	if err != nil {
		return nil, err
	}
	if len(identities) == 0 {
		return nil, effect.WithHint(invalid("%s: there is no key to decrypt it with", name), "looked for: %s", strings.Join(looked, ", "))
	}
	plain, err := age.Decrypt(armored(text), identities...)
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return nil, effect.WithHint(invalid("%s: it is not encrypted for any of the keys", name), "tried: %s", strings.Join(looked, ", "))
	}
	switch {
	case err == nil:
	case strings.HasPrefix(err.Error(), "failed to read header"):
		return nil, spoilt(name)
	default: // what became of a key's passphrase
		return nil, invalid("%s: %v", name, err)
	}
	out, err := io.ReadAll(plain)
	if err != nil {
		return nil, spoilt(name)
	}
	return out, nil
}

// identities reads the keys.
func (k Keys) identities() (list []age.Identity, looked []string, err error) {
	looked = k.Files
	if len(looked) == 0 {
		looked = DefaultFiles()
	}
	for _, name := range looked {
		text, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) && len(k.Files) == 0 {
			continue
		}
		if err != nil {
			return nil, looked, invalid("the key %s cannot be read: %v", name, effect.FileTrouble(err))
		}
		found, err := k.parse(name, text)
		if err != nil {
			return nil, looked, err
		}
		list = append(list, found...)
	}
	return list, looked, nil
}

func (k Keys) parse(name string, text []byte) ([]age.Identity, error) {
	if IsEncrypted(text) { // by a passphrase, as age -p does
		plain, err := age.Decrypt(armored(text), &passphrase{k, name})
		if err != nil {
			return nil, invalid("the key %s: %v", name, err)
		}
		if text, err = io.ReadAll(plain); err != nil {
			return nil, invalid("the key %s: %v", name, err)
		}
	}
	if !bytes.Contains(text, []byte("PRIVATE KEY-----")) {
		found, err := age.ParseIdentities(bytes.NewReader(text))
		if err != nil {
			// The parser's words may quote it.
			return nil, effect.WithHint(invalid("%s is no key of age or ssh", name), "a key of age is a line that begins with AGE-SECRET-KEY-1; bsdrun secrets keygen makes one")
		}
		return found, nil
	}
	identity, err := agessh.ParseIdentity(text)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) {
		public := locked.PublicKey
		if public == nil {
			half, err := os.ReadFile(name + ".pub")
			if err != nil {
				return nil, invalid("the key %s has a passphrase, and its public half is not beside it", name)
			}
			if public, _, _, _, err = ssh.ParseAuthorizedKey(half); err != nil {
				return nil, invalid("%s.pub: %v", name, err)
			}
		}
		identity, err = agessh.NewEncryptedSSHIdentity(public, text, func() ([]byte, error) {
			typed, err := k.ask(name)
			return []byte(typed), err
		})
	}
	if err != nil {
		return nil, invalid("the key %s: %v", name, err)
	}
	return []age.Identity{identity}, nil
}

func (k Keys) ask(name string) (string, error) {
	if k.Ask == nil {
		return "", errors.New("nobody can type its passphrase")
	}
	return k.Ask("Passphrase of " + name + ":")
}

func armored(text []byte) io.Reader {
	if trimmed := bytes.TrimSpace(text); bytes.HasPrefix(trimmed, []byte(armor.Header)) {
		return armor.NewReader(bytes.NewReader(trimmed))
	}
	return bytes.NewReader(text)
}

// passphrase opens an identity file that is encrypted itself.
type passphrase struct {
	keys Keys
	name string
}

// Unwrap asks for the passphrase.
func (p *passphrase) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	typed, err := p.keys.ask(p.name)
	if err != nil {
		return nil, err
	}
	identity, err := age.NewScryptIdentity(typed)
	if err != nil {
		return nil, err
	}
	return identity.Unwrap(stanzas)
}

// Recipients reads whom a file is for: words (age1..., ssh-ed25519 ..., ssh-rsa ...) and
// files of them; without either the RecipientsFile nearest to the file decides.
func Recipients(target string, words, files []string) ([]age.Recipient, error) {
	if len(words)+len(files) == 0 {
		found, err := nearest(target)
		if err != nil {
			return nil, err
		}
		files = []string{found}
	}
	lines := map[string][]string{"": words}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, invalid("the recipients' file %s cannot be read: %v", name, effect.FileTrouble(err))
		}
		lines[name] = strings.Split(string(text), "\n")
	}
	var list []age.Recipient
	for _, name := range append([]string{""}, files...) {
		for i, line := range lines[name] {
			line = strings.TrimSpace(line)
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			r, err := recipient(line)
			if err != nil {
				return nil, invalid("%s:%d: no recipient: %v", cmp.Or(name, "--recipient"), i+1, err) // it may be a key by mistake
			}
			list = append(list, r)
		}
	}
	if len(list) == 0 {
		return nil, invalid("%s names no recipients", strings.Join(files, ", "))
	}
	return list, nil
}

func recipient(word string) (age.Recipient, error) {
	if strings.HasPrefix(word, "ssh-") {
		return agessh.ParseRecipient(word)
	}
	found, err := age.ParseRecipients(strings.NewReader(word))
	if err != nil || len(found) != 1 {
		if strings.HasPrefix(word, "age1") {
			return nil, errors.New("it begins as one, but is mistyped or cut off")
		}
		return nil, errors.New("one begins with age1 or ssh-")
	}
	return found[0], nil
}

// nearest is the RecipientsFile that counts for a file.
func nearest(target string) (string, error) {
	at, err := filepath.Abs(target)
	if err != nil {
		return "", err
	}
	for dir := filepath.Dir(at); ; dir = filepath.Dir(dir) {
		name := filepath.Join(dir, RecipientsFile)
		if _, err := os.Stat(name); err == nil {
			return name, nil
		}
		if dir == filepath.Dir(dir) {
			return "", effect.WithHint(invalid("whom is %s for?", target),
				"name recipients with -r or -R, or list them in a file %s beside it (bsdrun secrets keygen tells yours)", RecipientsFile)
		}
	}
}

// Encrypt closes a text for recipients.
func Encrypt(plain []byte, to []age.Recipient) ([]byte, error) {
	var out bytes.Buffer
	lines := armor.NewWriter(&out)
	w, err := age.Encrypt(lines, to...)
	if err != nil {
		return nil, invalid("%v", err)
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := errors.Join(w.Close(), lines.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Values reads names and values.
func Values(name string, plain []byte) (map[string]string, error) {
	values := map[string]string{}
	if err := toml.Unmarshal(plain, &values); err != nil {
		// The parser's own message may quote the line.
		return nil, invalid("%s is not a TOML file of name = \"value\" lines", name)
	}
	return values, nil
}

// Text is what Values reads.
func Text(values map[string]string) ([]byte, error) { return toml.Marshal(values) }

// Generate makes a key: its identity file, and the recipient.
func Generate() (file []byte, recipient string, err error) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, "", err
	}
	recipient = identity.Recipient().String()
	return fmt.Appendf(nil, "# public key: %s\n%s\n", recipient, identity), recipient, nil
}
