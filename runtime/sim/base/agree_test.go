package base

import (
	"bytes"
	_ "embed"
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

// agreeing are scripts whose result is the same on FreeBSD and Debian: POSIX
// says so, or both manual pages do. Each runs on the simulated machine and, on
// Debian, with the real programs. What is known to differ stands in
// freebsd_test.go: wc's columns, exit codes above one, GNU's additions.
var agreeing = readAgreeing()

//go:embed testdata/agreeing.txt
var agreeingText string

func readAgreeing() []string {
	var scripts []string
	for line := range strings.Lines(agreeingText) {
		line = strings.TrimSuffix(line, "\n")
		rest, more := strings.CutPrefix(line, "\t")
		switch {
		case more:
			scripts[len(scripts)-1] += "\n" + rest
		case line != "" && line[0] != '#':
			scripts = append(scripts, line)
		}
	}
	return scripts
}

func TestAgreesWithRealTools(t *testing.T) {
	dash, err := exec.LookPath("dash")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("no Debian here")
	}
	m := newMachine(t)
	for i, script := range agreeing {
		if testing.Short() && i%5 != 0 {
			continue
		}
		real := exec.Command(dash, "-c", agreeingFiles+script)
		real.Dir = t.TempDir()
		real.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"}
		var want bytes.Buffer
		real.Stdout = &want
		if err := real.Start(); err != nil {
			t.Fatal(err)
		}
		out, _, code := sh(t, m, "root", "rm -rf /tmp/w; mkdir /tmp/w; cd /tmp/w\n"+agreeingFiles+script)
		_ = real.Wait()
		if out != want.String() || code != real.ProcessState.ExitCode() {
			t.Errorf("%s\n out  %q\n want %q\n code %d, want %d", script, out, want.String(), code, real.ProcessState.ExitCode())
		}
	}
}

const agreeingFiles = `
printf 'alpha 1\nbeta 22\ngamma 333\ndelta 4\nalpha 5\n' >words
printf 'a:1:x\nb:2:y\nc:3:z\n' >colons
printf 'p|q:r|s\n' >bars
printf 'a.b.c\n' >dots
printf 'x;y;z' >semis
printf 'l1\nl2\n\n\nl3\nl4\n' >paras
printf 'k,1,z\nj,2,y\n' >commas
printf 'a\n\n\n  b\n' >blank
printf '1234567\n89\n' >nums
printf '/usr/local/bin/x\n/etc/rc.d/y\n' >paths
printf 'b\nB\na\nA\na\n3\n10\n' >mixed
printf 'a 1\nb 2\nd 4\n' >sorted1
printf 'a x\nc y\nd z\n' >sorted2
printf 'one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\neleven\ntwelve\n' >numbers
`
