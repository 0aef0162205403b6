package poudriere

import (
	"context"
	"maps"
	"path"
	"strings"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/file"
)

// Jail is a registered jail.
type Jail struct {
	Name     string    `lua:"name"`
	Version  string    `lua:"version" doc:"14.3-RELEASE-p2"`
	Revision string    `lua:"revision,omitempty" doc:"of sources from a version control system"`
	Arch     string    `lua:"arch"`
	Method   string    `lua:"method"`
	Path     string    `lua:"path"`
	Dataset  string    `lua:"dataset,omitempty"`
	Kernel   string    `lua:"kernel,omitempty"`
	Pkgbase  bool      `lua:"pkgbase"`
	Updated  time.Time `lua:"updated,omitempty"`
}

func jailOf(e entry) Jail {
	return Jail{
		Name: e.name, Version: e.values["version"], Revision: e.values["version_vcs"], Arch: e.values["arch"],
		Method: e.values["method"], Path: e.values["mnt"], Dataset: e.values["fs"], Kernel: e.values["kernel"],
		Pkgbase: e.values["pkgbase"] == "1", Updated: stamp(e.values["timestamp"]),
	}
}

// release is the version without its patch level.
func (j Jail) release() string { return patchLevel.ReplaceAllString(j.Version, "") }

var patchLevel = lazyregexp.New(`-p\d+$`)

// JailList lists the registered jails.
func JailList(ctx context.Context, h effect.Doer) ([]Jail, error) {
	const op = "poudriere.jail.list"
	entries, err := readState(ctx, h, op, jailsDir, "")
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		out, err := readList(ctx, h, op, jailsDir, "jail")
		if err != nil {
			return nil, err
		}
		return parseJailList(out)
	}
	jails := []Jail{}
	for _, e := range entries {
		jails = append(jails, jailOf(e))
	}
	return jails, nil
}

// JailCreateArgs say what jail is to be made.
type JailCreateArgs struct {
	Name    string        `lua:"name,required" doc:"the jail; no dots"`
	Version string        `lua:"version" doc:"14.3-RELEASE; default: the host's release"`
	Arch    string        `lua:"arch" doc:"amd64, arm64.aarch64, i386; default: the host's"`
	Method  string        `lua:"method" doc:"http, ftp, ftp-archive (ended releases), freebsdci, pkgbase, url=, tar=, src=, git+https, null" default:"http"`
	Path    string        `lua:"path" doc:"where it lies (-M); for method null, where it is"`
	Kernel  string        `lua:"kernel" doc:"with this kernel (-K)"`
	Jobs    int           `lua:"jobs" doc:"parallel jobs where it is built from source (-J)"`
	Timeout time.Duration `lua:"timeout" doc:"0: none" unit:"seconds"`
}

// JailChange tells what became of a jail.
type JailChange struct {
	Changed bool   `lua:"changed"`
	Name    string `lua:"name"`
	Before  string `lua:"before,omitempty" doc:"version before"`
	Version string `lua:"version,produced"`
	Arch    string `lua:"arch,omitempty"`
	Path    string `lua:"path,produced"`
}

