// Package cli is what the simulated zpool(8) and zfs(8) have in common: the eras
// of these tools, options, sizes for people, and JSON.
package cli

import (
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/zfs"
)

// Era is a generation of the tools. Later ones have what earlier ones have.
type Era int

// The eras.
const (
	Numbered  Era = iota // pool versions: FreeBSD 8 to 9.1
	Features             // feature flags, from illumos: 9.2 to 12
	OpenZFS21            // OpenZFS: 13
	OpenZFS22            // 14
	OpenZFS24            // with JSON: 15
)

// Eras is how many there are.
const Eras = int(OpenZFS24) + 1

// EraOf is the era of a release, as zfs.ReleaseNumber has it.
func EraOf(release int) Era {
	switch {
	case release < 902:
		return Numbered
	case release < 1300:
		return Features
	case release < 1400:
		return OpenZFS21
	case release < 1500:
		return OpenZFS22
	}
	return OpenZFS24
}

// openZFS is the OpenZFS that a major release carries.
var openZFS = map[int]string{13: "2.1.14", 14: "2.2.7", 15: "2.4.0"}

// Version is what the tools of a release with OpenZFS call themselves, but for
// the words before it.
func Version(release int) string { return openZFS[release/100] + "-FreeBSD_ge269af1b3" }

// Modern tells the eras of OpenZFS.
func (e Era) Modern() bool { return e >= OpenZFS21 }

// Call is one run of such a tool.
type Call struct {
	*sim.Proc
	Era     Era
	Release int // 902 for 9.2
	Options
}

// NewCall is a run of the tool that a process is.
func NewCall(p *sim.Proc) Call {
	release := zfs.ReleaseNumber(p.Machine.RunningRelease())
	return Call{Proc: p, Era: EraOf(release), Release: release}
}

// Options is a command line that was taken apart.
type Options struct {
	Operands []string
	flags    map[string]bool
	values   map[string][]string // of options with an argument
}

// Has tells whether a flag was given.
func (o *Options) Has(flag string) bool { return o.flags[flag] }

// Value is the last argument of an option, empty when it was not given.
func (o *Options) Value(option string) string {
	if list := o.values[option]; len(list) > 0 {
		return list[len(list)-1]
	}
	return ""
}

// Values are all arguments of an option.
func (o *Options) Values(option string) []string { return o.values[option] }

// Given tells whether an option with an argument was given, were it empty.
func (o *Options) Given(option string) bool { return len(o.values[option]) > 0 }

// Parse takes a command line apart as getopt(3) does, by its letters: a colon
// after one stands for an argument, a colon before all for the other words about
// a missing one. Long options follow after blanks, as NAME or NAME=LETTER; where
// there are any, operands may stand between options. What is wrong comes back in
// the tools' words.
func (o *Options) Parse(args []string, spec string) (wrong string) {
	o.flags, o.values, o.Operands = map[string]bool{}, map[string][]string{}, nil
	p := parser{args: args, options: o}
	letters, long, permute := strings.Cut(spec, " ")
	p.letters, p.long = letters, strings.Fields(long)
	for len(p.args) > 0 && wrong == "" {
		arg := p.args[0]
		switch {
		case arg == "--":
			p.args = p.args[1:]
			o.Operands = append(o.Operands, p.args...)
			return ""
		case len(arg) > 1 && arg[0] == '-':
			p.args = p.args[1:]
			wrong = p.option(arg)
		case permute:
			o.Operands = append(o.Operands, arg)
			p.args = p.args[1:]
		default:
			o.Operands = p.args
			return ""
		}
	}
	return wrong
}

type parser struct {
	args    []string
	letters string
	long    []string
	options *Options
}

// option takes one word of options.
func (p *parser) option(word string) (wrong string) {
	if name, ok := strings.CutPrefix(word, "--"); ok && len(p.long) > 0 {
		return p.longOption(name)
	}
	for n := 1; n < len(word); n++ {
		letter := word[n : n+1]
		i := strings.Index(strings.TrimPrefix(p.letters, ":"), letter)
		switch {
		case i < 0 || letter == ":":
			return "invalid option '" + letter + "'"
		case !p.takesArgument(letter):
			p.options.flags[letter] = true
		case n+1 < len(word):
			p.add(letter, word[n+1:])
			return ""
		default:
			return p.argument(letter)
		}
	}
	return ""
}

func (p *parser) takesArgument(letter string) bool { return strings.Contains(p.letters, letter+":") }

func (p *parser) add(letter, value string) {
	p.options.values[letter] = append(p.options.values[letter], value)
}

// argument takes the next word as the argument of an option.
func (p *parser) argument(letter string) (wrong string) {
	switch {
	case len(p.args) > 0:
		p.add(letter, p.args[0])
		p.args = p.args[1:]
		return ""
	case strings.HasPrefix(p.letters, ":"):
		return "missing argument for '" + letter + "' option"
	}
	return "invalid option '" + letter + "'"
}

func (p *parser) longOption(word string) (wrong string) {
	name, value, withValue := strings.Cut(word, "=")
	for _, known := range p.long {
		long, letter, short := strings.Cut(known, "=")
		switch {
		case long != name:
		case !short:
			p.options.flags[name] = true
			return ""
		case !p.takesArgument(letter):
			p.options.flags[letter] = true
			return ""
		case withValue:
			p.add(letter, value)
			return ""
		default:
			return p.argument(letter)
		}
	}
	return "invalid option '--" + word + "'"
}
