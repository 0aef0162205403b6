package zpool

import (
	"context"
	"strconv"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/gpart"
)

// DisksArgs are the arguments of Disks.
type DisksArgs struct {
	Pool string `lua:"pool,required" doc:"name of the pool"`
}

// Disk is a device of a pool, and where it lies.
type Disk struct {
	Device    string `lua:"device" doc:"as the pool names it: gpt/disk0; the guid of one that is gone"`
	State     string `lua:"state" doc:"ONLINE, OFFLINE, ..."`
	Class     string `lua:"class" doc:"normal, log, cache, spare, special or dedup"`
	Provider  string `lua:"provider,omitempty" doc:"what it is in truth: ada0p3; absent where that is not known"`
	Disk      string `lua:"disk,omitempty" doc:"disk that it lies on: ada0"`
	Partition int    `lua:"partition,omitempty" doc:"index of the partition: 3; absent of whole disks"`
	Type      string `lua:"type,omitempty" doc:"type of the partition: freebsd-zfs"`
	Label     string `lua:"label,omitempty" doc:"GPT label of the partition: disk0"`
	Encrypted bool   `lua:"encrypted" doc:"it lies on geli(8)"`
	File      bool   `lua:"file" doc:"it is a file"`
}

// disksScript shows the pool, the labels that stand for partitions, and all
// partitions by type and by label, with a line between them. The tables are not
// there where no disk has any, so that only the pool decides about the exit
// code.
const disksScript = `zpool status "$1" || exit; echo "$2"; glabel status -s 2>/dev/null; echo "$2"; gpart show 2>/dev/null; echo "$2"; gpart show -l 2>/dev/null; exit 0`

const divider = "=== next ==="

// Disks tells of each device of a pool the disk, the partition and the label.
func Disks(ctx context.Context, h effect.Doer, a DisksArgs) ([]Disk, error) {
	const op = "zpool.disks"
	if err := checkPool(op, a.Pool); err != nil {
		return nil, err
	}
	out, err := query(ctx, h, op, "zpool status "+a.Pool+"; glabel status -s; gpart show; gpart show -l", disksScript,
		[]effect.Resource{pool(a.Pool), "gpart"}, a.Pool, divider)
	if err != nil {
		return nil, err
	}
	return parseDisks(op, out)
}

func parseDisks(op, out string) ([]Disk, error) {
	parts := strings.Split(out, divider+"\n")
	if len(parts) != 4 {
		return nil, effect.Errorf(effect.Failed, op, "the host's answer has %d parts, not 4", len(parts))
	}
	pools, err := parseStatus(op, parts[0])
	if err != nil {
		return nil, err
	}
	if len(pools) != 1 {
		return nil, effect.Errorf(effect.Failed, op, "zpool status told of %d pools, not of one", len(pools))
	}
	tables, err := gpart.Parse(parts[2], parts[3])
	if err != nil {
		return nil, effect.Errorf(effect.Failed, op, "%v", err)
	}
	m := layout{parseLabels(parts[1]), tables}
	disks := []Disk{}
	for _, leaf := range Leaves(pools[0].Vdevs) {
		disks = append(disks, m.disk(leaf))
	}
	return disks, nil
}

// layout is what lies where on a host's disks.
type layout struct {
	labels map[string]string // what labels of glabel(8) stand for: gpt/disk0 -> ada0p3
	tables []gpart.Table
}

// parseLabels reads glabel status -s: label, status, provider.
func parseLabels(out string) map[string]string {
	labels := map[string]string{}
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); len(fields) == 3 {
			labels[fields[0]] = fields[2]
		}
	}
	return labels
}

func (m layout) disk(v Vdev) Disk {
	d := Disk{Device: v.Name, State: v.State, Class: v.Class, File: v.Type == "file"}
	device := strings.TrimPrefix(v.Path, "/dev/")
	if d.File || device == "" {
		return d
	}
	device, d.Encrypted = strings.CutSuffix(device, ".eli")
	if label, ok := strings.CutPrefix(device, "gpt/"); ok {
		d.Label = label
	}
	d.Provider = m.provider(device)
	table, partition := m.partition(d.Provider)
	if partition == nil {
		d.Disk, d.Partition = cutPartition(d.Provider)
		return d
	}
	d.Disk, d.Partition, d.Type = m.whole(table.Disk), partition.Index, partition.Type
	if partition.Label != "" {
		d.Label = partition.Label
	}
	return d
}

// provider is what a device stands for; empty where that is not known. A label
// of GPT whose partition is in use by its own name is no device, and then only
// the table tells of it.
func (m layout) provider(device string) string {
	if provider := m.labels[device]; provider != "" {
		return provider
	}
	if label, ok := strings.CutPrefix(device, "gpt/"); ok {
		return m.labelled(label)
	}
	if _, partition := m.partition(device); partition != nil || !strings.Contains(device, "/") {
		return device
	}
	return ""
}

// labelled is the partition of a label, where just one has it.
func (m layout) labelled(label string) string {
	found := ""
	for _, table := range m.tables {
		for _, partition := range table.Partitions {
			switch {
			case partition.Label != label:
			case found != "":
				return ""
			default:
				found = partition.Name
			}
		}
	}
	return found
}

func (m layout) partition(name string) (*gpart.Table, *gpart.Partition) {
	for i := range m.tables {
		table := &m.tables[i]
		for j := range table.Partitions {
			if table.Partitions[j].Name == name {
				return table, &table.Partitions[j]
			}
		}
	}
	return nil, nil
}

// whole is the disk that a table's disk is part of: a slice's, or that of a
// label which stands for it.
func (m layout) whole(disk string) string {
	for range len(m.tables) + len(m.labels) {
		if provider := m.labels[disk]; provider != "" {
			disk = provider
			continue
		}
		table, _ := m.partition(disk)
		if table == nil {
			break
		}
		disk = table.Disk
	}
	return disk
}

var partitionForm = lazyregexp.New(`^(\D+\d.*?)[ps](\d+)$`)

// cutPartition parts a provider's name, where no table tells of it.
func cutPartition(provider string) (disk string, index int) {
	m := partitionForm.FindStringSubmatch(provider)
	if m == nil {
		return provider, 0
	}
	index, _ = strconv.Atoi(m[2])
	return m[1], index
}
