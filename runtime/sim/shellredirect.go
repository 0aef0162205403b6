package sim

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"mvdan.cc/sh/v3/syntax"

	"bsdrun/runtime/sim/vfs"
)

// redirect applies redirections; undo brings the descriptors back.
func (s *shell) redirect(redirs []*syntax.Redirect) (undo func(), err error) {
	if len(redirs) == 0 {
		return func() {}, nil
	}
	saved := map[int]*stream{}
	undo = func() {
		for fd, old := range saved {
			if now := s.fds[fd]; now != nil {
				now.release()
			}
			if old == nil {
				delete(s.fds, fd)
			} else {
				s.fds[fd] = old
			}
		}
	}
	for _, r := range redirs {
		fd, st, err := s.openRedirect(r)
		if err != nil {
			undo()
			return nil, err
		}
		if _, seen := saved[fd]; !seen {
			saved[fd] = s.fds[fd]
		} else if s.fds[fd] != nil {
			s.fds[fd].release()
		}
		if st == nil {
			delete(s.fds, fd)
		} else {
			s.fds[fd] = st
		}
	}
	return undo, nil
}

// redirectFailed reports a redirection that could not be made; before a special
// builtin it ends the shell.
func (s *shell) redirectFailed(err error, special bool) {
	s.fail(err)
	if !special {
		s.flow = flow{}
	}
	var se *shellError
	if errors.As(err, &se) && se.code == 2 && strings.HasPrefix(se.text, "cannot ") || !special {
		s.status = 2
	}
	if s.opts['e'] && s.tested == 0 {
		s.flow = flow{kind: flowExit}
	}
}

// openRedirect opens what a redirection names; a nil stream closes.
func (s *shell) openRedirect(r *syntax.Redirect) (fd int, st *stream, err error) {
	fd = defaultFD(r.Op)
	if r.N != nil {
		if fd, err = strconv.Atoi(r.N.Value); err != nil {
			return 0, nil, &shellError{"Syntax error: Bad fd number", 2}
		}
	}
	switch r.Op {
	case syntax.Hdoc, syntax.DashHdoc:
		st, err = s.hereDocument(r)
		return fd, st, err
	}
	word, err := s.literal(r.Word)
	if err != nil {
		return fd, nil, err
	}
	switch r.Op {
	case syntax.DplIn, syntax.DplOut:
		if word == "-" {
			return fd, nil, nil
		}
		from, err := strconv.Atoi(word)
		if err != nil {
			return fd, nil, &shellError{"Syntax error: Bad fd number", 2}
		}
		if s.fds[from] == nil {
			return fd, nil, &shellError{word + ": Bad file descriptor", 2}
		}
		return fd, s.fds[from].dup(), nil
	}
	st, err = s.openFile(word, r.Op)
	return fd, st, err
}

func defaultFD(op syntax.RedirOperator) int {
	switch op {
	case syntax.RdrIn, syntax.RdrInOut, syntax.DplIn, syntax.Hdoc, syntax.DashHdoc:
		return 0
	}
	return 1
}

func (s *shell) openFile(name string, op syntax.RedirOperator) (*stream, error) {
	flags := map[syntax.RedirOperator]int{
		syntax.RdrIn:    vfs.O_RDONLY,
		syntax.RdrInOut: vfs.O_RDWR | vfs.O_CREATE,
		syntax.RdrOut:   vfs.O_WRONLY | vfs.O_CREATE | vfs.O_TRUNC,
		syntax.RdrClob:  vfs.O_WRONLY | vfs.O_CREATE | vfs.O_TRUNC,
		syntax.AppOut:   vfs.O_WRONLY | vfs.O_CREATE | vfs.O_APPEND,
	}
	flag, ok := flags[op]
	if !ok {
		return nil, &shellError{"Syntax error: redirection unexpected", 2}
	}
	if op == syntax.RdrOut && s.opts['C'] {
		if i, err := s.view().Stat(name); err == nil && i.Type == vfs.TypeFile {
			return nil, &shellError{fmt.Sprintf("cannot create %s: File exists", name), 2}
		}
	}
	st, err := s.openStream(name, flag)
	if err != nil {
		verb := "open"
		if flag&vfs.O_CREATE != 0 {
			verb = "create"
		}
		return nil, &shellError{fmt.Sprintf("cannot %s %s: %s", verb, name, ErrText(err)), 2}
	}
	return st, nil
}

// openStream opens a file, or the process's own descriptor or terminal.
func (s *shell) openStream(name string, flag int) (*stream, error) {
	if fd, ok := ownDescriptor(s.view().Abs(name)); ok {
		if fd < 0 {
			for _, st := range []*stream{s.fds[0], s.fds[2], s.fds[1]} {
				if st != nil && st.tty {
					return st.dup(), nil
				}
			}
			return nil, syscall.ENXIO
		}
		if s.fds[fd] == nil {
			return nil, syscall.EBADF
		}
		return s.fds[fd].dup(), nil
	}
	f, err := s.view().OpenFile(name, flag, 0o666)
	if err != nil {
		return nil, err
	}
	return fileStream(f), nil
}

// ownDescriptor tells which descriptor a name of fd(4) means; -1 is the
// terminal.
func ownDescriptor(abs string) (int, bool) {
	switch abs {
	case "/dev/stdin":
		return 0, true
	case "/dev/stdout":
		return 1, true
	case "/dev/stderr":
		return 2, true
	case "/dev/tty":
		return -1, true
	}
	if rest, ok := strings.CutPrefix(abs, "/dev/fd/"); ok {
		if n, err := strconv.Atoi(rest); err == nil {
			return n, true
		}
	}
	return 0, false
}

// hereDocument is a here-document's text to read.
func (s *shell) hereDocument(r *syntax.Redirect) (*stream, error) {
	if r.Hdoc == nil {
		return textStream(""), nil
	}
	body := r.Hdoc
	if r.Op == syntax.DashHdoc {
		body = withoutTabs(body)
	}
	var text string
	var err error
	if quotedWord(r.Word) {
		text = s.join(literalParts(body))
	} else if text, err = s.document(body); err != nil {
		return nil, err
	}
	return textStream(text), nil
}

func quotedWord(w *syntax.Word) bool {
	for _, part := range w.Parts {
		lit, ok := part.(*syntax.Lit)
		if !ok || strings.Contains(lit.Value, "\\") {
			return true
		}
	}
	return false
}

func literalParts(w *syntax.Word) []fragment {
	var out []fragment
	for _, part := range w.Parts {
		if lit, ok := part.(*syntax.Lit); ok {
			out = append(out, fragment{text: lit.Value})
		}
	}
	return out
}

// withoutTabs takes the leading tabs of <<- away.
func withoutTabs(w *syntax.Word) *syntax.Word {
	stripped := &syntax.Word{}
	start := true
	for _, part := range w.Parts {
		lit, ok := part.(*syntax.Lit)
		if !ok {
			stripped.Parts = append(stripped.Parts, part)
			start = false
			continue
		}
		var b strings.Builder
		for line := range strings.Lines(lit.Value) {
			if start {
				line = strings.TrimLeft(line, "\t")
			}
			b.WriteString(line)
			start = strings.HasSuffix(line, "\n")
		}
		copied := *lit
		copied.Value = b.String()
		stripped.Parts = append(stripped.Parts, &copied)
	}
	return stripped
}
