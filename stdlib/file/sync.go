package file

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
)

// SyncArgs are the arguments of Sync.
type SyncArgs struct {
	From    binding.Local `lua:"from,required" doc:"the local folder, as local_file gives it"`
	Path    string        `lua:"path,required" doc:"absolute path of the directory on the host; it is made where it is missing"`
	Delete  bool          `lua:"delete" doc:"remove what the local folder does not have"`
	Exclude []string      `lua:"exclude" doc:"shell patterns for names that are left alone on both sides, with all below them"`
	Owner   string        `lua:"owner" doc:"user by name; default: as it is, or who we are"`
	Group   string        `lua:"group" doc:"group by name; default: as it is, or that of who we are"`
	Modes   bool          `lua:"modes" doc:"give all the modes that they have locally, with set-uid bits; default: 0755 for directories and what may be executed, 0644 for the rest"`
}

// Synced is what a tree came to.
type Synced struct {
	Changed bool     `lua:"changed" doc:"the tree is, or in check mode would be, different now"`
	Sent    []string `lua:"sent" doc:"what was, or in check mode would be, sent; paths below the directory"`
	Removed []string `lua:"removed" doc:"what was, or in check mode would be, removed"`
}

// Sync makes a tree on the host that of a local folder: one look at what is
// there, and one stream of what differs.
func Sync(ctx context.Context, h effect.Doer, a SyncArgs) (Synced, error) {
	const op = "file.sync"
	if err := checkTree(op, a.Path, a.Exclude); err != nil {
		return unsynced(), err
	}
	if a.From.Tree == nil {
		return unsynced(), effect.Errorf(effect.Invalid, op, "%s is no folder", a.From.Path)
	}
	tree, err := a.From.Tree()
	if err != nil {
		return unsynced(), effect.Errorf(effect.Invalid, op, "%s is no folder: %v", a.From.Path, err)
	}
	defer tree.Close()
	s := syncing{
		op: op, from: &localTree{op: op, tree: tree, exclude: a.Exclude, modes: a.Modes},
		to:     &hostTree{op: op, h: h, path: path.Clean(a.Path), exclude: a.Exclude},
		delete: a.Delete, owner: a.Owner, group: a.Group, exclude: a.Exclude,
	}
	return s.run(ctx)
}

func unsynced() Synced { return Synced{Sent: []string{}, Removed: []string{}} }

// checkTree refuses what cannot be a tree that is written to.
func checkTree(op, to string, exclude []string) error {
	if err := checkPath(op, to); err != nil {
		return err
	}
	if slices.Contains(protected, path.Clean(to)) {
		return effect.Errorf(effect.Invalid, op, "%s belongs to the system: name a directory of its own", to)
	}
	return checkPatterns(op, exclude)
}

func checkPatterns(op string, patterns []string) error {
	for _, pattern := range patterns {
		if _, err := path.Match(pattern, ""); err != nil || strings.Contains(pattern, "/") {
			return effect.Errorf(effect.Invalid, op, "%q is no pattern for names", pattern)
		}
	}
	return nil
}

// source is where a tree comes from.
type source interface {
	look(ctx context.Context) (entries, error)
	// hash completes the sums of files.
	hash(ctx context.Context, all entries, names []string) error
	// stream hands out what is there of the names, in their order, and tells
	// which files have changed meanwhile.
	stream(ctx context.Context, names []string, take func(item) error) (torn []string, err error)
	// packing is the compressor out of those that pays for what is sent.
	packing(all entries, names, tools []string) string
}

// item is one file, directory or link of a stream.
type item struct {
	name     string
	size     int64
	modified time.Time
	same     string // the name of an earlier file, of which it is another link
	content  io.Reader
}

// syncing is one tree under way to a host.
type syncing struct {
	op           string
	from         source
	to           *hostTree
	delete       bool
	owner, group string
	exclude      []string
	want, have   entries
}

// rounds is how often what changes while it is sent, or was cut off, is sent
// again.
const rounds = 4

func (s *syncing) run(ctx context.Context) (done Synced, err error) {
	done = unsynced()
	if s.want, err = s.from.look(ctx); err != nil {
		return done, err
	}
	if s.have, err = s.to.look(ctx); err != nil {
		return done, err
	}
	s.settleOwners()
	if done.Removed, err = s.foreign(); err != nil {
		return done, err
	}
	if done.Sent, err = s.differing(ctx, s.names()); err != nil {
		return done, err
	}
	if len(done.Removed) > 0 {
		if err := s.refuseMounts(ctx, done.Removed); err != nil {
			return done, err
		}
		if err := s.to.remove(ctx, done.Removed); err != nil {
			return done, err
		}
		done.Changed = true
	}
	skipped, err := s.sendAll(ctx, done.Sent)
	done.Changed = done.Changed || len(done.Sent) > 0 && (err == nil || skipped)
	return done, err
}

