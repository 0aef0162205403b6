package sshhost

import (
	"errors"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"bsdrun/runtime/effect"
)

// Quote makes one shell word of s, for any POSIX sh. Only a NUL byte cannot be
// quoted: no argument may hold one.
func Quote(s string) (string, error) {
	word, err := syntax.Quote(s, syntax.LangPOSIX)
	if err == nil {
		return word, nil
	}
	if strings.IndexByte(s, 0) >= 0 {
		return "", err
	}
	// What is left are control characters and bytes that are no UTF-8. POSIX
	// has no escapes for them, but between single quotes they stand for
	// themselves.
	return quoteRaw(s), nil
}

// quoteRaw puts s between single quotes as it is.
func quoteRaw(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// quoteArgv is a command line that runs exactly argv.
func quoteArgv(argv []string) (string, error) {
	if len(argv) == 0 || argv[0] == "" {
		return "", errors.New("the command is empty")
	}
	var b strings.Builder
	for i, arg := range argv {
		word, err := Quote(arg)
		if err != nil {
			return "", err
		}
		if i > 0 {
			b.WriteByte(' ')
		} else if word == arg && syntax.IsKeyword(arg) {
			word = quoteRaw(arg)
		}
		b.WriteString(word)
	}
	return b.String(), nil
}

// printable is a printf(1) format that prints exactly content, to stand between
// single quotes: text as it is, everything else in octal.
func printable(content []byte) string {
	var b strings.Builder
	b.Grow(len(content) + len(content)/8)
	for _, c := range content {
		switch {
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\\':
			b.WriteString(`\\`)
		case c == '%':
			b.WriteString("%%")
		case c < ' ' || c >= 0x7f || c == '\'':
			b.Write([]byte{'\\', '0' + c>>6, '0' + c>>3&7, '0' + c&7})
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// printfTo is a statement that writes content to standard output. The builtin
// printf takes a long format, but split it, so that no shell has to hold one
// word of megabytes.
func printfTo(content []byte) string {
	var b strings.Builder
	for first := true; first || len(content) > 0; first = false {
		n := min(len(content), 16<<10)
		// A format must not begin with a dash: "--" is not known everywhere.
		if n > 0 && content[0] == '-' {
			b.WriteString(`printf '\055` + printable(content[1:n]) + "'\n")
		} else {
			b.WriteString("printf '" + printable(content[:n]) + "'\n")
		}
		content = content[n:]
	}
	return b.String()
}

// throughLoginShell is a command for an exec request that runs script in
// /bin/sh, whatever the login shell is: csh too takes it, which would trip over
// newlines and exclamation marks even between single quotes.
func throughLoginShell(script string) string {
	var b strings.Builder
	b.WriteString(`exec /bin/sh -c 'eval "$(printf "`)
	for i := range len(script) {
		switch c := script[i]; {
		case c == '%':
			b.WriteString("%%")
		case c < ' ' || c >= 0x7f || strings.IndexByte("'\"\\$`!-", c) >= 0:
			b.Write([]byte{'\\', '\\', '0' + c>>6, '0' + c>>3&7, '0' + c&7})
		default:
			b.WriteByte(c)
		}
	}
	b.WriteString(`")"'`)
	return b.String()
}

// body is what runs inside a frame's subshell: directory and environment, then
// the command. A script is passed to eval as one quoted word, so that a syntax
// error in it ends the subshell and not the shell.
func body(e effect.Effect) (string, error) {
	var b strings.Builder
	if e.Dir != "" {
		dir, err := Quote(e.Dir)
		if err != nil {
			return "", err
		}
		b.WriteString("cd " + dir + " || exit 126\n")
	}
	for _, pair := range e.Env {
		name, value, found := strings.Cut(pair, "=")
		if !found || !syntax.ValidName(name) {
			return "", errors.New("an environment entry must be NAME=value, not " + pair)
		}
		word, err := Quote(value)
		if err != nil {
			return "", err
		}
		b.WriteString(name + "=" + word + "; export " + name + "\n")
	}
	if e.Shell != "" {
		if strings.IndexByte(e.Shell, 0) >= 0 {
			return "", errors.New("a script cannot hold NUL bytes")
		}
		b.WriteString("eval " + quoteRaw(e.Shell))
		return b.String(), nil
	}
	line, err := quoteArgv(e.Argv)
	b.WriteString(line)
	return b.String(), err
}

// commandText is the effect's command as a person would type it.
func commandText(e effect.Effect) string {
	if e.Title != "" {
		return e.Title
	}
	if len(e.Argv) > 0 {
		line, err := quoteArgv(e.Argv)
		if err != nil {
			return strings.Join(e.Argv, " ")
		}
		return line
	}
	if e.Batch != nil {
		return strconv.Itoa(len(e.Batch)) + " reads at once"
	}
	line, rest, more := strings.Cut(strings.TrimSpace(e.Shell), "\n")
	if more && strings.TrimSpace(rest) != "" {
		line += " ..."
	}
	return line
}
