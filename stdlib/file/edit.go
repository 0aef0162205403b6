package file

import (
	"context"
	"regexp"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
)

// Careful are the options that every edit of a file takes.
type Careful struct {
	Create   bool     `lua:"create" doc:"make the file where it is missing; else that is an error"`
	Backup   string   `lua:"backup" doc:"keep the former file: an absolute path, or what is added to the name, such as \".orig\""`
	Validate []string `lua:"validate" doc:"command that must accept the new file before it replaces the old one; %s stands for its path"`
}

// Edit rewrites a file's content by a function, keeping owner and mode. The
// function's error stops it before anything changes.
func Edit(ctx context.Context, h effect.Doer, op, path string, c Careful, rewrite func(src []byte) ([]byte, error)) (Changed, error) {
	if err := checkPath(op, path); err != nil {
		return Changed{}, err
	}
	h, err := host.Prefetch(ctx, h, op, Looks(op, path)...)
	if err != nil {
		return Changed{}, err
	}
	src, ok, err := Content(ctx, h, op, path)
	if err != nil {
		return Changed{}, err
	}
	if !ok && !c.Create {
		return Changed{}, effect.WithHint(missing(op, path), "create=true makes it")
	}
	out, err := rewrite(src)
	if err != nil {
		return Changed{}, &effect.Error{Op: op, Kind: effect.Failed, Message: path + ": " + err.Error(), Cause: err}
	}
	if ok && string(out) == string(src) || !ok && len(out) == 0 {
		return Changed{false, path}, nil
	}
	return PutAs(ctx, h, op, PutArgs{
		Path: path, Content: binding.Content{Data: out}, Backup: c.Backup, Validate: c.Validate,
	})
}

// LinesArgs are the arguments of EnsureLinesIn.
type LinesArgs struct {
	Path    string   `lua:"path,required" doc:"absolute path"`
	Lines   []string `lua:"lines,required" doc:"the lines, without line ends"`
	Match   string   `lua:"match" doc:"regular expression (RE2): the last line that matches is replaced by the first missing line"`
	After   string   `lua:"after" doc:"regular expression: new lines go behind the last line that matches"`
	Before  string   `lua:"before" doc:"regular expression: new lines go before the first line that matches"`
	Careful `lua:",inline"`
}

// EnsureLinesIn makes every given line a line of the file.
func EnsureLinesIn(ctx context.Context, h effect.Doer, a LinesArgs) (Changed, error) {
	const op = "file.lines.ensure"
	match, at, err := anchors(op, a.Match, a.After, a.Before)
	if err != nil {
		return Changed{}, err
	}
	return Edit(ctx, h, op, a.Path, a.Careful, func(src []byte) ([]byte, error) {
		return EnsureLines(src, a.Lines, match, at)
	})
}

// RemoveLinesArgs are the arguments of RemoveLinesIn.
type RemoveLinesArgs struct {
	Path     string   `lua:"path,required" doc:"absolute path; a missing file has no lines"`
	Lines    []string `lua:"lines,pos" doc:"lines to remove, compared as a whole"`
	Match    string   `lua:"match" doc:"regular expression (RE2): lines that match are removed too"`
	Backup   string   `lua:"backup" doc:"keep the former file: an absolute path, or what is added to the name"`
	Validate []string `lua:"validate" doc:"command that must accept the new file; %s stands for its path"`
}

// RemoveLinesIn removes lines from a file.
func RemoveLinesIn(ctx context.Context, h effect.Doer, a RemoveLinesArgs) (Changed, error) {
	const op = "file.lines.remove"
	if len(a.Lines) == 0 && a.Match == "" {
		return Changed{}, effect.Errorf(effect.Invalid, op, "neither lines nor match given")
	}
	match, _, err := anchors(op, a.Match, "", "")
	if err != nil {
		return Changed{}, err
	}
	return Edit(ctx, h, op, a.Path, Careful{Create: true, Backup: a.Backup, Validate: a.Validate}, func(src []byte) ([]byte, error) {
		return RemoveLines(src, a.Lines, match), nil
	})
}

