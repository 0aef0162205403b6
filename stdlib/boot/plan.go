package boot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/stdlib/gpart"
)

// States of boot code in its place.
const (
	Current    = "current"    // it is what the file in /boot is
	Old        = "old"        // it is something else
	Absent     = "absent"     // the place is empty
	Foreign    = "foreign"    // a program that is not FreeBSD's
	TooSmall   = "too_small"  // the place has no room for the file
	NoPlace    = "no_place"   // the disk has no such place
	NoFile     = "no_file"    // /boot has no such file
	Unreadable = "unreadable" // the EFI partition has no file system, or is damaged
)

// The methods by which a firmware boots.
const (
	bios = "BIOS"
	uefi = "UEFI"
)

// Code is boot code in a place of a disk.
type Code struct {
	Kind      string `lua:"kind" doc:"pmbr, gptzfsboot, gptboot, loader.efi or boot1.efi"`
	Device    string `lua:"device" doc:"where it lies, without /dev/: ada0, ada0p1"`
	Path      string `lua:"path,omitempty" doc:"file on an EFI partition: /EFI/BOOT/BOOTX64.EFI"`
	File      string `lua:"file" doc:"file of the running system that belongs there: /boot/gptzfsboot"`
	State     string `lua:"state" doc:"current, old, absent, foreign (not FreeBSD's), too_small (no room for the file), no_place (no such partition), no_file (there is none in /boot) or unreadable"`
	Needed    bool   `lua:"needed" doc:"the host's firmware boots by it"`
	Size      int64  `lua:"size" doc:"of the file in /boot" unit:"bytes"`
	Room      int64  `lua:"room" doc:"that the place has: the partition, or what is free on the EFI partition" unit:"bytes"`
	Installed string `lua:"installed,omitempty" doc:"SHA-256 of what is there, over the file's length"`
	Wanted    string `lua:"wanted,omitempty" doc:"SHA-256 of the file"`
	Note      string `lua:"note,omitempty" doc:"what there is to say besides"`
}

// Place names the code's place for people.
func (c Code) Place() string {
	if c.Path != "" {
		return c.Device + ":" + c.Path
	}
	return c.Device
}

// stale tells whether an update would write the code: what the firmware does not
// need is not put where it never was.
func (c Code) stale() bool { return c.State == Old || c.State == Absent && c.Needed }

// stuck tells whether the code is needed, is not current, and cannot be written.
func (c Code) stuck() bool { return c.Needed && c.State != Current && !c.stale() }

// Disk is a disk that the host may boot from.
type Disk struct {
	Name    string `lua:"name" doc:"name of the disk: ada0; as the pool names it where it is not there"`
	Member  string `lua:"member,omitempty" doc:"what the root lies on there, as the pool or the mount names it: gpt/zfs0; a disk that only boots has none"`
	Health  string `lua:"health,omitempty" doc:"the pool's word for it: ONLINE, OFFLINE ..."`
	Missing bool   `lua:"missing" doc:"the disk is not there: its boot code is unknown and cannot be updated"`
	State   string `lua:"state" doc:"current, old or absent: the worst of the code that the firmware needs; stuck where an update cannot help; missing"`
	Codes   []Code `lua:"codes" doc:"its boot code"`

	table gpart.Table
}

// Plan tells of a host's boot code.
type Plan struct {
	Method   string   `lua:"method" doc:"how the firmware boots: BIOS or UEFI"`
	RootType string   `lua:"root_type" doc:"zfs or ufs"`
	Root     string   `lua:"root" doc:"dataset or device of the root file system"`
	Pool     string   `lua:"pool,omitempty" doc:"root pool"`
	Current  bool     `lua:"current" doc:"all boot code that is there and can be read is that of /boot, and nothing that is needed lacks"`
	Disks    []Disk   `lua:"disks" doc:"disks of the root pool or of the root file system"`
	Missing  []string `lua:"missing" doc:"members of the pool that are not there"`
	Problems []string `lua:"problems" doc:"what an update cannot put right, in words"`

	system mounted
}

// PlanArgs are the arguments of PlanOf.
type PlanArgs struct{}

