package sim

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// shellOptions are the letters set(1) takes; P stands for pipefail.
const shellOptions = "abefhmnpuvxCEITV"

// longOptions are the names of set -o.
var longOptions = map[string]byte{
	"allexport": 'a', "errexit": 'e', "ignoreeof": 'I', "interactive": 'i', "monitor": 'm', "noclobber": 'C', "noexec": 'n',
	"noglob": 'f', "notify": 'b', "nounset": 'u', "physical": 'p', "pipefail": 'P', "privileged": 'p', "trackall": 'h',
	"verbose": 'v', "xtrace": 'x', "emacs": 'E', "vi": 'V', "trapsasync": 'T',
}

// export is export and readonly.
func (s *shell) export(args []string) int {
	name := args[0]
	operands := args[1:]
	if len(operands) > 0 && (operands[0] == "-p" || operands[0] == "--") {
		operands = operands[1:]
	}
	if len(operands) == 0 {
		return s.listVars(name)
	}
	for _, arg := range operands {
		variableName, value, assign := strings.Cut(arg, "=")
		if !syntax.ValidName(variableName) {
			return s.usage(name, "%s: bad variable name", variableName)
		}
		if assign {
			if err := s.set(variableName, value); err != nil {
				return s.fail(err)
			}
		}
		v := s.vars[variableName]
		if v == nil {
			v = &variable{}
			s.vars[variableName] = v
		}
		if name == "export" {
			v.exported = true
		} else {
			v.readonly = true
		}
	}
	return 0
}

func (s *shell) listVars(kind string) int {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.vars)) {
		v := s.vars[name]
		if kind == "export" && !v.exported || kind == "readonly" && !v.readonly {
			continue
		}
		if kind != "set" {
			b.WriteString(kind + " ")
		} else if !v.set {
			continue
		}
		b.WriteString(name)
		if v.set {
			b.WriteString("=" + quoteWord(v.value))
		}
		b.WriteByte('\n')
	}
	_, _ = io.WriteString(s.writer(1), b.String())
	return 0
}

func (s *shell) local(args []string) int {
	if len(s.scopes) == 0 {
		return s.usage("local", "Not in a function")
	}
	scope := s.scopes[len(s.scopes)-1]
	for _, arg := range args[1:] {
		if arg == "-" {
			continue
		}
		name, value, assign := strings.Cut(arg, "=")
		if !syntax.ValidName(name) {
			return s.usage("local", "%s: bad variable name", name)
		}
		old := s.vars[name]
		if _, hidden := scope[name]; !hidden {
			scope[name] = old
			fresh := &variable{}
			if old != nil {
				fresh.exported = old.exported
				fresh.readonly = old.readonly
			}
			s.vars[name] = fresh
		}
		if assign {
			if err := s.set(name, value); err != nil {
				return s.fail(err)
			}
		}
	}
	return 0
}

func (s *shell) setvar(args []string) int {
	if len(args) < 2 || len(args) > 3 {
		return s.usage("setvar", "usage: setvar var [value]")
	}
	if len(args) == 2 {
		delete(s.vars, args[1])
		return 0
	}
	if err := s.set(args[1], args[2]); err != nil {
		return s.fail(err)
	}
	return 0
}

func (s *shell) unsetBuiltin(args []string) int {
	functions := false
	operands := args[1:]
	for len(operands) > 0 && strings.HasPrefix(operands[0], "-") {
		switch operands[0] {
		case "-f":
			functions = true
		case "-v", "--":
		default:
			return s.usage("unset", "Illegal option %s", operands[0])
		}
		operands = operands[1:]
	}
	for _, name := range operands {
		if functions {
			delete(s.funcs, name)
			continue
		}
		if v := s.vars[name]; v != nil && v.readonly {
			return s.usage("unset", "%s: is read only", name)
		}
		if s.isLocal(name) {
			s.vars[name] = &variable{}
			continue
		}
		delete(s.vars, name)
	}
	return 0
}

func (s *shell) isLocal(name string) bool {
	if len(s.scopes) == 0 {
		return false
	}
	_, ok := s.scopes[len(s.scopes)-1][name]
	return ok
}

func (s *shell) setLong(name string, on bool) bool {
	c, ok := longOptions[name]
	if ok {
		s.opts[c] = on
	}
	return ok
}

