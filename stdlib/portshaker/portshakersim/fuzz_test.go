package portshakersim

import (
	"strings"
	"testing"
)

func FuzzSplitUpdating(f *testing.F) {
	f.Add("Updating\n\n20260101:\n  AFFECTS: all\n\n20250101:\n  AFFECTS: old\n")
	f.Add("20260101: x")
	f.Fuzz(func(t *testing.T, text string) {
		head, entries := splitUpdating(text)
		for _, e := range entries {
			head += e.text
			if !strings.HasPrefix(e.text, e.date+":") {
				t.Errorf("the entry %q doesn't begin with its date %q", e.text, e.date)
			}
		}
		if head != text {
			t.Errorf("%q became %q", text, head)
		}
	})
}

func FuzzFlags(f *testing.F) {
	f.Add("-a -m freebsd -t /x -p")
	f.Add("-apt/x -mfoo")
	f.Fuzz(func(t *testing.T, line string) {
		_, _ = flags(strings.Fields(line), "bmt", "ap")
	})
}
