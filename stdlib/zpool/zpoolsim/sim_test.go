package zpoolsim

import (
	"net/url"
	"path/filepath"
	"testing"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/zfs"
	"bsdrun/tests/transcript"
)

// step is a transcript.Step in short.
type step struct {
	Script string
	Code   int
	Want   []string
}

var steps = transcript.Steps[step]

func TestLostDisks(t *testing.T) {
	m := newMachine(t, "14.3", slow)
	must(t, m, "zpool create -m none tank raidz1 disk0 disk1 disk2")
	fill(m, "tank", 300<<20)
	m.PullDisk("disk1", true)
	steps(t, m, []step{
		{"zpool status", 0, []string{"state: DEGRADED", "removed by the administrator", "raidz1-0 DEGRADED", "disk1 REMOVED"}},
		{"zpool offline tank disk2", 1, []string{"cannot offline disk2: no valid replicas"}},
		{"zpool scrub -w tank", 0, nil},
	})
	m.PullDisk("disk2", true)
	steps(t, m, []step{
		{"zpool status", 0, []string{"state: SUSPENDED", "ZFS-8000-HC"}},
		{"zpool set comment=x tank", 1, []string{"pool I/O is currently suspended"}},
	})
	m.PullDisk("disk1", false)
	m.PullDisk("disk2", false)
	steps(t, m, []step{
		{"zpool clear tank", 0, nil},
		{"zpool wait -t resilver tank; zpool status", 0, []string{"state: ONLINE", "resilvered"}},
	})
}

func TestBootWithoutDisk(t *testing.T) {
	m := newMachine(t, "14.3", slow)
	must(t, m, "zpool create -m none tank mirror disk0 disk1; zpool offline -t tank disk0; zpool online tank disk0; zpool wait tank")
	m.PullDisk("disk1", true)
	zfs.Booted(m)
	steps(t, m, []step{
		{"zpool status", 0, []string{"UNAVAIL 0 0 0 was /dev/disk1", "ZFS-8000-2Q"}},
		{"zpool online tank disk1", 0, []string{"warning: device 'disk1' onlined, but remains in faulted state"}},
	})
	m.PullDisk("disk1", false)
	steps(t, m, []step{
		{"zpool status", 0, []string{"UNAVAIL"}}, // nobody looks for it
		{"zpool online tank disk1; zpool wait tank; zpool status", 0, []string{"state: ONLINE", "resilvered"}},
	})
}

func TestReplace(t *testing.T) {
	m := newMachine(t, "13.5", slow)
	must(t, m, "zpool create -m none tank mirror disk0 disk1")
	fill(m, "tank", 400<<20) // 20 seconds
	steps(t, m, []step{
		{"zpool replace tank disk1 disk2; zpool status", 0, []string{"One or more devices is currently being resilvered", "replacing-1 ONLINE", "disk2 ONLINE 0 0 0 (resilvering)", "400M total"}},
		{"sleep 10; zpool status", 0, []string{"resilvered, 47.6", "00:00:1"}},
		{"zpool replace tank disk1 disk3", 1, []string{"already in replacing/spare config"}},
		{"zpool scrub tank", 1, []string{"currently resilvering"}},
		{"zpool wait -t replace tank; zpool status", 0, []string{"resilvered 400M in 00:00:21 with 0 errors", "!disk1", "!replacing", "disk2 ONLINE"}},
		{"zpool replace tank disk2 disk0", 1, []string{"the following errors must be manually repaired: /dev/disk0 is part of active pool 'tank'"}},
		{"zpool replace tank disk9 disk3", 1, []string{"cannot replace disk9 with disk3: no such device in pool"}},
		{"zpool replace tank disk2 nosuch", 1, []string{"cannot open 'nosuch': no such device in /dev"}},
	})
}

