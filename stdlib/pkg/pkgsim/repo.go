package pkgsim

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/lazyregexp"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

// repository is one of pkg.conf(5).
type repository struct {
	name, url, mirror, signature, fingerprints, pubkey string
	priority                                           int
	enabled                                            bool
}

func keysOf[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }

// plain is the address without pkg's own scheme.
func (r repository) plain() string { return strings.TrimPrefix(r.url, "pkg+") }

func (r repository) show(p *sim.Proc) {
	yes := "no"
	if r.enabled {
		yes = "yes"
	}
	p.Printf("  %s: { \n    url             : \"%s\",\n    enabled         : %s,\n    priority        : %d", r.name, r.url, yes, r.priority)
	for _, f := range []struct{ name, value string }{
		{"mirror_type", strings.ToUpper(r.mirror)}, {"signature_type", strings.ToUpper(r.signature)},
		{"fingerprints", r.fingerprints}, {"pubkey", r.pubkey},
	} {
		if f.value != "" && f.value != "NONE" {
			p.Printf(",\n    %-16s: \"%s\"", f.name, f.value)
		}
	}
	p.Printf("\n  }\n")
}

var (
	blockForm = lazyregexp.New(`(?s)([\w.-]+)\s*:?\s*\{(.*?)\n?\}`)
	pairForm  = lazyregexp.New(`(?m)^\s*"?(\w+)"?\s*[:=]\s*"?([^"\n]*?)"?\s*[,;]?\s*$`)
	oneLine   = lazyregexp.New(`(\w+)\s*[:=]\s*"?([^",{}]+)"?`)
	comment   = lazyregexp.New(`(?m)^\s*#.*$`)
)

// allRepositories reads the configuration: /etc/pkg, then what
// /usr/local/etc/pkg/repos says over it.
func allRepositories(p *sim.Proc) []repository {
	view := p.Machine.View(vfs.Root, "/")
	found := map[string]*repository{}
	var order []string
	for _, dir := range []string{"/etc/pkg", "/usr/local/etc/pkg/repos"} {
		list, err := view.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, f := range list {
			if !strings.HasSuffix(f.Name, ".conf") {
				continue
			}
			src, err := view.ReadFile(path.Join(dir, f.Name))
			if err != nil {
				continue
			}
			for _, m := range blockForm.FindAllStringSubmatch(expandABI(p, comment.ReplaceAllString(string(src), "")), -1) {
				r := found[m[1]]
				if r == nil {
					r = &repository{name: m[1], enabled: true}
					found[m[1]] = r
					order = append(order, m[1])
				}
				r.read(m[2])
			}
		}
	}
	list := make([]repository, 0, len(order))
	for _, name := range order {
		list = append(list, *found[name])
	}
	return list
}

// expandABI fills in the variables of a repository's configuration.
func expandABI(p *sim.Proc, text string) string {
	target := abi(p)
	number := target[len("FreeBSD:"):strings.LastIndexByte(target, ':')]
	_, minor, _ := strings.Cut(osRelease(p).Version(), ".")
	return strings.NewReplacer("${ABI}", target, "${VERSION_MAJOR}", number, "${VERSION_MINOR}", minor).Replace(text)
}

// osRelease is the release that packages are taken for: the userland's, unless
// OSVERSION names another.
func osRelease(p *sim.Proc) sim.Release {
	for _, r := range sim.Releases() {
		if p.Getenv("OSVERSION") == strconv.Itoa(r.OSRelDate) {
			return r
		}
	}
	r, _ := sim.FindRelease(p.Machine.UserlandRelease(""))
	return r
}

// abi is the system's name in repository addresses: FreeBSD:14:amd64; that of the
// userland unless ABI names another.
func abi(p *sim.Proc) string {
	if given := p.Getenv("ABI"); strings.HasPrefix(given, "FreeBSD:") && strings.Count(given, ":") == 2 {
		return given
	}
	r, _ := sim.FindRelease(p.Machine.UserlandRelease(""))
	s := p.Machine.State()
	s.Lock()
	defer s.Unlock()
	return fmt.Sprintf("FreeBSD:%d:%s", r.Major(), s.Release.Arch)
}

