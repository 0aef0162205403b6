package vbox

import (
	"context"
	"fmt"
	"path"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

const tool = "VBoxManage"

// Owner says whose machines are meant.
type Owner struct {
	As string `lua:"as" doc:"the user whose machines are meant, such as \"vbox\"; default: who is connected. Every user has machines of his own, and root sees none of the others'"`
}

// packages are those that bring the tool.
var packages = []effect.Resource{
	"pkg:virtualbox-ose", "pkg:virtualbox-ose-70", "pkg:virtualbox-ose-71", "pkg:virtualbox-ose-72", "pkg:virtualbox-ose-legacy",
	"pkg:virtualbox-ose-nox11", "pkg:virtualbox-ose-nox11-70", "pkg:virtualbox-ose-nox11-71", "pkg:virtualbox-ose-nox11-72", "pkg:virtualbox-ose-nox11-legacy",
}

// everything is all that a user's VirtualBox knows.
const everything effect.Resource = "vbox"

// media is the registry of media.
const media effect.Resource = "vbox:media"

// machine names a machine to the layers; one that is called by its UUID may be any.
func machine(name string) effect.Resource {
	if isUUID(name) {
		return "vbox:vm/"
	}
	return effect.Resource("vbox:vm/" + name)
}

// reads is what a query depends on.
func reads(resources ...effect.Resource) []effect.Resource {
	return append(append([]effect.Resource{}, packages...), resources...)
}

// query runs a command of the tool that only looks.
func (o Owner) query(ctx context.Context, h effect.Doer, op string, on []effect.Resource, args ...string) (string, error) {
	return o.ask(ctx, h, effect.Effect{Op: op, Argv: append([]string{tool}, args...), Reads: reads(on...)})
}

// ask does a Read and returns what it printed.
func (o Owner) ask(ctx context.Context, h effect.Doer, e effect.Effect) (string, error) {
	e.Kind, e.As = effect.Read, o.As
	res, err := h.Do(ctx, e)
	if err != nil {
		return "", explain(err)
	}
	out, err := res.Text()
	return withoutWarning(out), err
}

// change runs a command of the tool that alters something.
func (o Owner) change(ctx context.Context, h effect.Doer, e effect.Effect, args ...string) (effect.Result, error) {
	e.Kind, e.As, e.Argv = effect.Change, o.As, append([]string{tool}, args...)
	res, err := h.Do(ctx, e)
	return res, explain(err)
}

// Changed is what a change came to.
type Changed struct {
	Changed bool `lua:"changed" doc:"something was, or in check mode would be, changed"`
}

func note(subject, format string, args ...any) *effect.Diff {
	return &effect.Diff{Path: subject, Note: fmt.Sprintf(format, args...)}
}

func invalid(op, format string, args ...any) error {
	return effect.Errorf(effect.Invalid, op, format, args...)
}

var uuidForm = lazyregexp.New(`^\{?[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\}?$`)

func isUUID(text string) bool { return uuidForm.MatchString(text) }

// checkWord refuses what the tool would take for an option, or could not keep.
func checkWord(op, what, word string) error {
	if word == "" || word[0] == '-' || strings.ContainsAny(word, "\n\r\x00\"") {
		return invalid(op, "%q is no %s", word, what)
	}
	return nil
}

// checkMachine refuses what is no name of a machine: a folder is called after it.
func checkMachine(op, name string) error {
	if strings.ContainsAny(name, "/\\") || name == "." || name == ".." {
		return invalid(op, "%q is no name of a machine", name)
	}
	return checkWord(op, "name of a machine", name)
}

// checkPath wants an absolute path: the tool runs in the user's home.
func checkPath(op, what, name string) error {
	if !path.IsAbs(name) || strings.ContainsAny(name, "\n\r\x00\"") {
		return effect.WithHint(invalid(op, "%q is no path of %s", name, what), "give the whole path, from / on")
	}
	return nil
}

// checkMedium takes a path or a UUID.
func checkMedium(op, name string) error {
	if isUUID(name) {
		return nil
	}
	return checkPath(op, "a medium", name)
}

// on is what a medium is to the layers.
func on(medium string) effect.Resource {
	if path.IsAbs(medium) {
		return effect.File(path.Clean(medium))
	}
	return media
}
