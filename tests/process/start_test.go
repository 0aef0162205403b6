package process

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
)

// mostAtStart is what the packages may allocate before main begins, in bytes. What
// few commands need is made when it is needed.
const mostAtStart = 3 << 19

// initialized is how much a package has allocated, in a line of GODEBUG=inittrace=1.
var initialized = regexp.MustCompile(`(?m)^init .* (\d+) bytes, \d+ allocs$`)

func TestStartIsCheap(t *testing.T) {
	version := exec.Command(command, "version")
	version.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, err := version.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lines := initialized.FindAllSubmatch(out, -1)
	if len(lines) == 0 {
		t.Fatalf("no package tells what it allocates:\n%s", out)
	}
	total := 0
	for _, line := range lines {
		n, _ := strconv.Atoi(string(line[1]))
		total += n
	}
	if total > mostAtStart {
		t.Errorf("the packages allocate %d bytes before main begins, more than %d:\n%s", total, mostAtStart, out)
	}
}
