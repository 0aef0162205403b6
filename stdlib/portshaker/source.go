package portshaker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/config"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/stdlib/file"
	"bsdrun/stdlib/git"
	"bsdrun/stdlib/shellvars"
)

// SourcePutArgs say where a source comes from.
type SourcePutArgs struct {
	Name             string            `lua:"name,required" doc:"name of the source: its script in portshaker.d"`
	Method           string            `lua:"method" doc:"how it is fetched" default:"git" enum:"git|svn|svn+subtrees|rsync|hg|cvs|csup|portsnap"`
	URI              string            `lua:"uri" doc:"git_clone_uri, svn_checkout_path, rsync_source_path, hg_clone_uri or cvs_root"`
	Branch           string            `lua:"branch" doc:"git: the branch; default: the one that the repository names (portshaker's own default, master, is seldom there)"`
	Submodules       bool              `lua:"submodules" doc:"git: submodules too"`
	SubmodulesBranch string            `lua:"submodules_branch" doc:"git: branch of the submodules"`
	Subtrees         []string          `lua:"subtrees" doc:"svn+subtrees: what to check out below uri"`
	ExtraArgs        []string          `lua:"extra_args" doc:"rsync: further options"`
	Module           string            `lua:"module" doc:"cvs: the module"`
	Supfile          string            `lua:"supfile" doc:"csup: the file that says what to fetch"`
	Settings         map[string]string `lua:"settings" doc:"further variables of the script, portshaker.d(5)"`
	git.Access       `lua:",inline"`
}

// SourceChange tells what became of a source.
type SourceChange struct {
	Changed      bool   `lua:"changed"`
	Path         string `lua:"path" doc:"the script"`
	Branch       string `lua:"branch,omitempty" doc:"git: the branch it follows"`
	CacheRemoved bool   `lua:"cache_removed" doc:"what was fetched from elsewhere was removed; the next update fetches anew"`
}

func (a SourcePutArgs) check(op string) error {
	if !sourceName.MatchString(a.Name) || strings.Contains(a.Name, ":") {
		return invalid(op, "%q is not the name of a source", a.Name)
	}
	if uriSetting[a.Method] == "" && a.URI != "" {
		return invalid(op, "the method %s takes no uri", a.Method)
	}
	need := map[string]string{uriSetting[a.Method]: a.URI}
	switch a.Method {
	case "cvs":
		need["cvs_module"] = a.Module
	case "csup":
		need["csup_supfile"] = a.Supfile
	case "svn+subtrees":
		need["svn_checkout_subtrees"] = strings.Join(a.Subtrees, " ")
	}
	for setting, value := range need {
		if setting != "" && value == "" {
			return invalid(op, "the method %s needs %s", a.Method, argumentOf[setting])
		}
		if strings.HasPrefix(value, "-") || strings.ContainsAny(value, "\n\x00") {
			return invalid(op, "%q cannot be %s", value, argumentOf[setting])
		}
	}
	if a.Method != "git" && (a.Branch != "" || a.Submodules || a.SubmodulesBranch != "") {
		return invalid(op, "branches and submodules belong to the method git")
	}
	if strings.HasPrefix(a.Branch, "-") || strings.ContainsAny(a.Branch, " \t\n") {
		return invalid(op, "%q is not the name of a branch", a.Branch)
	}
	for name := range a.Settings {
		if !identifier.MatchString(name) {
			return invalid(op, "%q is not the name of a variable", name)
		}
	}
	return a.Access.Check(op)
}

// uriSetting is the variable that holds a method's address.
var uriSetting = map[string]string{
	"git": "git_clone_uri", "svn": "svn_checkout_path", "svn+subtrees": "svn_checkout_path",
	"rsync": "rsync_source_path", "hg": "hg_clone_uri", "cvs": "cvs_root",
}

var argumentOf = map[string]string{
	"git_clone_uri": "uri", "svn_checkout_path": "uri", "rsync_source_path": "uri", "hg_clone_uri": "uri", "cvs_root": "uri",
	"cvs_module": "module", "csup_supfile": "supfile", "svn_checkout_subtrees": "subtrees",
}

