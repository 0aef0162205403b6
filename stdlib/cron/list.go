package cron

import (
	"context"
	"path"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
)

// ListArgs are the arguments of List.
type ListArgs struct {
	User string `lua:"user" doc:"only what runs as this user"`
}

// listScript shows all tables; a letter tells lines and files apart.
const listScript = `show() {
	[ ! -f "$2" ] || [ ! -r "$2" ] || { echo "$1 $2"; sed 's/^/L /' "$2"; }
}
show S /etc/crontab
for f in /etc/cron.d/* /usr/local/etc/cron.d/*; do show S "$f"; done
if [ "$(id -u)" = 0 ]; then
	for f in ` + tabs + `/*; do show U "$f"; done
elif own=$(/usr/bin/crontab -l 2>/dev/null); then
	echo "U ` + tabs + `/$(id -un)"
	echo "$own" | sed 's/^/L /'
fi
:`

// List lists all that cron runs, table by table.
func List(ctx context.Context, h effect.Doer, a ListArgs) ([]Entry, error) {
	res, err := h.Do(ctx, effect.Effect{
		Op: "cron.list", Kind: effect.Read, Title: "show the tables of cron(8)", Shell: listScript,
		Reads: []effect.Resource{
			"cron", effect.File("/etc/crontab"), effect.Tree(systemDir), effect.Tree("/usr/local/etc/cron.d"), effect.Tree(tabs),
		},
	})
	if err != nil {
		return nil, err
	}
	out, err := res.Text()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(parseTables(out), func(e Entry) bool {
		user := e.User
		if i := strings.IndexAny(user, ":/"); i >= 0 {
			user = user[:i]
		}
		return a.User != "" && user != a.User
	}), nil
}

// parseTables reads the output of listScript.
func parseTables(out string) []Entry {
	list := []Entry{}
	var table strings.Builder
	file, user := "", ""
	end := func() {
		if file != "" {
			list = append(list, parse(table.String(), file, user)...)
		}
		table.Reset()
	}
	for line := range strings.Lines(out) {
		letter, value, _ := strings.Cut(line, " ")
		switch letter {
		case "S", "U":
			end()
			file, user = strings.TrimSpace(value), ""
			if letter == "U" {
				user = path.Base(file)
			}
		case "L":
			table.WriteString(value)
		}
	}
	end()
	return list
}
