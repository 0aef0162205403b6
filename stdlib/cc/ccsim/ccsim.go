// Package ccsim is the C compiler of a simulated machine. It cannot compile: it
// knows the programs that come with bsdrun by their sources, and makes of each
// the program that does the same on the machine's model.
package ccsim

import (
	"path"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/stdlib/cc/programs"
)

// twins are the programs by the sources they stand for.
var twins = map[string]*sim.Tool{
	programs.Source(programs.BindProbe): {Name: programs.BindProbe, Run: bindProbe},
	programs.Source(programs.Trial):     {Name: programs.Trial, Run: func(*sim.Proc) int { return 0 }},
}

// Tools are the compiler and what it can make.
func Tools() []*sim.Tool {
	tools := []*sim.Tool{
		{Name: "cc", Paths: []string{"/usr/bin/cc"}, Run: compile},
		{Name: "clang", Paths: []string{"/usr/bin/clang"}, Since: "9.0", Run: compile},
	}
	for _, twin := range twins {
		tools = append(tools, twin)
	}
	return tools
}

// order is what a command line asks for.
type order struct {
	sources []string
	output  string
}

// read reads the command line; code is that of an order that cannot be carried
// out.
func read(p *sim.Proc) (o order, code int) {
	o.output = "a.out"
	for i := 1; i < len(p.Args); i++ {
		switch arg := p.Args[i]; {
		case arg == "-o" && i+1 == len(p.Args):
			return o, complain(p, "argument to '-o' is missing (expected 1 value)")
		case arg == "-o":
			i++
			o.output = p.Args[i]
		case strings.HasPrefix(arg, "-") && !harmless(arg):
			return o, p.Cannot("%s %s", name(p), arg)
		case !strings.HasPrefix(arg, "-"):
			o.sources = append(o.sources, arg)
		}
	}
	return o, 0
}

// harmless tells whether an option leaves what the program does as it is.
func harmless(option string) bool {
	for _, prefix := range []string{"-O", "-W", "-g", "-pipe", "-std=", "-pedantic"} {
		if strings.HasPrefix(option, prefix) {
			return !strings.Contains(option, ",") // -Wl, and its like pass options on
		}
	}
	return false
}

func compile(p *sim.Proc) int {
	o, code := read(p)
	if code != 0 {
		return code
	}
	if len(o.sources) > 1 {
		return p.Cannot("%s %s", name(p), strings.Join(o.sources, " "))
	}
	if len(o.sources) == 0 {
		return complain(p, "no input files")
	}
	source, err := p.FS().ReadFile(o.sources[0])
	if err != nil {
		complain(p, "no such file or directory: '"+o.sources[0]+"'")
		return complain(p, "no input files")
	}
	twin := twins[string(source)]
	if twin == nil {
		return p.Cannot("compile %s, which is no program of bsdrun", o.sources[0])
	}
	if err := p.FS().WriteFile(o.output, p.Machine.Built(twin), 0o777); err != nil {
		p.Errorf("ld: error: cannot open output file %s: %s\n", o.output, sim.ErrText(err))
		return complain(p, "linker command failed with exit code 1 (use -v to see invocation)")
	}
	return 0
}

func name(p *sim.Proc) string { return path.Base(p.Args[0]) }

// complain prints an error and is its exit code.
func complain(p *sim.Proc, problem string) int {
	p.Errorf("%s: error: %s\n", name(p), problem)
	return 1
}
