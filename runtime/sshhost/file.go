package sshhost

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// defaultLimit is the most bytes that get puts into Result.Data.
const defaultLimit = 16 << 20

// unchangedWord is what a file script prints, as a line of its own, when it found
// everything as it should be.
const unchangedWord = "unchanged"

// doFile does one file operation.
func (h *Host) doFile(ctx context.Context, e effect.Effect) (effect.Result, error) {
	op := e.File
	if err := checkPaths(op); err != nil {
		return effect.Result{}, effect.Errorf(effect.Invalid, e.Op, "%s", err)
	}
	switch op.Verb {
	case effect.FileGet:
		return h.get(ctx, e)
	case effect.FilePut:
		return h.put(ctx, e)
	case effect.FileStat, effect.FileLstat, effect.FileList, effect.FileReadlink, effect.FileHash:
		s, err := h.shellAt(ctx, place{in: e.In, as: e.As})
		if err != nil {
			return effect.Result{}, err
		}
		q, err := fileQuery(s, e)
		if err != nil {
			return effect.Result{}, err
		}
		return h.answer(ctx, q)
	}
	script, err := changeScript(op)
	if err != nil {
		return effect.Result{}, effect.Errorf(effect.Invalid, e.Op, "%s", err)
	}
	return h.converge(ctx, e, script)
}

var flagList = lazyregexp.New(`^[a-z0-9,]*$`)

func checkPaths(op *effect.FileOp) error {
	paths := []string{op.Path}
	switch op.Verb {
	case effect.FileRename:
		paths = append(paths, op.To)
	case effect.FileLink:
		if op.To == "" {
			return errors.New("a link needs a target")
		}
		if !op.Symbolic {
			paths = append(paths, op.To)
		}
	}
	if op.Backup != "" {
		paths = append(paths, op.Backup)
	}
	for _, p := range paths {
		if !strings.HasPrefix(p, "/") {
			return fmt.Errorf("the path %q is not absolute", p)
		}
		if strings.IndexByte(p, 0) >= 0 {
			return fmt.Errorf("the path %q holds a NUL byte", p)
		}
	}
	for _, name := range []string{op.Owner, op.Group} {
		if name != "" && !userName.MatchString(name) {
			return fmt.Errorf("%q is no name of a user or a group", name)
		}
	}
	if strings.IndexByte(op.To, 0) >= 0 {
		return fmt.Errorf("the target %q holds a NUL byte", op.To)
	}
	if !flagList.MatchString(op.Flags) {
		return fmt.Errorf("%q is no list of file flags", op.Flags)
	}
	return nil
}

// command is the effect as a script of our own, with the file operation as its
// name for people.
func command(e effect.Effect, script string) effect.Effect {
	c := e
	c.File, c.Shell, c.Argv, c.Out, c.Want = nil, script, nil, nil, nil
	return c
}

// fileError makes the error of a failed script speak of the file.
func fileError(e effect.Effect, err error) error {
	var known *effect.Error
	if !errors.As(err, &known) {
		return err
	}
	told := *known
	told.Command = string(e.File.Verb) + " " + e.File.Path
	if known.Kind != effect.Failed && known.Kind != effect.Denied && known.Kind != effect.Missing {
		return &told
	}
	if told.Message == "" {
		told.Message = told.Command + ": " + lastOf(known.Err, fmt.Sprintf("exit code %d", known.Code))
	}
	return &told
}

// lastOf is the last line of a text, or what to say in its place.
func lastOf(text, otherwise string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return otherwise
	}
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// fileQuery is a Read of files as a query.
func fileQuery(s *shell, e effect.Effect) (query, error) {
	if err := checkPaths(e.File); err != nil {
		return query{}, effect.Errorf(effect.Invalid, e.Op, "%s", err)
	}
	switch e.File.Verb {
	case effect.FileGet:
		return getQuery(e), nil
	case effect.FileStat, effect.FileLstat:
		return statQuery(s, e), nil
	case effect.FileList:
		return listQuery(s, e), nil
	case effect.FileReadlink:
		return dataQuery(e, "readlink -n "+quoteRaw(e.File.Path)), nil
	case effect.FileHash:
		return hashQuery(e), nil
	default:
		return query{}, effect.Errorf(effect.Invalid, e.Op, "%s is no Read of a file", e.File.Verb)
	}
}

