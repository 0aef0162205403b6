package base

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

var textCommands = []command{
	{name: "cat", dir: "/bin", flags: "belnstuv", run: cat, live: true, usage: "usage: cat [-belnstuv] [file ...]"},
	{name: "head", dir: "/usr/bin", digits: true, flags: "n:c:qv", long: "lines:=n bytes:=c quiet=q silent=q verbose=v", run: head, usage: "usage: head [-n lines | -c bytes] [-qv] [file ...]"},
	{name: "tail", dir: "/usr/bin", digits: true, flags: "Fb:c:fn:qrv", run: tail, live: true,
		long: "blocks:=b bytes:=c lines:=n quiet=q silent=q verbose=v", usage: "usage: tail [-F | -f | -r] [-qv] [-b # | -c # | -n #] [file ...]"},
	{name: "wc", dir: "/usr/bin", flags: "clmwL", run: wc, usage: "usage: wc [-Lclmw] [file ...]"},
	{name: "tee", dir: "/usr/bin", flags: "ai", run: tee, live: true, usage: "usage: tee [-ai] [file ...]"},
	{name: "yes", dir: "/usr/bin", flags: raw, run: yes, live: true},
	{name: "tr", dir: "/usr/bin", flags: "Ccdsu", run: tr, usage: `
usage: tr [-Ccsu] string1 string2
       tr [-Ccu] -d string1
       tr [-Ccu] -s string1
       tr [-Ccu] -ds string1 string2`[1:]},
	{name: "rev", dir: "/usr/bin", flags: "", run: rev, usage: "usage: rev [file ...]"},
	{name: "split", dir: "/usr/bin", flags: "a:b:c!dl:n:p:", run: split, code: 64, usage: `
usage: split [-cd] [-l line_count] [-a suffix_length] [file [prefix]]
       split [-cd] -b byte_count[K|k|M|m|G|g] [-a suffix_length] [file [prefix]]
       split [-cd] -n chunk_count [-a suffix_length] [file [prefix]]
       split [-cd] -p pattern [-a suffix_length] [file [prefix]]`[1:]},
}

func cat(p *sim.Proc, o *options) int {
	if o.has("benstv") {
		return buffered(p, func(p *sim.Proc) int {
			c := &catLines{p: p, o: o}
			return eachInput(p, o.args, func(_ string, r io.Reader) error { return c.copy(newLines(r)) })
		})
	}
	return eachInput(p, o.args, func(_ string, r io.Reader) error {
		_, err := io.Copy(p.Stdout, r)
		return err
	})
}

// catLines numbers and marks lines for cat(1).
type catLines struct {
	p      *sim.Proc
	o      *options
	number int
	blank  bool
}

func (c *catLines) copy(lines *lineReader) error {
	for {
		line, newline, err := lines.next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if c.o.has("s") && line == "" && c.blank {
			continue
		}
		c.blank = line == ""
		if c.o.has("b") && line != "" || c.o.has("n") && !c.o.has("b") {
			c.number++
			c.p.Printf("%6d\t", c.number)
		} else if c.o.has("b") && c.o.has("e") {
			c.p.Printf("%6s\t", "")
		}
		c.p.Printf("%s", c.visible(line))
		if newline {
			if c.o.has("e") {
				c.p.Printf("$")
			}
			c.p.Printf("\n")
		}
	}
}

func (c *catLines) visible(line string) string {
	if !c.o.has("vet") {
		return line
	}
	var b strings.Builder
	for i := 0; i < len(line); {
		r, n := utf8.DecodeRuneInString(line[i:])
		ch := line[i]
		switch {
		case ch == '\t' && c.o.has("t"):
			b.WriteString("^I")
		case ch == '\t':
			b.WriteByte(ch)
		case r == utf8.RuneError && n == 1 && ch >= 0x80:
			b.WriteString("M-")
			ch &= 0x7f
			if ch < ' ' || ch == 0x7f {
				b.WriteByte('^')
				ch ^= 0x40
			}
			b.WriteByte(ch)
		case ch < ' ' || ch == 0x7f:
			b.WriteByte('^')
			b.WriteByte(ch ^ 0x40)
		default:
			b.WriteString(line[i : i+n])
		}
		i += n
	}
	return b.String()
}

