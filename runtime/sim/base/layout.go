package base

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"bsdrun/runtime/sim"
)

var layoutCommands = []command{
	{name: "fold", dir: "/usr/bin", flags: "bsw:", run: fold, usage: "usage: fold [-bs] [-w width] [file ...]"},
	{name: "expand unexpand", dir: "/usr/bin", flags: "at:", run: expand, usage: "usage: expand [-t tablist] [file ...]\n       unexpand [-a | -t tablist] [file ...]"},
	{name: "nl", dir: "/usr/bin", flags: "b:d:f:h:i:l:n:ps:v:w:", run: nl,
		usage: "usage: nl [-p] [-b type] [-d delim] [-f type] [-h type] [-i incr] [-l num]\n          [-n format] [-s sep] [-v startnum] [-w width] [file]"},
	{name: "fmt", dir: "/usr/bin", flags: "cd:hl:mnpst:w:", run: fmtCommand, usage: "usage: fmt [-cmnps] [-d chars] [-l num] [-t num]\n           [-w width | -width | goal [maximum]] [file ...]"},
}

func fold(p *sim.Proc, o *options) int {
	width := 80
	if text, ok := o.get("w"); ok {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return errx(p, "illegal width value")
		}
		width = n
	}
	return eachInput(p, o.args, func(_ string, r io.Reader) error {
		lines := newLines(r)
		for {
			line, newline, err := lines.next()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			for foldWidth(line) > width && !o.has("b") || len(line) > width && o.has("b") {
				at := foldAt(line, width, o)
				p.Printf("%s\n", line[:at])
				line = line[at:]
			}
			p.Printf("%s", line)
			if newline {
				p.Printf("\n")
			}
		}
	})
}

func foldStep(at int, r rune) int {
	switch r {
	case '\t':
		return (at + 8) &^ 7
	case '\b':
		return max(at-1, 0)
	case '\r':
		return 0
	}
	return at + 1
}

func foldWidth(line string) int {
	at := 0
	for _, r := range line {
		at = foldStep(at, r)
	}
	return at
}

func foldAt(line string, width int, o *options) int {
	at, column, blank := 0, 0, -1
	for i, r := range line {
		size := utf8.RuneLen(r)
		if o.has("b") {
			column += max(size, 1)
		} else {
			column = foldStep(column, r)
		}
		if column > width {
			break
		}
		at = i + max(size, 1)
		if r == ' ' || r == '\t' {
			blank = at
		}
	}
	if o.has("s") && blank > 0 {
		return blank
	}
	return max(at, 1)
}

// tabStops reads -t: one width, or a list of columns.
func tabStops(text string) ([]int, bool) {
	var stops []int
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		n, err := strconv.Atoi(part)
		if err != nil || n < 1 || len(stops) > 0 && n <= stops[len(stops)-1] {
			return nil, false
		}
		stops = append(stops, n)
	}
	return stops, len(stops) > 0
}

// nextStop is the column a tab leads to.
func nextStop(stops []int, at int) int {
	if len(stops) == 1 {
		return (at/stops[0] + 1) * stops[0]
	}
	for _, s := range stops {
		if s > at {
			return s
		}
	}
	return at + 1
}

func expand(p *sim.Proc, o *options) int {
	stops := []int{8}
	if text, ok := o.get("t"); ok {
		if stops, ok = tabStops(text); !ok {
			return errx(p, "bad tab stop spec")
		}
	}
	change := expandLine
	if progname(p) == "unexpand" {
		all := o.has("at")
		change = func(line string, stops []int) string { return unexpandLine(line, stops, all) }
	}
	return eachInput(p, o.args, func(_ string, r io.Reader) error {
		return eachLine(r, func(line string) error {
			p.Printf("%s\n", change(line, stops))
			return nil
		})
	})
}

func expandLine(line string, stops []int) string {
	var b strings.Builder
	at := 0
	for _, r := range line {
		if r == '\t' {
			next := nextStop(stops, at)
			b.WriteString(strings.Repeat(" ", next-at))
			at = next
			continue
		}
		b.WriteRune(r)
		at++
	}
	return b.String()
}

func unexpandLine(line string, stops []int, all bool) string {
	var b strings.Builder
	at, written, leading := 0, 0, true
	fill := func() {
		for at-written > 1 && nextStop(stops, written) <= at {
			b.WriteByte('\t')
			written = nextStop(stops, written)
		}
		b.WriteString(strings.Repeat(" ", at-written))
		written = at
	}
	for _, r := range line {
		switch {
		case (r == ' ' || r == '\t') && (all || leading):
			if r == '\t' {
				at = nextStop(stops, at)
			} else {
				at++
			}
		default:
			leading = false
			fill()
			b.WriteRune(r)
			at++
			written = at
		}
	}
	fill()
	return b.String()
}

func nl(p *sim.Proc, o *options) int {
	value := func(name, otherwise string) string {
		if v, ok := o.get(name); ok {
			return v
		}
		return otherwise
	}
	number, errV := strconv.Atoi(value("v", "1"))
	step, errI := strconv.Atoi(value("i", "1"))
	width, errW := strconv.Atoi(value("w", "6"))
	if errV != nil || errI != nil || errW != nil || width < 1 {
		return errx(p, "invalid number")
	}
	format := map[string]string{"ln": "%-*d", "rn": "%*d", "rz": "%0*d"}[value("n", "rn")]
	if format == "" {
		return errx(p, "illegal format -- %s", value("n", "rn"))
	}
	body, separator := value("b", "t"), value("s", "\t")
	var re *regex
	switch body[:min(1, len(body))] {
	case "a", "t", "n":
	case "p":
		var err error
		if re, err = compileRegexp(body[1:], false, false); err != nil {
			return errx(p, "body expr: %s -- %s", err.Error(), body[1:])
		}
	default:
		return errx(p, "illegal body line numbering type -- %s", body)
	}
	return eachInput(p, o.args, func(_ string, r io.Reader) error {
		return eachLine(r, func(line string) error {
			if body == "a" || body == "t" && line != "" || re != nil && re.MatchString(line) {
				p.Printf(format+"%s%s\n", width, number, separator, line)
				number += step
			} else {
				p.Printf("%*s%s\n", width+len(separator), "", line)
			}
			return nil
		})
	})
}

func fmtCommand(p *sim.Proc, o *options) int {
	if o.has("cdhlmnpst") {
		return p.Cannot("fmt -%s", o.last("cdhlmnpst"))
	}
	goal, limit, names := 65, 75, o.args
	if text, ok := o.get("w"); ok {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return errx(p, "width must be positive: %s", text)
		}
		goal, limit = n, n
	} else if len(names) > 0 {
		if n, err := strconv.Atoi(names[0]); err == nil {
			goal, limit, names = n, n+10, names[1:]
		}
	}
	var words []string
	flush := func() {
		line := ""
		for _, w := range words {
			switch {
			case line == "":
				line = w
			case len(line)+1+len(w) > limit || len(line) >= goal:
				p.Printf("%s\n", line)
				line = w
			default:
				line += " " + w
			}
		}
		if line != "" {
			p.Printf("%s\n", line)
		}
		words = nil
	}
	code := eachInput(p, names, func(_ string, r io.Reader) error {
		return eachLine(r, func(line string) error {
			if strings.TrimSpace(line) == "" {
				flush()
				p.Printf("\n")
				return nil
			}
			words = append(words, strings.Fields(line)...)
			return nil
		})
	})
	flush()
	return code
}
