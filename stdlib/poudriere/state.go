package poudriere

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/effect"
)

// entry is one registered jail or ports tree: a directory with one value a
// file.
type entry struct {
	name   string
	values map[string]string
}

// listState prints every registration below a directory, or only the named one.
const listState = `cd "$1" 2>/dev/null || exit 0
for dir in ${2:-*}; do
	[ -d "$dir" ] || continue
	printf 'entry\t%s\n' "$dir"
	for file in "$dir"/*; do
		[ -f "$file" ] || continue
		value=
		IFS= read -r value <"$file" || :
		printf 'value\t%s\t%s\n' "${file##*/}" "$value"
	done
done`

// askState is the Read of the registrations below dir, all or the named one.
func askState(op, dir, name string) effect.Effect {
	e := effect.Effect{
		Op: op, Kind: effect.Read, Title: strings.TrimSpace("read " + dir + " " + name), Argv: []string{"sh", "-c", listState, "sh", dir, name},
		Reads: []effect.Resource{effect.Tree(dir), registrations(dir)},
	}
	if name != "" {
		e.Reads = []effect.Resource{effect.Tree(path.Join(dir, name)), registration(dir, name)}
		e.Answer = answerState(dir, name)
	}
	return e
}

func readState(ctx context.Context, h effect.Doer, op, dir, name string) ([]entry, error) {
	res, err := h.Do(ctx, askState(op, dir, name))
	if err != nil {
		return nil, err
	}
	out, err := res.Text()
	if err != nil {
		return nil, err
	}
	return parseState(out)
}

// registrations is the resource of all jails or trees, registration that of one.
func registrations(dir string) effect.Resource {
	return effect.Resource("poudriere:" + path.Base(dir) + "/")
}

func registration(dir, name string) effect.Resource {
	return registrations(dir) + effect.Resource(name)
}

// leaves tells check mode what a registration will hold; without values it will
// be gone.
func leaves(dir, name string, values map[string]string) map[effect.Resource]string {
	var text strings.Builder
	if values != nil {
		fmt.Fprintf(&text, "entry\t%s\n", name)
	}
	for _, key := range []string{"arch", "method", "mnt", "version"} {
		if value, known := values[key]; known {
			fmt.Fprintf(&text, "value\t%s\t%s\n", key, value)
		}
	}
	return map[effect.Resource]string{
		effect.Tree(path.Join(dir, name)): "registration", registration(dir, name): text.String(),
	}
}

// answerState answers from what skipped changes would have registered.
func answerState(dir, name string) func(map[effect.Resource]string) (effect.Result, bool) {
	return func(pending map[effect.Resource]string) (effect.Result, bool) {
		text, known := pending[registration(dir, name)]
		return effect.Result{Stdout: effect.OutputOf([]byte(text))}, known
	}
}

func parseState(out string) ([]entry, error) {
	var entries []entry
	for _, row := range strings.Split(out, "\n") {
		if row == "" {
			continue
		}
		fields := strings.SplitN(row, "\t", 3)
		switch {
		case fields[0] == "entry" && len(fields) == 2:
			entries = append(entries, entry{fields[1], map[string]string{}})
		case fields[0] == "value" && len(fields) == 3 && len(entries) > 0:
			entries[len(entries)-1].values[fields[1]] = fields[2]
		default:
			return nil, fmt.Errorf("poudriere.d: not understood: %q", row)
		}
	}
	return entries, nil
}

// registered finds one registration; nil when there is none.
func registered(ctx context.Context, h effect.Doer, op, dir, name string) (*entry, error) {
	entries, err := readState(ctx, h, op, dir, name)
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	return &entries[0], nil
}

// stamp reads an epoch; the zero time where there is none.
func stamp(text string) time.Time {
	seconds, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || seconds <= 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