// names are all that are wanted.
func (s *syncing) names() []string {
	names := make([]string, 0, len(s.want))
	for name := range s.want {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// settleOwners says whose the files shall be: nobody but root gives files away.
func (s *syncing) settleOwners() {
	for name, e := range s.want {
		if !s.to.root {
			e.owner, e.group = "", ""
		}
		if s.owner != "" {
			e.owner = s.owner
		}
		if s.group != "" {
			e.group = s.group
		}
		s.want[name] = e
	}
}

// foreign is what has to go: with delete what the source does not have, and always
// what is of another kind than what comes there. A directory stays, without all
// else in it, where something excluded is in it.
func (s *syncing) foreign() ([]string, error) {
	keeps := map[string]string{} // directories, and the excluded name in them
	for name := range s.have {
		if excludes(s.exclude, name) {
			delete(s.have, name)
			for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
				keeps[dir] = name
			}
		}
	}
	gone := map[string]bool{}
	for name, e := range s.have {
		want, wanted := s.want[name]
		inTheWay := wanted && want.kind != e.kind
		if kept := keeps[name]; inTheWay && kept != "" {
			return nil, effect.Errorf(effect.Failed, s.op, "on the host %s is a %s, but %s in it is excluded, so it stays in the way", name, e.kind, kept)
		}
		if inTheWay || !wanted && s.delete && keeps[name] == "" {
			gone[name] = true
		}
	}
	list := []string{}
	for name := range gone {
		if !belowAny(name, gone) { // goes along
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list, nil
}

func belowAny(name string, dirs map[string]bool) bool {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if dirs[dir] {
			return true
		}
	}
	return false
}

// refuseMounts stops where a file system is mounted in what has to go.
func (s *syncing) refuseMounts(ctx context.Context, names []string) error {
	for _, name := range names {
		if s.have[name].kind == "directory" {
			if err := refuseMounted(ctx, s.to.h, s.op, path.Join(s.to.path, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// differing is what of the names is not on the host as it is wanted. Files of the
// same size are compared by their hashes.
func (s *syncing) differing(ctx context.Context, names []string) ([]string, error) {
	var alike []string
	for _, name := range names {
		if want := s.want[name]; want.kind == "file" && s.have[name].kind == "file" && s.have[name].size == want.size {
			alike = append(alike, name)
		}
	}
	if err := s.from.hash(ctx, s.want, alike); err != nil {
		return nil, err
	}
	if err := s.to.hash(ctx, s.have, alike); err != nil {
		return nil, err
	}
	list := []string{}
	for _, name := range names {
		_, wanted := s.want[name]
		have, there := s.have[name]
		if wanted && !(there && (name == "." || s.ownedAsIs(name) == have)) {
			list = append(list, name)
		}
	}
	return list, nil
}

// ownedAsIs is what is wanted, and whose it is on the host where nothing is said
// of that.
func (s *syncing) ownedAsIs(name string) entry {
	want, have := s.want[name], s.have[name]
	if want.kind != have.kind {
		return want
	}
	if want.owner == "" {
		want.owner = have.owner
	}
	if want.group == "" {
		want.group = have.group
	}
	return want
}

// sendAll sends until all is there. What has changed while it was sent, and what a
// lost connection has cut off, goes again.
func (s *syncing) sendAll(ctx context.Context, names []string) (skipped bool, err error) {
	for round := 1; len(names) > 0; round++ {
		torn, skipped, sending := s.send(ctx, names)
		cut := effect.KindOf(sending) == effect.Unreachable
		if skipped || sending != nil && !cut {
			return skipped, sending
		}
		if s.have == nil {
			if s.have, err = s.to.look(ctx); err != nil {
				return false, err
			}
		}
		left, err := s.differing(ctx, names)
		switch {
		case err != nil:
			return false, err
		case len(left) > 0 && !cut && len(torn) == 0:
			return false, effect.WithHint(effect.Errorf(effect.Failed, s.op, "tar reported no error, but these are not what was sent: %s", few(left)),
				"only root may give files to others, and to those alone whom the host knows")
		case len(left) > 0 && round == rounds && !cut:
			return false, effect.WithHint(effect.Errorf(effect.Failed, s.op, "these change while they are sent: %s", few(left)),
				"stop what writes them, or send a copy or a snapshot")
		case len(left) > 0 && round == rounds:
			return false, sending
		}
		names = left
	}
	return false, nil
}

func few(names []string) string {
	if len(names) <= 5 {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:5], ", ") + " .."
}

// sumOf stands for what is fed to a command, in the records of a run.
func sumOf(lines []string) string {
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:])
}

// send sends names in one stream. What it has sent is what is wanted from now on;
// what has gone meanwhile is not wanted any more. What the host has is known again
// only if the stream came to a good end.
func (s *syncing) send(ctx context.Context, names []string) (torn []string, skipped bool, err error) {
	tool := s.from.packing(s.want, names, s.to.tools)
	a := newArchive(s, ctx, names, tool)
	var lines []string
	for _, name := range names {
		lines = append(lines, fmt.Sprint(name, s.want[name]))
	}
	have, skipped, err := s.to.unpack(ctx, a, unpacking{tool, names, sumOf(lines), s.want.size(names)})
	if failure := a.stop(); failure != nil && effect.KindOf(err) != effect.Unreachable {
		err = failure
	}
	s.have = have
	if skipped || err != nil {
		return nil, skipped, err
	}
	for _, name := range a.torn {
		e := s.want[name]
		e.sum = "torn"
		s.want[name] = e
	}
	return a.torn, false, nil
}
