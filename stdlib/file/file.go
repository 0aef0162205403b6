// Package file reads and changes the files of a host. Other modules use its
// functions for their own files, so that every change is atomic, keeps owner
// and mode, and shows its difference.
package file

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"bsdrun/runtime/effect"
)

// Changed is what a change of a file came to.
type Changed struct {
	Changed bool   `lua:"changed" doc:"the file is, or in check mode would be, different now"`
	Path    string `lua:"path" doc:"the file, with symbolic links resolved where they were followed"`
}

// checkPath refuses what is no absolute path, before anything runs.
func checkPath(op string, paths ...string) error {
	for _, p := range paths {
		switch {
		case p == "":
			return effect.Errorf(effect.Invalid, op, "the path is empty")
		case p[0] != '/':
			return effect.Errorf(effect.Invalid, op, "the path %q is not absolute", p)
		case strings.IndexByte(p, 0) >= 0:
			return effect.Errorf(effect.Invalid, op, "the path %q holds a NUL byte", p)
		}
	}
	return nil
}

// ParseMode reads an octal mode such as "0644" or "4755".
func ParseMode(op, mode string) (*fs.FileMode, error) {
	if mode == "" {
		return nil, nil
	}
	n, err := strconv.ParseUint(mode, 8, 32)
	if err != nil || n > 0o7777 {
		return nil, effect.Errorf(effect.Invalid, op, "mode %q is not an octal mode such as \"0644\"", mode)
	}
	m := fs.FileMode(n)
	return &m, nil
}

// FormatMode writes a mode as ParseMode reads it.
func FormatMode(m fs.FileMode) string {
	text := strconv.FormatUint(uint64(m)&0o7777, 8)
	return strings.Repeat("0", max(0, 4-len(text))) + text
}

// lstat describes what is at p; nil when nothing is.
func lstat(ctx context.Context, h effect.Doer, op, p string) (*effect.FileInfo, error) {
	return status(ctx, h, op, p, effect.FileLstat)
}

func status(ctx context.Context, h effect.Doer, op, p string, verb effect.FileVerb) (*effect.FileInfo, error) {
	res, err := h.Do(ctx, read(op, &effect.FileOp{Verb: verb, Path: p}))
	return res.Info, err
}

// StatAs is what is at a path, links followed, for another module's operation; nil
// where nothing is.
func StatAs(ctx context.Context, h effect.Doer, op, p string) (*effect.FileInfo, error) {
	return status(ctx, h, op, p, effect.FileStat)
}

// read is a Read of one file.
func read(op string, what *effect.FileOp) effect.Effect {
	return effect.Effect{Op: op, Kind: effect.Read, File: what, Reads: []effect.Resource{effect.File(what.Path)}}
}

// Looks are the Reads with which Content, Put and Edit begin, for host.Prefetch.
func Looks(op string, paths ...string) []effect.Effect {
	var reads []effect.Effect
	for _, p := range paths {
		reads = append(reads, read(op, &effect.FileOp{Verb: effect.FileLstat, Path: p}), read(op, &effect.FileOp{Verb: effect.FileGet, Path: p, Limit: maxDiff}))
	}
	return reads
}

// Stats are the Reads that tell what is there, for host.Prefetch.
func Stats(op string, paths ...string) []effect.Effect {
	var reads []effect.Effect
	for _, p := range paths {
		reads = append(reads, read(op, &effect.FileOp{Verb: effect.FileStat, Path: p}))
	}
	return reads
}

// real follows symbolic links to the file that a change of p must touch, and
// describes it; the description is nil when there is no such file yet.
func real(ctx context.Context, h effect.Doer, op, p string) (string, *effect.FileInfo, error) {
	for range 32 {
		info, err := lstat(ctx, h, op, p)
		if err != nil || info == nil || info.Type != "link" {
			return p, info, err
		}
		if path.IsAbs(info.Target) {
			p = path.Clean(info.Target)
		} else {
			p = path.Join(path.Dir(p), info.Target)
		}
	}
	return "", nil, effect.Errorf(effect.Failed, op, "%s: too many levels of symbolic links", p)
}

// missing is the error for a file that has to be there.
func missing(op, p string) *effect.Error {
	return effect.Errorf(effect.Missing, op, "%s: no such file or directory", p)
}

// isMissing tells whether an error says that there is no such file.
func isMissing(err error) bool {
	return effect.KindOf(err) == effect.Missing || errors.Is(err, fs.ErrNotExist)
}

// orNumber is a user's or group's name, or its number where it has none.
func orNumber(name string, id int) string {
	if name == "" {
		return strconv.Itoa(id)
	}
	return name
}

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }
