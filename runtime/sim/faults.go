package sim

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// faults are what goes wrong on request, once or always:
//
//	cut=N                the connection is cut after N bytes the machine sends, once
//	cut-op=N             the connection is cut in the middle of the Nth command, once
//	cut-link=N           a connection to another machine is cut after N bytes, once
//	latency=D            every answer comes later by D (50ms), in real time
//	bandwidth=SIZE       bytes a second in each direction (64K)
//	disk=SIZE            size of the root file system or pool
//	disk-full=PATH       no space is left where PATH lies
//	deny=PATH            Permission denied at PATH, for everybody
//	fault=TOOL:N:TEXT    TOOL prints TEXT on standard error and exits with N
//	refuse=sftp          a kind of channel is refused: exec, shell, sftp, session
//	max-sessions=N       at most N channels on a connection
type faults struct {
	mu        sync.Mutex
	cutBytes  int64
	cutOp     int
	cutLink   int64
	latency   time.Duration
	bandwidth int64
	tools     map[string]toolFault
	refuse    map[string]bool
	sessions  int
	ops       int
}

// toolFault is a tool that fails.
type toolFault struct {
	Code    int
	Message string
	Times   int // 0: always
}

// read takes the faults a machine's URL asks for.
func (f *faults) read(m *Machine, q url.Values) error {
	f.tools, f.refuse = map[string]toolFault{}, map[string]bool{}
	var err error
	number := func(name string) int64 {
		if err != nil || q.Get(name) == "" {
			return 0
		}
		var n int64
		if n, err = strconv.ParseInt(q.Get(name), 10, 64); err != nil || n < 0 {
			err = fmt.Errorf("%s=%s: want a number", name, q.Get(name))
		}
		return n
	}
	f.cutBytes, f.cutOp, f.sessions, f.cutLink = number("cut"), int(number("cut-op")), int(number("max-sessions")), number("cut-link")
	if err != nil {
		return err
	}
	if v := q.Get("latency"); v != "" {
		if f.latency, err = time.ParseDuration(v); err != nil {
			return fmt.Errorf("latency=%s: want a time such as 50ms", v)
		}
	}
	if v := q.Get("bandwidth"); v != "" {
		if f.bandwidth, err = ParseSize(v); err != nil {
			return fmt.Errorf("bandwidth: %w", err)
		}
	}
	if v := q.Get("disk"); v != "" {
		size, err := ParseSize(v)
		if err != nil {
			return fmt.Errorf("disk: %w", err)
		}
		if err := m.tree.Resize("/", size); err != nil {
			return err
		}
	}
	for _, path := range q["disk-full"] {
		if err := m.tree.Fill(path); err != nil {
			return fmt.Errorf("disk-full=%s: %s", path, ErrText(err))
		}
	}
	for _, path := range q["deny"] {
		m.Deny(path)
	}
	for _, kind := range q["refuse"] {
		f.refuse[kind] = true
	}
	for _, text := range q["fault"] {
		if err := f.readTool(text); err != nil {
			return err
		}
	}
	return nil
}

func (f *faults) readTool(text string) error {
	parts := strings.SplitN(text, ":", 3)
	if len(parts) < 2 {
		return fmt.Errorf("fault=%s: want fault=TOOL:CODE:MESSAGE", text)
	}
	code, err := strconv.Atoi(parts[1])
	if err != nil || code < 0 || code > 255 {
		return fmt.Errorf("fault=%s: %q is no exit code", text, parts[1])
	}
	fault := toolFault{Code: code}
	if len(parts) == 3 {
		fault.Message = parts[2]
	}
	f.tools[parts[0]] = fault
	return nil
}

// FailTool makes a tool print a message and exit with a code; times says how
// often, 0 for ever.
func (m *Machine) FailTool(name string, code int, message string, times int) {
	m.faults.mu.Lock()
	defer m.faults.mu.Unlock()
	m.faults.tools[name] = toolFault{code, message, times}
}

// HealTool undoes FailTool.
func (m *Machine) HealTool(name string) {
	m.faults.mu.Lock()
	defer m.faults.mu.Unlock()
	delete(m.faults.tools, name)
}

// Deny makes a path answer Permission denied to everybody.
func (m *Machine) Deny(path string) { m.tree.Deny(path, syscall.EACCES) }

// Allow undoes Deny.
func (m *Machine) Allow(path string) { m.tree.Deny(path, nil) }

// Refuse makes the machine refuse a kind of channel: exec, shell, sftp, session.
func (m *Machine) Refuse(kind string, refuse bool) {
	m.faults.mu.Lock()
	defer m.faults.mu.Unlock()
	m.faults.refuse[kind] = refuse
}

// CutAfter cuts the connection after n more bytes the machine sends, once.
func (m *Machine) CutAfter(n int64) {
	m.faults.mu.Lock()
	defer m.faults.mu.Unlock()
	m.faults.cutBytes = n
}

// CutLinkAfter cuts a connection between the machine and another one after n more
// bytes of either, once.
func (m *Machine) CutLinkAfter(n int64) {
	m.faults.mu.Lock()
	defer m.faults.mu.Unlock()
	m.faults.cutLink = n
}

// toolFault is the fault asked for a tool, nil for none.
func (m *Machine) toolFault(name string) *toolFault {
	f := &m.faults
	f.mu.Lock()
	defer f.mu.Unlock()
	fault, ok := f.tools[name]
	if !ok {
		return nil
	}
	if fault.Times > 0 {
		if fault.Times--; fault.Times == 0 {
			delete(f.tools, name)
		} else {
			f.tools[name] = fault
		}
	}
	return &fault
}

func (f *faults) refuses(kind string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.refuse[kind]
}