// SourcePut writes the script of a source.
func SourcePut(ctx context.Context, h effect.Doer, a SourcePutArgs) (SourceChange, error) {
	const op = "portshaker.source.put"
	if a.Method == "" {
		a.Method = "git"
	}
	done := SourceChange{Path: path.Join(sourceDir, a.Name)}
	if err := a.check(op); err != nil {
		return done, err
	}
	if err := a.available(ctx, h, op); err != nil {
		return done, err
	}
	if a.Method == "git" && a.Branch == "" {
		head, err := git.RemoteRevision(ctx, h, git.RemoteRevisionArgs{URI: a.URI, Access: a.Access})
		if err != nil {
			return done, err
		}
		if a.Branch = head.Branch; a.Branch == "" {
			return done, effect.Errorf(effect.Missing, op, "%s does not name a default branch: give branch", a.URI)
		}
	}
	done.Branch = a.Branch
	reads := append(file.Looks(op, confPath, done.Path), file.Stats(op, sourceDir)...)
	// Where the sources are kept is seldom said otherwise.
	h, err := host.Prefetch(ctx, h, op, append(reads, cacheReads(op, path.Join(defaultMirror, a.Name))...)...)
	if err != nil {
		return done, err
	}
	c, err := readConf(ctx, h, op)
	if err != nil {
		return done, err
	}
	former, _, err := readScript(ctx, h, op, a.Name)
	if err != nil {
		return done, err
	}
	if _, err := file.MkdirAs(ctx, h, op, file.MkdirArgs{Path: sourceDir}); err != nil {
		return done, err
	}
	put, err := file.PutAs(ctx, h, op, file.PutArgs{
		Path: done.Path, Content: binding.Content{Data: []byte(a.script())}, Mode: "0755", Validate: []string{"sh", "-n", "%s"},
	})
	if err != nil {
		return done, err
	}
	done.CacheRemoved, err = a.dropCache(ctx, h, op, c, former)
	done.Changed = put.Changed || done.CacheRemoved
	return done, err
}

// available refuses portsnap where the base system no longer has it.
func (a SourcePutArgs) available(ctx context.Context, h effect.Doer, op string) error {
	if a.Method != "portsnap" {
		return nil
	}
	info, err := file.StatAs(ctx, h, op, "/usr/sbin/portsnap")
	if err != nil || info != nil {
		return err
	}
	gone := effect.Errorf(effect.Missing, op, "portsnap is not on this host: FreeBSD 14 and later have none")
	gone.Hint = `use the method git with uri="https://git.FreeBSD.org/ports.git"`
	return gone
}

// variables are what the script sets, in the order of portshaker.d(5).
func (a SourcePutArgs) variables() []shellvars.Change {
	list := []shellvars.Change{shellvars.Set("method", a.Method)}
	add := func(name, value string) {
		if value != "" {
			list = append(list, shellvars.Set(name, value))
		}
	}
	add(uriSetting[a.Method], a.URI)
	add("git_branch", a.Branch)
	if a.Submodules {
		add("git_submodules", "yes")
	}
	add("git_submodules_branch", a.SubmodulesBranch)
	add("svn_checkout_subtrees", strings.Join(a.Subtrees, " "))
	add("rsync_extra_args", strings.Join(a.ExtraArgs, " "))
	add("cvs_module", a.Module)
	add("csup_supfile", a.Supfile)
	for _, name := range slices.Sorted(maps.Keys(a.Settings)) {
		add(name, a.Settings[name])
	}
	return list
}

// The releases since 1.0.11 put the arguments of a source and "--" before the
// command, and leave their removal to the script; older ones do not. portsnap
// refuses to fetch without a terminal unless told that somebody waits for it.
const (
	scriptHead = `#!/bin/sh
# Written by bsdrun; h.portshaker.source.put changes it.
for word in "$@"; do
	if [ "$word" = "--" ]; then
		while [ "$1" != "--" ]; do
			shift
		done
		shift
		break
	fi
done
`
	portsnapFlags = `PORTSNAP_FLAGS="--interactive"
export PORTSNAP_FLAGS
`
	scriptTail = `. ` + subrPath + `
run_portshaker_command "$@"
`
)

// script is the whole text. The variables come after the library, which sets
// its own defaults when it is read.
func (a SourcePutArgs) script() string {
	var b strings.Builder
	b.WriteString(scriptHead)
	if a.Method == "portsnap" {
		b.WriteString(portsnapFlags)
	}
	load, run, _ := strings.Cut(scriptTail, "\n")
	b.WriteString(load + "\n")
	for _, v := range a.variables() {
		fmt.Fprintf(&b, "%s=%s\n", v.Name, shellvars.Quote(v.Value))
	}
	b.WriteString(run)
	return b.String()
}

