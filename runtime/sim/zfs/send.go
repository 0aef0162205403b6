package zfs

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
)

// SendOptions say what zfs send sends.
type SendOptions struct {
	Snapshot      string
	From          string // snapshot or bookmark that the receiver has; as @NAME, #NAME or in full
	Intermediates bool   // all snapshots from From on, not only the last (-I)
	Replicate     bool   // all below, with all snapshots and properties (-R)
	Properties    bool   // properties too (-p)
	Resume        string // receive_resume_token: the rest of an interrupted stream; nothing else is given
}

// Part is one snapshot of what a stream consists of.
type Part struct {
	Snapshot string
	From     string // snapshot, or bookmark; empty: all of it
	Size     int64  // estimated
}

// SendPlan lists what would be sent, as zfs send -nv shows it.
func SendPlan(m *sim.Machine, o SendOptions) ([]Part, error) {
	defer enter(m)()
	plan, err := planSend(m, o)
	if err != nil {
		return nil, err
	}
	var parts []Part
	for _, p := range plan {
		part := Part{Snapshot: p.d.Name}
		size := m.Tree().Space(p.d.Name).Referenced
		if p.from != nil {
			part.From = p.from.Name
			size = m.Tree().Beyond(p.d.Name, p.from.Name)
		}
		part.Size = size + streamRecords
		parts = append(parts, part)
	}
	return parts, nil
}

// streamRecords is what a stream takes beyond its data.
const streamRecords = 12912

// Send writes a stream of snapshots.
func Send(m *sim.Machine, o SendOptions, w io.Writer) error {
	records, err := collect(m, o)
	if err != nil {
		return err
	}
	for _, r := range records {
		if err := r.write(w); err != nil {
			return err
		}
	}
	return nil
}

