package zfssim

import (
	"context"
	"strings"
	"testing"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/tests/transcript"
)

// step is a transcript.Step in short.
type step struct {
	Script string
	Code   int
	Want   []string
}

var steps = transcript.Steps[step]

// onProfile is a machine of a profile.
func onProfile(t *testing.T, profile string) *sim.Machine {
	t.Helper()
	m, err := sim.New(sim.Options{Profile: profile, Tools: append(base.Tools(), Tools()...)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// TestBeforeAnUpgrade does on each release what comes before an upgrade: look,
// take snapshots of all, and go back.
func TestBeforeAnUpgrade(t *testing.T) {
	for _, c := range []struct {
		profile, root string
		version       string // of file systems
		refused       int    // exit code of a property that is
	}{
		{"freebsd-8.2-zfs-mirror", "zroot", "4", 1},
		{"freebsd-13.5-zfs-mirror", "zroot/ROOT/default", "5", 1},
		{"freebsd-14.3-zfs-mirror-uefi", "zroot/ROOT/default", "5", 255},
		{"freebsd-15.0-pkgbase", "zroot/ROOT/default", "5", 255},
	} {
		t.Run(c.profile, func(t *testing.T) {
			m := onProfile(t, c.profile)
			root := m.Tree().Mounts()[0].Source
			if root != c.root {
				t.Errorf("the root file system is %s", root)
			}
			steps(t, m, []step{
				{"zfs list", 0, []string{"NAME USED AVAIL REFER MOUNTPOINT", root}},
				{"zfs list -t all -o name", 0, []string{"NAME " + "zroot", "!@"}},
				{"zfs mount", 0, []string{root + " /"}},
				{"zfs upgrade", 0, []string{"currently running ZFS filesystem version " + c.version + ".", "All filesystems are formatted with the current version."}},
				{"zfs snapshot -r zroot@before", 0, nil},
				{"zfs list -H -t snapshot -o name -r zroot", 0, []string{root + "@before", "zroot@before"}},
				{"echo new > /root/new; zfs get -H -o value type " + root + "@before", 0, []string{"snapshot"}},
				{"zfs destroy -r zroot@before; zfs list -t snapshot", 0, []string{"no datasets available"}},
				{"zfs destroy zroot", 1, []string{"operation does not apply to pools"}},
				{"zfs set readonly=maybe zroot", c.refused, []string{"'readonly' must be one of 'on | off'"}},
				{"zfs unmount " + root, 1, []string{"cannot unmount"}},
			})
		})
	}
}

func TestEras(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		release string
		pool    int
		steps   []step
	}{
		{"8.2", 15, []step{
			{"zfs list -p", 2, []string{"invalid option 'p'", "usage: list [-rH][-d max]"}},
			{"zfs hold a zroot@b", 2, []string{"unrecognized command 'hold'"}},
			{"zfs diff zroot@a", 2, []string{"unrecognized command 'diff'"}},
			{"zfs version", 2, []string{"unrecognized command 'version'"}},
			{"zfs snap zroot@a", 2, []string{"unrecognized command 'snap'"}},
			{"zfs inherit -S atime zroot", 2, []string{"invalid option 'S'"}},
			{"zfs destroy -n zroot/a", 2, []string{"invalid option 'n'"}},
			{"zfs set atime=off compression=on zroot", 1, []string{"cannot open 'compression=on'"}},
			{"zfs get sync zroot", 2, []string{"bad property list: invalid property 'sync'"}},
			{"zfs get -H -o name,property,value,source xattr zroot", 0, []string{"zroot xattr off temporary"}},
			{"zfs snapshot zroot@a zroot@b", 2, []string{"too many arguments"}},
			{"zfs create zroot/a; zfs snapshot -r zroot@1; zfs destroy -r zroot@1; zfs list -t snapshot", 0, []string{"no datasets available"}},
			{"zfs destroy -r zroot@1", 1, []string{"no such snapshot", "no snapshots destroyed"}},
			{"cd /zroot/a; zfs unmount zroot/a", 1, []string{"cannot unmount '/zroot/a': Device busy"}},
		}},
		{"9.0", 28, []step{
			{"zfs create -u zroot/a", 2, []string{"invalid option 'u'"}},
			{"zfs set atime=off", 2, []string{"missing dataset name"}},
			{"zfs set atime zroot", 2, []string{"missing value in property=value argument"}},
			{"zfs snapshot zroot", 1, []string{"cannot snapshot 'zroot': missing '@' delimiter in snapshot name"}},
			{"zfs snapshot nosuch@a", 1, []string{"cannot open 'nosuch': dataset does not exist", "!usage"}},
			{"zfs bookmark zroot@a zroot#b", 2, []string{"unrecognized command 'bookmark'"}},
			{"zfs rollback zroot@a", 1, []string{"dataset does not exist"}},
			{"zfs create zroot/a; zfs snapshot zroot/a@1; touch /zroot/a/f; zfs snapshot zroot/a@2; zfs rollback zroot/a@1", 1, []string{"more recent snapshots exist", "following snapshots:", "zroot/a@2"}},
			{"zfs hold k zroot/a@1; zfs destroy zroot/a@1", 1, []string{"cannot destroy 'zroot/a@1': dataset is busy"}},
			{"zfs send -v zroot/a@1 2>&1 >/dev/null", 0, []string{"sending from @ to zroot/a@1"}},
		}},
		{"12.4", 0, []step{
			{"zfs list", 0, []string{"zroot"}},
			{"zfs list -t snapshot", 0, []string{"no datasets available"}},
			{"zfs list -t snapshot zroot", 1, []string{"operation not applicable to datasets of this type"}},
			{"zfs list -j", 2, []string{"invalid option 'j'"}},
			{"zfs load-key -a", 2, []string{"unrecognized command 'load-key'"}},
			{"zfs create -n zroot/a", 2, []string{"invalid option 'n'"}},
			{"zfs snap nosuch@a", 2, []string{"cannot open 'nosuch': dataset does not exist", "usage: snapshot|snap [-r]"}},
			{"zfs set atime=off exec=off zroot; zfs get -H -o value atime,exec zroot", 0, []string{"off off"}},
			{"zfs get -H -o value,source mlslabel zroot", 0, []string{"-"}},
			{"zfs set compression=zstd zroot", 1, []string{"'compression' must be one of"}},
			{"zfs receive -o atime=off zroot/x </dev/null", 2, []string{"invalid option"}},
		}},
		{"13.5", 0, []step{
			{"zfs version", 0, []string{"zfs-2.1.14-FreeBSD", "zfs-kmod-2.1.14-FreeBSD"}},
			{"zfs version -j", 2, []string{"invalid option 'j'"}},
			{"zfs set -u atime=off zroot", 2, []string{"invalid option 'u'"}},
			{"zfs set compression=nope zroot", 1, []string{"'compression' must be one of"}},
			{"zfs list -t snapshot zroot", 0, []string{"no datasets available"}},
			{"zfs get -H -o value,source compression zroot", 0, []string{"off default"}},
			{"zfs holds -p zroot@a", 2, []string{"invalid option 'p'"}},
			{"zfs userspace zroot", sim.CannotCode, []string{"the simulator can't"}},
			{"zfs load-key -a", 0, nil},
			{"zfs load-key -an", 0, []string{"0 / 0 key(s) successfully verified"}},
			{"zfs load-key zroot", 255, []string{"Key load error: 'zroot' is not encrypted."}},
			{"zfs unload-key", 2, []string{"Missing dataset argument or -a option"}},
			{"zfs change-key zroot", 255, []string{"Key change error: Dataset not encrypted."}},
			{"zfs wait zroot", 0, nil},
			{"zfs list -t fs", 2, []string{"invalid type 'fs'"}},
			{"zfs create -o encryption=on zroot/e", sim.CannotCode, []string{"the simulator can't"}},
			{"zfs get userquota@root zroot", sim.CannotCode, []string{"the simulator can't"}},
		}},
		{"15.0", 0, []step{
			{"zfs list --json-int", 2, []string{"'--json-int' only works with '-j' option"}},
			{"zfs version -j", 0, []string{`{"zfs_version":`[1:], `"userland":"zfs-2.4.0-FreeBSD`}},
			{"zfs get -H -o value,source compression zroot", 0, []string{"on default"}},
			{"zfs list zroot -H -o name", 0, []string{"zroot"}},
			{"zfs list -j nosuch", 1, []string{"cannot open 'nosuch': dataset does not exist", "!{"}},
			{"zfs list -j -t vol", 0, []string{`"datasets":{}`, "no datasets available"}},
			{"zfs snapshot zroot@a; zfs list -j -o used -t snap", 0, []string{`"zroot@a":{"name":"zroot@a","type":"SNAPSHOT","pool":"zroot"`, `"snapshot_name":"a"`}},
			{"zfs help list", sim.CannotCode, []string{"the simulator can't"}},
			{"zfs mount -j", 0, []string{`"zroot":{"filesystem":"zroot","mountpoint":"/zroot"}`}},
		}},
	} {
		t.Run(c.release, func(t *testing.T) {
			t.Parallel()
			steps(t, newMachine(t, c.release, c.pool, nil), c.steps)
		})
	}
}

// TestOldPools has pools of an older format refuse what came later.
func TestOldPools(t *testing.T) {
	t.Parallel()
	steps(t, newMachine(t, "9.0", 15, nil), []step{
		{"zfs snapshot zroot@1; zfs hold k zroot@1", 1, []string{"cannot hold 'zroot@1': pool must be upgraded"}},
		{"zfs set dedup=on zroot", 1, []string{"pool and or dataset must be upgraded to set this property or value"}},
		{"zfs set compression=zle zroot", 1, []string{"pool and or dataset must be upgraded"}},
		{"zfs set compression=gzip-9 zroot; zfs set dedup=off zroot", 0, nil},
		{"zfs upgrade -V 5 zroot", 1, []string{"zroot: can not be upgraded; the pool version needs to first be upgraded to version 24"}},
	})
	steps(t, newMachine(t, "14.3", 28, nil), []step{
		{"zfs set compression=lz4 zroot", 255, []string{"pool and or dataset must be upgraded"}},
		{"zfs create -o compression=zstd zroot/a", 1, []string{"cannot create 'zroot/a': pool must be upgraded to set this property or value"}},
		{"zfs set recordsize=1M zroot", 255, []string{"'recordsize' must be power of 2 from 512B to 128k"}},
		{"zfs snapshot zroot@1; zfs bookmark zroot@1 zroot#b", 1, []string{"bookmark feature not enabled"}},
		{"zfs load-key zroot", 255, []string{"Key load error: Encryption feature not enabled."}},
	})
}

func TestNames(t *testing.T) {
	t.Parallel()
	steps(t, newMachine(t, "14.3", 0, nil), []step{
		{"zfs list /zroot", 0, []string{"zroot"}},
		{"zfs list /etc", 1, []string{"'/etc': not a ZFS filesystem"}},
		{"zfs list /nosuch", 1, []string{"/nosuch: No such file or directory"}},
		{"zfs create zroot//a", 1, []string{"empty component or misplaced '@' or '#' delimiter in name"}},
		{"zfs create zroot/", 1, []string{"trailing slash in name"}},
		{"zfs create 'zroot/a*'", 1, []string{"invalid character '*' in name"}},
		{"zfs create zroot/a@b", 1, []string{"snapshot delimiter '@' is not expected here"}},
		{"zfs create nosuch/a", 1, []string{"cannot create 'nosuch/a'"}},
		{"zfs create", 2, []string{"missing filesystem argument", "usage: create [-Pnpuv]"}},
		{"zfs create a b", 2, []string{"too many arguments"}},
		{"zfs create -s zroot/a", 2, []string{"'-s' and '-b' can only be used when creating a volume"}},
		{"zfs create -o atime zroot/a", 1, []string{"missing '=' for property=value argument"}},
		{"zfs create -o atime=on -o atime=off zroot/a", 1, []string{"property 'atime' specified multiple times"}},
		{"zfs create -p zroot/a/b; zfs create -p zroot/a/b; zfs list -H -o name -r zroot/a", 0, []string{"zroot/a zroot/a/b"}},
		{"zfs create -nvo atime=off zroot/c", 0, []string{"would create zroot/c atime=off"}},
		{"zfs create -nP zroot/c; zfs list zroot/c", 1, []string{"create zroot/c", "cannot open 'zroot/c': dataset does not exist"}},
		{"zfs create -V 10M zroot/v; zfs get -H -o value volsize,refreservation zroot/v", 0, []string{"10M"}},
		{"zfs create -V 10X zroot/w", 1, []string{"bad volume size '10X'"}},
		{"zfs list -t volume -H -o name,mountpoint", 0, []string{"zroot/v -"}},
		{"zfs list -t nonsense", 2, []string{"invalid type 'nonsense'"}},
		{"zfs list -d x", 2, []string{"x is not an integer"}},
		{"zfs list -d 1 -H -o name zroot", 0, []string{"zroot zroot/a zroot/v"}},
		{"zfs list -H -o name -S name", 0, []string{"zroot/v zroot/a/b zroot/a zroot"}},
		{"zfs list -s nosuch", 2, []string{"invalid property 'nosuch'"}},
		{"zfs list -H -o name,avail zroot@no zroot", 1, []string{"cannot open 'zroot@no': dataset does not exist", "zroot "}},
		{"zfs snapshot zroot@1; zfs bookmark zroot@1 zroot#b; zfs get -H type zroot#b", 0, []string{"zroot#b type bookmark -"}},
		{"zfs get -o all atime zroot", 0, []string{"NAME PROPERTY VALUE RECEIVED SOURCE zroot atime on - default"}},
		{"zfs get -o nonsense all zroot", 2, []string{"invalid column name 'nonsense'"}},
		{"zfs get -s nonsense all zroot", 2, []string{"invalid source 'nonsense'"}},
		{"zfs get", 2, []string{"missing property argument"}},
	})
}

func TestProperties(t *testing.T) {
	t.Parallel()
	steps(t, newMachine(t, "14.3", 0, nil), []step{
		{"zfs create zroot/a; zfs create zroot/a/b; zfs set compression=lz4 zroot/a", 0, nil},
		{"zfs get -H compression zroot/a/b", 0, []string{"zroot/a/b compression lz4 inherited from zroot/a"}},
		{"zfs get -H -s inherited -r compression zroot", 0, []string{"zroot/a/b", "!local"}},
		{"zfs inherit compression zroot/a; zfs get -H -o source compression zroot/a", 0, []string{"default"}},
		{"zfs inherit quota zroot/a", 1, []string{"'quota' property cannot be inherited", "use 'zfs set quota=none' to clear"}},
		{"zfs inherit used zroot/a", 1, []string{"used property is read-only"}},
		{"zfs inherit nonsense zroot/a", 2, []string{"invalid property 'nonsense'"}},
		{"zfs set used=1 zroot/a", 255, []string{"'used' is readonly"}},
		{"zfs set org.example:note=x zroot/a; zfs get -r org.example:note zroot/a", 0, []string{"zroot/a/b org.example:note x inherited from zroot/a"}},
		{"zfs get -H all zroot/a/b", 0, []string{"zroot/a/b org.example:note x inherited from zroot/a"}},
		{"zfs list -H -o org.example:note zroot/a", 0, []string{"x"}},
		{"zfs set mountpoint=/srv zroot/a; zfs mount", 0, []string{"zroot/a /srv", "zroot/a/b /srv/b"}},
		{"zfs set zroot/a atime=off", 2, []string{"invalid argument order"}},
		{"zfs set atime=off", 2, []string{"missing dataset name(s)"}},
		{"zfs set atime", 2, []string{"missing property=value argument(s)"}},
		{"cd /srv; zfs set mountpoint=/other zroot/a", 1, []string{"cannot unmount '/srv': pool or dataset is busy", "property may be set but unable to remount filesystem"}},
		{"zfs set quota=100M zroot/a; zfs get -H -o value quota zroot/a; zfs get -Hp -o value quota zroot/a", 0, []string{"100M 104857600"}},
		{"zfs set -u mountpoint=/x zroot/a; zfs get -H -o value mountpoint zroot/a; zfs mount", 0, []string{"/x", "zroot/a /srv"}},
	})
}

func TestDestroy(t *testing.T) {
	t.Parallel()
	steps(t, newMachine(t, "14.3", 0, nil), []step{
		{"zfs create zroot/a; zfs create zroot/a/b; for i in 1 2 3 4; do zfs snapshot -r zroot/a@$i; done", 0, nil},
		{"zfs destroy -nv zroot/a@1%3", 0, []string{"would destroy zroot/a@1", "zroot/a@2", "zroot/a@3", "!@4", "would reclaim"}},
		{"zfs destroy -nvp zroot/a@1,4", 0, []string{"destroy zroot/a@1 destroy zroot/a@4 reclaim"}},
		{"zfs destroy -n zroot/a@%", 0, nil},
		{"zfs destroy zroot/a@nope", 1, []string{"could not find any snapshots to destroy; check snapshot names."}},
		{"zfs destroy -d zroot/a", 1, []string{"missing '@' delimiter in snapshot name"}},
		{"zfs destroy -r zroot/a@2,3; zfs list -H -t snapshot -o name", 0, []string{"zroot/a@1 zroot/a@4 zroot/a/b@1 zroot/a/b@4"}},
		{"zfs clone zroot/a@1 zroot/c; zfs destroy -r zroot/a", 1, []string{"cannot destroy 'zroot/a': filesystem has dependent clones", "use '-R'", "zroot/c"}},
		{"zfs hold -r keep zroot/a@4; zfs destroy zroot/a@4", 1, []string{"it's being held. Run 'zfs holds -r zroot/a@4' to see holders."}},
		{"zfs hold keep zroot/a@4", 1, []string{"cannot hold snapshot 'zroot/a@4': tag already exists on this dataset"}},
		{"zfs holds -r zroot/a@4", 0, []string{"NAME TAG TIMESTAMP", "zroot/a@4 keep", "zroot/a/b@4 keep"}},
		{"zfs release -r keep zroot/a@4; zfs release keep zroot/a@4", 1, []string{"cannot release hold from snapshot 'zroot/a@4': no such tag on this dataset"}},
		{"cd /zroot/a/b; zfs destroy zroot/a/b", 1, []string{"filesystem has children"}},
		{"zfs destroy -R zroot/a; zfs list -H -o name -t all", 0, []string{"zroot", "!zroot/"}},
		{"zfs create zroot/a; zfs snapshot zroot/a@1; zfs bookmark zroot/a@1 zroot/a#b; zfs list -H -o name -t bookmark", 0, []string{"zroot/a#b"}},
		{"zfs destroy zroot/a#c", 1, []string{"bookmark 'zroot/a#c' does not exist."}},
		{"zfs destroy -r zroot/a#b", 255, []string{"recursive is not supported with bookmark"}},
		{"zfs destroy zroot/a#b; zfs list -t bookmark", 0, []string{"no datasets available"}},
	})
}

func TestRename(t *testing.T) {
	t.Parallel()
	steps(t, newMachine(t, "14.3", 0, nil), []step{
		{"zfs create zroot/a; zfs create zroot/a/b; zfs snapshot -r zroot/a@1; echo x > /zroot/a/b/f", 0, nil},
		{"zfs rename zroot/a zroot/z; cat /zroot/z/b/f; zfs list -H -o name -t all", 0, []string{"x", "zroot/z/b@1", "!zroot/a"}},
		{"zfs rename -r zroot/z@1 @2; zfs list -H -o name -t snapshot", 0, []string{"zroot/z@2 zroot/z/b@2"}},
		{"zfs rename zroot/z zroot/z/b/c", 1, []string{"New dataset name cannot be a descendant of current dataset name"}},
		{"zfs rename zroot/z zroot/n/o", 1, []string{"cannot create 'zroot/n/o': parent does not exist"}},
		{"zfs rename -p zroot/z zroot/n/o; zfs list -H -o name -r zroot/n", 0, []string{"zroot/n zroot/n/o zroot/n/o/b"}},
		{"zfs rename zroot/n/o@2 zroot/n@2", 1, []string{"snapshots must be part of same dataset"}},
		{"zfs rename -r zroot/n zroot/m", 2, []string{"source dataset for recursive rename must be a snapshot"}},
		{"zfs rename -p -r a b", 2, []string{"-p and -r options are mutually exclusive"}},
		{"zfs rename -u zroot/n/o/b zroot/n/o/k; zfs mount", 0, []string{"zroot/n/o/k /zroot/n/o/b"}},
		{"zfs promote zroot/n", 1, []string{"cannot promote 'zroot/n': not a cloned filesystem"}},
	})
}

func TestMounts(t *testing.T) {
	t.Parallel()
	steps(t, newMachine(t, "14.3", 0, nil), []step{
		{"zfs create zroot/a; zfs create -u zroot/b; zfs create -o canmount=off zroot/c; zfs create -o mountpoint=legacy zroot/d; zfs create -o mountpoint=none zroot/e", 0, nil},
		{"zfs mount", 0, []string{"zroot/a /zroot/a", "!zroot/b"}},
		{"zfs mount -a; zfs mount", 0, []string{"zroot/b /zroot/b", "!zroot/c", "!zroot/d"}},
		{"zfs mount zroot/a", 1, []string{"cannot mount 'zroot/a': filesystem already mounted"}},
		{"zfs mount zroot/c", 1, []string{"cannot mount 'zroot/c': 'canmount' property is set to 'off'"}},
		{"zfs mount zroot/d", 1, []string{"legacy mountpoint", "use mount(8) to mount this filesystem"}},
		{"zfs mount zroot/e", 1, []string{"no mountpoint set"}},
		{"zfs unmount zroot/c", 1, []string{"cannot unmount 'zroot/c': not currently mounted"}},
		{"zfs umount /zroot/a; zfs mount", 0, []string{"!zroot/a"}},
		{"zfs unmount /etc", 1, []string{"cannot unmount '/etc': not a ZFS filesystem"}},
		{"zfs unmount /nosuch", 1, []string{"cannot unmount '/nosuch': No such file or directory"}},
		{"zfs unmount -a; zfs mount", 0, []string{"!zroot"}},
		{"zfs unmount", 2, []string{"missing filesystem argument"}},
		{"zfs mount -o ro zroot/a", sim.CannotCode, []string{"the simulator can't"}},
	})
}

func TestStreams(t *testing.T) {
	t.Parallel()
	steps(t, newMachine(t, "14.3", 0, nil), []step{
		{"zfs create -o compression=lz4 zroot/s; echo one > /zroot/s/f; zfs snapshot zroot/s@1; echo two > /zroot/s/f; zfs snapshot zroot/s@2", 0, nil},
		{"zfs send -nv -i @1 zroot/s@2", 0, []string{"send from @1 to zroot/s@2 estimated size is", "total estimated size is"}},
		{"zfs send -nP -i 1 zroot/s@2", 0, []string{"incremental 1 zroot/s@2"}},
		{"zfs send zroot/s@1 | zfs receive -v zroot/t; cat /zroot/t/f", 0, []string{"receiving full stream of zroot/s@1 into zroot/t@1", "received", "one"}},
		{"zfs send -i @1 zroot/s@2 | zfs recv zroot/t; cat /zroot/t/f", 0, []string{"two"}},
		{"zfs send -i zroot/x@1 zroot/s@2 >/dev/null", 2, []string{"incremental source must be in same filesystem"}},
		{"zfs send -i @0 zroot/s@2 >/dev/null", 1, []string{"WARNING: could not send zroot/s@2: incremental source (zroot/s@0) does not exist"}},
		{"zfs send -i @1 zroot/s@2 | zfs receive zroot/none", 1, []string{"cannot receive incremental stream: destination 'zroot/none' does not exist"}},
		{"zfs send zroot/s@1 | zfs receive zroot/no/ne", 1, []string{"destination 'zroot/no' does not exist"}},
		{"zfs send -R zroot/s@2 | zfs receive -u zroot/r; zfs get -H -o value,source compression zroot/r; zfs get -H -o value mounted zroot/r", 0, []string{"lz4 received no"}},
		{"zfs send -p zroot/s@2 | zfs receive -o atime=off -x compression zroot/x; zfs get -H -o value,source atime,compression zroot/x", 0, []string{"off local on default"}},
		{"zfs send zroot/s@2 | head -c 450 | zfs receive -s zroot/half", 1, []string{"Partially received snapshot is saved.", "zfs send -t 1-"}},
		{"zfs send -t $(zfs get -H -o value receive_resume_token zroot/half) | zfs receive -s zroot/half; cat /zroot/half/f", 0, []string{"two"}},
		{"zfs receive -A zroot/half", 1, []string{"'zroot/half' does not have any resumable receive state to abort"}},
		{"zfs send -t nonsense", 1, []string{"cannot resume send: resume token is corrupt"}},
		{"zfs create zroot/s/new; zfs send -R zroot/s@2 | zfs receive zroot/all", 0, []string{"WARNING: could not send zroot/s/new@2: does not exist"}},
		{"zfs send -R zroot/s@2 >/dev/null", 1, nil},
		{"zfs send -Rs zroot/s@2 >/dev/null", 0, []string{"!WARNING"}},
		{"zfs send zroot/s", sim.CannotCode, []string{"the simulator can't"}},
		{"zfs send", 2, []string{"missing snapshot argument"}},
	})
}

func TestDiff(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "14.3", 0, nil)
	must(t, m, "zfs create zroot/d; cd /zroot/d; echo a > a; echo b > b; mkdir dir; echo c > dir/c; mkdir gone; touch gone/x; zfs snapshot zroot/d@1")
	must(t, m, "cd /zroot/d; echo more >> a; rm b; mv dir moved; rm -r gone; echo new > 'a new'; zfs snapshot zroot/d@2")
	for command, want := range map[string]string{
		"zfs diff -H zroot/d@1":                           "M\t/zroot/d/\nM\t/zroot/d/a\n-\t/zroot/d/b\nR\t/zroot/d/dir\t/zroot/d/moved\n-\t/zroot/d/gone\n-\t/zroot/d/gone/x\n+\t/zroot/d/a\\0040new\n",
		"zfs diff -FH zroot/d@1 zroot/d@2 | grep -v '^M'": "-\tF\t/zroot/d/b\nR\t/\t/zroot/d/dir\t/zroot/d/moved\n-\t/\t/zroot/d/gone\n-\tF\t/zroot/d/gone/x\n+\tF\t/zroot/d/a\\0040new\n",
		"zfs diff zroot/d@2":                              "",
	} {
		got := must(t, m, command)
		if sorted(got) != sorted(want) {
			t.Errorf("%s:\n%s\nwant\n%s", command, got, want)
		}
	}
	steps(t, m, []step{
		{"zfs diff", 2, []string{"must provide at least one snapshot name"}},
		{"zfs diff zroot/d", 1, []string{"Badly formed snapshot name zroot/d"}},
		{"zfs unmount zroot/d; zfs diff zroot/d@1", 1, []string{"Cannot diff an unmounted snapshot"}},
	})
}

func sorted(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		for j := range i {
			if lines[i] < lines[j] {
				lines[i], lines[j] = lines[j], lines[i]
			}
		}
	}
	return strings.Join(lines, "\n")
}