// PlanOf tells which boot code every disk has and needs.
func PlanOf(ctx context.Context, h effect.Doer, _ PlanArgs) (Plan, error) {
	return plan(ctx, h, "boot.plan")
}

func plan(ctx context.Context, h effect.Doer, op string) (Plan, error) {
	facts, err := host.GetFacts(ctx, h)
	if err != nil {
		return Plan{}, err
	}
	p := Plan{
		Method: bios, RootType: facts.Root.Type, Root: facts.Root.Source, Pool: facts.Root.Pool,
		Disks: []Disk{}, Missing: []string{}, Problems: []string{},
	}
	// Releases before 10 do not tell, and know no other than BIOS; machines that
	// have no BIOS need not tell.
	if facts.BootMethod == uefi || facts.BootMethod == "" && slices.Contains([]string{"aarch64", "armv7", "riscv64"}, facts.Arch) {
		p.Method = uefi
	}
	if facts.OS != "FreeBSD" || facts.Jailed {
		return p, effect.Errorf(effect.Failed, op, "only a FreeBSD host itself has boot code, no jail and no other system")
	}
	tables, err := gpart.Tables(ctx, h, op, "")
	if err != nil {
		return p, err
	}
	if p.system, err = look(ctx, h, op); err != nil {
		return p, err
	}
	if err := p.members(ctx, h, op, tables); err != nil {
		return p, err
	}
	p.bootDisks(tables)
	if err := p.biosCodes(ctx, h, op); err != nil {
		return p, err
	}
	if err := p.efiCodes(ctx, h, op, facts.Arch); err != nil {
		return p, err
	}
	p.conclude()
	return p, nil
}

// bootDisks adds the disks the host can boot from where the root's own have no
// place for boot code, as with a pool on whole disks.
func (p *Plan) bootDisks(tables []gpart.Table) {
	bootable := func(t gpart.Table) bool {
		return len(t.OfType("freebsd-boot")) > 0 || len(t.OfType("efi")) > 0
	}
	if slices.ContainsFunc(p.Disks, func(d Disk) bool { return bootable(d.table) }) {
		return
	}
	for _, t := range tables {
		if bootable(t) && !slices.ContainsFunc(p.Disks, func(d Disk) bool { return d.Name == t.Disk }) {
			p.Disks = append(p.Disks, Disk{Name: t.Disk, table: t})
		}
	}
}

// biosCodes looks at first sectors and freebsd-boot partitions.
func (p *Plan) biosCodes(ctx context.Context, h effect.Doer, op string) error {
	kind := "gptboot"
	if p.RootType == "zfs" {
		kind = "gptzfsboot"
	}
	var places []gpart.Code
	var disks []*Disk
	for i := range p.Disks {
		d := &p.Disks[i]
		if d.Missing {
			continue
		}
		boot := d.table.OfType("freebsd-boot")
		if d.table.Scheme != "GPT" || len(boot) == 0 {
			if p.Method == bios {
				d.Codes = append(d.Codes, Code{Kind: kind, Device: d.Name, File: "/boot/" + kind, State: NoPlace, Needed: true, Note: noPlace(d.table, "freebsd-boot")})
			}
			continue
		}
		first := lowest(boot)
		d.Codes = append(d.Codes,
			Code{Kind: "pmbr", Device: d.Name, File: "/boot/pmbr", Needed: p.Method == bios, Room: gpart.SectorCode},
			Code{Kind: kind, Device: first.Name, File: "/boot/" + kind, Needed: p.Method == bios, Room: first.Size, Note: noteOf(boot)})
		places = append(places,
			gpart.Code{Device: d.Name, Sector: d.table.SectorSize, Size: gpart.SectorCode, File: "/boot/pmbr"},
			gpart.Code{Device: first.Name, Sector: d.table.SectorSize, File: "/boot/" + kind})
		disks = append(disks, d)
	}
	found, err := gpart.Measure(ctx, h, op, places)
	if err != nil {
		return err
	}
	for i, d := range disks {
		for j := range 2 {
			d.Codes[j].measured(found[2*i+j])
		}
		d.Codes[0].follow(d.Codes[1])
	}
	return nil
}

