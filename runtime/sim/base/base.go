// Package base holds the programs of FreeBSD's base system that the simulated
// machine has: the catalogue is one list of commands per topic, each with the
// options and messages of its manual page.
//
// A command works on the machine alone: its file tree with the caller's rights,
// its clock, its processes and its network. An option that the real program has
// and the model lacks answers "the simulator can't" and exit code 70; an option
// the real program does not have gets the program's own usage message.
package base

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

// A command is one entry of the catalogue.
type command struct {
	name  string // as typed; several names may be given, separated by blanks
	dir   string // where it is installed
	flags string // options in getopt(3)'s way, see getopt; raw for none
	usage string // what a wrong call prints
	run   func(p *sim.Proc, o *options) int

	also      string            // a second directory it is linked into
	long      string            // long options, see getopt
	code      int               // exit code of a wrong call; 0 stands for 1
	live      bool              // output is seen at once: the command runs others or waits
	negatives bool              // what looks like a negative number is an operand
	digits    bool              // "-5" stands for "-n 5"
	libxo     int               // the release whose command has learnt --libxo json; 0: it is not modelled
	gnu       string            // of Linux: the package that brings it, with its version
	pkg       string            // the package that brings it; empty: the base system
	files     map[string]string // further files that come with it
	timer     func(m *sim.Machine, payload string)
	login     func(m *sim.Machine) // called when a boot lets users log in
}

// raw marks a command that reads its arguments itself, such as expr.
const raw = "\x00"

// Tools lists the commands, sorted by name.
func Tools() []*sim.Tool {
	var tools []*sim.Tool
	for _, topic := range topics() {
		for _, c := range topic {
			for name := range strings.FieldsSeq(c.name) {
				tools = append(tools, c.tool(name))
			}
		}
	}
	slices.SortFunc(tools, func(a, b *sim.Tool) int { return strings.Compare(a.Name, b.Name) })
	return tools
}

// topics are the lists of commands.
func topics() [][]command {
	return [][]command{
		fileCommands, copyCommands, blockCommands, permCommands, listCommands, statCommands,
		findCommands, diskCommands, mountCommands, archiveCommands, diffCommands,
		digestCommands, opensslCommands, encodeCommands, dumpCommands,
		textCommands, sortCommands, columnCommands, layoutCommands, sedCommands, grepCommands, awkCommands,
		wrapCommands, lockCommands, evalCommands, dateCommands,
		userCommands, pwCommands, suCommands, processCommands, signalCommands, lddCommands,
		systemCommands, powerCommands, cronCommands, databaseCommands,
		interfaceCommands, jailCommands, resolveCommands, fetchCommands, absentCommands,
	}
}

func (c command) tool(name string) *sim.Tool {
	paths := []string{path.Join(c.dir, name)}
	if c.also != "" {
		paths = append(paths, path.Join(c.also, name))
	}
	return &sim.Tool{
		Name:    name,
		Paths:   paths,
		Package: c.pkg,
		Files:   c.files,
		Run:     c.start,
		Timer:   c.timer, Login: c.login,
		Since: since[name],
		Until: until[name],
	}
}

// start reads the options and runs the command, with its output buffered as
// stdio would when it goes to a pipe.
func (c command) start(p *sim.Proc) int {
	if c.digits {
		p.Args = obsolete(p.Args)
	}
	o := &options{args: p.Args[1:], command: c}
	if c.flags != raw {
		var code int
		if o, code = c.getopt(p); o == nil {
			return code
		}
	}
	if c.live {
		return c.run(p, o)
	}
	return buffered(p, func(p *sim.Proc) int { return c.run(p, o) })
}

// brokenPipe is what a shell reports of a process that SIGPIPE ended.
const brokenPipe = 128 + 13

// buffers are for commands that come.
var buffers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 32<<10) }}

func buffered(p *sim.Proc, run func(p *sim.Proc) int) int {
	quick := *p
	out := buffers.Get().(*bufio.Writer)
	defer func() {
		out.Reset(nil)
		buffers.Put(out)
	}()
	out.Reset(p.Stdout)
	quick.Stdout = out
	code := run(&quick)
	if out.Flush() != nil {
		return brokenPipe
	}
	return code
}

