package freebsdupdate

import (
	"context"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// generated are files that are made of others, and never merged.
var generated = []string{"/etc/passwd", "/etc/pwd.db", "/etc/spwd.db", "/etc/login.conf.db", "/etc/services.db", "/etc/mail/aliases.db"}

// putAside finds the files with local changes that differ between the releases,
// and keeps both releases' texts of them for Merge.
func (u *upgrading) putAside(ctx context.Context) error {
	before, err := u.mergeable(ctx, u.stage(oldIndex))
	if err != nil {
		return err
	}
	newIndex, err := u.newIndex(ctx)
	if err != nil {
		return err
	}
	if err := u.checkKernel(ctx, newIndex); err != nil {
		return err
	}
	after, err := u.mergeable(ctx, newIndex)
	if err != nil {
		return err
	}
	differing := differences(before, after)
	local, err := u.localHashes(ctx, differing)
	if err != nil {
		return err
	}
	plan := u.plan()
	plan.Files = locallyChanged(differing, local, before, after)
	if err := u.fetchTexts(ctx, plan); err != nil {
		return err
	}
	plan.Ready = true
	u.result.Merges = plan.candidates()
	return u.writePlan(ctx, u.h, u.op, plan)
}

// newIndex is the tool's file with the index of the new release.
func (u *upgrading) newIndex(ctx context.Context) (string, error) {
	const name = "INDEX-ALL"
	present, err := u.read(ctx, "cat", u.work+"/tINDEX.present")
	if err != nil {
		return "", err
	}
	hash, there := indexHash(present, name)
	if !there {
		return "", effect.Errorf(effect.Failed, u.op, "freebsd-update has fetched no %s", name)
	}
	return u.work + "/files/" + hash + ".gz", nil
}

// checkKernel refuses an upgrade that would leave the old kernel under a new
// world: the new release may have no kernel of the running one's name.
func (u *upgrading) checkKernel(ctx context.Context, index string) error {
	for _, name := range u.result.Components {
		if !isKernel(name) {
			continue
		}
		lines, err := u.grep(ctx, "^"+strings.ReplaceAll(name, "/", `\|`)+`\|`, index, "-c")
		if err != nil {
			return err
		}
		if strings.TrimSpace(lines) == "0" {
			return effect.WithHint(effect.Errorf(effect.Failed, u.op, "%s has no %s", u.result.To, name),
				"install and boot the GENERIC kernel of the old release, then upgrade again; do not install what is prepared now")
		}
	}
	return nil
}

// grepScript prints the lines of a compressed file that match; none is no error.
const grepScript = `gunzip -c "$1" | grep -E $3 -e "$2"; [ $? -le 1 ]`

func (u *upgrading) grep(ctx context.Context, pattern, name, option string) (string, error) {
	res, err := u.h.Do(ctx, effect.Effect{
		Op: u.op, Kind: effect.Read, Title: "read the index " + name,
		Argv: []string{"sh", "-c", grepScript, "sh", name, pattern, option}, Reads: []effect.Resource{u.state()},
	})
	if err != nil {
		return "", err
	}
	return res.Text()
}

// mergeable are the contents that an index has for each file that is merged.
func (u *upgrading) mergeable(ctx context.Context, index string) (map[string][]string, error) {
	pattern := `^[^|]*\|[^|]*\|(` + strings.Join(u.conf.mergePaths(), "|") + `)`
	lines, err := u.grep(ctx, pattern, index, "")
	if err != nil {
		return nil, err
	}
	entries, err := parseIndex(lines)
	if err != nil {
		return nil, effect.Errorf(effect.Failed, u.op, "%s: %s", index, err)
	}
	return filesOf(entries, u.result.Components), nil
}

// differences are the paths whose contents differ between two releases, sorted.
func differences(before, after map[string][]string) []string {
	paths := map[string]bool{}
	for path, hashes := range before {
		if len(after[path]) == 0 || !slices.Contains(hashes, after[path][0]) {
			paths[path] = true
		}
	}
	for path := range after {
		if len(before[path]) == 0 {
			paths[path] = true
		}
	}
	for _, path := range generated {
		delete(paths, path)
	}
	return sortedKeys(paths)
}

// hashScript prints the hash and path of those files that are there.
const hashScript = `base=$1; shift; for f; do
if [ -f "$base$f" ] && ! [ -L "$base$f" ]; then echo "$(sha256 -q "$base$f") $f"; fi; done`

func (u *upgrading) localHashes(ctx context.Context, paths []string) (map[string]string, error) {
	hashes := map[string]string{}
	if len(paths) == 0 {
		return hashes, nil
	}
	base := strings.TrimSuffix(u.base, "/")
	reads := make([]effect.Resource, len(paths))
	for i, path := range paths {
		reads[i] = effect.File(base + path)
	}
	res, err := u.h.Do(ctx, effect.Effect{
		Op: u.op, Kind: effect.Read, Title: "look for local changes",
		Argv: append([]string{"sh", "-c", hashScript, "sh", base}, paths...), Reads: reads,
	})
	if err != nil {
		return nil, err
	}
	out, err := res.Text()
	for line := range strings.Lines(out) {
		if hash, path, ok := strings.Cut(strings.TrimRight(line, "\n"), " "); ok && hashForm.MatchString(hash) {
			hashes[path] = hash
		}
	}
	return hashes, err
}

// locallyChanged are those files that are as neither release has them.
func locallyChanged(paths []string, local map[string]string, before, after map[string][]string) []PlanFile {
	list := []PlanFile{}
	for _, path := range paths {
		hash, there := local[path]
		if !there || slices.Contains(before[path], hash) || slices.Contains(after[path], hash) {
			continue
		}
		f := PlanFile{Path: path, Old: before[path]}
		if len(after[path]) > 0 {
			f.New = after[path][0]
		}
		list = append(list, f)
	}
	return list
}

// textScript brings the texts named (release/hash) into the directory: from what
// the tool has, else by the tool's own program from the server that it used. Each must have
// the hash that the signed index gives it. Those that fail are printed.
const textScript = `umask 077; mkdir -p "$1" && cd "$1" || exit 1
work=$2 arch=$3 server=$4; shift 4
tried=$(tail -n 1 "$work/serverlist_tried" 2>/dev/null | cut -d ' ' -f 3)
for text; do
hash=${text#*/}
if ! [ -f "$hash.gz" ]; then
if [ -f "$work/files/$hash.gz" ]; then cp "$work/files/$hash.gz" "$hash.gz"
else /usr/libexec/phttpget "${tried:-$server}" "${text%/*}/$arch/f/$hash.gz" </dev/null; fi
fi
if ! [ -f "$hash.gz" ]; then echo "failed $hash"
elif [ "$(gunzip -c "$hash.gz" | sha256 -q)" != "$hash" ]; then rm -f "$hash.gz"; echo "wrong $hash"; fi
done`

// textsDir is the directory of the stage with the texts.
const textsDir = "texts"

func (u *upgrading) fetchTexts(ctx context.Context, plan Plan) error {
	var texts []string
	for _, f := range plan.Files {
		for _, hash := range f.Old {
			texts = append(texts, plan.From+"/"+hash)
		}
		if f.New != "" {
			texts = append(texts, plan.To+"/"+f.New)
		}
	}
	if len(texts) == 0 {
		return nil
	}
	arch, err := u.read(ctx, "uname", "-m")
	if err != nil {
		return err
	}
	server := u.conf.Server
	if u.args.Server != "" {
		server = u.args.Server
	}
	dir := u.stage(textsDir)
	res, err := u.h.Do(ctx, effect.Effect{
		Op: u.op, Kind: effect.Change, Title: "fetch the texts of files with local changes",
		Argv:  append([]string{"sh", "-c", textScript, "sh", dir, u.work, strings.TrimSpace(arch), server}, texts...),
		Reads: []effect.Resource{u.state()}, Writes: []effect.Resource{effect.Tree(dir)},
		Timeout: u.args.Timeout,
	})
	if err != nil {
		return err
	}
	out, err := res.Text()
	if err != nil {
		return err
	}
	if bad := badText.FindAllString(out, -1); len(bad) > 0 {
		return effect.WithHint(
			&effect.Error{Op: u.op, Kind: effect.Failed, Message: "the server did not give all texts that merge needs", Out: tail(out)},
			"call upgrade again: what is there is not fetched a second time")
	}
	return nil
}

var badText = lazyregexp.New(`(?m)^(failed|wrong) [0-9a-f]{64}$`)