// collect makes the records of a stream.
func collect(m *sim.Machine, o SendOptions) ([]record, error) {
	defer enter(m)()
	plan, err := planSend(m, o)
	if err != nil {
		return nil, err
	}
	var records []record
	for _, p := range plan {
		r, err := p.record(m, o)
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	return records, nil
}

// sending is one snapshot to send, since another or whole.
type sending struct {
	pool   *state.Pool
	d      *state.Dataset
	from   *state.Dataset
	clone  bool
	offset int64
	props  bool
}

func planSend(m *sim.Machine, o SendOptions) ([]sending, error) {
	if o.Resume != "" {
		return planResume(m, o.Resume)
	}
	pool, d := find(m, o.Snapshot)
	switch {
	case d == nil:
		return nil, ErrNoDataset
	case d.Type != Snapshot:
		return nil, ErrWrongType
	case !o.Replicate:
		return planOne(pool, d, o)
	}
	var plan []sending
	for _, fs := range originsFirst(pool, fsName(d.Name)) {
		_, rest := cutName(d.Name)
		last := pool.Find(fs.Name + rest)
		if last == nil {
			continue
		}
		part := o
		if o.From != "" {
			_, from := cutName(fullName(o.From, d.Name))
			if part.From = fs.Name + from; pool.Find(part.From) == nil {
				part.From = ""
			}
		}
		part.Intermediates = o.Intermediates || part.From == ""
		steps, err := planOne(pool, last, part)
		if err != nil {
			return nil, err
		}
		plan = append(plan, steps...)
	}
	return plan, nil
}

// originsFirst lists the file systems and volumes below one, each after what it is a
// clone of.
func originsFirst(pool *state.Pool, top string) []*state.Dataset {
	var list []*state.Dataset
	var add func(d *state.Dataset)
	add = func(d *state.Dataset) {
		if slices.Contains(list, d) {
			return
		}
		if of := pool.Find(fsName(d.Origin)); of != nil && d.Origin != "" && below(of.Name, top) {
			add(of)
		}
		list = append(list, d)
	}
	for _, d := range subtree(pool, top) {
		if d.Type == FileSystem || d.Type == Volume {
			add(d)
		}
	}
	return list
}

// fullName completes the name of a snapshot or bookmark by another's.
func fullName(name, like string) string {
	switch {
	case strings.HasPrefix(name, "@"), strings.HasPrefix(name, "#"):
		return fsName(like) + name
	case strings.ContainsAny(name, "@#"):
		return name
	}
	return fsName(like) + "@" + name
}

// planOne plans the snapshots of one dataset.
func planOne(pool *state.Pool, d *state.Dataset, o SendOptions) ([]sending, error) {
	fs := pool.Find(fsName(d.Name))
	var from *state.Dataset
	clone := false
	switch {
	case o.From != "":
		from = pool.Find(fullName(o.From, d.Name))
		if from == nil {
			return nil, fmt.Errorf("incremental source (%s) does not exist", fullName(o.From, d.Name))
		}
		if clone = from.Name == fs.Origin; !clone && (fsName(from.Name) != fs.Name || from.TXG >= d.TXG) {
			return nil, errors.New("not an earlier snapshot from the same fs")
		}
	case o.Replicate && fs.Origin != "":
		if from = pool.Find(fs.Origin); from != nil && below(from.Name, fsName(o.Snapshot)) {
			clone = true
		} else {
			from = nil
		}
	}
	if !o.Intermediates {
		return []sending{{pool: pool, d: d, from: from, clone: clone}}, nil
	}
	var plan []sending
	for _, s := range snapshotsOf(pool, fs.Name) {
		if s.TXG > d.TXG || from != nil && !clone && s.TXG <= from.TXG {
			continue
		}
		plan = append(plan, sending{pool: pool, d: s, from: from, clone: clone})
		from, clone = s, false
	}
	return plan, nil
}

// planResume plans the rest of an interrupted stream.
func planResume(m *sim.Machine, text string) ([]sending, error) {
	token, err := parseToken(text)
	if err != nil {
		return nil, err
	}
	pool, d := find(m, token.Name)
	if d == nil || d.GUID != token.GUID {
		return nil, fmt.Errorf("'%s' used in the initial send no longer exists", token.Name)
	}
	p := sending{pool: pool, d: d, clone: token.Clone, offset: token.Offset, props: token.Props}
	if token.From != 0 {
		i := slices.IndexFunc(pool.Datasets, func(other *state.Dataset) bool { return other.GUID == token.From })
		if i < 0 {
			return nil, fmt.Errorf("incremental source %x no longer exists", token.From)
		}
		p.from = pool.Datasets[i]
	}
	return []sending{p}, nil
}

// record makes a record of a snapshot.
func (p sending) record(m *sim.Machine, o SendOptions) (record, error) {
	d, fs := p.d, p.pool.Find(fsName(p.d.Name))
	r := record{header: header{
		Name: d.Name, Type: fs.Type, GUID: d.GUID, Clone: p.clone, Created: d.Created, Version: d.Version, Size: d.Size, Written: d.Written, Offset: p.offset,
	}}
	earlier := ""
	if p.from != nil {
		r.From, earlier = p.from.GUID, p.from.Name
		if p.from.Type == Bookmark {
			r.Whole, earlier = true, ""
		}
	}
	if o.Properties || o.Replicate || p.props {
		r.Properties = maps.Clone(fs.Properties)
	}
	if o.Replicate {
		r.Top = fsName(o.Snapshot)
		for _, s := range snapshotsOf(p.pool, fs.Name) {
			r.Keep = append(r.Keep, s.GUID)
		}
	}
	if fs.Type != FileSystem {
		return r, nil
	}
	entries, err := m.Tree().Export(d.Name, earlier)
	if err == nil {
		r.content, err = encodeFiles(entries)
	}
	if r.Offset > int64(len(r.content)) {
		return r, errors.New("resume token is corrupt (offset beyond the stream)")
	}
	return r, err
}
