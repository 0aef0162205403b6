package gpart

import (
	"context"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// DiskArgs name a disk.
type DiskArgs struct {
	Disk string `lua:"disk,required" doc:"the disk"`
}

// Saved is a partition table as gpart backup prints it.
type Saved struct {
	Text   string `lua:"text" doc:"what gpart restore takes"`
	Scheme string `lua:"scheme" doc:"kind of table"`
}

// savedHead is the first line: scheme and number of places.
var savedHead = lazyregexp.New(`^([A-Z0-9]+) \d+\n`)

// Backup returns a disk's table as text.
func Backup(ctx context.Context, h effect.Doer, a DiskArgs) (Saved, error) {
	return backup(ctx, h, "gpart.backup", a.Disk)
}

func backup(ctx context.Context, h effect.Doer, op, disk string) (Saved, error) {
	name, err := diskName(op, disk)
	if err != nil {
		return Saved{}, err
	}
	res, err := run(ctx, h, effect.Effect{
		Op: op, Kind: effect.Read, Argv: []string{"gpart", "backup", name}, Reads: []effect.Resource{resource(name)},
	})
	if err != nil {
		return Saved{}, err
	}
	text, err := res.Text()
	if err != nil {
		return Saved{}, err
	}
	m := savedHead.FindStringSubmatch(text)
	if m == nil {
		return Saved{}, effect.Errorf(effect.Failed, op, "gpart printed something else: %.80q", text)
	}
	return Saved{Text: text, Scheme: m[1]}, nil
}

// RestoreArgs are the arguments of Restore.
type RestoreArgs struct {
	Disk   string `lua:"disk,required" doc:"the disk"`
	Text   string `lua:"text,required" doc:"what backup returned"`
	Force  bool   `lua:"force" doc:"replace another table (-F)"`
	Labels *bool  `lua:"labels" doc:"restore the labels, too (-l); not for a second disk of the same host, where they would be there twice" default:"true"`
}

// Restore writes a saved table to a disk.
func Restore(ctx context.Context, h effect.Doer, a RestoreArgs) (Changed, error) {
	const op = "gpart.restore"
	if !savedHead.MatchString(a.Text) {
		return Changed{}, effect.Errorf(effect.Invalid, op, "the text is none that gpart backup prints: %.60q", a.Text)
	}
	disk, err := diskName(op, a.Disk)
	if err != nil {
		return Changed{}, err
	}
	labels := a.Labels == nil || *a.Labels
	now, err := backup(ctx, h, op, disk)
	switch {
	case err == nil && sameTable(now.Text, a.Text, labels):
		return Changed{}, nil
	case err == nil && !a.Force:
		return Changed{}, effect.WithHint(effect.Errorf(effect.Failed, op, "%s has another %s table", disk, now.Scheme), "force=true replaces it")
	case err != nil && effect.KindOf(err) != effect.Missing:
		return Changed{}, err
	}
	argv := []string{"gpart", "restore"}
	if a.Force {
		argv = append(argv, "-F")
	}
	if labels {
		argv = append(argv, "-l")
	}
	_, err = run(ctx, h, effect.Effect{
		Op: op, Kind: effect.Change, Risk: effect.Irreversible, Note: "another partition table for " + disk,
		Argv: append(argv, disk), Stdin: strings.NewReader(a.Text),
		Writes: []effect.Resource{resource(disk), effect.File("/dev/" + disk), effect.Tree("/dev/gpt")},
		Diff:   &effect.Diff{Path: disk, Before: []byte(now.Text), After: []byte(a.Text)},
	})
	return Changed{err == nil}, err
}

// sameTable compares saved tables by their words.
func sameTable(a, b string, labels bool) bool {
	left, right := strings.Split(strings.TrimSpace(a), "\n"), strings.Split(strings.TrimSpace(b), "\n")
	return slices.EqualFunc(left, right, func(x, y string) bool {
		return slices.Equal(savedWords(x, labels), savedWords(y, labels))
	})
}

// savedWords are the words of a line, perhaps without the label, which stands
// between the first four words and the attributes in brackets.
func savedWords(line string, labels bool) []string {
	words := strings.Fields(line)
	if labels || len(words) <= 4 {
		return words
	}
	kept := slices.Clone(words[:4])
	if last := words[len(words)-1]; strings.HasPrefix(last, "[") {
		kept = append(kept, last)
	}
	return kept
}
