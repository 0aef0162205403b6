package zfs

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
)

// ReceiveOptions say how zfs receive takes a stream.
type ReceiveOptions struct {
	Force     bool              // roll back what was changed, overwrite what has no snapshots (-F)
	WithoutTo string            // d: put the sent name without its pool below the target (-d); e: its last part alone (-e)
	NoMount   bool              // leave new file systems unmounted (-u)
	Resumable bool              // keep what came of a stream that breaks off (-s)
	Set       map[string]string // properties instead of those sent (-o)
	Exclude   []string          // properties sent that are not taken (-x)
	Check     bool              // look only whether it could be received (-n)
}

// Received is a snapshot that was received.
type Received struct {
	Snapshot    string // here
	Sent        string // its name in the stream
	Incremental bool
	Size        int64
}

// ReceiveError is a stream that was not taken: the whole text of zfs receive.
type ReceiveError struct {
	What   string // new filesystem stream, incremental stream, resume stream; may be empty
	Reason string
}

func (e *ReceiveError) Error() string {
	return strings.TrimRight("cannot receive "+e.What, " ") + ": " + e.Reason
}

// Receive takes a stream into a file system or as a snapshot of it. It tells what
// it took, also when it then fails.
func Receive(m *sim.Machine, target string, in io.Reader, o ReceiveOptions) ([]Received, error) {
	var done []Received
	for {
		r, err := readRecord(in)
		if errors.Is(err, io.EOF) && len(done) > 0 {
			return done, nil
		}
		if errors.Is(err, io.EOF) {
			err = errNoStream
		}
		if err != nil && !errors.Is(err, errIncomplete) {
			return done, &ReceiveError{Reason: err.Error()}
		}
		got, err := receiveOne(m, target, r, o, err == nil)
		if err != nil {
			return done, err
		}
		done = append(done, got)
	}
}

// receiving is a record on its way into a pool.
type receiving struct {
	m    *sim.Machine
	pool *state.Pool
	o    ReceiveOptions
	r    record
	name string // of the snapshot here
	in   users
}

func receiveOne(m *sim.Machine, target string, r record, o ReceiveOptions, complete bool) (Received, error) {
	in := usersOf(m)
	defer enter(m)()
	name := destination(target, r, o)
	c := &receiving{m: m, pool: importedPool(m, name), o: o, r: r, name: name, in: in}
	got := Received{Snapshot: name, Sent: r.Name, Incremental: c.incremental(), Size: r.Payload - r.Offset + streamRecords}
	if err := c.check(); err != nil {
		return got, err
	}
	if o.Check {
		return got, nil
	}
	content, err := c.gather(complete)
	if err != nil {
		return got, err
	}
	return got, c.store(content)
}

// destination is the name a snapshot of a stream gets here.
func destination(target string, r record, o ReceiveOptions) string {
	fs, snapshot := cutName(r.Name)
	top, rest := cutName(target)
	switch o.WithoutTo {
	case "d":
		_, fs, _ = strings.Cut(fs, "/")
		return strings.TrimSuffix(top+"/"+fs, "/") + snapshot
	case "e":
		lead := fs
		if r.Top != "" {
			lead = r.Top
		}
		return top + "/" + lead[strings.LastIndexByte(lead, '/')+1:] + strings.TrimPrefix(fs, lead) + snapshot
	}
	if rest != "" && r.Top == "" {
		return target
	}
	if r.Top != "" {
		top += strings.TrimPrefix(fs, r.Top)
	}
	return top + snapshot
}

func (c *receiving) incremental() bool { return c.r.From != 0 && !c.r.Clone }

func (c *receiving) fail(format string, args ...any) error {
	what := "new filesystem stream"
	switch {
	case c.r.Offset > 0:
		what = "resume stream"
	case c.incremental():
		what = "incremental stream"
	}
	return &ReceiveError{What: what, Reason: fmt.Sprintf(format, args...)}
}

// check tells why a record cannot be received where it is to go, and makes room.
func (c *receiving) check() error {
	fs := fsName(c.name)
	if c.pool == nil || CheckName(c.name, Snapshot) != nil {
		return c.fail("destination '%s' does not exist", fs)
	}
	if err := changeable(c.m, c.pool); err != nil {
		return c.fail("%v", err)
	}
	there := c.pool.Find(fs)
	for property, value := range c.o.Set {
		made := &state.Dataset{Name: fs, Type: c.r.Type}
		if _, _, err := checkProperty(c.m, c.pool, made, property, value, there == nil); err != nil {
			return &ReceiveError{Reason: err.Error()}
		}
	}
	switch {
	case there != nil && there.Token == "" && !c.incremental() && !c.o.Force:
		return c.checkFull(there, fs)
	case c.pool.Find(c.name) != nil && c.pool.Find(c.name).GUID != c.r.GUID || c.pool.Find(c.name) != nil && c.r.Top == "":
		return c.fail("destination '%s' exists", c.name)
	case c.r.Version > FileSystemVersion(SupportedVersion(c.m)):
		return c.fail("stream has unsupported feature, filesystem version %d", c.r.Version)
	case there != nil && there.Token != "" && c.r.Offset == 0:
		return c.fail("destination %s contains partially-complete state from \"zfs receive -s\".", fs)
	case c.incremental():
		return c.checkIncremental(there, fs)
	case c.r.Offset > 0:
		return nil
	}
	return c.checkFull(there, fs)
}

