package freebsdupdate

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"

	"github.com/aymanbagabas/go-udiff"

	"bsdrun/runtime/effect"
	"bsdrun/stdlib/file"
	"bsdrun/stdlib/freebsdupdate/threeway"
)

// MergeArgs are the arguments of Merge.
type MergeArgs struct {
	Policy string   `lua:"policy,pos" doc:"whose lines count where both sides changed them; default: as upgrade was told" enum:"keep|take|script"`
	Editor []string `lua:"editor" doc:"command on the host for policy script; it is given four paths: local, old, new, result"`
	Skip   []string `lua:"skip" doc:"paths to leave as they are"`
	Place  `lua:",inline"`
}

// Merged is what became of the files with local changes.
type Merged struct {
	Changed   bool         `lua:"changed" doc:"files were, or in check mode would be, changed"`
	Files     []MergedFile `lua:"files" doc:"every file that was looked at, sorted by path"`
	Conflicts int          `lua:"conflicts" doc:"places where both sides had changed the same lines"`
	Rebuilt   []string     `lua:"rebuilt" doc:"databases that were made anew: /etc/spwd.db, /etc/login.conf.db, /etc/mail/aliases.db, /var/db/services.db"`
	Backup    string       `lua:"backup,omitempty" doc:"directory with copies of the changed files as they were"`
}

// MergedFile is what became of one file.
type MergedFile struct {
	Path      string     `lua:"path"`
	How       string     `lua:"how" doc:"merged; same: nothing to do; new: as the new release has it; kept: left as it was; edited: by the editor; skipped; obsolete: the new release has it no more, and it was left" enum:"merged|same|new|kept|edited|skipped|obsolete"`
	Changed   bool       `lua:"changed"`
	Conflicts []Conflict `lua:"conflicts" doc:"places where both sides had changed the same lines"`
	Diff      string     `lua:"diff,omitempty" doc:"what was changed, as a unified difference; empty where only root may read the file"`
	Note      string     `lua:"note,omitempty" doc:"what a person should know"`
}

// Conflict is a place where both sides had changed the same lines.
type Conflict struct {
	Line  int    `lua:"line" doc:"where it begins in the file as it was, from 1"`
	Local string `lua:"local" doc:"the local lines"`
	Old   string `lua:"old" doc:"those of the old release"`
	New   string `lua:"new" doc:"those of the new one"`
	Took  string `lua:"took" doc:"whose lines are there now" enum:"local|new|editor"`
}

// Merge merges what changed between the releases into files with local changes.
func Merge(ctx context.Context, h effect.Doer, a MergeArgs) (Merged, error) {
	const op = "freebsd_update.merge"
	if a.Policy != "" || len(a.Editor) > 0 {
		if err := checkPolicy(op, a.Policy, a.Editor); err != nil {
			return Merged{}, err
		}
	}
	t, err := locate(ctx, h, op, a.Place)
	if err != nil {
		return Merged{}, err
	}
	plan, err := t.mergePlan(ctx, h, op)
	if err != nil {
		return Merged{}, err
	}
	if a.Policy != "" {
		plan.Policy, plan.Editor = a.Policy, a.Editor
	}
	m := merging{target: t, h: h, op: op, plan: plan, result: Merged{Files: []MergedFile{}, Rebuilt: []string{}}}
	if plan.Merged {
		return m.result, nil
	}
	err = m.run(ctx, a.Skip)
	return m.result, err
}

// mergePlan is the plan that upgrade left, once the new world is there.
func (t target) mergePlan(ctx context.Context, h effect.Doer, op string) (Plan, error) {
	plan, there, err := t.readPlan(ctx, h, op)
	if err != nil {
		return Plan{}, err
	}
	if !there || !plan.Ready {
		return Plan{}, effect.WithHint(effect.Errorf(effect.Failed, op, "no upgrade has put texts aside"),
			"h.freebsd_update.upgrade() does; an upgrade that was fetched by hand has merged already")
	}
	now, err := t.progress(ctx, h, op)
	if err != nil {
		return Plan{}, err
	}
	if !plan.Merged && (now.Phase == phaseUpgrade || now.Phase == phaseKernelDone) {
		return Plan{}, effect.WithHint(
			effect.Errorf(effect.Failed, op, "the world of %s is not installed yet (%s)", plan.To, now.Phase),
			"h.freebsd_update.install() until its phase is world_done, or it has finished")
	}
	return plan, nil
}

// merging is a Merge under way.
type merging struct {
	target
	h      effect.Doer
	op     string
	plan   Plan
	result Merged
}

