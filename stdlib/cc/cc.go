// Package cc compiles C programs on a host and runs them there.
package cc

import (
	"context"
	_ "embed"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
	"bsdrun/stdlib/cc/programs"
)

const (
	raisesSource  = `kind "failed": the source does not compile; the message shows its lines`
	raisesTimeout = `kind "timeout": compiling and running took too long, and was ended with all its processes`
)

// Module is h.cc.
var Module = binding.Module{
	Name: "cc",
	Doc: "C programs that are compiled on the host and run there, for what only the host's own kernel and library can tell. " +
		"All of it happens in a private directory that is gone afterwards; root is not needed.",
	Funcs: []binding.Func{
		{
			Name: "run", Kind: effect.Change, Call: run, See: []string{"cc(1)"},
			Doc: "Compiles a C source, runs the program, and returns what it printed. It counts as a change: check mode lists it and leaves it. " +
				"A host without a compiler that works is no failure: compiled is false, and reason tells why.",
			Raises:  []string{raisesSource, raisesTimeout},
			Example: `local out = h.cc.run([[` + "\n#include <stdio.h>\nint main(void) { printf(\"%zu\\n\", sizeof(long)); return 0; }\n" + `]])`,
		},
		{
			Name: "read", Kind: effect.Read, Call: read, See: []string{"cc(1)"},
			Doc: "Compiles and runs a program that changes nothing. It is run in check mode, too; after a skipped change it is unknown. " +
				"A host without a compiler that works is no failure: compiled is false, and reason tells why.",
			Raises:  []string{raisesSource, raisesTimeout},
			Example: `local probe = h.cc.read(h.cc.source("bind-probe"), { args = { "0", "", "tcp" } })` + "\n" + `if not probe.compiled then skip(probe.reason) end`,
		},
		{
			Name: "source", Kind: effect.Read, Call: source,
			Doc: "Returns the source of a program that comes with bsdrun. These are the programs that simulated machines can run, too. " +
				"bind-probe binds wildcard sockets of both families to one port; its arguments are in the comment at its head.",
			Example: `log(h.cc.source("bind-probe"))`,
		},
	},
}

// Args are the arguments of run and read.
type Args struct {
	Source   string          `lua:"source,required" doc:"the C source, of at most 64 KB"`
	Args     []string        `lua:"args" doc:"arguments of the program"`
	Stdin    binding.Content `lua:"stdin" doc:"its standard input; none without it"`
	Flags    []string        `lua:"flags" doc:"further arguments of the compiler, behind the source: -O2, -lm"`
	Compiler string          `lua:"compiler" doc:"name or path of the compiler; default: the first of cc, clang and gcc"`
	Timeout  time.Duration   `lua:"timeout" doc:"for compiling and running together; 0: the run's"`
}

// Result is what a program came to.
type Result struct {
	Compiled bool   `lua:"compiled,produced" doc:"the host could compile it; otherwise nothing was run"`
	Reason   string `lua:"reason,produced" doc:"why it could not: there is no compiler, or none that works"`
	Compiler string `lua:"compiler,produced" doc:"path of the compiler"`
	Code     int    `lua:"code,produced" doc:"exit code of the program; 128 and the signal where one ended it"`
	Stdout   string `lua:"stdout,produced"`
	Stderr   string `lua:"stderr,produced"`
}

// SourceArgs name a program.
type SourceArgs struct {
	Name string `lua:"name,required" doc:"the program" enum:"bind-probe|trial"`
}

func source(_ context.Context, _ effect.Doer, a SourceArgs) (string, error) {
	return programs.Source(a.Name), nil
}

func run(ctx context.Context, h effect.Doer, a Args) (Result, error) {
	return compileAndRun(ctx, h, a, effect.Effect{Op: "cc.run", Kind: effect.Change})
}

func read(ctx context.Context, h effect.Doer, a Args) (Result, error) {
	return compileAndRun(ctx, h, a, effect.Effect{Op: "cc.read", Kind: effect.Read})
}

// script compiles and runs; see report for its last line.
//
//go:embed run.sh
var script string

// maxSource keeps the source below what systems take as one argument.
const maxSource = 64 << 10

var compilerForm = lazyregexp.New(`^[A-Za-z0-9_./+][A-Za-z0-9_./+-]*$`)

func compileAndRun(ctx context.Context, h effect.Doer, a Args, e effect.Effect) (Result, error) {
	compilers := "cc clang gcc"
	switch {
	case strings.TrimSpace(a.Source) == "":
		return Result{}, effect.Errorf(effect.Invalid, e.Op, "source: is empty")
	case len(a.Source) > maxSource:
		return Result{}, effect.Errorf(effect.Invalid, e.Op, "source: has %d bytes, more than %d", len(a.Source), maxSource)
	case a.Compiler != "" && !compilerForm.MatchString(a.Compiler):
		return Result{}, effect.Errorf(effect.Invalid, e.Op, "compiler: %q is no name of a program", a.Compiler)
	case slices.ContainsFunc(a.Flags, setsOutput):
		return Result{}, effect.Errorf(effect.Invalid, e.Op, "flags: -o is set already")
	case a.Compiler != "":
		compilers = a.Compiler
	}
	stdin, err := a.Stdin.Input(e.Op)
	if err != nil {
		return Result{}, err
	}
	if closer, ok := stdin.(io.Closer); ok {
		defer func() { _ = closer.Close() }()
	}
	e.Argv = slices.Concat(
		[]string{"/bin/sh", "-c", script, "cc", a.Source, programs.Source(programs.Trial), compilers, strconv.Itoa(len(a.Flags))}, a.Flags, a.Args)
	e.Title = strings.Join(slices.Concat([]string{"cc"}, a.Flags, []string{"program.c && ./program"}, a.Args), " ")
	e.Timeout, e.Stdin = a.Timeout, stdin
	res, err := h.Do(ctx, e)
	if err != nil || res.Skipped {
		return Result{}, err
	}
	return readResult(e.Op, a.Source, res)
}

func setsOutput(flag string) bool { return strings.HasPrefix(flag, "-o") }

// readResult makes a result of what the script printed.
func readResult(op, source string, res effect.Result) (Result, error) {
	stdout, err := res.Text()
	if err != nil {
		return Result{}, err
	}
	stderr, err := res.Stderr.Bytes()
	if err != nil {
		return Result{}, err
	}
	r, ok := parseReport(stdout)
	switch {
	case !ok:
		return Result{}, effect.Errorf(effect.Failed, op, "the shell printed something else: %.80q", stdout)
	case r.outcome == "ran":
		return Result{Compiled: true, Compiler: r.compiler, Code: r.code, Stdout: r.output, Stderr: string(stderr)}, nil
	case r.outcome == "none":
		return Result{Reason: "there is no C compiler"}, nil
	case r.outcome == "broken":
		return Result{Compiler: r.compiler, Reason: "the C compiler does not work: " + firstLine(r.output)}, nil
	case r.outcome == "nowhere":
		return Result{}, effect.WithHint(effect.Errorf(effect.Failed, op, "there is no directory in which programs may be made and run"),
			"TMPDIR, /tmp, /var/tmp and the home directory were tried; a file system mounted noexec does not do")
	default:
		return Result{}, sourceError(op, source, r)
	}
}
