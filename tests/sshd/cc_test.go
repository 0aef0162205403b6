package sshd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bsdrun/tests/sshd/sshdtest"
)

// needCompiler skips a test where nothing can be compiled.
func needCompiler(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skip("there is no C compiler")
	}
}

func TestRealProgramsAreCompiledAndRun(t *testing.T) {
	needCompiler(t)
	s := sshdtest.Start(t, sshdtest.Options{})
	note := filepath.Join(t.TempDir(), "where") // the endless program is
	r := runOn(t, s, "ad hoc", []byte(`
		local echo = [[
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	char line[100], where[1000];
	for (int i = 1; i < argc; i++)
		printf("<%s>", argv[i]);
	if (fgets(line, sizeof line, stdin))
		printf("[%s]", line);
	fprintf(stderr, "%.0f", pow(atof("2"), 10));
	if (!getcwd(where, sizeof where))
		return 1;
	printf("\n%s", where);
	return 42;
}]]
		local ran = h.cc.run(echo, { args = { "a b", "", "*" }, stdin = "typed", flags = { "-O1", "-lm" } })
		local none = h.cc.read(echo, { compiler = "no-such-compiler" })
		local broken = h.cc.read(echo, { compiler = "/bin/false" })
		local _, wrong = pcall(h.cc.read, "int main(void)\n{\n\treturn 1 +;\n}\n")
		local _, unlinked = pcall(h.cc.read, "void f(void);\nint main(void)\n{\n\tf();\n\treturn 0;\n}\n")
		local crashed = h.cc.read("#include <stdlib.h>\nint main(void) { abort(); }\n")
		local endless, late = pcall(h.cc.read, [[
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	if (argc != 2 || system(argv[1]) != 0)
		return 1;
	for (;;)
		pause();
}]], { args = { "pwd >'" .. p.note .. "'" }, timeout = 5 })
		return { ran = ran, none = none, broken = broken, wrong = wrong.message, unlinked = unlinked.message, kind = wrong.kind,
			crashed = crashed.code, late = late.kind, endless = endless }
	`), map[string]any{"note": note})
	h := r.Hosts[0]
	if h.Error != nil {
		t.Fatalf("%+v", h.Error)
	}
	got := h.Result.(map[string]any)
	ran := got["ran"].(map[string]any)
	text, where, _ := strings.Cut(ran["stdout"].(string), "\n")
	if text != "<a b><><*>[typed]" || ran["stderr"] != "1024" || ran["code"] != int64(42) || ran["compiled"] != true {
		t.Errorf("ran: %v", ran)
	}
	awaitGone(t, where)
	if none := got["none"].(map[string]any); none["compiled"] != false || none["reason"] != "there is no C compiler" {
		t.Errorf("none: %v", none)
	}
	if broken := got["broken"].(map[string]any); broken["compiled"] != false || !strings.HasPrefix(broken["reason"].(string), "the C compiler does not work") {
		t.Errorf("broken: %v", broken)
	}
	if wrong := got["wrong"].(string); got["kind"] != "failed" || !strings.Contains(wrong, "line 3: expected expression") || !strings.Contains(wrong, "3 | return 1 +;") {
		t.Errorf("wrong: %v", wrong)
	}
	if unlinked := got["unlinked"].(string); !strings.Contains(unlinked, "the source does not compile: ") {
		t.Errorf("unlinked: %v", unlinked)
	}
	if got["crashed"] != int64(134) || got["late"] != "timeout" || got["endless"] != false {
		t.Errorf("got %v", got)
	}
	// On a busy machine the time may be over while it is compiled.
	if ended, err := os.ReadFile(note); err == nil {
		awaitGone(t, strings.TrimSpace(string(ended)))
	}
}

// awaitGone waits until a program's private directory is gone; one that was ended
// removes it while it ends.
func awaitGone(t *testing.T, dir string) {
	t.Helper()
	if !strings.Contains(dir, "bsdrun-cc.") {
		t.Errorf("%q is no private directory", dir)
	}
	for range 1200 {
		if _, err := os.Stat(dir); os.IsNotExist(err) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("%s is still there", dir)
}
