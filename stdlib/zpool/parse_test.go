package zpool

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/effect"
)

// at is a time of day of the texts below.
func at(clock string) time.Time {
	t, err := time.Parse(time.DateTime, "2012-03-05 "+clock)
	if err != nil {
		panic(err)
	}
	return t
}

// TestScans reads the texts of all eras, as the sources of the tools have them.
func TestScans(t *testing.T) {
	const day = " on Mon Mar  5 10:58:19 2012"
	ended := at("10:58:19")
	for text, want := range map[string]Scan{
		// FreeBSD 8
		"none requested": noScan,
		"scrub completed after 0h35m with 0 errors" + day: {
			Function: "scrub", State: "finished", Started: at("10:23:19"), Ended: ended, Took: 35 * time.Minute, Done: 100,
		},
		"resilver completed after 1h2m with 3 errors" + day: {
			Function: "resilver", State: "finished", Started: at("09:56:19"), Ended: ended, Took: 62 * time.Minute, Errors: 3, Done: 100,
		},
		"scrub stopped after 0h1m with 0 errors" + day: {
			Function: "scrub", State: "canceled", Started: at("10:57:19"), Ended: ended, Took: time.Minute,
		},
		"scrub in progress for 0h4m, 14.64% done, 0h23m to go": {
			Function: "scrub", State: "running", Took: 4 * time.Minute, Done: 14.64, Left: 23 * time.Minute,
		},
		// FreeBSD 9 to 12
		"scrub repaired 0 in 0h35m with 0 errors" + day: {
			Function: "scrub", State: "finished", Started: at("10:23:19"), Ended: ended, Took: 35 * time.Minute, Done: 100,
		},
		"resilvered 1.50G in 0h2m with 0 errors" + day: {
			Function: "resilver", State: "finished", Started: at("10:56:19"), Ended: ended, Took: 2 * time.Minute, Repaired: 3 << 29, Done: 100,
		},
		"scrub canceled" + day: {Function: "scrub", State: "canceled", Ended: ended},
		"scrub in progress since Mon Mar  5 10:58:19 2012\n1.2T scanned out of 3.4T at 100M/s, 6h20m to go\n0 repaired, 35.29% done": {
			Function: "scrub", State: "running", Started: ended, Done: 35.29, Left: 380 * time.Minute,
		},
		"resilver in progress since Mon Mar  5 10:58:19 2012\n1.2T scanned out of 3.4T at 100M/s, (scan is slow, no estimated time)\n12K resilvered, 35.29% done": {
			Function: "resilver", State: "running", Started: ended, Repaired: 12 << 10, Done: 35.29,
		},
		// FreeBSD 13 and later
		"scrub repaired 0B in 1 days 02:03:04 with 2 errors" + day: {
			Function: "scrub", State: "finished", Started: at("08:55:15").AddDate(0, 0, -1), Ended: ended, Errors: 2, Done: 100,
			Took: 26*time.Hour + 3*time.Minute + 4*time.Second,
		},
		"scrub paused since Mon Mar  5 10:58:19 2012\nscrub started on Mon Mar  5 10:23:19 2012\n150M / 151M scanned, 17.2M / 151M issued\n0B repaired, 11.40% done": {
			Function: "scrub", State: "paused", Started: at("10:23:19"), Done: 11.4,
		},
		"resilver in progress since Mon Mar  5 10:58:19 2012\n150M / 151M scanned, 17.2M / 151M issued at 17.2M/s\n17.0M resilvered, 11.40% done, 1 days 00:00:07 to go": {
			Function: "resilver", State: "running", Started: ended, Repaired: 17 << 20, Done: 11.4, Left: 24*time.Hour + 7*time.Second,
		},
		"resilver in progress since Mon Mar  5 10:58:19 2012\n150M / 151M scanned, 17.2M / 151M issued\n17.0M resilvered, 11.40% done, no estimated completion time": {
			Function: "resilver", State: "running", Started: ended, Repaired: 17 << 20, Done: 11.4,
		},
		"resilvered (mirror-0) 100M in 00:00:05 with 0 errors" + day: {
			Function: "resilver", State: "finished", Started: at("10:58:14"), Ended: ended, Took: 5 * time.Second, Repaired: 100 << 20, Done: 100,
		},
	} {
		got := parseScan(strings.Split(text, "\n"))
		want.Text = text
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", text, d)
		}
	}
}

