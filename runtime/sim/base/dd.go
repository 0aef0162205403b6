package base

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"syscall"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

var blockCommands = []command{
	{name: "dd", dir: "/bin", flags: raw, run: dd, live: true},
}

// ddCall is one call of dd(1).
type ddCall struct {
	p                  *sim.Proc
	in, out            string
	ibs, obs, cbs      int64
	count, skip, seek  int64
	conv               map[string]bool
	status             string
	inFull, inPart     int64
	outFull, outPart   int64
	bytes              int64
	hole               int64 // where a hole at the end of the output reaches to
	appends, fullBlock bool
}

// ddConversions are those that are modelled.
var ddConversions = []string{"notrunc", "noerror", "sync", "fsync", "fdatasync", "sparse", "ucase", "lcase", "swab", "osync"}

func dd(p *sim.Proc, o *options) int {
	d := &ddCall{p: p, ibs: 512, obs: 512, count: math.MaxInt64, conv: map[string]bool{}}
	for _, arg := range o.args {
		if arg == "--" {
			continue
		}
		if code := d.operand(arg); code != 0 {
			return code
		}
	}
	return d.run()
}

func (d *ddCall) operand(arg string) int {
	name, value, ok := strings.Cut(arg, "=")
	if !ok {
		return errx(d.p, "unknown operand %s", arg)
	}
	sizes := map[string]*int64{"ibs": &d.ibs, "obs": &d.obs, "cbs": &d.cbs, "count": &d.count, "skip": &d.skip, "iseek": &d.skip, "seek": &d.seek, "oseek": &d.seek}
	if to := sizes[name]; to != nil {
		n, ok := ddNumber(value)
		if !ok || n < 0 || n == 0 && strings.HasSuffix(name, "bs") {
			return d.badNumber(name, value)
		}
		*to = n
		return 0
	}
	switch name {
	case "if":
		d.in = value
	case "of":
		d.out = value
	case "bs":
		n, ok := ddNumber(value)
		if !ok || n < 1 {
			return d.badNumber("bs", value)
		}
		d.ibs, d.obs = n, n
	case "status":
		if !isOneOf(value, "none", "noxfer", "progress") {
			return errx(d.p, "unknown status %s", value)
		}
		d.status = value
	case "iflag", "oflag":
		for flag := range strings.SplitSeq(value, ",") {
			switch flag {
			case "append":
				d.appends = true
			case "fullblock":
				d.fullBlock = true
			case "direct", "sync", "fsync":
			default:
				return errx(d.p, "unknown open flag %s", flag)
			}
		}
	case "conv":
		for word := range strings.SplitSeq(value, ",") {
			if !isOneOf(word, ddConversions...) {
				return d.p.Cannot("dd conv=%s", word)
			}
			d.conv[word] = true
		}
	case "speed", "files", "fillchar":
		return d.p.Cannot("dd %s=", name)
	default:
		return errx(d.p, "unknown operand %s", name)
	}
	return 0
}

// badNumber is an operand that is none.
func (d *ddCall) badNumber(name, value string) int {
	if linux(d.p) {
		name = value
	}
	return errx(d.p, "%s: illegal numeric value", name)
}

// gnuCopied is what GNU's dd says at its end.
func gnuCopied(n int64, took float64) string {
	text := fmt.Sprintf("%d bytes", n)
	decimal, binary := gnuUnits(n, 1000, "B kB MB GB TB"), gnuUnits(n, 1024, "B KiB MiB GiB TiB")
	switch {
	case n == 1:
		text = "1 byte"
	case n >= 1024:
		text += " (" + decimal + ", " + binary + ")"
	case n >= 1000:
		text += " (" + decimal + ")"
	}
	return fmt.Sprintf("%s copied, %s s, %s/s", text, strconv.FormatFloat(took, 'g', 6, 64), gnuUnits(int64(float64(n)/took), 1000, "B kB MB GB TB"))
}

func gnuUnits(n int64, base float64, names string) string {
	list := strings.Fields(names)
	v, i := float64(n), 0
	for v >= base && i < len(list)-1 {
		v, i = v/base, i+1
	}
	if i > 0 && v < 10 {
		return trimFloat(v, 1) + " " + list[i]
	}
	return trimFloat(v, 0) + " " + list[i]
}

// ddNumber reads a product of numbers with the suffixes of dd(1).
func ddNumber(text string) (int64, bool) {
	total := int64(1)
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == 'x' || r == '*' }) {
		n, ok := int64(0), false
		if s, cut := strings.CutSuffix(part, "b"); cut {
			n, ok = parseSize(s)
			n *= 512
		} else if s, cut := strings.CutSuffix(part, "w"); cut {
			n, ok = parseSize(s)
			n *= 4
		} else {
			n, ok = parseSize(part)
		}
		if !ok {
			// A leading zero of "0x" was taken for a product.
			v, err := strconv.ParseInt(text, 0, 64)
			return v, err == nil
		}
		total *= n
	}
	return total, text != ""
}

