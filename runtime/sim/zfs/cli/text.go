package cli

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// Nice writes a number as zfs_nicenum does, in at most five characters; unit
// stands after what is too small for a letter.
func Nice(n int64, unit string) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10) + unit
	}
	letters := "KMGTPE"
	index, div := -1, int64(1)
	for rest := n; rest >= 1024 && index < len(letters)-1; rest /= 1024 {
		index++
		div *= 1024
	}
	letter := letters[index : index+1]
	if n%div == 0 {
		return strconv.FormatInt(n/div, 10) + letter
	}
	for digits := 2; ; digits-- {
		text := strconv.FormatFloat(float64(n)/float64(div), 'f', digits, 64) + letter
		if len(text) <= 5 || digits == 0 {
			return text
		}
	}
}

// Bytes is a size in an era's words: exact, or for people.
func (e Era) Bytes(n int64, exact bool) string {
	switch {
	case exact:
		return strconv.FormatInt(n, 10)
	case e.Modern():
		return Nice(n, "B")
	}
	return Nice(n, "")
}

// UsageOf are the lines of a usage text that tell how a subcommand is called;
// text has a line "TAB subcommand ..." for each form, continued by lines that are
// indented further.
func UsageOf(text, command string) string {
	var b strings.Builder
	mine := false
	for line := range strings.Lines(text) {
		switch {
		case !strings.HasPrefix(line, "\t"):
			mine = false
		case !strings.HasPrefix(line, "\t "):
			word := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\n|", r) })
			mine = len(word) > 0 && word[0] == command
		}
		if mine {
			b.WriteString(line)
		}
	}
	return b.String()
}

// Object is a JSON object that keeps its order.
type Object []Field

// Field is a member of an object.
type Field struct {
	Key   string
	Value any
}

// MarshalJSON writes the fields in order, without escaping for HTML.
func (o Object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := plain(f.Key)
		if err != nil {
			return nil, err
		}
		value, err := plain(f.Value)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func plain(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

// PrintJSON prints the document of a command ("zfs list") with its head.
func (c *Call) PrintJSON(command string, rest ...Field) int {
	head := Field{"output_version", Object{{"command", command}, {"vers_major", 0}, {"vers_minor", 1}}}
	text, err := plain(append(Object{head}, rest...))
	if err != nil {
		return c.Cannot("%s -j: %v", command, err)
	}
	c.Printf("%s\n", text)
	return 0
}
