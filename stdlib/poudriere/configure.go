package poudriere

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/file"
	"bsdrun/stdlib/shellvars"
)

// ConfigureArgs are the settings of poudriere.conf. What is not given stays as
// it is, or gets the value named as default where the file has none.
type ConfigureArgs struct {
	ZFS                 *bool             `lua:"zfs" doc:"keep jails and trees as data sets; default: as it is, or yes where the host has a pool"`
	Zpool               string            `lua:"zpool" doc:"the pool; default: as it is, or the one of the root file system, or the only one"`
	ZRootFS             string            `lua:"zrootfs" doc:"data set below the pool, such as /poudriere"`
	BaseFS              string            `lua:"basefs" doc:"where everything is kept; default: as it is, or /usr/local/poudriere"`
	Data                string            `lua:"poudriere_data" doc:"packages and logs; default: as it is, or data below basefs"`
	FreeBSDHost         string            `lua:"freebsd_host" doc:"where releases come from; default: as it is, or https://download.FreeBSD.org"`
	ResolvConf          string            `lua:"resolv_conf" doc:"default: as it is, or /etc/resolv.conf"`
	DistfilesCache      string            `lua:"distfiles_cache" doc:"default: as it is, or /usr/ports/distfiles; the directory is made"`
	UseTmpfs            string            `lua:"use_tmpfs" doc:"what lies in memory: yes, no, all, wrkdir, data, localbase, image; default: as it is, or yes"`
	TmpfsLimit          int               `lua:"tmpfs_limit" doc:"largest memory disk of a builder" unit:"GiB"`
	UsePortlint         *bool             `lua:"use_portlint" doc:"default: as it is, or no"`
	CheckChangedOptions string            `lua:"check_changed_options" doc:"rebuild when options changed: yes, no, verbose"`
	CheckChangedDeps    *bool             `lua:"check_changed_deps" doc:"rebuild when dependencies changed"`
	SigningKey          string            `lua:"signing_key" doc:"PKG_REPO_SIGNING_KEY: private key that signs the repository"`
	CcacheDir           string            `lua:"ccache_dir" doc:"where the compiler cache is kept"`
	ParallelJobs        int               `lua:"parallel_jobs" doc:"builders; default: one a processor"`
	AllowMakeJobs       *bool             `lua:"allow_make_jobs" doc:"let every port use several processors"`
	URLBase             string            `lua:"url_base" doc:"address under which logs are shown"`
	GitPortsURL         string            `lua:"git_portsurl" doc:"where ports trees come from"`
	CommitOnFailure     *bool             `lua:"commit_packages_on_failure" doc:"publish what was built although ports failed; poudriere's default is yes"`
	Settings            map[string]string `lua:"settings" doc:"further variables of poudriere.conf"`
}

// Configured tells what became of the configuration.
type Configured struct {
	Changed bool   `lua:"changed"`
	Path    string `lua:"path"`
	ZFS     bool   `lua:"zfs"`
	BaseFS  string `lua:"basefs"`
	Data    string `lua:"data"`
}

var variableName = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (a ConfigureArgs) check(op string) error {
	for what, dir := range map[string]string{
		"basefs": a.BaseFS, "poudriere_data": a.Data, "ccache_dir": a.CcacheDir, "signing_key": a.SigningKey, "resolv_conf": a.ResolvConf, "zrootfs": a.ZRootFS,
	} {
		if dir == "" {
			continue
		}
		if err := checkPath(op, what, dir); err != nil {
			return err
		}
	}
	if a.DistfilesCache != "" && a.DistfilesCache != "no" {
		if err := checkPath(op, "distfiles_cache", a.DistfilesCache); err != nil {
			return err
		}
	}
	if a.ZFS != nil && !*a.ZFS && a.Zpool != "" {
		return invalid(op, "zpool is given, but zfs is false")
	}
	if strings.Contains(a.FreeBSDHost, "_CHANGE_THIS_") {
		return invalid(op, "freebsd_host %q is the placeholder of the sample file", a.FreeBSDHost)
	}
	for name := range a.Settings {
		if !variableName.MatchString(name) {
			return invalid(op, "%q is not the name of a variable", name)
		}
	}
	return nil
}

