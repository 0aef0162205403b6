package sim

import (
	"bytes"
	"fmt"

	"golang.org/x/crypto/ssh"
)

// ParseAuthorizedKeys reads the keys of an authorized_keys file, sshd(8). A file
// without any lets nobody in: its list is empty, not nil.
func ParseAuthorizedKeys(text []byte) ([]ssh.PublicKey, error) {
	keys := []ssh.PublicKey{}
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		key, _, _, _, err := ssh.ParseAuthorizedKey(line)
		if err != nil {
			return nil, fmt.Errorf("%.40q is no public key", line)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// Auth is what lets the controller of a simulated machine in.
func (m *Machine) Auth() []ssh.AuthMethod { return []ssh.AuthMethod{ssh.Password("")} }
