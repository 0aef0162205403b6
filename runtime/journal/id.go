package journal

import (
	"crypto/rand"
	"strings"
	"time"
)

// alphabet is Crockford's base 32 in lower case: sorted, and without letters
// that look like digits.
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// idEpoch is where run ids start to count, so that they stay short.
var idEpoch = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// NewID names a run: eight characters of time in milliseconds, so that ids sort
// by age until 2059, and three of chance.
func NewID(now time.Time) string {
	var b strings.Builder
	ms := uint64(max(0, now.Sub(idEpoch).Milliseconds()))
	for shift := 35; shift >= 0; shift -= 5 {
		b.WriteByte(alphabet[ms>>shift&31])
	}
	var chance [3]byte
	_, _ = rand.Read(chance[:]) // never fails, says crypto/rand
	for _, c := range chance {
		b.WriteByte(alphabet[c&31])
	}
	return b.String()
}
