// Package tests holds what is checked of the house as a whole.
package tests

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// floors names the floor of every package, the longest matching prefix
// counting. Imports go down only.
var floors = map[string]int{
	"bsdrun/runtime/lazyregexp": -1,
	"bsdrun/runtime/effect":     0,
	"bsdrun/runtime/clock":      0,
	"bsdrun/runtime/bulk":       0,
	"bsdrun/runtime/spelling":   0,
	"bsdrun/runtime/inventory":  0,
	"bsdrun/runtime/journal":    0,
	"bsdrun/runtime/host":       1,
	"bsdrun/runtime/binding":    1,
	"bsdrun/runtime/sshhost":    1,
	"bsdrun/runtime/layer":      1,
	"bsdrun/runtime/sim":        1,
	"bsdrun/runtime/script":     2,
	"bsdrun/runtime/report":     2,
	"bsdrun/runtime/page":       2,
	"bsdrun/runtime/fleet":      1,
	"bsdrun/runtime/gen":        3,
	"bsdrun/runtime/serve":      3,
	"bsdrun/runtime/lint":       3,
	"bsdrun/runtime/view":       3,
	"bsdrun/stdlib":             2,
	"bsdrun/runtime/engine":     3,
	"bsdrun/runtime/rehearse":   4,
	"bsdrun/runtime/repl":       4,
	"bsdrun/recipes":            0,
	"bsdrun/cmd":                5,
	"bsdrun/tests":              6,
}

// within lists the imports that are allowed between packages of one floor.
// Modules of stdlib import one way, towards the plainer one.
var within = map[string][]string{
	"bsdrun/runtime/journal":      {"bsdrun/runtime/effect"},
	"bsdrun/runtime/bulk":         {"bsdrun/runtime/effect", "bsdrun/runtime/clock"},
	"bsdrun/runtime/inventory":    {"bsdrun/runtime/effect", "bsdrun/runtime/spelling"},
	"bsdrun/stdlib":               {"bsdrun/stdlib"},
	"bsdrun/stdlib/bectl":         {},
	"bsdrun/stdlib/gpart":         {},
	"bsdrun/stdlib/boot":          {"bsdrun/stdlib/gpart", "bsdrun/stdlib/zpool"},
	"bsdrun/stdlib/cc":            {"bsdrun/stdlib/cc/programs"},
	"bsdrun/stdlib/image":         {"bsdrun/stdlib/image/qcow2"},
	"bsdrun/stdlib/libvirt":       {"bsdrun/stdlib/image/qcow2"},
	"bsdrun/stdlib/kld":           {"bsdrun/stdlib/file", "bsdrun/stdlib/shellvars", "bsdrun/stdlib/sysrc"},
	"bsdrun/stdlib/mount":         {"bsdrun/stdlib/file"},
	"bsdrun/stdlib/group":         {},
	"bsdrun/stdlib/net":           {"bsdrun/stdlib/sysrc"},
	"bsdrun/stdlib/cron":          {"bsdrun/stdlib/file"},
	"bsdrun/stdlib/jail":          {"bsdrun/stdlib/file"},
	"bsdrun/stdlib/user":          {"bsdrun/stdlib/file", "bsdrun/stdlib/group"},
	"bsdrun/stdlib/ports":         {"bsdrun/stdlib/file", "bsdrun/stdlib/ports"},
	"bsdrun/stdlib/pkg":           {"bsdrun/stdlib/file"},
	"bsdrun/stdlib/sysrc":         {"bsdrun/stdlib/file", "bsdrun/stdlib/shellvars"},
	"bsdrun/stdlib/service":       {"bsdrun/stdlib/file", "bsdrun/stdlib/shellvars", "bsdrun/stdlib/sysrc"},
	"bsdrun/stdlib/sysctl":        {"bsdrun/stdlib/file", "bsdrun/stdlib/shellvars"},
	"bsdrun/stdlib/shellvars":     {"bsdrun/stdlib/file"},
	"bsdrun/stdlib/git":           {"bsdrun/stdlib/file", "bsdrun/stdlib/pkg"},
	"bsdrun/stdlib/portshaker":    {"bsdrun/stdlib/file", "bsdrun/stdlib/shellvars", "bsdrun/stdlib/pkg", "bsdrun/stdlib/git"},
	"bsdrun/stdlib/poudriere":     {"bsdrun/stdlib/file", "bsdrun/stdlib/shellvars", "bsdrun/stdlib/pkg", "bsdrun/stdlib/git", "bsdrun/stdlib/ports"},
	"bsdrun/stdlib/freebsdupdate": {"bsdrun/stdlib/file", "bsdrun/stdlib/freebsdupdate"},
	"bsdrun/stdlib/pf":            {"bsdrun/stdlib/file", "bsdrun/stdlib/pf", "bsdrun/stdlib/sysrc"},
	"bsdrun/stdlib/vbox":          {},
	"bsdrun/stdlib/pkgbase":       {"bsdrun/stdlib/file", "bsdrun/stdlib/pkg"},
	"bsdrun/runtime/lint":         {"bsdrun/runtime/lint"},
	"bsdrun/runtime/sim":          {"bsdrun/runtime/sim"},
	"bsdrun/runtime/sshhost":      {"bsdrun/runtime/sshhost"},
	"bsdrun/cmd":                  {"bsdrun/cmd"},
	"bsdrun/tests":                {"bsdrun/tests"},
}