func (m *merging) run(ctx context.Context, skip []string) error {
	// A former call may have been cut off between a file and its database.
	sources := map[string]bool{}
	for _, f := range m.plan.Files {
		if slices.Contains(skip, f.Path) {
			m.result.Files = append(m.result.Files, MergedFile{Path: f.Path, How: howSkipped, Conflicts: []Conflict{}})
			continue
		}
		done, err := m.one(ctx, f)
		if err != nil {
			return err
		}
		m.result.Files = append(m.result.Files, done)
		m.result.Conflicts += len(done.Conflicts)
		sources[f.Path] = done.How != howSkipped && done.How != howObsolete
		if done.Changed {
			m.result.Changed = true
			m.result.Backup = m.stage(backupDir)
		}
	}
	if err := m.rebuild(ctx, sources); err != nil {
		return err
	}
	m.plan.Merged = true
	return m.writePlan(ctx, m.h, m.op, m.plan)
}

// one merges one file.
func (m *merging) one(ctx context.Context, f PlanFile) (MergedFile, error) {
	live := m.file(f.Path)
	local, there, err := file.Content(ctx, m.h, m.op, live)
	if err != nil {
		return MergedFile{}, err
	}
	if !there {
		return MergedFile{Path: f.Path, How: howSkipped, Conflicts: []Conflict{}, Note: "the file is not there any more"}, nil
	}
	texts, err := m.texts(ctx, f, string(local))
	if err != nil {
		return MergedFile{}, err
	}
	d := decide(f.Path, m.plan.Policy, texts)
	if d.edit {
		if d, err = m.edit(ctx, f.Path, texts, d); err != nil {
			return MergedFile{}, err
		}
	}
	private, err := m.private(ctx, live)
	if err != nil {
		return MergedFile{}, err
	}
	done := MergedFile{Path: f.Path, How: d.how, Conflicts: d.conflicts, Note: d.note}
	if d.text != texts.local {
		if err := m.write(ctx, live, f.Path, texts.local, d.text, &done); err != nil {
			return MergedFile{}, err
		}
	}
	if done.Changed && !private {
		done.Diff = udiff.Unified(f.Path, f.Path, texts.local, d.text)
	}
	if private {
		done.hide()
	}
	return done, nil
}

// hide takes out what only root may read.
func (f *MergedFile) hide() {
	for i, c := range f.Conflicts {
		f.Conflicts[i] = Conflict{Line: c.Line, Took: c.Took}
	}
}

// private tells whether others than the owner may not read a file.
func (m *merging) private(ctx context.Context, live string) (bool, error) {
	info, err := file.StatAs(ctx, m.h, m.op, live)
	return info != nil && info.Mode&0o004 == 0, err
}

// texts are the three texts of a file; nil where a release has none.
type texts struct {
	local      string
	old, fresh *string
}

// texts reads what Upgrade has put aside. A file that was patched in the old
// release has several old texts: the local one was made from that which it is
// nearest to, and with another, what a patch did would look like a local change.
func (m *merging) texts(ctx context.Context, f PlanFile, local string) (texts, error) {
	t := texts{local: local}
	if f.New != "" {
		text, err := m.text(ctx, f.New)
		if err != nil {
			return t, err
		}
		t.fresh = &text
	}
	nearest := 0
	for _, hash := range f.Old {
		text, err := m.text(ctx, hash)
		if err != nil {
			return t, err
		}
		if far := threeway.Distance(local, text, withoutTags); t.old == nil || far < nearest {
			nearest, t.old = far, &text
		}
	}
	return t, nil
}

// text is a text by its hash, which is checked: who could have written here is
// root alone, but a disk can.
func (m *merging) text(ctx context.Context, hash string) (string, error) {
	name := m.stage(textsDir + "/" + hash + ".gz")
	packed, there, err := file.Content(ctx, m.h, m.op, name)
	if err != nil {
		return "", err
	}
	if !there {
		return "", effect.Errorf(effect.Missing, m.op, "the text %s is gone", name)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return "", effect.Errorf(effect.Failed, m.op, "%s: %s", name, err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return "", effect.Errorf(effect.Failed, m.op, "%s: %s", name, err)
	}
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != hash {
		return "", effect.Errorf(effect.Failed, m.op, "%s has another content than its name says", name)
	}
	return string(text), nil
}

func checkPolicy(op, policy string, editor []string) error {
	if policy == "script" && len(editor) == 0 {
		return effect.Errorf(effect.Invalid, op, "the policy script needs editor=, a command on the host")
	}
	if policy != "script" && len(editor) > 0 {
		return effect.Errorf(effect.Invalid, op, "editor= goes with the policy script alone")
	}
	return nil
}
