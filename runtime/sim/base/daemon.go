package base

import (
	"path"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

// supervising marks, in the environment, the second life of daemon(8): the
// process in the background that looks after the command.
const supervising = "_DAEMON_SUPERVISOR=1"

func daemon(p *sim.Proc, o *options) int {
	if len(o.args) == 0 {
		return o.wrong(p)
	}
	if o.has("SslT") {
		return p.Cannot("daemon -%s", o.last("SslT"))
	}
	if p.Getenv("_DAEMON_SUPERVISOR") != "" {
		p.Env = unset(p.Env, "_DAEMON_SUPERVISOR")
		return supervise(p, o)
	}
	cred := p.Cred
	if name, ok := o.get("u"); ok {
		u, found := p.Machine.LookupUser(name)
		if !found {
			return errx(p, "unknown user: %s", name)
		}
		if p.Cred.UID != 0 && p.Cred.UID != u.UID {
			return errx(p, "failed to set user environment")
		}
		cred = p.Machine.CredOf(u)
	}
	for _, letter := range []string{"p", "P"} {
		name, ok := o.get(letter)
		if !ok {
			continue
		}
		if pid := pidfileOwner(p, name); pid > 0 {
			return exitWith(3, errx(p, "process already running, pid: %d", pid))
		}
		if err := writePID(p, name, 0); err != nil {
			return exitWith(2, fail(p, "pidfile ``"+name+"''", err))
		}
	}
	c := sim.Command{Args: o.args, Cred: &cred, Detach: true, Env: p.Env}
	if o.has("c") {
		c.Dir = "/"
	}
	output, err := daemonOutput(p, o)
	if err != nil {
		name, _ := o.get("o")
		return fail(p, "open "+name, err)
	}
	if output != nil {
		defer func() { _ = output.Close() }()
		c.Stdout, c.Stderr = output, output
	}
	if o.has("f") || output != nil {
		null, err := p.FS().Open("/dev/null")
		if err != nil {
			return fail(p, "/dev/null", err)
		}
		defer func() { _ = null.Close() }()
		c.Stdin = null
	}
	if o.has("pPr") || output != nil {
		// The supervisor keeps its rights to write the pidfiles.
		c.Path, c.Cred = "/usr/sbin/daemon", nil
		c.Args, c.Env = p.Args, append(unset(p.Env, "_DAEMON_SUPERVISOR"), supervising)
	}
	if _, err := p.Start(c); err != nil {
		warn(p, c.Args[0], err)
	}
	return 0
}

// daemonOutput is where the command's output goes: -o, or nowhere with -f; nil
// keeps it as it is.
func daemonOutput(p *sim.Proc, o *options) (*vfs.File, error) {
	if name, ok := o.get("o"); ok {
		return p.FS().OpenFile(name, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_APPEND, 0o600)
	}
	if o.has("f") {
		return p.FS().OpenFile("/dev/null", syscall.O_RDWR, 0)
	}
	return nil, nil
}

func writePID(p *sim.Proc, name string, pid int) error {
	text := ""
	if pid > 0 {
		text = strconv.Itoa(pid)
	}
	return p.FS().WriteFile(name, []byte(text), 0o600)
}

// pidfileOwner is the running process that holds a pidfile, 0 for none: daemon
// itself, or a child of one.
func pidfileOwner(p *sim.Proc, name string) int {
	data, err := p.FS().ReadFile(name)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0
	}
	isDaemon := func(pid int) bool {
		q := p.Machine.Process(pid)
		return q != nil && path.Base(q.Path) == "daemon"
	}
	if q := p.Machine.Process(pid); q != nil && (isDaemon(pid) || isDaemon(q.PPID)) {
		return pid
	}
	return 0
}

