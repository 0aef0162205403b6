package pfsim

import (
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
	"bsdrun/stdlib/pf/rules"
)

// boot is what rc.d/pf does at boot: the module, the rules, and pf enabled, also
// when the rules have an error.
func boot(m *sim.Machine) {
	if !yes(m.RCVar("pf_enable")) {
		return
	}
	file := m.RCVar("pf_rules")
	view := m.View(vfs.Root, "/")
	text, err := view.ReadFile(file)
	if err != nil {
		say(m, "/etc/rc.d/pf: WARNING: "+file+" is not readable.")
		return
	}
	insert(m)
	k := enter(m)
	if k == nil {
		return
	}
	defer k.mu.Unlock()
	say(m, "Enabling pf")
	set, complaints := rules.Parse(file, text, env(m, view, nil))
	for _, c := range complaints {
		say(m, c.Error())
	}
	if len(complaints) > 0 {
		say(m, "pfctl: Syntax error in config file: pf rules not loaded")
	} else {
		k.load("", set, loadAll, 0, m.Now())
		for _, l := range set.Loads {
			if more, err := view.ReadFile(l.File); err == nil {
				e := env(m, view, nil)
				e.Anchor = l.Anchor
				below, complaints := rules.Parse(l.File, more, e)
				if len(complaints) == 0 {
					k.load(l.Anchor, below, loadAll, 0, m.Now())
				}
			}
		}
	}
	k.Enabled, k.Since = true, m.Now()
}

func yes(value string) bool {
	switch strings.ToLower(value) {
	case "yes", "true", "on", "1":
		return true
	}
	return false
}

// insert loads the module, as required_modules does.
func insert(m *sim.Machine) {
	if _, err := m.View(vfs.Root, "/").Stat("/boot/kernel/" + moduleName); err != nil {
		say(m, "/etc/rc.d/pf: WARNING: Unable to load kernel module pf")
		return
	}
	defer m.ControlDevices()
	s := m.State()
	s.Lock()
	defer s.Unlock()
	id := 0
	for _, module := range s.Modules {
		if module.Name == moduleName {
			return
		}
		id = max(id, module.ID)
	}
	s.Modules = append(s.Modules, state.Module{ID: id + 1, Refs: 1, Addr: 0xffffffff82f00000, Size: 0x56000, Name: moduleName})
}

// say writes to the console.
func say(m *sim.Machine, text string) {
	s := m.State()
	s.Lock()
	defer s.Unlock()
	s.Firmware.Console = append(s.Firmware.Console, text)
}
