package openssh

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"github.com/pkg/sftp"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

const scpUsage = `usage: scp [-346ABCOpqRrsTv] [-c cipher] [-D sftp_server_path] [-F ssh_config]
           [-i identity_file] [-J destination] [-l limit] [-o ssh_option]
           [-P port] [-S program] [-X sftp_option] source ... target
`

// scpCall is one call of scp(1), which speaks the protocol of SFTP.
type scpCall struct {
	p         *sim.Proc
	s         settings
	config    string
	recursive bool
	keep      bool
	ends      map[string]*scpEnd // by destination
	said      strings.Builder    // what is told when all is done
	failed    bool
}

// scpEnd is one machine's files: the own ones, or those behind a connection.
type scpEnd struct {
	c    *client
	sftp *sftp.Client
	view *vfs.View
}

func runSCP(p *sim.Proc) int {
	call := &scpCall{p: p, s: settings{}, ends: map[string]*scpEnd{"": {view: p.FS()}}}
	options, names, err := getopt(p.Args[1:], "12346ABCOpqRrsTvc:D:F:i:J:l:o:P:S:X:")
	if err != nil || len(names) < 2 {
		if err != nil {
			p.Errorf("%s\n", err)
		}
		p.Errorf("%s", scpUsage)
		return 1
	}
	for _, o := range options {
		if code := call.option(o); code >= 0 {
			return code
		}
	}
	defer call.close()
	return call.run(names)
}

func (call *scpCall) option(o option) int {
	switch o.letter {
	case "r":
		call.recursive = true
	case "p":
		call.keep = true
	case "q":
		call.s.add("loglevel", "quiet")
	case "B":
		call.s.add("batchmode", "yes")
	case "F":
		call.config = o.arg
	case "i":
		addIdentity(call.p, call.s, o.arg)
	case "P":
		call.s.add("port", o.arg)
	case "o":
		if err := call.s.set("command-line: line 0", o.arg); err != nil {
			return misconfigured(call.p, err)
		}
	case "3", "4", "6", "C", "c", "s", "T", "v": // no difference here
	default:
		return call.p.Cannot("scp -%s", o.letter)
	}
	return -1
}

// splitSpec tells a name on another machine from one on this.
func splitSpec(spec string) (host, name string) {
	colon := strings.IndexByte(spec, ':')
	if end := strings.IndexByte(spec, ']'); end > 0 && strings.Contains(spec[:end], "[") {
		colon = end + 1
	}
	if colon <= 0 || colon >= len(spec) || strings.Contains(spec[:colon], "/") {
		return "", spec
	}
	return strings.NewReplacer("[", "", "]", "").Replace(spec[:colon]), spec[colon+1:]
}

// run connects to all that take part and copies.
func (call *scpCall) run(names []string) int {
	for _, spec := range names {
		host, _ := splitSpec(spec)
		if call.ends[host] != nil {
			continue
		}
		if code := call.open(host); code != 0 {
			return code
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		call.copyAll(names[:len(names)-1], names[len(names)-1])
	}()
	for _, end := range call.ends {
		if end.c == nil {
			continue
		}
		if err := end.c.link.Wait(call.p, done, underWay); err != nil {
			call.close()
			<-done
			return 1
		}
	}
	<-done
	call.p.Errorf("%s", call.said.String())
	if call.failed {
		return 1
	}
	return 0
}

func (call *scpCall) open(host string) int {
	s := settings{}
	for k, v := range call.s {
		s[k] = append([]string(nil), v...)
	}
	c, err := newClient(call.p, s, call.config, host)
	if err != nil {
		return misconfigured(call.p, err)
	}
	if !c.connect() {
		call.p.Errorf("scp: Connection closed\r\n")
		return 255
	}
	var files *sftp.Client
	done := make(chan struct{})
	go func() {
		defer close(done)
		files, err = sftp.NewClient(c.ssh)
	}()
	_ = c.link.Wait(call.p, done, underWay)
	if err != nil {
		_ = c.ssh.Close()
		call.p.Errorf("subsystem request failed on channel 0\r\nscp: Connection closed\r\n")
		return 255
	}
	call.ends[host] = &scpEnd{c: c, sftp: files}
	return 0
}

func (call *scpCall) close() {
	for _, end := range call.ends {
		if end.c != nil {
			_ = end.sftp.Close()
			_ = end.c.ssh.Close()
		}
	}
}

func (call *scpCall) complain(format string, args ...any) {
	fmt.Fprintf(&call.said, "scp: "+format+"\n", args...)
	call.failed = true
}

// reason is what scp says of an error.
func (call *scpCall) reason(err error) string {
	var status *sftp.StatusError
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "No such file or directory"
	case errors.Is(err, os.ErrPermission):
		return "Permission denied"
	case errors.As(err, &status):
		return "Failure"
	case errors.Is(err, sftp.ErrSSHFxConnectionLost), errors.Is(err, io.EOF):
		return "Connection closed"
	}
	return call.p.Machine.ErrText(err)
}

