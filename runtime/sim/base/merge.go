package base

import (
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/sim"
)

func uniq(p *sim.Proc, o *options) int {
	if len(o.args) > 2 {
		return o.wrong(p)
	}
	in := "-"
	if len(o.args) > 0 {
		in = o.args[0]
	}
	lines, err := readLines(p, in)
	if err != nil {
		return fail(p, in, err)
	}
	fields, chars := 0, 0
	for name, to := range map[string]*int{"f": &fields, "s": &chars} {
		if text, ok := o.get(name); ok {
			if *to, err = strconv.Atoi(text); err != nil || *to < 0 {
				return errx(p, "illegal field skip value: %s", text)
			}
		}
	}
	key := func(line string) string {
		for range fields {
			line = strings.TrimLeft(line, " \t")
			i := strings.IndexAny(line, " \t")
			if i < 0 {
				line = ""
				break
			}
			line = line[i:]
		}
		line = line[min(chars, len(line)):]
		if o.has("i") {
			line = strings.ToLower(line)
		}
		return line
	}
	width := 4
	if linux(p) {
		width = 7
	}
	var b strings.Builder
	for i := 0; i < len(lines); {
		j := i + 1
		for j < len(lines) && key(lines[j]) == key(lines[i]) {
			j++
		}
		n := j - i
		switch {
		case o.has("D"):
			if n > 1 {
				b.WriteString(strings.Join(lines[i:j], "\n") + "\n")
			}
		case o.has("d") && n == 1 || o.has("u") && n > 1:
		case o.has("c"):
			b.WriteString(padLeft(strconv.Itoa(n), width) + " " + lines[i] + "\n")
		default:
			b.WriteString(lines[i] + "\n")
		}
		i = j
	}
	if len(o.args) == 2 && o.args[1] != "-" {
		if err := p.FS().WriteFile(o.args[1], []byte(b.String()), 0o666); err != nil {
			return fail(p, o.args[1], err)
		}
		return 0
	}
	p.Printf("%s", b.String())
	return 0
}

func padLeft(s string, width int) string { return strings.Repeat(" ", max(width-len(s), 0)) + s }

func comm(p *sim.Proc, o *options) int {
	if len(o.args) != 2 {
		return o.wrong(p)
	}
	var sides [2][]string
	for i, name := range o.args {
		lines, err := readLines(p, name)
		if err != nil {
			return fail(p, name, err)
		}
		sides[i] = lines
	}
	tabs := 0
	column := map[string]string{}
	for _, c := range []string{"1", "2", "3"} {
		if !o.has(c) {
			column[c] = strings.Repeat("\t", tabs)
			tabs++
		}
	}
	show := func(c, line string) {
		if indent, ok := column[c]; ok {
			p.Printf("%s%s\n", indent, line)
		}
	}
	a, b := sides[0], sides[1]
	for len(a) > 0 || len(b) > 0 {
		c := 0
		switch {
		case len(a) == 0:
			c = 1
		case len(b) == 0:
			c = -1
		case o.has("i"):
			c = strings.Compare(strings.ToLower(a[0]), strings.ToLower(b[0]))
		default:
			c = strings.Compare(a[0], b[0])
		}
		switch {
		case c < 0:
			show("1", a[0])
			a = a[1:]
		case c > 0:
			show("2", b[0])
			b = b[1:]
		default:
			show("3", a[0])
			a, b = a[1:], b[1:]
		}
	}
	return 0
}

// joiner is one call of join(1).
type joiner struct {
	p         *sim.Proc
	separator string
	fields    [2]int // from 0
	empty     string
	format    []string
	unpaired  [2]bool
	only      bool // -v
}

