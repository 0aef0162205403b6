package mount

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/lazyregexp"
)

// entry is a line of fstab(5), or of what mount -p prints in its form.
type entry struct {
	device, point, kind string
	options             []string
	dump, pass          int
	fields              [][2]int // where each field stands in the line
}

// fields finds the words of a line.
var fields = lazyregexp.New(`[^ \t\r\n]+`)

// parseLine reads a line; ok is false for comments and for what is no entry.
func parseLine(line string) (e entry, ok bool) {
	if strings.HasPrefix(line, "#") {
		return e, false
	}
	for _, at := range fields.FindAllStringIndex(line, -1) {
		e.fields = append(e.fields, [2]int{at[0], at[1]})
	}
	word := func(n int) string {
		if n >= len(e.fields) {
			return ""
		}
		return line[e.fields[n][0]:e.fields[n][1]]
	}
	if len(e.fields) < 4 {
		return e, false
	}
	e.device, e.point, e.kind, e.options = unescape(word(0)), unescape(word(1)), word(2), strings.Split(word(3), ",")
	e.dump, _ = strconv.Atoi(word(4))
	e.pass, _ = strconv.Atoi(word(5))
	return e, true
}

// parseFstab reads the entries of fstab(5).
func parseFstab(text string) []entry {
	list := []entry{}
	for line := range strings.Lines(text) {
		if e, ok := parseLine(line); ok {
			list = append(list, e)
		}
	}
	return list
}

// parseMounted reads what mount -p prints. Names may hold blanks there: what is
// mounted ends where the last word begins with a slash before the type.
func parseMounted(out string) ([]entry, error) {
	list := []entry{}
	for line := range strings.Lines(out) {
		found := mountedLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if found == nil {
			return nil, fmt.Errorf("mount -p printed something else: %.80q", line)
		}
		e := entry{device: unescape(found[1]), point: unescape(found[2]), kind: found[3], options: strings.Split(found[4], ",")}
		e.dump, _ = strconv.Atoi(found[5])
		e.pass, _ = strconv.Atoi(found[6])
		list = append(list, e)
	}
	return list, nil
}

var mountedLine = lazyregexp.New(`^(\S.*?)[ \t]+(/.*?)[ \t]+(\S+)[ \t]+(\S+)[ \t]+(\d+) (\d+)$`)

// Blanks in names are written in octal, as strunvis(3) reads them.
var (
	octal   = lazyregexp.New(`\\[0-7]{3}`)
	escapes = strings.NewReplacer(" ", `\040`, "\t", `\011`, `\`, `\134`)
)

func unescape(word string) string {
	return octal.ReplaceAllStringFunc(word, func(code string) string {
		n, _ := strconv.ParseUint(code[1:], 8, 9)
		return string([]byte{byte(n)})
	})
}

// words are an entry's fields as fstab has them.
func (e entry) words() []string {
	return []string{escapes.Replace(e.device), escapes.Replace(e.point), e.kind, strings.Join(e.options, ","), strconv.Itoa(e.dump), strconv.Itoa(e.pass)}
}

func (e entry) same(other entry) bool { return slices.Equal(e.words(), other.words()) }

// setLine makes e the line of its mount point. Another line keeps its blanks.
func setLine(text string, e entry) (string, error) {
	lines, at, err := locate(text, e.point)
	if err != nil {
		return "", err
	}
	if at < 0 {
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		return text + strings.Join(e.words(), "\t") + "\n", nil
	}
	old, _ := parseLine(lines[at])
	if old.same(e) {
		return text, nil
	}
	lines[at] = old.rewrite(lines[at], e.words())
	return strings.Join(lines, ""), nil
}

// rewrite replaces the fields of a line.
func (e entry) rewrite(line string, words []string) string {
	out, end := "", 0
	for n, word := range words {
		if n >= len(e.fields) {
			out += "\t" + word
			continue
		}
		out += line[end:e.fields[n][0]] + word
		end = e.fields[n][1]
	}
	return out + line[end:]
}

// dropLine removes the line of a mount point.
func dropLine(text, point string) (string, error) {
	lines, at, err := locate(text, point)
	if err != nil || at < 0 {
		return text, err
	}
	return strings.Join(slices.Delete(lines, at, at+1), ""), nil
}

// locate finds the line of a mount point; -1 when there is none.
func locate(text, point string) (lines []string, at int, err error) {
	at = -1
	for line := range strings.Lines(text) {
		if e, ok := parseLine(line); ok && e.point == point && e.kind != "swap" {
			if at >= 0 {
				return nil, 0, fmt.Errorf("lines %d and %d both mount on %s", at+1, len(lines)+1, point)
			}
			at = len(lines)
		}
		lines = append(lines, line)
	}
	return lines, at, nil
}
