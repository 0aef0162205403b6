package zpool

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/effect"
)

func TestListOfAllEras(t *testing.T) {
	for out, want := range map[string]Pool{
		"zroot\t1234567890\t49.8G\t1.21G\t48.5G\t2%\tONLINE\t-\t15\t-\n": { // FreeBSD 8.2
			Name: "zroot", GUID: "1234567890", Size: 53472342835, Allocated: 1299227607, Free: 52076478464, Capacity: 2, Dedup: 1, Health: "ONLINE", Version: 15,
		},
		"zroot\t1234567890\t123M\t432K\t123M\t0%\t1.50x\tDEGRADED\t/mnt\t28\tzroot/ROOT/default\n": { // 8.3 to 9.1
			Name: "zroot", GUID: "1234567890", Size: 123 << 20, Allocated: 432 << 10, Free: 123 << 20, Dedup: 1.5, Health: "DEGRADED", AltRoot: "/mnt", Version: 28,
			BootFS: "zroot/ROOT/default",
		},
		"zroot\t1234567890\t1006632960\t288256\t1006344704\t0\t1.00\tONLINE\t-\t-\t-\t4\n": { // since 10
			Name: "zroot", GUID: "1234567890", Size: 1006632960, Allocated: 288256, Free: 1006344704, Dedup: 1, Health: "ONLINE", Fragmentation: 4, Exact: true,
		},
	} {
		pools, err := parseList("test", out)
		if err != nil || len(pools) != 1 {
			t.Fatalf("%q: %+v %v", out, pools, err)
		}
		if d := cmp.Diff(want, pools[0]); d != "" {
			t.Errorf("%q (-want +got):\n%s", out, d)
		}
	}
	if pools, err := parseList("test", outputOf(t, "openzfs/empty.txt", "zpool list")); err != nil || len(pools) != 0 {
		t.Errorf("no pools: %+v %v", pools, err)
	}
	pools, err := parseList("test", outputOf(t, "openzfs/v28.txt", "zpool list -j --json-int"))
	if err != nil || len(pools) != 1 || pools[0].Size != 1006632960 || pools[0].Allocated != 288256 || pools[0].Health != "ONLINE" || pools[0].Dedup != 1 {
		t.Errorf("JSON: %+v %v", pools, err)
	}
	if _, err := parseList("test", "a\tb\n"); effect.KindOf(err) != effect.Failed {
		t.Errorf("something else: %v", err)
	}
}

// TestGet compares the forms in which tools tell of properties.
func TestGet(t *testing.T) {
	exact, err := parseGet("test", "zroot", outputOf(t, "openzfs/v28.txt", "zpool get -Hp all zroot"))
	if err != nil || exact["size"] != (Property{"1006632960", "-"}) {
		t.Errorf("exact: %+v %v", exact["size"], err)
	}
	table, err := parseGet("test", "zroot", outputOf(t, "openzfs/v28.txt", "zpool get all zroot"))
	if err != nil {
		t.Fatal(err)
	}
	document, err := parseGet("test", "zroot", outputOf(t, "openzfs/v28.txt", "zpool get -j all zroot"))
	if err != nil {
		t.Fatal(err)
	}
	for _, sizes := range []string{"allocated", "free"} { // the pool was in use in between
		delete(table, sizes)
		delete(document, sizes)
		delete(exact, sizes)
	}
	if len(exact) != len(table) || exact["feature@lz4_compress"] != table["feature@lz4_compress"] {
		t.Errorf("%d properties exactly, %d in the table", len(exact), len(table))
	}
	if d := cmp.Diff(table, document); d != "" || len(table) < 50 {
		t.Errorf("%d properties; -table +JSON:\n%s", len(table), d)
	}
	old, err := parseGet("test", "zroot", outputOf(t, "zfs-fuse/v15.txt", "zpool get all zroot"))
	if err != nil || len(old) != 18 || old["version"] != (Property{"15", "local"}) || old["guid"] != (Property{"5178044664188170446", "local"}) {
		t.Errorf("%+v %v", old, err)
	}
	long, err := parseGet("test", "tank", "NAME  PROPERTY  VALUE     SOURCE\ntank  comment   hello  world  local\n")
	if err != nil || long["comment"] != (Property{"hello  world", "local"}) {
		t.Errorf("%+v %v", long, err)
	}
	for _, other := range []string{"hello\n", `{"pools":{}}`, `{"pools":{"other":{"name":"other","properties":{}}}}`} {
		if _, err := parseGet("test", "tank", other); effect.KindOf(err) != effect.Failed {
			t.Errorf("%q: %v", other, err)
		}
	}
}