// follow leaves a first sector alone that leads to a partition which an update
// would not write: the firmware does not need either.
func (c *Code) follow(partition Code) {
	if !c.Needed && partition.State != Current && partition.State != Old {
		c.State, c.Note = partition.State, "the firmware does not start by it, and "+partition.Device+" has no boot code"
	}
}

// lowest is the partition that pmbr(8) starts.
func lowest(parts []gpart.Partition) gpart.Partition {
	return slices.MinFunc(parts, func(a, b gpart.Partition) int { return a.Index - b.Index })
}

// pmbrLimit is the most that pmbr(8) loads.
const pmbrLimit = 545 << 10

func noteOf(boot []gpart.Partition) string {
	switch first := lowest(boot); {
	case first.Size > pmbrLimit:
		return fmt.Sprintf("pmbr(8) starts no partition larger than %d bytes", pmbrLimit)
	case len(boot) > 1:
		return fmt.Sprintf("the disk has %d freebsd-boot partitions; the firmware starts this one", len(boot))
	}
	return ""
}

// noPlace says why a disk has no place for boot code.
func noPlace(t gpart.Table, kind string) string {
	switch t.Scheme {
	case "GPT":
		return "there is no " + kind + " partition"
	case "":
		return "the disk has no partition table"
	}
	return "the disk has a " + t.Scheme + " table, whose boot code has to be written by hand"
}

// measured takes over what is in the place.
func (c *Code) measured(m gpart.Measured) {
	size := m.Size
	if size == 0 {
		size = m.FileSize
	}
	if m.FileSize < 0 {
		c.State = NoFile
		return
	}
	c.Size, c.Installed, c.Wanted = m.FileSize, m.Installed, m.Wanted
	switch {
	case m.Current():
		c.State = Current
	case c.Kind != "pmbr" && m.FileSize > c.Room:
		c.State = TooSmall
	case m.Installed == zeros(size):
		c.State = Absent
	default:
		c.State = Old
	}
}

// zeros is the digest of a place of that size where nothing was ever written.
func zeros(size int64) string {
	sum := sha256.Sum256(make([]byte, size))
	return hex.EncodeToString(sum[:])
}

// conclude makes verdicts on disks and plan of the codes.
func (p *Plan) conclude() {
	p.Current = true
	for i := range p.Disks {
		d := &p.Disks[i]
		if d.Codes == nil {
			d.Codes = []Code{}
		}
		d.State = d.verdict()
		if d.Missing {
			p.Missing = append(p.Missing, d.Member)
			p.Problems = append(p.Problems, d.Member+" is not there: its boot code is unknown")
			continue
		}
		for _, c := range d.Codes {
			if c.stuck() {
				p.Problems = append(p.Problems, d.Name+": "+c.describe())
			}
			p.Current = p.Current && !c.stale() && !c.stuck()
		}
	}
	if !slices.ContainsFunc(p.Disks, func(d Disk) bool { return !d.Missing }) {
		p.Current = false
	}
}

// verdict is the worst of the code that is needed.
func (d Disk) verdict() string {
	if d.Missing {
		return "missing"
	}
	verdict := Current
	for _, c := range d.Codes {
		switch {
		case c.stuck():
			return "stuck"
		case c.Needed && c.State == Absent, c.State == Old && verdict == Current:
			verdict = c.State
		}
	}
	return verdict
}

// describe tells what is wrong with code that cannot be written.
func (c Code) describe() string {
	text := ""
	switch c.State {
	case TooSmall:
		text = fmt.Sprintf("%s has %d bytes, but %s only room for %d", c.File, c.Size, c.Place(), c.Room)
	case NoPlace:
		text = "the firmware boots by " + c.Kind + ", for which there is no place"
	case NoFile:
		text = "there is no " + c.File
	case Foreign:
		text = c.Place() + " is a program that is not FreeBSD's"
	default:
		text = c.Place() + " cannot be read"
	}
	if c.Note != "" {
		text += ": " + c.Note
	}
	return strings.TrimSpace(text)
}
