package sim

import (
	"io"
	"os"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// interact is the shell of a person at a terminal: it prompts, reads $ENV first,
// and an error ends the command rather than the shell.
func (s *shell) interact() {
	s.opts['i'] = true
	if s.p.Cred.UID == 0 {
		s.vars["PS1"].value = "# "
	}
	if file, ok := s.value("ENV"); ok && file != "" {
		if data, err := s.view().ReadFile(os.Expand(file, s.plainValue)); err == nil {
			s.program(strings.NewReader(string(data)), false)
		}
	}
	input := &lineReader{r: s.reader(0)}
	for !s.left && !input.done && s.p.Context.Err() == nil {
		s.flow = flow{}
		s.readLines(input)
		input.over = false
	}
}

func (s *shell) plainValue(name string) string {
	v, _ := s.value(name)
	return v
}

// readLines runs lines until the end, or an error of syntax, after which the
// parser must begin anew.
func (s *shell) readLines(input *lineReader) {
	parser := syntax.NewParser(syntax.Variant(syntax.LangPOSIX))
	input.prompt = func() {
		name := "PS1"
		if parser.Incomplete() {
			name = "PS2"
		}
		_, _ = io.WriteString(s.writer(2), s.promptText(s.plainValue(name)))
	}
	for stmts, err := range parser.InteractiveSeq(input) {
		switch {
		case input.over:
		case err != nil:
			s.syntaxError(err)
			input.over, input.ready = true, nil
		case parser.Incomplete() || len(stmts) == 0:
		default:
			if input.masked {
				unmask(stmts)
			}
			s.statements(stmts, false)
			input.over = s.left
			s.flow = flow{}
		}
	}
}

// promptText replaces what sh(1) describes under PS1.
func (s *shell) promptText(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	user, dir, sign := s.p.Machine.UserName(s.p.Cred.UID), s.dir, "$"
	if home := s.plainValue("HOME"); home != "" && (dir == home || strings.HasPrefix(dir, home+"/")) {
		dir = "~" + dir[len(home):]
	}
	if s.p.Cred.UID == 0 {
		sign = "#"
	}
	s.p.Machine.state.Lock()
	host := s.p.Machine.state.Network.Hostname
	s.p.Machine.state.Unlock()
	short, _, _ := strings.Cut(host, ".")
	return strings.NewReplacer(`\u`, user, `\h`, short, `\H`, host, `\w`, dir, `\W`, dir[strings.LastIndexByte(dir, '/')+1:], `\$`, sign, `\\`, `\`).Replace(text)
}
