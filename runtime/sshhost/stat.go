package sshhost

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/effect"
)

// What stat(1) of FreeBSD and find(1) of GNU print of a file: the mark that no
// file name can hold, mode, size, numbers, times and names, and last what may
// hold anything, name and target.
const (
	bsdFormat = "%[1]s %%p %%z %%u %%g %%m %%l %%i %%Sf %%Su %%Sg/%%N%%n%[1]s>%%Y"
	gnuFormat = "%[1]s %%y%%m %%s %%U %%G %%T@ %%n %%i - %%u %%g/%%p\\n%[1]s>%%l\\n"
)

// statScript prints one file's description.
func statScript(linux, follow bool, mark, file string) string {
	if linux {
		flag := "-P"
		if follow {
			flag = "-H"
		}
		return "find " + flag + " " + quoteRaw(file) + " -maxdepth 0 -printf " + quoteRaw(fmt.Sprintf(gnuFormat, mark))
	}
	flag := ""
	if follow {
		flag = "-L "
	}
	return "stat " + flag + "-f " + quoteRaw(fmt.Sprintf(bsdFormat, mark)) + " " + quoteRaw(file)
}

func statQuery(s *shell, e effect.Effect) query {
	follow, mark := e.File.Verb == effect.FileStat, s.nonce
	fail := func(err error) error {
		var known *effect.Error
		if errors.As(err, &known) && containsAny(known.Err, "No such file or directory", "Not a directory") {
			return nil
		}
		return fileError(e, err)
	}
	return textQuery(command(e, statScript(s.about.linux, follow, mark, e.File.Path)), fail, func(text []byte) (effect.Result, error) {
		list, err := parseStat(text, mark)
		if err != nil || len(list) != 1 {
			return effect.Result{}, effect.Errorf(effect.Internal, e.Op, "the host describes %s as %q: %v", e.File.Path, text, err)
		}
		info := list[0]
		info.Path, info.Name = e.File.Path, path.Base(e.File.Path)
		if follow && info.Type == "link" {
			// Both programs fall back to the link where its target is missing.
			return effect.Result{}, nil
		}
		return effect.Result{Info: &info}, nil
	})
}

func listQuery(s *shell, e effect.Effect) query {
	dir, mark := quoteRaw(strings.TrimSuffix(e.File.Path, "/")+"/."), s.nonce
	script := "find " + dir + " -mindepth 1 -maxdepth 1 -printf " + quoteRaw(fmt.Sprintf(gnuFormat, mark))
	if !s.about.linux {
		script = "ls -d " + dir + " >/dev/null || exit\nfind " + dir + " -mindepth 1 -maxdepth 1 -print0 | xargs -0 stat -f " + quoteRaw(fmt.Sprintf(bsdFormat, mark))
	}
	return fileText(e, script, func(text []byte) (effect.Result, error) {
		list, err := parseStat(text, mark)
		if err != nil {
			return effect.Result{}, effect.Errorf(effect.Internal, e.Op, "%v", err)
		}
		for i := range list {
			list[i].Name = path.Base(list[i].Path)
			list[i].Path = path.Join(e.File.Path, list[i].Name)
		}
		sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
		return effect.Result{List: list}, nil
	})
}

// parseStat reads the descriptions that the formats above make.
func parseStat(text []byte, mark string) ([]effect.FileInfo, error) {
	list := []effect.FileInfo{}
	for _, entry := range bytes.Split(text, []byte(mark+" "))[1:] {
		head, target, found := strings.Cut(string(entry), "\n"+mark+">")
		if !found {
			return nil, fmt.Errorf("a description without an end: %q", entry)
		}
		fields, name, found := strings.Cut(head, "/")
		if !found {
			return nil, fmt.Errorf("a description without a name: %q", entry)
		}
		info, err := parseFields(strings.Fields(fields))
		if err != nil {
			return nil, err
		}
		info.Path = name
		if info.Type == "link" {
			// FreeBSD's %Y is " -> target" in its string form only; the plain
			// one is the target alone.
			info.Target = strings.TrimPrefix(strings.TrimSuffix(target, "\n"), " -> ")
		}
		list = append(list, info)
	}
	return list, nil
}

// parseFields reads mode, size, uid, gid, mtime, links, inode, flags, owner and
// group.
func parseFields(fields []string) (effect.FileInfo, error) {
	var info effect.FileInfo
	if len(fields) < 8 {
		return info, fmt.Errorf("a description of %d words: %q", len(fields), fields)
	}
	var err error
	if info.Type, info.Mode, err = parseMode(fields[0]); err != nil {
		return info, err
	}
	numbers := make([]int64, 6)
	for i, text := range []string{fields[1], fields[2], fields[3], fields[4], fields[5], fields[6]} {
		whole, _, _ := strings.Cut(text, ".")
		// Inode numbers fill 64 bits without a sign.
		n, err := strconv.ParseUint(strings.TrimPrefix(whole, "-"), 10, 64)
		if err != nil {
			return info, fmt.Errorf("%q is no number in %q", text, fields)
		}
		numbers[i] = int64(n) //nolint:gosec // back to unsigned below
		if strings.HasPrefix(whole, "-") {
			numbers[i] = -numbers[i]
		}
	}
	info.Size, info.UID, info.GID = numbers[0], int(numbers[1]), int(numbers[2])
	info.MTime = time.Unix(numbers[3], 0).UTC()
	info.Links, info.Inode = uint64(numbers[4]), uint64(numbers[5]) //nolint:gosec // see above
	if fields[7] != "-" {
		info.Flags = fields[7]
	}
	if len(fields) == 10 {
		info.Owner, info.Group = fields[8], fields[9]
	} else {
		info.Owner, info.Group = fields[2], fields[3]
	}
	return info, nil
}

// parseMode reads FreeBSD's %p ("100644") or GNU's %y%m ("f644").
func parseMode(text string) (kind string, mode fs.FileMode, err error) {
	letters := map[byte]string{'f': "file", 'd': "directory", 'l': "link", 's': "socket", 'p': "fifo", 'b': "block", 'c': "character"}
	if text != "" && letters[text[0]] != "" {
		bits, err := strconv.ParseUint(text[1:], 8, 32)
		return letters[text[0]], fs.FileMode(bits & 0o7777), err
	}
	bits, err := strconv.ParseUint(text, 8, 32)
	if err != nil {
		return "", 0, fmt.Errorf("%q is no file mode", text)
	}
	// sys/stat.h, S_IFMT
	kinds := map[uint64]string{0o10: "file", 0o04: "directory", 0o12: "link", 0o14: "socket", 0o01: "fifo", 0o06: "block", 0o02: "character"}
	kind = kinds[bits>>12]
	if kind == "" {
		return "", 0, fmt.Errorf("%q is no file mode", text)
	}
	return kind, fs.FileMode(bits & 0o7777), nil
}
