package view

import (
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
)

// model is the region as bubbletea runs it. All that the run does comes through
// the View that it belongs to; only the size of the terminal and what the keys
// have chosen is here.
type model struct {
	v        *View
	look     look
	pager    *pager
	hidden   bool // the region is about to end
	printing bool // lines are on their way to the terminal
}

type (
	tickMsg    struct{}
	printedMsg struct{}
	endMsg     struct{}
)

// redrawEvery is how often the region is drawn anew.
const redrawEvery = 100 * time.Millisecond

func tick() tea.Cmd {
	return tea.Tick(redrawEvery, func(time.Time) tea.Msg { return tickMsg{} })
}

func (m *model) Init() tea.Cmd { return tick() }

func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.look.width, m.look.height = msg.Width, msg.Height
	case tickMsg:
		return m, tea.Batch(tick(), m.print())
	case printedMsg:
		m.printing = false
	case endMsg:
		m.hidden, m.pager = true, nil
		return m, tea.Quit
	case tea.KeyPressMsg:
		return m, m.key(msg.String())
	}
	return m, nil
}

// print sends the lines that wait to the terminal, above the region: so many at
// once as the screen has room for.
func (m *model) print() tea.Cmd {
	if m.printing || m.hidden || m.pager != nil || m.look.height == 0 {
		return nil
	}
	lines := m.v.take(max(1, m.look.height/2))
	if len(lines) == 0 {
		return nil
	}
	m.printing = true
	return tea.Sequence(tea.Println(strings.Join(lines, "\n")), func() tea.Msg { return printedMsg{} })
}

func (m *model) key(name string) tea.Cmd {
	switch name {
	case "ctrl+c":
		m.pager = nil // what becomes of it is told below
		m.v.interrupt()
		return nil
	case "ctrl+z":
		return tea.Suspend
	}
	m.v.mu.Lock()
	defer m.v.mu.Unlock()
	if m.pager != nil {
		m.pagerKey(name)
		return nil
	}
	b := m.v.board
	switch name {
	case "o", "enter":
		if h := b.chosen(m.look.selected); h != nil {
			m.pager = outputPager(h)
		}
	case "d":
		m.pager = b.diffPager()
	case "f":
		if len(b.failed) > 0 {
			m.pager = failurePager()
		}
	case "up", "k":
		m.choose(-1)
	case "down", "j":
		m.choose(1)
	}
	return nil
}

// choose selects another running host.
func (m *model) choose(by int) {
	b := m.v.board
	h := b.chosen(m.look.selected)
	for i := range b.running {
		if to := i + by; b.running[i] == h && to >= 0 && to < len(b.running) {
			m.look.selected = b.running[to].name
			return
		}
	}
}

func (m *model) pagerKey(name string) {
	page := m.pager.room(m.look)
	by, ok := map[string]int{
		"up": -1, "k": -1, "down": 1, "j": 1, "pgup": -page, "b": -page, "pgdown": page, "space": page, " ": page,
		"g": -allLines, "home": -allLines, "G": allLines, "end": allLines,
	}[name]
	switch {
	case ok:
		m.pager.scroll(m.v.board, m.look, by)
	case name == "q" || name == "esc" || name == "o" || name == "d" || name == "f" || name == "enter":
		m.pager = nil
	}
}

// allLines is farther than any text goes.
const allLines = 1 << 30

func (m *model) View() tea.View {
	if m.hidden || m.look.height == 0 {
		return tea.NewView("")
	}
	m.v.mu.Lock()
	defer m.v.mu.Unlock()
	m.look.now = time.Now()
	if m.pager != nil {
		view := tea.NewView(m.pager.draw(m.v.board, m.look))
		view.AltScreen = true
		return view
	}
	return tea.NewView(m.v.board.draw(m.look))
}
