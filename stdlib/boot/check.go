package boot

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/stdlib/zpool"
)

// unread are pool features that a reader has to know and that no boot code of
// FreeBSD is known to read. Enabling them does no harm as long as nothing makes
// them active.
var unread = []string{
	"draid", "dynamic_gang_header", "edonr", "longname", "raidz_expansion", "redacted_datasets", "redaction_bookmarks", "redaction_list_spill",
}

// CheckArgs are the arguments of Check.
type CheckArgs struct{}

// Verdict tells whether the host would start from an upgraded root pool.
type Verdict struct {
	OK       bool     `lua:"ok" doc:"every disk's boot code reads the root pool, also once all features of the running release are enabled"`
	Reasons  []string `lua:"reasons" doc:"what speaks against it, in words; empty where ok"`
	Warnings []string `lua:"warnings" doc:"what to keep in mind"`
	Release  string   `lua:"release" doc:"release of the boot code in /boot"`
	Running  string   `lua:"running" doc:"release of the running kernel, whose features an upgrade enables"`
	Pool     string   `lua:"pool,omitempty" doc:"root pool, if the root is on one"`
	Disks    []Disk   `lua:"disks" doc:"the disks with their boot code"`
}

// Check tells whether the installed boot code would read the root pool after an
// upgrade of the pool.
func Check(ctx context.Context, h effect.Doer, _ CheckArgs) (Verdict, error) {
	return check(ctx, h, "boot.check")
}

func check(ctx context.Context, h effect.Doer, op string) (Verdict, error) {
	v := Verdict{Reasons: []string{}, Warnings: []string{}, Disks: []Disk{}}
	p, err := plan(ctx, h, op)
	if err != nil {
		return v, err
	}
	v.Pool, v.Disks = p.Pool, p.Disks
	if v.Release, v.Running, err = releases(ctx, h, op); err != nil {
		return v, err
	}
	if p.RootType != "zfs" {
		v.OK = true
		v.Warnings = append(v.Warnings, "the root is not on a pool: an upgrade of pools does not matter to the boot code")
		return v, nil
	}
	for _, d := range p.Disks {
		v.disk(d)
	}
	if older(v.Release, v.Running) {
		v.against("the boot code in /boot is that of %s, but the kernel %s runs: it knows features that the boot code may not", v.Release, v.Running)
	}
	f, err := zpool.FeaturesOf(ctx, h, zpool.FeaturesArgs{Pool: p.Pool})
	if err != nil {
		return v, err
	}
	var avoid []string
	for _, name := range unread {
		switch f.Features[name] {
		case "active":
			v.against("the feature %s is active, which no boot code is known to read", name)
		case "enabled", "disabled":
			avoid = append(avoid, name)
		}
	}
	if len(avoid) > 0 {
		v.Warnings = append(v.Warnings, "no boot code is known to read these features; do not use what makes them active on "+p.Pool+": "+strings.Join(avoid, ", "))
	}
	if p.Method == bios {
		v.Warnings = append(v.Warnings, "boot environments of older releases bring a loader of their own, which cannot read the pool once it is upgraded")
	}
	v.OK = len(v.Reasons) == 0
	return v, nil
}

func (v *Verdict) against(format string, args ...any) {
	v.Reasons = append(v.Reasons, fmt.Sprintf(format, args...))
}

// disk judges one disk: only code that is that of /boot is known to read what the
// release writes, since nothing in boot code tells its age.
func (v *Verdict) disk(d Disk) {
	if d.Missing {
		v.against("%s is not there: once it is back, the firmware may start from boot code that nobody has seen", d.Member)
		return
	}
	needed := 0
	for _, c := range d.Codes {
		if !c.Needed {
			continue
		}
		needed++
		switch {
		case c.stale() && c.Kind == "pmbr":
			v.against("the first sector of %s is %s: it may not start the boot code behind it; h.boot.update writes that of /boot", c.Device, c.State)
		case c.stale():
			v.against("%s is %s: it is not known to read an upgraded pool; h.boot.update writes that of /boot", c.Place(), c.State)
		case c.stuck():
			v.against("%s: %s", d.Name, c.describe())
		}
	}
	if needed == 0 {
		v.against("%s has no boot code that the firmware starts", d.Name)
	}
}

// releases are those of the boot code in /boot and of the running kernel. Before
// 10.0 nothing tells the former, which then is the latter.
func releases(ctx context.Context, h effect.Doer, op string) (installed, running string, err error) {
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, Title: "freebsd-version -k; uname -r",
		Argv:  []string{"sh", "-c", "freebsd-version -k 2>/dev/null || uname -r; uname -r"},
		Reads: []effect.Resource{effect.Tree("/boot/kernel")},
	})
	if err != nil {
		return "", "", err
	}
	out, err := res.Text()
	if err != nil {
		return "", "", err
	}
	lines := strings.Fields(out)
	if len(lines) != 2 {
		return "", "", effect.Errorf(effect.Failed, op, "the host did not tell its releases, but %.80q", out)
	}
	return lines[0], lines[1], nil
}

