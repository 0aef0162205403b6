package file

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"

	"bsdrun/runtime/effect"
)

// entry is a file, directory or symbolic link of a tree.
type entry struct {
	kind         string      // file, directory or link; anything else is special
	mode         fs.FileMode // as Unix has it, with set-uid bits; 0 of a link
	owner, group string
	size         int64  // of a file
	target       string // of a link
	sum          string // SHA-256 of a file, where it is known
}

// entries are what a tree has, by path below it; "." is itself.
type entries map[string]entry

// hostTree is a tree on a host.
type hostTree struct {
	op      string
	h       effect.Doer
	path    string
	exclude []string

	// What a look tells of the host itself.
	root  bool
	tools []string // of the compressors we speak, those it has
}

// lookScript shows a tree in one walk: who looks, which compressors there are,
// all that is in the tree, and the hashes of its files where these are small
// enough to be read at once. A record begins with two slashes, which no path has
// in it. What is excluded is shown, what is below it is not.
const lookScript = `gone= list= code=0
cd "$1" 2>/dev/null || { [ ! -e "$1" ] && [ ! -L "$1" ] && gone=1; } || { echo "$1 is no directory that can be entered" >&2; exit 2; }
shift
if [ "$gone" ]; then :
elif [ "$(uname -s)" = Linux ]; then list=$(find . -printf '//%y%m|%u|%g|%s|%p//%l\n' "$@") || code=$?
else list=$(find . -exec stat -f '//%p|%Su|%Sg|%z|%N//%Y' {} + "$@") || code=$?
fi
show() {
	echo "uid $(id -u)"
	for tool in zstd gzip; do command -v $tool >/dev/null 2>&1 && echo "has $tool"; done
	[ ! "$gone" ] || return 0
	printf '%s\n//hashes\n' "$list"
	printf '%s\n' "$list" | awk -F'|' '/^\/\// { n += $4 } END { exit n > 67108864 }' || return 0
	sum=sha256sum
	command -v sha256 >/dev/null 2>&1 && sum='sha256 -r'
	[ $# = 0 ] || set -- "$@" -o
	find . "$@" -type f -exec $sum {} + 2>/dev/null
}
if [ ${#list} -gt 16384 ] && command -v gzip >/dev/null 2>&1; then show "$@" | gzip -c; else show "$@"; fi
exit $code`

// look reads the tree: nothing where there is none.
func (t *hostTree) look(ctx context.Context) (entries, error) {
	res, err := t.h.Do(ctx, effect.Effect{
		Op: t.op, Kind: effect.Read, Title: "look at " + t.path, Want: []int{0, 1},
		Argv:  append([]string{"/bin/sh", "-c", lookScript, "look", t.path}, t.pruning()...),
		Reads: []effect.Resource{effect.Tree(t.path)},
	})
	if err != nil {
		return nil, err
	}
	// What has gone since find(1) saw it is not there.
	if said, complaints := complaints(res.Stderr); complaints || res.Code != 0 && said == "" {
		return nil, effect.WithHint(&effect.Error{
			Op: t.op, Kind: effect.Denied, Err: said, Message: "not all of " + t.path + " can be read, so nothing can be told of it: " + firstLine(said),
		}, "--become root may read all")
	}
	out, err := res.Output()
	if err != nil {
		return nil, err
	}
	return t.parse(out)
}

// complaints are what a walk said, and whether it tells of more than of files
// that have gone meanwhile.
func complaints(errs effect.Output) (said string, serious bool) {
	said = string(errs.Tail(maxTold))
	for line := range strings.Lines(said) {
		line = strings.TrimRight(line, ".\n")
		serious = serious || !strings.HasSuffix(line, "No such file or directory") && !strings.HasSuffix(line, "previous errors")
	}
	return said, serious
}