// dataQuery is a script whose output is Result.Data.
func dataQuery(e effect.Effect, script string) query {
	return fileText(e, script, func(text []byte) (effect.Result, error) { return effect.Result{Data: text}, nil })
}

// fileText is a textQuery whose errors speak of the file.
func fileText(e effect.Effect, script string, read func(text []byte) (effect.Result, error)) query {
	return textQuery(command(e, script), func(err error) error { return fileError(e, err) }, read)
}

// data runs a script whose output is Result.Data.
func (h *Host) data(ctx context.Context, e effect.Effect, script string) (effect.Result, error) {
	return h.answer(ctx, dataQuery(e, script))
}

// converge runs a script that says when there was nothing to do.
func (h *Host) converge(ctx context.Context, e effect.Effect, script string) (effect.Result, error) {
	r, err := h.doCommand(ctx, command(e, script))
	if err != nil {
		return effect.Result{}, fileError(e, err)
	}
	said := string(bytes.TrimSpace(r.Stdout.Tail(64)))
	return effect.Result{Unchanged: said == unchangedWord || strings.HasSuffix(said, "\n"+unchangedWord), Recorded: r.Recorded}, nil
}

// get reads a file, or a range of it.
func (h *Host) get(ctx context.Context, e effect.Effect) (effect.Result, error) {
	sink := &fetched{limit: limitOf(e.File), beyond: e.Out}
	_, err := h.into(ctx, command(e, getScript(e)), sink)
	if err != nil {
		return effect.Result{}, fileError(e, err)
	}
	if sink.over && e.Out == nil {
		return effect.Result{}, tooMuch(e)
	}
	return effect.Result{Data: sink.buf}, sink.err
}

// getQuery reads a regular file: any other might keep a batch waiting.
func getQuery(e effect.Effect) query {
	path := quoteRaw(e.File.Path)
	script := "! [ -e " + path + " ] || [ -f " + path + " ] || { echo not a regular file >&2; exit 1; }\n" + getScript(e)
	return fileText(e, script, func(text []byte) (effect.Result, error) {
		if int64(len(text)) > limitOf(e.File) {
			return effect.Result{}, tooMuch(e)
		}
		return effect.Result{Data: text}, nil
	})
}

func limitOf(op *effect.FileOp) int64 {
	if op.Limit > 0 {
		return op.Limit
	}
	return defaultLimit
}

func tooMuch(e effect.Effect) error {
	return &effect.Error{
		Op: e.Op, Kind: effect.Failed, Command: "get " + e.File.Path,
		Message: fmt.Sprintf("%s holds more than %d bytes", e.File.Path, limitOf(e.File)), Hint: "download it to a file, or read a range",
	}
}

// getScript prints a file, or a range of it.
func getScript(e effect.Effect) string {
	op := e.File
	path := quoteRaw(op.Path)
	script := "cat " + path
	// What goes beyond the limit and is not wanted is not sent either.
	most := op.Length
	if most <= 0 && e.Out == nil {
		most = limitOf(op) + 1
	}
	switch {
	case op.Offset > 0:
		script = fmt.Sprintf("tail -c +%d %s", op.Offset+1, path)
		if most > 0 {
			script += fmt.Sprintf(" | head -c %d", most)
		}
	case most > 0:
		script = fmt.Sprintf("head -c %d %s", most, path)
	}
	if op.Offset > 0 || most > 0 {
		// A pipeline hides that the file cannot be read, and head(1) takes
		// directories on some systems.
		script = "[ -r " + path + " ] && ! [ -d " + path + " ] || exec cat " + path + "\n" + script
	}
	return script
}

