package gpartsim

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
)

// manager is one call of efibootmgr(8).
type manager struct {
	*sim.Proc
	f   *state.Firmware
	opt map[byte]string
}

// efiOptions are the letters with their long names; ":" takes an argument.
var efiOptions = map[string]string{
	"activate": "a", "deactivate": "A", "bootnum": "b:", "bootnext": "n", "delete": "B", "delete-bootnext": "N", "bootorder": "o:",
	"create": "c", "loader": "l:", "kernel": "k:", "label": "L:", "env": "e:", "dry-run": "D", "set-timeout": "t:",
	"del-timeout": "T", "verbose": "v", "esp": "E", "device-path": "d", "unix-path": "u", "efidev": "p:", "fw-ui": "f", "no-fw-ui": "F", "once": "O",
}

const efiUsage = `efibootmgr [-abBcdDEfFhnNoOpTuv] [-b bootnum] [-k kernel] [-l loader] [-L label]
`

func efibootmgr(p *sim.Proc) int {
	m := &manager{Proc: p, opt: map[byte]string{}}
	if !m.parse(p.Args[1:]) {
		p.Errorf("%s", efiUsage)
		return 1
	}
	s := p.Machine.State()
	s.Lock()
	defer s.Unlock()
	switch {
	case s.Hardware.Boot != "UEFI":
		return m.fail("efi variables not supported on this system. kldload efirt?")
	case p.Cred.UID != 0:
		return m.fail("must be run as root")
	}
	m.f = &s.Firmware
	if code, done := m.act(s); done {
		return code
	}
	m.print(s)
	return 0
}

func (m *manager) fail(format string, args ...any) int {
	m.Errorf("efibootmgr: %s\n", fmt.Sprintf(format, args...))
	return 1
}

func (m *manager) parse(args []string) bool {
	short := map[byte]bool{} // letter -> takes an argument
	for _, o := range efiOptions {
		short[o[0]] = len(o) > 1
	}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if long, ok := strings.CutPrefix(arg, "--"); ok {
			name, value, has := strings.Cut(long, "=")
			o := efiOptions[name]
			switch {
			case o == "" || has && len(o) == 1:
				return false
			case len(o) > 1 && !has && len(args) == 0:
				return false
			case len(o) > 1 && !has:
				value, args = args[0], args[1:]
			}
			m.opt[o[0]] = value
			continue
		}
		if len(arg) < 2 || arg[0] != '-' {
			return false
		}
		for n := 1; n < len(arg); n++ {
			takes, known := short[arg[n]]
			if !known {
				return false
			}
			m.opt[arg[n]] = ""
			if !takes {
				continue
			}
			switch {
			case n+1 < len(arg):
				m.opt[arg[n]] = arg[n+1:]
			case len(args) > 0:
				m.opt[arg[n]], args = args[0], args[1:]
			default:
				return false
			}
			break
		}
	}
	return true
}

func (m *manager) has(letter byte) bool {
	_, ok := m.opt[letter]
	return ok
}

// number reads a boot number: hexadecimal, Boot0001 too.
func number(text string) (int, bool) {
	n, err := strconv.ParseInt(strings.TrimPrefix(text, "Boot"), 16, 32)
	return int(n), err == nil && n >= 0 && n <= 0xffff
}

// act does what is asked; done says that nothing is to be shown then.
func (m *manager) act(s *state.State) (code int, done bool) {
	for _, letter := range []byte("fFOp") {
		if m.has(letter) {
			return m.Cannot("efibootmgr -%c", letter), true
		}
	}
	switch {
	case m.has('c'):
		return m.create(s)
	case m.has('o'):
		return m.order()
	case m.has('N'):
		m.f.Next = nil
		return 0, false
	case m.has('T'):
		m.f.Timeout = 0
		return 0, false
	case m.has('t'):
		n, err := strconv.Atoi(m.opt['t'])
		if err != nil || n < 0 || n > 65535 {
			return m.fail("invalid timeout value"), true
		}
		m.f.Timeout = n
		return 0, false
	case m.has('E'):
		return m.esp(s), true
	}
	for _, letter := range []byte("aAnB") {
		if m.has(letter) {
			return m.entry(letter)
		}
	}
	return 0, false
}

// entry changes the entry of -b.
func (m *manager) entry(letter byte) (code int, done bool) {
	n, ok := number(m.opt['b'])
	if !m.has('b') || !ok {
		return m.fail("must specify -b"), true
	}
	e := m.f.Entry(n)
	if e == nil {
		return m.fail("no such boot variable Boot%04X", n), true
	}
	switch letter {
	case 'a', 'A':
		e.Active = letter == 'a'
	case 'n':
		m.f.Next = &n
	case 'B':
		m.f.Entries = slices.DeleteFunc(m.f.Entries, func(o state.BootEntry) bool { return o.Number == n })
		m.f.Order = slices.DeleteFunc(m.f.Order, func(o int) bool { return o == n })
	}
	return 0, false
}

func (m *manager) order() (code int, done bool) {
	var order []int
	for text := range strings.SplitSeq(m.opt['o'], ",") {
		n, ok := number(strings.TrimSpace(text))
		if !ok || m.f.Entry(n) == nil {
			return m.fail("boot num [%s] not in order", text), true
		}
		order = append(order, n)
	}
	m.f.Order = order
	return 0, false
}