// maxTold is how much of a host's complaints is read.
const maxTold = 16 << 10

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// pruning are conditions for find(1) that keep it out of what is excluded. What
// has a bracket is not the same pattern to everybody; it is walked.
func (t *hostTree) pruning() []string {
	var names []string
	for _, pattern := range t.exclude {
		if !strings.Contains(pattern, "[") {
			names = append(names, "-o", "-name", pattern)
		}
	}
	if names == nil {
		return nil
	}
	return slices.Concat([]string{"!", "-name", ".", "("}, names[1:], []string{")", "-prune"})
}

// parse reads the output of lookScript.
func (t *hostTree) parse(out []byte) (entries, error) {
	text, err := unzipped(out)
	if err != nil {
		return nil, effect.Errorf(effect.Internal, t.op, "the list of %s: %v", t.path, err)
	}
	all, sums, _ := strings.Cut(text, "\n//hashes\n")
	head, list, _ := strings.Cut("\n"+all, "\n//")
	t.root, t.tools = false, nil
	for line := range strings.Lines(head) {
		switch key, value, _ := strings.Cut(strings.TrimSpace(line), " "); key {
		case "uid":
			t.root = value == "0"
		case "has":
			t.tools = append(t.tools, value)
		}
	}
	have := entries{}
	if list == "" {
		return have, nil
	}
	for record := range strings.SplitSeq(list, "\n//") {
		name, e, ok := parseRecord(record)
		if _, twice := have[name]; !ok || twice {
			return nil, effect.Errorf(effect.Failed, t.op, "the list of %s has %q, which describes no file", t.path, record)
		}
		have[name] = e
	}
	have.note(sums)
	return have, nil
}

// maxList bounds what a list may unpack to.
const maxList = 1 << 30

func unzipped(out []byte) (string, error) {
	if !bytes.HasPrefix(out, []byte{0x1f, 0x8b}) {
		return string(out), nil
	}
	in, err := gzip.NewReader(bytes.NewReader(out))
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(in, maxList))
	return string(text), err
}

// parseRecord reads one file's description, as find(1) of GNU or stat(1) of
// FreeBSD gives it.
func parseRecord(record string) (name string, e entry, ok bool) {
	f := strings.SplitN(record, "|", 5)
	if len(f) != 5 || f[0] == "" {
		return "", e, false
	}
	name, target, found := strings.Cut(f[4], "//")
	if !found || name != "." && !strings.HasPrefix(name, "./") {
		return "", e, false
	}
	mode, err := strconv.ParseUint(strings.TrimLeft(f[0], "abcdefghijklmnopqrstuvwxyzD?-"), 8, 32)
	if err != nil {
		return "", e, false
	}
	e = entry{kind: kindOf(f[0], mode), mode: fs.FileMode(mode & 0o7777), owner: f[1], group: f[2]}
	switch e.kind {
	case "file":
		if e.size, err = strconv.ParseInt(f[3], 10, 64); err != nil {
			return "", e, false
		}
	case "link":
		e.mode, e.target = 0, target
	}
	return path.Clean(name), e, true
}

// kindOf tells files, directories and links from GNU's letter or from the type in
// a mode.
func kindOf(field string, mode uint64) string {
	const regular, directory, link = 0o100000, 0o040000, 0o120000
	letter := field[0]
	switch {
	case letter == 'f', mode&0o170000 == regular:
		return "file"
	case letter == 'd', mode&0o170000 == directory:
		return "directory"
	case letter == 'l', mode&0o170000 == link:
		return "link"
	}
	return "special"
}