// Configure writes poudriere.conf, keeping what it does not know.
func Configure(ctx context.Context, h effect.Doer, a ConfigureArgs) (Configured, error) {
	const op = "poudriere.configure"
	if err := a.check(op); err != nil {
		return Configured{}, err
	}
	reads := file.Looks(op, confPath)
	for _, dir := range []string{a.DistfilesCache, a.CcacheDir} {
		if strings.HasPrefix(dir, "/") {
			reads = append(reads, file.Stats(op, dir)...)
		}
	}
	h, err := host.Prefetch(ctx, h, op, reads...)
	if err != nil {
		return Configured{}, err
	}
	now, err := readConf(ctx, h, op)
	if err != nil {
		return Configured{}, err
	}
	storage, err := a.storage(ctx, h, op, now)
	if err != nil {
		return Configured{}, err
	}
	next := conf{path: now.path, exists: true}
	if next.src, err = shellvars.Edit(now.src, append(storage, a.changes(now)...)); err != nil {
		return Configured{}, effect.Errorf(effect.Failed, op, "%s: %v", now.path, err)
	}
	if next, err = next.parse(op); err != nil {
		return Configured{}, err
	}
	put, err := file.PutAs(ctx, h, op, file.PutArgs{
		Path: next.path, Content: binding.Content{Data: next.src}, Validate: []string{"sh", "-n", "%s"},
	})
	done := Configured{Changed: put.Changed, Path: next.path, ZFS: next.zfs(), BaseFS: next.get("BASEFS"), Data: next.data()}
	if err != nil {
		return done, err
	}
	// poudriere refuses to start without the directory of the distfiles, and
	// without that of the compiler cache.
	for _, dir := range []string{next.get("DISTFILES_CACHE"), next.get("CCACHE_DIR")} {
		if !strings.HasPrefix(dir, "/") {
			continue
		}
		made, err := file.MkdirAs(ctx, h, op, file.MkdirArgs{Path: dir})
		if err != nil {
			return done, err
		}
		done.Changed = done.Changed || made.Changed
	}
	return done, nil
}

// storage decides between ZFS and plain directories.
func (a ConfigureArgs) storage(ctx context.Context, h effect.Doer, op string, now conf) ([]shellvars.Change, error) {
	decided := now.get("NO_ZFS") != "" || now.get("ZPOOL") != ""
	if decided && a.ZFS == nil && a.Zpool == "" {
		return nil, nil
	}
	use := a.ZFS != nil && *a.ZFS || a.Zpool != ""
	pool := a.Zpool
	if pool == "" && (use || a.ZFS == nil) {
		pools, err := poolNames(ctx, h, op)
		if err != nil {
			return nil, err
		}
		root, err := rootPool(ctx, h, len(pools))
		if err != nil {
			return nil, err
		}
		if pool, err = choosePool(op, pools, []string{now.get("ZPOOL"), root}, use); err != nil {
			return nil, err
		}
		use = pool != ""
	}
	if decided && use != now.zfs() {
		if err := nothingKept(ctx, h, op); err != nil {
			return nil, err
		}
	}
	if !use {
		return []shellvars.Change{shellvars.Set("NO_ZFS", "yes")}, nil
	}
	changes := []shellvars.Change{shellvars.Set("ZPOOL", pool)}
	if now.isSet("NO_ZFS") {
		changes = append(changes, shellvars.Unset("NO_ZFS"))
	}
	return changes, nil
}