// progname is what messages start with.
func progname(p *sim.Proc) string { return path.Base(p.Args[0]) }

// warn is warn(3): "cat: x: No such file or directory".
func warn(p *sim.Proc, what string, err error) {
	p.Errorf("%s: %s: %s\n", progname(p), gnuName(p, what), p.Machine.ErrText(err))
}

// warnx is warnx(3): a message without an errno.
func warnx(p *sim.Proc, format string, args ...any) {
	if words, ok := gnuSays[format]; ok && linux(p) {
		format = words
	}
	p.Errorf("%s: %s\n", progname(p), fmt.Sprintf(format, args...))
}

// errx is warnx and the exit code of errx(3)'s usual caller.
func errx(p *sim.Proc, format string, args ...any) int {
	warnx(p, format, args...)
	return 1
}

// fail is warn and exit code 1.
func fail(p *sim.Proc, what string, err error) int {
	warn(p, what, err)
	return 1
}

// open opens a file for reading; "-" and its names in /dev are standard input.
func open(p *sim.Proc, name string) (io.ReadCloser, error) {
	if isOneOf(name, "-", "/dev/stdin", "/dev/fd/0") {
		return borrowed{p.Stdin}, nil
	}
	return openFile(p, name)
}

// borrowed is standard input, which who reads it does not close.
type borrowed struct{ io.Reader }

func (borrowed) Close() error { return nil }

// fileOf is the file that is read; nil: it is none.
func fileOf(r io.Reader) *vfs.File {
	if in, ok := r.(borrowed); ok {
		r = in.Reader
	}
	return sim.FileOf(r)
}

// eachInput calls fn for each named file, and for standard input when none is
// named; the code is 1 when one of them failed.
func eachInput(p *sim.Proc, names []string, fn func(name string, r io.Reader) error) int {
	if len(names) == 0 {
		names = []string{"-"}
	}
	code := 0
	for _, name := range names {
		if err := oneInput(p, name, fn); err != nil {
			if errors.Is(err, errStop) {
				return code
			}
			warn(p, label(name), err)
			code = 1
		}
	}
	return code
}

// errStop ends eachInput early without a message.
var errStop = errors.New("stop")

func oneInput(p *sim.Proc, name string, fn func(name string, r io.Reader) error) error {
	r, err := open(p, name)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	return fn(name, r)
}

func label(name string) string {
	if name == "-" {
		return "stdin"
	}
	return name
}

// A lineReader hands out lines without a limit on their length.
type lineReader struct{ r *bufio.Reader }

func newLines(r io.Reader) *lineReader { return &lineReader{bufio.NewReader(r)} }

// next returns a line without its newline, and whether it had one; the error is
// io.EOF after the last.
func (l *lineReader) next() (line string, newline bool, err error) {
	text, err := l.r.ReadString('\n')
	if err != nil && (text == "" || !errors.Is(err, io.EOF)) {
		return "", false, err
	}
	if s, ok := strings.CutSuffix(text, "\n"); ok {
		return s, true, nil
	}
	return text, false, nil
}

// eachLine calls fn for each line of r.
func eachLine(r io.Reader, fn func(line string) error) error {
	lines := newLines(r)
	for {
		line, _, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = fn(line)
		}
		if err != nil {
			return err
		}
	}
}

// readLines reads all lines of one input.
func readLines(p *sim.Proc, name string) ([]string, error) {
	var lines []string
	err := oneInput(p, name, func(_ string, r io.Reader) error {
		return eachLine(r, func(line string) error {
			lines = append(lines, line)
			return nil
		})
	})
	return lines, err
}

// answer reads a yes-or-no answer from standard input.
func answer(p *sim.Proc, format string, args ...any) bool {
	p.Errorf(format, args...)
	var line []byte
	for b := make([]byte, 1); ; {
		n, err := p.Stdin.Read(b)
		if n > 0 && b[0] != '\n' {
			line = append(line, b[0])
		}
		if err != nil || n > 0 && b[0] == '\n' {
			break
		}
	}
	return len(line) > 0 && (line[0] == 'y' || line[0] == 'Y')
}