// older compares releases by their two numbers: 13.5-RELEASE-p1 and 14.0-STABLE.
func older(a, b string) bool {
	left, right := numbers(a), numbers(b)
	return slices.Compare(left[:], right[:]) < 0
}

func numbers(release string) (n [2]int) {
	version, _, _ := strings.Cut(release, "-")
	for i, part := range strings.SplitN(version, ".", 2) {
		n[i], _ = strconv.Atoi(part)
	}
	return n
}

// UpgradableArgs are the arguments of UpgradableOf.
type UpgradableArgs struct{}

// Upgradable tells what may be upgraded of a pool.
type Upgradable struct {
	Pool     string   `lua:"pool" doc:"name of the pool"`
	Root     bool     `lua:"root" doc:"the host boots from it"`
	Version  int      `lua:"version,omitempty" doc:"version of an old pool; one with features has none"`
	Supports int      `lua:"supports,omitempty" doc:"version that the running release supports; 5000 stands for features"`
	Pending  []string `lua:"pending" doc:"features of the running release that are not enabled"`
	Needed   bool     `lua:"needed" doc:"an upgrade would change something"`
	Safe     bool     `lua:"safe" doc:"the host still starts after zpool upgrade"`
	Features []string `lua:"features" doc:"pending features that boot code reads even when they are active; all of them where the host does not boot from the pool, none where it is not safe"`
	Reasons  []string `lua:"reasons" doc:"why it is not safe"`
	Warnings []string `lua:"warnings" doc:"what an upgrade makes impossible, and what to avoid after it"`
}

// UpgradableOf tells which pools may be upgraded, and what that enables.
func UpgradableOf(ctx context.Context, h effect.Doer, _ UpgradableArgs) ([]Upgradable, error) {
	const op = "boot.upgradable"
	verdict, err := check(ctx, h, op)
	if err != nil {
		return nil, err
	}
	pools, err := zpool.List(ctx, h, zpool.ListArgs{})
	if err != nil {
		return nil, err
	}
	supports, err := supported(ctx, h, op)
	if err != nil {
		return nil, err
	}
	list := []Upgradable{}
	for _, pool := range pools {
		f, err := zpool.FeaturesOf(ctx, h, zpool.FeaturesArgs{Pool: pool.Name})
		if err != nil {
			return nil, err
		}
		list = append(list, newUpgradable(pool.Name, f, supports, verdict))
	}
	return list, nil
}

func newUpgradable(name string, f zpool.Features, supports int, verdict Verdict) Upgradable {
	u := Upgradable{
		Pool: name, Root: name == verdict.Pool, Version: f.Version, Supports: supports,
		Pending: []string{}, Features: []string{}, Reasons: []string{}, Warnings: []string{}, Safe: true,
	}
	for feature, state := range f.Features {
		if state == "disabled" {
			u.Pending = append(u.Pending, feature)
		}
	}
	slices.Sort(u.Pending)
	u.Needed = len(u.Pending) > 0 || u.Version > 0 && u.Version < supports
	u.Features = slices.Clone(u.Pending)
	if u.Root {
		u.Safe, u.Reasons, u.Warnings = verdict.OK, verdict.Reasons, slices.Clone(verdict.Warnings)
		u.Features = slices.DeleteFunc(u.Features, func(feature string) bool { return !u.Safe || slices.Contains(unread, feature) })
	}
	if f.Compatibility != "" && f.Compatibility != "off" {
		u.Warnings = append(u.Warnings, "the property compatibility is "+f.Compatibility+": zpool upgrade enables only what that allows")
	}
	if u.Needed {
		u.Warnings = append(u.Warnings, "older releases cannot import the pool any more, and neither can a system that is rolled back")
	}
	return u
}

// supported is the pool version that the running kernel supports; 0 where it does
// not tell.
func supported(ctx context.Context, h effect.Doer, op string) (int, error) {
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, Argv: []string{"sysctl", "-n", "vfs.zfs.version.spa"}, Want: []int{0, 1},
		Reads: []effect.Resource{"sysctl:vfs.zfs.version.spa"},
	})
	if err != nil {
		return 0, err
	}
	text, err := res.Line()
	if err != nil {
		return 0, err
	}
	version, _ := strconv.Atoi(text)
	return version, nil
}
