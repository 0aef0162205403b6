package effect

import "fmt"

// Secret is a value that must not show. It prints as its name alone; only
// Reveal tells it, to transports and file contents.
type Secret struct {
	name  string
	value string
}

// NewSecret wraps a value.
func NewSecret(name, value string) Secret { return Secret{name, value} }

// Reveal tells the value.
func (s Secret) Reveal() string { return s.value }

// Name is the secret's name.
func (s Secret) Name() string { return s.name }

func (s Secret) String() string { return "<secret " + s.name + ">" }

// GoString hides the value from %#v.
func (s Secret) GoString() string { return s.String() }

// Format hides the value from every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// MarshalText hides the value from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
