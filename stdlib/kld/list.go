package kld

import (
	"context"
	"strconv"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// ListArgs are the arguments of List.
type ListArgs struct{}

// File is a file of which the kernel consists.
type File struct {
	ID      int      `lua:"id" doc:"number of the file; the kernel has 1"`
	Name    string   `lua:"name" doc:"name of the file without .ko: pf"`
	File    string   `lua:"file" doc:"name of the file: pf.ko"`
	Path    string   `lua:"path,omitempty" doc:"where it was loaded from, where that is told"`
	Refs    int      `lua:"refs" doc:"how many need it"`
	Size    int64    `lua:"size" doc:"in memory" unit:"bytes"`
	Modules []string `lua:"modules" doc:"modules in it, which may have other names"`
}

// List returns the files that the kernel consists of.
func List(ctx context.Context, h effect.Doer, _ ListArgs) ([]File, error) {
	const op = "kld.list"
	res, err := run(ctx, h, effect.Effect{Op: op, Kind: effect.Read, Argv: []string{"kldstat", "-v"}, Reads: []effect.Resource{"kld"}})
	if err != nil {
		return nil, err
	}
	out, err := res.Text()
	if err != nil {
		return nil, err
	}
	return parseList(op, out)
}

// The lines of kldstat -v: a file, and below it the heads and modules of its
// contents.
var (
	fileLine   = lazyregexp.New(`^\s*(\d+)\s+(\d+)\s+0x[0-9a-f]+\s+([0-9a-f]+)\s+(\S+)(?:\s+\((\S+)\))?\s*$`)
	moduleLine = lazyregexp.New(`^\t+\s*(\d+)\s+(\S+)\s*$`)
)

func parseList(op, out string) ([]File, error) {
	files := []File{}
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\r\n")
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || words[0] == "Id" || words[0] == "Contains":
		case moduleLine.MatchString(line) && len(files) > 0:
			last := &files[len(files)-1]
			last.Modules = append(last.Modules, words[1])
		default:
			m := fileLine.FindStringSubmatch(line)
			if m == nil {
				return nil, effect.Errorf(effect.Failed, op, "kldstat printed something else: %.80q", line)
			}
			f := File{Name: strings.TrimSuffix(m[4], ".ko"), File: m[4], Path: m[5], Modules: []string{}}
			f.ID, _ = strconv.Atoi(m[1])
			f.Refs, _ = strconv.Atoi(m[2])
			f.Size, _ = strconv.ParseInt(m[3], 16, 64)
			files = append(files, f)
		}
	}
	if len(files) == 0 {
		return nil, effect.Errorf(effect.Failed, op, "kldstat printed no file, not even the kernel")
	}
	return files, nil
}
