package zfs

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
)

// Split makes a pool of one half of every mirror: of the devices named, or of
// each mirror's last one. The new pool is exported.
func Split(m *sim.Machine, pool *state.Pool, name string, devices []string) (*state.Pool, error) {
	defer enter(m)()
	if err := movable(m, pool); err != nil {
		return nil, err
	}
	half := &state.Pool{
		Name: name, GUID: NewGUID(m, name), Created: m.Now(), Version: pool.Version,
		Features: map[string]string{}, Properties: maps.Clone(pool.Properties),
	}
	var chosen []*state.Vdev
	for _, top := range topLevel(pool) {
		if top.Class == "log" {
			continue
		}
		if top.Type != "mirror" {
			return nil, errors.New("Source pool must be composed only of mirrors\n")
		}
		v := top.Children[len(top.Children)-1]
		for _, named := range devices {
			if d := findVdev(pool, named); d != nil && slices.Contains(top.Children, d) {
				v = d
			}
		}
		if !whole(m, v) {
			return nil, errors.New("one or more devices is currently unavailable")
		}
		chosen = append(chosen, v)
	}
	for _, v := range chosen {
		dropVdev(pool, v)
		v.Class = ""
	}
	half.Vdevs = chosen
	for f, is := range pool.Features {
		half.Features[f] = is
	}
	half.Datasets = copyDatasets(pool.Datasets)
	renameDatasets(half.Datasets, pool.Name, name)
	for _, property := range ofImport {
		delete(half.Properties, property)
	}
	if b := half.Properties["bootfs"]; b != "" {
		half.Properties["bootfs"] = name + strings.TrimPrefix(b, pool.Name)
	}
	m.Tree().CopyPool(pool.Name, half.KeptAs())
	half.History = slices.Clone(pool.History)
	m.State().Pools = append(m.State().Pools, half)
	return half, nil
}
