package base

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/sim"
)

var columnCommands = []command{
	{name: "cut", dir: "/usr/bin", flags: "b:c:d:f:nsw", run: cut, usage: `
usage: cut -b list [-n] [file ...]
       cut -c list [file ...]
       cut -f list [-s] [-w | -d delim] [file ...]`[1:]},
	{name: "paste", dir: "/usr/bin", flags: "d:s", run: paste, usage: "usage: paste [-s] [-d delimiters] file ..."},
	{name: "column", dir: "/usr/bin", flags: "c:l:s:tx", run: column, usage: "usage: column [-tx] [-c columns] [-l tblcols] [-s sep] [file ...]"},
	{name: "seq", dir: "/usr/bin", flags: "+f:s:t:w", long: "format:=f separator:=s terminator:=t equal-width=w", negatives: true, run: seq,
		usage: "usage: seq [-w] [-f format] [-s string] [-t string] [first [incr]] last"},
	{name: "jot", dir: "/usr/bin", flags: "b:cnp:rs:w:", negatives: true, run: jot, usage: `
usage: jot [-cnr] [-b word] [-w word] [-s string] [-p precision]
           [reps [begin [end [s]]]]`[1:]},
}

// spans are the ranges of cut's list, sorted and merged.
type spans [][2]int

func parseSpans(text string) (spans, error) {
	var list spans
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		first, last, ranged := strings.Cut(part, "-")
		low, high := 1, math.MaxInt
		var err error
		if first != "" {
			if low, err = strconv.Atoi(first); err != nil {
				return nil, errors.New("[-bcf] list: illegal list value")
			}
		}
		switch {
		case !ranged:
			high = low
		case last != "":
			if high, err = strconv.Atoi(last); err != nil {
				return nil, errors.New("[-bcf] list: illegal list value")
			}
		case first == "":
			return nil, errors.New("[-bcf] list: illegal list value")
		}
		if low < 1 || high < 1 {
			return nil, errors.New("[-bcf] list: values may not include zero")
		}
		if high < low {
			low, high = high, low
		}
		list = append(list, [2]int{low, high})
	}
	if len(list) == 0 {
		return nil, errors.New("[-bcf] list: illegal list value")
	}
	return list, nil
}

func (s spans) has(n int) bool {
	return slices.ContainsFunc(s, func(r [2]int) bool { return n >= r[0] && n <= r[1] })
}

func cut(p *sim.Proc, o *options) int {
	by := ""
	for _, letter := range []string{"b", "c", "f"} {
		if _, ok := o.get(letter); ok {
			if by != "" {
				return o.wrong(p)
			}
			by = letter
		}
	}
	if by == "" || by != "f" && o.has("dsw") {
		return o.wrong(p)
	}
	text, _ := o.get(by)
	list, err := parseSpans(text)
	if err != nil {
		return errx(p, "%s", err.Error())
	}
	delimiter := "\t"
	if d, ok := o.get("d"); ok {
		if len([]rune(d)) != 1 {
			return errx(p, "bad delimiter")
		}
		delimiter = d
	}
	pick := map[string]func(line string) (string, bool){
		"f": func(line string) (string, bool) { return cutFields(line, list, delimiter, o) },
		"c": func(line string) (string, bool) { return cutCharacters(line, list), true },
		"b": func(line string) (string, bool) { return cutBytes(line, list), true },
	}[by]
	return eachInput(p, o.args, func(_ string, r io.Reader) error {
		return eachLine(r, func(line string) error {
			if out, show := pick(line); show {
				p.Printf("%s\n", out)
			}
			return nil
		})
	})
}

