package repl

import (
	"context"
	"path"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/script"
)

// hostData are the names that the host was asked for since the last input.
type hostData map[string][]string

// lookupTimeout bounds how long a person waits for a completion.
const lookupTimeout = 10 * time.Second

// listings tell where the names of things are: by argument, by module and
// argument, and else by the module whose own things are meant.
var listings = map[string]string{
	"pool": "h.zpool.list()", "pools": "h.zpool.list()",
	"dataset": "h.zfs.list()", "zfs/name": "h.zfs.list()", "zfs/names": "h.zfs.list()",
	"snapshot": `h.zfs.list{ types = { "snapshot" } }`,
	"jail":     "h.jail.list()", "host/name": "h.jail.list()",
	"poudriere/jail": "h.poudriere.jail.list()",
	"user":           "h.user.list()", "group": "h.group.list()",
	"interface": "h.net.interfaces()",
	"vm":        "h.vbox.vms()", "libvirt/name": "h.libvirt.domains()",
	"portshaker/name": "h.portshaker.source.list()",
	"names":           "h.pkg.list()", "pkg/name": "h.pkg.list()",
	"service/name": "h.service.list()", "user/name": "h.user.list()", "group/name": "h.group.list()",
	"jail/name": "h.jail.list()", "bectl/name": "h.bectl.list()", "kld/name": "h.kld.list()", "pf/name": "h.pf.tables.list()",
}

// paths are the arguments that name a file of the host.
var paths = map[string]bool{"path": true, "file": true, "dir": true, "target": true, "source": true, "from": true, "to": true, "image": true}

// values are what the string that the cursor is in could be.
func (r *repl) values(p place) []string {
	entry, param, found := r.param(p)
	if !found {
		return nil
	}
	if len(param.Enum) > 0 {
		return param.Enum
	}
	if strings.HasPrefix(p.quoted, "/") && (paths[param.Name] || entry.Module.Verbs) {
		return r.files(p.quoted)
	}
	if query := listing(entry, param); query != "" {
		return r.look(query, func(row map[string]any) string {
			name, _ := row["name"].(string)
			return name
		})
	}
	return nil
}

func listing(entry binding.Entry, param binding.Param) string {
	if query, known := listings[entry.Module.Name+"/"+param.Name]; known {
		return query
	}
	return listings[param.Name]
}

// files are those of the folder that a path leads to so far.
func (r *repl) files(typed string) []string {
	folder := path.Dir(typed + "x")
	return r.look("h.file.list("+strconv.Quote(folder)+")", func(row map[string]any) string {
		name, _ := row["name"].(string)
		if row["type"] == "directory" {
			name += "/"
		}
		return strings.TrimSuffix(folder, "/") + "/" + name
	})
}

// look asks the first of the chosen hosts for a list, and keeps the names of its
// rows until the next input. Where it cannot be had there is nothing to complete.
func (r *repl) look(query string, name func(row map[string]any) string) []string {
	if names, known := r.known[query]; known {
		return names
	}
	in, err := script.ParseInput("completion", query)
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	answer, err := r.chosen[0].Query(ctx, in)
	if err != nil {
		return nil
	}
	names := []string{}
	rows, _ := answer.([]any)
	for _, row := range rows {
		if row, is := row.(map[string]any); is {
			names = append(names, name(row))
		}
	}
	r.known[query] = names
	return names
}
