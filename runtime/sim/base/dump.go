package base

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"bsdrun/runtime/sim"
)

var dumpCommands = []command{
	{name: "hexdump hd", dir: "/usr/bin", flags: "bcCde!f!n:os:vx", run: hexdump, usage: `
usage: hexdump [-bcCdovx] [-e fmt] [-f fmt_file] [-n length]
               [-s skip] [file ...]
       hd      [-bcdovx]  [-e fmt] [-f fmt_file] [-n length]
               [-s skip] [file ...]`[1:]},
	{name: "od", dir: "/usr/bin", flags: "A:aBbcDdeFfHhIij:LlN:OosSt:vXx", run: od, usage: `
usage: od [-aBbcDdeFfHhIiLlOosvXx] [-A base] [-j skip] [-N length] [-t type]
          [[+]offset[.][Bb]] [file ...]`[1:]},
	{name: "xxd", dir: "/usr/local/bin", pkg: "vim", flags: "c:g:l:ps:ru", run: xxd, usage: "Usage:\n       xxd [options] [infile [outfile]]"},
	{name: "strings", dir: "/usr/bin", flags: "an:o!t:", long: "all=a bytes:=n radix:=t", run: stringsCommand,
		usage: "Usage: strings [options] [file...]"},
}

// dumpInput reads all operands as one stream, with the part -s and -n choose.
func dumpInput(p *sim.Proc, names []string, skipText, limitText string) (data []byte, skip int64, code int) {
	code = eachInput(p, names, func(_ string, r io.Reader) error {
		part, err := io.ReadAll(r)
		data = append(data, part...)
		return err
	})
	skip, _ = parseSize(skipText)
	data = data[min(skip, int64(len(data))):]
	if n, ok := parseSize(limitText); ok {
		data = data[:min(n, int64(len(data)))]
	}
	return data, skip, code
}

// rows calls print for every 16 bytes, with a star for repeated rows.
func rows(p *sim.Proc, data []byte, verbose bool, print func(at int, row []byte)) {
	starred := false
	for at := 0; at < len(data); at += 16 {
		row := data[at:min(at+16, len(data))]
		if !verbose && at > 0 && len(row) == 16 && string(row) == string(data[at-16:at]) {
			if !starred {
				p.Printf("*\n")
			}
			starred = true
			continue
		}
		starred = false
		print(at, row)
	}
}

func hexdump(p *sim.Proc, o *options) int {
	skipText, _ := o.get("s")
	limit, _ := o.get("n")
	data, skip, code := dumpInput(p, o.args, skipText, limit)
	base := int(skip)
	style := o.last("bcCdox")
	if style == "" || progname(p) == "hd" {
		if style = "x"; progname(p) == "hd" {
			style = "C"
		} else if !o.has("x") {
			style = "default"
		}
	}
	width := 7
	if style == "C" {
		width = 8
	}
	rows(p, data, o.has("v"), func(at int, row []byte) {
		p.Printf("%0*x", width, base+at)
		switch style {
		case "C":
			p.Printf("%s", canonicalRow(row))
		case "b":
			for _, b := range row {
				p.Printf(" %03o", b)
			}
		case "c":
			for _, b := range row {
				p.Printf(" %3s", charName(b))
			}
		default:
			form := map[string]string{"default": " %04x", "x": "    %04x", "d": "   %05d", "o": "  %06o"}[style]
			for i := 0; i < len(row); i += 2 {
				p.Printf(form, word(row, i))
			}
		}
		// What is missing from the last row is blank.
		switch style {
		case "C":
		case "b", "c":
			p.Printf("%*s", 4*(16-len(row)), "")
		case "default":
			p.Printf("%*s", 5*((16-len(row))/2), "")
		default:
			p.Printf("%*s", 8*((16-len(row))/2), "")
		}
		p.Printf("\n")
	})
	if len(data) > 0 {
		p.Printf("%0*x\n", width, base+len(data))
	}
	return code
}

// word is a little-endian 16-bit unit; a missing byte counts as zero.
func word(row []byte, i int) int {
	w := int(row[i])
	if i+1 < len(row) {
		w |= int(row[i+1]) << 8
	}
	return w
}

func canonicalRow(row []byte) string {
	var b strings.Builder
	for i := range 16 {
		if i%8 == 0 {
			b.WriteByte(' ')
		}
		if i < len(row) {
			fmt.Fprintf(&b, " %02x", row[i])
		} else {
			b.WriteString("   ")
		}
	}
	return b.String() + "  |" + printable(row) + "|"
}

func printable(row []byte) string {
	out := make([]byte, len(row))
	for i, c := range row {
		if out[i] = c; c < ' ' || c > '~' {
			out[i] = '.'
		}
	}
	return string(out)
}

func charName(b byte) string {
	if s, ok := map[byte]string{0: `\0`, 7: `\a`, 8: `\b`, 9: `\t`, 10: `\n`, 11: `\v`, 12: `\f`, 13: `\r`}[b]; ok {
		return s
	}
	if b < ' ' || b > '~' {
		return fmt.Sprintf("%03o", b)
	}
	return string(rune(b))
}