func (call *scpCall) copyAll(sources []string, target string) {
	host, dir := splitSpec(target)
	to := call.ends[host]
	if dir == "" {
		dir = "."
	}
	info, err := to.stat(dir)
	isDir := err == nil && info.IsDir()
	if len(sources) > 1 && !isDir {
		call.complain("%s: %s", dir, map[bool]string{true: "No such file or directory", false: "Not a directory"}[err != nil])
		return
	}
	for _, spec := range sources {
		host, name := splitSpec(spec)
		from := call.ends[host]
		if name == "" {
			name = "."
		}
		dest := dir
		if isDir {
			dest = path.Join(dir, path.Base(name))
		}
		call.copy(from, name, to, dest)
	}
}

func (call *scpCall) copy(from *scpEnd, name string, to *scpEnd, dest string) {
	info, err := from.stat(name)
	if err != nil {
		call.complain("%s: %s", name, call.reason(err))
		return
	}
	if !info.IsDir() {
		call.copyFile(from, name, to, dest, info)
		return
	}
	if !call.recursive {
		call.complain("%s: not a regular file", name)
		return
	}
	if there, err := to.stat(dest); err != nil || !there.IsDir() {
		if err := to.mkdir(dest, info.Mode().Perm()); err != nil {
			call.complain("%s: %s", dest, call.reason(err))
			return
		}
	}
	entries, err := from.list(name)
	if err != nil {
		call.complain("%s: %s", name, call.reason(err))
		return
	}
	for _, e := range entries {
		call.copy(from, path.Join(name, e), to, path.Join(dest, e))
	}
	call.keepTimes(to, dest, info)
}

func (call *scpCall) copyFile(from *scpEnd, name string, to *scpEnd, dest string, info os.FileInfo) {
	in, err := from.open(name)
	if err != nil {
		call.complain("%s: %s", name, call.reason(err))
		return
	}
	defer in.Close()
	out, err := to.create(dest, info.Mode().Perm())
	if err != nil {
		call.complain("dest open \"%s\": %s", dest, call.reason(err))
		return
	}
	_, err = io.Copy(out, in)
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		call.complain("write remote \"%s\": %s", dest, call.reason(err))
		return
	}
	call.keepTimes(to, dest, info)
}

func (call *scpCall) keepTimes(to *scpEnd, dest string, info os.FileInfo) {
	if call.keep {
		to.keep(dest, info.Mode().Perm(), info.ModTime())
	}
}

func (e *scpEnd) stat(name string) (os.FileInfo, error) {
	if e.sftp != nil {
		return e.sftp.Stat(name)
	}
	info, err := e.view.Stat(name)
	if err != nil {
		return nil, err
	}
	return ownInfo{info}, nil
}

func (e *scpEnd) list(name string) ([]string, error) {
	var names []string
	if e.sftp != nil {
		entries, err := e.sftp.ReadDir(name)
		for _, i := range entries {
			names = append(names, i.Name())
		}
		return names, err
	}
	entries, err := e.view.ReadDir(name)
	for _, i := range entries {
		names = append(names, i.Name)
	}
	return names, err
}

func (e *scpEnd) open(name string) (io.ReadCloser, error) {
	if e.sftp != nil {
		return e.sftp.Open(name)
	}
	return e.view.Open(name)
}

func (e *scpEnd) create(name string, mode os.FileMode) (io.WriteCloser, error) {
	if e.sftp == nil {
		return e.view.OpenFile(name, vfs.O_WRONLY|vfs.O_CREATE|vfs.O_TRUNC, uint32(mode))
	}
	_, existed := e.sftp.Stat(name)
	f, err := e.sftp.Create(name)
	if err == nil && existed != nil {
		_ = f.Chmod(mode)
	}
	return f, err
}

func (e *scpEnd) mkdir(name string, mode os.FileMode) error {
	if e.sftp == nil {
		return e.view.Mkdir(name, uint32(mode))
	}
	return e.sftp.Mkdir(name)
}

func (e *scpEnd) keep(name string, mode os.FileMode, at time.Time) {
	if e.sftp != nil {
		_ = e.sftp.Chmod(name, mode)
		_ = e.sftp.Chtimes(name, at, at)
		return
	}
	_ = e.view.Chmod(name, uint32(mode))
	_ = e.view.Chtimes(name, at)
}

// ownInfo shows a file of the machine as os.FileInfo.
type ownInfo struct{ i vfs.Info }

func (o ownInfo) Name() string       { return o.i.Name }
func (o ownInfo) Size() int64        { return o.i.Size }
func (o ownInfo) Mode() os.FileMode  { return sim.FileMode(o.i) }
func (o ownInfo) ModTime() time.Time { return o.i.MTime }
func (o ownInfo) IsDir() bool        { return o.i.IsDir() }
func (o ownInfo) Sys() any           { return nil }