const eraText = `  pool: zroot
 state: DEGRADED
status: One or more devices could not be opened.  Sufficient replicas exist for
	the pool to continue functioning in a degraded state.
action: Attach the missing device and online it using 'zpool online'.
   see: http://www.sun.com/msg/ZFS-8000-2Q
 scrub: resilver in progress for 0h0m, 1.25% done, 0h4m to go
config:

	NAME                       STATE     READ WRITE CKSUM
	zroot                      DEGRADED     0     0     0
	  mirror                   DEGRADED     0     0     0
	    gpt/disk0              ONLINE       0     0     0
	    replacing              UNAVAIL      0 1.2K     0  insufficient replicas
	      6473432178310219131  UNAVAIL      0     0     0  was /dev/gpt/disk1/old
	      gpt/disk2            ONLINE       0     0     0  12K resilvered
	logs                       ONLINE       0     0     0
	  gpt/log0                 ONLINE       0     0     0
	cache
	  ad8                      ONLINE       0     0     0
	spares
	  gpt/spare0               AVAIL
	  gpt/spare1               INUSE     currently in use

errors: Permanent errors have been detected in the following files:

        /usr/home/a file
        zroot/var:<0x15>

`

func TestTreeOfOldReleases(t *testing.T) {
	pools, err := parseStatus("test", eraText)
	if err != nil || len(pools) != 1 {
		t.Fatalf("%+v %v", pools, err)
	}
	s := pools[0]
	want := `  zroot DEGRADED, message ZFS-8000-2Q
    status: One or more devices could not be opened. Sufficient replicas exist for the pool to continue functioning in a degraded state.
    action: Attach the missing device and online it using 'zpool online'.
    problems: the pool is DEGRADED; mirror is DEGRADED; replacing is UNAVAIL; replacing has 0 read, 1229 write and 0 checksum errors; 6473432178310219131 is UNAVAIL; gpt/spare1 is INUSE; a resilver is under way; data is damaged: Permanent errors have been detected in the following files:
    scan: resilver running .. took=0s repaired=0 errors=0 done=1.25 left=4m0s
    lost: 2 "Permanent errors have been detected in the following files:" ["/usr/home/a file" "zroot/var:<0x15>"]
    - mirror (mirror, normal) DEGRADED 0/0/0
      - gpt/disk0 (disk, normal) ONLINE 0/0/0 "/dev/gpt/disk0"
      - replacing (replacing, normal) UNAVAIL 0/1229/0 "insufficient replicas"
        - 6473432178310219131 (disk, normal) UNAVAIL 0/0/0 "/dev/gpt/disk1/old" "6473432178310219131" "was /dev/gpt/disk1/old"
        - gpt/disk2 (disk, normal) ONLINE 0/0/0 "/dev/gpt/disk2" "12K resilvered"
    - gpt/log0 (disk, log) ONLINE 0/0/0 "/dev/gpt/log0"
    - ad8 (disk, cache) ONLINE 0/0/0 "/dev/ad8"
    - gpt/spare0 (disk, spare) AVAIL 0/0/0 "/dev/gpt/spare0"
    - gpt/spare1 (disk, spare) INUSE 0/0/0 "/dev/gpt/spare1" "currently in use"
`
	if d := cmp.Diff(want, describe(s)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if got := s.underway(nil); !cmp.Equal(got, []string{"resilver", "replace"}) {
		t.Errorf("under way: %q", got)
	}
	if v, group := find(s.Vdevs, "/dev/gpt/disk1/old"); v == nil || group.Type != "replacing" {
		t.Errorf("the old name finds %v in %v", v, group)
	}
}

const twoPools = `  pool: a
 state: ONLINE
  scan: resilvered (mirror-0) 1M in 00:00:01 with 0 errors on Mon Mar  5 10:58:19 2012
  scan: scrub in progress since Mon Mar  5 11:00:00 2012
	1M / 2M scanned, 1M / 2M issued
	0B repaired, 50.00% done, no estimated completion time
    scan warning: skipping blocks that are only referenced by the checkpoint.
 scrub: error scrub canceled on Mon Mar  5 11:00:00 2012
remove: Evacuation of mirror-1 in progress since Mon Mar  5 10:00:00 2012
	1M copied out of 2M at 1M/s, 50.00% done, 0h1m to go
checkpoint: discarding, 12.5M remaining.
expand: expanded raidz1-0 copied 1M in 00:00:01, on Mon Mar  5 10:58:19 2012
config:

	NAME             STATE     READ WRITE CKSUM
	a                ONLINE       0     0     0
	  /var/a disk 0  ONLINE       0     0     0
	special
	  mirror-1       ONLINE       0     0     0  (removing)
	    nda0p1.eli   ONLINE       0     0     0
	    nda1p1.eli   ONLINE       0     0     0

errors: 7 data errors, use '-v' for a list

  pool: b
 state: ONLINE
config:

	NAME        STATE     READ WRITE CKSUM
	b           ONLINE       0     0     2
	  ada9      ONLINE       0     0     0

errors: No known data errors
`

func TestSeveralPools(t *testing.T) {
	pools, err := parseStatus("test", twoPools)
	if err != nil || len(pools) != 2 {
		t.Fatalf("%+v %v", pools, err)
	}
	want := `  a ONLINE, removal Evacuation of mirror-1 in progress since Mon Mar 5 10:00:00 2012 1M copied out of 2M at 1M/s, 50.00% done, 0h1m to go
    problems: data is damaged: 7 data errors, use '-v' for a list
    checkpoint:  13107200 discarding=true
    scan: scrub running 2012-03-05T11:00:00Z.. took=0s repaired=0 errors=0 done=50 left=0s
    lost: 7 "7 data errors, use '-v' for a list" []
    expand: expanded raidz1-0 copied 1M in 00:00:01, on Mon Mar 5 10:58:19 2012
    - /var/a disk 0 (file, normal) ONLINE 0/0/0 "/var/a disk 0"
    - mirror-1 (mirror, special) ONLINE 0/0/0 "(removing)"
      - nda0p1.eli (disk, special) ONLINE 0/0/0 "/dev/nda0p1.eli"
      - nda1p1.eli (disk, special) ONLINE 0/0/0 "/dev/nda1p1.eli"
  b ONLINE
    problems: the pool has 0 read, 0 write and 2 checksum errors
    - ada9 (disk, normal) ONLINE 0/0/0 "/dev/ada9"
`
	if d := cmp.Diff(want, describe(pools[0])+describe(pools[1])); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if got := pools[0].underway(nil); !cmp.Equal(got, []string{"scrub", "remove", "checkpoint"}) {
		t.Errorf("under way: %q", got)
	}
	if got := pools[0].underway([]string{"resilver"}); got != nil {
		t.Errorf("of resilvers: %q", got)
	}
}

func TestImportableWithLostDevices(t *testing.T) {
	pools, err := parseStatus("test", `  pool: tank
    id: 1234567890123456789
 state: UNAVAIL
status: One or more devices are missing from the system.
action: The pool cannot be imported. Attach the missing
	devices and try again.
config:

	tank          UNAVAIL  missing device
	  ada1        ONLINE
	cache
	  ada2

	Additional devices are known to be part of this pool, though their
	exact configuration cannot be determined.
`)
	want := `  tank UNAVAIL, guid 1234567890123456789
    status: One or more devices are missing from the system.
    action: The pool cannot be imported. Attach the missing devices and try again.
    problems: the pool is UNAVAIL
    - ada1 (disk, normal) ONLINE 0/0/0 "/dev/ada1"
    - ada2 (disk, cache)  0/0/0 "/dev/ada2"
`
	if err != nil || len(pools) != 1 {
		t.Fatalf("%+v %v", pools, err)
	}
	if d := cmp.Diff(want, describe(pools[0])); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// TestWhatIsNoStatus is refused, never guessed.
func TestWhatIsNoStatus(t *testing.T) {
	for _, out := range []string{
		"zpool: not found\n",
		"  pool: a\nconfig:\n\n\ta  ONLINE\n",    // no state
		"  pool: a\n state: ONLINE\nconfig:\n\n", // no devices
		`{"pools":{"a":{"name":"a"}}}`,
		`{"pools":{"a":`,
		`{"pools":[]}`,
	} {
		if pools, err := parseEither(out); effect.KindOf(err) != effect.Failed {
			t.Errorf("%q: %+v %v", out, pools, err)
		}
	}
	// The tool keeps silent where it cannot read the list of what is lost.
	pools, err := parseStatus("test", "  pool: a\n state: ONLINE\nconfig:\n\n\tNAME STATE READ WRITE CKSUM\n\ta  ONLINE 0 0 0\n\n")
	if err != nil || len(pools) != 1 || pools[0].Healthy || pools[0].Errors.Count != -1 {
		t.Errorf("without a word of errors: %+v %v", pools, err)
	}
}

// jsonText is a pool as zpool status -j --json-int -v of OpenZFS 2.3 tells of it,
// after the tool's source.
const jsonText = `{"output_version":{"command":"zpool status","vers_major":0,"vers_minor":1},"pools":{"tank":{
"name":"tank","state":"DEGRADED","pool_guid":18446744073709551615,"txg":57,"spa_version":5000,"zpl_version":5,
"status":"One or more devices is currently being resilvered.\n\tWait.\n","msgid":"ZFS-8000-8A",
"scan_stats":{"function":"RESILVER","state":"SCANNING","start_time":1795476592,"end_time":0,"to_examine":1000,"examined":900,"skipped":0,
 "processed":100,"errors":0,"bytes_per_scan":0,"pass_start":1795476592,"scrub_pause":0,"scrub_spent_paused":0,"issued_bytes_per_scan":250,"issued":250},
"removal_stats":{"name":"mirror-2","state":"SCANNING"},
"checkpoint_stats":{"state":"EXISTS","start_time":1795476588,"space":76800},
"vdevs":{"tank":{"name":"tank","vdev_type":"root","guid":1,"class":"normal","state":"DEGRADED","read_errors":0,"write_errors":0,"checksum_errors":0,
 "vdevs":{"raidz2-0":{"name":"raidz2-0","vdev_type":"raidz","guid":2,"class":"normal","state":"DEGRADED","read_errors":0,"write_errors":0,"checksum_errors":0,
  "vdevs":{
   "zz":{"name":"zz","vdev_type":"disk","guid":3,"path":"/dev/zz","class":"normal","state":"ONLINE","read_errors":1,"write_errors":2,"checksum_errors":3,"scan_processed":100},
   "/var/f":{"name":"/var/f","vdev_type":"file","guid":4,"path":"/var/f","class":"normal","state":"FAULTED","read_errors":0,"write_errors":0,"checksum_errors":0,"aux":"ERR_EXCEEDED"},
   "aa":{"name":"aa","vdev_type":"disk","guid":5,"path":"/dev/aa","class":"normal","state":"CANT_OPEN","read_errors":0,"write_errors":0,"checksum_errors":0,"aux":"CORRUPT_DATA","resilver_deferred":1}}}}}},
"logs":{"gpt/log0":{"name":"gpt/log0","vdev_type":"disk","guid":6,"path":"/dev/gpt/log0","class":"log","state":"ONLINE","read_errors":0,"write_errors":0,"checksum_errors":0}},
"l2cache":{"ada8":{"name":"ada8","vdev_type":"disk","guid":7,"path":"/dev/ada8","state":"CANT_OPEN","read_errors":0,"write_errors":0,"checksum_errors":0,"aux":"OPEN_FAILED"}},
"spares":{"ada9":{"name":"ada9","vdev_type":"disk","guid":8,"path":"/dev/ada9","state":"AVAIL"}},
"error_count":2,"errlist":["/tank/a","tank:<0x1>"]}}}
`

func TestJSON(t *testing.T) {
	pools, err := parseStatusJSON("test", jsonText, time.Unix(1795476602, 0))
	if err != nil || len(pools) != 1 {
		t.Fatalf("%+v %v", pools, err)
	}
	want := `  tank DEGRADED, guid 18446744073709551615, message ZFS-8000-8A, removal Evacuation of mirror-2 in progress
    status: One or more devices is currently being resilvered. Wait.
    problems: the pool is DEGRADED; raidz2-0 is DEGRADED; zz has 1 read, 2 write and 3 checksum errors; /var/f is FAULTED; aa is FAULTED; ada8 is UNAVAIL; a resilver is under way; data is damaged: 2 data errors
    checkpoint: 2026-11-23T23:29:48Z 76800 discarding=false
    scan: resilver running 2026-11-23T23:29:52Z.. took=0s repaired=100 errors=0 done=25 left=30s
    lost: 2 "2 data errors" ["/tank/a" "tank:<0x1>"]
    - raidz2-0 (raidz2, normal) DEGRADED 0/0/0 "2"
      - zz (disk, normal) ONLINE 1/2/3 "/dev/zz" "3" "(resilvering)"
      - /var/f (file, normal) FAULTED 0/0/0 "/var/f" "4" "too many errors"
      - aa (disk, normal) FAULTED 0/0/0 "/dev/aa" "5" "corrupted data  (awaiting resilver)"
    - gpt/log0 (disk, log) ONLINE 0/0/0 "/dev/gpt/log0" "6"
    - ada8 (disk, cache) UNAVAIL 0/0/0 "/dev/ada8" "7" "cannot open"
    - ada9 (disk, spare) AVAIL 0/0/0 "/dev/ada9" "8"
`
	if d := cmp.Diff(want, describe(pools[0])); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if got := pools[0].underway(nil); !cmp.Equal(got, []string{"resilver", "remove"}) {
		t.Errorf("under way: %q", got)
	}
}

// TestTextAndJSONAgree compares what one tool told of one pool in both forms.
func TestTextAndJSONAgree(t *testing.T) {
	for file, text := range map[string]string{
		"openzfs/offline.txt": "zpool status zroot", "openzfs/corrupt.txt": "zpool status -v zroot", "openzfs/missing-disk.txt": "zpool status -P",
	} {
		document := "zpool status -j zroot"
		if file == "openzfs/missing-disk.txt" {
			document = "zpool status -j"
		}
		a, err := parseEither(outputOf(t, file, text))
		b, err2 := parseEither(outputOf(t, file, document))
		if errors.Join(err, err2) != nil || len(a) != 1 || len(b) != 1 {
			t.Fatalf("%s: %v %v", file, err, err2)
		}
		for _, s := range []*Status{&a[0], &b[0]} {
			s.ID, s.Scan.Text = "", ""
			plain(s.Vdevs)
		}
		if d := cmp.Diff(a[0], b[0]); d != "" {
			t.Errorf("%s (-text +JSON):\n%s", file, d)
		}
	}
}

// plain takes away what only one form tells, and how the recordings' names were
// shortened.
func plain(vdevs []Vdev) {
	for i := range vdevs {
		v := &vdevs[i]
		v.GUID, v.Path = "", ""
		v.Name = strings.TrimPrefix(v.Name, "gpt/")
		plain(v.Vdevs)
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "0B": 0, "512": 512, "75K": 75 << 10, "1.50G": 3 << 29, "1007M": 1007 << 20, "2T": 2 << 40, "18446744073709551615": -1,
		"-": -1, "": -1, "12X": -1, "-5": -1, "1..2K": -1, "8E": -1,
	} {
		if got, ok := parseSize(text); ok != (want >= 0) || ok && got != want {
			t.Errorf("%q: %d %v", text, got, ok)
		}
	}
}

func TestSameValues(t *testing.T) {
	for _, pair := range [][2]string{{"on", "on"}, {"1048576", "1M"}, {"-", "none"}, {"", "-"}, {"12", "12"}} {
		if !sameValue(pair[0], pair[1]) {
			t.Errorf("%q is not the same", pair)
		}
	}
	for _, pair := range [][2]string{{"on", "off"}, {"1M", "2M"}, {"-", "on"}, {"13", "12"}} {
		if sameValue(pair[0], pair[1]) {
			t.Errorf("%q is the same", pair)
		}
	}
}

func FuzzStatus(f *testing.F) {
	for _, a := range recorded(f) {
		if tellsStatus(a.command) {
			f.Add(a.stdout)
		}
	}
	f.Add(eraText)
	f.Add(twoPools)
	f.Add(jsonText)
	f.Fuzz(func(t *testing.T, out string) {
		pools, err := parseEither(out)
		if err != nil && effect.KindOf(err) != effect.Failed {
			t.Errorf("%q: %v", out, err)
		}
		for _, s := range pools {
			if err == nil && s.State == "" || s.Healthy != (len(s.Problems) == 0) && err == nil {
				t.Errorf("%q: %+v", out, s)
			}
			checkNumbers(t, out, s.Scan.Done, float64(s.Scan.Left), float64(s.Scan.Repaired), float64(s.Read))
			if s.Scan.Left < 0 || s.Scan.Repaired < 0 || s.Read < 0 {
				t.Errorf("%q: %+v", out, s)
			}
		}
	})
}

func checkNumbers(t *testing.T, out string, numbers ...float64) {
	for _, n := range numbers {
		if math.IsNaN(n) || math.IsInf(n, 0) {
			t.Errorf("%q: %v", out, numbers)
		}
	}
}
