package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// manualPage is bsdrun(1) as bsdrun man prints it.
func manualPage(t *testing.T) string {
	t.Helper()
	var out, errOut bytes.Buffer
	if code := run(context.Background(), []string{"man"}, strings.NewReader(""), &out, &errOut); code != 0 {
		t.Fatalf("exit code %d: %s", code, errOut.String())
	}
	return out.String()
}

func TestTheManualPageIsCleanMdoc(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bsdrun.1")
	if err := os.WriteFile(file, []byte(manualPage(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	found, err := exec.Command("mandoc", "-T", "lint", file).CombinedOutput()
	for line := range strings.Lines(string(found)) {
		if !strings.Contains(line, "mandoc.db") { // which pages this machine has
			t.Error(strings.TrimSpace(line))
		}
	}
	if len(found) == 0 && err != nil {
		t.Fatalf("mandoc: %v (tests/run installs it)", err)
	}
}

func TestTheManualPageTellsEverything(t *testing.T) {
	page := manualPage(t)
	root := (&cli{}).command()
	for _, cmd := range commandsOf(root) {
		if !strings.Contains(page, "\n.It Cm "+cmd.Name()+"\n") {
			t.Errorf("nothing is told of %s", cmd.Name())
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Name != "help" && !strings.Contains(page, "Fl Fl "+f.Name) {
				t.Errorf("%s: nothing is told of --%s", cmd.Name(), f.Name)
			}
		})
	}
	for _, name := range docNames() {
		if module, _, dotted := strings.Cut(name, "."); !dotted && !strings.Contains(name, ":") && !strings.Contains(page, module) {
			t.Errorf("nothing is told of %s", name)
		}
	}
}

// TestTheDocsTellOfEveryCommand: somebody who reads the pages meets all of them.
func TestTheDocsTellOfEveryCommand(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	var docs strings.Builder
	for _, name := range append(pages, "../../README.md") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		docs.Write(text)
	}
	for _, cmd := range commandsOf((&cli{}).command()) {
		if !regexp.MustCompile(`\bbsdrun ` + cmd.Name() + `\b`).MatchString(docs.String()) {
			t.Errorf("no page tells of bsdrun %s", cmd.Name())
		}
	}
}
