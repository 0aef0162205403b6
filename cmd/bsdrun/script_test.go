package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"bsdrun": func() { os.Exit(Main()) },
	})
}

// TestScripts runs tests/script/*.txtar: the built command, end to end.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "../../tests/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			env.Setenv("XDG_STATE_HOME", env.WorkDir+"/state")
			env.Setenv("GIT_CONFIG_GLOBAL", env.WorkDir+"/.gitconfig")
			env.Setenv("SSH_AUTH_SOCK", "")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"code": exitsWith,
			"json": jsonHas,
		},
	})
}

// exitsWith runs a command and checks its exit code:
// code 64 bsdrun --no-such-flag.
func exitsWith(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%s: exit code %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// jsonHas checks a value of the JSON on standard output:
// json hosts.0.result.built.len 3, json hosts.0.status ok.
func jsonHas(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: json PATH VALUE")
	}
	var value any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &value))
	for word := range strings.SplitSeq(args[0], ".") {
		value = within(ts, value, word, args[0])
	}
	got := fmt.Sprint(value)
	if n, ok := value.(float64); ok {
		got = strconv.FormatFloat(n, 'f', -1, 64)
	}
	if (got == args[1]) == neg {
		ts.Fatalf("%s is %s", args[0], got)
	}
}

func within(ts *testscript.TestScript, value any, word, path string) any {
	switch v := value.(type) {
	case map[string]any:
		inner, ok := v[word]
		if !ok {
			ts.Fatalf("%s: there is no %s", path, word)
		}
		return inner
	case []any:
		if word == "len" {
			return len(v)
		}
		i, err := strconv.Atoi(word)
		if err != nil || i >= len(v) {
			ts.Fatalf("%s: no element %s among %d", path, word, len(v))
		}
		return v[i]
	default:
		ts.Fatalf("%s: %v has no %s", path, value, word)
		return nil
	}
}
