package libvirtsim

import (
	"encoding/xml"
	"path"
	"slices"
	"strconv"
	"strings"

	"libvirt.org/go/libvirtxml"

	"bsdrun/runtime/lazyregexp"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

// store is what one daemon of libvirt keeps.
type store struct {
	m      *sim.Machine
	view   *vfs.View
	config string // /etc/libvirt
	run    string // /run/libvirt
	lib    string // /var/lib/libvirt
	memory *memory
}

// memory is what the daemon knows and no file tells.
type memory struct {
	LastID  int
	Reasons map[string]string // why domains are off, by name
}

func systemStore(m *sim.Machine) *store {
	return &store{m: m, view: m.View(vfs.Root, "/"), config: "/etc/libvirt", run: "/run/libvirt", lib: "/var/lib/libvirt", memory: memoryOf(m, "system")}
}

func sessionStore(m *sim.Machine, home string, cred vfs.Cred) *store {
	return &store{
		m: m, view: m.View(cred, "/"), config: path.Join(home, ".config/libvirt"), run: path.Join(home, ".cache/libvirt/run"), lib: path.Join(home, ".local/share/libvirt"),
		memory: memoryOf(m, "session "+strconv.Itoa(cred.UID)),
	}
}

func memoryOf(m *sim.Machine, name string) *memory {
	k := sim.ToolState[memory](m, "libvirt "+name)
	if k.Reasons == nil {
		k.Reasons = map[string]string{}
	}
	return k
}

// warning stands at the beginning of files that the daemon writes.
const warning = `<!--
WARNING: THIS IS AN AUTO-GENERATED FILE. CHANGES TO IT ARE LIKELY TO BE
OVERWRITTEN AND LOST. Changes to this xml configuration should be made using:
  virsh %s
or other application using the libvirt API.
-->

`

var comment = lazyregexp.New(`(?s)^\s*<!--.*?-->\s*`)

// domain is a domain as the files have it.
type domain struct {
	name   string
	uuid   string
	text   string // its persistent definition; empty: it is transient
	xml    libvirtxml.Domain
	status *status // while it runs
	active string  // its XML while it runs
}

// status is the head of the file of a domain that runs.
type status struct {
	State  string `xml:"state,attr"`
	Reason string `xml:"reason,attr"`
	PID    int    `xml:"pid,attr"`
	Domain struct {
		ID   int    `xml:"id,attr"`
		Name string `xml:"name"`
		UUID string `xml:"uuid"`
	} `xml:"domain"`
}

func (s *store) domainFile(name string) string { return path.Join(s.config, "qemu", name+".xml") }
func (s *store) statusFile(name string) string { return path.Join(s.run, "qemu", name+".xml") }
func (s *store) linkFile(name string) string {
	return path.Join(s.config, "qemu/autostart", name+".xml")
}

// names lists the files of a folder that end in .xml.
func (s *store) names(folder string) []string {
	list, err := s.view.ReadDir(folder)
	if err != nil {
		return nil
	}
	var names []string
	for _, i := range list {
		if name, ok := strings.CutSuffix(i.Name, ".xml"); ok {
			names = append(names, name)
		}
	}
	return names
}

func (s *store) read(file string) string {
	data, err := s.view.ReadFile(file)
	if err != nil {
		return ""
	}
	return comment.ReplaceAllString(string(data), "")
}

func (s *store) write(file, text string) error {
	if err := s.view.MkdirAll(path.Dir(file), 0o755); err != nil {
		return err
	}
	return s.view.WriteFile(file, []byte(text), 0o600)
}

// domains lists those that run, by number, then the others by name.
func (s *store) domains() []*domain {
	var list []*domain
	for _, name := range s.names(path.Join(s.config, "qemu")) {
		if d := s.domain(name); d != nil {
			list = append(list, d)
		}
	}
	for _, name := range s.names(path.Join(s.run, "qemu")) {
		if !slices.ContainsFunc(list, func(d *domain) bool { return d.name == name }) {
			if d := s.domain(name); d != nil {
				list = append(list, d)
			}
		}
	}
	slices.SortFunc(list, func(a, b *domain) int {
		switch {
		case a.status != nil && b.status != nil:
			return a.status.Domain.ID - b.status.Domain.ID
		case a.status != nil:
			return -1
		case b.status != nil:
			return 1
		}
		return strings.Compare(a.name, b.name)
	})
	return list
}

// domain reads one by its name.
func (s *store) domain(name string) *domain {
	d := &domain{name: name, text: s.read(s.domainFile(name))}
	if text := s.read(s.statusFile(name)); text != "" {
		var st status
		if at := strings.Index(text, "  <domain "); xml.Unmarshal([]byte(text), &st) == nil && at >= 0 {
			d.status = &st
			end := strings.LastIndex(text, "</domain>") + len("</domain>\n")
			d.active = outdented(text[at:min(end, len(text))])
		}
	}
	from := d.text
	if from == "" {
		from = d.active
	}
	if from == "" || d.xml.Unmarshal(from) != nil {
		return nil
	}
	d.uuid = d.xml.UUID
	return d
}

func indented(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ") + "\n"
}

func outdented(text string) string {
	return strings.ReplaceAll(strings.TrimPrefix(text, "  "), "\n  ", "\n")
}

// lookup finds a domain as virsh does: by number, UUID, name.
func (s *store) lookup(key string) *domain {
	list := s.domains()
	if n, err := strconv.Atoi(key); err == nil && n > 0 {
		for _, d := range list {
			if d.status != nil && d.status.Domain.ID == n {
				return d
			}
		}
	}
	for _, d := range list {
		if strings.EqualFold(strings.ReplaceAll(d.uuid, "-", ""), strings.ReplaceAll(key, "-", "")) {
			return d
		}
	}
	for _, d := range list {
		if d.name == key {
			return d
		}
	}
	return nil
}

// state is what virsh calls what a domain is at.
func (d *domain) state() string {
	if d.status == nil {
		return "shut off"
	}
	return d.status.State
}

func (s *store) reason(d *domain) string {
	if d.status != nil {
		return d.status.Reason
	}
	if why := s.memory.Reasons[d.name]; why != "" {
		return why
	}
	return "unknown"
}

// shown is a domain's XML as dumpxml has it.
func (d *domain) shown(inactive bool) string {
	if d.status != nil && (!inactive || d.text == "") {
		return d.active
	}
	return d.text
}

// setStatus writes the file of a domain that runs.
func (s *store) setStatus(d *domain, state, reason string) error {
	if d.status == nil {
		s.memory.LastID++
		d.status = &status{PID: 20000 + s.memory.LastID}
		d.status.Domain.ID = s.memory.LastID
		d.active = strings.Replace(d.text, "<domain ", "<domain id='"+strconv.Itoa(d.status.Domain.ID)+"' ", 1)
		d.active = idLast.ReplaceAllString(d.active, "<domain $2 $1")
	}
	d.status.State, d.status.Reason = state, reason
	head := "<domstatus state='" + state + "' reason='" + reason + "' pid='" + strconv.Itoa(d.status.PID) + "'>\n"
	return s.write(s.statusFile(d.name), strings.Replace(warning, "%s", "edit "+d.uuid, 1)+head+indented(d.active)+"</domstatus>\n")
}

// idLast puts a domain's number behind its type.
var idLast = lazyregexp.New(`<domain (id='\d+') (type='[^']*')`)

// stop takes a domain off the machine.
func (s *store) stop(d *domain, reason string) error {
	s.memory.Reasons[d.name] = reason
	return s.view.Remove(s.statusFile(d.name))
}

// timer is called when a guest has shut down. The payload is the name and number of
// its domain, so that one that was started anew meanwhile is left alone.
func timer(m *sim.Machine, payload string) {
	s := systemStore(m)
	id, name, _ := strings.Cut(payload, " ")
	if d := s.domain(name); d != nil && d.status != nil && strconv.Itoa(d.status.Domain.ID) == id && d.status.State == "running" {
		_ = s.stop(d, "shutdown")
	}
}

// boot makes the domains that the profile asks for, when the machine is new, and
// starts those that start with it.
func boot(m *sim.Machine) {
	s := systemStore(m)
	for _, folder := range []string{"qemu", "network", "storage"} {
		for _, name := range s.names(path.Join(s.run, folder)) {
			_ = s.view.Remove(path.Join(s.run, folder, name+".xml"))
		}
	}
	s.memory.Reasons = map[string]string{}
	if err := seedOnce(m); err != nil {
		panic(err) // what is sown is part of the program
	}
	for _, kind := range []struct{ from, to string }{{"qemu/networks", "network"}, {"storage", "storage"}} {
		for _, name := range s.names(path.Join(s.config, kind.from, "autostart")) {
			//nolint:errcheck // a machine without room for it boots all the same
			s.write(path.Join(s.run, kind.to, name+".xml"), s.read(path.Join(s.config, kind.from, name+".xml")))
		}
	}
	for _, name := range s.names(path.Join(s.config, "qemu/autostart")) {
		if d := s.domain(name); d != nil && d.text != "" {
			_ = s.setStatus(d, "running", "booted")
		}
	}
}
