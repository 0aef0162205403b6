package gitsim

import (
	"slices"
	"strings"
)

// option describes one option of a command.
type option struct {
	names    []string // "q", "quiet"
	value    bool     // takes a value
	optional bool     // takes one only when attached
}

// options is a parsed command line.
type options struct {
	set   map[string][]string
	args  []string
	paths []string // what follows --
	split bool     // whether there was a --
}

// parseSpec reads "q,quiet b,branch= color?".
func parseSpec(spec string) []option {
	var out []option
	for _, word := range strings.Fields(spec) {
		o := option{value: strings.HasSuffix(word, "="), optional: strings.HasSuffix(word, "?")}
		o.names = strings.Split(strings.TrimRight(word, "=?"), ",")
		out = append(out, o)
	}
	return out
}

func (o option) key() string { return o.names[len(o.names)-1] }

// parse sorts out options and arguments; what the simulator doesn't know it says so.
func (g *git) parse(command string, args []string, spec string) (*options, error) {
	known := parseSpec(spec)
	out := &options{set: map[string][]string{}}
	find := func(name string) (option, bool) {
		for _, o := range known {
			if slices.Contains(o.names, name) {
				return o, true
			}
		}
		return option{}, false
	}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			out.split = true
			out.paths = args[i+1:]
			return out, nil
		case arg == "-" || !strings.HasPrefix(arg, "-"):
			out.args = append(out.args, arg)
			continue
		}
		if strings.HasPrefix(arg, "--") {
			name, value, attached := strings.Cut(arg[2:], "=")
			o, ok := find(name)
			if !ok {
				positive, isNo := strings.CutPrefix(name, "no-")
				if p, found := find(positive); isNo && found {
					delete(out.set, p.key())
					out.set["no-"+p.key()] = []string{""}
					continue
				}
				return nil, g.cannot("%s --%s", command, name)
			}
			if o.value && !attached {
				if i+1 >= len(args) {
					return nil, &failure{129, "error: option `" + name + "' requires a value\n"}
				}
				i++
				value = args[i]
			}
			delete(out.set, "no-"+o.key())
			out.set[o.key()] = append(out.set[o.key()], value)
			continue
		}
		if isNumber(arg[1:]) {
			if o, ok := find("<number>"); ok {
				out.set[o.key()] = []string{arg[1:]}
				continue
			}
		}
		for j := 1; j < len(arg); j++ {
			o, ok := find(arg[j : j+1])
			if !ok {
				return nil, g.cannot("%s -%s", command, arg[j:j+1])
			}
			value := ""
			if o.optional {
				value, j = arg[j+1:], len(arg)
			}
			if o.value {
				value, j = arg[j+1:], len(arg)
				if value == "" {
					if i+1 >= len(args) {
						return nil, &failure{129, "error: switch `" + o.names[0] + "' requires a value\n"}
					}
					i++
					value = args[i]
				}
			}
			out.set[o.key()] = append(out.set[o.key()], value)
		}
	}
	return out, nil
}

func (o *options) has(name string) bool { return len(o.set[name]) > 0 }

// get is the last value.
func (o *options) get(name string) string {
	if v := o.set[name]; len(v) > 0 {
		return v[len(v)-1]
	}
	return ""
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
