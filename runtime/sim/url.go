package sim

import (
	"fmt"
	"net/url"
	"strings"
)

// Open makes the machine a sim: URL names, with its jail left to the caller:
//
//	sim:PROFILE[?NAME=VALUE&...]
//
// Parameters of every machine, besides the faults, those of the network (git=,
// unreachable=) and those of tools:
//
//	state=FILE     keep the machine in a file between runs
//	user=NAME      log in as another user than root, a member of wheel that is
//	               made when it is not there
//	become=METHOD  install and set up doas or sudo, so that wheel may become root
//	start=TIME     the machine's time at its first boot, RFC 3339
//	hostkey=WORD   another host key than the usual one
func Open(text string, tools []*Tool, network *Network) (*Machine, error) {
	spec, err := ParseURL(text)
	if err != nil {
		return nil, err
	}
	if spec.Count > 1 {
		return nil, fmt.Errorf("%s is %d machines; they are opened one by one", text, spec.Count)
	}
	return New(Options{Profile: spec.Profile, Params: spec.Params, Tools: tools, Network: network})
}

// Spec is a sim: URL taken apart.
type Spec struct {
	Profile string // empty: the default
	Count   int    // machines, at least 1
	Jail    string // a jail on them
	Params  url.Values
}

// ParseURL takes a sim: URL apart: sim:PROFILE[*N][/JAIL][?NAME=VALUE&...].
func ParseURL(text string) (Spec, error) {
	rest, ok := strings.CutPrefix(text, "sim:")
	if !ok {
		return Spec{}, fmt.Errorf("%q is no simulated machine: those begin with sim:", text)
	}
	rest, query, _ := strings.Cut(rest, "?")
	spec := Spec{Count: 1}
	var err error
	if spec.Params, err = url.ParseQuery(query); err != nil {
		return Spec{}, fmt.Errorf("%s: %w", text, err)
	}
	rest, spec.Jail, _ = strings.Cut(rest, "/")
	profile, count, many := strings.Cut(rest, "*")
	if many {
		if _, err := fmt.Sscanf(count+" ", "%d ", &spec.Count); err != nil || spec.Count < 1 || strings.ContainsFunc(count, notDigit) {
			return Spec{}, fmt.Errorf("%s: %q is no number of machines", text, count)
		}
	}
	if strings.ContainsFunc(profile, func(r rune) bool { return !strings.ContainsRune(nameRunes, r) }) {
		return Spec{}, fmt.Errorf("%s: %q is no name of a profile", text, profile)
	}
	spec.Profile = profile
	return spec, nil
}

const nameRunes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
