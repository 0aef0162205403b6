package view

import (
	"fmt"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
	"github.com/google/go-cmp/cmp"
)

// onto is a terminal of a size, and the way to give it another.
func onto(width, height int, recent ...string) (t *terminal, resize func(width, height int)) {
	t = newTerminal(nil, func() []string { return recent })
	resize = func(width, height int) { t.size = func() (int, int) { return width, height } }
	resize(width, height)
	return t, resize
}

// drawn is a region of one line as the library draws it anew, from its first of
// two lines on.
func drawn(line string) string {
	return ansi.CursorUp(1) + "\r" + ansi.EraseScreenBelow + line + "\r\n"
}

func TestANarrowerScreenKeepsNothingOfTheOldRegion(t *testing.T) {
	term, resize := onto(20, 8, "older", "a  failed", "b  failed")
	screen := vt.NewEmulator(20, 8)
	show := func(line string) {
		_, _ = screen.WriteString(term.mended(drawn(line)))
	}
	look := func() string {
		lines := strings.Split(screen.String(), "\n")
		for i := range lines {
			lines[i] = strings.TrimRight(lines[i], " ")
		}
		return strings.Trim(strings.Join(lines, "\n"), "\n")
	}
	_, _ = screen.WriteString("$ bsdrun patch all\r\na  failed\r\nb  failed\r\n\r\n")
	show("region of 20 columns")
	if want := "$ bsdrun patch all\na  failed\nb  failed\nregion of 20 columns"; look() != want {
		t.Fatalf("at first:\n%s", look())
	}
	for width := 12; width > 9; width-- {
		screen.Resize(width, 8)
		_, _ = screen.WriteString("\x1b[4;1Hregion of 2\r\n0 columns") // as terminals break lines
		resize(width, 8)
		show(fmt.Sprint("region ", width))
		if diff := cmp.Diff(fmt.Sprint("a  failed\nb  failed\nregion ", width), look()); diff != "" {
			t.Errorf("%d columns (-want +got):\n%s", width, diff)
		}
	}
}

func TestOtherDrawingIsLeftAlone(t *testing.T) {
	term, resize := onto(80, 24, "line")
	same := func(what, text string) {
		t.Helper()
		if got := term.mended(text); got != text {
			t.Errorf("%s: %q, want %q", what, got, text)
		}
	}
	same("the first region", drawn("x"))
	same("the next one", drawn("y"))
	resize(100, 24)
	same("a wider terminal", drawn("y"))
	resize(60, 24)
	same("a part of the region", "\x1b[2Ay")
	same("the pager", ansi.SetModeAltScreenSaveCursor+drawn("pager"))
	same("more of the pager", drawn("pager"))
	if got := term.mended(ansi.ResetModeAltScreenSaveCursor + drawn("x")); !strings.Contains(got, ansi.CursorHomePosition) {
		t.Errorf("after the pager: %q", got)
	}
}
