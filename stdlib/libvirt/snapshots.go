package libvirt

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"libvirt.org/go/libvirtxml"

	"bsdrun/runtime/effect"
)

// parseSnapshots reads what snapshotScript prints.
func parseSnapshots(op, out string) ([]Snapshot, error) {
	current, rest, _ := strings.Cut(out, "\n")
	list := []Snapshot{}
	for _, text := range strings.SplitAfter(rest, "</domainsnapshot>\n") {
		if strings.TrimSpace(text) == "" {
			continue
		}
		var x libvirtxml.DomainSnapshot
		if err := x.Unmarshal(text); err != nil {
			return nil, effect.Errorf(effect.Failed, op, "the snapshot's XML makes no sense: %v", err)
		}
		s := snapshotOf(&x)
		s.Current = s.Name == current
		list = append(list, s)
	}
	slices.SortStableFunc(list, func(a, b Snapshot) int { return cmp.Or(a.Created.Compare(b.Created), depth(list, a)-depth(list, b)) })
	return list, nil
}

// depth counts the snapshots before one, which may have the same second.
func depth(list []Snapshot, s Snapshot) int {
	for n := 0; n < len(list); n++ {
		at := slices.IndexFunc(list, func(p Snapshot) bool { return p.Name == s.Parent })
		if s.Parent == "" || at < 0 {
			return n
		}
		s = list[at]
	}
	return len(list)
}

func snapshotOf(x *libvirtxml.DomainSnapshot) Snapshot {
	s := Snapshot{Name: x.Name, Description: x.Description, State: x.State, Memory: "no", Disks: []SnapshotDisk{}}
	if n, err := strconv.ParseInt(x.CreationTime, 10, 64); err == nil {
		s.Created = time.Unix(n, 0).UTC()
	}
	if x.Parent != nil {
		s.Parent = x.Parent.Name
	}
	if x.Memory != nil {
		s.Memory = cmp.Or(x.Memory.Snapshot, "no")
	}
	s.External = s.Memory == "external"
	if x.Disks == nil {
		return s
	}
	for _, disk := range x.Disks.Disks {
		d := SnapshotDisk{Target: disk.Name, Location: cmp.Or(disk.Snapshot, "internal")}
		if disk.Source != nil && disk.Source.File != nil {
			d.Path = disk.Source.File.File
		}
		s.External = s.External || d.Location == "external"
		s.Disks = append(s.Disks, d)
	}
	return s
}