func TestAttachDetach(t *testing.T) {
	m := newMachine(t, "12.4", slow)
	must(t, m, "zpool create -m none zroot disk0; zpool set bootfs=zroot zroot")
	fill(m, "zroot", 100<<20)
	steps(t, m, []step{
		{"zpool detach zroot disk0", 255, []string{"only applicable to mirror and replacing vdevs"}},
		{"zpool attach zroot disk0 disk1", 0, []string{"Make sure to wait until resilver is done", "gpart bootcode -b /boot/pmbr -p /boot/gptzfsboot -i 1 da0"}},
		{"zpool detach zroot disk0", 255, []string{"no valid replicas"}},
		{"sleep 60; zpool status", 0, []string{"resilvered 100M in 0 days 00:00:06 with 0 errors", "mirror-0 ONLINE"}},
		{"zpool detach zroot disk0; zpool status", 0, []string{"zroot ONLINE 0 0 0 disk1 ONLINE", "!mirror"}},
		{"zpool detach nosuch disk0", 1, []string{"cannot open 'nosuch': no such pool"}},
		{"zpool attach zroot", 2, []string{"missing <device> specification", "usage: attach [-f] <pool> <device> <new-device>"}},
	})
}

func TestSpare(t *testing.T) {
	m := newMachine(t, "14.3", slow)
	must(t, m, "zpool create -m none tank mirror disk0 disk1 spare disk2")
	fill(m, "tank", 100<<20)
	steps(t, m, []step{
		{"zpool status", 0, []string{"spares disk2 AVAIL"}},
		{"zpool offline tank disk1; zpool replace tank disk1 disk2; zpool wait tank; zpool status", 0, []string{"spare-1 DEGRADED", "disk2 INUSE currently in use", "state: DEGRADED"}},
		{"zpool detach tank disk1; zpool status", 0, []string{"state: ONLINE", "!spare", "disk2 ONLINE"}},
	})
}

func TestLayouts(t *testing.T) {
	m := newMachine(t, "14.3", nil)
	steps(t, m, []step{
		{"zpool create tank mirror disk0", 1, []string{"invalid vdev specification: mirror requires at least 2 devices"}},
		{"zpool create tank mirror disk0 disk1 disk2", 0, nil},
		{"zpool add tank disk3", 1, []string{"use '-f' to override", "mismatched replication level: pool uses mirror and new vdev is disk"}},
		{"zpool add tank log disk3; zpool status; zpool remove tank disk3; zpool status -P", 0, []string{"logs disk3 ONLINE", "/dev/disk2 ONLINE"}},
		{"zpool destroy tank; zpool create -n tank mirror disk0 disk1 mirror disk2 disk3", 0, []string{"would create 'tank' with the following layout: tank mirror disk0 disk1 mirror disk2 disk3"}},
		{"zpool list", 0, []string{"no pools available"}},
		{"zpool create tank disk0 disk1; zpool remove tank disk1; zpool status", 0, []string{"indirect-1 ONLINE", "remove: Removal of vdev 1"}},
		{"zpool create tank disk2", 1, []string{"cannot create 'tank': pool already exists"}},
		{"mkdir /full; touch /full/x; zpool create -m /full more disk2", 1, []string{"mountpoint '/full' exists and is not empty"}},
		{"zpool labelclear -f disk0", 1, []string{"is a member (ACTIVE) of pool \"tank\""}},
	})
}

func TestFiles(t *testing.T) {
	m := newMachine(t, "14.3", nil)
	steps(t, m, []step{
		{"truncate -s 100M /tmp/a /tmp/b; zpool create tank mirror /tmp/a /tmp/b; zpool status", 0, []string{"/tmp/a ONLINE", "/tmp/b ONLINE"}},
		{"touch /tank/x; zpool export tank; ls /tank", 0, []string{"!x"}},
		{"zpool import", 0, []string{"no pools available to import"}},
		{"zpool import -d /tmp tank; ls /tank", 0, []string{"x"}},
		{"zpool export tank; rm /tmp/b; zpool import -d /tmp", 0, []string{"state: DEGRADED", "UNAVAIL cannot open"}},
		{"zpool import -d /tmp tank other; zpool list -H -o name,health; ls /other", 0, []string{"other DEGRADED x"}},
		{"truncate -s 1M /tmp/c; zpool create small /tmp/c", 1, []string{"less than the minimum size (64M)"}},
	})
}

