package doertest

import (
	"context"
	"io/fs"
	"strings"
	"testing"

	"bsdrun/runtime/effect"
)

// Jail is what Escape works on.
type Jail struct {
	Host, Inside effect.Doer
	Root         string // of the jail, in the host's tree
	Outside      string // a directory of the host that the jail lacks, and that may be made
	Context      context.Context
}

const kept = "kept from jails\n"

// Escape plants symbolic links in a jail that lead out of it where the host follows
// them, and does every file operation through them: none reads, makes or changes
// anything outside.
func Escape(t *testing.T, j Jail) {
	t.Helper()
	shell := func(script string) string {
		t.Helper()
		r, err := j.Host.Do(j.Context, effect.Effect{Op: "t", Kind: effect.Change, Shell: script})
		if err != nil {
			t.Fatal(err)
		}
		out, _ := r.Text()
		return out
	}
	shell(`rm -rf ` + j.Outside + `; mkdir -p ` + j.Outside + `/sub && printf '` + kept + `' >` + j.Outside + `/victim && chmod 640 ` + j.Outside + `/victim
cd ` + j.Root + ` && ln -s ` + j.Outside + ` trap && ln -s ../../../../../../../../../..` + j.Outside + ` up && ln -s ` + j.Outside + `/victim file && echo own >own`)
	look := func() string { return shell(`ls -lnR ` + j.Outside + ` && cat ` + j.Outside + `/victim`) }
	before := look()
	if through := shell("cat " + j.Root + "/trap/victim " + j.Root + "/up/victim " + j.Root + "/file"); through != kept+kept+kept {
		t.Fatalf("the links lead nowhere for the host either: %q", through)
	}
	mode := fs.FileMode(0o777)
	for _, way := range []string{"/trap", "/up"} {
		ops := map[string]effect.FileOp{
			"get": {Verb: effect.FileGet, Path: way + "/victim"}, "get a range": {Verb: effect.FileGet, Path: way + "/victim", Offset: 2, Length: 4},
			"get by a link": {Verb: effect.FileGet, Path: "/file"}, "hash": {Verb: effect.FileHash, Path: way + "/victim"},
			"stat": {Verb: effect.FileStat, Path: way + "/victim"}, "lstat": {Verb: effect.FileLstat, Path: way + "/victim"},
			"stat by a link": {Verb: effect.FileStat, Path: "/file"},
			"list":           {Verb: effect.FileList, Path: way}, "readlink": {Verb: effect.FileReadlink, Path: way + "/victim"},
			"put":           {Verb: effect.FilePut, Path: way + "/victim", Data: []byte("owned\n")},
			"put by a link": {Verb: effect.FilePut, Path: "/file", Data: []byte("owned\n")},
			"put a new one": {Verb: effect.FilePut, Path: way + "/new", Data: []byte("owned\n")},
			"put much":      {Verb: effect.FilePut, Path: way + "/victim", Data: []byte(strings.Repeat("owned\n", 20000))},
			"keep a backup": {Verb: effect.FilePut, Path: "/own", Data: []byte("new\n"), Backup: way + "/backup"},
			"remove":        {Verb: effect.FileRemove, Path: way + "/victim"}, "remove a tree": {Verb: effect.FileRemove, Path: way + "/sub", Recursive: true},
			"remove all":  {Verb: effect.FileRemove, Path: way + "/.", Recursive: true},
			"rename from": {Verb: effect.FileRename, Path: way + "/victim", To: "/stolen"}, "rename to": {Verb: effect.FileRename, Path: "/own", To: way + "/victim"},
			"mkdir": {Verb: effect.FileMkdir, Path: way + "/made"}, "mkdir -p": {Verb: effect.FileMkdir, Path: way + "/made/deep", Parents: true},
			"chmod": {Verb: effect.FileChmod, Path: way + "/victim", Mode: &mode}, "chmod -R": {Verb: effect.FileChmod, Path: way + "/sub", Mode: &mode, Recursive: true},
			"chmod by a link": {Verb: effect.FileChmod, Path: "/file", Mode: &mode},
			"chown":           {Verb: effect.FileChown, Path: way + "/victim", Owner: "1", Group: "1"}, "chown -R": {Verb: effect.FileChown, Path: way + "/sub", Owner: "1", Recursive: true},
			"link": {Verb: effect.FileLink, Path: "/hard", To: way + "/victim"}, "link there": {Verb: effect.FileLink, Path: way + "/hard", To: "/own"},
			"symlink there": {Verb: effect.FileLink, Path: way + "/soft", To: "/own", Symbolic: true},
		}
		for name, op := range ops {
			e := effect.Effect{Op: "t", Kind: effect.Change, File: &op}
			switch op.Verb {
			case effect.FileGet, effect.FileStat, effect.FileLstat, effect.FileList, effect.FileReadlink, effect.FileHash:
				e.Kind = effect.Read
			}
			r, err := j.Inside.Do(j.Context, e)
			if err == nil && (len(r.Data) > 0 || r.Info != nil || len(r.List) > 0) {
				t.Errorf("%s through %s: %q %+v %+v", name, way, r.Data, r.Info, r.List)
			}
			if now := look(); now != before {
				t.Fatalf("%s through %s reached the host:\n%s\nwas\n%s", name, way, now, before)
			}
		}
	}
	r, err := j.Inside.Do(j.Context, effect.Effect{Op: "t", Kind: effect.Read, File: &effect.FileOp{Verb: effect.FilePut, Path: "/proof", Data: []byte("inside\n")}})
	if err != nil || shell("cat "+j.Root+"/proof") != "inside\n" {
		t.Errorf("the jail itself is not written to: %+v, %v", r, err)
	}
}
