package ports

import (
	"context"
	"path"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/file"
)

const treeDir = "/usr/ports"

var originForm = lazyregexp.New(`^[a-z0-9][a-z0-9-]*/[A-Za-z0-9][A-Za-z0-9_.+-]*$`)

func checkOrigin(op, origin string) error {
	if !originForm.MatchString(origin) {
		return effect.Errorf(effect.Invalid, op, "%q is no port: name it as category/port", origin)
	}
	return nil
}

// dirOf is a port's directory, which has to be there.
func dirOf(ctx context.Context, h effect.Doer, op, origin string) (string, error) {
	if err := checkOrigin(op, origin); err != nil {
		return "", err
	}
	dir := path.Join(treeDir, origin)
	there, err := file.Exists(ctx, h, file.PathArgs{Path: path.Join(dir, "Makefile")})
	if err == nil && !there {
		err = effect.WithHint(effect.Errorf(effect.Missing, op, "there is no port %s in %s", origin, treeDir),
			"get a ports tree that has it: h.git.clone, or on old hosts portsnap")
	}
	return dir, err
}

// pack is an installed package.
type pack struct{ name, origin string } // bash-5.2, shells/bash

// installedScript lists what is installed, from pkg(8) where it is at work, else
// from the records of the tools before it.
const installedScript = `pkg=/usr/local/sbin/pkg
if [ -x $pkg ] && $pkg -N >/dev/null 2>&1; then
	$pkg query '%n-%v %o'
	exit 0
fi
for f in /var/db/pkg/*/+CONTENTS; do
	[ -f "$f" ] || continue
	d=${f%/+CONTENTS}
	echo "${d##*/} $(sed -n 's/^@comment ORIGIN://p' "$f")"
done`

// packages are those that change with a port; each port has its own resource
// beside.
const packages effect.Resource = "pkg"

func resource(origin string) effect.Resource { return effect.Resource("port:" + origin) }

const (
	present = "present"
	absent  = "absent"
)

// installed lists what is installed. With an origin only that port counts, and
// check mode answers for one that it would have installed or removed.
func installed(ctx context.Context, h effect.Doer, op, origin string) ([]pack, error) {
	e := effect.Effect{Op: op, Kind: effect.Read, Shell: installedScript, Title: "list the installed packages", Reads: []effect.Resource{packages, "port"}}
	if origin != "" {
		e.Reads = []effect.Resource{resource(origin)}
		e.Answer = func(left map[effect.Resource]string) (effect.Result, bool) {
			out := ""
			if left[resource(origin)] == present {
				out = "? " + origin + "\n"
			}
			return effect.Result{Stdout: effect.OutputOf([]byte(out))}, true
		}
	}
	res, err := h.Do(ctx, e)
	if err != nil {
		return nil, err
	}
	out, err := res.Text()
	if err != nil {
		return nil, err
	}
	list := parseInstalled(out)
	if origin != "" {
		list = slices.DeleteFunc(list, func(p pack) bool { return p.origin != origin })
	}
	return list, nil
}

// parseInstalled reads lines of name and origin; what has no origin is no port.
func parseInstalled(out string) []pack {
	list := []pack{}
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) == 2 {
			list = append(list, pack{f[0], f[1]})
		}
	}
	return list
}

var rules = []effect.Rule{
	{Pattern: lazyregexp.New(`portmaster: (?:[Cc]ommand )?not found`), Kind: effect.Missing, Hint: `install it: h.pkg.install("portmaster"), or on old hosts h.ports.install("ports-mgmt/portmaster")`},
	{Pattern: lazyregexp.New(`not running setuid|must be root`), Kind: effect.Denied, Hint: "run as root: -b, or h:as(\"root\")"},
	{Pattern: lazyregexp.New(`No space left on device|filesystem full`), Kind: effect.Failed, Hint: "make room: builds need a lot below " + treeDir + ", or where WRKDIRPREFIX points"},
	{Pattern: lazyregexp.New(`is an interactive port`), Kind: effect.Failed, Hint: "the port asks while it is built: build it by hand, once"},
	{Pattern: lazyregexp.New(`Couldn't fetch it|checksum mismatch|No address record`), Kind: effect.Failed, Hint: "a source is not where the port looks for it: check the network, or put the file into " + treeDir + "/distfiles"},
	{Pattern: lazyregexp.New(`Ports Collection support for your FreeBSD version has ended`), Kind: effect.Failed, Hint: "the ports tree is too new for this release: set ALLOW_UNSUPPORTED_SYSTEM=yes in /etc/make.conf, or use an older tree"},
	{Pattern: lazyregexp.New(`make build failed for (\S+)`), Kind: effect.Failed, Hint: "$1 does not build: see /usr/ports/UPDATING (h.ports.updating), and its log above"},
}

// log is what a job has said: the end of it is kept.
type log struct {
	tail []byte
	seen string
}

// tailSize is how much of it is kept: what was done stands at the end.
const tailSize = 64 << 10

func (l *log) add(ctx context.Context, op string, said []byte) {
	l.tail = append(l.tail, said...)
	if over := len(l.tail) - tailSize; over > 0 {
		l.tail = append(l.tail[:0], l.tail[over:]...)
	}
	lines := strings.Split(strings.TrimRight(string(l.tail), "\n"), "\n")
	if last := lines[len(lines)-1]; last != l.seen && strings.HasPrefix(last, "===>") {
		l.seen = last
		effect.Report(ctx, op, strings.TrimLeft(last, "=> "), nil)
	}
}

// through runs a command as a job to its end; skipped says that check mode did
// not start it. A job of the same key that runs already is waited for.
func through(ctx context.Context, h effect.Doer, e effect.Effect, key string) (l log, skipped bool, err error) {
	job, err := host.StartJob(ctx, h, e, key)
	if err != nil || job.Skipped() {
		return l, err == nil, err
	}
	state, err := job.Wait(ctx, 0, func(n host.News) error {
		l.add(ctx, e.Op, n.Log)
		return nil
	})
	if err != nil || state.Code == 0 {
		return l, false, err
	}
	failed := &effect.Error{Op: e.Op, Kind: effect.Failed, Code: state.Code, Command: e.Title, Out: string(l.tail[max(0, len(l.tail)-8<<10):])}
	err, _ = effect.Explain(failed, rules)
	return l, false, err
}
