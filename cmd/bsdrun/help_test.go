package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestHelpFitsTheTerminal has every command's help in eighty columns, both ways.
func TestHelpFitsTheTerminal(t *testing.T) {
	asked := 0
	var ask func(cmd *cobra.Command)
	ask = func(cmd *cobra.Command) {
		asked++
		path := strings.Fields(cmd.CommandPath())[1:]
		text := helpOf(t, append(path, "--help")...)
		for line := range strings.Lines(text) {
			if len(line) > usualWidth+1 {
				t.Errorf("%s: %s", cmd.CommandPath(), line)
			}
		}
		if other := helpOf(t, append([]string{"help"}, path...)...); other != text {
			t.Errorf("bsdrun help %s differs:\n%s", strings.Join(path, " "), other)
		}
		if cmd.Name() != "completion" { // what is below it speaks for itself
			for _, below := range commandsOf(cmd) {
				ask(below)
			}
		}
	}
	ask(new(cli).command())
	if asked < 30 {
		t.Errorf("only %d commands", asked)
	}
}

func helpOf(t *testing.T, args ...string) string {
	t.Helper()
	var out, errOut bytes.Buffer
	if code := run(context.Background(), args, strings.NewReader(""), &out, &errOut); code != 0 || errOut.Len() > 0 {
		t.Errorf("%q: exit code %d: %s", args, code, errOut.String())
	}
	return out.String()
}

func TestHelpOfARecipe(t *testing.T) {
	if text := helpOf(t, "facts", "--help"); !strings.HasPrefix(text, "Recipe facts\n") {
		t.Error(text)
	}
}

func TestSecondColumnsAreFolded(t *testing.T) {
	text := "A text of one column that is longer than its width is left.\n  -a, --all      every one of them that there is\n      --b, -c    few\n"
	want := "A text of one column that is longer than its width is left.\n  -a, --all      every one of them\n                 that there is\n      --b, -c    few\n"
	if got := folded(text, 37); got != want {
		t.Errorf("%s", got)
	}
}
