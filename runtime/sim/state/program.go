package state

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Program is a piece of code that a boot consists of, or that tells how old what
// it belongs to is: it stands as bytes in a file, a partition or a first sector,
// so that copying the bytes copies its age.
type Program struct {
	// Kind is pmbr, mbr, gptboot, gptzfsboot, zfsboot, loader, loader.efi,
	// boot1.efi, kernel, zfs.ko or libc.
	Kind    string
	Release string // FreeBSD release it was built with: 14.3-RELEASE-p1
	// Pool is the newest pool version it reads: 15, 28, or 5000 with Features.
	// 0: it knows no pools.
	Pool     int
	Features []string // those it reads, by short name
}

// magic begins every program, so that rubbish is told apart. vendor stands
// somewhere in every one, as in the real ones, whose strings name FreeBSD.
const (
	magic  = "\x7fSIM "
	vendor = "FreeBSD"
)

// Bytes is the program as it's stored, padded with zeros to size bytes.
func (p Program) Bytes(size int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s%s %s pool=%d features=%s\n%s\n", magic, p.Kind, p.Release, p.Pool, strings.Join(p.Features, ","), vendor)
	if pad := size - b.Len(); pad > 0 {
		b.Write(make([]byte, pad))
	}
	return b.Bytes()
}

// ReadProgram reads a program from bytes that begin with one.
func ReadProgram(data []byte) (Program, bool) {
	line, _, whole := bytes.Cut(data, []byte("\n"))
	text, ok := strings.CutPrefix(string(line), magic)
	words := strings.Fields(text)
	if !whole || !ok || len(words) != 4 {
		return Program{}, false
	}
	p := Program{Kind: words[0], Release: words[1]}
	version, err := strconv.Atoi(strings.TrimPrefix(words[2], "pool="))
	if err != nil {
		return Program{}, false
	}
	p.Pool = version
	if list := strings.TrimPrefix(words[3], "features="); list != "" {
		p.Features = strings.Split(list, ",")
	}
	return p, true
}

// Reads tells whether the program can read a pool; if it can't, why.
func (p Program) Reads(pool *Pool) error {
	if pool.Version > p.Pool {
		return fmt.Errorf("unsupported ZFS version %d (should be %d)", pool.Version, p.Pool)
	}
	for name, is := range pool.Features {
		if is == "active" && !slices.Contains(p.Features, name) {
			return fmt.Errorf("unsupported feature: %s", name)
		}
	}
	return nil
}

// Code are the bytes that a disk starts from. Most of them are padding, of which no
// more than its length is kept: a machine is saved after every command.
type Code []byte

type keptCode struct {
	Head []byte
	Size int
}

// MarshalJSON leaves the padding out.
func (c Code) MarshalJSON() ([]byte, error) {
	if c == nil {
		return []byte("null"), nil
	}
	return json.Marshal(keptCode{bytes.TrimRight(c, "\x00"), len(c)})
}

// UnmarshalJSON puts it back.
func (c *Code) UnmarshalJSON(data []byte) error {
	var kept *keptCode
	if err := json.Unmarshal(data, &kept); err != nil || kept == nil {
		*c = nil
		return err
	}
	if kept.Size < len(kept.Head) {
		return fmt.Errorf("%d bytes of code are to fit into %d", len(kept.Head), kept.Size)
	}
	*c = append(kept.Head, make([]byte, kept.Size-len(kept.Head))...)
	return nil
}