func (s *shell) setBuiltin(args []string) int {
	operands := args[1:]
	if len(operands) == 0 {
		return s.listVars("set")
	}
	for len(operands) > 0 {
		arg := operands[0]
		if arg == "--" {
			s.params = slices.Clone(operands[1:])
			return 0
		}
		if arg == "-" {
			s.opts['x'], s.opts['v'] = false, false
			operands = operands[1:]
			continue
		}
		if len(arg) < 2 || arg[0] != '-' && arg[0] != '+' {
			break
		}
		operands = operands[1:]
		on := arg[0] == '-'
		for _, c := range []byte(arg[1:]) {
			switch {
			case c == 'o' && len(operands) == 0:
				return s.listOptions(on)
			case c == 'o':
				if !s.setLong(operands[0], on) {
					return s.usage("set", "Illegal option %co %s", arg[0], operands[0])
				}
				operands = operands[1:]
			case strings.IndexByte(shellOptions, c) >= 0:
				s.opts[c] = on
			default:
				return s.usage("set", "Illegal option %c%c", arg[0], c)
			}
		}
	}
	if len(operands) > 0 {
		s.params = slices.Clone(operands)
	}
	return 0
}

func (s *shell) listOptions(settings bool) int {
	var b strings.Builder
	if settings {
		b.WriteString("Current option settings\n")
	}
	for _, name := range slices.Sorted(maps.Keys(longOptions)) {
		on := s.opts[longOptions[name]]
		switch {
		case settings:
			fmt.Fprintf(&b, "%-16s%s\n", name, map[bool]string{true: "on", false: "off"}[on])
		case on:
			fmt.Fprintf(&b, "set -o %s\n", name)
		default:
			fmt.Fprintf(&b, "set +o %s\n", name)
		}
	}
	_, _ = io.WriteString(s.writer(1), b.String())
	return 0
}

func (s *shell) shift(args []string) int {
	n := 1
	if len(args) > 1 {
		var err error
		if n, err = strconv.Atoi(args[1]); err != nil || n < 0 {
			return s.usage("shift", "Illegal number: %s", args[1])
		}
	}
	if n > len(s.params) {
		return s.usage("shift", "can't shift that many")
	}
	s.params = s.params[n:]
	return 0
}

// getopts follows POSIX.
func (s *shell) getopts(args []string) int {
	if len(args) < 3 {
		return s.usage("getopts", "usage: getopts optstring var [arg ...]")
	}
	spec, name, operands := args[1], args[2], s.params
	if len(args) > 3 {
		operands = args[3:]
	}
	text, _ := s.value("OPTIND")
	index, err := strconv.Atoi(text)
	if err != nil || index < 1 {
		index = 1
	}
	pos := s.optPos
	finish := func(value, arg string, setArg bool, code int) int {
		_ = s.set("OPTIND", strconv.Itoa(index))
		s.optPos = pos
		if setArg {
			_ = s.set("OPTARG", arg)
		} else {
			delete(s.vars, "OPTARG")
		}
		if err := s.set(name, value); err != nil {
			return s.fail(err)
		}
		return code
	}
	if pos == 0 {
		if index > len(operands) || len(operands[index-1]) < 2 || operands[index-1][0] != '-' {
			return finish("?", "", false, 1)
		}
		if operands[index-1] == "--" {
			index++
			return finish("?", "", false, 1)
		}
		pos = 1
	}
	arg := operands[index-1]
	c := arg[pos]
	if pos++; pos >= len(arg) {
		index, pos = index+1, 0
	}
	silent := strings.HasPrefix(spec, ":")
	at := strings.IndexByte(strings.TrimPrefix(spec, ":"), c)
	if c == ':' || at < 0 {
		if silent {
			return finish("?", string(c), true, 0)
		}
		s.errorf("Illegal option -%c\n", c)
		return finish("?", "", false, 0)
	}
	if rest := strings.TrimPrefix(spec, ":")[at+1:]; !strings.HasPrefix(rest, ":") {
		return finish(string(c), "", false, 0)
	}
	var value string
	switch {
	case pos > 0:
		value, index, pos = arg[pos:], index+1, 0
	case index <= len(operands):
		value, index = operands[index-1], index+1
	case silent:
		return finish(":", string(c), true, 0)
	default:
		s.errorf("No arg for -%c option\n", c)
		return finish("?", "", false, 0)
	}
	return finish(string(c), value, true, 0)
}