func TestPendingUpgrades(t *testing.T) {
	for _, want := range []struct {
		file, command string
		version       int
		features      string
	}{
		{"zfs-fuse/v15.txt", "zpool upgrade", 15, ""},
		{"zfs-fuse/upgrade.txt", "zpool upgrade", 0, ""},
		{"openzfs/v28.txt", "zpool upgrade", 28, ""},
		{"openzfs/upgrade.txt", "zpool upgrade", 0, ""},
		{"openzfs/empty.txt", "zpool upgrade", 0, ""},
		{"openzfs/partial-features.txt", "zpool upgrade", 0, "edonr draid zilsaxattr head_errlog blake3 block_cloning vdev_zaps_v2 redaction_list_spill raidz_expansion fast_dedup longname large_microzap"},
	} {
		version, features := pending(outputOf(t, want.file, want.command), "zroot")
		if version != want.version || strings.Join(features, " ") != want.features {
			t.Errorf("%s: version %d, features %q", want.file, version, features)
		}
	}
	listed := outputOf(t, "openzfs/partial-features.txt", "zpool upgrade") + divider + "\n"
	for limits, want := range map[string]string{
		"legacy\n": "",
		"two,off\n" + divider + "\n# a comment\nedonr, draid\n\nlongname # another\n" + divider + "\n": "edonr draid longname",
		"two,one\n" + divider + "\nedonr\ndraid\n" + divider + "\ndraid\n":                             "draid",
	} {
		if _, features := pending(listed+limits, "zroot"); strings.Join(features, " ") != want {
			t.Errorf("%q: %q, want %q", limits, features, want)
		}
	}
	if version, _ := pending(outputOf(t, "openzfs/v28.txt", "zpool upgrade")+divider+"\nlegacy\n", "zroot"); version != 0 {
		t.Errorf("an old pool that shall stay one: %d", version)
	}
}

func TestUpgraded(t *testing.T) {
	version, features, changed := parseUpgraded(outputOf(t, "zfs-fuse/upgrade.txt", "zpool upgrade zroot"))
	if version != 23 || len(features) != 0 || !changed {
		t.Errorf("era: %d %q %v", version, features, changed)
	}
	version, features, changed = parseUpgraded(outputOf(t, "openzfs/upgrade.txt", "zpool upgrade zroot"))
	if version != 0 || len(features) != 44 || features[0] != "async_destroy" || features[43] != "large_microzap" || !changed {
		t.Errorf("to feature flags: %d %q %v", version, features, changed)
	}
	if _, features, changed = parseUpgraded(outputOf(t, "openzfs/partial-features.txt", "zpool upgrade zroot")); len(features) != 0 || changed {
		t.Errorf("nothing to do: %q %v", features, changed)
	}
	// What FreeBSD 9 to 12 say besides is no feature.
	_, features, changed = parseUpgraded("This system supports ZFS pool feature flags.\n\nEnabled the following features on 'zroot':\n  sha512\n  skein\n\n" +
		"If you boot from pool 'zroot', don't forget to update boot code.\nAssuming you use GPT partitioning and da0 is your boot disk\n" +
		"the following command will do it:\n\n\tgpart bootcode -b /boot/pmbr -p /boot/gptzfsboot -i 1 da0\n\n")
	if !slices.Equal(features, []string{"sha512", "skein"}) || !changed {
		t.Errorf("with the reminder: %q %v", features, changed)
	}
}

