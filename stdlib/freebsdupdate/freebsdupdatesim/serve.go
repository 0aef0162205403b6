package freebsdupdatesim

import (
	"net/url"
	"strings"

	"bsdrun/runtime/sim"
)

// serve is what the update servers hold: RELEASE/ARCH/pub.ssl, f/HASH.gz for
// files and m/HASH.gz for indexes.
func serve(m *sim.Machine, address string) ([]byte, bool) {
	u, err := url.Parse(address)
	if err != nil || !isServer(u.Hostname()) {
		return nil, false
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	if len(parts) < 3 || parts[1] != "amd64" {
		return nil, false
	}
	r, ok := offers(parts[0])
	if !ok {
		return nil, false
	}
	if len(parts) == 3 && parts[2] == "pub.ssl" {
		return []byte(servedKey(m)), true
	}
	patch, _ := tagOf(m, r)
	pub, err := publish(m, r, patch)
	if err != nil || len(parts) != 4 {
		return nil, false
	}
	hash := strings.TrimSuffix(parts[3], ".gz")
	switch parts[2] {
	case "f":
		data, ok := pub.files[hash]
		return pack(data), ok
	case "m":
		for _, index := range pub.index {
			if text := lines(index, entry.served); hashOf([]byte(text)) == hash {
				return pack([]byte(text)), true
			}
		}
	}
	return nil, false
}

// isServer tells the hosts that serve updates.
func isServer(host string) bool {
	name, domain, _ := strings.Cut(strings.ToLower(host), ".")
	return domain == "freebsd.org" && strings.HasPrefix(name, "update")
}

// servedKey is the key that the servers have.
func servedKey(m *sim.Machine) string {
	if m.Params.Get(KeyParam) == "bad" {
		return badKey
	}
	return keyText
}
