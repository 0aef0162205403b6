package freebsdupdate

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/effect"
)

// oldIndex is the file of the stage with the index of the release that is
// upgraded. The tool removes its own copy once it has read it.
const oldIndex = "old-index.gz"

// notMerged are the top directories that hold nothing that is merged: when the
// index is wanted and not a comparison, looking at their files is a waste.
var notMerged = []string{"/bin", "/boot", "/lib", "/libexec", "/rescue", "/root", "/sbin", "/usr", "/var"}

// fetchOldIndex lets the tool fetch and verify the index of the running release,
// and keeps it. IDS is the one command that fetches it and no more. It is false
// where check mode skipped it.
func (u *upgrading) fetchOldIndex(ctx context.Context) (bool, error) {
	settings := u.args.settings()
	settings["Components"] = []string{"world/base"}
	settings["IgnorePaths"] = notMerged
	c, err := u.prepare(ctx, u.h, u.op, "IDS", u.can, u.args.Source, settings)
	if err != nil {
		return false, err
	}
	c.title = "freebsd-update IDS (for the index of the release)"
	o, err := u.run(ctx, u.h, u.effectOf(c), c)
	if err != nil || o == nil {
		return false, err
	}
	now, _, err := u.noted(ctx, u.h, u.op) // the fetch of a run that was cut off may go on meanwhile
	if err != nil {
		return false, err
	}
	if now.tagRelease == "" || now.tagRelease == u.result.To {
		return false, effect.WithHint(effect.Errorf(effect.Failed, u.op, "freebsd-update takes the system for one of %q", now.tagRelease),
			"say with currently_running= which release it has")
	}
	u.result.From = now.tagRelease
	return u.keepIndex(ctx)
}

// keepScript puts the tool's indexes of the names given into one file; what gzip(1)
// makes of several texts, one after the other, is what it makes of their sum. The
// first must be there. It looks them up itself, at the moment that it runs: to a
// resumed run the tool's directory may show those of the new release.
const keepScript = `work=$1 out=$2; shift 2; umask 077; mkdir -p "${out%/*}" || exit
need=yes; : >"$out.new" || exit
for name; do
hash=$(sed -n "s/^$name|\([0-9a-f]\{64\}\)\$/\1/p" "$work/tINDEX.present")
if [ -n "$hash" ]; then cat "$work/files/$hash.gz" >>"$out.new" || exit
elif [ $need ]; then echo "freebsd-update has fetched no $name" >&2; exit 1; fi
need=
done
mv "$out.new" "$out"`

func (u *upgrading) keepIndex(ctx context.Context) (bool, error) {
	kept := u.stage(oldIndex)
	res, err := u.h.Do(ctx, effect.Effect{
		Op: u.op, Kind: effect.Change, Title: "keep the index of " + u.result.From,
		Argv:  []string{"sh", "-c", keepScript, "sh", u.work, kept, "INDEX-ALL", "INDEX-OLD"},
		Reads: []effect.Resource{u.state()}, Writes: []effect.Resource{effect.File(kept)},
	})
	return err == nil && !res.Skipped, err
}

func (u *upgrading) read(ctx context.Context, argv ...string) (string, error) {
	res, err := u.h.Do(ctx, effect.Effect{Op: u.op, Kind: effect.Read, Argv: argv, Reads: []effect.Resource{u.state()}})
	if err != nil {
		return "", err
	}
	return res.Text()
}

// countScript counts for each component the files of the index that are there
// (+) and that are not (-).
const countScript = `gunzip -c "$1" | cut -d '|' -f 1-3 | while IFS='|' read -r c s f; do
if [ -e "$2/$f" ]; then echo "+ $c/$s"; else echo "- $c/$s"; fi; done | sort | uniq -c`

// components finds those parts of the configured components that are installed,
// as the tool does: of a part more than half of the files must be there, and the
// kernel counts by its name, since it need not lie where the index has it.
func (u *upgrading) components(ctx context.Context) ([]string, error) {
	res, err := u.h.Do(ctx, effect.Effect{
		Op: u.op, Kind: effect.Read, Title: "look which components are installed",
		Argv:  []string{"sh", "-c", countScript, "sh", u.stage(oldIndex), strings.TrimSuffix(u.base, "/")},
		Reads: []effect.Resource{u.state()},
	})
	if err != nil {
		return nil, err
	}
	counts, err := res.Text()
	if err != nil {
		return nil, err
	}
	ident, err := u.read(ctx, "uname", "-i")
	if err != nil {
		return nil, err
	}
	configured := u.conf.Components
	if len(u.args.Components) > 0 {
		configured = u.args.Components
	}
	if u.place.Jail != "" {
		configured = slices.DeleteFunc(slices.Clone(configured), isKernel) // it has the host's
	}
	present, hasKernel := installed(parseCounts(counts), configured, strings.ToLower(strings.TrimSpace(ident)))
	if !hasKernel {
		u.warn("the kernel %s is none of %s: it is not upgraded, and must be renewed by hand before install", strings.TrimSpace(ident), u.result.From)
	}
	if len(present) == 0 {
		return nil, effect.Errorf(effect.Failed, u.op, "of the components %s nothing is installed", strings.Join(configured, ", "))
	}
	return present, nil
}

// count is how many files of a component are there, and how many it has.
type count struct{ there, all int }

func parseCounts(out string) map[string]count {
	counts := map[string]count{}
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			continue
		}
		n, err := strconv.Atoi(fields[0])
		if err != nil {
			continue
		}
		c := counts[fields[2]]
		c.all += n
		if fields[1] == "+" {
			c.there += n
		}
		counts[fields[2]] = c
	}
	return counts
}

// installed are the components of the configured ones that are there. hasKernel
// is false where kernels are wanted and none is like the running one.
func installed(counts map[string]count, configured []string, kernel string) (present []string, hasKernel bool) {
	hasKernel = true
	for _, name := range sortedKeys(counts) {
		if !within(name, configured) {
			continue
		}
		c := counts[name]
		if c.there > c.all/2 || name == "kernel/"+kernel {
			present = append(present, name)
		}
		if isKernel(name) {
			_, known := counts["kernel/"+kernel]
			hasKernel = known
		}
	}
	return slices.Compact(present), hasKernel
}

func isKernel(component string) bool {
	return component == "kernel" || strings.HasPrefix(component, "kernel/")
}