// dropCache removes what was fetched from elsewhere: the clone of portshaker is
// shallow and knows one branch, so that neither another branch nor another
// address can be fetched into it.
func (a SourcePutArgs) dropCache(ctx context.Context, h effect.Doer, op string, c conf, former *shellvars.File) (bool, error) {
	cache := c.cache(a.Name)
	h, err := host.Prefetch(ctx, h, op, cacheReads(op, cache)...)
	if err != nil {
		return false, err
	}
	info, err := file.StatAs(ctx, h, op, cache)
	if err != nil || !info.IsDir() {
		return false, err
	}
	stale := former != nil && a.differs(former)
	if a.Method == "git" && !stale {
		if stale, err = a.otherClone(ctx, h, op, cache); err != nil {
			return false, err
		}
	}
	if !stale {
		return false, nil
	}
	remove := effect.Effect{
		Op: op, Kind: effect.Change, Writes: []effect.Resource{effect.Tree(cache)},
		Diff: &effect.Diff{Path: cache, Note: "remove what was fetched from elsewhere"},
	}
	if c.yes("use_zfs") {
		// The cache is the mount point of a data set, which stays.
		remove.Argv = []string{"find", cache, "-mindepth", "1", "-delete"}
	} else {
		remove.File = &effect.FileOp{Verb: effect.FileRemove, Path: cache, Recursive: true}
	}
	_, err = h.Do(ctx, remove)
	return err == nil, err
}

// differs tells whether the former script fetched something else.
func (a SourcePutArgs) differs(former *shellvars.File) bool {
	for _, v := range a.variables() {
		if v.Name == "rsync_extra_args" || strings.HasPrefix(v.Name, "git_submodules") {
			continue
		}
		if _, ours := a.Settings[v.Name]; ours {
			continue
		}
		if was, known := former.Get(v.Name); known && was.Exact && was.Value != v.Value {
			return true
		}
	}
	return false
}

// otherClone tells whether the cache is a clone of another repository or branch.
func (a SourcePutArgs) otherClone(ctx context.Context, h effect.Doer, op, cache string) (bool, error) {
	src, exists, err := file.Content(ctx, h, op, cloneConfig(cache))
	if err != nil || !exists {
		return false, err
	}
	uri, fetch, err := parseClone(src)
	if err != nil {
		return false, effect.Errorf(effect.Failed, op, "%s/.git/config: %v", cache, err)
	}
	refspec := "+refs/heads/" + a.Branch + ":refs/remotes/origin/" + a.Branch
	whole := slices.Contains(fetch, "+refs/heads/*:refs/remotes/origin/*")
	return uri != a.URI || !whole && !slices.Contains(fetch, refspec), nil
}

// cacheReads tell what is fetched of a source.
func cacheReads(op, cache string) []effect.Effect {
	return append(file.Looks(op, cloneConfig(cache)), file.Stats(op, cache)...)
}

// clone is where git keeps what it fetched of a source.
func clone(cache string) string { return path.Join(cache, ".git") }

func cloneConfig(cache string) string { return path.Join(clone(cache), "config") }

// parseClone reads where a clone came from.
func parseClone(src []byte) (uri string, fetch []string, err error) {
	// The decoder of the configuration format panics on some broken input.
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("it is not a configuration of git")
		}
	}()
	parsed := config.New()
	if err := config.NewDecoder(bytes.NewReader(src)).Decode(parsed); err != nil {
		return "", nil, err
	}
	origin := parsed.Section("remote").Subsection("origin")
	return origin.Option("url"), origin.OptionAll("fetch"), nil
}

// readScript reads a source's script; nil when there is none that can be read
// as shell variables.
func readScript(ctx context.Context, h effect.Doer, op, source string) (*shellvars.File, []byte, error) {
	src, exists, err := file.Content(ctx, h, op, script(source))
	if err != nil || !exists {
		return nil, nil, err
	}
	vars, err := shellvars.Parse(src)
	if err != nil {
		return nil, src, nil //nolint:nilerr // a script that sh cannot read sets nothing
	}
	return vars, src, nil
}

// Source is a source of ports.
type Source struct {
	Name       string   `lua:"name"`
	Path       string   `lua:"path" doc:"the script"`
	Method     string   `lua:"method"`
	URI        string   `lua:"uri,omitempty"`
	Branch     string   `lua:"branch,omitempty"`
	Executable bool     `lua:"executable" doc:"portshaker can run the script"`
	Shifts     bool     `lua:"shifts" doc:"the script removes what stands before its command, as releases since 1.0.11 need"`
	Targets    []string `lua:"targets" doc:"targets that merge from it"`
	Cache      string   `lua:"cache" doc:"where it is kept"`
	Fetched    bool     `lua:"fetched" doc:"the cache exists"`
}

