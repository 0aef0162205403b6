package freebsdupdate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"path"
	"strings"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// Place says which system is meant; the zero Place is the host itself.
type Place struct {
	Basedir string `lua:"basedir" doc:"the system under this directory (-b); default: the host"`
	Jail    string `lua:"jail" doc:"this running jail, by name (-j)"`
	Config  string `lua:"config" doc:"configuration file (-f)" default:"/etc/freebsd-update.conf"`
}

// Source says where updates come from; what is left out is as the
// configuration file has it.
type Source struct {
	Server           string        `lua:"server" doc:"server or pool of servers (-s)"`
	Key              string        `lua:"key" doc:"SHA-256 of the key that signs, in hex (-k)"`
	Components       []string      `lua:"components" doc:"parts of the system, as Components of freebsd-update.conf has them"`
	CurrentlyRunning string        `lua:"currently_running" doc:"take this release for the running one (--currently-running)"`
	Timeout          time.Duration `lua:"timeout" doc:"for each job; 0: none" unit:"seconds"`
}

const (
	tool        = "/usr/sbin/freebsd-update"
	confPath    = "/etc/freebsd-update.conf"
	defaultWork = "/var/db/freebsd-update"
)

var (
	keyForm     = lazyregexp.New(`^[0-9a-f]{64}$`)
	releaseForm = lazyregexp.New(`^\d+\.\d+(-[A-Z]+\d*(-p\d+)?)?$`)
	wordForm    = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9_.:/-]*$`)
)

// check refuses a place that cannot be meant, before anything runs.
func (p Place) check(op string) error {
	if p.Jail != "" && p.Basedir != "" {
		return effect.Errorf(effect.Invalid, op, "jail and basedir exclude each other")
	}
	for _, file := range []string{p.Basedir, p.Config} {
		// The tool expands these without quotes.
		if file != "" && (file[0] != '/' || strings.ContainsAny(file, " \t\n*?[")) {
			return effect.Errorf(effect.Invalid, op, "the path %q is not absolute, or has characters that the tool cannot take", file)
		}
	}
	if strings.HasPrefix(p.Jail, "-") {
		return effect.Errorf(effect.Invalid, op, "%q is no name of a jail", p.Jail)
	}
	return nil
}

// check refuses what the tool would misread.
func (s Source) check(op string) error {
	if s.Key != "" && !keyForm.MatchString(s.Key) {
		return effect.Errorf(effect.Invalid, op, "key %q is no SHA-256 in lower-case hex", s.Key)
	}
	if s.CurrentlyRunning != "" && !releaseForm.MatchString(s.CurrentlyRunning) {
		return effect.Errorf(effect.Invalid, op, "currently_running %q is no release such as \"14.2-RELEASE\"", s.CurrentlyRunning)
	}
	for _, word := range append([]string{s.Server}, s.Components...) {
		if word != "" && !wordForm.MatchString(word) {
			return effect.Errorf(effect.Invalid, op, "%q is no name of a server or a component", word)
		}
	}
	return nil
}

// releaseName completes a release as the tool does: 14.2 is 14.2-RELEASE.
func releaseName(release string) string {
	if release != "" && !strings.Contains(release, "-") {
		return release + "-RELEASE"
	}
	return release
}

var patchLevel = lazyregexp.New(`-p\d+$`)

// withoutPatch is a release without its patch level.
func withoutPatch(release string) string { return patchLevel.ReplaceAllString(release, "") }

// target is a place as the tool sees it.
type target struct {
	place Place
	conf  Config
	base  string // root of the system, without a slash at its end; "/" is the host
	work  string // the tool's working directory
	hash  string // names the system's state files
}

// locate finds out where the tool keeps the state of a place.
func locate(ctx context.Context, h effect.Doer, op string, p Place) (target, error) {
	if err := p.check(op); err != nil {
		return target{}, err
	}
	conf, err := readConfig(ctx, h, op, p.Config)
	if err != nil {
		return target{}, err
	}
	t := target{place: p, conf: conf, base: conf.Basedir, work: conf.Workdir}
	switch {
	case p.Jail != "":
		if t.base, err = jailPath(ctx, h, op, p.Jail); err != nil {
			return target{}, err
		}
	case p.Basedir != "":
		t.base = path.Clean(p.Basedir)
	}
	sum := sha256.Sum256([]byte(t.base + "\n"))
	t.hash = hex.EncodeToString(sum[:])
	return t, nil
}

func jailPath(ctx context.Context, h effect.Doer, op, jail string) (string, error) {
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, Argv: []string{"jls", "-j", jail, "path"},
		Reads: []effect.Resource{effect.Resource("jail:" + jail)},
	})
	if err != nil {
		return "", effect.WithHint(err, "start the jail, or give its directory as basedir")
	}
	root, err := res.Line()
	if err == nil && !strings.HasPrefix(root, "/") {
		err = effect.Errorf(effect.Failed, op, "jls tells no path of the jail %s: %.80q", jail, root)
	}
	return root, err
}

// isHost tells whether the system is the one that runs.
func (t target) isHost() bool { return t.base == "/" }

// file is a path of the system, as the host sees it.
func (t target) file(name string) string { return path.Join(t.base, name) }

// stage is where this module keeps what must outlive a reboot: the
// configuration it gave to the tool, and texts for merge. The tool looks at
// nothing there, and only root may.
func (t target) stage(name string) string {
	return path.Join(t.work, "bsdrun-"+t.hash[:16], name)
}

// state is the resource of the tool's working directory.
func (t target) state() effect.Resource { return effect.Tree(t.work) }