// note takes over what sha256(1) or sha256sum(1) printed of files.
func (all entries) note(lines string) {
	const digits = 64
	for line := range strings.Lines(lines) {
		line = strings.TrimSuffix(line, "\n")
		escaped := strings.HasPrefix(line, `\`) // sha256sum(1) on odd names
		line = strings.TrimPrefix(line, `\`)
		if len(line) <= digits {
			continue
		}
		name := strings.TrimLeft(line[digits:], " *")
		if escaped {
			name = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r").Replace(name)
		}
		name = path.Clean(name)
		if e, ok := all[name]; ok && e.kind == "file" {
			e.sum = line[:digits]
			all[name] = e
		}
	}
}

// hash completes the sums of files of which they are not known.
func (t *hostTree) hash(ctx context.Context, all entries, names []string) error {
	var asked []string
	for _, name := range names {
		if all[name].sum == "" {
			asked = append(asked, name)
		}
	}
	if len(asked) == 0 {
		return nil
	}
	res, err := t.h.Do(ctx, effect.Effect{
		Op: t.op, Kind: effect.Read, Title: "hash files in " + t.path,
		Argv: []string{"/bin/sh", "-c", `cd "$1" || exit
sum=sha256sum
command -v sha256 >/dev/null 2>&1 && sum='sha256 -r'
exec xargs -0 $sum`, "hash", t.path},
		Stdin: listed(asked), Env: []string{"BSDRUN_NAMES=" + sumOf(asked)},
		Reads: []effect.Resource{effect.Tree(t.path)},
	})
	if err != nil {
		return err
	}
	out, err := res.Text()
	if err == nil {
		all.note(out)
	}
	return err
}

// listed are names as xargs -0 and tar -T take them.
func listed(names []string) io.Reader {
	return strings.NewReader("./" + strings.Join(names, "\x00./") + "\x00")
}

// remove takes away what has to go.
func (t *hostTree) remove(ctx context.Context, names []string) error {
	_, err := t.h.Do(ctx, effect.Effect{
		Op: t.op, Kind: effect.Change, Risk: effect.Irreversible,
		Note:  strconv.Itoa(len(names)) + " files or directories in " + t.path + " are not of the tree that comes there and would be removed: " + few(names),
		Title: "remove from " + t.path,
		Argv:  []string{"/bin/sh", "-c", `cd "$1" && exec xargs -0 rm -rf --`, "remove", t.path},
		Stdin: listed(names), Env: []string{"BSDRUN_NAMES=" + sumOf(names)}, Anew: true,
		Writes: []effect.Resource{effect.Tree(t.path)},
		Diff:   &effect.Diff{Path: t.path, Note: "remove " + strings.Join(names, ", ")},
	})
	return err
}

// smallStream is what travels best without a channel of its own.
const smallStream = 48 << 10

// unpack makes what an archive holds. Each file is unlinked and made anew, so that
// nobody who has it open sees another. After a long stream the same channel shows
// what has become of the tree, which saves a round trip; nil is not known.
func (t *hostTree) unpack(ctx context.Context, archive io.Reader, a unpacking) (have entries, skipped bool, err error) {
	untar := `tar -xpf - -C "$1"`
	if a.tool != "" {
		untar = a.tool + " -dc | " + untar
	}
	e := effect.Effect{
		Op: t.op, Kind: effect.Change, Title: "unpack into " + t.path,
		Argv:  append([]string{"/bin/sh", "-c", `mkdir -p "$1" && ` + untar, "unpack", t.path}, t.pruning()...),
		Stdin: archive, Env: []string{"BSDRUN_TREE=" + a.sum}, Anew: true,
		Writes: []effect.Resource{effect.Tree(t.path)},
		Diff:   &effect.Diff{Path: t.path, Note: "send " + strings.Join(a.names, ", ")},
	}
	var shown bytes.Buffer
	if a.size > smallStream {
		e.Argv[2] += " || exit\n(" + lookScript + ")\nexit 0"
		e.Sink = &shown
	}
	res, err := t.h.Do(ctx, e)
	if err != nil || res.Skipped || shown.Len() == 0 || res.Stderr.Size() > 0 {
		return nil, res.Skipped, err
	}
	have, err = t.parse(shown.Bytes())
	return have, false, err
}

// unpacking is what is said of an archive.
type unpacking struct {
	tool  string // that unpacks it
	names []string
	sum   string // stands for what is in it
	size  int64
}
