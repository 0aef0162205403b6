package zpool

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

const upgradeNote = "older systems and older boot code cannot read an upgraded pool"

// UpgradeArgs are the arguments of Upgrade.
type UpgradeArgs struct {
	Pool    string `lua:"pool,required" doc:"name of the pool"`
	Version int    `lua:"version" doc:"upgrade an old pool to this version only; default: to all that the system supports"`
}

// Upgraded is what an upgrade of a pool came to.
type Upgraded struct {
	Changed  bool     `lua:"changed" doc:"the pool was, or in check mode would be, upgraded"`
	From     int      `lua:"from,omitempty" doc:"version of an old pool before"`
	Pending  []string `lua:"pending" doc:"features that were not enabled before and that the compatibility of the pool allows"`
	To       int      `lua:"to,omitempty,produced" doc:"version after; absent where features count"`
	Features []string `lua:"features,produced" doc:"features that were enabled"`
	Text     string   `lua:"text,produced" doc:"what the tool said"`
}

// Upgrade enables all features of a pool that the running system supports, or
// brings it to a later version. What is up to date is left alone.
func Upgrade(ctx context.Context, h effect.Doer, a UpgradeArgs) (Upgraded, error) {
	const op = "zpool.upgrade"
	var done Upgraded
	if err := checkPool(op, a.Pool); err != nil {
		return done, err
	}
	out, err := query(ctx, h, op, "zpool upgrade; zpool get compatibility "+a.Pool, upgradeScript, onPool(a.Pool), a.Pool, divider)
	if err != nil {
		return done, err
	}
	done.From, done.Pending = pending(out, a.Pool)
	if done.From == 0 && len(done.Pending) == 0 || a.Version > 0 && (done.From == 0 || done.From >= a.Version) {
		return done, nil
	}
	argv := []string{"zpool", "upgrade"}
	if a.Version > 0 {
		argv = append(argv, "-V", strconv.Itoa(a.Version))
	}
	res, err := change(ctx, h, effect.Effect{
		Op: op, Risk: effect.Irreversible, Note: upgradeNote,
		Argv: append(argv, a.Pool), Writes: onPool(a.Pool), Diff: diff(a.Pool, "upgrade the pool"),
	})
	if err != nil {
		return done, err
	}
	if res.Skipped {
		done.Changed = true
		return done, nil
	}
	done.Text, err = res.Text()
	done.To, done.Features, done.Changed = parseUpgraded(done.Text)
	return done, err
}

// upgradeScript lists what could be upgraded, and what limits it: the property
// compatibility, and the files that it names. What the tool lists does not heed
// that. The second command fails where there is no such pool.
const upgradeScript = `zpool upgrade && zpool list -H -o name "$1" >/dev/null || exit
echo "$2"
sets=$(zpool get -H -o value compatibility "$1" 2>/dev/null)
echo "$sets"
IFS=,
for set in $sets; do
	echo "$2"
	for file in "$set" "/etc/zfs/compatibility.d/$set" "/usr/share/zfs/compatibility.d/$set"; do
		case $file in /*) cat "$file" 2>/dev/null && break ;; esac
	done
done
exit 0`

// pending is what of the answer to upgradeScript an upgrade would change: the
// version of an old pool, or features.
func pending(out, pool string) (version int, features []string) {
	parts := strings.Split(out, divider+"\n")
	system := parseUpgradable(parts[0])
	features = append([]string{}, system.Pending[pool]...)
	if len(parts) < 2 {
		return system.Legacy[pool], features
	}
	if strings.TrimSpace(parts[1]) == "legacy" {
		return 0, []string{}
	}
	for _, set := range parts[2:] {
		allowed := parseFeatureSet(set)
		if len(allowed) == 0 { // off, or a file that cannot be read: the tool decides
			continue
		}
		features = slices.DeleteFunc(features, func(feature string) bool { return !allowed[feature] })
	}
	return system.Legacy[pool], features
}

// parseFeatureSet reads a file of zpool-features(7): names between blanks and
// commas, and comments.
func parseFeatureSet(text string) map[string]bool {
	names := map[string]bool{}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		for _, name := range strings.FieldsFunc(line, func(r rune) bool { return r == ',' || unicode.IsSpace(r) }) {
			names[name] = true
		}
	}
	return names
}

// upgradable is what zpool upgrade without a pool tells.
type upgradable struct {
	Legacy  map[string]int      // versions of pools that are older
	Pending map[string][]string // features not enabled, by pool
}

var (
	legacyForm    = lazyregexp.New(`^ *(\d+) {2,}(\S.*)$`)
	upgradedForm  = lazyregexp.New(`^Successfully upgraded '.*' from version \d+ to (?:version (\d+)|feature flags)`)
	enabledForm   = lazyregexp.New(`^Enabled the following features on '`)
	featuresTitle = lazyregexp.New(`^POOL +FEATURE`)
)

func parseUpgradable(out string) upgradable {
	u := upgradable{Legacy: map[string]int{}, Pending: map[string][]string{}}
	table, pool := "", ""
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "VER  POOL"):
			table = "legacy"
		case featuresTitle.MatchString(line):
			table, pool = "features", ""
		case strings.HasPrefix(line, "---"):
		case line == "":
			if table != "features" {
				table = ""
			}
		case table == "legacy":
			if m := legacyForm.FindStringSubmatch(line); m != nil {
				u.Legacy[m[2]], _ = strconv.Atoi(m[1])
			}
		case table == "features" && strings.HasPrefix(line, " "):
			u.Pending[pool] = append(u.Pending[pool], strings.TrimSpace(line))
		case table == "features":
			pool = line
		}
	}
	return u
}

// parseUpgraded reads what zpool upgrade POOL says it has done.
func parseUpgraded(out string) (version int, features []string, changed bool) {
	features = []string{}
	enabling := false
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\n")
		if m := upgradedForm.FindStringSubmatch(line); m != nil {
			version, _ = strconv.Atoi(m[1])
			changed = true
		}
		if enabling && strings.HasPrefix(line, "  ") {
			features = append(features, strings.TrimSpace(line))
		}
		enabling = enabledForm.MatchString(line) || enabling && line != ""
		changed = changed || enabling
	}
	return version, features, changed
}