func TestSplit(t *testing.T) {
	m := newMachine(t, "14.3", slow)
	must(t, m, "zpool create -m none tank mirror disk0 disk1")
	steps(t, m, []step{
		{"zpool split tank half; zpool status", 0, []string{"!mirror", "disk0 ONLINE"}},
		{"zpool import half; zpool list -H -o name", 0, []string{"tank half"}},
	})
	must(t, m, "zpool create -O mountpoint=/pool two mirror disk2 disk3; echo shared >/pool/f")
	steps(t, m, []step{
		{"zpool split two twin; echo changed >/pool/f; zpool export two; zpool import twin; cat /pool/f", 0, []string{"shared"}},
		{"echo own >/pool/f; zpool export twin; zpool import two; cat /pool/f", 0, []string{"changed"}},
	})
}

func TestFormats(t *testing.T) {
	m := newMachine(t, "15.0", nil)
	must(t, m, "zpool create -m none tank disk0; zpool create -m none -o compatibility=openzfs-2.1-freebsd old disk1; zpool export tank; zpool export old")
	s := m.State()
	s.Lock()
	s.Release.Version = "13.5"
	s.Unlock()
	steps(t, m, []step{
		{"zpool import", 0, []string{"pool: tank", "state: UNAVAIL", "not supported on this system: com.delphix:head_errlog", "pool: old", "state: ONLINE"}},
		{"zpool import tank", 1, []string{"uses the following feature(s) not supported by this system", "cannot import 'tank': unsupported version or feature"}},
		{"zpool import old; zpool list -H -o name", 0, []string{"old"}},
	})
	s.Lock()
	s.Release.Version = "9.0"
	s.Unlock()
	steps(t, m, []step{{"zpool import tank", 1, []string{"cannot import 'tank': pool is formatted using an unsupported ZFS version"}}})
}

func TestReminder(t *testing.T) {
	for release, reminds := range map[string]bool{"8.4": true, "9.0": true, "9.2": true, "12.4": true, "13.5": false, "15.0": false} {
		m := newMachine(t, release, nil)
		must(t, m, "zpool create -m none -o version=15 zroot disk0; zpool create -m none -o version=15 data disk1; zpool set bootfs=zroot zroot")
		reminder := "If you boot from pool 'zroot', don't forget to update boot code."
		if !reminds {
			reminder = "!" + reminder
		}
		steps(t, m, []step{
			{"zpool upgrade data", 0, []string{"Successfully upgraded 'data' from version 15 to", "!update boot code"}},
			{"zpool upgrade zroot", 0, []string{"Successfully upgraded 'zroot' from version 15 to", reminder}},
		})
	}
}

func TestDamage(t *testing.T) {
	m := newMachine(t, "14.3", url.Values{zfs.RateParam: {"20M"}})
	must(t, m, "zpool create tank mirror disk0 disk1; touch /tank/file; zpool create -m none single disk2")
	fill(m, "tank", 100<<20)
	fill(m, "single", 100<<20)
	if err := zfs.Damage(m, "single", "disk2", 1<<20); err != nil {
		t.Fatal(err)
	}
	if err := zfs.Lose(m, "/tank/file"); err != nil {
		t.Fatal(err)
	}
	steps(t, m, []step{
		{"zpool status single", 0, []string{"errors: No known data errors"}},
		{"zpool scrub -w single; zpool status single", 0, []string{"scrub repaired 0B in 00:00:06 with 8 errors", "ZFS-8000-8A", "state: ONLINE", "errors: 8 data errors, use '-v' for a list"}},
		{"zpool status -v tank", 0, []string{"Permanent errors have been detected in the following files: /tank/file", "disk0 ONLINE 0 0 2"}},
		{"zpool clear tank; zpool status -x tank", 0, []string{"is healthy"}},
	})
	if err := zfs.Damage(m, "tank", "disk1", 1<<20); err != nil {
		t.Fatal(err)
	}
	steps(t, m, []step{
		// the only good copy goes: what the other holds is wrong
		{"zpool offline tank disk0; zpool scrub -w tank; zpool status tank", 0, []string{"with 8 errors"}},
		{"zpool online tank disk0; zpool wait tank; zpool clear tank; zpool scrub -w tank; zpool status tank", 0, []string{"scrub repaired 1M in", "with 0 errors", "disk1 ONLINE 0 0 8"}},
	})
}