// abiMajor is the number in an ABI.
func abiMajor(abi string) int {
	f := strings.Split(abi, ":")
	n, _ := strconv.Atoi(f[min(1, len(f)-1)])
	return n
}

func (r *repository) read(body string) {
	form := pairForm
	if !strings.Contains(strings.TrimSpace(body), "\n") {
		form = oneLine
	}
	for _, m := range form.FindAllStringSubmatch(body, -1) {
		value := strings.TrimSpace(m[2])
		switch strings.ToLower(m[1]) {
		case "url":
			r.url = value
		case "enabled":
			r.enabled = yesIn(value)
		case "priority":
			r.priority, _ = strconv.Atoi(value)
		case "mirror_type":
			r.mirror = value
		case "signature_type":
			r.signature = value
		case "fingerprints":
			r.fingerprints = value
		case "pubkey":
			r.pubkey = value
		}
	}
}

// repositoriesOf are those that packages are taken from.
func repositoriesOf(p *sim.Proc) []repository {
	return slices.DeleteFunc(allRepositories(p), func(r repository) bool { return !r.enabled || r.url == "" })
}

// reason is why a fetch failed, in fetch(3)'s words.
func reason(err error) string {
	var u *sim.UnreachableError
	if errors.As(err, &u) {
		if u.Reason == "Name does not resolve" {
			return "No address record"
		}
		return u.Reason
	}
	return err.Error()
}

// fetchTime is how long so many bytes take to arrive.
func fetchTime(bytes int64) time.Duration {
	return 300*time.Millisecond + time.Duration(float64(bytes)/float64(20<<20)*float64(time.Second))
}

func repositories(i *invocation) int {
	for _, r := range allRepositories(i.Proc) {
		if len(i.args) > 0 && !slices.Contains(i.args, r.name) || i.has('e') && !r.enabled {
			continue
		}
		if i.has('l') {
			i.Printf("%s\n", r.name)
			continue
		}
		r.show(i.Proc)
	}
	return 0
}

func update(i *invocation) int {
	if !i.root("update the repository catalogue") {
		return 1
	}
	if code := i.refresh(i.force); code != 0 {
		return 1
	}
	return 0
}

// epkgFatal is libpkg's exit code of an update that failed.
const epkgFatal = 3

// refresh brings the catalogues up to date, as most subcommands do first.
func (i *invocation) refresh(force bool) int {
	list := repositoriesOf(i.Proc)
	if i.repo != "" {
		list = slices.DeleteFunc(list, func(r repository) bool { return r.name != i.repo })
	}
	if len(list) == 0 {
		if i.repo != "" {
			i.Errorf("pkg: No repositories are enabled.\n")
			return epkgFatal
		}
		i.say("No active remote repositories configured.\n")
		return 0
	}
	failed := false
	for _, r := range list {
		failed = !i.refreshOne(r, force) || failed
	}
	if failed {
		i.Errorf("Error updating repositories!\n")
		return epkgFatal
	}
	if len(list) == 1 && i.repo != "" {
		i.say("%s is up to date.\n", list[0].name)
	} else {
		i.say("All repositories are up to date.\n")
	}
	return 0
}

// say prints unless -q was given.
func (i *invocation) say(format string, args ...any) {
	if !i.quiet {
		i.Printf(format, args...)
	}
}

