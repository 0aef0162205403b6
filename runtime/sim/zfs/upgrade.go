package zfs

import (
	"fmt"
	"slices"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
)

// Upgraded is what an upgrade changed.
type Upgraded struct {
	From, To int       // pool versions; equal when only features came
	Enabled  []Feature // enabled by it
}

// Missing lists the features an upgrade of a pool would enable: those the
// kernel knows and the pool's compatibility property allows.
func Missing(m *sim.Machine, pool *state.Pool) []Feature {
	defer enter(m)()
	allowed, err := Compatibility(m, pool.Properties["compatibility"])
	if err != nil {
		return nil
	}
	return lacking(pool, allowed)
}

// Unused lists the features the kernel knows and the pool has not enabled,
// allowed by its compatibility property or not.
func Unused(m *sim.Machine, pool *state.Pool) []Feature {
	defer enter(m)()
	list, _ := Compatibility(m, "off")
	return lacking(pool, list)
}

func lacking(pool *state.Pool, list []Feature) []Feature {
	var missing []Feature
	for _, f := range list {
		if !enabled(pool, f.Name) {
			missing = append(missing, f)
		}
	}
	return missing
}

// Upgrade brings a pool to a version; 0 is the newest, with all features that the
// kernel knows and the pool's compatibility property allows. It can't be undone.
func Upgrade(m *sim.Machine, pool *state.Pool, version int) (Upgraded, error) {
	defer enter(m)()
	newest := SupportedVersion(m)
	if version == 0 {
		version = newest
	}
	if err := writable(m, pool); err != nil {
		return Upgraded{}, err
	}
	done := Upgraded{From: pool.Version, To: max(version, pool.Version)}
	if version > newest {
		return Upgraded{}, fmt.Errorf("property 'version' number %d is invalid.", version) //nolint:revive // the tool's words
	}
	pool.Version = done.To
	if pool.Version == FeatureFlags {
		allowed, err := Compatibility(m, pool.Properties["compatibility"])
		if err != nil {
			return done, err
		}
		done.Enabled = lacking(pool, allowed)
		enable(pool, done.Enabled, false)
	}
	return done, nil
}

// EnableFeature enables one feature (zpool set feature@NAME=enabled).
func EnableFeature(m *sim.Machine, pool *state.Pool, name string) error {
	defer enter(m)()
	known := SupportedFeatures(m)
	i := slices.IndexFunc(known, func(f Feature) bool { return f.Name == name })
	if i < 0 {
		return fmt.Errorf("invalid feature '%s'", name)
	}
	if err := writable(m, pool); err != nil {
		return err
	}
	pool.Version = FeatureFlags
	enable(pool, known[i:i+1], false)
	return nil
}