// supervise runs the command and writes the pidfiles, which go when it ends.
func supervise(p *sim.Proc, o *options) int {
	childFile, _ := o.get("p")
	ownFile, _ := o.get("P")
	delay := time.Second
	restart := o.has("r")
	if text, ok := o.get("R"); ok {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return errx(p, "invalid restart delay")
		}
		delay, restart = time.Duration(n)*time.Second, true
	}
	cred := p.Cred
	vars := p.Env
	if name, ok := o.get("u"); ok {
		u, _ := p.Machine.LookupUser(name)
		cred = p.Machine.CredOf(u)
		vars = append(vars, "USER="+u.Name, "LOGNAME="+u.Name, "HOME="+u.Home, "SHELL="+u.Shell)
	}
	if ownFile != "" {
		_ = writePID(p, ownFile, p.PID)
		defer func() { _ = p.FS().Remove(ownFile) }()
	}
	if childFile != "" {
		defer func() { _ = p.FS().Remove(childFile) }()
	}
	s := &supervisor{p: p}
	p.Process().Catch(syscall.SIGTERM, s.terminate)
	if o.has("H") {
		p.Process().Catch(syscall.SIGHUP, func() {})
	}
	for {
		child, err := p.Start(sim.Command{Args: o.args, Cred: &cred, Env: vars})
		if err != nil {
			warn(p, o.args[0], err)
			return 1
		}
		s.child = child
		if childFile != "" {
			_ = writePID(p, childFile, child.PID)
		}
		code, err := child.Wait(p.Context)
		if err != nil {
			_ = p.Machine.Kill(vfs.Root, child.PID, syscall.SIGTERM)
			return 128 + int(syscall.SIGKILL)
		}
		if !restart || s.ending {
			return code
		}
		if p.Sleep(delay) != nil {
			return code
		}
	}
}

// supervisor passes SIGTERM on to the command and then ends.
type supervisor struct {
	p      *sim.Proc
	child  *sim.Process
	ending bool
}

func (s *supervisor) terminate() {
	s.ending = true
	if s.child != nil {
		_ = s.p.Machine.Kill(vfs.Root, s.child.PID, syscall.SIGTERM)
	}
}

var lockCommands = []command{
	{name: "lockf", dir: "/usr/bin", flags: "knpst:Tw", run: lockf, live: true, code: 64, usage: `
usage: lockf [-knsw] [-t seconds] file command [arguments]
       lockf [-s] [-t seconds] fd`[1:]},
}

// A heldLock is a file that lockf(1) holds; like flock(2)'s locks it is nowhere
// on disk.
type heldLock struct {
	machine *sim.Machine
	inode   uint64
}

var heldLocks sync.Map // heldLock -> struct{}

func lockf(p *sim.Proc, o *options) int {
	if len(o.args) == 1 {
		return p.Cannot("lockf on a descriptor")
	}
	if len(o.args) < 2 {
		return o.wrong(p)
	}
	file := o.args[0]
	wait := time.Duration(-1)
	if text, ok := o.get("t"); ok {
		n, err := strconv.Atoi(text)
		if err != nil {
			return exitWith(64, errx(p, "invalid timeout \"%s\"", text))
		}
		if n >= 0 {
			wait = time.Duration(n) * time.Second
		}
	}
	deadline := p.Now().Add(wait)
	for {
		inode, err := lockFile(p, o, file)
		if err != nil {
			if o.has("n") && notExist(err) {
				return exitWith(69, fail(p, "cannot open "+file, err))
			}
			return exitWith(73, fail(p, "cannot open "+file, err))
		}
		if inode != 0 {
			return runLocked(p, o, file, inode)
		}
		if wait >= 0 && !p.Now().Before(deadline) {
			if !o.has("s") {
				warnx(p, "%s: already locked", file)
			}
			return 75
		}
		if p.Sleep(time.Second) != nil {
			return 128 + int(syscall.SIGTERM)
		}
	}
}

// lockFile takes the lock; 0 means that another process has it.
func lockFile(p *sim.Proc, o *options, file string) (uint64, error) {
	flag := syscall.O_RDONLY
	if !o.has("n") {
		flag |= syscall.O_CREAT
	}
	f, err := p.FS().OpenFile(file, flag, 0o666)
	if err != nil {
		return 0, err
	}
	_ = f.Close()
	info, err := p.FS().Stat(file)
	if err != nil {
		return 0, err
	}
	if _, taken := heldLocks.LoadOrStore(heldLock{p.Machine, info.Inode}, struct{}{}); taken {
		return 0, nil
	}
	return info.Inode, nil
}

func runLocked(p *sim.Proc, o *options, file string, inode uint64) int {
	defer func() {
		if !o.has("k") {
			_ = p.FS().Remove(file)
		}
		heldLocks.Delete(heldLock{p.Machine, inode})
	}()
	child, err := p.Start(sim.Command{Args: o.args[1:]})
	if err != nil {
		warn(p, o.args[1], err)
		return 71
	}
	code, err := child.Wait(p.Context)
	if err != nil {
		return 128 + int(syscall.SIGTERM)
	}
	if sig := child.Signal(); sig != 0 {
		return 70 // EX_SOFTWARE, as lockf(1) has it for a killed command
	}
	return code
}
