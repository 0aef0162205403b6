package freebsdupdate

import (
	"context"
	"errors"
	"io/fs"
	"path"

	"bsdrun/runtime/effect"
	"bsdrun/stdlib/file"
)

const (
	backupDir = "backup" // of the stage: changed files as they were
	editDir   = "edit"   // of the stage: what the editor is given
)

// validators accept a merged file before it replaces the live one.
var validators = map[string][]string{
	"/etc/master.passwd":   {"pwd_mkdb", "-C", "%s"},
	"/etc/rc.conf":         {"sh", "-n", "%s"},
	"/etc/ssh/sshd_config": {"/usr/sbin/sshd", "-t", "-f", "%s"},
}

// write replaces a live file, keeping a copy. What a validator refuses stays as
// it was, and is noted: a merge must not cost the host.
func (m *merging) write(ctx context.Context, live, name, before, after string, done *MergedFile) error {
	backup := m.stage(backupDir + name)
	if err := m.mkdir(ctx, path.Dir(backup)); err != nil {
		return err
	}
	careful := file.Careful{Backup: backup}
	if m.isHost() {
		careful.Validate = validators[name]
	}
	errMoved := errors.New("it was changed while it was being merged")
	changed, err := file.Edit(ctx, m.h, m.op, live, careful, func(src []byte) ([]byte, error) {
		if string(src) != before {
			return nil, errMoved
		}
		return []byte(after), nil
	})
	if err != nil && careful.Validate != nil && effect.KindOf(err) == effect.Failed && !errors.Is(err, errMoved) {
		done.How, done.Note = howKept, "the merged file was refused: "+effect.AsError(err).Summary()
		return nil
	}
	done.Changed = changed.Changed
	return err
}

func (m *merging) mkdir(ctx context.Context, dir string) error {
	_, err := m.h.Do(ctx, effect.Effect{
		Op: m.op, Kind: effect.Change,
		File:  &effect.FileOp{Verb: effect.FileMkdir, Path: dir, Parents: true, Mode: new(fs.FileMode(0o700))},
		Reads: effect.Nothing, Writes: []effect.Resource{effect.File(dir)},
	})
	return err
}

// edit lets a program on the host resolve the conflicts of a file. It finds the
// merged text, with local lines at conflicts, in the file it is to leave; what
// it leaves must have no conflict markers, else the file stays as it is.
func (m *merging) edit(ctx context.Context, name string, t texts, d decision) (decision, error) {
	dir := m.stage(editDir + name)
	if err := m.mkdir(ctx, dir); err != nil {
		return d, err
	}
	argv := append([]string(nil), m.plan.Editor...)
	for _, f := range []struct {
		name string
		text *string
	}{{"local", &t.local}, {"old", t.old}, {"new", t.fresh}, {"result", &d.text}} {
		text := ""
		if f.text != nil {
			text = *f.text
		}
		if err := m.writeStaged(ctx, m.h, m.op, path.Join(dir, f.name), []byte(text)); err != nil {
			return d, err
		}
		argv = append(argv, path.Join(dir, f.name))
	}
	result := path.Join(dir, "result")
	res, err := m.h.Do(ctx, effect.Effect{Op: m.op, Kind: effect.Change, Argv: argv, Writes: []effect.Resource{effect.File(result)}})
	if err != nil {
		if e := effect.AsError(err); e.Kind == effect.Failed && e.Code != 0 {
			return d.refused(t, "the editor failed: "+e.Summary()), nil
		}
		return d, err
	}
	if res.Skipped {
		return d, effect.ErrUnknown
	}
	text, there, err := file.Content(ctx, m.h, m.op, result)
	switch {
	case err != nil:
		return d, err
	case !there:
		return d.refused(t, "the editor left no file"), nil
	case markerForm.Match(text):
		return d.refused(t, "the editor left conflict markers"), nil
	}
	d.text, d.how = string(text), howEdited
	for i := range d.conflicts {
		d.conflicts[i].Took = "editor"
	}
	return d, nil
}

// refused leaves a file as it is.
func (d decision) refused(t texts, note string) decision {
	d.text, d.how, d.note = t.local, howKept, note
	return d
}

// database is a file that a program makes of another.
type database struct {
	path, source string
	argv         []string
	hostOnly     bool // the program knows of no other root
}

func (m *merging) databases() []database {
	passwd, login, services := m.file("/etc/master.passwd"), m.file("/etc/login.conf"), m.file("/etc/services")
	return []database{
		{"/etc/spwd.db", "/etc/master.passwd", []string{"pwd_mkdb", "-p", "-d", m.file("/etc"), passwd}, false},
		{"/etc/login.conf.db", "/etc/login.conf", []string{"cap_mkdb", login}, false},
		{"/etc/mail/aliases.db", "/etc/mail/aliases", []string{"newaliases"}, true},
		{"/var/db/services.db", "/etc/services", []string{"services_mkdb", "-q", "-o", m.file("/var/db/services.db"), services}, false},
	}
}

// rebuild makes the databases anew whose sources were merged. Those that are not
// there nobody reads.
func (m *merging) rebuild(ctx context.Context, sources map[string]bool) error {
	for _, d := range m.databases() {
		if !sources[d.source] || d.hostOnly && !m.isHost() {
			continue
		}
		info, err := file.StatAs(ctx, m.h, m.op, m.file(d.path))
		if err != nil {
			return err
		}
		if info == nil {
			continue
		}
		writes := []effect.Resource{effect.File(m.file(d.path))}
		if d.path == "/etc/spwd.db" {
			writes = append(writes, effect.File(m.file("/etc/pwd.db")), effect.File(m.file("/etc/passwd")), "user")
		}
		if _, err := m.h.Do(ctx, effect.Effect{Op: m.op, Kind: effect.Change, Argv: d.argv, Writes: writes}); err != nil {
			return effect.WithHint(err, "%s is merged; make %s anew by hand", d.source, d.path)
		}
		m.result.Rebuilt = append(m.result.Rebuilt, d.path)
	}
	return nil
}
