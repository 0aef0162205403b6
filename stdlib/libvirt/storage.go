package libvirt

import (
	"context"
	"strconv"
	"strings"
	"time"

	"libvirt.org/go/libvirtxml"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// Disks returns a domain's disks with their paths and sizes.
func Disks(ctx context.Context, h effect.Doer, a NameArgs) ([]Disk, error) {
	const op = "libvirt.disks"
	d, err := DomainArgs{Name: a.Name, Connect: a.Connect}.look(ctx, h, op)
	if err != nil {
		return nil, err
	}
	return resolve(ctx, h, op, a.Connect, d)
}

// resolveScript asks for path and sizes of disks: their numbers, kinds, targets,
// pools and volumes. What is not known is told beside the others.
const resolveScript = `
connect=$1 name=$2
shift 2
while [ $# -gt 0 ]; do
	echo "bsdrun disk $1"
	if [ "$2" = volume ]; then
		virsh -c "$connect" vol-path --pool "$4" --vol "$5" 2>&1 &&
		virsh -c "$connect" vol-info --bytes --pool "$4" --vol "$5" 2>&1
	else
		virsh -c "$connect" domblkinfo --domain "$name" --device "$3" 2>&1
	fi
	shift 5
done
:`

// resolve completes the disks of a domain.
func resolve(ctx context.Context, h effect.Doer, op string, c Connect, d Domain) ([]Disk, error) {
	args := []string{d.UUID}
	reads := []effect.Resource{definition(d.Name)}
	for i, disk := range d.Disks {
		switch {
		case disk.Path == "" && disk.Volume == "" && disk.Source == "": // an empty drive
			continue
		case disk.Kind == "volume":
			reads = append(reads, effect.Resource("libvirt:pool/"+disk.Pool))
		case disk.Path != "":
			reads = append(reads, effect.File(disk.Path))
		}
		args = append(args, strconv.Itoa(i), disk.Kind, disk.Target, disk.Pool, disk.Volume)
	}
	if len(args) == 1 {
		return d.Disks, nil
	}
	out, err := c.query(ctx, h, op, "virsh domblkinfo "+d.Name, resolveScript, reads, args...)
	if err != nil {
		return nil, err
	}
	fillDisks(d.Disks, out)
	return d.Disks, nil
}

// fillDisks puts the answers where they belong.
func fillDisks(disks []Disk, out string) {
	for _, block := range strings.Split("\n"+out, "\nbsdrun disk ")[1:] {
		number, text, _ := strings.Cut(block, "\n")
		if i, err := strconv.Atoi(number); err == nil && i >= 0 && i < len(disks) {
			disks[i].fill(text)
		}
	}
}

// leadingNumber is a size in bytes, with the word or without.
var leadingNumber = lazyregexp.New(`^(\d+)(?: bytes)?$`)

func (d *Disk) fill(text string) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		key, value, _ := strings.Cut(line, ":")
		size := int64(0)
		if m := leadingNumber.FindStringSubmatch(strings.TrimSpace(value)); m != nil {
			size, _ = strconv.ParseInt(m[1], 10, 64)
		}
		switch {
		case strings.HasPrefix(line, "error: "):
			d.Problem = strings.TrimPrefix(d.Problem+"; "+line[len("error: "):], "; ")
		case strings.HasPrefix(line, "/"):
			d.Path = line
		case key == "Capacity":
			d.Capacity = size
		case key == "Allocation":
			d.Allocation = size
		case key == "Physical":
			d.Physical = size
		}
	}
}

// VolPathArgs name a volume.
type VolPathArgs struct {
	Pool    string `lua:"pool,required" doc:"the storage pool"`
	Volume  string `lua:"volume,required" doc:"the volume's name"`
	Connect `lua:",inline"`
}

// Volume is where a volume lies.
type Volume struct {
	Path string `lua:"path" doc:"its file or device"`
}

// VolPath returns where a volume of a storage pool lies.
func VolPath(ctx context.Context, h effect.Doer, a VolPathArgs) (Volume, error) {
	const op = "libvirt.vol_path"
	if err := checkName(op, "storage pool", a.Pool); err != nil {
		return Volume{}, err
	}
	if a.Volume == "" || strings.ContainsAny(a.Volume, "\n\x00") {
		return Volume{}, effect.Errorf(effect.Invalid, op, "%q is no name of a volume", a.Volume)
	}
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, Reads: []effect.Resource{effect.Resource("libvirt:pool/" + a.Pool)},
		Argv: []string{"virsh", "-c", a.uri(), "vol-path", "--pool", a.Pool, "--vol", a.Volume},
	})
	if err != nil {
		return Volume{}, explain(err)
	}
	out, err := res.Text()
	return Volume{strings.TrimSpace(out)}, err
}

// Pool is a storage pool.
type Pool struct {
	Name       string `lua:"name" doc:"its name"`
	UUID       string `lua:"uuid" doc:"its identifier"`
	Type       string `lua:"type" doc:"dir, fs, netfs, logical, disk, zfs, rbd, ..."`
	Path       string `lua:"path,omitempty" doc:"folder of its volumes"`
	State      string `lua:"state" doc:"running, inactive, ..."`
	Autostart  bool   `lua:"autostart" doc:"it is started with the host"`
	Persistent bool   `lua:"persistent" doc:"it stays when it is stopped"`
	Capacity   int64  `lua:"capacity" doc:"its bytes, while it runs"`
	Allocation int64  `lua:"allocation" doc:"bytes in use"`
	Available  int64  `lua:"available" doc:"bytes that are free"`
}

