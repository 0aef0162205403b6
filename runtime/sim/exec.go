package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"syscall"

	"bsdrun/runtime/sim/vfs"
)

// DefaultPath is where commands are looked for when PATH is not set.
const DefaultPath = "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"

// Command is a program to start. What is left zero comes from the starting
// process.
type Command struct {
	Args   []string // with argv[0], which is looked up in PATH unless Path is set
	Path   string
	Env    []string
	Dir    string
	Cred   *vfs.Cred
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	// Files are further open files by descriptor, from 3 on.
	Files map[int]*stream
	Umask *uint32
	// Detach starts a session of its own, which outlives the connection: daemon(3).
	Detach bool
	// NewGroup starts a process group of its own.
	NewGroup bool
	Ignore   []syscall.Signal // signals the program ignores
	TTY      bool
	// Jail is the jail that the program enters; nil: that of the starting process.
	Jail *Machine
}

// program is a file made ready to run.
type program struct {
	path string
	args []string
	tool *Tool
}

// toolMark begins the content of a program that is modelled in Go.
const toolMark = "\x7fELF\x02\x01\x01\x09\x00\x00\x00\x00\x00\x00\x00\x00"

// scriptMark begins the content of one that is a script in the real system, whose
// text others read.
const scriptMark = "#!/bin/sh\n# modelled: "

// binary is the content of a tool's file; abi is the major release it was built
// for when it is linked against that release's libraries, else 0.
func (t *Tool) binary(abi int) []byte {
	return []byte(toolMark + t.Name + "\x00" + t.Package + "\x00" + strconv.Itoa(abi) + "\n")
}

// Built is the content of a program that is compiled on the machine now.
func (m *Machine) Built(t *Tool) []byte { return t.binary(major(m.UserlandRelease(""))) }

// load finds out what a file is: a tool, or a script with its interpreter.
func (m *Machine) load(view *vfs.View, file string, args []string) (program, error) {
	return m.loadDepth(view, file, args, 0)
}

func (m *Machine) loadDepth(view *vfs.View, file string, args []string, depth int) (program, error) {
	info, err := view.Stat(file)
	if err != nil {
		return program{}, err
	}
	if info.Type != vfs.TypeFile {
		return program{}, &fs.PathError{Op: "exec", Path: file, Err: syscall.EACCES}
	}
	if err := view.Access(file, vfs.X); err != nil {
		return program{}, err
	}
	// The kernel reads a program its user may not read.
	head := m.head(view, file)
	if rest, ok := bytes.CutPrefix(head, []byte(toolMark)); ok {
		rest, _, _ = bytes.Cut(rest, []byte("\n"))
		fields := bytes.SplitN(rest, []byte{0}, 3)
		if library := m.missingLibrary(fields); library != "" {
			return program{path: view.Abs(file), args: args, tool: unlinkable(library)}, nil
		}
		if tool := m.tool(string(fields[0]), string(fields[min(1, len(fields)-1)])); tool != nil {
			return program{path: view.Abs(file), args: args, tool: tool}, nil
		}
		return program{}, &fs.PathError{Op: "exec", Path: file, Err: syscall.ENOEXEC}
	}
	if rest, ok := bytes.CutPrefix(head, []byte(scriptMark)); ok {
		name, _, _ := bytes.Cut(rest, []byte("\n"))
		if tool := m.tool(string(name), ""); tool != nil {
			return program{path: view.Abs(file), args: args, tool: tool}, nil
		}
	}
	line, ok := bytes.CutPrefix(head, []byte("#!"))
	if !ok || depth > 1 {
		return program{}, &fs.PathError{Op: "exec", Path: file, Err: syscall.ENOEXEC}
	}
	line, _, _ = bytes.Cut(line, []byte("\n"))
	interpreter, option, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
	script := []string{interpreter}
	if option = strings.TrimSpace(option); option != "" {
		script = append(script, strings.Fields(option)...) // FreeBSD splits them, unlike Linux
	}
	script = append(append(script, file), args[1:]...)
	return m.loadDepth(view, interpreter, script, depth+1)
}

func (m *Machine) head(view *vfs.View, file string) []byte {
	f, err := m.View(vfs.Root, "/").Open(view.Abs(file))
	if err != nil {
		return nil
	}
	defer f.Close()
	buf := make([]byte, 1024)
	n, _ := f.Read(buf)
	return buf[:n]
}

// LookPath finds a command as execvp(3) does: the error is that of the last
// place that says more than "no such file".
func (m *Machine) LookPath(view *vfs.View, env []string, name string) (string, error) {
	if strings.Contains(name, "/") {
		_, err := view.Stat(name)
		return name, err
	}
	dirs, ok := lookupEnv(env, "PATH")
	if !ok {
		dirs = DefaultPath
	}
	var denied error
	for _, dir := range strings.Split(dirs, ":") {
		file := path.Join(dir, name)
		if dir == "" {
			file = name
		}
		info, err := view.Stat(file)
		if err != nil {
			if errors.Is(err, syscall.EACCES) {
				denied = err
			}
			continue
		}
		if info.Type != vfs.TypeFile {
			continue
		}
		if err := view.Access(file, vfs.X); err != nil {
			denied = err
			continue
		}
		return file, nil
	}
	if denied != nil {
		return "", denied
	}
	return "", &fs.PathError{Op: "exec", Path: name, Err: syscall.ENOENT}
}

