package zfs

import (
	"fmt"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

// partialFile holds what came of an interrupted stream, in a file system of its own
// that no dataset shows.
const partialFile = "received"

func partialOf(fs string) string { return fs + "/%recv" }

// gather is the content of a record, with what was kept of an earlier attempt. One
// that breaks off is kept if that is asked for.
func (c *receiving) gather(complete bool) ([]byte, error) {
	fs := fsName(c.name)
	content := c.r.content
	if c.r.Offset > 0 {
		kept := c.kept(fs)
		if int64(len(kept)) != c.r.Offset {
			return nil, c.fail("most recent partial state of %s does not match", fs)
		}
		content = append(kept, content...)
	}
	switch {
	case complete && checksum(content) == c.r.Sum:
		return content, nil
	case complete:
		return nil, c.fail("%v", errChecksum)
	case !c.o.Resumable && c.r.Offset == 0:
		return nil, c.fail("%v", errIncomplete)
	}
	token, err := c.keepPartial(fs, content)
	if err != nil {
		return nil, err
	}
	return nil, c.fail("checksum mismatch or incomplete stream.\nPartially received snapshot is saved.\nA resuming stream can be generated on the sending system by running:\n    zfs send -t %s", token)
}

// kept is what came of an interrupted stream.
func (c *receiving) kept(fs string) []byte {
	entries, _ := c.m.Tree().Export(partialOf(fs), "")
	for _, e := range entries {
		if e.Path == partialFile {
			return e.Data.Bytes(e.Size)
		}
	}
	return nil
}

func (c *receiving) keepPartial(fs string, content []byte) (token string, err error) {
	d := c.pool.Find(fs)
	if d == nil {
		d = newDataset(c.m, c.pool, NewDataset{Name: fs, Type: c.r.Type})
		insert(c.pool, d)
		if err := makeFiles(c.m, c.pool, d); err != nil {
			return "", err
		}
		d.Size = c.r.Size
	}
	if !c.m.Tree().Has(partialOf(fs)) {
		if err := c.m.Tree().Create(partialOf(fs), c.pool.Name, usable(c.m, c.pool)); err != nil {
			return "", err
		}
	}
	file := vfs.Entry{Data: vfs.NewContent(content), Header: vfs.Header{Path: partialFile, Fresh: true, Type: vfs.TypeFile, Size: int64(len(content))}}
	if err := c.m.Tree().Apply(partialOf(fs), []vfs.Entry{file}, true); err != nil {
		return "", err
	}
	d.Token = resumeToken{
		Name: c.r.Name, GUID: c.r.GUID, From: c.r.From, Clone: c.r.Clone, Offset: int64(len(content)), Props: c.r.Properties != nil,
	}.String()
	return d.Token, nil
}

// AbortReceive gives up what came of an interrupted stream (zfs receive -A).
func AbortReceive(m *sim.Machine, name string) error {
	defer enter(m)()
	pool, d, err := require(m, name)
	if err != nil {
		return err
	}
	if d.Token == "" {
		return fmt.Errorf("'%s' does not have any resumable receive state to abort", name)
	}
	d.Token = ""
	m.Tree().Discard(partialOf(name))
	if len(snapshotsOf(pool, name)) == 0 && MountedAt(m, name) == "" {
		(&receiving{m: m, pool: pool}).forget(d)
	}
	return nil
}
