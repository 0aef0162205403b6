package file

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/effect"
)

// FindArgs are the arguments of Find.
type FindArgs struct {
	Path     string        `lua:"path,required" doc:"absolute path of the tree to look through"`
	Name     string        `lua:"name" doc:"shell pattern for the last element of the path: \"*.log\""`
	INAME    string        `lua:"iname" doc:"the same, regardless of case"`
	Match    string        `lua:"match" doc:"shell pattern for the whole path"`
	Type     string        `lua:"type" doc:"type of the file" enum:"file|directory|link|socket|fifo|block|character"`
	Owner    string        `lua:"owner" doc:"user, by name or number"`
	Group    string        `lua:"group" doc:"group, by name or number"`
	Perm     string        `lua:"perm" doc:"octal bits that must all be set: \"0002\" finds what everybody may write"`
	MinSize  int64         `lua:"min_size" doc:"at least so large" unit:"bytes"`
	MaxSize  *int64        `lua:"max_size" doc:"at most so large" unit:"bytes"`
	Older    time.Duration `lua:"older" doc:"modified longer ago than this, in whole minutes" unit:"seconds"`
	Younger  time.Duration `lua:"younger" doc:"modified at most so long ago, in whole minutes" unit:"seconds"`
	Empty    bool          `lua:"empty" doc:"empty files and directories"`
	MinDepth int           `lua:"min_depth" doc:"levels below the path at least; 0 is the path itself"`
	MaxDepth *int          `lua:"max_depth" doc:"levels below the path at most"`
	Exclude  []string      `lua:"exclude" doc:"shell patterns for names that are left out with all below them"`
	Xdev     bool          `lua:"xdev" doc:"stay on the file system of the path"`
	Limit    int           `lua:"limit" doc:"more files than this is an error; 0: 100000"`
}

// Find lists the files of a tree that answer to every condition, by absolute
// path, sorted. It follows no symbolic links.
func Find(ctx context.Context, h effect.Doer, a FindArgs) ([]string, error) {
	const op = "file.find"
	if err := checkPath(op, a.Path); err != nil {
		return nil, err
	}
	argv, err := findArgv(op, a)
	if err != nil {
		return nil, err
	}
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, Argv: argv,
		Reads: []effect.Resource{effect.Tree(a.Path)},
	})
	if err != nil {
		return nil, explain(ctx, h, op, a.Path, err)
	}
	out, err := res.Text()
	if err != nil {
		return nil, err
	}
	list := parseFind(out)
	limit := a.Limit
	if limit == 0 {
		limit = 100000
	}
	if len(list) > limit {
		return nil, effect.Errorf(effect.Failed, op, "%d files found, more than limit = %d", len(list), limit)
	}
	return list, nil
}

// findTypes are the letters of find(1).
var findTypes = map[string]string{
	"file": "f", "directory": "d", "link": "l", "socket": "s", "fifo": "p", "block": "b", "character": "c",
}

// findArgv uses only what FreeBSD's find(1) and GNU's share. Minutes compare
// alike in both as "+n" alone: FreeBSD rounds an age up to whole minutes.
func findArgv(op string, a FindArgs) ([]string, error) {
	argv := []string{"find", path.Clean(a.Path)}
	add := func(words ...string) { argv = append(argv, words...) }
	if a.MinDepth > 0 {
		add("-mindepth", strconv.Itoa(a.MinDepth))
	}
	if a.MaxDepth != nil {
		add("-maxdepth", strconv.Itoa(*a.MaxDepth))
	}
	if a.Xdev {
		add("-xdev")
	}
	for _, pattern := range a.Exclude {
		add("-name", pattern, "-prune", "-o")
	}
	for _, test := range []struct{ word, value string }{
		{"-name", a.Name}, {"-iname", a.INAME}, {"-path", a.Match}, {"-user", a.Owner}, {"-group", a.Group},
	} {
		if test.value != "" {
			add(test.word, test.value)
		}
	}
	if a.Type != "" {
		letter, ok := findTypes[a.Type]
		if !ok {
			return nil, effect.Errorf(effect.Invalid, op, "type %q is unknown", a.Type)
		}
		add("-type", letter)
	}
	if a.Perm != "" {
		mode, err := ParseMode(op, a.Perm)
		if err != nil {
			return nil, err
		}
		add("-perm", "-"+FormatMode(*mode))
	}
	if a.MinSize > 0 {
		add("-size", fmt.Sprintf("+%dc", a.MinSize-1))
	}
	if a.MaxSize != nil {
		add("-size", fmt.Sprintf("-%dc", *a.MaxSize+1))
	}
	if a.Older > 0 {
		add("-mmin", "+"+minutes(a.Older))
	}
	if a.Younger > 0 {
		add("!", "-mmin", "+"+minutes(a.Younger))
	}
	if a.Empty {
		add("-empty")
	}
	add("-print0")
	return argv, nil
}

func minutes(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Minute-1)/time.Minute), 10)
}

// parseFind reads paths that each end with a NUL byte.
func parseFind(out string) []string {
	list := []string{}
	for p := range strings.SplitSeq(out, "\x00") {
		if p != "" {
			list = append(list, p)
		}
	}
	slices.Sort(list)
	return list
}
