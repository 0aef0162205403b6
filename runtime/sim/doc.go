// Package sim is the simulated FreeBSD machine: a place to rehearse on, and a
// bed for tests. A Machine has a file tree (vfs), state that tools share
// (state), a process table, a clock that jumps, a POSIX shell, and an sshd; its
// programs are Tools, modelled in Go. Nothing in it reaches the controller's
// disk or processes, but for repositories mapped with git= and the state file.
//
// # Machines
//
// New makes a machine of a profile (profiles/*.toml) and boots it; Open does so
// for a sim: URL. Parameters of the URL ask for faults (see the list in
// faults.go), a state file, a login user (see Open), or belong to tools, which
// read them in Machine.Params. Machines of one profile share a base image and
// copy what they change, so that one more costs some tens of kilobytes.
//
// # Tools
//
// A Tool's file holds a mark by which the machine knows it, so that it can be
// copied, removed, linked and made unexecutable like any program. Tools of the
// base system (no Package) are in the image; the others come and go with
// InstallPackage and RemovePackage. A tool's Run gets a Proc: arguments,
// environment, streams, and the machine with the rights of its user. It starts
// others with Run, Capture, Start or, in its own place, Exec; it keeps a record
// of its own in ToolState; what it does not model it refuses with Cannot.
//
// # Time
//
// The clock counts the processes that run. When none does and a controller
// waits (in Clock().Sleep, or for a command that has not ended and does not wait
// for input itself) it jumps to the next event; otherwise time stands still. So
// a tool passes time with Proc.Sleep or Machine.At, never with package time, and
// waits for other processes with Process.Wait; whatever else may block for long
// goes into Proc.Block. RunRealTime has time pass by itself instead.
package sim