var (
	versionForm = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9_./-]*$`)
	archForm    = lazyregexp.New(`^[a-z0-9]+(\.[a-z0-9_]+)?$`)
	methodForm  = lazyregexp.New(`^(http|ftp|ftp-archive|gjb|allbsd|freebsdci|null|svn(\+\w+)?|git(\+\w+)?|pkgbase(=\S+)?|(url|tar|src)=\S+)$`)
)

func (a JailCreateArgs) check(op string) error {
	if err := checkName(op, "jail", jailName, a.Name); err != nil {
		return err
	}
	if a.Version != "" && !versionForm.MatchString(a.Version) {
		return invalid(op, "%q is not a release (14.3-RELEASE)", a.Version)
	}
	if a.Arch != "" && !archForm.MatchString(a.Arch) {
		return invalid(op, "%q is not an architecture (amd64, arm64.aarch64)", a.Arch)
	}
	if !methodForm.MatchString(a.Method) {
		return invalid(op, "poudriere has no method %q for jails", a.Method)
	}
	if a.Method == "null" && a.Path == "" {
		return invalid(op, "the method null needs the path of the jail")
	}
	if a.Path != "" {
		return checkPath(op, "path", a.Path)
	}
	return nil
}

// JailCreate makes a jail, unless it is there with this release and
// architecture.
func JailCreate(ctx context.Context, h effect.Doer, a JailCreateArgs) (JailChange, error) {
	const op = "poudriere.jail.create"
	if a.Method == "" {
		a.Method = "http"
	}
	if err := a.check(op); err != nil {
		return JailChange{}, err
	}
	if err := a.fill(ctx, h, op); err != nil {
		return JailChange{}, err
	}
	done := JailChange{Name: a.Name, Version: a.Version, Arch: a.Arch}
	h, err := host.Prefetch(ctx, h, op, askState(op, jailsDir, a.Name), askJob(op, jailKey(a.Name)))
	if err != nil {
		return done, err
	}
	found, err := registered(ctx, h, op, jailsDir, a.Name)
	if err != nil {
		return done, err
	}
	if found != nil {
		now := jailOf(*found)
		done.Version, done.Before, done.Path = now.Version, now.Version, now.Path
		if err := a.compare(op, now); err != nil {
			return done, err
		}
		// A registration comes first, and the system after it: what looks
		// finished may be under way, or may have been cut short.
		under, err := jobRuns(ctx, h, op, jailKey(a.Name))
		if err != nil {
			return done, err
		}
		if !under {
			whole, err := now.complete(ctx, h, op)
			if err != nil || whole {
				return done, err
			}
			if _, err := do(ctx, h, removal(op, now, "")); err != nil {
				return done, err
			}
		}
	}
	return a.create(ctx, h, op, done)
}

// create runs the making of the jail to its end.
func (a JailCreateArgs) create(ctx context.Context, h effect.Doer, op string, done JailChange) (JailChange, error) {
	e := command(op, a.command()...)
	e.Writes = []effect.Resource{effect.Tree(path.Join(jailsDir, a.Name)), registration(jailsDir, a.Name)}
	e.Leaves = leaves(jailsDir, a.Name, map[string]string{"version": a.Version, "arch": a.Arch, "method": a.Method, "mnt": a.Path})
	e.Diff = &effect.Diff{Path: path.Join(jailsDir, a.Name), Note: "create the jail " + a.Name + " of " + a.Version + " " + a.Arch}
	done.Changed = true
	r, err := through(ctx, h, e, jailKey(a.Name), a.Timeout)
	if err != nil || r == nil {
		return done, err
	}
	made, err := needJail(ctx, h, op, a.Name)
	done.Version, done.Path = made.Version, made.Path
	return done, err
}

// complete tells whether the making of a jail came to its end: its system is
// there, and the folder that holds what is being fetched is not.
func (j Jail) complete(ctx context.Context, h effect.Doer, op string) (bool, error) {
	if j.Method == "null" || j.Path == "" {
		return true, nil
	}
	under := path.Join(j.Path, "fromftp")
	h, err := host.Prefetch(ctx, h, op, file.Stats(op, j.Path, under)...)
	if err != nil {
		return false, err
	}
	system, err := file.StatAs(ctx, h, op, j.Path)
	if err != nil || !system.IsDir() {
		return false, err
	}
	fetching, err := file.StatAs(ctx, h, op, under)
	return fetching == nil, err
}

func jailKey(name string) string { return "poudriere-jail-" + name }

// fill takes release and architecture from the host where they are not given.
func (a *JailCreateArgs) fill(ctx context.Context, h effect.Doer, op string) error {
	if a.Version != "" && a.Arch != "" {
		return nil
	}
	facts, err := host.GetFacts(ctx, h)
	if err != nil {
		return err
	}
	if facts.OS != "FreeBSD" {
		return invalid(op, "give version and arch: the host is no FreeBSD, but %s", facts.OS)
	}
	if a.Version == "" {
		// The user land is what packages run on; before FreeBSD 10.0 only
		// the kernel tells its release.
		a.Version = facts.Userland
		if a.Version == "" {
			a.Version = facts.Version
		}
		a.Version = patchLevel.ReplaceAllString(a.Version, "")
	}
	if a.Arch == "" {
		a.Arch = archOf(facts.Machine, facts.Arch)
	}
	return nil
}

// archOf is the architecture as poudriere names it: TARGET, or TARGET.TARGET_ARCH
// where the two differ.
func archOf(machine, processor string) string {
	if machine == processor {
		return machine
	}
	return machine + "." + processor
}

func (a JailCreateArgs) command() []string {
	args := []string{"jail", "-c", "-j", a.Name, "-v", a.Version, "-a", a.Arch, "-m", a.Method}
	if a.Path != "" {
		args = append(args, "-M", a.Path)
	}
	if a.Kernel != "" {
		args = append(args, "-K", a.Kernel)
	}
	if a.Jobs > 0 {
		args = append(args, "-J", decimal(a.Jobs))
	}
	return args
}

// compare refuses a jail of another release or architecture.
func (a JailCreateArgs) compare(op string, now Jail) error {
	different := ""
	switch {
	case patchLevel.ReplaceAllString(a.Version, "") != now.release():
		different = now.Version + ", not " + a.Version
	case a.Arch != now.Arch && archOf(a.Arch, a.Arch) != now.Arch:
		different = now.Arch + ", not " + a.Arch
	default:
		return nil
	}
	err := effect.Errorf(effect.Failed, op, "the jail %s is there with %s", a.Name, different)
	err.Hint = "choose another name, remove it, or bring it to another release with h.poudriere.jail.upgrade"
	return err
}

// needJail is a jail that must be registered.
func needJail(ctx context.Context, h effect.Doer, op, name string) (Jail, error) {
	if err := checkName(op, "jail", jailName, name); err != nil {
		return Jail{}, err
	}
	found, err := registered(ctx, h, op, jailsDir, name)
	if err != nil {
		return Jail{}, err
	}
	if found == nil {
		missing := effect.Errorf(effect.Missing, op, "there is no jail %s", name)
		missing.Hint = "h.poudriere.jail.create makes one; h.poudriere.jail.list shows which there are"
		return Jail{}, missing
	}
	return jailOf(*found), nil
}

// JailArgs name a jail.
type JailArgs struct {
	Name    string        `lua:"name,required" doc:"the jail"`
	Timeout time.Duration `lua:"timeout" doc:"0: none" unit:"seconds"`
}

// JailUpdate brings a jail to the last patch level of its release.
func JailUpdate(ctx context.Context, h effect.Doer, a JailArgs) (JailChange, error) {
	const op = "poudriere.jail.update"
	return update(ctx, h, op, a, "")
}

// JailUpgradeArgs name a jail and a release.
type JailUpgradeArgs struct {
	Name    string        `lua:"name,required" doc:"the jail"`
	Version string        `lua:"version,required" doc:"14.3-RELEASE"`
	Timeout time.Duration `lua:"timeout" doc:"0: none" unit:"seconds"`
}

// JailUpgrade brings a jail to another release.
func JailUpgrade(ctx context.Context, h effect.Doer, a JailUpgradeArgs) (JailChange, error) {
	const op = "poudriere.jail.upgrade"
	if !versionForm.MatchString(a.Version) {
		return JailChange{}, invalid(op, "%q is not a release (14.3-RELEASE)", a.Version)
	}
	return update(ctx, h, op, JailArgs{Name: a.Name, Timeout: a.Timeout}, a.Version)
}

func update(ctx context.Context, h effect.Doer, op string, a JailArgs, version string) (JailChange, error) {
	now, err := needJail(ctx, h, op, a.Name)
	if err != nil {
		return JailChange{}, err
	}
	done := JailChange{Name: a.Name, Before: now.Version, Version: now.Version, Arch: now.Arch, Path: now.Path}
	if version != "" && patchLevel.ReplaceAllString(version, "") == now.release() {
		return done, nil
	}
	args := []string{"jail", "-u", "-j", a.Name}
	note := "update the jail " + a.Name
	if version != "" {
		args = append(args, "-t", version)
		note += " to " + version
	}
	e := command(op, args...)
	e.Writes = []effect.Resource{effect.Tree(path.Join(jailsDir, a.Name)), registration(jailsDir, a.Name), effect.Tree(now.Path)}
	e.Diff = &effect.Diff{Path: now.Path, Note: note}
	done.Changed = true
	r, err := through(ctx, h, e, jailKey(a.Name), a.Timeout)
	if err != nil || r == nil {
		return done, err
	}
	after, err := needJail(ctx, h, op, a.Name)
	done.Version, done.Changed = after.Version, after.Version != now.Version
	return done, err
}

// JailRunArgs name a jail with its tree and set.
type JailRunArgs struct {
	Name string `lua:"name,required" doc:"the jail"`
	Tree string `lua:"tree" doc:"the ports tree" default:"default"`
	Set  string `lua:"set" doc:"the set"`
}

func (a JailRunArgs) master() string { return masterName(a.Name, a.Tree, a.Set) }

func (a JailRunArgs) check(op string) error { return checkMaster(op, a.Name, a.Tree, a.Set) }

// JailStart starts a jail with its ports tree mounted, unless it runs.
func JailStart(ctx context.Context, h effect.Doer, a JailRunArgs) (JailChange, error) {
	return setRunning(ctx, h, "poudriere.jail.start", a, true)
}

// JailStop stops a jail, if it runs.
func JailStop(ctx context.Context, h effect.Doer, a JailRunArgs) (JailChange, error) {
	return setRunning(ctx, h, "poudriere.jail.stop", a, false)
}

func setRunning(ctx context.Context, h effect.Doer, op string, a JailRunArgs, want bool) (JailChange, error) {
	if err := a.check(op); err != nil {
		return JailChange{}, err
	}
	now, err := needJail(ctx, h, op, a.Name)
	if err != nil {
		return JailChange{}, err
	}
	done := JailChange{Name: a.Name, Before: now.Version, Version: now.Version, Arch: now.Arch, Path: now.Path}
	runs, err := isRunning(ctx, h, op, a.master())
	if err != nil || runs == want {
		return done, err
	}
	verb, note := "-k", "stop the jail "+a.master()
	if want {
		verb, note = "-s", "start the jail "+a.master()
	}
	args := []string{"jail", verb, "-j", a.Name, "-p", a.Tree}
	if a.Set != "" {
		args = append(args, "-z", a.Set)
	}
	e := command(op, args...)
	e.Writes = []effect.Resource{effect.Resource("jail:" + a.master())}
	e.Diff = &effect.Diff{Path: "jail " + a.master(), Note: note}
	_, err = do(ctx, h, e)
	done.Changed = err == nil
	return done, err
}

// isRunning asks jls(8). A jail of poudriere bears the name of its build, with
// underscores for dots.
func isRunning(ctx context.Context, h effect.Doer, op, master string) (bool, error) {
	name := strings.ReplaceAll(master, ".", "_")
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, Argv: []string{"jls", "-j", name, "jid"}, Env: environment(), Want: []int{0, 1},
		Reads: []effect.Resource{effect.Resource("jail:" + master)},
	})
	if err == nil && res.Skipped {
		err = effect.ErrUnknown
	}
	return err == nil && res.Code == 0, err
}

// JailInfo is a jail with what it does.
type JailInfo struct {
	Jail    `lua:",inline"`
	Running bool   `lua:"running" doc:"started for this tree and set"`
	Tree    string `lua:"tree"`
	Set     string `lua:"set,omitempty"`
}

// GetJailInfo reads a jail's registration and whether it runs.
func GetJailInfo(ctx context.Context, h effect.Doer, a JailRunArgs) (JailInfo, error) {
	const op = "poudriere.jail.info"
	info := JailInfo{Tree: a.Tree, Set: a.Set}
	if err := a.check(op); err != nil {
		return info, err
	}
	var err error
	if info.Jail, err = needJail(ctx, h, op, a.Name); err != nil {
		return info, err
	}
	info.Running, err = isRunning(ctx, h, op, a.master())
	return info, err
}

// JailRenameArgs name a jail and its new name.
type JailRenameArgs struct {
	Name string `lua:"name,required" doc:"the jail"`
	To   string `lua:"to,required" doc:"its new name"`
}

// JailRename gives a jail another name.
func JailRename(ctx context.Context, h effect.Doer, a JailRenameArgs) (JailChange, error) {
	const op = "poudriere.jail.rename"
	if err := checkName(op, "jail", jailName, a.To); err != nil {
		return JailChange{}, err
	}
	if err := checkName(op, "jail", jailName, a.Name); err != nil {
		return JailChange{}, err
	}
	from, err := registered(ctx, h, op, jailsDir, a.Name)
	if err != nil {
		return JailChange{}, err
	}
	to, err := registered(ctx, h, op, jailsDir, a.To)
	if err != nil {
		return JailChange{}, err
	}
	switch {
	case from == nil && to != nil:
		now := jailOf(*to)
		return JailChange{Name: a.To, Version: now.Version, Arch: now.Arch, Path: now.Path}, nil
	case from == nil:
		_, err := needJail(ctx, h, op, a.Name)
		return JailChange{}, err
	case to != nil:
		return JailChange{}, effect.Errorf(effect.Failed, op, "the jail %s exists too", a.To)
	}
	now := jailOf(*from)
	e := command(op, "jail", "-r", a.To, "-j", a.Name)
	e.Writes = []effect.Resource{effect.Tree(now.Path)}
	e.Leaves = leaves(jailsDir, a.To, map[string]string{"version": now.Version, "arch": now.Arch, "method": now.Method})
	maps.Copy(e.Leaves, leaves(jailsDir, a.Name, nil))
	e.Diff = &effect.Diff{Path: path.Join(jailsDir, a.Name), Note: "rename to " + a.To}
	done := JailChange{Changed: true, Name: a.To, Version: now.Version, Arch: now.Arch}
	res, err := do(ctx, h, e)
	if err != nil || res.Skipped {
		return done, err
	}
	after, err := needJail(ctx, h, op, a.To)
	done.Path = after.Path
	return done, err
}

// JailRemoveArgs name a jail and what goes with it.
type JailRemoveArgs struct {
	Name  string `lua:"name,required" doc:"the jail"`
	Clean string `lua:"clean" doc:"what else is deleted" enum:"all|cache|images|logs|packages|wrkdirs"`
}

// JailRemove removes a jail, if it is there.
func JailRemove(ctx context.Context, h effect.Doer, a JailRemoveArgs) (JailChange, error) {
	const op = "poudriere.jail.remove"
	if err := checkName(op, "jail", jailName, a.Name); err != nil {
		return JailChange{}, err
	}
	found, err := registered(ctx, h, op, jailsDir, a.Name)
	if err != nil || found == nil {
		return JailChange{Name: a.Name}, err
	}
	now := jailOf(*found)
	_, err = do(ctx, h, removal(op, now, a.Clean))
	return JailChange{Changed: err == nil, Name: a.Name, Before: now.Version, Arch: now.Arch, Path: now.Path}, err
}

// removal removes a jail, and with clean what else belongs to it.
func removal(op string, j Jail, clean string) effect.Effect {
	args := []string{"jail", "-d", "-j", j.Name, "-y"}
	if clean != "" {
		args = append(args, "-C", clean)
	}
	e := command(op, args...)
	e.Writes = []effect.Resource{effect.Tree(path.Join(jailsDir, j.Name)), registration(jailsDir, j.Name), effect.Tree(j.Path)}
	e.Leaves = leaves(jailsDir, j.Name, nil)
	e.Diff = &effect.Diff{Path: j.Path, Note: "remove the jail " + j.Name}
	return e
}
