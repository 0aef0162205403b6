package sim

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// csh is root's login shell up to FreeBSD 13. What sshd gives it is a command
// line, so command lines are what it knows here: words, quoting, variables of
// the environment, lists, pipes and plain redirections. It refuses what the real
// one refuses of sh's language, in its words; the rest of its own language the
// simulator does not know and says so.

func cshTool() *Tool {
	return &Tool{Name: "csh", Paths: []string{"/bin/csh", "/bin/tcsh"}, Run: runCsh}
}

func runCsh(p *Proc) int {
	sh := *p
	sh.Args = []string{"csh"}
	s := newShell(&sh)
	defer s.closeAll()
	args := p.Args[1:]
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		flags := args[0]
		args = args[1:]
		if strings.Contains(flags, "c") {
			if len(args) == 0 {
				p.Errorf("csh: No command given.\n")
				return 1
			}
			return s.csh(args[0], true)
		}
	}
	if len(args) > 0 {
		return p.Cannot("run a script of csh")
	}
	code := 0
	for {
		line, _, end := s.readLine(true, 0)
		if len(line) > 0 {
			code = s.csh(string(line), false)
		}
		if end != 0 || s.stopped() {
			return code
		}
	}
}

// csh runs one command line by way of sh.
func (s *shell) csh(text string, last bool) int {
	script, err := cshToSh(text, s.value)
	var refused *cshRefusal
	switch {
	case errors.As(err, &refused):
		s.errorf("%s\n", refused.text)
		return 1
	case err != nil:
		return s.p.Cannot("run this in csh: %v", err)
	}
	s.notFound = cshNotFound
	s.tailAt = lastStatement(script)
	s.program(strings.NewReader(script), last)
	return s.end()
}

// cshNotFound is what csh says of a command it cannot run; its status is 1.
func cshNotFound(name string, err error) (string, int) {
	if errors.Is(err, syscall.EACCES) {
		return name + ": Permission denied.\n", 1
	}
	return name + ": Command not found.\n", 1
}

// cshRefusal is an error of csh itself.
type cshRefusal struct{ text string }

func (e *cshRefusal) Error() string { return e.text }

// cshWords of csh's own that change its state or flow.
var cshWords = map[string]bool{
	"alias": true, "foreach": true, "if": true, "switch": true, "while": true, "set": true, "setenv": true, "source": true,
	"unset": true, "unsetenv": true, "onintr": true, "goto": true, "repeat": true, "limit": true, "@": true, "pushd": true, "popd": true,
}

// cshToSh translates a command line, with its variables replaced.
func cshToSh(text string, value func(string) (string, bool)) (string, error) {
	c := &cshLine{rest: text, value: value, start: true}
	for c.rest != "" {
		if err := c.token(); err != nil {
			return "", err
		}
	}
	return c.out.String(), nil
}

type cshLine struct {
	rest  string
	value func(string) (string, bool)
	out   strings.Builder
	start bool // a command's name comes next
}

// token translates an operator or a word.
func (c *cshLine) token() error {
	for _, op := range []string{"&&", "||", ">>", "<<", ">&", ">", "<", "|", ";", "&", "(", ")", "\n"} {
		if !strings.HasPrefix(c.rest, op) {
			continue
		}
		if op == ">&" || op == "<<" {
			return fmt.Errorf("the redirection %s", op)
		}
		c.out.WriteString(op)
		c.rest = c.rest[len(op):]
		c.start = !strings.ContainsAny(op, "<>)")
		return nil
	}
	if c.rest[0] == ' ' || c.rest[0] == '\t' {
		c.out.WriteByte(' ')
		c.rest = c.rest[1:]
		return nil
	}
	return c.word()
}

func (c *cshLine) word() error {
	raw := c.rest
	var word strings.Builder
	glob := false
	for c.rest != "" && !strings.ContainsRune(" \t\n;&|<>()", rune(c.rest[0])) {
		switch ch := c.rest[0]; ch {
		case '\'':
			end := strings.IndexByte(c.rest[1:], '\'')
			if end < 0 {
				return &cshRefusal{"Unmatched '''."}
			}
			word.WriteString(quoteAlways(c.rest[1 : end+1]))
			c.rest = c.rest[end+2:]
		case '"':
			if err := c.double(&word); err != nil {
				return err
			}
		case '\\':
			if len(c.rest) > 1 {
				word.WriteString(quoteAlways(c.rest[1:2]))
				c.rest = c.rest[2:]
				continue
			}
			c.rest = ""
		case '`':
			return fmt.Errorf("a command substitution")
		case '$':
			v, err := c.variable()
			if err != nil {
				return err
			}
			word.WriteString(quoteAlways(v))
		case '*', '?', '[', '~':
			glob = true
			word.WriteByte(ch)
			c.rest = c.rest[1:]
		default:
			word.WriteString(quoteWord(string(ch)))
			c.rest = c.rest[1:]
		}
	}
	plain := raw[:len(raw)-len(c.rest)]
	if c.rest != "" && c.rest[0] == '>' && isDigits(plain) && strings.HasPrefix(c.rest, ">&") {
		return &cshRefusal{"Ambiguous output redirect."}
	}
	if c.start && cshWords[plain] {
		return fmt.Errorf("its command %s", plain)
	}
	if c.start && !glob && strings.Contains(plain, "=") && !strings.HasPrefix(plain, "=") {
		return &cshRefusal{plain + ": Command not found."}
	}
	c.start = false
	c.out.WriteString(word.String())
	return nil
}

func isDigits(text string) bool { return text != "" && !strings.ContainsFunc(text, notDigit) }

// double reads a part in double quotes.
func (c *cshLine) double(word *strings.Builder) error {
	c.rest = c.rest[1:]
	var plain strings.Builder
	for c.rest != "" {
		switch c.rest[0] {
		case '"':
			c.rest = c.rest[1:]
			word.WriteString(quoteAlways(plain.String()))
			return nil
		case '`':
			return fmt.Errorf("a command substitution")
		case '$':
			v, err := c.variable()
			if err != nil {
				return err
			}
			plain.WriteString(v)
		case '\n':
			return &cshRefusal{"Unmatched '\"'."}
		default:
			plain.WriteByte(c.rest[0])
			c.rest = c.rest[1:]
		}
	}
	return &cshRefusal{"Unmatched '\"'."}
}

// variable reads $name or ${name}.
func (c *cshLine) variable() (string, error) {
	rest := c.rest[1:]
	braces := strings.HasPrefix(rest, "{")
	rest = strings.TrimPrefix(rest, "{")
	end := 0
	for end < len(rest) && (rest[end] == '_' || rest[end] >= '0' && rest[end] <= '9' || rest[end]|0x20 >= 'a' && rest[end]|0x20 <= 'z') {
		end++
	}
	name := rest[:end]
	rest = rest[end:]
	if name == "" {
		return "", &cshRefusal{"Illegal variable name."}
	}
	if braces {
		var ok bool
		if rest, ok = strings.CutPrefix(rest, "}"); !ok {
			return "", &cshRefusal{"Missing '}'."}
		}
	}
	v, ok := c.value(name)
	if !ok {
		return "", &cshRefusal{name + ": Undefined variable."}
	}
	c.rest = rest
	return v, nil
}
