package portstree

import (
	"path"
	"strings"
)

// dependencies collects *_DEPENDS, what options add, and what USES brings as far
// as the tree has it.
func (t *Tree) dependencies(m *makefile, p *Port) []Dep {
	var deps []Dep
	seen := map[Dep]bool{}
	add := func(d Dep) {
		if !seen[d] {
			seen[d] = true
			deps = append(deps, d)
		}
	}
	for _, kind := range kinds {
		for _, name := range dependVariables(m, kind, p.Flavor) {
			for _, word := range m.words(name) {
				if d, ok := parseDepend(kind, word, t.Root); ok {
					add(d)
				}
			}
		}
	}
	for _, d := range t.usesDepends(m) {
		add(d)
	}
	return deps
}

// dependVariables names the variables that hold dependencies of a kind: the plain
// one, those of options that are on (X_) or off (X_..._OFF), the flavour's.
func dependVariables(m *makefile, kind Kind, flavor string) []string {
	base := strings.ToUpper(string(kind)) + "_DEPENDS"
	names := []string{base}
	if flavor != "" {
		names = append(names, flavor+"_"+base)
	}
	on := map[string]bool{}
	for _, o := range m.words("PORT_OPTIONS") {
		on[o] = true
	}
	for _, o := range definedOptions(m) {
		if on[o] {
			names = append(names, o+"_"+base)
		} else {
			names = append(names, o+"_"+base+"_OFF")
		}
	}
	return names
}

// parseDepend reads what:[path:]category/port[@flavor][:target].
func parseDepend(kind Kind, word, root string) (Dep, bool) {
	what, where, ok := strings.Cut(word, ":")
	if !ok {
		return Dep{}, false
	}
	where, _, _ = strings.Cut(where, ":")
	where = strings.TrimPrefix(path.Clean(where), root+"/")
	origin, flavor := SplitSpec(where)
	if strings.Count(origin, "/") != 1 || strings.Contains(origin, "$") {
		return Dep{}, false
	}
	return Dep{Kind: kind, What: what, Origin: origin, Flavor: flavor}, true
}

// usesOf lists the features of USES, options' ones included.
func usesOf(m *makefile) map[string]bool {
	out := map[string]bool{}
	for _, name := range dependUses(m) {
		for _, word := range m.words(name) {
			feature, _, _ := strings.Cut(word, ":")
			out[feature] = true
		}
	}
	return out
}

func dependUses(m *makefile) []string {
	names := []string{"USES"}
	for _, o := range m.words("PORT_OPTIONS") {
		names = append(names, o+"_USES")
	}
	return names
}

// brought are the ports that a feature of USES needs (ports/Mk/Uses).
var brought = []struct {
	uses   string
	kinds  []Kind
	origin string
}{
	{"gmake", []Kind{Build}, "devel/gmake"},
	{"perl5", []Kind{Build, Run}, "lang/perl5.42"},
	{"pkgconfig", []Kind{Build}, "devel/pkgconf"},
	{"autoreconf", []Kind{Build}, "devel/autoconf"},
	{"autoreconf", []Kind{Build}, "devel/automake"},
	{"libtool", []Kind{Build}, "devel/libtool"},
	{"bison", []Kind{Build}, "devel/bison"},
	{"cmake", []Kind{Build}, "devel/cmake-core"},
	{"cmake", []Kind{Build}, "devel/ninja"},
	{"meson", []Kind{Build}, "devel/meson"},
	{"meson", []Kind{Build}, "devel/ninja"},
	{"ninja", []Kind{Build}, "devel/ninja"},
	{"python", []Kind{Build, Run}, "lang/python311"},
	{"lua", []Kind{Lib}, "lang/lua54"},
	{"go", []Kind{Build}, "lang/go"},
	{"cargo", []Kind{Build}, "lang/rust"},
	{"gettext", []Kind{Build}, "devel/gettext-tools"},
	{"gettext", []Kind{Lib}, "devel/gettext-runtime"},
	{"gettext-tools", []Kind{Build}, "devel/gettext-tools"},
	{"gettext-runtime", []Kind{Lib}, "devel/gettext-runtime"},
	{"readline", []Kind{Lib}, "devel/readline"},
	{"sqlite", []Kind{Lib}, "databases/sqlite3"},
	{"ssl", []Kind{Lib}, "security/openssl"},
	{"gnome", []Kind{Lib}, "textproc/libxml2"},
}

// usesDepends is what USES brings. The base system has OpenSSL, so ssl counts only
// where make.conf asks for the port.
func (t *Tree) usesDepends(m *makefile) []Dep {
	uses := usesOf(m)
	var deps []Dep
	for _, b := range brought {
		if !uses[b.uses] || !t.Exists(b.origin) {
			continue
		}
		if b.uses == "ssl" && !strings.Contains(m.value("DEFAULT_VERSIONS"), "ssl=openssl") {
			continue
		}
		if b.uses == "gnome" && !contains(m.words("USE_GNOME"), "libxml2") {
			continue
		}
		for _, k := range b.kinds {
			if k == Run && onlyAtBuild(m, b.uses) || k == Build && onlyAtRun(m, b.uses) {
				continue
			}
			deps = append(deps, Dep{Kind: k, What: path.Base(b.origin), Origin: b.origin})
		}
	}
	return deps
}

func onlyAtBuild(m *makefile, feature string) bool {
	return usesArgument(m, feature, "build", "test", "build,test")
}
func onlyAtRun(m *makefile, feature string) bool { return usesArgument(m, feature, "run") }

// usesArgument tells whether USES=feature:arg has one of the arguments.
func usesArgument(m *makefile, feature string, args ...string) bool {
	for _, name := range dependUses(m) {
		for _, word := range m.words(name) {
			f, arg, _ := strings.Cut(word, ":")
			if f == feature && contains(args, arg, strings.TrimPrefix(arg, "3.9+,")) {
				return true
			}
		}
	}
	return false
}