func lookupEnv(env []string, name string) (string, bool) {
	for i := len(env) - 1; i >= 0; i-- {
		if rest, ok := strings.CutPrefix(env[i], name); ok && strings.HasPrefix(rest, "=") {
			return rest[1:], true
		}
	}
	return "", false
}

// find looks a command up and makes it ready.
func (m *Machine) find(view *vfs.View, env []string, c Command) (program, error) {
	if len(c.Args) == 0 {
		return program{}, &fs.PathError{Op: "exec", Path: "", Err: syscall.EINVAL}
	}
	file := c.Path
	if file == "" {
		var err error
		if file, err = m.LookPath(view, env, c.Args[0]); err != nil {
			return program{}, err
		}
	}
	prog, err := m.load(view, file, c.Args)
	if errors.Is(err, syscall.ENOEXEC) && !bytes.HasPrefix(m.head(view, file), []byte("\x7fELF")) {
		// execvp(3) and the shell run a text file without #! by /bin/sh.
		return m.load(view, "/bin/sh", append([]string{"sh", file}, c.Args[1:]...))
	}
	return prog, err
}

// Start begins a child process; an error means that nothing was started.
func (p *Proc) Start(c Command) (*Process, error) {
	p.complete(&c)
	prog, err := c.Jail.find(p.viewOf(c), c.Env, c)
	if err != nil {
		return nil, err
	}
	return c.Jail.spawn(p.process, prog, c).public(), nil
}

// complete fills in what a child takes from this process.
func (p *Proc) complete(c *Command) {
	if c.Jail == nil {
		c.Jail = p.Machine
	}
	if c.Env == nil {
		c.Env = p.Env
	}
	if c.Dir == "" {
		c.Dir = p.Dir
	} else {
		c.Dir = p.FS().Abs(c.Dir)
	}
	if c.Cred == nil {
		c.Cred = &p.Cred
	}
	if c.Stdin == nil {
		c.Stdin, c.TTY = p.Stdin, c.TTY || p.TTY
	}
	if c.Stdout == nil {
		c.Stdout = p.Stdout
	}
	if c.Stderr == nil {
		c.Stderr = p.Stderr
	}
	if c.Files == nil {
		c.Files = p.Files
	}
	if c.Umask == nil {
		umask := p.Umask
		c.Umask = &umask
	}
	if p.process != nil {
		c.Ignore = append(c.Ignore, p.process.ignored()...)
	}
}

func (p *Proc) viewOf(c Command) *vfs.View { return c.Jail.View(*c.Cred, c.Dir) }

// spawn starts a program as a process of its own.
func (m *Machine) spawn(parent *task, prog program, c Command) *task {
	child := m.newProcess(parent, c)
	m.name(child, prog)
	m.clock.enter()
	go child.live(func() int { return child.runTool(prog, c) })
	return child
}

// name notes what program a process runs.
func (m *Machine) name(p *task, prog program) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p.Args, p.Path = prog.args, prog.path
}