func TestHistory(t *testing.T) {
	got := parseHistory("History for 'tank':\n2012-03-05.10:58:19 zpool create tank da0 [user 0 (root) on host.example.org:global]\n" +
		"2012-03-05.10:59:00 zfs set a:b=[x]\nsecond line tank [user 0 (root) on host.example.org]\n2012-03-05.11:00:00 [txg:5] create tank (21)  [on host.example.org]\n\n")
	want := []Entry{
		{at("10:58:19"), "zpool create tank da0", "user 0 (root) on host.example.org:global"},
		{at("10:59:00"), "zfs set a:b=[x]\nsecond line tank [user 0 (root) on host.example.org]", ""},
		{at("11:00:00"), "[txg:5] create tank (21) ", "on host.example.org"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if got := last(got, 1); len(got) != 1 || got[0].Command != want[2].Command {
		t.Errorf("the last: %+v", got)
	}
	recorded := parseHistory(outputOf(t, "openzfs/v28.txt", "zpool history zroot"))
	if len(recorded) != 1 || !strings.HasPrefix(recorded[0].Command, "zpool create -f -o version=28 ") || recorded[0].Time.IsZero() || recorded[0].By != "" {
		t.Errorf("%+v", recorded)
	}
}

func TestEvents(t *testing.T) {
	got := parseEvents(outputOf(t, "openzfs/corrupt.txt", "zpool events -H | tail -5 | cut -c1-120"))
	want := Event{time.Date(2026, 11, 23, 23, 31, 8, 648007487, time.UTC), "sysevent.fs.zfs.scrub_finish"}
	if len(got) != 5 || got[3] != want {
		t.Errorf("%+v", got)
	}
}

func TestIostat(t *testing.T) {
	got, err := parseIostat("test", "zroot", outputOf(t, "zfs-fuse/v15.txt", "zpool iostat -v"))
	want := Iostat{
		Name: "zroot", Allocated: 432 << 10, Free: 123 << 20, Reads: 30, Writes: 531, ReadBytes: 123 << 10, WriteBytes: 2212495,
		Devices: []Iostat{{
			Name: "mirror", Allocated: 432 << 10, Free: 123 << 20, Reads: 30, Writes: 531, ReadBytes: 123 << 10, WriteBytes: 2212495,
			Devices: []Iostat{
				{Name: "gpt/disk0", Reads: 13, Writes: 435, ReadBytes: 300 << 10, WriteBytes: 7434404, Devices: []Iostat{}},
				{Name: "gpt/disk1", Reads: 10, Writes: 425, ReadBytes: 83661, WriteBytes: 7434404, Devices: []Iostat{}},
			},
		}},
	}
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if _, err := parseIostat("test", "tank", ""); effect.KindOf(err) != effect.Failed {
		t.Errorf("nothing: %v", err)
	}
}

const layoutText = `  pool: tank
 state: DEGRADED
config:

	NAME                     STATE     READ WRITE CKSUM
	tank                     DEGRADED     0     0     0
	  raidz1-0               DEGRADED     0     0     0
	    gpt/zfs0             ONLINE       0     0     0
	    gpt/zfs1.eli         ONLINE       0     0     0
	    gptid/1-2-3          ONLINE       0     0     0
	    diskid/DISK-A1p2     ONLINE       0     0     0
	    ada4s1a              ONLINE       0     0     0
	    6473432178310219131  UNAVAIL      0     0     0  was /dev/gpt/zfs5
	    nda0                 ONLINE       0     0     0
	    nda1p7               ONLINE       0     0     0
	    /var/file            ONLINE       0     0     0

errors: No known data errors
=== next ===
gpt/zfs0       N/A  ada0p3
gptid/1-2-3    N/A  ada2p1
diskid/DISK-A1 N/A  ada3
=== next ===
=>       34  156301421  ada0  GPT  (74G)
         34        128     1  freebsd-boot  (64K)
        162  156301293     3  freebsd-zfs  (74G)

=>       34  156301421  ada1  GPT  (74G)
         34  156301421     2  freebsd-zfs  (74G)

=>       34  156301421  ada2  GPT  (74G)
         34  156301421     1  !516e7cb5-6ecf-11d6-8ff8-00022d09712b  (74G)

=>       34  156301421  diskid/DISK-A1  GPT  (74G)
         34  156301421               2  freebsd-zfs  (74G)

=>       63  156301425  ada4  MBR  (74G)
         63  156301425     1  freebsd  [active]  (74G)

=>        0  156301425  ada4s1  BSD  (74G)
          0  156301425       1  freebsd-zfs  (74G)

=== next ===
=>       34  156301421  ada0  GPT  (74G)
         34        128     1  boot0  (64K)
        162  156301293     3  zfs0  (74G)

=>       34  156301421  ada1  GPT  (74G)
         34  156301421     2  zfs1  (74G)

`

func TestWhereDevicesLie(t *testing.T) {
	got, err := parseDisks("test", layoutText)
	if err != nil {
		t.Fatal(err)
	}
	want := []Disk{
		{Device: "gpt/zfs0", Provider: "ada0p3", Disk: "ada0", Partition: 3, Type: "freebsd-zfs", Label: "zfs0"},
		{Device: "gpt/zfs1.eli", Provider: "ada1p2", Disk: "ada1", Partition: 2, Type: "freebsd-zfs", Label: "zfs1", Encrypted: true},
		{Device: "gptid/1-2-3", Provider: "ada2p1", Disk: "ada2", Partition: 1, Type: "!516e7cb5-6ecf-11d6-8ff8-00022d09712b"},
		{Device: "diskid/DISK-A1p2", Provider: "diskid/DISK-A1p2", Disk: "ada3", Partition: 2, Type: "freebsd-zfs"},
		{Device: "ada4s1a", Provider: "ada4s1a", Disk: "ada4", Partition: 1, Type: "freebsd-zfs"},
		{Device: "6473432178310219131", Label: "zfs5", State: "UNAVAIL"},
		{Device: "nda0", Provider: "nda0", Disk: "nda0"},
		{Device: "nda1p7", Provider: "nda1p7", Disk: "nda1", Partition: 7},
		{Device: "/var/file", File: true},
	}
	for i := range want {
		want[i].Class = "normal"
		if want[i].State == "" {
			want[i].State = "ONLINE"
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	for _, other := range []string{"", strings.Replace(layoutText, "=>  ", "??  ", 1)} {
		if _, err := parseDisks("test", other); effect.KindOf(err) != effect.Failed {
			t.Errorf("%.20q: %v", other, err)
		}
	}
}

// FuzzTables feeds all readers of tables: none panics, and what they refuse is a
// failure of the tool.
func FuzzTables(f *testing.F) {
	for _, a := range recorded(f) {
		f.Add(a.stdout)
	}
	f.Add(layoutText)
	f.Fuzz(func(t *testing.T, out string) {
		pools, err := parseList("test", out)
		failed(t, err)
		for _, pool := range pools {
			checkNumbers(t, out, pool.Capacity, pool.Dedup, pool.Fragmentation)
			if pool.Size < 0 || pool.Allocated < 0 || pool.Free < 0 {
				t.Errorf("%q: %+v", out, pool)
			}
		}
		_, err = parseGet("test", "zroot", out)
		failed(t, err)
		_, err = parseIostat("test", "zroot", out)
		failed(t, err)
		_, err = parseDisks("test", out)
		failed(t, err)
		if _, features := pending(out, "zroot"); slices.Contains(features, "") {
			t.Errorf("%q: %q", out, features)
		}
		if _, features, _ := parseUpgraded(out); slices.Contains(features, "") {
			t.Errorf("%q: %q", out, features)
		}
		for _, entry := range parseHistory(out) {
			if entry.Command == "" && entry.Time.IsZero() {
				t.Errorf("%q: %+v", out, entry)
			}
		}
		for _, event := range parseEvents(out) {
			if event.Time.IsZero() {
				t.Errorf("%q: %+v", out, event)
			}
		}
	})
}

func failed(t *testing.T, err error) {
	t.Helper()
	if err != nil && effect.KindOf(err) != effect.Failed {
		t.Error(err)
	}
}