// TestDelegation has users do what zfs allow lets them, and nothing else.
func TestDelegation(t *testing.T) {
	t.Parallel()
	m := newMachine(t, "14.3", 0, nil)
	must(t, m, "zfs create zroot/a; zfs create zroot/a/b; zfs create zroot/c")
	if err := m.AddUser("alice"); err != nil {
		t.Fatal(err)
	}
	as := func(script string) (string, int) {
		out, errs, code := m.Exec(context.Background(), "alice", script)
		return out + errs, code
	}
	for _, script := range []string{
		"zfs create zroot/x", "zfs snapshot zroot/a@1", "zfs destroy zroot/c", "zfs set atime=off zroot/c", "zfs rename zroot/c zroot/d",
		"zfs allow alice snapshot zroot/a", "zfs inherit atime zroot/c", "zfs mount zroot/a", "zfs unmount zroot/c",
	} {
		if text, code := as(script); code == 0 || !strings.Contains(text, "ermission denied") && !strings.Contains(text, "already mounted") {
			t.Errorf("%s: code %d\n%s", script, code, text)
		}
	}
	if text, code := as("zfs list"); code != 0 {
		t.Errorf("zfs list: code %d\n%s", code, text)
	}
	must(t, m, "zfs allow -s @safe snapshot,hold zroot; zfs allow -l alice @safe,atime zroot/a; zfs allow -d alice snapshot zroot/a; zfs allow -e mount zroot/c; zfs allow -c destroy zroot/a; zfs allow alice userprop,create zroot/c")
	const want = `---- Permissions on zroot/a ------------------------------------------
Create time permissions:
	destroy
Local permissions:
	user alice @safe,atime
Descendent permissions:
	user alice snapshot
---- Permissions on zroot --------------------------------------------
Permission sets:
	@safe hold,snapshot
`
	if got := must(t, m, "zfs allow zroot/a"); got != want {
		t.Errorf("zfs allow:\n%s\nwant\n%s", got, want)
	}
	for script, allowed := range map[string]bool{
		"zfs snapshot zroot/a@1": true, "zfs snapshot zroot/a/b@1": true, "zfs snapshot zroot/c@1": false, "zfs set atime=off zroot/a": true,
		"zfs set atime=off zroot/a/b": false, "zfs hold k zroot/a/b@1": false,
		"zfs set org.example:note=x zroot/c": true, "zfs set org.example:note=x zroot/a": false,
	} {
		if text, code := as(script); (code == 0) != allowed {
			t.Errorf("%s: code %d\n%s", script, code, text)
		}
	}
	if text, code := as("zfs create zroot/c/mine"); code != 1 || !strings.Contains(text, "filesystem successfully created, but not mounted") {
		t.Errorf("zfs create: code %d\n%s", code, text)
	}
	steps(t, m, []step{
		{"zfs get -H -o value mounted zroot/c/mine", 0, []string{"no"}},
		{"zfs unallow -l alice @safe zroot/a; zfs allow zroot/a", 0, []string{"user alice atime", "!user alice @safe"}},
		{"zfs unallow alice zroot/a; zfs allow zroot/a", 0, []string{"!alice"}},
		{"zfs allow alice nonsense zroot/a", 1, []string{"cannot set permissions on 'zroot/a': Invalid argument"}},
		{"zfs allow nobodythere snapshot zroot/a", 2, []string{"invalid user/group nobodythere"}},
		{"zfs allow -s safe snapshot zroot/a", 2, []string{"invalid set name: missing '@' prefix"}},
		{"zfs allow a b c d", 2, []string{"wrong number of parameters"}},
		{"zfs allow nosuch", 255, []string{"Failed to open dataset: nosuch"}},
	})
}

// TestHistory has the pool note what changed it, and nothing else.
func TestHistory(t *testing.T) {
	m := onProfile(t, "freebsd-14.3-zfs-mirror-uefi")
	must(t, m, "zfs create zroot/a; zfs list >/dev/null; zfs snapshot -r zroot@1; zfs create zroot/a || true; zfs destroy -n zroot@1; zfs set atime=on zroot/a")
	s := m.State()
	s.Lock()
	defer s.Unlock()
	var got []string
	for _, e := range s.Pools[0].History {
		got = append(got, e.Command)
	}
	want := "zfs create zroot/a\nzfs snapshot -r zroot@1\nzfs set atime=on zroot/a"
	if !strings.HasSuffix(strings.Join(got, "\n"), want) || strings.Count(strings.Join(got, "\n"), "zfs create") != 1 {
		t.Errorf("history\n%s", strings.Join(got, "\n"))
	}
}