// choosePool picks the pool; none is chosen where nobody asked for one and the
// host has none.
func choosePool(op string, pools, preferred []string, asked bool) (string, error) {
	for _, name := range preferred {
		if slices.Contains(pools, name) {
			return name, nil
		}
	}
	switch {
	case len(pools) == 0 && asked:
		return "", effect.Errorf(effect.Missing, op, "the host has no pool")
	case len(pools) == 0:
		return "", nil
	case len(pools) == 1:
		return pools[0], nil
	}
	return "", invalid(op, "the host has several pools, say which: zpool = %s", strings.Join(pools, " or "))
}

// rootPool is the pool of the root file system, where there is a choice.
func rootPool(ctx context.Context, h effect.Doer, pools int) (string, error) {
	if pools < 2 {
		return "", nil
	}
	facts, err := host.GetFacts(ctx, h)
	return facts.Root.Pool, err
}

// poolNames are the host's pools; none where there is no zpool(8).
func poolNames(ctx context.Context, h effect.Doer, op string) ([]string, error) {
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, Argv: []string{"zpool", "list", "-H", "-o", "name"}, Env: environment(),
		Want: []int{0, 1, 127}, Reads: []effect.Resource{"zpool"},
	})
	if err != nil {
		return nil, err
	}
	out, err := res.Text()
	if err != nil || res.Code != 0 {
		return nil, err
	}
	return strings.Fields(out), nil
}

// nothingKept refuses to change the kind of storage under jails that exist.
func nothingKept(ctx context.Context, h effect.Doer, op string) error {
	jails, err := readState(ctx, h, op, jailsDir, "")
	if err != nil || len(jails) == 0 {
		return err
	}
	kept := effect.Errorf(effect.Failed, op, "jails exist (%s), which the other kind of storage would not find", jails[0].name)
	kept.Hint = "remove the jails first, or leave zfs as it is"
	return kept
}

// changes are what the arguments say about the variables.
func (a ConfigureArgs) changes(now conf) []shellvars.Change {
	var list []shellvars.Change
	set := func(name, value, fallback string) {
		was := now.get(name)
		if value == "" && (was == "" || strings.Contains(was, "_CHANGE_THIS_")) {
			value = fallback
		}
		if value != "" {
			list = append(list, shellvars.Set(name, value))
		}
	}
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	set("FREEBSD_HOST", a.FreeBSDHost, "https://download.FreeBSD.org")
	set("RESOLV_CONF", a.ResolvConf, "/etc/resolv.conf")
	set("BASEFS", a.BaseFS, "/usr/local/poudriere")
	set("POUDRIERE_DATA", a.Data, "")
	set("USE_PORTLINT", yesNo(a.UsePortlint), "no")
	set("USE_TMPFS", a.UseTmpfs, "yes")
	set("TMPFS_LIMIT", number(a.TmpfsLimit), "")
	set("DISTFILES_CACHE", a.DistfilesCache, "/usr/ports/distfiles")
	set("ZROOTFS", a.ZRootFS, "")
	set("CHECK_CHANGED_OPTIONS", a.CheckChangedOptions, "")
	set("CHECK_CHANGED_DEPS", yesNo(a.CheckChangedDeps), "")
	set("PKG_REPO_SIGNING_KEY", a.SigningKey, "")
	set("CCACHE_DIR", a.CcacheDir, "")
	set("PARALLEL_JOBS", number(a.ParallelJobs), "")
	set("ALLOW_MAKE_JOBS", yesNo(a.AllowMakeJobs), "")
	set("URL_BASE", a.URLBase, "")
	set("GIT_PORTSURL", a.GitPortsURL, "")
	set("COMMIT_PACKAGES_ON_FAILURE", yesNo(a.CommitOnFailure), "")
	for _, name := range slices.Sorted(maps.Keys(a.Settings)) {
		list = append(list, shellvars.Set(name, a.Settings[name]))
	}
	return list
}

func yesNo(value *bool) string {
	switch {
	case value == nil:
		return ""
	case *value:
		return "yes"
	default:
		return "no"
	}
}

func unknown(err error) bool { return errors.Is(err, effect.ErrUnknown) }
