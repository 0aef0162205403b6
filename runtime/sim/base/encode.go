package base

import (
	"encoding/base64"
	"fmt"
	"io"
	"strconv"
	"strings"

	"bsdrun/runtime/sim"
)

var encodeCommands = []command{
	{name: "uuencode b64encode", dir: "/usr/bin", flags: "mo:rw:", run: encode, usage: `
usage: uuencode [-m] [-o outfile] [infile] remotefile
       b64encode [-o outfile] [-w column] [infile] remotefile`[1:]},
	{name: "uudecode b64decode", dir: "/usr/bin", flags: "cimo:prs", run: decode, usage: `
usage: uudecode [-cimprs] [file ...]
       uudecode [-i] -o output_file [file]
       b64decode [-cimprs] [file ...]
       b64decode [-i] -o output_file [file]`[1:]},
	{name: "base64", dir: "/usr/bin", flags: "dDw:i!", long: "decode=d wrap:=w", run: base64Command, usage: "usage: base64 [-w col | --wrap=col] [-d | --decode] [FILE]"},
}

// readInput reads the single optional operand, or standard input.
func readInput(p *sim.Proc, names []string) ([]byte, uint32, error) {
	name, mode := "-", uint32(0o644)
	if len(names) > 0 {
		name = names[0]
		if info, err := p.FS().Stat(name); err == nil {
			mode = info.Mode & 0o777
		}
	}
	var data []byte
	err := oneInput(p, name, func(_ string, r io.Reader) (err error) {
		data, err = io.ReadAll(r)
		return err
	})
	return data, mode, err
}

func encode(p *sim.Proc, o *options) int {
	base64ed := progname(p) == "b64encode" || o.has("m")
	rawOnly := o.has("r")
	operands := o.args
	remote := ""
	if !rawOnly {
		if len(operands) < 1 || len(operands) > 2 {
			return o.wrong(p)
		}
		remote, operands = operands[len(operands)-1], operands[:len(operands)-1]
	}
	data, mode, err := readInput(p, operands)
	if err != nil {
		return fail(p, operands[0], err)
	}
	column := 76
	if text, ok := o.get("w"); ok {
		if column, err = strconv.Atoi(text); err != nil {
			return errx(p, "-w: %s: invalid", text)
		}
	}
	var b strings.Builder
	switch {
	case base64ed && rawOnly:
		b.WriteString(base64Lines(data, column))
	case base64ed:
		fmt.Fprintf(&b, "begin-base64 %o %s\n%s====\n", mode, remote, base64Lines(data, column))
	default:
		fmt.Fprintf(&b, "begin %o %s\n%s`\nend\n", mode, remote, uuLines(data))
	}
	if out, ok := o.get("o"); ok {
		if err := p.FS().WriteFile(out, []byte(b.String()), 0o666); err != nil {
			return fail(p, out, err)
		}
		return 0
	}
	p.Printf("%s", b.String())
	return 0
}

func base64Lines(data []byte, column int) string {
	text := base64.StdEncoding.EncodeToString(data)
	if column <= 0 {
		return text
	}
	var b strings.Builder
	for len(text) > column {
		b.WriteString(text[:column] + "\n")
		text = text[column:]
	}
	if text != "" {
		b.WriteString(text + "\n")
	}
	return b.String()
}

// uuLines is the classic encoding: 45 bytes a line, a backquote for zero.
func uuLines(data []byte) string {
	var b strings.Builder
	char := func(v byte) {
		if v &= 0x3f; v == 0 {
			b.WriteByte('`')
		} else {
			b.WriteByte(v + ' ')
		}
	}
	for len(data) > 0 {
		n := min(45, len(data))
		char(byte(n))
		for i := 0; i < n; i += 3 {
			var t [3]byte
			copy(t[:], data[i:n])
			char(t[0] >> 2)
			char(t[0]<<4 | t[1]>>4)
			char(t[1]<<2 | t[2]>>6)
			char(t[2])
		}
		b.WriteByte('\n')
		data = data[n:]
	}
	return b.String()
}

func decode(p *sim.Proc, o *options) int {
	names := o.args
	if len(names) == 0 {
		names = []string{"-"}
	}
	code := 0
	for _, name := range names {
		data, _, err := readInput(p, []string{name})
		if err != nil {
			code = fail(p, name, err)
			continue
		}
		if err := decodeOne(p, o, string(data)); err != nil {
			code = errx(p, "%s: %s", label(name), err.Error())
		}
	}
	return code
}

func decodeOne(p *sim.Proc, o *options, text string) error {
	base64ed := progname(p) == "b64decode" || o.has("m")
	out, mode := "", uint32(0o644)
	if !o.has("r") {
		i := strings.Index("\n"+text, "\nbegin")
		if i < 0 {
			return fmt.Errorf("missing or bad \"begin\" line")
		}
		line, rest, _ := strings.Cut(text[i:], "\n")
		f := strings.SplitN(line, " ", 3)
		if len(f) < 3 {
			return fmt.Errorf("missing or bad \"begin\" line")
		}
		m, err := strconv.ParseUint(f[1], 8, 32)
		if err != nil {
			return fmt.Errorf("invalid mode %q", f[1])
		}
		out, mode, base64ed, text = f[2], uint32(m)&0o666, f[0] == "begin-base64", rest
	}
	var data []byte
	var err error
	if base64ed {
		data, err = decodeBase64(text)
	} else {
		data, err = decodeUU(text)
	}
	if err != nil {
		return err
	}
	if to, ok := o.get("o"); ok {
		out = to
	} else if o.has("pr") {
		out = ""
	} else if o.has("s") {
		// -s keeps the name as it is
	} else if i := strings.LastIndexByte(out, '/'); i >= 0 {
		out = out[i+1:]
	}
	if out == "" {
		p.Printf("%s", data)
		return nil
	}
	if o.has("i") && exists(p, out) {
		warnx(p, "not overwritten: %s", out)
		return nil
	}
	if err := p.FS().WriteFile(out, data, 0o666); err != nil {
		return fmt.Errorf("%s: %s", out, sim.ErrText(err))
	}
	if !o.has("o") {
		_ = p.FS().Chmod(out, mode)
	}
	return nil
}

func decodeBase64(text string) ([]byte, error) {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "====" {
			break
		}
		b.WriteString(line)
	}
	data, err := base64.StdEncoding.DecodeString(b.String())
	if err != nil {
		return nil, fmt.Errorf("error decoding base64 input stream")
	}
	return data, nil
}

func decodeUU(text string) ([]byte, error) {
	var data []byte
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if line == "end" || line == "" {
			break
		}
		n := int(line[0]-' ') & 0x3f
		body := line[1:]
		var got []byte
		for i := 0; i+3 < len(body); i += 4 {
			v := func(k int) byte { return (body[i+k] - ' ') & 0x3f }
			got = append(got, v(0)<<2|v(1)>>4, v(1)<<4|v(2)>>2, v(2)<<6|v(3))
		}
		if n > len(got) {
			return nil, fmt.Errorf("short file")
		}
		data = append(data, got[:n]...)
	}
	return data, nil
}

func base64Command(p *sim.Proc, o *options) int {
	data, _, err := readInput(p, o.args)
	if err != nil {
		return fail(p, o.args[0], err)
	}
	if o.has("dD") {
		plain, err := decodeBase64(string(data))
		if err != nil {
			return errx(p, "stdin: %s", err.Error())
		}
		p.Printf("%s", plain)
		return 0
	}
	column := 76
	if text, ok := o.get("w"); ok {
		column, _ = strconv.Atoi(text)
	}
	p.Printf("%s", base64Lines(data, column))
	return 0
}
