// Package pkg installs, removes and queries packages with pkg(8). Convergent
// functions look first, and say as data what pkg would do.
package pkg

import (
	"context"
	"maps"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// Target says whose packages are meant; the zero Target is the host itself.
type Target struct {
	Jail    string `lua:"jail" doc:"packages of this running jail, by the host's pkg (-j)"`
	Rootdir string `lua:"rootdir" doc:"packages of the system under this directory (-r)"`

	settings []string // options of pkg's own for the calls: -o NAME=VALUE
}

// Settings are values of pkg.conf(5) for one call.
type Settings struct {
	Options map[string]string `lua:"options" doc:"values that take the place of pkg.conf's for this call (-o), such as ABI"`
}

var optionForm = lazyregexp.New(`^[A-Z][A-Z_]*$`)

// apply makes the settings those of a target's commands.
func (s Settings) apply(op string, t *Target) error {
	t.settings = nil
	for _, name := range slices.Sorted(maps.Keys(s.Options)) {
		if !optionForm.MatchString(name) {
			return effect.Errorf(effect.Invalid, op, "%q is no option of pkg.conf", name)
		}
		t.settings = append(t.settings, "-o", name+"="+s.Options[name])
	}
	return nil
}

// command is pkg(8) with the target's options.
func (t Target) command(words ...string) []string {
	argv := []string{"pkg"}
	if t.Jail != "" {
		argv = append(argv, "-j", t.Jail)
	}
	if t.Rootdir != "" {
		argv = append(argv, "-r", t.Rootdir)
	}
	return append(append(argv, t.settings...), words...)
}

// check refuses a target that cannot be meant.
func (t Target) check(op string) error {
	if t.Jail != "" && t.Rootdir != "" {
		return effect.Errorf(effect.Invalid, op, "jail and rootdir exclude each other")
	}
	if strings.HasPrefix(t.Jail, "-") || t.Rootdir != "" && t.Rootdir[0] != '/' {
		return effect.Errorf(effect.Invalid, op, "no such place: jail %q, rootdir %q", t.Jail, t.Rootdir)
	}
	return nil
}

// scheme keeps the packages of different systems apart.
func (t Target) scheme() string {
	switch {
	case t.Jail != "":
		return "pkg jail " + t.Jail
	case t.Rootdir != "":
		return "pkg root " + t.Rootdir
	default:
		return "pkg"
	}
}

// all is the resource of every package.
func (t Target) all() effect.Resource { return effect.Resource(t.scheme()) }

// company is what may come along with packages that were named: a change
// without a plan writes it, and every look at packages reads it. It has a
// resource of its own, so that check mode still knows of those named.
func (t Target) company() effect.Resource { return effect.Resource(t.scheme() + " company") }

// one is the resource of a package by name (or origin, or name-version).
func (t Target) one(name string) effect.Resource { return effect.Resource(t.scheme() + ":" + name) }

// catalogue is what pkg knows of repositories: their configuration and what it
// fetched from them.
func (t Target) catalogue() []effect.Resource {
	root := strings.TrimSuffix(t.Rootdir, "/")
	return []effect.Resource{
		effect.Resource(t.scheme() + " catalogue"),
		effect.Tree(root + "/usr/local/etc/pkg"), effect.Tree(root + "/etc/pkg"),
	}
}

// files are where packages put theirs.
func (t Target) files() []effect.Resource {
	if t.Rootdir != "" {
		return []effect.Resource{effect.Tree(t.Rootdir)}
	}
	if t.Jail != "" {
		return []effect.Resource{effect.Resource("jail:" + t.Jail)}
	}
	return []effect.Resource{
		effect.Tree("/usr/local"), effect.Tree("/var/db/pkg"), effect.Tree("/boot/modules"),
		effect.File("/etc/passwd"), effect.File("/etc/master.passwd"), effect.File("/etc/group"), effect.File("/etc/shells"),
		"user", "group",
	}
}

// yes lets pkg go on without a question, also while it installs itself.
var yes = []string{"ASSUME_ALWAYS_YES=yes"}

var nameForm = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9_.,+@/~:-]*$`)

// reads declares a look at packages by name; at all of them without one.
func (t Target) reads(names ...string) []effect.Resource {
	list := []effect.Resource{t.company()}
	if len(names) == 0 {
		return append(list, t.all())
	}
	for _, name := range names {
		list = append(list, t.one(name))
	}
	return list
}

// checkNames refuses what is no name of a package, before anything runs.
func checkNames(op string, names []string) error {
	if len(names) == 0 {
		return effect.Errorf(effect.Invalid, op, "no package named")
	}
	for _, name := range names {
		if !nameForm.MatchString(name) {
			return effect.Errorf(effect.Invalid, op, "%q is no name of a package", name)
		}
	}
	return nil
}

// run carries out one pkg command and explains its failure.
func run(ctx context.Context, h effect.Doer, e effect.Effect) (effect.Result, error) {
	res, err := h.Do(ctx, e)
	return res, explain(err)
}

// noPackages says, beside exit code 1, that nothing matched: EX_UNAVAILABLE of
// releases before 1.17.
const noPackages = 69

// presence is what a look at the installed packages tells of one.
type presence struct {
	name, version, origin string
	pending               bool // check mode: a change that was skipped would install it
	older                 bool // the tools before pkg(8) have installed it
}

// matches tells whether a name given by a person means this package.
func (p presence) matches(name string) bool {
	return name == p.name || name == p.origin || name == p.name+"-"+p.version
}

// present finds the named packages among those installed. A host on which pkg
// itself is not installed has none.
func present(ctx context.Context, h effect.Doer, op string, t Target, names []string) (map[string]presence, error) {
	found, err := look(ctx, h, op, t, names)
	if effect.KindOf(err) != effect.Unknown || len(names) == 1 {
		return found, err
	}
	// Together they are not exactly known; one by one they may be.
	found = map[string]presence{}
	for _, name := range names {
		one, err := look(ctx, h, op, t, []string{name})
		if err != nil {
			return nil, err
		}
		for _, p := range one {
			found[name] = p
		}
	}
	return found, nil
}

func look(ctx context.Context, h effect.Doer, op string, t Target, names []string) (map[string]presence, error) {
	e := effect.Effect{
		Op: op, Kind: effect.Read,
		Argv: append(t.command("query", `%n\t%v\t%o`), names...),
		Want: []int{0, 1, noPackages},
	}
	e.Reads = t.reads(names...)
	pending := false
	if len(names) == 1 {
		e.Answer = func(leaves map[effect.Resource]string) (effect.Result, bool) {
			left, ok := leaves[t.one(names[0])]
			pending = ok
			return answer(names[0], left), ok
		}
	}
	older := false
	res, err := t.query(ctx, h, e, func(list []record) string {
		older = true
		return rows(list, func(r record) []string { return []string{r.name, r.version, r.origin} })
	})
	if err != nil {
		return nil, err
	}
	out, err := res.Text()
	if err != nil {
		return nil, err
	}
	if res.Code != 0 && out == "" {
		if err := queryFailure(op, e.Argv, res); err != nil {
			return nil, err
		}
	}
	found := map[string]presence{}
	for _, row := range parseRows(out, 3) {
		p := presence{name: row[0], version: row[1], origin: row[2], pending: pending, older: older}
		for _, name := range names {
			if p.matches(name) {
				found[name] = p
			}
		}
	}
	return found, nil
}

// What a skipped change leaves of a package: its version, or one of these.
const (
	leavesAbsent  = "absent"
	leavesUnknown = "unknown version"
)

// answer is the output of the presence query after the changes that check mode
// skipped.
func answer(name, left string) effect.Result {
	if left == leavesAbsent {
		return effect.Result{Code: 1}
	}
	return effect.Result{Stdout: effect.OutputOf([]byte(name + "\t" + left + "\t" + name + "\n"))}
}

// queryFailure tells an empty answer from a failure: nothing found is silent.
func queryFailure(op string, argv []string, res effect.Result) error {
	said := strings.TrimSpace(string(res.Stderr.Tail(4096)))
	if said == "" || notInstalled(said) {
		return nil
	}
	return explain(&effect.Error{
		Op: op, Kind: effect.Failed, Code: res.Code, Command: strings.Join(argv, " "), Err: said,
	})
}

// Installed tells whether a package is installed, and its version; in check mode
// the version is empty where only the skipped change would tell.
func Installed(ctx context.Context, h effect.Doer, name string) (version string, ok bool, err error) {
	const op = "pkg.info"
	if err := checkNames(op, []string{name}); err != nil {
		return "", false, err
	}
	found, err := present(ctx, h, op, Target{}, []string{name})
	if err != nil {
		return "", false, err
	}
	p, ok := found[name]
	if p.version == leavesUnknown {
		p.version = ""
	}
	return p.version, ok, nil
}

// missing are the names that present did not find, each once.
func missing(names []string, found map[string]presence) []string {
	var list []string
	for _, name := range names {
		if _, ok := found[name]; !ok && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}
