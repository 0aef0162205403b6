package sim

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"syscall"

	"mvdan.cc/sh/v3/syntax"
)

// simple runs a simple command: assignments, redirections, then a builtin, a
// function or a program.
func (s *shell) simple(c *syntax.CallExpr, redirs []*syntax.Redirect, tail bool) {
	s.substituted = false
	words, err := s.commandWords(c.Args)
	if err != nil {
		s.fail(err)
		return
	}
	if len(words) == 0 {
		s.assignOnly(c, redirs)
		return
	}
	name := words[0]
	if name == "exec" && len(s.funcs) >= 0 && s.funcs["exec"] == nil {
		s.execCommand(c, words, redirs)
		return
	}
	undo, err := s.redirect(redirs)
	if err != nil {
		s.redirectFailed(err, s.isSpecial(name))
		return
	}
	defer undo()
	temporary := !s.isSpecial(name)
	restore, err := s.assignFor(c.Assigns, temporary)
	if err != nil {
		s.fail(err)
		return
	}
	defer restore()
	s.trace(c, words)
	switch body, fn := s.funcs[name], builtins[name]; {
	case body != nil:
		s.call(body, words)
	case fn != nil:
		s.status = fn(s, words)
	default:
		s.external(words, tail)
	}
}

// commandWords expands a command's words. The assignments among the arguments of
// export, readonly and local are not split, as in FreeBSD's sh.
func (s *shell) commandWords(args []*syntax.Word) ([]string, error) {
	var words []string
	for i, w := range args {
		if i > 0 && len(words) > 0 && declares(words) {
			if name, value, ok := assignmentWord(w); ok {
				text, err := s.assigned(value)
				if err != nil {
					return nil, err
				}
				words = append(words, name+"="+text)
				continue
			}
		}
		more, err := s.fields([]*syntax.Word{w})
		if err != nil {
			return nil, err
		}
		words = append(words, more...)
	}
	return words, nil
}

func declares(words []string) bool {
	name := words[0]
	if name == "command" && len(words) > 1 {
		name = words[1]
	}
	return name == "export" || name == "readonly" || name == "local"
}

// assignmentWord takes NAME=word apart when NAME= stands there unquoted.
func assignmentWord(w *syntax.Word) (name string, value *syntax.Word, ok bool) {
	lit, ok := w.Parts[0].(*syntax.Lit)
	if !ok {
		return "", nil, false
	}
	name, rest, ok := strings.Cut(lit.Value, "=")
	if !ok || !syntax.ValidName(name) {
		return "", nil, false
	}
	parts := w.Parts[1:]
	if rest != "" {
		parts = append([]syntax.WordPart{&syntax.Lit{Value: rest}}, parts...)
	}
	if len(parts) == 0 {
		return name, nil, true
	}
	return name, &syntax.Word{Parts: parts}, true
}

// assignOnly runs a command of assignments and redirections alone.
func (s *shell) assignOnly(c *syntax.CallExpr, redirs []*syntax.Redirect) {
	undo, err := s.redirect(redirs)
	if err != nil {
		s.redirectFailed(err, false)
		return
	}
	undo()
	for _, a := range c.Assigns {
		value, err := s.assigned(a.Value)
		if err == nil {
			err = s.set(a.Name.Value, value)
		}
		if err != nil {
			s.fail(err)
			return
		}
		if s.opts['x'] {
			s.errorf("%s%s=%s\n", s.ps4(), a.Name.Value, quoteWord(value))
		}
	}
	if !s.substituted {
		s.status = 0
	}
}

// assignFor makes the assignments before a command; temporary ones are undone
// afterwards, and the command's environment has them.
func (s *shell) assignFor(assigns []*syntax.Assign, temporary bool) (restore func(), err error) {
	saved := map[string]*variable{}
	restore = func() {
		for name, old := range saved {
			if old == nil {
				delete(s.vars, name)
			} else {
				s.vars[name] = old
			}
		}
	}
	for _, a := range assigns {
		name := a.Name.Value
		value, err := s.assigned(a.Value)
		if err != nil {
			return restore, err
		}
		if _, seen := saved[name]; temporary && !seen {
			saved[name] = nil
			if old := s.vars[name]; old != nil {
				copied := *old
				saved[name] = &copied
			}
		}
		if err := s.set(name, value); err != nil {
			return restore, err
		}
		if temporary {
			s.vars[name].exported = true
		}
	}
	return restore, nil
}

// trace is set -x.
func (s *shell) trace(c *syntax.CallExpr, words []string) {
	if !s.opts['x'] {
		return
	}
	var b strings.Builder
	b.WriteString(s.ps4())
	for _, a := range c.Assigns {
		v, _ := s.value(a.Name.Value)
		fmt.Fprintf(&b, "%s=%s ", a.Name.Value, quoteWord(v))
	}
	for i, w := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(quoteWord(w))
	}
	s.errorf("%s\n", b.String())
}