// into runs a Read whose standard output goes to w; w is reset when the
// connection was lost under it.
func (h *Host) into(ctx context.Context, c effect.Effect, w *fetched) (effect.Result, error) {
	text, err := body(c)
	if err != nil {
		return effect.Result{}, invalid(c, err)
	}
	for losses := 0; ; losses++ {
		diag := h.capture()
		code, err := h.exchange(ctx, c, text, w, diag)
		if errors.Is(err, errLost) && losses < maxLosses && !w.over {
			if err := h.reconnect(ctx); err != nil {
				return effect.Result{}, err
			}
			w.buf = w.buf[:0]
			continue
		}
		return h.finish(c, code, err, effect.NewCapture(""), diag)
	}
}

// fetched holds a file up to a limit; a larger one goes on to beyond.
type fetched struct {
	limit  int64
	buf    []byte
	over   bool
	beyond io.Writer
	err    error
}

func (f *fetched) Write(p []byte) (int, error) {
	n := len(p)
	if !f.over && int64(len(f.buf)+n) <= f.limit {
		f.buf = append(f.buf, p...)
		return n, nil
	}
	if f.beyond == nil {
		f.over = true
		return n, nil
	}
	if !f.over {
		f.over = true
		_, f.err = f.beyond.Write(f.buf)
		f.buf = nil
	}
	if f.err == nil {
		_, f.err = f.beyond.Write(p)
	}
	return n, nil
}

// hashScript prints the SHA-256 of a file by whatever the system has.
func hashScript(path string) string {
	return `if command -v sha256 >/dev/null 2>&1; then sha256 -q ` + path + `
elif command -v sha256sum >/dev/null 2>&1; then sha256sum <` + path + `
else openssl dgst -sha256 -r ` + path + `; fi`
}

func hashQuery(e effect.Effect) query {
	return fileText(e, hashScript(quoteRaw(e.File.Path)), func(text []byte) (effect.Result, error) {
		sum, _, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
		if len(sum) != 64 {
			return effect.Result{}, effect.Errorf(effect.Failed, e.Op, "the host computes no SHA-256 of %s: %q", e.File.Path, text)
		}
		return effect.Result{Data: []byte(sum)}, nil
	})
}

// modeText is a mode for chmod(1).
func modeText(mode fs.FileMode) string { return "0" + strconv.FormatUint(uint64(mode&0o7777), 8) }

// changeScript is the script of a small change. It prints "unchanged" where it
// finds nothing to do.
func changeScript(op *effect.FileOp) (string, error) {
	p, to := quoteRaw(op.Path), quoteRaw(op.To)
	switch op.Verb {
	case effect.FileRemove:
		if slices.Contains([]string{"/", "/.", "/.."}, op.Path) {
			return "", errors.New("the root directory is not removed")
		}
		remove := `if [ -d ` + p + ` ] && ! [ -L ` + p + ` ]; then rmdir ` + p + `; else rm -f ` + p + `; fi`
		if op.Recursive {
			remove = "rm -rf " + p
		}
		return `if ! [ -e ` + p + ` ] && ! [ -L ` + p + ` ]; then echo unchanged; else ` + remove + `; fi`, nil
	case effect.FileRename:
		// mv(1) would move into a directory that is there.
		return `if [ -d ` + to + ` ] && ! [ -L ` + to + ` ]; then rmdir ` + to + ` || exit; fi
mv -f ` + p + ` ` + to, nil
	case effect.FileMkdir:
		return mkdirScript(op), nil
	case effect.FileChmod, effect.FileChown:
		if op.Verb == effect.FileChmod && op.Mode == nil {
			return "", errors.New("chmod needs a mode")
		}
		if op.Recursive {
			return recursiveScript(op), nil
		}
		return metaFunctions + metaScript(op, p) + `[ -n "$_did" ] || echo unchanged`, nil
	case effect.FileLink:
		return linkScript(op), nil
	default:
		return "", fmt.Errorf("there is no file operation %q", op.Verb)
	}
}

