package sshhost

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"bsdrun/runtime/effect"
)

// smallFile is how long a content may be to travel in the frame that puts it in
// place.
const smallFile = 64 << 10

// refusedCode is the exit code of the put script when the content was refused
// by the command that validates it.
const refusedCode = 76

// put writes a file: a temporary one in the same directory, owner, mode and
// flags, validation, fsync(2), rename(2). Content that is there already is not
// sent, or, being small, not put.
func (h *Host) put(ctx context.Context, e effect.Effect) (effect.Result, error) {
	op := e.File
	content, size, err := smallContent(op)
	if err != nil {
		return effect.Result{}, err
	}
	if content != nil || size == 0 {
		s, err := h.shellAt(ctx, place{in: e.In, as: e.As})
		if err != nil {
			return effect.Result{}, err
		}
		// A printf that is no builtin would show the content in ps(1).
		if s.about.printf || !op.Secret {
			return h.putEnd(ctx, e, putScript(op, newNonce(), "("+printfTo(content)+`) >"$t" || _fail`+"\n"))
		}
	}
	if src, ok := op.Source.(effect.Ranges); ok && size >= leastRanges {
		return h.putRanges(ctx, e, src)
	}
	return h.putLarge(ctx, e)
}

// smallContent is the content if it is small enough for a frame.
func smallContent(op *effect.FileOp) ([]byte, int64, error) {
	if op.Source == nil {
		if len(op.Data) <= smallFile {
			return op.Data, int64(len(op.Data)), nil
		}
		return nil, int64(len(op.Data)), nil
	}
	size := op.Source.Size()
	if size > smallFile {
		return nil, size, nil
	}
	r, err := op.Source.Open()
	if err != nil {
		return nil, 0, err
	}
	content, err := io.ReadAll(io.LimitReader(r, smallFile+1))
	if closing := r.Close(); err == nil {
		err = closing
	}
	if err != nil || len(content) > smallFile {
		return nil, size, err
	}
	return content, int64(len(content)), nil
}

// putEnd runs the script that puts a file in place.
func (h *Host) putEnd(ctx context.Context, e effect.Effect, script string) (effect.Result, error) {
	r, err := h.converge(ctx, e, script)
	var known *effect.Error
	if errors.As(err, &known) && known.Code == refusedCode && len(e.File.Validate) > 0 {
		refused := *known
		refused.Message = fmt.Sprintf("the new content of %s was refused by %s: %s", e.File.Path, strings.Join(e.File.Validate, " "), lastOf(known.Err, "it says nothing"))
		refused.Kind, refused.Hint = effect.Failed, "the file on the host is as it was"
		return r, &refused
	}
	return r, err
}

// putFront is the beginning of every put: p is the file, through symbolic
// links, t the temporary one beside it.
func putFront(op *effect.FileOp, nonce string) string {
	return metaFunctions + `umask 077
p=` + quoteRaw(op.Path) + `
if [ -L "$p" ]; then p=$(readlink -f "$p") && [ -n "$p" ] || { echo ` + quoteRaw(op.Path) + `": the symbolic link leads nowhere" >&2; exit 1; }; fi
if [ -d "$p" ]; then echo "$p: is a directory" >&2; exit 1; fi
d=${p%/*}; t=$d/.bsdrun` + nonce + `
[ -d "$d/" ] || { echo "$d: No such file or directory" >&2; exit 1; }
_fail() { _c=$?; rm -f "$t"; exit $_c; }
_old=; if [ -e "$p" ]; then _old=$(_m "$p") || exit; fi
`
}

// putScript puts a file in place; stage is the statement that fills the
// temporary file.
func putScript(op *effect.FileOp, nonce, stage string) string {
	var b strings.Builder
	b.WriteString(putFront(op, nonce) + stage)
	b.WriteString(`if [ -n "$_old" ] && cmp -s "$t" "$p"; then rm -f "$t"
` + metaScript(op, `"$p"`) + `[ -n "$_did" ] || echo unchanged; exit; fi
`)
	b.WriteString(keepMeta(op))
	staged := *op
	staged.Flags = ""
	b.WriteString("(:\n" + metaScript(&staged, `"$t"`) + ") || _fail\n")
	if len(op.Validate) > 0 {
		fmt.Fprintf(&b, "(%s) </dev/null >&2 || { rm -f \"$t\"; exit %d; }\n", validation(op.Validate), refusedCode)
	}
	b.WriteString(syncFunction + "_sync \"$t\" || _fail\n")
	if op.Backup != "" {
		fmt.Fprintf(&b, "if [ -n \"$_old\" ]; then cp -p \"$p\" %s || _fail; fi\n", quoteRaw(op.Backup))
	}
	if op.Flags != "" {
		// An immutable file is not replaced either.
		b.WriteString(`if [ -n "$_old" ]; then chflags 0 "$p" || _fail; fi
`)
	}
	b.WriteString(`mv -f "$t" "$p" || _fail
`)
	if op.Flags != "" {
		b.WriteString(flagsScript(op.Flags, `"$p"`))
	}
	b.WriteString(":")
	return b.String()
}

