package portstree

import (
	"slices"
	"strings"
)

// chooseOptions computes PORT_OPTIONS from the port's defaults, make.conf and the
// saved options file, in that order (bsd.options.mk).
func (t *Tree) chooseOptions(m *makefile) {
	defined := definedOptions(m)
	if len(defined) == 0 {
		return
	}
	name := m.value("OPTIONS_NAME")
	on := map[string]bool{}
	apply := func(variable string, to bool) {
		for _, o := range m.words(variable) {
			on[o] = to
		}
	}
	for _, o := range []string{"DOCS", "NLS", "EXAMPLES", "IPV6"} {
		on[o] = true // on unless switched off (bsd.options.mk)
	}
	apply("OPTIONS_DEFAULT", true)
	apply("OPTIONS_DEFAULT_"+m.value("ARCH"), true)
	apply("OPTIONS_SET", true)
	apply("OPTIONS_UNSET", false)
	apply(name+"_SET", true)
	apply(name+"_UNSET", false)
	if t.Options != nil {
		saved := newMakefile(t.FS, m.curdir)
		saved.eval(t.Options(name), m.curdir)
		for _, o := range saved.words("OPTIONS_FILE_SET") {
			on[o] = true
		}
		for _, o := range saved.words("OPTIONS_FILE_UNSET") {
			on[o] = false
		}
	}
	apply("OPTIONS_SET_FORCE", true)
	apply("OPTIONS_UNSET_FORCE", false)
	apply(name+"_SET_FORCE", true)
	apply(name+"_UNSET_FORCE", false)
	var chosen []string
	for _, o := range defined {
		if on[o] {
			chosen = append(chosen, o)
		}
	}
	m.vars["PORT_OPTIONS"] = strings.Join(chosen, " ")
}

// definedOptions lists every option of a port, groups included.
func definedOptions(m *makefile) []string {
	all := m.words("OPTIONS_DEFINE")
	all = append(all, m.words("OPTIONS_DEFINE_"+m.value("ARCH"))...)
	for _, kind := range []string{"SINGLE", "MULTI", "RADIO", "GROUP"} {
		for _, group := range m.words("OPTIONS_" + kind) {
			all = append(all, m.words("OPTIONS_"+kind+"_"+group)...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func options(m *makefile) []Option {
	on := m.words("PORT_OPTIONS")
	var out []Option
	for _, name := range definedOptions(m) {
		out = append(out, Option{Name: name, Desc: m.value(name + "_DESC"), On: slices.Contains(on, name)})
	}
	return out
}
