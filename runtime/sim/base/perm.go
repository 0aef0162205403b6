package base

import (
	"errors"
	"strconv"
	"strings"
	"syscall"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

var permCommands = []command{
	{name: "chmod", dir: "/bin", flags: "HLPRfhv", run: chmod, usage: "usage: chmod [-fhv] [-R [-H | -L | -P]] mode file ..."},
	{name: "chown", dir: "/usr/sbin", flags: "HLPRfhvxn", run: chown, usage: `
usage: chown [-fhvx] [-R [-H | -L | -P]] owner[:group] file ...
       chown [-fhvx] [-R [-H | -L | -P]] :group file ...`[1:]},
	{name: "chgrp", dir: "/usr/bin", flags: "HLPRfhvxn", run: chown, usage: "usage: chgrp [-fhnvx] [-R [-H | -L | -P]] group file ..."},
	{name: "chflags", dir: "/bin", flags: "HLPRfhvx", run: chflags, usage: "usage: chflags [-fhvx] [-R [-H | -L | -P]] flags file ..."},
	{name: "umask", dir: "/usr/bin", flags: "S", run: umaskCommand, usage: "usage: umask [-S] [mask]"},
}

var errMode = errors.New("invalid file mode")

// A modeChange computes a file's new mode from its old one.
type modeChange func(old uint32, dir bool) uint32

// parseMode is setmode(3): octal, or symbolic clauses such as u+rwX,go=u.
func parseMode(s string, mask uint32) (modeChange, error) {
	if s != "" && s[0] >= '0' && s[0] <= '9' {
		n, err := strconv.ParseUint(s, 8, 32)
		if err != nil || n > 0o7777 {
			return nil, errMode
		}
		return func(uint32, bool) uint32 { return uint32(n) }, nil
	}
	var steps []modeChange
	for clause := range strings.SplitSeq(s, ",") {
		step, err := parseClause(clause, mask)
		if err != nil {
			return nil, err
		}
		steps = append(steps, step)
	}
	return func(mode uint32, dir bool) uint32 {
		for _, step := range steps {
			mode = step(mode, dir)
		}
		return mode
	}, nil
}

// who bits: the permission, set-id and sticky bits a class may change.
var whoBits = map[byte]uint32{'u': 0o4700, 'g': 0o2070, 'o': 0o0007, 'a': 0o7777}

func parseClause(clause string, mask uint32) (modeChange, error) {
	i, who := 0, uint32(0)
	for i < len(clause) && whoBits[clause[i]] != 0 {
		who |= whoBits[clause[i]]
		i++
	}
	limit := uint32(0o7777)
	if who == 0 {
		who, limit = 0o7777, ^mask
	}
	if i == len(clause) {
		return nil, errMode
	}
	var steps []modeChange
	for i < len(clause) {
		op := clause[i]
		if strings.IndexByte("+-=", op) < 0 {
			return nil, errMode
		}
		start := i + 1
		for i = start; i < len(clause) && strings.IndexByte("rwxXstugo", clause[i]) >= 0; i++ {
		}
		steps = append(steps, modeStep(op, clause[start:i], who, limit))
	}
	return func(mode uint32, dir bool) uint32 {
		for _, step := range steps {
			mode = step(mode, dir)
		}
		return mode
	}, nil
}

func modeStep(op byte, perms string, who, limit uint32) modeChange {
	return func(mode uint32, dir bool) uint32 {
		var bits uint32
		for _, perm := range perms {
			switch perm {
			case 'r':
				bits |= 0o444
			case 'w':
				bits |= 0o222
			case 'x':
				bits |= 0o111
			case 'X':
				if dir || mode&0o111 != 0 {
					bits |= 0o111
				}
			case 's':
				bits |= 0o6000
			case 't':
				bits |= 0o1000
			case 'u':
				bits |= (mode >> 6 & 7) * 0o111
			case 'g':
				bits |= (mode >> 3 & 7) * 0o111
			case 'o':
				bits |= (mode & 7) * 0o111
			}
		}
		// The sticky bit belongs to no class but to all.
		reach := who
		if strings.ContainsRune(perms, 't') {
			reach |= 0o1000
		}
		bits &= reach & (limit | 0o7000)
		switch op {
		case '+':
			return mode | bits
		case '-':
			return mode &^ bits
		}
		return mode&^(who&0o777|who&0o6000) | bits
	}
}

// eachTarget applies a change to the operands, and below them with -R.
func eachTarget(p *sim.Proc, o *options, names []string, change func(name string, info vfs.Info, link bool) error) int {
	code := 0
	report := func(name string, err error) {
		if o.has("f") {
			return
		}
		warn(p, name, err)
		code = 1
	}
	for _, name := range names {
		stat := p.FS().Stat
		if o.has("h") || o.has("R") && !o.has("HL") {
			stat = p.FS().Lstat
		}
		info, err := stat(name)
		if err != nil {
			report(name, err)
			continue
		}
		if !o.has("R") || info.Type != vfs.TypeDir {
			if err := change(name, info, o.has("h") || info.Type == vfs.TypeLink); err != nil {
				report(name, err)
			}
			continue
		}
		err = tree(p, name, func(at string, info vfs.Info) error {
			if err := change(at, info, info.Type == vfs.TypeLink); err != nil {
				report(at, err)
			}
			return nil
		})
		if err != nil {
			report(name, err)
		}
	}
	return code
}

func chmod(p *sim.Proc, o *options) int {
	if len(o.args) < 2 {
		return o.wrong(p)
	}
	mode, err := parseMode(o.args[0], umask(p))
	if err != nil {
		return errx(p, "invalid file mode: %s", o.args[0])
	}
	return eachTarget(p, o, o.args[1:], func(name string, info vfs.Info, link bool) error {
		if link && !o.has("h") {
			return nil
		}
		next := mode(info.Mode, info.Type == vfs.TypeDir)
		if err := p.FS().Chmod(name, next); err != nil {
			return err
		}
		if n := o.count("v"); n > 0 && (next != info.Mode || n > 1) {
			changed := info
			changed.Mode = next
			if n > 1 {
				p.Printf("%s: 0%o [%s ] -> 0%o [%s ]\n", name, fileTypeBits[info.Type]|info.Mode, modeString(info), fileTypeBits[info.Type]|next, modeString(changed))
			} else {
				p.Printf("%s\n", name)
			}
		}
		return nil
	})
}

func chown(p *sim.Proc, o *options) int {
	if len(o.args) < 2 {
		return o.wrong(p)
	}
	uid, gid, code := readOwner(p, o.args[0])
	if code != 0 {
		return code
	}
	return eachTarget(p, o, o.args[1:], func(name string, info vfs.Info, link bool) error {
		change := p.FS().Chown
		if link {
			change = p.FS().Lchown
		}
		if err := change(name, uid, gid); err != nil {
			return err
		}
		if n := o.count("v"); n > 0 && (uid >= 0 && uid != info.UID || gid >= 0 && gid != info.GID || n > 1) {
			p.Printf("%s\n", name)
		}
		return nil
	})
}

// readOwner reads chown's owner[:group] or chgrp's group; -1 leaves as it is.
func readOwner(p *sim.Proc, text string) (uid, gid, code int) {
	owner, group, hasGroup := strings.Cut(text, ":")
	if progname(p) == "chgrp" {
		owner, group, hasGroup = "", text, true
	}
	uid, gid = -1, -1
	if owner != "" {
		var ok bool
		if uid, ok = lookupUser(p, owner); !ok {
			return 0, 0, errx(p, "%s: illegal user name", owner)
		}
	}
	if hasGroup && group != "" {
		var ok bool
		if gid, ok = lookupGroup(p, group); !ok {
			return 0, 0, errx(p, "%s: illegal group name", group)
		}
	}
	return uid, gid, 0
}

func chflags(p *sim.Proc, o *options) int {
	if len(o.args) < 2 {
		return o.wrong(p)
	}
	set, clr, bad := parseFlags(o.args[0])
	absolute := o.args[0] != "" && o.args[0][0] >= '0' && o.args[0][0] <= '7'
	if bad != "" {
		return errx(p, "invalid flag: %s", bad)
	}
	return eachTarget(p, o, o.args[1:], func(name string, info vfs.Info, link bool) error {
		next := info.Flags&^clr | set
		if absolute {
			next = set
		}
		if next == info.Flags || link && !o.has("h") {
			return nil
		}
		if err := p.FS().Chflags(name, next); err != nil {
			return err
		}
		if o.has("v") {
			p.Printf("%s\n", name)
		}
		return nil
	})
}

// parseFlags is strtofflags(3): names with an optional "no", or octal.
func parseFlags(text string) (set, clr uint32, bad string) {
	if n, err := strconv.ParseUint(text, 8, 32); err == nil {
		return uint32(n), 0, ""
	}
	for word := range strings.SplitSeq(text, ",") {
		bit, negate, ok := flagBit(word)
		switch {
		case !ok:
			return 0, 0, word
		case negate:
			clr |= bit
		default:
			set |= bit
		}
	}
	return set, clr, ""
}

// flagSynonyms are the longer names of chflags(1).
var flagSynonyms = map[string]string{
	"uchange": "uchg", "uimmutable": "uchg", "schange": "schg", "simmutable": "schg",
	"uappend": "uappnd", "sappend": "sappnd", "uunlink": "uunlnk", "sunlink": "sunlnk",
	"archived": "arch", "uarchive": "uarch", "uhidden": "hidden",
}

func flagBit(word string) (bit uint32, negate, ok bool) {
	if word == "dump" {
		return vfs.UserNoDump, true, true
	}
	for range 2 {
		name := word
		if s, ok := flagSynonyms[word]; ok {
			name = s
		}
		for _, f := range fileFlags {
			if f.name == name {
				return f.bit, negate, true
			}
		}
		var cut bool
		if word, cut = strings.CutPrefix(word, "no"); !cut {
			return 0, false, false
		}
		negate = true
	}
	return 0, false, false
}

func umaskCommand(p *sim.Proc, o *options) int {
	if len(o.args) > 0 {
		// A mask set in a child changes nothing for its parent.
		if _, err := strconv.ParseUint(o.args[0], 8, 32); err != nil {
			return fail(p, o.args[0], syscall.EINVAL)
		}
		return 0
	}
	p.Printf("%04o\n", umask(p))
	return 0
}