func (i *invocation) refreshOne(r repository, force bool) bool {
	i.say("Updating %s repository catalogue...\n", r.name)
	if err := i.reach(r); err != "" {
		i.Errorf("pkg: %s/meta.txz: %s\nrepository %s has no meta file, using default settings\n", r.plain(), err, r.name)
		i.Errorf("pkg: %s/packagesite.txz: %s\nUnable to update repository %s\n", r.plain(), err, r.name)
		return false
	}
	if dir, ok := r.local(); ok {
		if _, err := readCatalogue(i.Machine, r, dir); err != nil {
			i.Errorf("pkg: %s\nUnable to update repository %s\n", err, r.name)
			return false
		}
	}
	catalogue := "/var/db/pkg/repos/" + r.name + "/db"
	view := i.Machine.View(vfs.Root, "/")
	stamp := catalogueStamp(i.Proc, r)
	if old, err := view.ReadFile(catalogue); err == nil && string(old) == stamp && !force {
		_ = i.Sleep(250 * time.Millisecond)
		i.say("%s repository is up to date.\n", r.name)
		return true
	}
	_ = i.Sleep(fetchTime(8 << 20))
	i.say("Fetching meta.conf: . done\nFetching data.pkg: .......... done\nProcessing entries: .......... done\n")
	if err := view.MkdirAll(path.Dir(catalogue), 0o755); err == nil {
		err = view.WriteFile(catalogue, []byte(stamp), 0o644)
		if err != nil {
			i.Errorf("pkg: sqlite error while executing commit: %s\nUnable to update repository %s\n", sim.ErrText(err), r.name)
			return false
		}
	}
	i.say("%s repository update completed. %d packages processed.\n", r.name, len(offers(i.Proc, r)))
	s := i.Machine.State()
	s.Lock()
	s.Packages.Catalogue = i.Now().UTC().Format(time.RFC3339)
	s.Unlock()
	return true
}

// reach tells why a repository cannot be fetched from; empty when it can.
func (i *invocation) reach(r repository) string {
	if dir, ok := r.local(); ok {
		if _, err := i.Machine.View(vfs.Root, "/").Stat(dir + "/packagesite.pkg"); err != nil {
			return sim.ErrText(err)
		}
		return ""
	}
	if err := i.Machine.Network().Reachable(strings.ToLower(r.plain())); err != nil {
		return reason(err)
	}
	return ""
}

// catalogueStamp changes when the repository does.
func catalogueStamp(p *sim.Proc, r repository) string {
	var b strings.Builder
	b.WriteString(r.url + "\n")
	for _, offered := range offers(p, r) {
		b.WriteString(offered.Name + "-" + offered.Version + "\n")
	}
	return b.String()
}

var packageFile = lazyregexp.New(`^(.+)-([^-]+)\.(?:pkg|txz)$`)

// offers are the packages of a repository: the profile's, or the files of a
// local one.
func offers(proc *sim.Proc, r repository) []*state.Package {
	m := proc.Machine
	if dir, ok := r.local(); ok {
		list, _ := readCatalogue(m, r, dir)
		return list
	}
	version := baseVersion(osRelease(proc))
	s := m.State()
	s.Lock()
	defer s.Unlock()
	var list []*state.Package
	for _, name := range slices.Sorted(keysOf(s.Packages.Available)) {
		p := *s.Packages.Available[name]
		if ofBase(&p) != r.offersBase() || r.offersModules() {
			continue
		}
		if ofBase(&p) {
			p.Version = version
		}
		p.Repository = r.name
		list = append(list, &p)
	}
	return list
}

// available are the packages that can be installed, by name, from catalogues
// that were fetched: the highest priority wins, then the highest version.
func (i *invocation) available() (map[string]*state.Package, bool) {
	out := map[string]*state.Package{}
	priority := map[string]int{}
	fetched := false
	for _, r := range repositoriesOf(i.Proc) {
		if i.repo != "" && r.name != i.repo {
			continue
		}
		if _, err := i.Machine.View(vfs.Root, "/").Stat("/var/db/pkg/repos/" + r.name + "/db"); err != nil {
			continue
		}
		fetched = true
		for _, p := range offers(i.Proc, r) {
			have := out[p.Name]
			if have == nil || r.priority > priority[p.Name] || r.priority == priority[p.Name] && newer(p.Version, have.Version) {
				out[p.Name], priority[p.Name] = p, r.priority
			}
		}
	}
	return out, fetched
}
