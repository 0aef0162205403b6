package inventory

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestManyNamesAreWrittenAsFew(t *testing.T) {
	for names, want := range map[string]string{
		"web01 web02 web03 web07 db": "web[01:03,07] db",
		"web9 web10 web11":           "web[9:11]",
		"web08 web09 web10":          "web[08:10]",
		"web1 web01 web2":            "web[1,01,2]",
		"web3 web1 web2":             "web[1:3]",
		"db1 web1 db2 web2":          "db[1:2] web[1:2]",
		"web1.example.org web2.example.org web2.example.com": "web[1:2].example.org web2.example.com",
		"192.0.2.9 192.0.2.10 198.51.100.1":                  "192.0.2.[9:10] 198.51.100.1",
		"ops@web1:2222 ops@web2:2222 web3":                   "ops@web[1:2]:2222 web3",
		"sim-1/www sim-2/www":                                "sim-[1:2]/www",
		"2001:db8::1 2001:db8::2":                            "2001:db8::1 2001:db8::2",
		"[2001:db8::1]:22 [2001:db8::2]:22":                  "[2001:db8::1]:22 [2001:db8::2]:22",
		"rack1-a rack2-a":                                    "rack[1:2]-a",
	} {
		if got := strings.Join(Shorten(strings.Fields(names)), " "); got != want {
			t.Errorf("%s: got %s, want %s", names, got, want)
		}
	}
}

// What a report shows can be given to a command line, and means the same hosts.
func TestShortNamesAreSelectors(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.IntRange(0, 30)
		names := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) string {
			domain := rapid.SampledFrom([]string{"", ".example.org", ".s1.example.org", ":2222"}).Draw(t, "domain")
			return fmt.Sprintf("%s%0*d%s", rapid.SampledFrom([]string{"web", "db-", "ops@r1n"}).Draw(t, "name"),
				rapid.IntRange(1, 3).Draw(t, "width"), number.Draw(t, "number"), domain)
		}), 1, 40, rapid.ID[string]).Draw(t, "names")
		short := strings.Join(Shorten(names), ",")
		hosts, err := (&Inventory{}).Select([]string{short}, "")
		if err != nil {
			t.Fatalf("%s: %v", short, err)
		}
		var got []string
		for _, h := range hosts {
			got = append(got, h.Name)
		}
		slices.Sort(names)
		slices.Sort(got)
		if !slices.Equal(names, got) {
			t.Fatalf("%s means %v, not %v", short, got, names)
		}
	})
}