func od(p *sim.Proc, o *options) int {
	skipText, _ := o.get("j")
	limit, _ := o.get("N")
	data, skip, code := dumpInput(p, o.args, skipText, limit)
	radix, _ := o.get("A")
	kind, _ := o.get("t")
	for letter, t := range map[string]string{"b": "o1", "c": "c", "x": "x2", "h": "x2", "d": "u2", "o": "o2", "X": "x4", "H": "x4", "D": "u4", "a": "a"} {
		if o.has(letter) {
			kind = t
		}
	}
	if kind == "" {
		kind = "o2"
	}
	if o.has("BeFfIiLlOsS") || kind == "a" || kind[0] == 'f' {
		return p.Cannot("od in that format")
	}
	size := 1
	if n, err := strconv.Atoi(kind[1:]); err == nil {
		size = n
	} else if kind[0] != 'c' && len(kind) == 1 {
		size = 4
	}
	address := func(n int) string {
		switch radix {
		case "n":
			return strings.Repeat(" ", 7)
		case "d":
			return fmt.Sprintf("%07d", n)
		case "x":
			return fmt.Sprintf("%07x", n)
		}
		return fmt.Sprintf("%07o", n)
	}
	rows(p, data, o.has("v"), func(at int, row []byte) {
		if linux(p) {
			p.Printf("%s", strings.TrimRight(address(int(skip)+at), " "))
			for i := 0; i < len(row); i += size {
				p.Printf(" %s", gnuODUnit(kind[0], row[i:min(i+size, len(row))], size))
			}
			p.Printf("\n")
			return
		}
		p.Printf("%s  ", address(int(skip)+at))
		for i := 0; i < len(row); i += size {
			p.Printf("%s", odUnit(kind[0], row[i:min(i+size, len(row))], size))
		}
		p.Printf("%*s\n", (16-len(row))/size*size*4, "")
	})
	if radix != "n" && len(data) > 0 {
		p.Printf("%s\n", address(int(skip)+len(data)))
	}
	return code
}

// odUnit is one unit, four columns wide for each of its bytes.
func odUnit(kind byte, unit []byte, size int) string {
	if kind == 'c' {
		return fmt.Sprintf("%3s ", charName(unit[0]))
	}
	var v uint64
	for i, b := range unit {
		v |= uint64(b) << (8 * i)
	}
	octal := (8*size + 2) / 3
	switch kind {
	case 'x':
		return fmt.Sprintf("%*s%0*x", 2*size, "", 2*size, v)
	case 'o':
		return fmt.Sprintf("%*s%0*o", 4*size-octal, "", octal, v)
	case 'd':
		shift := 64 - 8*size
		return fmt.Sprintf("%*d", 4*size, int64(v<<shift)>>shift)
	}
	return fmt.Sprintf("%*d", 4*size, v)
}

// gnuODUnit is a unit as GNU's od shows it: as wide as the largest one.
func gnuODUnit(kind byte, unit []byte, size int) string {
	widths := map[byte]map[int]int{
		'c': {1: 3}, 'x': {1: 2, 2: 4, 4: 8, 8: 16}, 'o': {1: 3, 2: 6, 4: 11, 8: 22}, 'u': {1: 3, 2: 5, 4: 10, 8: 20}, 'd': {1: 4, 2: 6, 4: 11, 8: 20},
	}
	return fmt.Sprintf("%*s", widths[kind][size], strings.TrimSpace(odUnit(kind, unit, size)))
}

func xxd(p *sim.Proc, o *options) int {
	if o.has("r") {
		return p.Cannot("xxd -r")
	}
	skipText, _ := o.get("s")
	limit, _ := o.get("l")
	data, skip, code := dumpInput(p, o.args, skipText, limit)
	digits := "%02x"
	if o.has("u") {
		digits = "%02X"
	}
	width, group := 16, 2
	if o.has("p") {
		width = 30
	}
	if n, ok := o.get("c"); ok {
		width, _ = strconv.Atoi(n)
	}
	if n, ok := o.get("g"); ok {
		group, _ = strconv.Atoi(n)
	}
	width = max(width, 1)
	for at := 0; at < len(data); at += width {
		row := data[at:min(at+width, len(data))]
		var hex strings.Builder
		for i := range width {
			if i < len(row) {
				fmt.Fprintf(&hex, digits, row[i])
			} else if !o.has("p") {
				hex.WriteString("  ")
			}
			if !o.has("p") && group > 0 && i%group == group-1 {
				hex.WriteByte(' ')
			}
		}
		if o.has("p") {
			p.Printf("%s\n", hex.String())
			continue
		}
		p.Printf("%08x: %s %s\n", int(skip)+at, hex.String(), printable(row))
	}
	return code
}

func stringsCommand(p *sim.Proc, o *options) int {
	least := 4
	if text, ok := o.get("n"); ok {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return errx(p, "option -n should specify positive decimal integer.")
		}
		least = n
	}
	return eachInput(p, o.args, func(_ string, r io.Reader) error {
		data, err := io.ReadAll(r)
		start := 0
		for i := 0; i <= len(data); i++ {
			if i < len(data) && (data[i] >= ' ' && data[i] <= '~' || data[i] == '\t') {
				continue
			}
			if i-start >= least {
				if _, ok := o.get("t"); ok {
					p.Printf("%7x ", start)
				}
				p.Printf("%s\n", data[start:i])
			}
			start = i + 1
		}
		return err
	})
}