// metaFunctions are shell functions: _m prints mode, owner and group of a file
// in octal and names, by whichever stat(1) there is.
const metaFunctions = `_m() { if [ "$_k" = linux ]; then stat -L -c '%a %u %g %U %G' "$1"; else stat -L -f '%p %u %g %Su %Sg' "$1"; fi; }
_did=
`

// metaScript brings mode, owner, group and flags of a file to what is asked
// for, and notes in _did when something differed.
func metaScript(op *effect.FileOp, target string) string {
	var b strings.Builder
	b.WriteString("_o=$(_m " + target + ") || exit; set -- $_o\n")
	if op.Owner != "" {
		fmt.Fprintf(&b, "if [ %[1]s != \"$2\" ] && [ %[1]s != \"$4\" ]; then chown %[1]s %[2]s || exit; _did=1; fi\n", op.Owner, target)
	}
	if op.Group != "" {
		fmt.Fprintf(&b, "if [ %[1]s != \"$3\" ] && [ %[1]s != \"$5\" ]; then chgrp %[1]s %[2]s || exit; _did=1; fi\n", op.Group, target)
	}
	if op.Mode != nil {
		// The last four digits; chown(2) may have cleared setuid.
		fmt.Fprintf(&b, "_o=$(_m %[1]s) || exit; _o=000${_o%%%% *}; _x=${_o%%????}; _o=${_o#$_x}\nif [ \"$_o\" != %04[2]o ]; then chmod %[3]s %[1]s || exit; _did=1; fi\n", target, uint64(*op.Mode&0o7777), modeText(*op.Mode))
	}
	b.WriteString(flagsScript(op.Flags, target))
	return b.String()
}

// flagsScript brings flags to what is asked for: those named are set, or cleared
// with "no" before them; "none" or 0 clears all. ZFS sets uarch by itself, so
// flags that nobody named do not count.
func flagsScript(flags, target string) string {
	if flags == "" {
		return ""
	}
	script := "_f=$(stat -L -f %Sf " + target + ") || exit\n"
	if flags == "none" || flags == "0" {
		return script + `case "$_f" in -|arch|uarch) ;; *) chflags 0 ` + target + " || exit; _did=1;; esac\n"
	}
	for _, flag := range strings.Split(flags, ",") {
		name, cleared := strings.CutPrefix(flag, "no")
		if flag == "nodump" || !cleared {
			script += `case ",$_f," in *,` + flag + `,*) ;; *) chflags ` + flag + " " + target + " || exit; _did=1;; esac\n"
		} else {
			script += `case ",$_f," in *,` + name + `,*) chflags ` + flag + " " + target + " || exit; _did=1;; esac\n"
		}
	}
	return script
}

func mkdirScript(op *effect.FileOp) string {
	p := quoteRaw(op.Path)
	flag := ""
	if op.Parents {
		flag = "-p "
	}
	return metaFunctions + `if ! [ -d ` + p + ` ]; then mkdir ` + flag + p + ` || exit; _did=1; fi
` + metaScript(op, p) + `[ -n "$_did" ] || echo unchanged`
}

func recursiveScript(op *effect.FileOp) string {
	p := quoteRaw(op.Path)
	if op.Verb == effect.FileChmod {
		return "chmod -R " + modeText(*op.Mode) + " " + p
	}
	who := op.Owner
	if op.Group != "" {
		who += ":" + op.Group
	}
	return "chown -R " + who + " " + p
}

func linkScript(op *effect.FileOp) string {
	p, to := quoteRaw(op.Path), quoteRaw(op.To)
	notDir := `if [ -d ` + p + ` ] && ! [ -L ` + p + ` ]; then echo ` + p + `: is a directory >&2; exit 1; fi
`
	if op.Symbolic {
		return `if [ -L ` + p + ` ] && [ "$(readlink ` + p + `)" = ` + to + ` ]; then echo unchanged; exit; fi
` + notDir + `ln -sfn ` + to + ` ` + p
	}
	return `if [ ` + p + ` -ef ` + to + ` ]; then echo unchanged; exit; fi
` + notDir + `ln -f ` + to + ` ` + p
}