// SourceList lists the scripts of portshaker.d.
func SourceList(ctx context.Context, h effect.Doer) ([]Source, error) {
	const op = "portshaker.source.list"
	c, err := readConf(ctx, h, op)
	if err != nil {
		return nil, err
	}
	sources := []Source{}
	info, err := file.StatAs(ctx, h, op, sourceDir)
	if err != nil || !info.IsDir() {
		return sources, err
	}
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, File: &effect.FileOp{Verb: effect.FileList, Path: sourceDir},
		Reads: []effect.Resource{effect.Tree(sourceDir)},
	})
	if err != nil {
		return nil, err
	}
	for _, entry := range res.List {
		if entry.Type == "directory" || strings.HasPrefix(entry.Name, ".") {
			continue
		}
		s, err := readSource(ctx, h, op, c, entry)
		if err != nil {
			return nil, err
		}
		sources = append(sources, s)
	}
	return sources, nil
}

func readSource(ctx context.Context, h effect.Doer, op string, c conf, entry effect.FileInfo) (Source, error) {
	s := Source{
		Name: entry.Name, Path: path.Join(sourceDir, entry.Name), Cache: c.cache(entry.Name),
		Executable: entry.Mode&0o111 != 0, Targets: c.mergers(entry.Name),
	}
	vars, src, err := readScript(ctx, h, op, entry.Name)
	if err != nil {
		return s, err
	}
	s.describe(vars)
	s.Shifts = bytes.Contains(src, []byte("shift"))
	cache, err := file.StatAs(ctx, h, op, s.Cache)
	s.Fetched = cache.IsDir()
	return s, err
}

// describe takes over what a script says; what only running it would tell, such
// as an address made of its arguments, stays empty.
func (s *Source) describe(vars *shellvars.File) {
	if vars == nil {
		return
	}
	value := func(name string) string {
		if v, _ := vars.Get(name); v.Exact {
			return v.Value
		}
		return ""
	}
	s.Method = value("method")
	if name := uriSetting[s.Method]; name != "" {
		s.URI = value(name)
	}
	if s.Method == "git" {
		s.Branch = value("git_branch")
		if _, set := vars.Get("git_branch"); !set {
			s.Branch = "master"
		}
	}
}

// mergers are the targets that merge from a script's source.
func (c conf) mergers(name string) []string {
	targets := []string{}
	for _, target := range c.list("ports_trees") {
		for _, source := range c.list(target + "_merge_from") {
			if script(bare(source)) == script(name) && !slices.Contains(targets, target) {
				targets = append(targets, target)
			}
		}
	}
	return targets
}

// SourceRemoveArgs name a source.
type SourceRemoveArgs struct {
	Name  string `lua:"name,required" doc:"the source"`
	Cache bool   `lua:"cache" doc:"remove what was fetched, too" default:"true"`
}

// SourceRemove removes a source that no target merges from.
func SourceRemove(ctx context.Context, h effect.Doer, a SourceRemoveArgs) (SourceChange, error) {
	const op = "portshaker.source.remove"
	done := SourceChange{Path: path.Join(sourceDir, a.Name)}
	if !sourceName.MatchString(a.Name) || strings.Contains(a.Name, ":") {
		return done, invalid(op, "%q is not the name of a source", a.Name)
	}
	c, err := readConf(ctx, h, op)
	if err != nil {
		return done, err
	}
	if used := c.mergers(a.Name); len(used) > 0 {
		err := effect.Errorf(effect.Failed, op, "targets merge from %s: %s", a.Name, strings.Join(used, ", "))
		err.Hint = "take it out of merge_from with h.portshaker.configure first"
		return done, err
	}
	paths := []string{done.Path}
	if a.Cache {
		paths = append(paths, c.cache(a.Name))
	}
	for _, p := range paths {
		info, err := file.StatAs(ctx, h, op, p)
		if err != nil {
			return done, err
		}
		if info == nil {
			continue
		}
		_, err = h.Do(ctx, effect.Effect{
			Op: op, Kind: effect.Change, File: &effect.FileOp{Verb: effect.FileRemove, Path: p, Recursive: true},
			Writes: []effect.Resource{effect.File(p), effect.Tree(p)}, Diff: &effect.Diff{Path: p, Note: "remove"},
		})
		if err != nil {
			return done, err
		}
		done.Changed = true
		done.CacheRemoved = done.CacheRemoved || p != done.Path
	}
	return done, nil
}
