// Package view shows a run on a terminal while it goes on: the lines that a
// plain view would print, and below them a region that says what every host is
// at, which goes away with the run.
package view

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"bsdrun/runtime/effect"
)

// Options say where a run is shown.
type Options struct {
	In    *os.File // the keyboard
	Out   *os.File // the terminal
	Color bool
	// Interrupt is called for each Ctrl-C: while the region is shown, the
	// terminal sends a key instead of a signal.
	Interrupt func()
	// Live is told when the region comes and goes.
	Live func(bool)
}

// View is a terminal with lines and, once a run has lasted for a moment, a
// region below them. It is a sink of events, and a writer of lines.
type View struct {
	o Options

	mu      sync.Mutex
	board   *board
	lines   []string // that wait to be printed above the region
	printed []string // the last lines above the region
	partial string   // the beginning of a line
	program *tea.Program
	screen  *terminal
	ended   chan struct{} // the program has

	start  *time.Timer
	closed bool
	turn   sync.Mutex // whose turn it is to start, pause or end the program
}

// showAfter is how long a run lasts before the region is shown: a short one is
// told by its lines alone.
const showAfter = 400 * time.Millisecond

// New is the view of a run that is about to start.
func New(o Options) *View {
	v := &View{o: o, board: newBoard()}
	v.screen = newTerminal(o.Out, v.recent)
	return v
}

// Start begins to show the run; Close ends it.
func (v *View) Start() { v.start = time.AfterFunc(showAfter, v.show) }

// Emit takes note of an event. It never waits for the terminal.
func (v *View) Emit(e effect.Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.board.note(e)
}

// Write prints lines, above the region while there is one.
func (v *View) Write(p []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.program == nil {
		v.remember(strings.Split(strings.TrimSuffix(string(p), "\n"), "\n"))
		return v.o.Out.Write(p)
	}
	whole := strings.Split(v.partial+string(p), "\n")
	v.lines = append(v.lines, whole[:len(whole)-1]...)
	v.partial = whole[len(whole)-1]
	return len(p), nil
}

// mostPrinted is how many lines are kept for a screen that is made anew.
const mostPrinted = 50

func (v *View) remember(lines []string) {
	v.printed = append(v.printed, lines...)
	v.printed = slices.Clone(v.printed[max(0, len(v.printed)-mostPrinted):])
}

func (v *View) recent() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.printed
}

// take hands out lines that wait.
func (v *View) take(most int) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := min(most, len(v.lines))
	lines := v.lines[:n:n]
	v.lines = v.lines[n:]
	v.remember(lines)
	return lines
}

// show starts the region.
func (v *View) show() {
	v.turn.Lock()
	defer v.turn.Unlock()
	v.mu.Lock()
	if v.closed || v.program != nil {
		v.mu.Unlock()
		return
	}
	program := tea.NewProgram(&model{v: v, look: look{color: v.o.Color}},
		tea.WithInput(v.o.In), tea.WithOutput(v.screen), tea.WithEnvironment(plainEnvironment()),
		tea.WithoutSignalHandler(), tea.WithFPS(20))
	v.program, v.ended = program, make(chan struct{})
	v.mu.Unlock()
	v.o.Live(true)
	go v.run(program, v.ended)
}

// run runs the region to its end; from then on lines are printed at once.
func (v *View) run(program *tea.Program, ended chan struct{}) {
	defer close(ended)
	_, err := program.Run()
	v.o.Live(false)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.program = nil
	text := strings.Join(v.lines, "\n")
	if len(v.lines) > 0 {
		text += "\n"
	}
	_, _ = io.WriteString(v.o.Out, text+v.partial)
	v.lines, v.partial = nil, ""
	if err != nil && !errors.Is(err, tea.ErrProgramKilled) {
		_, _ = io.WriteString(v.o.Out, "bsdrun: no live view here: "+err.Error()+"\n")
	}
}

func (v *View) interrupt() { v.o.Interrupt() }

// Ask takes the region away while ask puts a question on the terminal, and
// brings it back once that is answered. If it is not, something may still be
// reading the keyboard, and the region stays away.
func (v *View) Ask(ask func() error) error {
	v.turn.Lock()
	v.start.Stop()
	v.end()
	v.turn.Unlock()
	err := ask()
	if err == nil {
		v.show()
	}
	return err
}

// Close takes the region away for good.
func (v *View) Close() {
	v.turn.Lock()
	defer v.turn.Unlock()
	v.start.Stop()
	v.mu.Lock()
	v.closed = true
	v.mu.Unlock()
	v.end()
}

// end ends the program, if it runs, with nothing of the region left.
func (v *View) end() {
	v.mu.Lock()
	program, ended := v.program, v.ended
	v.mu.Unlock()
	if program == nil {
		return
	}
	program.Send(endMsg{})
	<-ended
}
