package sim

import (
	"fmt"

	"golang.org/x/crypto/ssh"
)

// ParseAuthorizedKeys reads the keys of an authorized_keys file, sshd(8).
func ParseAuthorizedKeys(text []byte) ([]ssh.PublicKey, error) {
	var keys []ssh.PublicKey
	for len(text) > 0 {
		key, _, _, rest, err := ssh.ParseAuthorizedKey(text)
		if err != nil {
			return nil, fmt.Errorf("authorized keys: %w", err)
		}
		keys, text = append(keys, key), rest
	}
	return keys, nil
}

// Auth is what lets the controller of a simulated machine in.
func (m *Machine) Auth() []ssh.AuthMethod { return []ssh.AuthMethod{ssh.Password("")} }
