package repl_test

import (
	"bytes"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/engine"
	"bsdrun/runtime/inventory"
	"bsdrun/runtime/repl"
	"bsdrun/stdlib"
)

// typist types inputs; those that end in a tab are completed instead.
type typist struct {
	inputs    []string
	complete  repl.Completer
	pending   string
	completed map[string][]string
}

func (t *typist) Line(string) (string, error) {
	for len(t.inputs) > 0 {
		input := t.inputs[0]
		t.inputs = t.inputs[1:]
		asked, tab := strings.CutSuffix(input, "\t")
		if !tab {
			return input, nil
		}
		_, words, _ := t.complete(t.pending+asked, len([]rune(t.pending+asked)))
		t.completed[asked] = words
	}
	return "", io.EOF
}

func (t *typist) Pending(text string)       { t.pending = text }
func (t *typist) Complete(c repl.Completer) { t.complete = c }
func (t *typist) Remember(string)           {}
func (t *typist) Close() error              { return nil }

// talk holds a session on simulated hosts.
func talk(t *testing.T, spec string, inputs ...string) (out, errOut string, completed map[string][]string, failure effect.ErrKind) {
	t.Helper()
	hosts, err := inventory.Parse(spec)
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	editor := &typist{inputs: inputs, completed: map[string][]string{}}
	_, failure, err = repl.Run(t.Context(), engine.Options{Hosts: hosts, Modules: stdlib.Modules(), Tools: stdlib.Tools}, repl.Config{
		Editor: editor, Out: &stdout, Err: &stderr,
		Doc: func(name string) (string, error) { return "about " + name + "\n", nil }, DocNames: []string{"zpool", "zfs"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String(), editor.completed, failure
}

func TestCompletion(t *testing.T) {
	want := map[string][]string{
		"h.zpo":                              {"zpool"},
		"h.zpool.stat":                       {"status"},
		"h.poudriere.jail.cre":               {"create"},
		"h:reb":                              {"reboot"},
		"h:zpo":                              nil,
		"fleet.bar":                          {"barrier"},
		"version.comp":                       {"compare", "compare_packages"},
		"string.rep":                         {"rep"},
		"conf":                               {"config", "confirm"},
		"config.di":                          {"disks"},
		`x = h.zpool.status("`:               {"zroot"},
		`h.zfs.snapshot({ "zroot/ho`:         {"zroot/home"},
		`h.service.restart("cro`:             {"cron"},
		`h.file.get("/etc/rc.co`:             {"/etc/rc.conf", "/etc/rc.conf.d/"},
		`h.file.put("/etc/x", "y", { mo`:     {"mode = "},
		`h.file.put{ path = "/etc/rc.co`:     {"/etc/rc.conf", "/etc/rc.conf.d/"},
		`h.file.put{ path = "/x", content`:   {"content = "},
		`h.file.put{ path = "/x", pat`:       nil,
		`if h.file.exists("/etc/motd") th`:   {"then"},
		`log("it's h.zp`:                     nil,
		`h.file.put{ mode = "/* -- */", con`: {"content = "},
		":ch":                                {":check"},
		":check o":                           {"off", "on"},
		":doc zf":                            {"zfs"},
		":hosts s":                           {"sim"},
	}
	inputs := []string{"config = { disks = { 1 } }"}
	for text := range want {
		inputs = append(inputs, text+"\t")
	}
	slices.Sort(inputs[1:])
	_, errOut, got, _ := talk(t, "sim:", inputs...)
	for text, words := range want {
		if !slices.Equal(got[text], words) {
			t.Errorf("%s: got %q, not %q", text, got[text], words)
		}
	}
	if errOut != "" {
		t.Errorf("completion tells %s", errOut)
	}
}

func TestCompletionSeesTheLinesBefore(t *testing.T) {
	_, _, got, _ := talk(t, "sim:", "x = h.zpool.status(", "\"\t", "\"zroot\")")
	if !slices.Equal(got["\""], []string{"zroot"}) {
		t.Errorf("got %q", got)
	}
}

func TestCompletionSeesWhatAnInputHasChanged(t *testing.T) {
	_, _, got, _ := talk(t, "sim:", "h.zfs.list(\"zroot/n\t", `h.zfs.create("zroot/new")`, "h.zfs.list(\"zroot/ne\t")
	if len(got[`h.zfs.list("zroot/n`]) > 0 || !slices.Equal(got[`h.zfs.list("zroot/ne`], []string{"zroot/new"}) {
		t.Errorf("got %q", got)
	}
}

func TestCheckModeOfASession(t *testing.T) {
	out, errOut, _, failure := talk(t, "sim:",
		`h.file.exists("/tmp/a")`, ":check on", `h.file.put("/tmp/a", "1").changed`, `h.file.exists("/tmp/a")`,
		":check off", `h.file.exists("/tmp/a")`, `h.file.put("/tmp/a", "1").changed`, ":check on", `h.file.exists("/tmp/a")`, `h:run("true").stdout`)
	words := strings.Fields(strings.NewReplacer("check mode is on: changes are skipped, reads are real", "on", "check mode is off: changes are made", "off").Replace(out))
	if want := "no on yes yes off no yes on yes"; !strings.HasPrefix(strings.Join(words, " "), want) {
		t.Errorf("got %q", words)
	}
	if strings.Count(errOut, "would change: ") != 2 || strings.Count(errOut, "\nchanged: ") != 1 || failure != "" {
		t.Errorf("%s: %s", failure, errOut)
	}
}

func TestAnswersOfManyHosts(t *testing.T) {
	out, errOut, _, failure := talk(t, "sim:*3", "h.facts.os", "h.name", `if h.name == "sim-2" then fail("not here") end`, ":hosts sim-1", "h.name")
	for _, want := range []string{"sim-1, sim-2, sim-3:  FreeBSD\n", "sim-1:  sim-1\nsim-2:  sim-2\nsim-3:  sim-3\n", "* sim-1\n  sim-2\n  sim-3\nsim-1\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if !strings.Contains(errOut, "sim-2: not here") || failure != effect.Failed {
		t.Errorf("%s: %s", failure, errOut)
	}
}

func TestWhatASessionTellsOfMistakes(t *testing.T) {
	out, errOut, _, failure := talk(t, "sim:", ":nonsense", ":check maybe", ":hosts nobody", "x = = 1", "h.zpool.statsu()", `skip("no need")`, ":doc zpool", "h.zfs", "f(")
	for _, want := range []string{"there is no command :nonsense", `not "maybe"`, "nobody is no host", "near", `did you mean "status"`, "not complete"} {
		if !strings.Contains(errOut, want) {
			t.Errorf("no %q in\n%s", want, errOut)
		}
	}
	for _, want := range []string{"no need", "about zpool", "about h.zfs"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if failure != effect.Usage {
		t.Error(failure)
	}
}

func TestHistoryIsKeptAndBounded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bsdrun", "history")
	long := make([]string, 2100)
	for i := range long {
		long[i] = strings.Repeat("x", i%7+1)
	}
	if got := repl.FillHistory(file, long...); len(got) != 1000 {
		t.Errorf("%d lines are left", len(got))
	}
	got := repl.FillHistory(file, "f(\n  1)", "x = [[\n1]]", "x = [[\n1]]", "same", "same")
	if want := []string{"f( 1)", "x = [[", "1]]", "x = [[", "1]]", "same"}; !slices.Equal(got[1000:], want) {
		t.Errorf("got %q", got[1000:])
	}
}