// syncFunction defines _sync for sh, which brings a file to the disk: fsync(1) is
// FreeBSD's, sync with a file is GNU's.
const syncFunction = `_sync() { if command -v fsync >/dev/null 2>&1; then fsync "$1"; else sync "$1" 2>/dev/null || :; fi; }
`

// keepMeta gives the temporary file what the old one had, or what a new file
// gets, where the operation does not say otherwise.
func keepMeta(op *effect.FileOp) string {
	chown, chmod := "", ""
	if op.Owner == "" || op.Group == "" {
		chown = `_n=$(_m "$t") || _fail
_u=${_old#* }; _u=${_u%% *}; _g=${_old#* * }; _g=${_g%% *}; _v=${_n#* }; _v=${_v%% *}; _w=${_n#* * }; _w=${_w%% *}
if [ "$_u:$_g" != "$_v:$_w" ]; then chown "$_u:$_g" "$t" || _fail; fi
`
	}
	if op.Mode == nil {
		chmod = `_o=000${_old%% *}; _x=${_o%????}; chmod "${_o#$_x}" "$t" || _fail
`
	}
	script := `if [ -n "$_old" ]; then :
` + chown + chmod
	if op.Mode == nil {
		script += "else chmod 0644 \"$t\" || _fail\n"
	}
	return script + "fi\n"
}

// validation is the command line of Validate, %s being the temporary file.
func validation(argv []string) string {
	words := make([]string, len(argv))
	for i, arg := range argv {
		parts := strings.Split(arg, "%s")
		for j, part := range parts {
			if part != "" || len(parts) == 1 {
				parts[j] = quoteRaw(part)
			}
		}
		words[i] = strings.Join(parts, `"$t"`)
	}
	return strings.Join(words, " ")
}

// putLarge looks first whether the content is there, then sends it into the
// temporary file and puts that in place.
func (h *Host) putLarge(ctx context.Context, e effect.Effect) (effect.Result, error) {
	op := e.File
	if e.Again && h.keepsLedger(e) {
		if r, known, err := h.recall(ctx, e); known || err != nil {
			return effect.Result{Recorded: r.Recorded}, fileError(e, err)
		}
	}
	sum, err := contentHash(op)
	if err != nil {
		return effect.Result{}, err
	}
	// The same for every attempt of this run, so that a lost connection leaves
	// no second temporary file.
	nonce := "_" + entry(e.ID+op.Path+sum)
	stage := e
	stage.Kind, stage.ID, stage.Again = effect.Read, "", false
	asked, err := h.data(ctx, stage, putFront(op, nonce)+`if [ -n "$_old" ]; then _h=$(`+hashScript(`"$p"`)+`); if [ "${_h%% *}" = `+sum+` ]; then echo same; exit; fi; fi
rm -f "$t"; true >"$t" || exit; printf %s "$t"`)
	if err != nil {
		return effect.Result{}, err
	}
	if string(asked.Data) == "same\n" {
		return h.putEnd(ctx, e, metaFunctions+"p="+quoteRaw(op.Path)+"\n"+metaScript(op, `"$p"`)+`[ -n "$_did" ] || echo unchanged`)
	}
	temp := string(asked.Data)
	if err := h.upload(ctx, e, temp); err != nil {
		h.discard(ctx, e, temp)
		return effect.Result{}, fileError(e, err)
	}
	verify := `[ -e "$t" ] || { echo "$t: No such file or directory" >&2; exit 1; }
_h=$(` + hashScript(`"$t"`) + `) || _fail
[ "${_h%% *}" = ` + sum + ` ] || { echo "$p: what arrived is not what was sent" >&2; rm -f "$t"; exit 1; }
`
	return h.putEnd(ctx, e, putScript(op, nonce, verify))
}

// discard removes a temporary file that came to nothing.
func (h *Host) discard(ctx context.Context, e effect.Effect, temp string) {
	if s := h.openShellAt(place{in: e.In, as: e.As}); s != nil {
		_, _ = s.ask(context.WithoutCancel(ctx), "rm -f "+quoteRaw(temp))
	}
}

func contentHash(op *effect.FileOp) (string, error) {
	if op.Source != nil {
		return op.Source.SHA256()
	}
	sum := sha256.Sum256(op.Data)
	return hex.EncodeToString(sum[:]), nil
}

func openContent(op *effect.FileOp) (io.ReadCloser, int64, error) {
	if op.Source != nil {
		r, err := op.Source.Open()
		return r, op.Source.Size(), err
	}
	return io.NopCloser(bytes.NewReader(op.Data)), int64(len(op.Data)), nil
}
