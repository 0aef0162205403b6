package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"bsdrun/runtime/effect"
)

// openTerminal gives both ends of a pseudo terminal: what a person sees and
// types on, and what a program reads.
func openTerminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Skip(err)
	}
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Skip(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = program.Close() })
	return person, program
}

func echoes(t *testing.T, f *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

func TestAnInterruptedSecretLeavesTheTerminalAsItWas(t *testing.T) {
	_, program := openTerminal(t)
	a := &asker{in: program, out: io.Discard, lines: bufio.NewReader(program)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := a.Ask(ctx, "", effect.Question{Text: "Secret:", Secret: true})
		ended <- err
	}()
	for echoes(t, program) { // until the secret is asked for
		select {
		case err := <-ended:
			t.Fatalf("it did not ask: %v", err)
		default:
		}
	}
	cancel()
	if err := effect.AsError(<-ended); err.Kind != effect.Cancelled || strings.Contains(err.Summary(), "context") {
		t.Errorf("got %v", err)
	}
	if !echoes(t, program) {
		t.Error("what is typed does not show any more")
	}
}

func TestAnswersAtATerminal(t *testing.T) {
	person, program := openTerminal(t)
	if _, err := term.MakeRaw(int(person.Fd())); err != nil {
		t.Skip(err)
	}
	a := &asker{in: program, out: io.Discard, lines: bufio.NewReader(program)}
	if _, err := io.WriteString(person, "maybe\ny\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := a.Ask(t.Context(), "", effect.Question{Text: "Go?", Choices: []string{"yes", "no"}})
	if err != nil || answer != "yes" {
		t.Errorf("got %q, %v", answer, err)
	}
}