func (s *shell) ps4() string {
	v, _ := s.value("PS4")
	return v
}

// quoteWord writes a word so that the shell would read it back.
func quoteWord(w string) string {
	plain := w != "" && strings.IndexFunc(w, func(r rune) bool {
		return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+=%@:,./", r)
	}) < 0
	if plain {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}

// call runs a function.
func (s *shell) call(body *syntax.Stmt, words []string) {
	const deepest = 1000
	if s.calls > deepest {
		s.fail(&shellError{"Maximum function recursion depth exceeded", 2})
		return
	}
	params, loops, scopes := s.params, s.loops, len(s.scopes)
	s.params, s.loops = words[1:], 0
	s.scopes = append(s.scopes, map[string]*variable{})
	s.calls++
	s.statement(body, false)
	s.calls--
	for name, old := range s.scopes[scopes] {
		if old == nil {
			delete(s.vars, name)
		} else {
			s.vars[name] = old
		}
	}
	s.scopes = s.scopes[:scopes]
	s.params, s.loops = params, loops
	if s.flow.kind == flowReturn || s.flow.kind == flowBreak || s.flow.kind == flowContinue {
		s.flow = flow{}
	}
}

// external runs a program of the machine, in place of the shell when that has
// nothing left to do.
func (s *shell) external(words []string, tail bool) {
	c := s.child(words)
	if tail && len(s.traps) == 0 {
		code, err := s.p.Exec(c)
		if err != nil {
			code = s.notStarted(words[0], err)
		}
		s.status, s.flow = code, flow{kind: flowExit}
		return
	}
	process, err := s.p.Start(c)
	if err != nil {
		s.status = s.notStarted(words[0], err)
		return
	}
	s.status = s.waitFor(process.task)
}

// child is a program with the shell's variables and descriptors.
func (s *shell) child(words []string) Command {
	umask := s.p.Umask
	c := Command{
		Args: words, Env: s.environ(), Dir: s.dir, Umask: &umask, TTY: s.p.TTY, Files: map[int]*stream{},
		Stdin: orClosed(s.fds[0]), Stdout: orClosed(s.fds[1]), Stderr: orClosed(s.fds[2]), Ignore: s.ignoredSignals(),
	}
	if c.Env == nil {
		c.Env = []string{}
	}
	if st := s.fds[0]; st == nil || st.file != nil || !st.tty {
		c.TTY = c.TTY && st != nil && st.tty
	}
	for fd, st := range s.fds {
		if fd > 2 {
			c.Files[fd] = st
		}
	}
	if path, ok := s.value("PATH"); ok && !strings.Contains(words[0], "/") {
		if file, err := s.p.Machine.LookPath(s.view(), []string{"PATH=" + path}, words[0]); err == nil {
			c.Path = file
		}
	}
	return c
}

// notStarted reports a program that could not be started (sh(1), EXIT STATUS).
func (s *shell) notStarted(name string, err error) int {
	if s.p.Machine.OS() == "Linux" {
		return s.notStartedLinux(name, err)
	}
	if s.notFound != nil {
		text, code := s.notFound(name, err)
		s.errorf("%s", text)
		return code
	}
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ENOTDIR) {
		s.errorf("%s: not found\n", name)
		return 127
	}
	s.errorf("%s: %s\n", name, ErrText(err))
	return 126
}

// notStartedLinux says so in the words of dash, or bash.
func (s *shell) notStartedLinux(name string, err error) int {
	shell, where := s.name, strconv.Itoa(int(max(s.lineBase, 1)))
	missing, code := "not found", 126
	if path.Base(shell) == "bash" || path.Base(shell) == "-bash" {
		where, missing = "line "+where, "command not found"
	}
	reason := s.p.Machine.ErrText(err)
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ENOTDIR) {
		code = 127
		if !strings.Contains(name, "/") || missing == "not found" {
			reason = missing
		}
	}
	s.errorf("%s: %s: %s: %s\n", shell, where, name, reason)
	return code
}

// execCommand is exec: a program in place of the shell, or redirections that
// stay.
func (s *shell) execCommand(c *syntax.CallExpr, words []string, redirs []*syntax.Redirect) {
	if _, err := s.redirect(redirs); err != nil {
		s.redirectFailed(err, true)
		return
	}
	if _, err := s.assignFor(c.Assigns, false); err != nil {
		s.fail(err)
		return
	}
	s.trace(c, words)
	words = words[1:]
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	s.status = 0
	if len(words) == 0 {
		return
	}
	for _, a := range c.Assigns {
		s.vars[a.Name.Value].exported = true
	}
	delete(s.traps, "EXIT")
	s.resetCaught()
	code, err := s.p.Exec(s.child(words))
	if err != nil {
		code = s.notStarted(words[0], err)
	}
	s.status, s.flow, s.left = code, flow{kind: flowExit}, err == nil
}