// newProcess makes an entry of the process table.
func (m *Machine) newProcess(parent *task, c Command) *task {
	child := &task{
		PPID: 1, Dir: c.Dir, Cred: *c.Cred, Args: c.Args, machine: m.host, jail: m, env: c.Env, umask: *c.Umask,
		done: make(chan struct{}), handlers: map[syscall.Signal]func(){}, tickets: map[*ticket]struct{}{},
		streams: map[int]*stream{},
	}
	ctx := context.WithValue(m.ctx, processKey{}, child)
	child.ctx, child.cancel = context.WithCancelCause(ctx)
	for _, sig := range c.Ignore {
		child.handlers[sig] = nil
	}
	child.streams[0] = asStream(c.Stdin, nil)
	child.streams[1] = asStream(nil, c.Stdout)
	child.streams[2] = asStream(nil, c.Stderr)
	for fd, s := range c.Files {
		child.streams[fd] = s.dup()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	child.Started = m.clock.time()
	child.PID = m.nextPID()
	child.Group, child.SessionID = child.PID, child.PID
	if parent != nil {
		child.PPID, child.Resumed = parent.PID, parent.Resumed
		if !c.Detach {
			child.session, child.SessionID, child.TTY = parent.session, parent.SessionID, parent.TTY
			if !c.NewGroup {
				child.Group = parent.Group
			}
		}
	}
	m.processes[child.PID] = child
	return child
}

// proc is the process as its program sees it.
func (p *task) proc(args []string, tty bool) *Proc {
	proc := &Proc{
		Context: p.ctx, Machine: p.jail, PID: p.PID, Args: args, Env: p.env, Dir: p.Dir, Cred: p.Cred,
		Umask: p.umask, TTY: tty, Resumed: p.Resumed, process: p, Files: map[int]*stream{},
	}
	for fd, s := range p.streams {
		switch b := (bound{s, p}); fd {
		case 0:
			proc.Stdin = b
		case 1:
			proc.Stdout = b
		case 2:
			proc.Stderr = b
		default:
			proc.Files[fd] = s
		}
	}
	return proc
}

// runTool runs the program to its end. A tool that panics is a fault of the
// simulator, told aloud.
func (p *task) runTool(prog program, c Command) (code int) {
	proc := p.proc(prog.args, c.TTY)
	defer proc.recoverPanic(&code)
	return proc.Machine.call(proc, prog.tool)
}

func (p *Proc) recoverPanic(code *int) {
	if r := recover(); r != nil {
		*code = p.Cannot("go on: %s failed inside: %v%s", path.Base(p.Args[0]), r, stackTrace())
	}
}

// call runs a tool, or the fault asked for it.
func (m *Machine) call(p *Proc, tool *Tool) int {
	if f := m.toolFault(tool.Name); f != nil {
		if f.Message != "" {
			p.Errorf("%s\n", f.Message)
		}
		return f.Code
	}
	if tool.apart {
		return p.apart(tool)
	}
	return tool.Run(p)
}

// apart runs a tool that has several threads of its own: they take no turns.
func (p *Proc) apart(tool *Tool) (code int) {
	p.process.giveWay(func() {
		p.process.apart = true
		code = tool.Run(p)
		p.process.apart = false
	})
	return code
}

// Exec runs another program in place of this one, keeping the pid, and returns
// its exit code: what env(1), nice(1) or su(1) do at their end. A program that
// cannot be started is an error.
func (p *Proc) Exec(c Command) (int, error) {
	p.complete(&c)
	prog, err := c.Jail.find(p.viewOf(c), c.Env, c)
	if err != nil {
		return 0, err
	}
	q := *p
	q.Machine = c.Jail
	q.Args, q.Env, q.Dir, q.Cred, q.Umask, q.TTY = prog.args, c.Env, c.Dir, *c.Cred, *c.Umask, c.TTY
	q.Stdin, q.Stdout, q.Stderr, q.Files = c.Stdin, c.Stdout, c.Stderr, c.Files
	q.bind()
	if p.process != nil {
		for _, sig := range c.Ignore {
			p.process.Catch(sig, nil)
		}
		p.Machine.mu.Lock()
		p.process.Args, p.process.Path, p.process.Cred, p.process.forked = prog.args, prog.path, *c.Cred, false
		p.process.env, p.process.Dir, p.process.umask, p.process.jail = c.Env, c.Dir, *c.Umask, c.Jail
		p.Machine.mu.Unlock()
	}
	return c.Jail.call(&q, prog.tool), nil
}

// bind puts the standard streams into the process's hands.
func (p *Proc) bind() {
	if s, ok := p.Stdin.(*stream); ok {
		p.Stdin = bound{s, p.process}
	}
	if s, ok := p.Stdout.(*stream); ok {
		p.Stdout = bound{s, p.process}
	}
	if s, ok := p.Stderr.(*stream); ok {
		p.Stderr = bound{s, p.process}
	}
}

// Run runs a command with this process's input and output, and waits for it.
// One that cannot be started is reported as the shell does: 127 or 126.
func (p *Proc) Run(args ...string) int { return p.RunCommand(Command{Args: args}) }

// RunEnv runs a command with variables added to the environment.
func (p *Proc) RunEnv(env []string, args ...string) int {
	return p.RunCommand(Command{Args: args, Env: append(append([]string{}, p.Env...), env...)})
}

// RunCommand runs a command as described and waits for it.
func (p *Proc) RunCommand(c Command) int {
	child, err := p.Start(c)
	if err != nil {
		return p.startFailed(c, err)
	}
	code, err := child.Wait(p.Context)
	if err != nil {
		return 128 + int(syscall.SIGKILL)
	}
	return code
}

// startFailed reports a command that could not be started.
func (p *Proc) startFailed(c Command, err error) int {
	name := ""
	if len(c.Args) > 0 {
		name = c.Args[0]
	}
	w := c.Stderr
	if w == nil {
		w = p.Stderr
	}
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ENOTDIR) {
		_, _ = fmt.Fprintf(w, "%s: not found\n", name)
		return 127
	}
	_, _ = fmt.Fprintf(w, "%s: %s\n", name, ErrText(err))
	return 126
}

// Capture runs a command and returns what it wrote.
func (p *Proc) Capture(args ...string) (stdout, stderr string, code int) {
	return p.CaptureCommand(Command{Args: args, Stdin: strings.NewReader("")})
}

// CaptureCommand runs a command as described and returns what it wrote.
func (p *Proc) CaptureCommand(c Command) (stdout, stderr string, code int) {
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	code = p.RunCommand(c)
	return out.String(), errs.String(), code
}
