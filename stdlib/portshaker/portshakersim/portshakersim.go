// Package portshakersim is portshaker(8) of the simulated machine. The command
// sources the configuration and runs the scripts of portshaker.d through the
// machine's sh; the library they use calls back into this package for what
// portshaker does itself.
package portshakersim

import (
	"embed"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"bsdrun/runtime/sim"
)

//go:embed files
var files embed.FS

func text(name string) string {
	data, err := files.ReadFile("files/" + name)
	if err != nil {
		panic(err) // part of the program
	}
	return string(data)
}

const program = "/usr/local/bin/portshaker"

// Tool is portshaker as its package installs it.
func Tool() *sim.Tool {
	return &sim.Tool{
		Name: "portshaker", Package: "portshaker", Paths: []string{program}, Run: run,
		Files: map[string]string{
			"/usr/local/share/portshaker/portshaker.subr": text("portshaker.subr"),
			"/usr/local/etc/portshaker.conf.sample":       text("portshaker.conf.sample"),
		},
	}
}

// call is one call back from the library.
type call struct {
	p      *sim.Proc
	name   string // of the source
	script string
	args   []string
}

// run starts the command, or answers a call of its library.
func run(p *sim.Proc) int {
	c := &call{p: p, name: p.Getenv("_portshaker_name"), script: p.Getenv("_portshaker_script"), args: p.Args[1:]}
	var err error
	switch what := p.Getenv("_portshaker_call"); what {
	case "":
		argv := append([]string{"sh", "-c", text("main.sh"), program}, p.Args[1:]...)
		code, err := p.Exec(sim.Command{Args: argv, Path: "/bin/sh"})
		if err != nil {
			p.Errorf("%s: %v\n", program, err)
			return 126
		}
		return code
	case "say":
		say(p, c.args[0], strings.Join(c.args[1:], " "))
	case "options":
		return options(p)
	case "sources":
		listSources(p)
	case "index":
		return p.Cannot("portshaker -I: make index")
	case "update":
		err = c.update()
	case "clone_to", "copy_to":
		err = c.cloneTo(what)
	case "merge_to":
		err = c.mergeTo()
	default:
		return p.Cannot("portshaker: %s", what)
	}
	var stop *stopped
	switch {
	case err == nil:
		return 0
	case errors.As(err, &stop):
		if stop.text != "" {
			say(p, "Error", stop.text)
		}
		return stop.code
	}
	say(p, "Error", err.Error())
	return 1
}

// stopped ends a command; the text is what err says.
type stopped struct {
	code int
	text string
}

func (s *stopped) Error() string { return s.text }

func fail(format string, args ...any) error { return &stopped{1, fmt.Sprintf(format, args...)} }

var colours = map[string]string{"Error": "31", "Warn": "33", "Info": "32", "Debug": "34"}

// say writes one coloured line, as portshaker does with or without a terminal.
func say(p *sim.Proc, level, message string) {
	p.Errorf("\x1b[%s;3m[%-5s %s]\x1b[0m %s\n", colours[level], level, p.Now().Format("15:04:05"), message)
}

func yes(s string) bool {
	switch strings.ToLower(s) {
	case "yes", "true", "on", "1":
		return true
	}
	return false
}

func (c *call) warn(format string, args ...any) { say(c.p, "Warn", fmt.Sprintf(format, args...)) }

func (c *call) info(format string, args ...any) {
	if yes(c.p.Getenv("portshaker_info")) {
		say(c.p, "Info", fmt.Sprintf(format, args...))
	}
}

func (c *call) debug(format string, args ...any) {
	if yes(c.p.Getenv("portshaker_debug")) {
		say(c.p, "Debug", fmt.Sprintf(format, args...))
	}
}

// cache is where a source is kept; the arguments of its name are joined by _.
func (c *call) cache() string {
	return path.Join(c.p.Getenv("mirror_base_dir"), strings.ReplaceAll(c.name, ":", "_"))
}

// options is getopt(1) for the command: options first, then -- and the rest.
func options(p *sim.Proc) int {
	const letters = "Ii:Mm:qstUu:Vv"
	var out, rest []string
	args := p.Args[1:]
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			rest = args[i+1:]
			break
		}
		if len(arg) < 2 || arg[0] != '-' {
			rest = args[i:]
			break
		}
		for j := 1; j < len(arg); j++ {
			at := strings.IndexByte(letters, arg[j])
			if at < 0 || arg[j] == ':' {
				p.Errorf("getopt: illegal option -- %c\n", arg[j])
				return 1
			}
			out = append(out, "-"+arg[j:j+1])
			if at+1 == len(letters) || letters[at+1] != ':' {
				continue
			}
			value := arg[j+1:]
			if value == "" {
				if i++; i == len(args) {
					p.Errorf("getopt: option requires an argument -- %c\n", arg[j])
					return 1
				}
				value = args[i]
			}
			out = append(out, value)
			break
		}
	}
	p.Printf("%s\n", strings.Join(append(append(out, "--"), rest...), " "))
	return 0
}

// listSources prints the names once each, sorted, without their suffixes.
func listSources(p *sim.Proc) {
	var names []string
	for _, n := range p.Args[1:] {
		if strings.HasSuffix(n, "!") || strings.HasSuffix(n, "+") {
			n = n[:len(n)-1]
		}
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range slices.Compact(names) {
		p.Printf("%s\n", n)
	}
}
