package view

import (
	"os"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// terminal is a terminal that is asked nothing and whose keyboard stays as it is:
// an answer that comes late, over a slow line, would be taken for typing by
// whoever reads next, and a keyboard in another mode would outlive us if we were
// killed.
type terminal struct{ *os.File }

var unwanted = strings.NewReplacer(
	ansi.RequestKittyKeyboard, "",
	ansi.SetModifyOtherKeys2, "", ansi.ResetModifyOtherKeys, "",
	ansi.PushKittyKeyboard(ansi.KittyDisambiguateEscapeCodes), "", ansi.PopKittyKeyboard(1), "",
)

func (t terminal) Write(p []byte) (int, error) {
	if _, err := t.WriteString(unwanted.Replace(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// plainEnvironment is the environment without what makes the library ask the
// terminal which modes it knows.
func plainEnvironment() []string {
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return name == "TERM_PROGRAM" || name == "WT_SESSION" || name == "SSH_TTY"
	})
	term := os.Getenv("TERM")
	for _, asked := range []string{"ghostty", "wezterm", "alacritty", "kitty", "rio"} {
		if strings.Contains(term, asked) {
			term = "xterm-256color"
		}
	}
	return append(env, "SSH_TTY=none", "TERM="+term)
}