func (d *ddCall) run() int {
	in := d.p.Stdin
	if d.in != "" && d.in != "/dev/stdin" {
		f, err := openFile(d.p, d.in)
		if err != nil {
			return fail(d.p, d.in, err)
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	out, closeOut, err := d.openOutput()
	if err != nil {
		return fail(d.p, d.out, err)
	}
	if err := d.skipInput(in); err != nil {
		return fail(d.p, d.in, err)
	}
	start := d.p.Now()
	copyErr := d.copy(in, out)
	if err := closeOut(); copyErr == nil {
		copyErr = err
	}
	took := d.p.Now().Sub(start).Seconds()
	if took == 0 {
		took = 0.000042
	}
	if copyErr != nil {
		name := d.out
		if name == "" {
			name = "stdout"
		}
		warn(d.p, name, copyErr)
	}
	if d.status != "none" {
		d.p.Errorf("%d+%d records in\n%d+%d records out\n", d.inFull, d.inPart, d.outFull, d.outPart)
		switch {
		case d.status == "noxfer":
		case linux(d.p):
			d.p.Errorf("%s\n", gnuCopied(d.bytes, took))
		default:
			d.p.Errorf("%d bytes transferred in %.6f secs (%.0f bytes/sec)\n", d.bytes, took, float64(d.bytes)/took)
		}
	}
	if copyErr != nil {
		return 1
	}
	return 0
}

func (d *ddCall) skipInput(in io.Reader) error {
	if f, ok := in.(*vfs.File); ok && f.IsRegular() {
		_, err := f.Seek(d.skip*d.ibs, io.SeekCurrent)
		return err
	}
	_, err := io.CopyN(io.Discard, in, d.skip*d.ibs)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// openOutput opens of=, placed at seek=; without notrunc it is cut there.
func (d *ddCall) openOutput() (io.Writer, func() error, error) {
	if d.out == "" || d.out == "/dev/stdout" {
		return d.p.Stdout, func() error { return nil }, nil
	}
	flag := syscall.O_WRONLY | syscall.O_CREAT
	if d.appends {
		flag |= syscall.O_APPEND
	}
	f, err := d.p.FS().OpenFile(d.out, flag, 0o666)
	if err != nil {
		return nil, nil, err
	}
	at := d.seek * d.obs
	if info, err := d.p.FS().Stat(d.out); err == nil && typeLetters[info.Type] == '-' {
		if !d.conv["notrunc"] && !d.appends {
			err = f.Truncate(at)
		}
		if err == nil && at > 0 {
			_, err = f.Seek(at, io.SeekStart)
		}
		if err != nil {
			_ = f.Close()
			return nil, nil, err
		}
	}
	return f, f.Close, nil
}

func (d *ddCall) copy(in io.Reader, out io.Writer) error {
	block := make([]byte, min(d.ibs, 64<<20))
	var pending []byte
	file, _ := out.(*vfs.File)
	write := func(b []byte) error {
		n, err := len(b), error(nil)
		if d.conv["sparse"] && file != nil && len(bytes.TrimLeft(b, "\x00")) == 0 {
			if d.hole, err = file.Seek(int64(n), io.SeekCurrent); err != nil {
				n = 0
			}
		} else {
			n, err = out.Write(b)
			d.hole = 0
		}
		d.bytes += int64(n)
		if err != nil {
			return err
		}
		if int64(len(b)) == d.obs {
			d.outFull++
		} else {
			d.outPart++
		}
		return nil
	}
	for n := int64(0); n < d.count && d.p.Context.Err() == nil; n++ {
		var got int
		var err error
		if d.fullBlock || d.in != "" {
			got, err = io.ReadFull(in, block)
		} else {
			got, err = in.Read(block)
		}
		if got == 0 && err != nil {
			if errors.Is(err, io.EOF) {
				break
			}
			return err
		}
		b := bytes.Clone(block[:got])
		if int64(got) == d.ibs {
			d.inFull++
		} else {
			d.inPart++
			if d.conv["sync"] {
				b = append(b, make([]byte, d.ibs-int64(got))...)
			}
		}
		if d.ibs == d.obs {
			if err := write(d.convert(b)); err != nil {
				return err
			}
			continue
		}
		pending = append(pending, d.convert(b)...)
		for int64(len(pending)) >= d.obs {
			if err := write(pending[:d.obs]); err != nil {
				return err
			}
			pending = pending[d.obs:]
		}
	}
	if len(pending) > 0 {
		if err := write(pending); err != nil {
			return err
		}
	}
	if d.hole > 0 {
		return file.Truncate(d.hole) // a hole at the end
	}
	return nil
}

func (d *ddCall) convert(b []byte) []byte {
	switch {
	case d.conv["ucase"]:
		b = bytes.ToUpper(b)
	case d.conv["lcase"]:
		b = bytes.ToLower(b)
	}
	if d.conv["swab"] {
		for i := 0; i+1 < len(b); i += 2 {
			b[i], b[i+1] = b[i+1], b[i]
		}
	}
	return b
}
