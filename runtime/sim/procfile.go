package sim

import (
	"io/fs"
	"syscall"

	"bsdrun/runtime/sim/vfs"
)

// Open opens a file as the process would: /dev/stdin, /dev/fd/N and /dev/tty are
// its own descriptors.
func (p *Proc) Open(name string, flag int, perm uint32) (*ProcFile, error) {
	fd, own := ownDescriptor(p.FS().Abs(name))
	if !own {
		f, err := p.FS().OpenFile(name, flag, perm)
		if err != nil {
			return nil, err
		}
		return &ProcFile{stream: fileStream(f), owner: p.process}, nil
	}
	var s *stream
	switch fd {
	case 0:
		s = asStream(p.Stdin, nil)
	case 1:
		s = asStream(nil, p.Stdout)
	case 2:
		s = asStream(nil, p.Stderr)
	case -1:
		if t := p.Terminal(); t != nil {
			s = newStream(t.in, terminalOutput{t}, nil)
			s.tty = true
		}
	default:
		if given := p.Files[fd]; given != nil {
			s = given.dup()
		}
	}
	if s == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ENXIO}
	}
	return &ProcFile{stream: s, owner: p.process}, nil
}

// ProcFile is a file a process opened.
type ProcFile struct {
	stream *stream
	owner  *task
}

func (f *ProcFile) bound() bound { return bound{f.stream, f.owner} }

func (f *ProcFile) Read(b []byte) (int, error)  { return f.bound().Read(b) }
func (f *ProcFile) Write(b []byte) (int, error) { return f.bound().Write(b) }

// Close closes it.
func (f *ProcFile) Close() error {
	f.stream.release()
	return nil
}

// File is the file of the machine below, nil for pipes and terminals.
func (f *ProcFile) File() *vfs.File { return f.stream.file }