// only says who alone may import a package of others.
var only = map[string][]string{
	"github.com/yuin/gopher-lua":      {"bsdrun/runtime/script"},
	"golang.org/x/crypto/ssh":         {"bsdrun/runtime/sshhost", "bsdrun/runtime/sim", "bsdrun/runtime/inventory/secrets", "bsdrun/tests"},
	"github.com/pkg/sftp":             {"bsdrun/runtime/sshhost", "bsdrun/runtime/sim", "bsdrun/tests"},
	"modernc.org/sqlite":              {"bsdrun/runtime/journal"},
	"github.com/peterh/liner":         {"bsdrun/runtime/repl"},
	"github.com/spf13/cobra":          {"bsdrun/cmd"},
	"os/exec":                         {"bsdrun/runtime/sshhost", "bsdrun/cmd", "bsdrun/tests"},
	"net":                             {"bsdrun/runtime/sshhost", "bsdrun/runtime/sim", "bsdrun/runtime/engine", "bsdrun/runtime/inventory", "bsdrun/runtime/serve", "bsdrun/cmd", "bsdrun/tests"},
	"github.com/rogpeppe/go-internal": {"bsdrun/tests", "bsdrun/stdlib", "bsdrun/runtime"},
}

type goPackage struct {
	ImportPath string
	Imports    []string
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "bsdrun/...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var packages []goPackage
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// longest finds the longest prefix of name among the keys.
func longest[V any](table map[string]V, name string) (V, bool) {
	for at := name; at != "." && at != "/"; at = path.Dir(at) {
		if v, ok := table[at]; ok {
			return v, true
		}
	}
	var none V
	return none, false
}

func below(name, prefix string) bool {
	return name == prefix || strings.HasPrefix(name, prefix+"/")
}

func belowAny(name string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return below(name, p) })
}

func TestImportsGoDown(t *testing.T) {
	for _, p := range listPackages(t) {
		floor, known := longest(floors, p.ImportPath)
		if !known {
			t.Errorf("%s stands on no floor: add it to floors", p.ImportPath)
			continue
		}
		allowed, _ := longest(within, p.ImportPath)
		for _, imported := range p.Imports {
			if !below(imported, "bsdrun") || belowAny(imported, allowed) {
				continue
			}
			if to, _ := longest(floors, imported); to >= floor {
				t.Errorf("%s (floor %d) imports %s (floor %d)", p.ImportPath, floor, imported, to)
			}
		}
	}
}

func TestVocabularyNeedsOnlyTheStandardLibrary(t *testing.T) {
	for _, p := range listPackages(t) {
		if p.ImportPath != "bsdrun/runtime/effect" && p.ImportPath != "bsdrun/runtime/clock" {
			continue
		}
		for _, imported := range p.Imports {
			if strings.Contains(strings.Split(imported, "/")[0], ".") {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
		}
	}
}

func TestOnlyTheirOwnersImportLibraries(t *testing.T) {
	for _, p := range listPackages(t) {
		for _, imported := range p.Imports {
			owners, guarded := only[imported]
			if guarded && !belowAny(p.ImportPath, owners) {
				t.Errorf("%s imports %s, which belongs to %s", p.ImportPath, imported, strings.Join(owners, ", "))
			}
		}
	}
}

func TestSimulatedToolsDoNotKnowTheirBindings(t *testing.T) {
	for _, p := range listPackages(t) {
		if !below(p.ImportPath, "bsdrun/stdlib") || !strings.HasSuffix(p.ImportPath, "sim") {
			continue
		}
		for _, imported := range p.Imports {
			if imported == path.Dir(p.ImportPath) {
				t.Errorf("%s imports the binding it stands in for", p.ImportPath)
			}
		}
	}
}
