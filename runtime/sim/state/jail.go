package state

import (
	"encoding/json"
	"slices"
	"strconv"
)

// Jail is a running jail.
type Jail struct {
	JID            int
	Name, Hostname string
	Path           string
	IP4, IP6       []string          // its addresses
	VNET           bool              // it has interfaces of its own
	Interfaces     []string          // which those are
	Persist        bool              // it stays without processes
	Params         map[string]string `json:",omitempty"` // others that were set, by name
}

// StartJail numbers a jail and lists it as running.
func (s *State) StartJail(j Jail) Jail {
	s.Lock()
	defer s.Unlock()
	if j.JID == 0 {
		for _, other := range s.Jails {
			j.JID = max(j.JID, other.JID)
		}
		j.JID = max(j.JID, s.LastJID) + 1
	}
	s.LastJID = max(s.LastJID, j.JID)
	s.Jails = append(s.Jails, j)
	return j
}

// StopJails ends the jails that match.
func (s *State) StopJails(match func(Jail) bool) {
	s.Lock()
	defer s.Unlock()
	s.Jails = slices.DeleteFunc(s.Jails, match)
}

// FindJail is the running jail of a name or a number.
func (s *State) FindJail(name string) (Jail, bool) {
	s.Lock()
	defer s.Unlock()
	for _, j := range s.Jails {
		if j.Name == name || strconv.Itoa(j.JID) == name {
			return j, true
		}
	}
	return Jail{}, false
}

// Roots are the states of what has a root of its own.
type Roots map[string]*State

// MarshalJSON takes each state for itself while it is written.
func (r Roots) MarshalJSON() ([]byte, error) {
	parts := map[string]map[string]json.RawMessage{}
	for root, s := range r {
		all := s.Parts()
		parts[root] = map[string]json.RawMessage{"Packages": all["Packages"], "Services": all["Services"]}
	}
	return json.Marshal(parts)
}
