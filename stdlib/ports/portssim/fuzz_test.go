package portssim

import (
	"context"
	"slices"
	"strings"
	"testing"

	"bsdrun/runtime/sim"
)

// FuzzCommandLine looks for words that the tools cannot take: each always answers,
// with an exit code it has, and what is installed can be listed afterwards.
func FuzzCommandLine(f *testing.F) {
	tools := []string{"make -C /usr/ports/net/rsync", "make", "pkg_add", "pkg_delete", "pkg_info", "pkg_version", "portmaster"}
	for n, words := range []string{
		"install clean BATCH=yes", "-C /usr/ports/shells/bash -V PKGNAME", "-r rsync", "-f bash-4.1.10", "-qoa", "-v -l <", "-aPf --no-confirm",
	} {
		f.Add(n, words)
	}
	f.Add(6, "-x bash -r nginx --update-if-newer")
	f.Add(4, "-W /usr/local/bin/bash")
	f.Add(5, "-t 1.0 1.1_1")
	f.Fuzz(func(t *testing.T, n int, words string) {
		if n < 0 || n >= len(tools) || strings.ContainsAny(words, "'\x00") {
			t.Skip()
		}
		m := machine(t, nil)
		line := tools[n]
		for _, w := range strings.Fields(words) {
			line += " '" + w + "'"
		}
		_, errs, code := m.Exec(context.Background(), "root", line+" </dev/null")
		if !slices.Contains([]int{0, 1, 2, 64, sim.CannotCode}, code) {
			t.Errorf("%s: code %d\n%s", line, code, errs)
		}
		if _, errs, code := m.Exec(context.Background(), "root", "pkg_info -a"); code != 0 {
			t.Errorf("pkg_info after %s: code %d\n%s", line, code, errs)
		}
	})
}