// obsolete rewrites the historic "-5" to "-n5" and "-5f" to "-fn5"; the value of
// another option stays as it is.
func obsolete(args []string) []string {
	out := slices.Clone(args)
	for i := 1; i < len(out); i++ {
		a := out[i]
		if a == "--" || len(a) < 2 || a[0] != '-' {
			break
		}
		if isOneOf(a, "-n", "-c", "-b") {
			i++
			continue
		}
		digits := strings.TrimRight(a[1:], "fFr")
		if _, err := strconv.ParseUint(digits, 10, 63); err == nil {
			out[i] = "-" + a[1+len(digits):] + "n" + digits
		}
	}
	return out
}

func head(p *sim.Proc, o *options) int {
	lines, bytes := int64(10), int64(-1)
	if text, ok := o.get("n"); ok {
		n, valid := parseSize(text)
		if !valid || n <= 0 {
			return errx(p, "illegal line count -- %s", text)
		}
		lines = n
	}
	if text, ok := o.get("c"); ok {
		n, valid := parseSize(text)
		if !valid || n <= 0 {
			return errx(p, "illegal byte count -- %s", text)
		}
		bytes = n
	}
	if o.has("c") && o.has("n") {
		return errx(p, "can't combine line and byte counts")
	}
	title := o.last("qv") == "v" || len(o.args) > 1 && !o.has("q")
	first := true
	return eachInput(p, o.args, func(name string, r io.Reader) error {
		if title {
			if !first {
				p.Printf("\n")
			}
			if name == "-" {
				name = "standard input"
			}
			p.Printf("==> %s <==\n", name)
		}
		first = false
		if bytes >= 0 {
			_, err := io.CopyN(p.Stdout, r, bytes)
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return err
		}
		in := bufio.NewReader(r)
		for range lines {
			line, err := in.ReadString('\n')
			p.Printf("%s", line)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// tailer is one call of tail(1).
type tailer struct {
	p       *sim.Proc
	o       *options
	count   int64
	forward bool // counted from the beginning
	bytes   bool
	reverse bool
	all     bool // -r without a number
}

func tail(p *sim.Proc, o *options) int {
	t := &tailer{p: p, o: o, count: 10, reverse: o.has("r"), all: true}
	for _, opt := range o.list {
		if !strings.Contains("bcn", opt.name) || len(opt.name) != 1 {
			continue
		}
		text, forward := strings.CutPrefix(opt.arg, "+")
		n, ok := parseSize(strings.TrimPrefix(text, "-"))
		if !ok {
			return errx(p, "illegal offset -- %s", opt.arg)
		}
		if opt.name == "b" {
			n *= 512
		}
		t.count, t.forward, t.bytes, t.all = n, forward, opt.name != "n", false
	}
	follow := o.has("fF")
	if follow && len(o.args) > 1 {
		return t.followMany()
	}
	title := o.last("qv") == "v" || len(o.args) > 1 && !o.has("q")
	first := true
	var size int64
	code := eachInput(p, o.args, func(name string, r io.Reader) error {
		if title {
			if !first {
				p.Printf("\n")
			}
			p.Printf("==> %s <==\n", label(name))
		}
		first = false
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		size = int64(len(data))
		_, err = p.Stdout.Write(t.part(data))
		return err
	})
	if follow && len(o.args) == 1 && o.args[0] != "-" {
		if code != 0 && !o.has("F") {
			return code
		}
		return t.follow([]*followed{{name: o.args[0], offset: size}})
	}
	return code
}

// part is what of a file is printed.
func (t *tailer) part(data []byte) []byte {
	switch {
	case t.reverse:
		return t.reversed(data)
	case t.bytes && t.forward:
		return data[min(max(t.count-1, 0), int64(len(data))):]
	case t.bytes:
		return data[max(0, int64(len(data))-t.count):]
	case t.forward:
		for n := int64(1); n < t.count && len(data) > 0; n++ {
			i := slices.Index(data, '\n')
			if i < 0 {
				return nil
			}
			data = data[i+1:]
		}
		return data
	}
	return lastLines(data, t.count)
}

func lastLines(data []byte, n int64) []byte {
	if n == 0 {
		return nil
	}
	for i := len(data) - 2; i >= 0; i-- {
		if data[i] == '\n' {
			if n--; n == 0 {
				return data[i+1:]
			}
		}
	}
	return data
}

func (t *tailer) reversed(data []byte) []byte {
	if !t.all {
		if t.bytes {
			data = data[max(0, int64(len(data))-t.count):]
		} else {
			data = lastLines(data, t.count)
		}
	}
	lines := slices.Collect(strings.Lines(string(data)))
	slices.Reverse(lines)
	return []byte(strings.Join(lines, ""))
}

// followed is a file that tail -f watches.
type followed struct {
	name   string
	offset int64
	inode  uint64
}

func (t *tailer) followMany() int {
	var files []*followed
	code := eachInput(t.p, t.o.args, func(name string, r io.Reader) error {
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if !t.o.has("q") {
			t.p.Printf("%s==> %s <==\n", map[bool]string{true: "\n"}[len(files) > 0], name)
		}
		files = append(files, &followed{name: name, offset: int64(len(data))})
		_, err = t.p.Stdout.Write(t.part(data))
		return err
	})
	if len(files) == 0 {
		return code
	}
	return t.follow(files)
}

// follow prints what is added, looking once a second on the machine's clock.
func (t *tailer) follow(files []*followed) int {
	for _, f := range files {
		if info, err := t.p.FS().Stat(f.name); err == nil {
			f.inode = info.Inode
		}
	}
	last := files[len(files)-1]
	for {
		if t.p.Sleep(time.Second) != nil {
			return 128 + int(syscall.SIGTERM)
		}
		for _, f := range files {
			added := t.added(f)
			if len(added) == 0 {
				continue
			}
			if len(files) > 1 && f != last && !t.o.has("q") {
				t.p.Printf("\n==> %s <==\n", f.name)
			}
			last = f
			if _, err := t.p.Stdout.Write(added); err != nil {
				return brokenPipe
			}
		}
	}
}

func (t *tailer) added(f *followed) []byte {
	info, err := t.p.FS().Stat(f.name)
	if err != nil {
		return nil
	}
	// -F starts again at a file that took the name over.
	if info.Size < f.offset || t.o.has("F") && info.Inode != f.inode {
		f.offset = 0
	}
	if f.inode != info.Inode && !t.o.has("F") {
		return nil
	}
	f.inode = info.Inode
	if info.Size == f.offset {
		return nil
	}
	file, err := t.p.FS().Open(f.name)
	if err != nil {
		return nil
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(f.offset, io.SeekStart); err != nil {
		return nil
	}
	data, _ := io.ReadAll(file)
	f.offset += int64(len(data))
	return data
}

// counts are what wc(1) knows of an input.
type counts struct{ lines, words, bytes, chars, longest int64 }

func wc(p *sim.Proc, o *options) int {
	var total counts
	show := func(c counts, name string) {
		if linux(p) {
			gnuWC(p, o, c, name)
			return
		}
		any := o.has("clmwL")
		if o.has("l") || !any {
			p.Printf(" %7d", c.lines)
		}
		if o.has("w") || !any {
			p.Printf(" %7d", c.words)
		}
		switch {
		case o.last("cm") == "m":
			p.Printf(" %7d", c.chars)
		case o.has("c") || !any:
			p.Printf(" %7d", c.bytes)
		}
		if o.has("L") {
			p.Printf(" %7d", c.longest)
		}
		if name != "" {
			p.Printf(" %s", name)
		}
		p.Printf("\n")
	}
	count := countInput
	if o.has("c") && !o.has("lmwL") {
		count = countBytes
	}
	code := eachInput(p, o.args, func(name string, r io.Reader) error {
		c, err := count(r)
		if err != nil {
			return err
		}
		total.lines, total.words, total.bytes, total.chars = total.lines+c.lines, total.words+c.words, total.bytes+c.bytes, total.chars+c.chars
		total.longest = max(total.longest, c.longest)
		if len(o.args) == 0 {
			name = ""
		}
		show(c, name)
		return nil
	})
	if len(o.args) > 1 {
		show(total, "total")
	}
	return code
}

// gnuWC prints a line of GNU's wc: columns are as wide as the size of all files
// asks for, or 7 where a size isn't known and there are several.
func gnuWC(p *sim.Proc, o *options, c counts, name string) {
	all := !o.has("clmwL")
	var columns []int64
	for _, column := range []struct {
		shown bool
		n     int64
	}{{all || o.has("l"), c.lines}, {all || o.has("w"), c.words}, {o.has("m"), c.chars}, {all || o.has("c"), c.bytes}, {o.has("L"), c.longest}} {
		if column.shown {
			columns = append(columns, column.n)
		}
	}
	width, size := 1, int64(0)
	if len(columns) > 1 || len(o.args) > 1 {
		for _, file := range o.args {
			info, err := p.FS().Stat(file)
			if err == nil && info.Type != vfs.TypeFile {
				width = 7
			}
			size += info.Size
		}
		if len(o.args) == 0 {
			width = 7
		}
		width = max(width, len(strconv.FormatInt(size, 10)))
	}
	var words []string
	for _, n := range columns {
		words = append(words, fmt.Sprintf("%*d", width, n))
	}
	if name != "" {
		words = append(words, name)
	}
	p.Printf("%s\n", strings.Join(words, " "))
}

// countBytes asks a file for its size, as wc(1) does where nothing else is asked for.
func countBytes(r io.Reader) (counts, error) {
	if file := fileOf(r); file != nil && file.IsRegular() {
		if at, err := file.Seek(0, io.SeekCurrent); err == nil {
			if end, err := file.Seek(0, io.SeekEnd); err == nil && end >= at {
				return counts{bytes: end - at}, nil
			}
		}
	}
	n, err := io.Copy(io.Discard, r)
	return counts{bytes: n}, err
}

func countInput(r io.Reader) (counts, error) {
	var c counts
	in := bufio.NewReader(r)
	word, width := false, int64(0)
	for {
		ch, n, err := in.ReadRune()
		if errors.Is(err, io.EOF) {
			return c, nil
		}
		if err != nil {
			return c, err
		}
		c.bytes += int64(n)
		c.chars++
		width++
		if ch == '\n' {
			c.lines++
			c.longest = max(c.longest, width-1)
			width = 0
		}
		space := ch < utf8.RuneSelf && strings.ContainsRune(" \t\n\v\f\r", ch)
		if !space && !word {
			c.words++
		}
		word = !space
	}
}

func tee(p *sim.Proc, o *options) int {
	code := 0
	type sink struct {
		io.Writer
		name string
	}
	sinks := []sink{{p.Stdout, "stdout"}}
	for _, name := range o.args {
		f, err := create(p, name, o.has("a"))
		if err != nil {
			code = fail(p, name, err)
			continue
		}
		defer func() { _ = f.Close() }()
		sinks = append(sinks, sink{f, name})
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := p.Stdin.Read(buf)
		for i := 0; i < len(sinks); i++ {
			if _, werr := sinks[i].Write(buf[:n]); werr != nil && n > 0 {
				code = fail(p, sinks[i].name, werr)
				sinks = slices.Delete(sinks, i, i+1)
				i--
			}
		}
		if errors.Is(err, io.EOF) {
			return code
		}
		if err != nil {
			return fail(p, "read", err)
		}
	}
}

func yes(p *sim.Proc, o *options) int {
	word := "y"
	if len(o.args) > 0 {
		word = strings.Join(o.args, " ")
	}
	chunk := []byte(strings.Repeat(word+"\n", max(1, 8192/(len(word)+1))))
	for p.Context.Err() == nil {
		if _, err := p.Stdout.Write(chunk); err != nil {
			return brokenPipe
		}
	}
	return 128 + int(syscall.SIGTERM)
}

func rev(p *sim.Proc, o *options) int {
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
			runes := []rune(line)
			slices.Reverse(runes)
			p.Printf("%s", string(runes))
			if newline {
				p.Printf("\n")
			}
		}
	})
}

func split(p *sim.Proc, o *options) int {
	name, prefix, length := "-", "x", 2
	if len(o.args) > 0 {
		name = o.args[0]
	}
	if len(o.args) > 1 {
		prefix = o.args[1]
	}
	if text, ok := o.get("a"); ok {
		length, _ = strconv.Atoi(text)
	}
	if length < 1 {
		return exitWith(64, errx(p, "%d: illegal suffix length", length))
	}
	data, _, err := readInput(p, []string{name})
	if err != nil {
		return exitWith(66, fail(p, name, err))
	}
	parts, err := splitParts(o, data)
	if err != nil {
		return exitWith(64, errx(p, "%s", err.Error()))
	}
	for i, part := range parts {
		suffix, ok := splitSuffix(i, length, o.has("d"))
		if !ok {
			return exitWith(64, errx(p, "too many files"))
		}
		if err := p.FS().WriteFile(prefix+suffix, part, 0o666); err != nil {
			return exitWith(74, fail(p, prefix+suffix, err))
		}
	}
	return 0
}

func splitParts(o *options, data []byte) ([][]byte, error) {
	if text, ok := o.get("b"); ok {
		n, valid := parseSize(text)
		if !valid || n < 1 {
			return nil, fmt.Errorf("%s: offset too small or invalid", text)
		}
		return slices.Collect(slices.Chunk(data, int(n))), nil
	}
	if text, ok := o.get("n"); ok {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%s: illegal number of chunks", text)
		}
		size := len(data) / n
		var parts [][]byte
		for i := range n {
			end := (i + 1) * size
			if i == n-1 {
				end = len(data)
			}
			parts = append(parts, data[i*size:end])
		}
		return parts, nil
	}
	count := 1000
	if text, ok := o.get("l"); ok {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%s: illegal line count", text)
		}
		count = n
	}
	pattern, byPattern := o.get("p")
	starts := func(string) bool { return false }
	if byPattern {
		re, err := compileRegexp(pattern, true, false)
		if err != nil {
			return nil, fmt.Errorf("%s: illegal regexp", pattern)
		}
		starts = func(line string) bool { return re.MatchString(strings.TrimSuffix(line, "\n")) }
	}
	var parts [][]byte
	lines := 0
	for line := range strings.Lines(string(data)) {
		if len(parts) == 0 || byPattern && starts(line) || !byPattern && lines == count {
			parts, lines = append(parts, nil), 0
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], line...)
		lines++
	}
	return parts, nil
}

func splitSuffix(i, length int, digits bool) (string, bool) {
	letters := "abcdefghijklmnopqrstuvwxyz"
	if digits {
		letters = "0123456789"
	}
	b := make([]byte, length)
	for k := length - 1; k >= 0; k-- {
		b[k] = letters[i%len(letters)]
		i /= len(letters)
	}
	return string(b), i == 0
}