// ListArgs are those of lists.
type ListArgs struct {
	Connect `lua:",inline"`
}

// detailScript runs two commands of virsh for each name that is listed, or for the
// one that is given.
const detailScript = `
connect=$1 list=$2 xml=$3 info=$4 option=$5
if [ $# -gt 5 ]; then
	names=$6
else
	names=$(virsh -c "$connect" "$list" --all --name) || exit
fi
printf '%s\n' "$names" | sed 's/ *$//' | while IFS= read -r name; do
	[ -z "$name" ] || { virsh -c "$connect" "$xml" "$option" "$name" && virsh -c "$connect" "$info" "$option" "$name"; } || exit
done`

// details are an XML and the lines that follow it.
type details struct{ xml, info string }

// parseDetails takes apart what detailScript prints of things of this name.
func parseDetails(out, tag string) []details {
	var list []details
	end := "</" + tag + ">\n"
	for {
		at := strings.Index(out, end)
		if at < 0 {
			return list
		}
		d := details{xml: out[:at+len(end)]}
		out = out[at+len(end):]
		d.info = out
		if next := strings.Index(out, "<"+tag); next >= 0 {
			d.info, out = out[:next], out[next:]
		}
		list = append(list, d)
	}
}

// Pools lists the storage pools.
func Pools(ctx context.Context, h effect.Doer, a ListArgs) ([]Pool, error) {
	const op = "libvirt.pools"
	out, err := a.query(ctx, h, op, "virsh pool-list --all", detailScript, []effect.Resource{"libvirt:pool/"}, "pool-list", "pool-dumpxml", "pool-info", "--pool")
	if err != nil {
		return nil, err
	}
	return parsePools(op, out)
}

func parsePools(op, out string) ([]Pool, error) {
	list := []Pool{}
	for _, d := range parseDetails(out, "pool") {
		var x libvirtxml.StoragePool
		if err := x.Unmarshal(d.xml); err != nil {
			return nil, effect.Errorf(effect.Failed, op, "the storage pool's XML makes no sense: %v", err)
		}
		f := fields(d.info)
		p := Pool{Name: x.Name, UUID: x.UUID, Type: x.Type, State: f["State"], Autostart: f["Autostart"] == "yes", Persistent: f["Persistent"] == "yes"}
		if x.Target != nil {
			p.Path = x.Target.Path
		}
		p.Capacity, p.Allocation, p.Available = poolSize(x.Capacity), poolSize(x.Allocation), poolSize(x.Available)
		list = append(list, p)
	}
	return list, nil
}

func poolSize(s *libvirtxml.StoragePoolSize) int64 {
	if s == nil {
		return 0
	}
	unit := s.Unit
	if unit == "" {
		unit = "bytes"
	}
	return bytesOf(uint(s.Value), unit)
}

// Snapshot is a snapshot of a domain.
type Snapshot struct {
	Name        string         `lua:"name" doc:"its name"`
	Description string         `lua:"description,omitempty" doc:"what somebody wrote of it"`
	Parent      string         `lua:"parent,omitempty" doc:"the snapshot before it"`
	Current     bool           `lua:"current" doc:"the domain's disks go on from it"`
	State       string         `lua:"state" doc:"what the domain was at: running, shutoff, paused, disk-snapshot"`
	Created     time.Time      `lua:"created" doc:"when"`
	Memory      string         `lua:"memory" doc:"where the memory is: no, internal, external"`
	Disks       []SnapshotDisk `lua:"disks" doc:"its disks"`
	External    bool           `lua:"external" doc:"a disk or the memory is in a file of its own: the disk then is the top of a chain"`
}

// SnapshotDisk is a disk in a snapshot.
type SnapshotDisk struct {
	Target   string `lua:"target" doc:"the disk's name in the domain"`
	Location string `lua:"location" doc:"internal: in the image itself; external: the image became the backing file of another; no, manual"`
	Path     string `lua:"path,omitempty" doc:"of an external one: the file that took what was written afterwards"`
}

// snapshotScript tells the current snapshot in the first line, and then the XML of
// each.
const snapshotScript = `
connect=$1 name=$2
names=$(virsh -c "$connect" snapshot-list --domain "$name" --name) || exit
virsh -c "$connect" snapshot-current --domain "$name" --name 2>/dev/null | head -n 1
printf '%s\n' "$names" | while IFS= read -r snapshot; do
	[ -z "$snapshot" ] || virsh -c "$connect" snapshot-dumpxml --domain "$name" --snapshotname "$snapshot" || exit
done`

// Snapshots lists the snapshots of a domain, oldest first.
func Snapshots(ctx context.Context, h effect.Doer, a NameArgs) ([]Snapshot, error) {
	const op = "libvirt.snapshots"
	name, err := a.find(ctx, h, op)
	if err != nil {
		return nil, err
	}
	out, err := a.query(ctx, h, op, "virsh snapshot-list "+a.Name, snapshotScript, []effect.Resource{definition(a.Name)}, name)
	if err != nil {
		return nil, err
	}
	return parseSnapshots(op, out)
}
