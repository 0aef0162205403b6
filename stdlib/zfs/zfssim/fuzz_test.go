package zfssim

import (
	"slices"
	"strings"
	"testing"

	"bsdrun/runtime/sim"
)

// FuzzCommandLine looks for words that zfs cannot take: it always answers, with
// an exit code it has, and leaves datasets that it can list.
func FuzzCommandLine(f *testing.F) {
	for _, seed := range []string{
		"list -Hp -o name,used -t all -r zroot", "get -s local -o value all zroot/a", "create -p -o atime=off zroot/x/y", "create -V 1M zroot/v",
		"snapshot -r zroot@b", "destroy -rnv zroot/a@1%2", "rollback -r zroot/a@1", "clone zroot/a@1 zroot/c", "promote zroot/a", "rename -r zroot@1 @2",
		"hold -r k zroot/a@1", "holds -H zroot/a@1", "set mountpoint=/x zroot/a", "inherit -r atime zroot", "allow -l nobody snapshot zroot/a",
		"send -nvP -i @1 zroot/a@2", "receive -F zroot/r", "upgrade -V 3 zroot", "bookmark zroot/a@1 #m", "mount -a", "unmount -f /zroot/a", "diff zroot/a@1", "list -j --json-int",
	} {
		for release := range 6 {
			f.Add(seed, release)
		}
	}
	releases := []string{"8.2", "9.0", "12.4", "13.5", "14.3", "15.0"}
	f.Fuzz(func(t *testing.T, words string, release int) {
		if strings.ContainsAny(words, "'\x00") || release < 0 || release >= len(releases) {
			t.Skip()
		}
		pool := []int{15, 28, 0, 0, 0, 0}[release]
		m := newMachine(t, releases[release], pool, nil)
		must(t, m, "zfs create zroot/a; zfs snapshot zroot/a@1; zfs snapshot zroot/a@2")
		var quoted []string
		for _, w := range strings.Fields(words) {
			quoted = append(quoted, "'"+w+"'")
		}
		_, errs, code := sh(m, "zfs "+strings.Join(quoted, " ")+" </dev/null")
		if !slices.Contains([]int{0, 1, 2, 255, sim.CannotCode}, code) {
			t.Errorf("zfs %s: code %d\n%s", words, code, errs)
		}
		if out, errs, code := sh(m, "zfs list -t all -o name"); code != 0 {
			t.Errorf("zfs list after %s: code %d\n%s%s", words, code, out, errs)
		}
	})
}
