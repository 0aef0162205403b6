package zfs

import (
	"fmt"
	"strings"

	"bsdrun/runtime/sim"
)

// Parameters of a machine that make its pools fail.
const (
	// DamageParam damages data on a device, as POOL:DEVICE:SIZE; a scrub finds it.
	DamageParam = "zpool-damage"
	// LostParam names a file of which no good copy is left.
	LostParam = "zpool-lost"
)

// Damage puts wrong data on a leaf, some bytes of it.
func Damage(m *sim.Machine, poolName, leaf string, size int64) error {
	defer enter(m)()
	for _, pool := range imported(m) {
		if pool.Name != poolName {
			continue
		}
		v, err := leafFor(pool, leaf)
		if err != nil {
			return fmt.Errorf("%s in %s: %w", leaf, poolName, err)
		}
		v.Damage += size
		return nil
	}
	return fmt.Errorf("no pool %s", poolName)
}

// Lose damages a file beyond repair: every copy of it is wrong, and reading it
// has been tried.
func Lose(m *sim.Machine, file string) error {
	u, err := m.Tree().UsageOf(file)
	if err != nil {
		return err
	}
	defer enter(m)()
	for _, pool := range imported(m) {
		if pool.Name != u.Pool {
			continue
		}
		pool.Damaged = append(pool.Damaged, file)
		for _, v := range pool.Leaves() {
			if v.Class == "" {
				v.Checksum += 2
			}
		}
		return nil
	}
	return fmt.Errorf("%s is in no pool", file)
}

// ReadParams applies the parameters of a machine that make its pools fail.
func ReadParams(m *sim.Machine) error {
	for _, text := range m.Params[DamageParam] {
		f := strings.Split(text, ":")
		if len(f) != 3 {
			return fmt.Errorf("%s=%s: want POOL:DEVICE:SIZE", DamageParam, text)
		}
		size, err := sim.ParseSize(f[2])
		if err == nil {
			err = Damage(m, f[0], f[1], size)
		}
		if err != nil {
			return fmt.Errorf("%s=%s: %w", DamageParam, text, err)
		}
	}
	for _, file := range m.Params[LostParam] {
		if err := Lose(m, file); err != nil {
			return fmt.Errorf("%s=%s: %s", LostParam, file, sim.ErrText(err))
		}
	}
	return nil
}