func TestPause(t *testing.T) {
	m := newMachine(t, "14.3", slow)
	must(t, m, "zpool create -m none tank disk0")
	fill(m, "tank", 400<<20)
	steps(t, m, []step{
		{"zpool scrub tank; sleep 5; zpool scrub -p tank; sleep 1000; zpool status", 0, []string{"scrub paused since", "23.8"}},
		{"zpool scrub tank; sleep 14; zpool status", 0, []string{"scrub in progress", "90.4"}},
		{"sleep 3; zpool status", 0, []string{"scrub repaired 0B in 00:00:21"}},
		{"zpool scrub tank; zpool scrub tank", 1, []string{"cannot scrub tank: currently scrubbing; use 'zpool scrub -s' to cancel scrub"}},
		{"zpool scrub -s tank; zpool scrub -p tank", 1, []string{"cannot pause scrubbing tank: there is no active scrub"}},
	})
}

func TestCheckpoint(t *testing.T) {
	m := newMachine(t, "14.3", nil)
	must(t, m, "zpool create -m none -o version=28 tank mirror disk0 disk1")
	steps(t, m, []step{
		{"zpool checkpoint tank", 1, []string{"operation not supported"}},
		{"zpool upgrade tank; zpool checkpoint tank; zpool get -H -o value feature@zpool_checkpoint tank", 0, []string{"active"}},
		{"zpool attach tank disk0 disk2", 1, []string{"cannot attach disk2 to disk0: checkpoint exists"}},
		{"zpool detach tank disk1", 255, []string{"checkpoint exists"}},
		{"zpool checkpoint -d tank; zpool get -H -o value feature@zpool_checkpoint tank", 0, []string{"enabled"}},
		{"zpool export tank; zpool import --rewind-to-checkpoint tank", 1, []string{"cannot import 'tank': checkpoint does not exist"}},
		{"zpool import tank; zpool list -H -o name tank", 0, []string{"tank"}},
	})
}

// A pool that is made anew has nothing of one of the same name before it.
func TestSameName(t *testing.T) {
	m := newMachine(t, "14.3", nil)
	must(t, m, "zpool create -O mountpoint=/data tank disk0; echo old >/data/f; zpool export tank; zpool create -O mountpoint=/data tank disk1")
	steps(t, m, []step{
		{"ls /data", 0, []string{"!f"}},
		{"echo new >/data/f; zpool import tank old; zpool export tank; zpool list -H -o name", 0, []string{"old"}},
		{"cat /data/f; zpool export old; zpool import tank; cat /data/f", 0, []string{"old new"}},
	})
}

func TestRewind(t *testing.T) {
	m := newMachine(t, "14.3", nil)
	must(t, m, "zpool create -O mountpoint=/data tank disk0; echo before >/data/f; zpool checkpoint tank; echo after >/data/f; touch /data/new; zpool set comment=late tank")
	steps(t, m, []step{
		{"zpool export tank; zpool import --rewind-to-checkpoint tank; cat /data/f; ls /data", 0, []string{"before", "!new"}},
		{"zpool get -H -o value comment tank; zpool checkpoint -d tank", 1, []string{"!late", "checkpoint does not exist"}},
	})
}

