package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"mvdan.cc/sh/v3/shell"
	"mvdan.cc/sh/v3/syntax"
)

// block is a fenced example of a page. One with a file's name behind its language
// is that file for the rest of the page.
type block struct {
	page, at string // operations.md, operations.md:12
	language string
	file     string
	text     string
}

// examples are the fenced examples of the pages that people write.
func examples(t *testing.T) []block {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) < 4 {
		t.Fatalf("pages: %v, %v", pages, err)
	}
	var all []block
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		var open *block
		for i, line := range strings.Split(string(text), "\n") {
			info, fence := strings.CutPrefix(line, "```")
			language, file, _ := strings.Cut(info, " ")
			switch {
			case fence && open == nil:
				open = &block{page: filepath.Base(page), at: fmt.Sprintf("%s:%d", filepath.Base(page), i+1), language: language, file: file}
			case fence:
				all, open = append(all, *open), nil
			case open != nil:
				open.text += line + "\n"
			}
		}
	}
	return all
}

// TestExamplesOfThePagesRun runs what the pages show, with simulated machines in
// place of the hosts.
func TestExamplesOfThePagesRun(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	t.Setenv("BSDRUN_SECRET_BACKUP", "correct horse")
	ran, page := 0, ""
	for _, b := range examples(t) {
		if b.page != page {
			page = b.page
			t.Chdir(t.TempDir())
		}
		t.Run(b.at, func(t *testing.T) { ran += tryExample(t, b) })
	}
	if ran < 60 {
		t.Errorf("only %d examples were found", ran)
	}
}

// tryExample runs what can be run of a block, and reads what is for other tools. It
// tells how much that was.
func tryExample(t *testing.T, b block) (ran int) {
	if b.file != "" {
		if err := os.WriteFile(b.file, []byte(b.text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	switch b.language {
	case "go":
		if text, err := format.Source([]byte(b.text)); strings.HasPrefix(b.text, "package ") && (err != nil || string(text) != b.text) {
			t.Errorf("not formatted Go: %v", err)
		}
	case "lua":
		runLua(t, b)
		return 1
	case "sh":
		if _, err := syntax.NewParser().Parse(strings.NewReader(b.text), b.at); err != nil {
			t.Error(err)
		}
	case "yaml":
		var value any
		if err := yaml.Unmarshal([]byte(b.text), &value); err != nil {
			t.Error(err)
		}
	case "":
		for line := range strings.Lines(b.text) {
			if args := commandLine(t, line); args != nil {
				ran++
				expect(t, args)
			}
		}
	case "toml", "ini", "text", "python", "txtar", "json", "diff": // inventories have tests of their own
	default:
		t.Errorf("what is %s?", b.language)
	}
	return ran
}

func runLua(t *testing.T, b block) {
	text := b.text
	if strings.HasSuffix(b.file, "_test.lua") {
		return // bsdrun test comes behind it
	}
	if isTests(text) { // of the page's last recipe
		if err := os.WriteFile("example_test.lua", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		expect(t, []string{"test", "example.lua"})
		return
	}
	if !strings.Contains(text, "\nreturn recipe\n") {
		expect(t, []string{"--allow", "irreversible", "-e", text, "sim:"})
		return
	}
	file := cmp.Or(b.file, "example.lua")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, []string{"lint", file})
	expect(t, []string{"doc", file})
	expect(t, []string{"check", file, "sim:"})
	expect(t, []string{file, "sim:"})
}

func isTests(text string) bool { return strings.HasPrefix(text, "test(") }

var (
	program = regexp.MustCompile(`^(?:\./bsdrun|bsdrun|go run \./cmd/bsdrun) `)
	// What depends on a run of before, does not end, or is of the module that a page
	// tells how to write.
	unfit = regexp.MustCompile(`^(resume|undo|serve|sim) |uptime\.load`)
	aHost = regexp.MustCompile(`^(?:root@)?[a-z0-9]+\.example\.org$|^HOST$`)
)

// commandLine is an example of bsdrun's command line with what stands for
// something else put in; nil for other lines, and for those whose outcome
// depends on a run of before.
func commandLine(t *testing.T, line string) []string {
	command, is := strings.CutPrefix(line, program.FindString(line))
	if !is || !program.MatchString(line) || unfit.MatchString(command) {
		return nil
	}
	words, err := shell.Fields(strings.ReplaceAll(command, "-p ...", ""), nil)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	for i, word := range words {
		switch {
		case aHost.MatchString(word) && (words[0] == "-e" || words[0] == "repl" || words[0] == "exec"):
			words[i] = "sim:"
		case aHost.MatchString(word):
			words[i] = "sim:builder"
		case word == "RUN":
			words[i] = "last"
		case strings.HasSuffix(word, ".lua") && !exists(word):
			words[i] = strings.TrimSuffix(filepath.Base(word), ".lua")
		}
	}
	return words
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

func expect(t *testing.T, args []string) {
	var out, errOut bytes.Buffer
	if code := run(context.Background(), args, strings.NewReader(""), &out, &errOut); code != 0 {
		t.Errorf("bsdrun %q: exit code %d\n%s%s", args, code, out.String(), errOut.String())
	}
}
