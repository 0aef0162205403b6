// Package freebsdupdatesim models freebsd-update(8) of FreeBSD 8.2 to 15: its
// options, prompts and state files, against a server that knows the releases of
// the simulator.
package freebsdupdatesim

import (
	"errors"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"bsdrun/runtime/lazyregexp"
	"bsdrun/runtime/sim"
)

// Parameters of a machine's URL.
const (
	// MirrorParam is older for servers that lack the newest patch levels.
	MirrorParam = "update-mirror"
	// KeyParam is bad for servers whose key is not the project's.
	KeyParam = "update-key"
)

const toolPath = "/usr/sbin/freebsd-update"

// Tools are freebsd-update and its downloader.
func Tools() []*sim.Tool {
	return []*sim.Tool{{
		Name: "freebsd-update", Paths: []string{toolPath}, Run: run, Script: script, Serve: serve, Params: []string{MirrorParam, KeyParam},
	}, {
		Name: "phttpget", Paths: []string{phttpgetPath}, Run: phttpget,
	}}
}

// script is what matters of the tool's text: it's a shell script that people
// patch, and that others look into for what it knows.
func script(release string) string {
	class := "-+./:=,%@_[~[:alnum:]"
	switch major := eraOf(release); {
	case major < 9:
		class = "-+./:=_[[:alnum:]"
	case major < 10:
		class = "-+./:=%@_[~[:alnum:]"
	}
	var b strings.Builder
	b.WriteString("fetch_metadata_sanity () {\n\tP=\"[" + class + "]\"\n}\n\nparse_cmdline () {\n\tcase \"$1\" in\n")
	for _, o := range options {
		if o.since <= eraOf(release) {
			b.WriteString("\t" + o.names[0] + ")\n\t\t;;\n")
		}
	}
	b.WriteString("\tesac\n}\n")
	return b.String()
}

// eraOf is the major number of a release.
func eraOf(release string) int {
	r, _ := sim.FindRelease(release)
	return r.Major()
}

// stop ends the tool with an exit code, what it had to say being said.
type stop int

func (s stop) Error() string { return "exit" }

// update is one run of the tool.
type update struct {
	*sim.Proc
	era     int    // major release of the tool
	name    string // how the tool calls itself: $0
	setting map[string]string
	given   map[string]bool // set on the command line

	patterns map[string][]*regexp.Regexp // of lists in settings

	commands   []string
	target     string // -r
	running    string // uname -r
	fromCron   bool
	force      bool
	fetched    bool // fetch ran before in this call
	work, base string
	components []string
	kernelDir  string

	// Of the release that is fetched.
	release  string
	patch    int
	tagIndex string
	eol      time.Time
	server   string
	mirrors  []string
	pub      *published
}

func run(p *sim.Proc) int {
	u := &update{Proc: p, setting: map[string]string{}, given: map[string]bool{}}
	u.era = eraOf(p.Machine.UserlandRelease("/"))
	u.name = p.Process().Path
	if u.name == "" {
		u.name = toolPath
	}
	err := u.main()
	var code stop
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	}
	p.Errorf("%s: %s\n", path.Base(u.name), sim.ErrText(err))
	return 1
}

func (u *update) main() error {
	if err := u.parseArgs(u.Args[1:]); err != nil {
		return err
	}
	if err := u.readConf(); err != nil {
		return err
	}
	if err := u.defaults(); err != nil {
		return err
	}
	if u.packaged() {
		u.Printf("freebsd-update is incompatible with the use of packaged base.  Please see\n" +
			"https://wiki.freebsd.org/PkgBase for more information.\n")
		return stop(1)
	}
	for _, command := range u.commands {
		if err := u.command(command); err != nil {
			return err
		}
	}
	return nil
}

// packaged tells whether the base system consists of packages, which the tool
// asks pkg since 14.
func (u *update) packaged() bool {
	if u.era < 14 {
		return false
	}
	if _, _, code := u.Capture("pkg", "-N"); code != 0 {
		return false
	}
	_, _, code := u.Capture("pkg", "which", "/usr/bin/uname")
	return code == 0
}

func (u *update) command(name string) error {
	if name != "cron" {
		u.finalComponents()
	}
	switch name {
	case "fetch":
		return u.fetchCommand()
	case "cron":
		return u.cron()
	case "upgrade":
		return u.upgrade()
	case "updatesready":
		return u.updatesReady()
	case "install":
		return u.install()
	case "rollback":
		return u.rollback()
	case "IDS":
		return u.ids()
	}
	u.showConfig()
	return nil
}

// fail says why the tool ends, with its name before it.
func (u *update) fail(format string, args ...any) error {
	u.Printf("%s: ", path.Base(u.name))
	u.Printf(format+"\n", args...)
	return stop(1)
}

// finalComponents leaves src out when there are no sources, as the tool does
// since 12.
func (u *update) finalComponents() {
	u.components = strings.Fields(u.setting["COMPONENTS"])
	if u.era < 12 || !slices.Contains(u.components, "src") {
		return
	}
	if u.has(path.Join(u.base, "usr/src/COPYRIGHT")) {
		return
	}
	u.components = slices.DeleteFunc(u.components, func(c string) bool { return c == "src" })
	u.setting["COMPONENTS"] = strings.Join(u.components, " ")
	u.Printf("src component not installed, skipped\n")
}

var patchLevel = lazyregexp.New(`-p[0-9]+`)

// plainRelease is a release without its patch level.
func plainRelease(release string) string { return patchLevel.ReplaceAllString(release, "") }

// capture is what a command prints, without the last newline.
func (u *update) capture(args ...string) string {
	out, _, _ := u.Capture(args...)
	return strings.TrimSuffix(out, "\n")
}

// again is the tool's advice to call it.
func (u *update) again(command string) string {
	if u.era >= 14 {
		return "'" + path.Base(u.name) + " [options] " + command + "'"
	}
	return "\"" + u.name + " " + command + "\""
}

// quoted is the advice in the messages that had single quotes always.
func (u *update) quoted(command string) string {
	if u.era >= 14 {
		return "'" + path.Base(u.name) + " [options] " + command + "'"
	}
	return "'" + u.name + " " + command + "'"
}
