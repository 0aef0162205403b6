package openssh

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // the format of hashed names asks for it
	"encoding/base64"
	"strings"
)

// hashName is a host's name as HashKnownHosts writes it.
func hashName(name string) string {
	salt := make([]byte, sha1.Size)
	_, _ = rand.Read(salt)
	return hashWith(salt, name)
}

func hashWith(salt []byte, name string) string {
	h := hmac.New(sha1.New, salt)
	h.Write([]byte(name))
	return "|1|" + base64.StdEncoding.EncodeToString(salt) + "|" + base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// hashMatches tells whether a hashed name is that of a host.
func hashMatches(hashed, name string) bool {
	parts := strings.Split(hashed, "|")
	if len(parts) != 4 {
		return false
	}
	salt, err := base64.StdEncoding.DecodeString(parts[2])
	return err == nil && hashWith(salt, name) == hashed
}