func (c *receiving) checkFull(there *state.Dataset, fs string) error {
	switch above := c.pool.Find(Parent(fs)); {
	case there == nil && above == nil:
		return c.fail("destination '%s' does not exist", Parent(fs))
	case there == nil && above.Type != FileSystem:
		return c.fail("parent '%s' is not a filesystem", above.Name)
	case there == nil:
		return c.checkOrigin()
	case !c.o.Force:
		return c.fail("destination '%s' exists\nmust specify -F to overwrite it", fs)
	}
	if list := snapshotsOf(c.pool, fs); len(list) > 0 {
		return c.fail("destination has snapshots (eg. %s)\nmust destroy them to overwrite it", list[0].Name)
	}
	return c.checkOrigin()
}

func (c *receiving) checkOrigin() error {
	if c.r.Clone && c.byGUID(c.r.From) == nil {
		return c.fail("local origin for clone %s does not exist", c.name)
	}
	return nil
}

// byGUID is a snapshot of the pool, whatever it is called here.
func (c *receiving) byGUID(guid uint64) *state.Dataset {
	for _, d := range c.pool.Datasets {
		if d.GUID == guid && d.Type == Snapshot {
			return d
		}
	}
	return nil
}

func (c *receiving) checkIncremental(there *state.Dataset, fs string) error {
	if there == nil {
		return c.fail("destination '%s' does not exist", fs)
	}
	list := snapshotsOf(c.pool, fs)
	if c.r.Top != "" && c.o.Force { // zfs send -R: what the sender no longer has goes
		list = slices.DeleteFunc(list, func(s *state.Dataset) bool {
			return !slices.Contains(c.r.Keep, s.GUID) && c.drop(s)
		})
	}
	if len(list) == 0 || list[len(list)-1].GUID != c.r.From {
		return c.fail("most recent snapshot of %s does not\nmatch incremental source", fs)
	}
	if c.r.Offset == 0 && c.m.Tree().Modified(fs) {
		if !c.o.Force {
			return c.fail("destination %s has been modified\nsince most recent snapshot", fs)
		}
		if !c.o.Check {
			_ = c.m.Tree().RollBack(fs, list[len(list)-1].Name)
		}
	}
	return nil
}

// drop destroys a snapshot that the sender does not have; it tells whether it could.
func (c *receiving) drop(s *state.Dataset) bool {
	if destroyable(c.pool, s) != nil {
		return false
	}
	if !c.o.Check {
		c.forget(s)
	}
	return true
}

func (c *receiving) forget(d *state.Dataset) {
	c.m.Tree().Discard(d.Name)
	c.pool.Datasets = slices.DeleteFunc(c.pool.Datasets, func(other *state.Dataset) bool { return other == d })
}

// store makes the snapshot that a record tells of.
func (c *receiving) store(content []byte) error {
	fs := fsName(c.name)
	if c.pool.Find(c.name) != nil { // a zfs send -R of what is here already
		return nil
	}
	d := c.pool.Find(fs)
	fresh := !c.incremental()
	if d != nil && d.Token != "" {
		d.Token = ""
		c.m.Tree().Discard(partialOf(fs))
	}
	var point string
	if fresh && d != nil { // overwritten, or begun by an earlier attempt
		if point = MountedAt(c.m, fs); point != "" {
			if err := unmountAll(c.m, c.pool, mountedBelow(c.m, fs), c.in, false); err != nil {
				return err
			}
		}
		c.forget(d)
		d = nil
	}
	if d == nil {
		if err := c.make(fs); err != nil {
			return err
		}
		d = c.pool.Find(fs)
	}
	if d.Type == FileSystem {
		if err := c.fill(content); err != nil {
			return err
		}
	}
	c.setProperties(d)
	d.Size, d.Written, d.Version = c.r.Size, c.r.Written, c.r.Version
	txg := nextTXG(c.pool)
	if err := takeSnapshot(c.m, c.pool, c.name, txg, nil); err != nil {
		return err
	}
	s := c.pool.Find(c.name)
	s.GUID, s.Created = c.r.GUID, c.r.Created
	if fresh && !c.o.NoMount {
		return mountIfWanted(c.m, c.pool, d)
	}
	return nil
}

// make makes the file system that a record begins.
func (c *receiving) make(fs string) error {
	n := NewDataset{Name: fs, Type: c.r.Type, Size: c.r.Size}
	if c.r.Clone {
		n.Origin = c.byGUID(c.r.From).Name
	}
	d := newDataset(c.m, c.pool, n)
	d.Created = c.m.Now().Truncate(time.Second)
	insert(c.pool, d)
	return makeFiles(c.m, c.pool, d)
}

func (c *receiving) fill(content []byte) error {
	entries, err := decodeFiles(content)
	if err == nil {
		err = c.m.Tree().Apply(fsName(c.name), entries, c.r.Whole)
	}
	if err != nil {
		return c.fail("%v", err)
	}
	return nil
}

// setProperties gives a file system the properties that came with it, and those
// asked for instead.
func (c *receiving) setProperties(d *state.Dataset) {
	if d.Properties == nil {
		d.Properties = map[string]string{}
	}
	if c.r.Properties != nil {
		sent := maps.Clone(c.r.Properties)
		for _, name := range c.o.Exclude {
			delete(sent, name)
		}
		for name := range d.Received { // no longer sent
			if _, still := sent[name]; !still && d.Properties[name] == d.Received[name] {
				delete(d.Properties, name)
			}
		}
		for name, value := range sent {
			if local, ok := d.Properties[name]; !ok || local == d.Received[name] {
				d.Properties[name] = value
			}
		}
		d.Received = sent
	}
	_ = applyProperties(c.m, c.pool, d, c.o.Set) // checked before
}
