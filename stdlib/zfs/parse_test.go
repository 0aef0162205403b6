package zfs

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/tests/answers"
)

// recorded is what the real tools print.
func recorded(t testing.TB, name string) string {
	t.Helper()
	return answers.Recorded(t, "testdata/zfs.txtar", name)
}

func TestParseRows(t *testing.T) {
	rows, err := parseRows("t", recorded(t, "list"), []string{"name", "used", "available", "referenced", "mountpoint"})
	if err != nil || len(rows) != 4 {
		t.Fatalf("%v, %v", rows, err)
	}
	want := row{"name": "zroot/data", "used": "157414400", "available": "714770432", "referenced": "157414400", "mountpoint": "/z"}
	if !reflect.DeepEqual(rows[3], want) {
		t.Errorf("%v", rows[3])
	}
	rows, err = parseRows("t", recorded(t, "snapshots"), []string{"name", "creation", "used", "referenced"})
	if err != nil || rows[1]["name"] != "zroot/ROOT@pre-upgrade" || moment(rows[1]["creation"]) != time.Unix(1795476568, 0).UTC() {
		t.Errorf("%v, %v", rows, err)
	}
	if _, err := parseRows("t", recorded(t, "list"), []string{"name", "used"}); effect.KindOf(err) != effect.Failed {
		t.Errorf("columns that were not asked for: %v", err)
	}
}

