package boot

import (
	"context"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/gpart"
	"bsdrun/stdlib/zpool"
)

// mounted is what else of a system matters to its boot code: what is mounted by
// which name, and what the names stand for.
type mounted struct {
	points map[string]mountPoint // by device without /dev/
	labels map[string]string     // gpt/zfs0 -> ada0p3
}

type mountPoint struct {
	dir      string
	readOnly bool
}

const lookScript = `mount -p || exit
echo "== labels"
glabel status -s 2>/dev/null
exit 0`

// look asks what is mounted and what labels stand for.
func look(ctx context.Context, h effect.Doer, op string) (mounted, error) {
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, Title: "mount -p; glabel status -s",
		Argv: []string{"sh", "-c", lookScript}, Reads: []effect.Resource{"mount", "disk"},
	})
	if err != nil {
		return mounted{}, err
	}
	out, err := res.Text()
	return parseLook(out), err
}

// parseLook reads lines of fstab(5), and lines of label, status and provider.
func parseLook(out string) mounted {
	m := mounted{map[string]mountPoint{}, map[string]string{}}
	mounts, labels, _ := strings.Cut(out, "== labels\n")
	for line := range strings.Lines(mounts) {
		if f := strings.Fields(line); len(f) >= 4 && strings.HasPrefix(f[0], "/dev/") {
			m.points[strings.TrimPrefix(f[0], "/dev/")] = mountPoint{unescape(f[1]), slices.Contains(strings.Split(f[3], ","), "ro")}
		}
	}
	for line := range strings.Lines(labels) {
		if f := strings.Fields(line); len(f) == 3 {
			m.labels[f[0]] = f[2]
		}
	}
	return m
}

// unescape undoes what mount -p does to blanks in a path.
func unescape(dir string) string { return strings.NewReplacer(`\040`, " ", `\011`, "\t").Replace(dir) }

// at is where a partition is mounted, by whatever name; empty: nowhere.
func (m mounted) at(partition gpart.Partition) mountPoint {
	for device, point := range m.points {
		if device == partition.Name || m.labels[device] == partition.Name || partition.Label != "" && device == "gpt/"+partition.Label {
			return point
		}
	}
	return mountPoint{}
}

// members finds the disks that the root lies on.
func (p *Plan) members(ctx context.Context, h effect.Doer, op string, tables []gpart.Table) error {
	switch p.RootType {
	case "zfs":
		leaves, err := zpool.Disks(ctx, h, zpool.DisksArgs{Pool: p.Pool})
		if err != nil {
			return err
		}
		for _, leaf := range leaves {
			if leaf.Class != "normal" || leaf.File {
				continue
			}
			p.addMember(nameOf(leaf), leaf.State, firstOf(leaf.Provider, leaf.Device), tables)
		}
	case "ufs":
		device := strings.TrimPrefix(p.Root, "/dev/")
		p.addMember(device, "", device, tables)
	default:
		return effect.Errorf(effect.Failed, op, "the root file system is of the type %s: only zfs and ufs have boot code that is known here", p.RootType)
	}
	if len(p.Disks) == 0 {
		return effect.Errorf(effect.Failed, op, "no disk of %s is known", p.Root)
	}
	return nil
}

// nameOf is a device as people know it: the pool names one that is gone by a
// number.
func nameOf(d zpool.Disk) string {
	if strings.Trim(d.Device, "0123456789") != "" {
		return d.Device
	}
	if d.Label != "" {
		return "gpt/" + d.Label
	}
	return firstOf(d.Provider, d.Device)
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// gone are states of a device that the pool cannot reach.
var gone = []string{"UNAVAIL", "REMOVED", "FAULTED", "OFFLINE"}

// addMember adds the disk of a device, once. A member that the pool cannot reach
// and that lies on no disk which is there is missing.
func (p *Plan) addMember(member, health, provider string, tables []gpart.Table) {
	d := Disk{Member: member, Health: health}
	d.Name, d.table = diskOf(provider, tables, p.system)
	switch {
	case d.Name == "" && (health == "" || slices.Contains(gone, health)):
		d.Name, d.Missing = member, true
	case d.Name == "": // a pool on a whole disk
		d.Name = strings.TrimSuffix(provider, ".eli")
	}
	if !slices.ContainsFunc(p.Disks, func(other Disk) bool { return other.Name == d.Name }) {
		p.Disks = append(p.Disks, d)
	}
}

// sliceEnd is what a partition's name has behind its disk's.
var sliceEnd = lazyregexp.New(`^([ps]\d+)?[a-h]?$`)

// diskOf is the disk that a provider lies on, with its table: ada0 of ada0p3,
// gpt/zfs0 or ada0p3.eli, and ada0 of ada0s1a, whose own table is that of ada0.
func diskOf(provider string, tables []gpart.Table, system mounted) (string, gpart.Table) {
	provider = strings.TrimSuffix(provider, ".eli")
	if real, ok := system.labels[provider]; ok {
		provider = real
	}
	label, labelled := strings.CutPrefix(provider, "gpt/")
	best := gpart.Table{}
	for _, t := range tables {
		holds := slices.ContainsFunc(t.Partitions, func(p gpart.Partition) bool {
			return p.Name == provider || labelled && p.Label == label
		})
		end, below := strings.CutPrefix(provider, t.Disk)
		if !holds && !(below && sliceEnd.MatchString(end)) {
			continue
		}
		if best.Disk == "" || len(t.Disk) < len(best.Disk) {
			best = t
		}
	}
	return best.Disk, best
}
