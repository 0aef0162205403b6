package view

import (
	"os"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"
)

// terminal is a terminal that is asked nothing and whose keyboard stays as it is:
// an answer that comes late, over a slow line, would be taken for typing by
// whoever reads next, and a keyboard in another mode would outlive us if we were
// killed.
//
// A terminal that has become narrower has broken lines that no longer fit, each
// in its own way, so that the library's idea of where the region begins is wrong.
// The screen is then made anew, with what was on it left above.
type terminal struct {
	*os.File
	recent func() []string // the lines printed last

	size     func() (width, height int)
	width    int  // when the region was drawn from its top last
	height   int  // then
	scrolled bool // what was on the screen is above it
	paged    bool // the pager has the screen
}

func newTerminal(f *os.File, recent func() []string) *terminal {
	return &terminal{File: f, recent: recent, size: func() (int, int) {
		width, height, err := term.GetSize(int(f.Fd()))
		if err != nil {
			return 0, 0
		}
		return width, height
	}}
}

var unwanted = strings.NewReplacer(
	ansi.RequestKittyKeyboard, "",
	ansi.SetModifyOtherKeys2, "", ansi.ResetModifyOtherKeys, "",
	ansi.PushKittyKeyboard(ansi.KittyDisambiguateEscapeCodes), "", ansi.PopKittyKeyboard(1), "",
)

func (t *terminal) Write(p []byte) (int, error) {
	if _, err := t.WriteString(t.mended(unwanted.Replace(string(p)))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// mended is what to write instead: where the region is drawn from its top on a
// screen that has become narrower, the screen is made anew before.
func (t *terminal) mended(text string) string {
	switch {
	case strings.Contains(text, ansi.SetModeAltScreenSaveCursor):
		t.paged = true
	case strings.Contains(text, ansi.ResetModeAltScreenSaveCursor):
		t.paged = false
	}
	if t.paged || !strings.Contains(text, ansi.EraseScreenBelow) {
		return text
	}
	width, height := t.size()
	narrower, other := width < t.width, width != t.width || height != t.height
	t.width, t.height = width, height
	if !narrower && !(t.scrolled && other) { // a larger one may show again what is above it
		return text
	}
	return strings.Replace(text, ansi.EraseScreenBelow, t.anew(height), 1)
}

// anew leaves the lines printed last on the screen, and the cursor below them.
func (t *terminal) anew(height int) string {
	var b strings.Builder
	if !t.scrolled { // once: a window that is dragged becomes narrower many times
		b.WriteString(ansi.CursorDown(height) + strings.Repeat("\n", height))
		t.scrolled = true
	}
	b.WriteString(ansi.CursorHomePosition + ansi.EraseScreenBelow)
	lines := t.recent()
	for _, line := range lines[max(0, len(lines)-height/4):] {
		b.WriteString(line + "\r\n")
	}
	return b.String()
}

// plainEnvironment is the environment without what makes the library ask the
// terminal which modes it knows.
func plainEnvironment() []string {
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return name == "TERM_PROGRAM" || name == "WT_SESSION" || name == "SSH_TTY"
	})
	kind := os.Getenv("TERM")
	for _, asked := range []string{"ghostty", "wezterm", "alacritty", "kitty", "rio"} {
		if strings.Contains(kind, asked) {
			kind = "xterm-256color"
		}
	}
	return append(env, "SSH_TTY=none", "TERM="+kind)
}
