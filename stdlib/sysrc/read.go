package sysrc

import (
	"context"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/stdlib/file"
	"bsdrun/stdlib/shellvars"
)

// The files of rc.conf(5): defaults first, what wins last.
const (
	defaults  = "/etc/defaults/rc.conf"
	rcConf    = "/etc/rc.conf"
	rcConfLoc = "/etc/rc.conf.local"
)

// source is one file with its variables.
type source struct {
	path string
	vars *shellvars.File
}

// sources are files in the order in which they are read.
type sources []source

// home is the file in which a variable is set: the last that sets it, else the
// first.
func (s sources) home(name string) source {
	for i := len(s) - 1; i >= 0; i-- {
		if _, known := s[i].vars.Get(name); known {
			return s[i]
		}
	}
	return s[0]
}

// paths are the files that a place stands for.
func (p Place) paths() []string {
	if p.File != "" {
		return []string{p.File}
	}
	return []string{rcConf, rcConfLoc}
}

// read parses the files that a place stands for; a missing one is empty.
func read(ctx context.Context, h effect.Doer, op string, p Place) (sources, error) {
	var list sources
	for _, path := range p.paths() {
		s, err := parse(ctx, h, op, path)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

func parse(ctx context.Context, h effect.Doer, op, path string) (source, error) {
	src, _, err := file.Content(ctx, h, op, path)
	if err != nil {
		return source{}, err
	}
	vars, err := shellvars.FormatOf(path).Parse(src)
	if err != nil {
		return source{}, &effect.Error{Op: op, Kind: effect.Failed, Message: path + ": " + err.Error(), Cause: err}
	}
	return source{path, vars}, nil
}

// lookup finds the value of one variable. A file that is named tells by itself,
// where it can; for rc.conf the host is asked, and in check mode, after changes
// that were skipped, the files as they would be.
func lookup(ctx context.Context, h effect.Doer, op string, p Place, name string) (string, bool, error) {
	if p.File != "" {
		return lookupIn(ctx, h, op, p, name)
	}
	asked, err := ask(ctx, h, op, p, []string{name})
	if effect.KindOf(err) != effect.Unknown {
		value, known := asked[name]
		return value, known, err
	}
	unknown := err
	files, err := read(ctx, h, op, p)
	if err != nil {
		return "", false, err
	}
	base, err := parse(ctx, h, op, defaults)
	if err != nil {
		return "", false, err
	}
	v, known := append(sources{base}, files...).home(name).vars.Get(name)
	if known && !v.Exact {
		return "", false, unknown
	}
	return v.Value, known, nil
}

// lookupIn reads a variable of a file; sh is asked where the text alone does not
// decide.
func lookupIn(ctx context.Context, h effect.Doer, op string, p Place, name string) (string, bool, error) {
	s, err := parse(ctx, h, op, p.File)
	if err != nil {
		return "", false, err
	}
	v, known := s.vars.Get(name)
	if known && v.Exact || !known && len(s.vars.Includes) == 0 {
		return v.Value, known, nil
	}
	asked, err := ask(ctx, h, op, p, []string{name})
	value, known := asked[name]
	return value, known, err
}

// query prints "NAME NUL VALUE NUL" for every name that is set. It runs
// sysrc(8), or reads rc's files as rc(8) does where there is none: before 9.2.
const query = `file=$1; shift
if [ -n "$file" ]; then
	[ -r "$file" ] || exit 0
	. "$file" >/dev/null
elif [ -x /usr/sbin/sysrc ]; then
	for name; do
		value=$(/usr/sbin/sysrc -n "$name" 2>/dev/null) && printf '%s\0%s\0' "$name" "$value"
	done
	exit 0
elif [ -r /etc/defaults/rc.conf ]; then
	. /etc/defaults/rc.conf
	source_rc_confs
elif [ -r /etc/rc.conf ]; then
	. /etc/rc.conf
fi
for name; do
	eval "[ -n \"\${$name+set}\" ]" && eval "printf '%s\\0%s\\0' \"\$name\" \"\$$name\""
done
exit 0`

// ask has the host evaluate variables.
func ask(ctx context.Context, h effect.Doer, op string, p Place, names []string) (map[string]string, error) {
	e := effect.Effect{
		Op: op, Kind: effect.Read, Title: "read " + strings.Join(names, ", "),
		Argv:  append([]string{"env", "-i", "PATH=/sbin:/bin:/usr/sbin:/usr/bin", "/bin/sh", "-c", query, "sh", p.File}, names...),
		Reads: []effect.Resource{effect.File(rcConf), effect.File(rcConfLoc), effect.Tree("/etc/defaults")},
	}
	if p.File != "" {
		e.Reads = []effect.Resource{effect.File(p.File)}
	}
	res, err := h.Do(ctx, e)
	if err != nil {
		return nil, err
	}
	out, err := res.Text()
	if err != nil {
		return nil, err
	}
	return parseAnswer(out), nil
}

// parseAnswer reads names and values that each end with a NUL byte.
func parseAnswer(out string) map[string]string {
	values := map[string]string{}
	fields := strings.Split(out, "\x00")
	for i := 0; i+1 < len(fields)-1; i += 2 {
		values[fields[i]] = fields[i+1]
	}
	return values
}
