package layer

import (
	"context"
	"path"
	"strings"

	"bsdrun/runtime/effect"
)

// canonical resolves the symbolic links of the host in paths, so that a pending
// write is met under whatever name it is read: what was put into /usr/home/x is
// there as /home/x.
type canonical struct {
	known map[scoped]resolved
}

// resolved is a path without links among its folders, and one without any;
// blind when a folder is a link that leads nowhere yet, blindEnd when the path
// itself is.
type resolved struct {
	folder, whole   string
	blind, blindEnd bool
}

// resolveScript prints the path with its folder resolved as far as it exists,
// the path resolved as a whole, if that exists, and whether a link among the
// folders (folder), or the path as a link (end), leads nowhere.
const resolveScript = `d=${f%/*}; d=${d:-/}; r= b=
until p=$(cd -P "$d" 2>/dev/null && pwd -P); do [ -L "$d" ] && b=folder; r=/${d##*/}$r; d=${d%/*}; d=${d:-/}; done
[ "$p" = / ] && p=
w=$(realpath "$f" 2>/dev/null) || { [ -L "$f" ] && b="$b end"; }
printf '%s\n%s\n%s\n' "$p$r/${f##*/}" "$w" "$b"`

// resolve asks the host once for each path; where it does not answer, the path
// is taken as it is.
func (c *canonical) resolve(ctx context.Context, next effect.Doer, e effect.Effect, p string) resolved {
	p = path.Clean(p)
	if !path.IsAbs(p) || p == "/" {
		return resolved{folder: p, whole: p}
	}
	key := scoped{e.In, effect.File(p)}
	if r, ok := c.known[key]; ok {
		return r
	}
	r := resolved{folder: p, whole: p}
	res, err := next.Do(ctx, effect.Effect{
		Op: e.Op, Kind: effect.Read, In: e.In, As: e.As, Reads: effect.Nothing,
		Shell: "f=" + Quote([]string{p}) + "; " + resolveScript,
	})
	if text, textErr := res.Text(); err == nil && textErr == nil {
		folder, rest, _ := strings.Cut(text, "\n")
		whole, rest, _ := strings.Cut(rest, "\n")
		r.blind, r.blindEnd = strings.Contains(rest, "folder"), strings.Contains(rest, "end")
		if path.IsAbs(folder) && path.Base(folder) == path.Base(p) {
			r.folder, r.whole = folder, folder
		}
		if path.IsAbs(whole) {
			r.whole = whole
		}
	}
	if c.known == nil {
		c.known = map[scoped]resolved{}
	}
	c.known[key] = r
	return r
}
