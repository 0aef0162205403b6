package sim

import (
	"errors"
	"runtime/debug"
	"syscall"
)

// errTexts are FreeBSD's words, where they differ from those of the system
// bsdrun runs on, or are met often (errno(2)).
var errTexts = map[syscall.Errno]string{
	syscall.EPERM:         "Operation not permitted",
	syscall.ENOENT:        "No such file or directory",
	syscall.ESRCH:         "No such process",
	syscall.EINTR:         "Interrupted system call",
	syscall.EIO:           "Input/output error",
	syscall.ENXIO:         "Device not configured",
	syscall.E2BIG:         "Argument list too long",
	syscall.ENOEXEC:       "Exec format error",
	syscall.EBADF:         "Bad file descriptor",
	syscall.ECHILD:        "No child processes",
	syscall.EDEADLK:       "Resource deadlock avoided",
	syscall.ENOMEM:        "Cannot allocate memory",
	syscall.EACCES:        "Permission denied",
	syscall.EFAULT:        "Bad address",
	syscall.EBUSY:         "Device busy",
	syscall.EEXIST:        "File exists",
	syscall.EXDEV:         "Cross-device link",
	syscall.ENODEV:        "Operation not supported by device",
	syscall.ENOTDIR:       "Not a directory",
	syscall.EISDIR:        "Is a directory",
	syscall.EINVAL:        "Invalid argument",
	syscall.EMFILE:        "Too many open files",
	syscall.ENOTTY:        "Inappropriate ioctl for device",
	syscall.ETXTBSY:       "Text file busy",
	syscall.EFBIG:         "File too large",
	syscall.ENOSPC:        "No space left on device",
	syscall.ESPIPE:        "Illegal seek",
	syscall.EROFS:         "Read-only file system",
	syscall.EMLINK:        "Too many links",
	syscall.EPIPE:         "Broken pipe",
	syscall.ERANGE:        "Result too large",
	syscall.EAGAIN:        "Resource temporarily unavailable",
	syscall.EOPNOTSUPP:    "Operation not supported",
	syscall.EADDRINUSE:    "Address already in use",
	syscall.EADDRNOTAVAIL: "Can't assign requested address",
	syscall.ENETUNREACH:   "Network is unreachable",
	syscall.ECONNRESET:    "Connection reset by peer",
	syscall.ETIMEDOUT:     "Operation timed out",
	syscall.ECONNREFUSED:  "Connection refused",
	syscall.EHOSTUNREACH:  "No route to host",
	syscall.ELOOP:         "Too many levels of symbolic links",
	syscall.ENAMETOOLONG:  "File name too long",
	syscall.ENOTEMPTY:     "Directory not empty",
	syscall.EDQUOT:        "Disc quota exceeded",
}

// ErrText is an error in FreeBSD's words (strerror(3)).
func ErrText(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		if text, ok := errTexts[errno]; ok {
			return text
		}
	}
	if err == nil {
		return "No error: 0"
	}
	return err.Error()
}

// linuxTexts are the messages in which glibc differs.
var linuxTexts = map[syscall.Errno]string{
	syscall.EBUSY: "Device or resource busy", syscall.EXDEV: "Invalid cross-device link", syscall.ENXIO: "No such device or address",
	syscall.ENODEV: "No such device", syscall.ETIMEDOUT: "Connection timed out", syscall.EDQUOT: "Disk quota exceeded",
	syscall.ERANGE: "Numerical result out of range", syscall.EDOM: "Numerical argument out of domain",
	syscall.EADDRNOTAVAIL: "Cannot assign requested address", syscall.ENOTEMPTY: "Directory not empty",
	syscall.ESTALE: "Stale file handle", syscall.EIO: "Input/output error",
}

// ErrText is an error in the words of the machine's C library.
func (m *Machine) ErrText(err error) string {
	var errno syscall.Errno
	if m.OS() == "Linux" && errors.As(err, &errno) {
		if text, ok := linuxTexts[errno]; ok {
			return text
		}
	}
	return ErrText(err)
}

// OS is the machine's operating system, as uname -s names it.
func (m *Machine) OS() string { return m.profile.os() }

// stackTrace is where a tool failed, for the simulator's own faults.
func stackTrace() string { return "\n" + string(debug.Stack()) }
