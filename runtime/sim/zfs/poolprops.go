package zfs

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"bsdrun/runtime/lazyregexp"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
)

func setProperty(pool *state.Pool, name, value string) {
	if pool.Properties == nil {
		pool.Properties = map[string]string{}
	}
	pool.Properties[name] = value
}

// SetPoolProperty sets a property of a pool; what the value means is the
// caller's to check.
func SetPoolProperty(m *sim.Machine, pool *state.Pool, name, value string) error {
	defer enter(m)()
	if err := writable(m, pool); err != nil {
		return err
	}
	if name == "bootfs" {
		if err := bootable(pool, value); err != nil {
			return err
		}
	}
	if value == "" {
		delete(pool.Properties, name)
		return nil
	}
	setProperty(pool, name, value)
	if name == "autoexpand" && value == "on" {
		for _, v := range pool.Leaves() {
			grow(m, pool, v)
		}
	}
	return nil
}

// bootable tells why a dataset cannot be the one to boot.
func bootable(pool *state.Pool, name string) error {
	if name == "" {
		return nil
	}
	if first, _, _ := strings.Cut(name, "/"); first != pool.Name {
		return fmt.Errorf("'%s' is an invalid name", name)
	}
	if d := pool.Find(name); d == nil || d.Type != "filesystem" {
		return fmt.Errorf("dataset does not exist")
	}
	return nil
}

// namePattern is what names of pools consist of.
var namePattern = lazyregexp.New(`^[A-Za-z0-9_.: -]*$`)

// CheckPoolName tells what is wrong with the name of a new pool.
func CheckPoolName(name string) error {
	reserved := slices.Contains([]string{"mirror", "raidz", "spare", "log"}, name)
	for _, word := range []string{"mirror", "raidz", "draid", "spare"} {
		reserved = reserved || strings.HasPrefix(name, word)
	}
	switch {
	case name == "":
		return fmt.Errorf("name is too short")
	case reserved:
		return fmt.Errorf("name is reserved")
	case !(name[0] >= 'a' && name[0] <= 'z' || name[0] >= 'A' && name[0] <= 'Z'):
		return fmt.Errorf("name must begin with a letter")
	case len(name) >= 256-2:
		return fmt.Errorf("name is too long")
	case !namePattern.MatchString(name):
		i := strings.IndexFunc(name, func(r rune) bool { return !namePattern.MatchString(string(r)) })
		return fmt.Errorf("invalid character '%c' in pool name", name[i])
	}
	return nil
}

// Record adds a line to a pool's history: a command that changed it.
func Record(m *sim.Machine, pool *state.Pool, user, command string) {
	defer enter(m)()
	pool.History = append(pool.History, state.PoolEvent{When: m.Now().Truncate(time.Second), Command: command, User: user})
}
