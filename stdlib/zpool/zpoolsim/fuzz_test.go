package zpoolsim

import (
	"slices"
	"strings"
	"testing"

	"bsdrun/runtime/sim"
)

// FuzzCommandLine looks for words that zpool cannot take: it always answers, with
// an exit code it has.
func FuzzCommandLine(f *testing.F) {
	for _, seed := range []string{
		"status -vx zroot", "list -Hp -o name,size", "get -o value all zroot", "create -f -o version=28 zroot mirror disk0 disk1",
		"replace zroot disk1 disk2", "import -d /dev zroot new", "set comment=x zroot", "upgrade -V 28 zroot", "status -j --json-int",
		"offline -t zroot disk0", "scrub -s zroot", "split zroot other", "wait -t scrub zroot", "labelclear -f disk3", "add zroot spare disk2",
	} {
		for era := range 5 {
			f.Add(seed, era)
		}
	}
	releases := []string{"8.2", "9.0", "12.4", "13.5", "15.0"}
	f.Fuzz(func(t *testing.T, words string, era int) {
		if strings.ContainsAny(words, "'\x00") || era < 0 || era >= len(releases) {
			t.Skip()
		}
		m := newMachine(t, releases[era], nil)
		must(t, m, "zpool create -m none zroot mirror disk0 disk1")
		var quoted []string
		for _, w := range strings.Fields(words) {
			quoted = append(quoted, "'"+w+"'")
		}
		_, errs, code := sh(m, "zpool "+strings.Join(quoted, " "))
		if !slices.Contains([]int{0, 1, 2, 255, sim.CannotCode}, code) {
			t.Errorf("zpool %s: code %d\n%s", words, code, errs)
		}
		if out, errs, code := sh(m, "zpool status"); code != 0 {
			t.Errorf("zpool status after %s: code %d\n%s%s", words, code, out, errs)
		}
	})
}
