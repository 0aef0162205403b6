// Package answers gives tests of modules a host that answers from a table: what
// a command prints is written in the test, and what was done is kept for it.
package answers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"path"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"bsdrun/runtime/effect"
)

// Answer is what a command prints and its exit code.
type Answer struct {
	Out, Err string
	Code     int
}

// Host is a host of a few files and scripted commands.
type Host struct {
	T     testing.TB
	Files map[string]string
	// Commands answer by the beginning of the command, the longest that fits
	// counting. A shell text with arguments is known by its title,
	// an operation on the connection as "conn VERB".
	Commands map[string]func(line string) Answer
	Jobs     map[string]effect.JobState // by key; a started one ends at once
	Changes  []effect.Effect
	Seen     []string
}

// New makes a host that knows nothing.
func New(t testing.TB) *Host {
	return &Host{T: t, Files: map[string]string{}, Commands: map[string]func(string) Answer{}, Jobs: map[string]effect.JobState{}}
}

// Says makes a command print something and succeed.
func (h *Host) Says(command, out string) { h.Fails(command, Answer{Out: out}) }

// Fails makes a command give an answer, whatever its code.
func (h *Host) Fails(command string, a Answer) {
	h.Commands[command] = func(string) Answer { return a }
}

// Recorded is a file of a txtar archive: what a tool once printed.
func Recorded(t testing.TB, archive, name string) string {
	t.Helper()
	a, err := txtar.ParseFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range a.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	t.Fatalf("%s has no recording %q", archive, name)
	return ""
}

// Line is the command as the table knows it.
func Line(e effect.Effect) string {
	switch {
	case e.Conn != nil:
		return "conn " + string(e.Conn.Verb)
	case e.Title != "":
		return e.Title
	case e.Shell != "":
		return e.Shell
	default:
		return strings.Join(e.Argv, " ")
	}
}

// Do answers an effect.
func (h *Host) Do(ctx context.Context, e effect.Effect) (effect.Result, error) {
	if e.Batch != nil {
		return e.Each(ctx, h), nil
	}
	if e.Kind == effect.Change {
		h.Changes = append(h.Changes, e)
	}
	if e.File != nil {
		return h.doFile(e)
	}
	if e.Job != nil && e.Job.Verb != effect.JobStart {
		return h.doJob(e)
	}
	line := Line(e)
	h.Seen = append(h.Seen, line)
	best := ""
	for start := range h.Commands {
		if strings.HasPrefix(line, start) && len(start) >= len(best) {
			best = start
		}
	}
	answer := h.Commands[best]
	if answer == nil {
		h.T.Fatalf("no answer to %q", line)
	}
	a := answer(line)
	if e.Job != nil {
		state := effect.JobState{ID: "1", Key: e.Job.Key, State: "exited", Code: a.Code, LogSize: int64(len(a.Out)), Command: line}
		h.Files["job"], h.Jobs[e.Job.Key] = a.Out, state
		return effect.Result{Job: &state}, nil
	}
	if !e.Wants(a.Code) {
		return effect.Result{}, &effect.Error{Op: e.Op, Kind: effect.Failed, Code: a.Code, Command: line, Out: a.Out, Err: a.Err}
	}
	return effect.Result{Code: a.Code, Stdout: effect.OutputOf([]byte(a.Out)), Stderr: effect.OutputOf([]byte(a.Err))}, nil
}

func (h *Host) doJob(e effect.Effect) (effect.Result, error) {
	for _, state := range h.Jobs {
		log := h.Files["job"]
		return effect.Result{Job: &state, Data: []byte(log[min(int(e.Job.Offset), len(log)):])}, nil
	}
	return effect.Result{Job: &effect.JobState{State: "absent"}}, nil
}

func (h *Host) doFile(e effect.Effect) (effect.Result, error) {
	f := e.File
	content, known := h.Files[f.Path]
	switch f.Verb {
	case effect.FileStat, effect.FileLstat:
		return effect.Result{Info: h.info(f.Path)}, nil
	case effect.FileGet:
		if !known {
			return effect.Result{}, effect.Errorf(effect.Missing, e.Op, "%s: no such file or directory", f.Path)
		}
		return effect.Result{Data: []byte(content)}, nil
	case effect.FileHash:
		sum := sha256.Sum256([]byte(content))
		return effect.Result{Data: []byte(hex.EncodeToString(sum[:]))}, nil
	case effect.FilePut:
		if f.Backup != "" && known {
			h.Files[f.Backup] = content
		}
		h.Files[f.Path] = string(f.Data)
	case effect.FileMkdir:
		h.Files[f.Path+"/"] = ""
	case effect.FileRemove:
		delete(h.Files, f.Path)
	case effect.FileList:
		return effect.Result{List: h.list(f.Path)}, nil
	default:
		h.T.Fatalf("no answer to the file operation %s of %s", f.Verb, f.Path)
	}
	return effect.Result{}, nil
}

// info describes a path; a directory is one that a known file lies in.
func (h *Host) info(p string) *effect.FileInfo {
	if content, ok := h.Files[p]; ok {
		return &effect.FileInfo{Name: path.Base(p), Path: p, Type: "file", Size: int64(len(content)), Mode: 0o644}
	}
	for name := range h.Files {
		if strings.HasPrefix(name, strings.TrimSuffix(p, "/")+"/") {
			return &effect.FileInfo{Name: path.Base(p), Path: p, Type: "directory", Mode: 0o755}
		}
	}
	return nil
}

func (h *Host) list(dir string) []effect.FileInfo {
	var found []effect.FileInfo
	for name := range h.Files {
		if path.Dir(name) == dir {
			found = append(found, *h.info(name))
		}
	}
	return found
}