// BlockArgs are the arguments of EnsureBlockIn.
type BlockArgs struct {
	Path    string `lua:"path,required" doc:"absolute path"`
	Content string `lua:"content,required" doc:"the block's lines; empty removes the block with its markers"`
	Name    string `lua:"name" doc:"tells several blocks of one file apart" default:"block"`
	Comment string `lua:"comment" doc:"what begins a comment in this file" default:"#"`
	After   string `lua:"after" doc:"regular expression: a new block goes behind the last line that matches"`
	Before  string `lua:"before" doc:"regular expression: a new block goes before the first line that matches"`
	Careful `lua:",inline"`
}

// EnsureBlockIn makes a block of lines, between two marker comments, part of a
// file.
func EnsureBlockIn(ctx context.Context, h effect.Doer, a BlockArgs) (Changed, error) {
	const op = "file.block.ensure"
	_, at, err := anchors(op, "", a.After, a.Before)
	if err != nil {
		return Changed{}, err
	}
	b := Block{Name: a.Name, Comment: a.Comment, Content: a.Content}
	if b.Name == "" {
		b.Name = "block"
	}
	if b.Comment == "" {
		b.Comment = "#"
	}
	if b.Content == "" {
		a.Create = true // a missing file has no block
	}
	return Edit(ctx, h, op, a.Path, a.Careful, func(src []byte) ([]byte, error) { return EnsureBlock(src, b, at) })
}

// ReplaceArgs are the arguments of ReplaceIn.
type ReplaceArgs struct {
	Path     string   `lua:"path,required" doc:"absolute path"`
	Pattern  string   `lua:"pattern,required" doc:"regular expression (RE2); ^ and $ match at lines"`
	With     string   `lua:"with,required" doc:"the replacement; $1 and ${name} stand for groups, $$ for a dollar"`
	Literal  bool     `lua:"literal" doc:"pattern and replacement are plain text"`
	After    string   `lua:"after" doc:"regular expression: only behind its first match"`
	Before   string   `lua:"before" doc:"regular expression: only before its first match from there on"`
	Backup   string   `lua:"backup" doc:"keep the former file: an absolute path, or what is added to the name"`
	Validate []string `lua:"validate" doc:"command that must accept the new file; %s stands for its path"`
}

// ReplaceIn replaces every match of a pattern in a file.
func ReplaceIn(ctx context.Context, h effect.Doer, a ReplaceArgs) (Changed, error) {
	const op = "file.replace"
	pattern := a.Pattern
	if a.Literal {
		pattern = regexp.QuoteMeta(pattern)
	}
	if pattern == "" {
		return Changed{}, effect.Errorf(effect.Invalid, op, "the pattern is empty")
	}
	re, err := compile(op, "pattern", pattern)
	if err != nil {
		return Changed{}, err
	}
	_, region, err := anchors(op, "", a.After, a.Before)
	if err != nil {
		return Changed{}, err
	}
	r := Replacement{Pattern: re, With: a.With, Literal: a.Literal, After: region.After, Before: region.Before}
	return Edit(ctx, h, op, a.Path, Careful{Backup: a.Backup, Validate: a.Validate}, func(src []byte) ([]byte, error) {
		return Replace(src, r)
	})
}

// anchors compiles the expressions of an edit.
func anchors(op, match, after, before string) (*regexp.Regexp, Anchor, error) {
	var at Anchor
	if after != "" && before != "" && op != "file.replace" {
		return nil, at, effect.Errorf(effect.Invalid, op, "after and before exclude each other")
	}
	m, err := compile(op, "match", match)
	if err == nil {
		at.After, err = compile(op, "after", after)
	}
	if err == nil {
		at.Before, err = compile(op, "before", before)
	}
	return m, at, err
}

func compile(op, name, expr string) (*regexp.Regexp, error) {
	if expr == "" {
		return nil, nil
	}
	re, err := regexp.Compile("(?m)" + expr)
	if err != nil {
		return nil, effect.Errorf(effect.Invalid, op, "%s is no regular expression: %v", name, err)
	}
	return re, nil
}