func cutCharacters(line string, list spans) string {
	var b strings.Builder
	n := 0
	for _, r := range line {
		if n++; list.has(n) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func cutBytes(line string, list spans) string {
	var b strings.Builder
	for i := range len(line) {
		if list.has(i + 1) {
			b.WriteByte(line[i])
		}
	}
	return b.String()
}

func cutFields(line string, list spans, delimiter string, o *options) (string, bool) {
	fields := strings.Split(line, delimiter)
	if o.has("w") {
		fields, delimiter = blanks.Split(line, -1), "\t"
	}
	if len(fields) == 1 {
		return line, !o.has("s")
	}
	var out []string
	for i, f := range fields {
		if list.has(i + 1) {
			out = append(out, f)
		}
	}
	return strings.Join(out, delimiter), true
}

// delimiters reads paste's -d with its escapes; \0 is no delimiter.
func delimiters(text string) []string {
	var list []string
	for i := 0; i < len(text); i++ {
		c := text[i : i+1]
		if c == `\` && i+1 < len(text) {
			i++
			escaped, ok := map[byte]string{'n': "\n", 't': "\t", '\\': `\`, '0': ""}[text[i]]
			if c = escaped; !ok {
				c = text[i : i+1]
			}
		}
		list = append(list, c)
	}
	return list
}

func paste(p *sim.Proc, o *options) int {
	marks := []string{"\t"}
	if d, ok := o.get("d"); ok {
		if marks = delimiters(d); len(marks) == 0 {
			return errx(p, "no delimiters specified")
		}
	}
	names := o.args
	if len(names) == 0 {
		names = []string{"-"}
	}
	if o.has("s") {
		return eachInput(p, names, func(_ string, r io.Reader) error {
			n := 0
			err := eachLine(r, func(line string) error {
				if n > 0 {
					p.Printf("%s", marks[(n-1)%len(marks)])
				}
				p.Printf("%s", line)
				n++
				return nil
			})
			if n > 0 {
				p.Printf("\n")
			}
			return err
		})
	}
	return pasteParallel(p, names, marks)
}

func pasteParallel(p *sim.Proc, names, marks []string) int {
	stdin := newLines(p.Stdin)
	var files []*lineReader
	for _, name := range names {
		if name == "-" {
			files = append(files, stdin)
			continue
		}
		f, err := openFile(p, name)
		if err != nil {
			return fail(p, name, err)
		}
		defer func() { _ = f.Close() }()
		files = append(files, newLines(f))
	}
	for {
		var b strings.Builder
		any := false
		for i, f := range files {
			if i > 0 {
				b.WriteString(marks[(i-1)%len(marks)])
			}
			line, _, err := f.next()
			if err == nil {
				any = true
				b.WriteString(line)
			}
		}
		if !any {
			return 0
		}
		p.Printf("%s\n", b.String())
	}
}

func column(p *sim.Proc, o *options) int {
	width := 80
	if n, err := strconv.Atoi(p.Getenv("COLUMNS")); err == nil && n > 0 {
		width = n
	}
	if text, ok := o.get("c"); ok {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return errx(p, "invalid value")
		}
		width = n
	}
	var lines []string
	code := eachInput(p, o.args, func(_ string, r io.Reader) error {
		return eachLine(r, func(line string) error {
			if strings.TrimSpace(line) != "" {
				lines = append(lines, line)
			}
			return nil
		})
	})
	if len(lines) == 0 {
		return code
	}
	if o.has("t") {
		columnTable(p, o, lines)
		return code
	}
	longest := 0
	for _, l := range lines {
		longest = max(longest, len(l))
	}
	cell := (longest + 8) &^ 7
	perRow := max(width/cell, 1)
	if longest >= width {
		perRow = 1
	}
	count := (len(lines) + perRow - 1) / perRow
	for row := range count {
		var words []string
		for col := range perRow {
			i := col*count + row
			if o.has("x") {
				i = row*perRow + col
			}
			if i < len(lines) {
				words = append(words, lines[i])
			}
		}
		p.Printf("%s\n", tabbed(words, cell))
	}
	return code
}

func columnTable(p *sim.Proc, o *options, lines []string) {
	separators, ok := o.get("s")
	if !ok {
		separators = " \t"
	}
	limit := math.MaxInt
	if text, ok := o.get("l"); ok {
		limit, _ = strconv.Atoi(text)
	}
	var rows [][]string
	var widths []int
	for _, line := range lines {
		var cells []string
		for rest := line; rest != ""; {
			rest = strings.TrimLeft(rest, separators)
			i := strings.IndexAny(rest, separators)
			if i < 0 || len(cells)+1 >= limit {
				if rest != "" {
					cells = append(cells, rest)
				}
				break
			}
			cells, rest = append(cells, rest[:i]), rest[i:]
		}
		for i, c := range cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len([]rune(c)))
		}
		rows = append(rows, cells)
	}
	for _, cells := range rows {
		for i, c := range cells {
			if i == len(cells)-1 {
				p.Printf("%s\n", c)
				continue
			}
			p.Printf("%-*s", widths[i]+2, c)
		}
	}
}

// sequence is one call of seq(1).
type sequence struct {
	first, step, last float64
	format            string
	digits            int // after the point
	width             int // -w
}

func seq(p *sim.Proc, o *options) int {
	if len(o.args) < 1 || len(o.args) > 3 {
		return o.wrong(p)
	}
	s := &sequence{}
	if err := s.read(o.args); err != nil {
		return exitWith(map[bool]int{true: 2, false: 1}[errors.Is(err, strconv.ErrSyntax)], errx(p, "%s", strings.TrimSuffix(err.Error(), ": "+strconv.ErrSyntax.Error())))
	}
	s.format, _ = o.get("f")
	if o.has("w") {
		s.width = max(len(s.text(s.first)), len(s.text(s.last)))
	}
	separator, terminator := "\n", "\n"
	if text, ok := o.get("s"); ok {
		separator = unescape(text)
	}
	if text, ok := o.get("t"); ok {
		terminator = unescape(text)
	}
	for i := 0; ; i++ {
		v := s.first + float64(i)*s.step
		if s.step > 0 && v > s.last+s.step/1e9 || s.step < 0 && v < s.last+s.step/1e9 {
			break
		}
		text := zeroPad(s.text(v), s.width)
		if i > 0 {
			text = separator + text
		}
		if _, err := io.WriteString(p.Stdout, text); err != nil {
			return brokenPipe
		}
	}
	p.Printf("%s", terminator)
	return 0
}

// read takes [first [incr]] last; without a step it counts down by itself.
func (s *sequence) read(args []string) error {
	var numbers []float64
	for _, a := range args {
		v, err := strconv.ParseFloat(a, 64)
		if err != nil {
			return fmt.Errorf("invalid floating point argument: %s: %w", a, strconv.ErrSyntax)
		}
		if _, fraction, ok := strings.Cut(a, "."); ok && len(args) == 3 {
			s.digits = max(s.digits, len(fraction))
		}
		numbers = append(numbers, v)
	}
	s.first, s.step, s.last = 1, 1, numbers[len(numbers)-1]
	if len(numbers) > 1 {
		s.first = numbers[0]
	}
	if len(numbers) < 3 {
		if s.first > s.last {
			s.step = -1
		}
		return nil
	}
	switch s.step = numbers[1]; {
	case s.step == 0:
		return errors.New("zero increment")
	case s.step > 0 && s.first > s.last:
		return errors.New("needs negative decrement")
	case s.step < 0 && s.first < s.last:
		return errors.New("needs positive increment")
	}
	return nil
}

func (s *sequence) text(v float64) string {
	switch {
	case s.format != "":
		return cSprintf(s.format, []string{strconv.FormatFloat(v, 'g', -1, 64)})
	case s.digits > 0:
		return strconv.FormatFloat(v, 'f', s.digits, 64)
	}
	return formatG(v)
}

func zeroPad(s string, width int) string {
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s, width = "-", s[1:], width-1
	}
	return sign + strings.Repeat("0", max(width-len(s), 0)) + s
}

// formatG is %g.
func formatG(v float64) string { return cSprintf("%g", []string{strconv.FormatFloat(v, 'g', -1, 64)}) }

func jot(p *sim.Proc, o *options) int {
	if len(o.args) > 4 {
		return o.wrong(p)
	}
	reps, begin, end, step, err := jotRange(o.args, o.has("r"))
	if err != nil {
		return errx(p, "%s", err.Error())
	}
	precision := -1
	if text, ok := o.get("p"); ok {
		precision, _ = strconv.Atoi(text)
	}
	for _, a := range o.args {
		if _, fraction, ok := strings.Cut(a, "."); ok && precision < 0 {
			precision = len(fraction)
		}
	}
	separator := "\n"
	if text, ok := o.get("s"); ok {
		separator = text
	}
	var out []string
	for i := range reps {
		v := begin + float64(i)*step
		if o.has("r") {
			v = begin + math.Floor(rand.Float64()*(end-begin+1))
		}
		out = append(out, jotText(o, v, max(precision, 0)))
	}
	p.Printf("%s", strings.Join(out, separator))
	if !o.has("n") {
		p.Printf("\n")
	}
	return 0
}

// jotText is a value in the form that -b, -c or -w ask for.
func jotText(o *options, v float64, precision int) string {
	text := strconv.FormatFloat(v, 'f', precision, 64)
	if word, ok := o.get("b"); ok {
		return word
	}
	format, ok := o.get("w")
	switch {
	case o.has("c"):
		return string(rune(int(v)))
	case ok && strings.Contains(format, "%"):
		return cSprintf(format, []string{text})
	}
	return format + text
}

// jotRange works out what is left out of [reps [begin [end [s]]]].
func jotRange(args []string, random bool) (reps int, begin, end, step float64, err error) {
	values := [4]float64{100, 1, 100, 1}
	given := [4]bool{}
	for i, a := range args {
		if a == "-" {
			continue
		}
		v, perr := strconv.ParseFloat(a, 64)
		if perr != nil {
			return 0, 0, 0, 0, fmt.Errorf("argument %d must be a number", i+1)
		}
		values[i], given[i] = v, true
	}
	reps, begin, end, step = int(values[0]), values[1], values[2], values[3]
	switch {
	case random:
	case given[2] && given[3] && !given[0]:
		reps = int(math.Floor((end-begin)/step)) + 1
	case given[2] && given[0] && !given[3]:
		if reps > 1 {
			step = (end - begin) / float64(reps-1)
		}
	case given[2] && !given[0]:
		if end < begin {
			step = -1
		}
		reps = int(math.Abs(end-begin)) + 1
	}
	return max(reps, 0), begin, end, step, nil
}