func TestParseProperties(t *testing.T) {
	for name, want := range map[string]map[string]any{
		"get": {
			"used": int64(157414400), "quota": int64(0), "compressratio": 1.0, "mountpoint": "/z", "guid": "12328893213434041473",
			"creation": "2026-11-23T23:29:14Z", "recordsize": int64(131072), "filesystem_limit": "none",
		},
		"get-v15": {"used": int64(114688), "compressratio": 1.0, "version": int64(4), "atime": "on"},
	} {
		all, err := parseProperties("t", recorded(t, name))
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]any{}
		for _, p := range all {
			if _, asked := want[p.property]; asked {
				got[p.property] = typed(p.property, p.value)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	all, err := parseProperties("t", "a\tuser:note\tone\ttwo\nthree\tlocal\na\tatime\ton\tinherited from tank\n")
	want := []property{{"a", "user:note", "one\ttwo\nthree", "local"}, {"a", "atime", "on", "inherited from tank"}}
	if err != nil || !reflect.DeepEqual(all, want) {
		t.Errorf("a value of several lines: %q, %v", all, err)
	}
	if _, err := parseProperties("t", "internal error\n"); effect.KindOf(err) != effect.Failed {
		t.Errorf("nonsense: %v", err)
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "none": 0, "1024": 1024, "10G": 10 << 30, "1.5k": 1536, "2TB": 2 << 40, "3GiB": 3 << 30, "18446744073709551615": -1, "": -1, "x": -1, "1e3": -1, "G": -1, "NaN": -1, "Inf": -1} {
		got, ok := size(text)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	for _, c := range []struct {
		name, has, wanted string
		same              bool
	}{
		{"quota", "10737418240", "10G", true}, {"quota", "0", "none", true}, {"quota", "1", "2", false},
		{"compression", "lz4", "lz4", true}, {"atime", "on", "off", false}, {"org.example:quota", "1024", "1K", false}, {"userquota@joe", "1024", "1K", true},
		{"mountpoint", "none", "none", true}, {"mountpoint", "0", "none", false},
	} {
		if got := same(c.name, c.has, c.wanted); got != c.same {
			t.Errorf("%s: %s and %s: %t", c.name, c.has, c.wanted, got)
		}
	}
}

func TestNames(t *testing.T) {
	for name, signs := range map[string]string{
		"zroot": "", "zroot/ROOT/default": "", "tank/a b": "", "tank/a.b_c-d:e": "", "tank@x": "@", "tank/a@2026-11-26_12:00": "@", "tank/a#mark": "#",
	} {
		if err := checkName("t", name, signs); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", "-r", "/tank", "tank/", "tank//a", "tank@", "tank@a@b", "tank@a/b", "tank/-a", "tank\n", "1tank", "tank/a@-x", "tank;x", "@x"} {
		if err := checkName("t", name, "", "@", "#"); effect.KindOf(err) != effect.Invalid {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := checkName("t", "tank", "@"); err == nil || !strings.Contains(err.Error(), "no name of a snapshot") {
		t.Errorf("a dataset for a snapshot: %v", err)
	}
}

func TestParseHolds(t *testing.T) {
	got, err := parseHolds("t", recorded(t, "holds"))
	want := []Hold{
		{"tank@one", "k p", time.Date(2026, 11, 25, 8, 1, 0, 0, time.UTC)},
		{"tank/a@one", "keep", time.Date(2026, 11, 25, 18, 12, 0, 0, time.UTC)},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := parseHolds("t", ""); err != nil || len(got) != 0 {
		t.Errorf("none: %+v, %v", got, err)
	}
	if _, err := parseHolds("t", "internal error\n"); effect.KindOf(err) != effect.Failed {
		t.Errorf("nonsense: %v", err)
	}
}

func TestParseAllow(t *testing.T) {
	want := []Delegation{
		{"set", "@b", "", []string{"receive", "send"}}, {"create", "", "", []string{"destroy"}},
		{"group", "operator", "local", []string{"snapshot"}}, {"user", "joe", "descendent", []string{"mount"}},
		{"user", "joe", "both", []string{"create", "mount"}}, {"everyone", "", "both", []string{"send"}},
	}
	for _, era := range []string{"allow", "allow-v15"} {
		if got := parseAllow(recorded(t, era), "tank/a"); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v", era, got)
		}
		if got := parseAllow(recorded(t, era), "tank"); len(got) != 1 || got[0].Permissions[0] != "diff" {
			t.Errorf("%s: %+v", era, got)
		}
	}
}

func TestParseDiff(t *testing.T) {
	got, err := parseDiff("t", recorded(t, "diff"))
	at := func(n int64) time.Time { return time.Unix(n, 0).UTC() }
	want := []Difference{
		{"modified", "directory", "/data/", "", 0, at(1269962501)},
		{"modified", "file", "/data/link", "", 1, at(1269962444)},
		{"renamed", "file", "/data/old", "/data/new name", 0, at(1269962499)},
		{"removed", "file", "/data/gone", "", 0, at(1269962431)},
		{"added", "link", "/data/pointer", "", 0, at(1269962518)},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := parseDiff("t", "internal error\n"); effect.KindOf(err) != effect.Failed {
		t.Errorf("nonsense: %v", err)
	}
}

func TestParseDestroy(t *testing.T) {
	got := parseDestroy(recorded(t, "destroy"))
	if want := (Destroyed{Destroyed: []string{"tank/a@one", "tank/a/b@one"}, Reclaimed: 12345}); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestParseSingleLines(t *testing.T) {
	for _, c := range []struct {
		name, want string
		got        []string
	}{
		{"upgrade", "5", runningVersion.FindStringSubmatch(recorded(t, "upgrade"))},
		{"upgrade-v15", "4", runningVersion.FindStringSubmatch(recorded(t, "upgrade-v15"))},
		{"send-nvP", "12912", estimated.FindStringSubmatch(recorded(t, "send-nvP"))},
		{"no-p", "p", unknownOption.FindStringSubmatch(recorded(t, "no-p"))},
	} {
		if len(c.got) != 2 || c.got[1] != c.want {
			t.Errorf("%s: %q, want %s", c.name, c.got, c.want)
		}
	}
}

func TestTokens(t *testing.T) {
	for said, want := range map[string]string{
		recorded(t, "token"):                    "tank/data@now",
		"\ttoname = tank/data@two\n":            "tank/data@two",
		"incremental\tone\ttank/a b@two\t123\n": "tank/a b@two",
		"cannot resume send: 'tank/data@two' used in the initial send no longer exists\n": "",
	} {
		if got := tokenOf(said); got != want {
			t.Errorf("%q: %q, want %q", said, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"list", "get", "holds", "allow", "allow-v15", "diff", "destroy"} {
		f.Add(recorded(f, name))
	}
	f.Fuzz(func(t *testing.T, out string) {
		if all, err := parseProperties("t", out); err == nil {
			rows := rowsOf(all)
			if (len(rows) == 0) != (len(all) == 0) || len(rows) > len(all) {
				t.Errorf("%d rows of %d properties", len(rows), len(all))
			}
		}
		columns := []string{"name", "used", "available", "referenced", "mountpoint"}
		if rows, err := parseRows("t", out, columns); err == nil && len(rows) > strings.Count(out, "\n")+1 {
			t.Errorf("%d rows", len(rows))
		}
		if holds, err := parseHolds("t", out); err == nil && len(holds) > strings.Count(out, "\n")+1 {
			t.Errorf("%d holds", len(holds))
		}
		for _, d := range parseAllow(out, "tank/a") {
			if d.Kind == "" || len(d.Permissions) == 0 {
				t.Errorf("%+v", d)
			}
		}
		if all, err := parseDiff("t", out); err == nil {
			for _, d := range all {
				if d.Change == "" || d.Type == "" {
					t.Errorf("%+v", d)
				}
			}
		}
		if d := parseDestroy(out); d.Reclaimed < 0 && !strings.Contains(out, "-") {
			t.Errorf("%+v", d)
		}
	})
}

func FuzzSize(f *testing.F) {
	for _, text := range []string{"10G", "1.5k", "none", "0", "1e9", "-1", "0x10", "9E"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, ok := size(text); ok && n < 0 {
			t.Errorf("%q: %d", text, n)
		}
	})
}
