package cc

import (
	"context"
	"strings"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/sim/base"
	"bsdrun/stdlib/cc/ccsim"
	"bsdrun/stdlib/cc/programs"
	"bsdrun/tests/onsim"
	"bsdrun/tests/transcript"
)

func TestTheProgramRunsAndNothingStays(t *testing.T) {
	h, m := onsim.New(t, "", base.Tools(), ccsim.Tools())
	before := transcript.Must(t, m, "ls -a /tmp /var/tmp")
	for _, doer := range []effect.Doer{h, onsim.As(t, m, "tester")} {
		got, err := read(context.Background(), doer, Args{
			Source: programs.Source(programs.BindProbe), Flags: []string{"-O2", "-Wall"}, Args: []string{"7020", "echo it is $port; echo away >&2", "udp"},
		})
		if err != nil || !got.Compiled || got.Compiler != "/usr/bin/cc" || got.Code != 0 || got.Stderr != "away\n" {
			t.Fatalf("%+v, %v", got, err)
		}
		if !strings.HasPrefix(got.Stdout, "experiment udp port 7020\n") || !strings.HasSuffix(got.Stdout, "-- shown\nit is 7020\n") {
			t.Errorf("got %q", got.Stdout)
		}
	}
	if after := transcript.Must(t, m, "ls -a /tmp /var/tmp"); after != before {
		t.Errorf("left behind:\n%s", after)
	}
}

func TestTheExitCodeIsAnAnswer(t *testing.T) {
	h, _ := onsim.New(t, "", base.Tools(), ccsim.Tools())
	got, err := run(context.Background(), h, Args{Source: programs.Source(programs.BindProbe)})
	if err != nil || got.Code != 2 || !strings.HasPrefix(got.Stderr, "usage: ") {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAHostWithoutCompilerIsNotMeasured(t *testing.T) {
	h, m := onsim.New(t, "", base.Tools(), ccsim.Tools())
	transcript.Must(t, m, "rm /usr/bin/cc")
	got, err := read(context.Background(), h, Args{Source: programs.Source(programs.Trial)})
	if err != nil || !got.Compiled || got.Compiler != "/usr/bin/clang" {
		t.Errorf("clang is left: %+v, %v", got, err)
	}
	transcript.Must(t, m, "rm /usr/bin/clang")
	got, err = read(context.Background(), h, Args{Source: programs.Source(programs.Trial)})
	if err != nil || got.Compiled || got.Reason != "there is no C compiler" {
		t.Errorf("%+v, %v", got, err)
	}
	transcript.Must(t, m, `printf '#!/bin/sh\necho "cc: no headers" >&2\nexit 1\n' >/usr/bin/cc; chmod 755 /usr/bin/cc`)
	got, err = read(context.Background(), h, Args{Source: programs.Source(programs.Trial)})
	if err != nil || got.Compiled || got.Reason != "the C compiler does not work: cc: no headers" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestWhatTheSimulatorCannotCompileFails(t *testing.T) {
	h, m := onsim.New(t, "", base.Tools(), ccsim.Tools())
	_, err := read(context.Background(), h, Args{Source: "int main(void) { return 0; }\n"})
	if effect.KindOf(err) != effect.Failed || !strings.Contains(err.Error(), "the simulator can't") || len(m.CannotLog()) == 0 {
		t.Errorf("got %v", err)
	}
}

// TestAnotherPlaceIsFound has a temporary directory where nobody may write.
func TestAnotherPlaceIsFound(t *testing.T) {
	_, m := onsim.New(t, "", base.Tools(), ccsim.Tools())
	user := onsim.As(t, m, "tester")
	transcript.Must(t, m, "chmod 755 /tmp")
	if got, err := read(context.Background(), user, Args{Source: programs.Source(programs.Trial)}); err != nil || !got.Compiled {
		t.Errorf("/var/tmp is left: %+v, %v", got, err)
	}
	transcript.Must(t, m, "chmod 755 /var/tmp; chown root /home/tester")
	_, err := read(context.Background(), user, Args{Source: programs.Source(programs.Trial)})
	if effect.KindOf(err) != effect.Failed || !strings.Contains(err.Error(), "no directory") {
		t.Errorf("got %v", err)
	}
}

func TestArgumentsAreCheckedFirst(t *testing.T) {
	for _, a := range []Args{
		{Source: " \n"},
		{Source: strings.Repeat("x", maxSource+1)},
		{Source: "x", Compiler: "cc; rm"},
		{Source: "x", Compiler: "-v"},
		{Source: "x", Flags: []string{"-O2", "-o", "x"}},
		{Source: "x", Flags: []string{"-ofile"}},
	} {
		if _, err := run(context.Background(), nil, a); effect.KindOf(err) != effect.Invalid {
			t.Errorf("%.40v: %v", a, err)
		}
	}
}

func TestTheSourcesAreListed(t *testing.T) {
	for _, name := range []string{programs.BindProbe, programs.Trial} {
		if text, err := source(context.Background(), nil, SourceArgs{Name: name}); err != nil || !strings.Contains(text, "main(") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestErrorsShowTheLines(t *testing.T) {
	source := "#include <stdio.h>\nint main(void)\n{\n\tprintf(\"x\")\n\treturn y;\n}\n"
	for name, messages := range map[string]string{
		"clang": "program.c:4:13: error: expected ';' after expression\n    4 |         printf(\"x\")\n      |                    ^\nprogram.c:5:9: error: use of undeclared identifier 'y'\n2 errors generated.\n",
		"gcc 4": "program.c: In function 'main':\nprogram.c:4: error: expected ';' after expression\nprogram.c:5: error: use of undeclared identifier 'y'\n",
	} {
		err := sourceError("cc.run", source, report{output: messages, code: 1, compiler: "/usr/bin/cc"})
		want := "the source does not compile\n" +
			"line 4: expected ';' after expression\n     4 | printf(\"x\")\n" +
			"line 5: use of undeclared identifier 'y'\n     5 | return y;"
		if got := err.(*effect.Error).Message; got != want { //nolint:errorlint // made just now
			t.Errorf("%s: got\n%s", name, got)
		}
	}
	many := strings.Repeat("program.c:2:1: error: no\n", 9)
	if err := sourceError("cc.run", source, report{output: many}); !strings.HasSuffix(err.(*effect.Error).Message, "and 6 more") { //nolint:errorlint // made just now
		t.Errorf("got %v", err)
	}
	if err := sourceError("cc.run", source, report{output: "ld: undefined symbol: y\n"}); !strings.Contains(err.Error(), "does not compile: ld: undefined symbol: y") {
		t.Errorf("got %v", err)
	}
}

func FuzzParseReport(f *testing.F) {
	f.Add("hello\nbsdrun-cc ran 3 /usr/bin/cc\n")
	f.Add("\nbsdrun-cc none 0 \n")
	f.Add("\nbsdrun-cc ran 0 a\n\nbsdrun-cc failed 1 b\n")
	f.Fuzz(func(t *testing.T, out string) {
		if r, ok := parseReport(out); ok && !strings.HasPrefix(out, r.output+"\nbsdrun-cc "+r.outcome) {
			t.Errorf("%q: %+v", out, r)
		}
		for _, p := range parseProblems(out) {
			if !strings.Contains(out, p.text) {
				t.Errorf("%q: %+v", out, p)
			}
		}
	})
}