func join(p *sim.Proc, o *options) int {
	if len(o.args) != 2 {
		return o.wrong(p)
	}
	j := &joiner{p: p}
	j.separator, _ = o.get("t")
	j.empty, _ = o.get("e")
	for _, opt := range o.list {
		n, err := strconv.Atoi(opt.arg)
		switch opt.name {
		case "1", "2", "j":
			if err != nil || n < 1 {
				return errx(p, "-%s option field number less than 1", opt.name)
			}
			if opt.name != "2" {
				j.fields[0] = n - 1
			}
			if opt.name != "1" {
				j.fields[1] = n - 1
			}
		case "a", "v":
			if err != nil || n < 1 || n > 2 {
				return errx(p, "-%s option file number not 1 or 2", opt.name)
			}
			j.unpaired[n-1] = true
			j.only = j.only || opt.name == "v"
		case "o":
			j.format = append(j.format, strings.FieldsFunc(opt.arg, func(r rune) bool { return r == ',' || r == ' ' })...)
		}
	}
	var sides [2][]string
	for i, name := range o.args {
		lines, err := readLines(p, name)
		if err != nil {
			return fail(p, name, err)
		}
		sides[i] = lines
	}
	j.merge(sides[0], sides[1])
	return 0
}

func (j *joiner) split(line string) []string {
	if j.separator == "" {
		return strings.Fields(line)
	}
	return strings.Split(line, j.separator)
}

func (j *joiner) key(line string, side int) string {
	if f := j.split(line); j.fields[side] < len(f) {
		return f[j.fields[side]]
	}
	return ""
}

func (j *joiner) merge(a, b []string) {
	for len(a) > 0 && len(b) > 0 {
		x, y := j.key(a[0], 0), j.key(b[0], 1)
		switch {
		case x < y:
			j.single(a[0], 0)
			a = a[1:]
		case x > y:
			j.single(b[0], 1)
			b = b[1:]
		default:
			n, m := j.run(a, x, 0), j.run(b, x, 1)
			for _, l := range a[:n] {
				for _, r := range b[:m] {
					if !j.only {
						j.print(j.split(l), j.split(r), x)
					}
				}
			}
			a, b = a[n:], b[m:]
		}
	}
	for _, l := range a {
		j.single(l, 0)
	}
	for _, r := range b {
		j.single(r, 1)
	}
}

func (j *joiner) run(lines []string, key string, side int) int {
	n := 0
	for n < len(lines) && j.key(lines[n], side) == key {
		n++
	}
	return n
}

func (j *joiner) single(line string, side int) {
	if !j.unpaired[side] {
		return
	}
	sides := [2][]string{}
	sides[side] = j.split(line)
	j.print(sides[0], sides[1], j.key(line, side))
}

func (j *joiner) print(a, b []string, key string) {
	var out []string
	if len(j.format) > 0 {
		for _, spec := range j.format {
			out = append(out, j.field(spec, a, b, key))
		}
	} else {
		out = append(out, key)
		for side, f := range [][]string{a, b} {
			for i, word := range f {
				if i != j.fields[side] {
					out = append(out, word)
				}
			}
		}
	}
	separator := j.separator
	if separator == "" {
		separator = " "
	}
	j.p.Printf("%s\n", strings.Join(out, separator))
}

func (j *joiner) field(spec string, a, b []string, key string) string {
	if spec == "0" {
		return key
	}
	file, number, _ := strings.Cut(spec, ".")
	from := a
	if file == "2" {
		from = b
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > len(from) || from[n-1] == "" {
		return j.empty
	}
	return from[n-1]
}

func tsort(p *sim.Proc, o *options) int {
	data, _, err := readInput(p, o.args)
	if err != nil {
		return fail(p, o.args[0], err)
	}
	words := strings.Fields(string(data))
	if len(words)%2 != 0 {
		return errx(p, "odd data count")
	}
	var order []string
	after := map[string][]string{}
	waits := map[string]int{}
	for i := 0; i < len(words); i += 2 {
		for _, w := range words[i : i+2] {
			if _, known := waits[w]; !known {
				waits[w] = 0
				order = append(order, w)
			}
		}
		if words[i] != words[i+1] && !slices.Contains(after[words[i]], words[i+1]) {
			after[words[i]] = append(after[words[i]], words[i+1])
			waits[words[i+1]]++
		}
	}
	code := 0
	for len(order) > 0 {
		at := slices.IndexFunc(order, func(w string) bool { return waits[w] == 0 })
		if at < 0 {
			if code = 1; !o.has("q") {
				warnx(p, "cycle in data")
			}
			at = 0
		}
		w := order[at]
		order = slices.Delete(order, at, at+1)
		p.Printf("%s\n", w)
		for _, next := range after[w] {
			waits[next]--
		}
	}
	return code
}
