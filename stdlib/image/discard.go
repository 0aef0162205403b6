package image

import (
	"context"
	"path"

	"bsdrun/runtime/effect"
)

// DiscardArgs name a raw image.
type DiscardArgs struct {
	Path string `lua:"path,required" doc:"the raw image's absolute path"`
}

// Discarded is what discarding came to.
type Discarded struct {
	Changed bool   `lua:"changed" doc:"it was there, or in check mode is"`
	Path    string `lua:"path" doc:"where it was"`
}

// Discard removes a raw image that ToRaw has made.
func Discard(ctx context.Context, h effect.Doer, a DiscardArgs) (Discarded, error) {
	const op = "image.discard"
	done := Discarded{Path: a.Path}
	if err := (ToRawArgs{To: a.Path}).checkTo(op); err != nil {
		return done, err
	}
	record := recordOf(a.Path)
	known, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, File: &effect.FileOp{Verb: effect.FileStat, Path: record}, Reads: []effect.Resource{effect.File(record)},
		Answer: func(pending map[effect.Resource]string) (effect.Result, bool) {
			return effect.Result{Info: &effect.FileInfo{}}, pending[effect.File(record)] == effect.Made
		},
	})
	if err != nil || known.Info == nil {
		return done, err
	}
	done.Changed = true
	// The record goes last: until then it is known whose the image is.
	_, err = h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Change, Title: "remove " + a.Path,
		Argv:   []string{"sh", "-c", `rm -f "$1" "$1.part" && rm -f "$2"`, "sh", a.Path, record},
		Writes: []effect.Resource{effect.File(a.Path), effect.File(a.Path + ".part"), effect.File(record)},
		Diff:   &effect.Diff{Path: a.Path, Note: "remove the raw image"},
	})
	return done, err
}

// recordOf is the file that tells of a raw image what it was made of.
func recordOf(image string) string {
	return path.Join(path.Dir(image), "."+path.Base(image)+".bsdrun")
}