// create adds an entry, first in the order; it is active with -a alone.
func (m *manager) create(s *state.State) (code int, done bool) {
	if !m.has('l') {
		return m.fail("must specify a loader with -l"), true
	}
	_, part, file := m.locate(s, m.opt['l'])
	if part == nil {
		return m.fail("Cannot translate unix loader path '%s' to UEFI: No such file or directory", m.opt['l']), true
	}
	n := 0
	for m.f.Entry(n) != nil {
		n++
	}
	if m.has('b') {
		given, ok := number(m.opt['b'])
		if !ok || m.f.Entry(given) != nil {
			return m.fail("bootnum %s already exists", m.opt['b']), true
		}
		n = given
	}
	if !m.has('D') {
		m.f.Entries = append(m.f.Entries, state.BootEntry{
			Number: n, Label: m.opt['L'], Active: m.has('a'), GUID: part.GUID, Path: file, Kernel: m.opt['k'], Env: m.opt['e'],
		})
		m.f.Order = append([]int{n}, m.f.Order...)
	}
	return 0, false
}

// locate finds what a loader's path means: DEVICE:/PATH, or a file of a mounted
// EFI partition.
func (m *manager) locate(s *state.State, name string) (*state.Disk, *state.Partition, string) {
	if device, file, ok := strings.Cut(name, ":"); ok {
		d, part := s.Provider(device)
		return d, part, path.Clean("/" + strings.ReplaceAll(file, `\`, "/"))
	}
	abs := m.FS().Abs(name)
	if _, err := m.FS().Stat(abs); err != nil {
		return nil, nil, ""
	}
	u, err := m.Machine.Tree().UsageOf(abs)
	if err != nil || u.Type != "msdosfs" {
		return nil, nil, ""
	}
	d, part := s.Provider(u.Source)
	return d, part, "/" + strings.TrimPrefix(strings.TrimPrefix(abs, u.Point), "/")
}

// partition is the EFI partition an entry names.
func partition(s *state.State, e *state.BootEntry) (*state.Disk, *state.Partition) {
	for _, d := range s.Disks {
		if d.Gone || d.Table == nil {
			continue
		}
		for _, part := range d.Table.Parts {
			if part.GUID == e.GUID {
				return d, part
			}
		}
	}
	return nil, nil
}

// esp is -E: the partition that this boot came from.
func (m *manager) esp(s *state.State) int {
	if m.has('d') && m.has('u') {
		return m.fail("Can't report both UEFI device-path and Unix path together")
	}
	e := m.f.Entry(m.f.Current)
	if e == nil {
		return m.fail("Can't retrieve EFI var Boot%04X: No such file or directory", m.f.Current)
	}
	d, part := partition(s, e)
	if part == nil {
		return m.fail("Can't convert to unix path")
	}
	name := d.PartName(part)
	switch {
	case m.has('d'):
		m.Printf("%s\n", efiMedia(part))
	case !m.has('u'):
		m.Printf("/dev/%s\n", name)
	default:
		point := m.mountPoint(name)
		if point == "" {
			return m.fail("Can't find where %s:%s is mounted", name, e.Path)
		}
		m.Printf("%s\n", point)
	}
	return 0
}

func (m *manager) mountPoint(name string) string {
	for _, u := range m.Machine.Tree().Mounts() {
		if u.Source == "/dev/"+name {
			return u.Point
		}
	}
	return ""
}

func (m *manager) print(s *state.State) {
	m.Printf("Boot to FW : false\n")
	if m.f.Next != nil {
		m.Printf("BootNext : %04x\n", *m.f.Next)
	}
	m.Printf("BootCurrent: %04x\n", m.f.Current)
	if m.f.Timeout > 0 {
		m.Printf("Timeout    : %d seconds\n", m.f.Timeout)
	}
	var order []string
	for _, n := range m.f.Order {
		order = append(order, fmt.Sprintf("%04X", n))
	}
	if len(order) > 0 {
		m.Printf("BootOrder  : %s\n", strings.Join(order, ", "))
	}
	for _, n := range m.f.Order {
		m.printEntry(s, n)
	}
	if !m.has('v') {
		return
	}
	m.Printf("\n\nUnreferenced Variables:\n")
	for _, e := range m.f.Entries {
		if !slices.Contains(m.f.Order, e.Number) {
			m.printEntry(s, e.Number)
		}
	}
}

func (m *manager) printEntry(s *state.State, n int) {
	e := m.f.Entry(n)
	if e == nil {
		m.Printf("Boot%04X: MISSING!\n", n)
		return
	}
	current, active := ' ', ' '
	if n == m.f.Current {
		current = '+'
	}
	if e.Active {
		active = '*'
	}
	m.Printf("%cBoot%04X%c %s", current, n, active, e.Label)
	if !m.has('v') {
		m.Printf("\n")
		return
	}
	d, part := partition(s, e)
	media := "HD(0,GPT," + e.GUID + ",0x0,0x0)"
	if part != nil {
		media = efiMedia(part)
	}
	m.Printf(" %s/File(%s)\n", media, strings.ReplaceAll(e.Path, "/", `\`))
	if part == nil {
		return
	}
	name, abs := d.PartName(part), "(null)"
	if point := m.mountPoint(name); point != "" {
		abs = point + e.Path
	}
	m.Printf("%*s%s:%s %s\n", 15+len(e.Label), "", name, e.Path, abs)
}