func TestSaved(t *testing.T) {
	file := filepath.Join(t.TempDir(), "machine")
	open := func() *sim.Machine {
		m, err := sim.New(sim.Options{Profile: "freebsd-13.5-zfs-mirror", Tools: append(base.Tools(), Tools()...), Params: url.Values{"state": {file}, zfs.RateParam: {"20M"}}})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m := open()
	fill(m, "zroot", 400<<20)
	steps(t, m, []step{{"zpool scrub zroot; sleep 8; zpool status", 0, []string{"scrub in progress"}}})
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	m = open()
	defer func() { _ = m.Close() }()
	steps(t, m, []step{{"sleep 5; zpool status", 0, []string{"scrub in progress", "6"}}, {"sleep 60; zpool status", 0, []string{"scrub repaired 0B in 00:00:21"}}})
}

func TestParams(t *testing.T) {
	m, err := sim.New(sim.Options{Profile: "freebsd-13.5-zfs-mirror", Tools: append(base.Tools(), Tools()...),
		Params: url.Values{zfs.DamageParam: {"zroot:ada1p3:10M"}, zfs.LostParam: {"/etc/motd.template"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	steps(t, m, []step{
		{"zpool status -v", 0, []string{"/etc/motd.template"}},
		{"zpool scrub -w zroot; zpool status", 0, []string{"scrub repaired 10M", "ada1p3 ONLINE 0 0 82"}},
	})
}

func TestExpand(t *testing.T) {
	m := newMachine(t, "14.3", nil)
	must(t, m, "zpool create -m none tank disk0")
	s := m.State()
	s.Lock()
	s.Disk("disk0").Size *= 2
	s.Unlock()
	steps(t, m, []step{
		{"zpool list -Ho size,expandsz", 0, []string{"960M 960M"}},
		{"zpool online -e tank disk0; zpool list -Ho size,expandsz", 0, []string{"1.88G -"}},
	})
}

func TestNames(t *testing.T) {
	m, err := sim.New(sim.Options{Profile: "freebsd-8.2-zfs-mirror", Tools: append(base.Tools(), Tools()...)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	steps(t, m, []step{
		{"zpool status", 0, []string{"NAME STATE READ WRITE CKSUM zroot ONLINE 0 0 0 mirror ONLINE 0 0 0 gpt/disk0 ONLINE 0 0 0 gpt/disk1 ONLINE 0 0 0"}},
		{"zpool offline zroot gpt/disk1; zpool online zroot /dev/gpt/disk1; sleep 60; zpool status", 0, []string{"resilver completed after 0h0m with 0 errors", "resilvered"}},
		{"zpool list", 0, []string{"NAME SIZE USED AVAIL CAP HEALTH ALTROOT"}},
		{"zpool get bootfs zroot", 0, []string{"zroot bootfs zroot local"}},
		{"zpool split zroot x", 2, []string{"unrecognized command 'split'"}},
		{"zpool export zroot", 1, []string{"cannot unmount '/", "pool or dataset is busy"}},
	})
	table := "NAME   PROPERTY  VALUE     SOURCE\nzroot  bootfs    zroot     local\nzroot  failmode  continue  local\n"
	if out := must(t, m, "zpool set failmode=continue zroot; zpool get bootfs,failmode zroot"); out != table {
		t.Errorf("zpool get:\n%s", out)
	}
	m = newMachine(t, "14.3", nil)
	steps(t, m, []step{
		{"zpool create -m none tank mirror disk0 disk1; zpool status -g", 0, []string{"!mirror-0", "!disk0"}},
		{"g=$(zpool get -Hp -o value guid tank); zpool export tank; zpool import $g; zpool list -Ho name", 0, []string{"tank"}},
		{"zpool export tank; zpool import -o readonly=on -R /mnt tank; zpool set comment=x tank", 1, []string{"pool is read-only"}},
		{"zpool get -H -o property,value,source altroot,readonly,cachefile tank", 0, []string{"altroot /mnt local readonly on local cachefile none local"}},
		{"zpool status tank nosuch", 1, []string{"pool: tank", "cannot open 'nosuch': no such pool"}},
		{"zpool status 1", sim.CannotCode, []string{"the simulator can't"}},
	})
}
