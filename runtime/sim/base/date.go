package base

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // TZ works without the controller's own database

	"bsdrun/runtime/sim"
)

var dateCommands = []command{
	{name: "date", dir: "/bin", flags: raw, run: date},
}

const dateUsage = `usage: date [-jnRu] [-I[date|hours|minutes|seconds|ns]] [-f input_fmt]
            [ -z output_zone ] [-r filename|seconds] [-v[+|-]val[y|m|w|d|H|M|S]]
            [[[[[[cc]yy]mm]dd]HH]MM[.SS] | new_date] [+output_fmt]
`

var epoch = time.Unix(0, 0).UTC()

// zone is the time zone of a process: TZ, or /etc/localtime, or UTC.
func zone(p *sim.Proc) *time.Location {
	if name := strings.TrimPrefix(p.Getenv("TZ"), ":"); name != "" {
		if loc, err := time.LoadLocation(name); err == nil {
			return loc
		}
		return time.UTC
	}
	if data, err := p.FS().ReadFile("/etc/localtime"); err == nil {
		if loc, err := time.LoadLocationFromTZData("", data); err == nil {
			return loc
		}
	}
	return time.UTC
}

// strftime is strftime(3) in the C locale.
func strftime(format string, t time.Time) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		unpadded := false
		for i+1 < len(format) && strings.IndexByte("-EO", format[i]) >= 0 {
			unpadded = unpadded || format[i] == '-'
			i++
		}
		text := conversion(format[i], t)
		if unpadded {
			if s := strings.TrimLeft(text, "0 "); s != "" {
				text = s
			} else {
				text = "0"
			}
		}
		b.WriteString(text)
	}
	return b.String()
}

// composed are the conversions that stand for several others.
var composed = map[byte]string{
	'c': "%a %b %e %H:%M:%S %Y", 'D': "%m/%d/%y", 'F': "%Y-%m-%d", 'R': "%H:%M", 'r': "%I:%M:%S %p", 'T': "%H:%M:%S",
	'v': "%e-%b-%Y", 'X': "%H:%M:%S", 'x': "%m/%d/%y", '+': "%a %b %e %H:%M:%S %Z %Y",
}

func conversion(c byte, t time.Time) string {
	if format, ok := composed[c]; ok {
		return strftime(format, t)
	}
	pad := func(n int) string { return fmt.Sprintf("%02d", n) }
	hour12 := (t.Hour()+11)%12 + 1
	isoYear, isoWeek := t.ISOWeek()
	switch c {
	case 'A':
		return t.Weekday().String()
	case 'a':
		return t.Weekday().String()[:3]
	case 'B':
		return t.Month().String()
	case 'b', 'h':
		return t.Month().String()[:3]
	case 'C':
		return pad(t.Year() / 100)
	case 'd':
		return pad(t.Day())
	case 'e':
		return fmt.Sprintf("%2d", t.Day())
	case 'G':
		return strconv.Itoa(isoYear)
	case 'g':
		return pad(isoYear % 100)
	case 'H':
		return pad(t.Hour())
	case 'I':
		return pad(hour12)
	case 'j':
		return fmt.Sprintf("%03d", t.YearDay())
	case 'k':
		return fmt.Sprintf("%2d", t.Hour())
	case 'l':
		return fmt.Sprintf("%2d", hour12)
	case 'M':
		return pad(t.Minute())
	case 'm':
		return pad(int(t.Month()))
	case 'N':
		return fmt.Sprintf("%09d", t.Nanosecond())
	case 'n':
		return "\n"
	case 'p':
		return t.Format("PM")
	case 'S':
		return pad(t.Second())
	case 's':
		return strconv.FormatInt(t.Unix(), 10)
	case 't':
		return "\t"
	case 'U':
		return pad((t.YearDay() + 6 - int(t.Weekday())) / 7)
	case 'u':
		return strconv.Itoa((int(t.Weekday())+6)%7 + 1)
	case 'V':
		return pad(isoWeek)
	case 'W':
		return pad((t.YearDay() + 6 - (int(t.Weekday())+6)%7) / 7)
	case 'w':
		return strconv.Itoa(int(t.Weekday()))
	case 'Y':
		return strconv.Itoa(t.Year())
	case 'y':
		return pad(t.Year() % 100)
	case 'Z':
		name, _ := t.Zone()
		return name
	case 'z':
		return t.Format("-0700")
	}
	return string(c)
}

// dateCall is one call of date(1).
type dateCall struct {
	p       *sim.Proc
	loc     *time.Location
	when    time.Time
	just    bool // -j
	input   string
	hasIn   bool
	format  string
	adjusts []string
}

func date(p *sim.Proc, o *options) int {
	d := &dateCall{p: p, loc: zone(p), when: p.Now(), format: "%+"}
	args := o.args
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			break
		}
		var code int
		if args, code = d.letters(arg[1:], args); code != 0 {
			return code
		}
	}
	out := d.loc
	// date 201501011200 or date -f FORMAT STRING
	if len(args) > 0 && !strings.HasPrefix(args[0], "+") {
		if code := d.set(args[0]); code != 0 {
			return code
		}
		args = args[1:]
	}
	if len(args) > 0 {
		if !strings.HasPrefix(args[0], "+") || len(args) > 1 {
			return d.bad("illegal time format")
		}
		d.format = args[0][1:]
	}
	d.when = d.when.In(out)
	for _, a := range d.adjusts {
		when, ok := adjust(d.when, a)
		if !ok {
			p.Errorf("date: %s: Cannot apply date adjustment\n", a)
			p.Errorf("%s", dateUsage)
			return 1
		}
		d.when = when
	}
	p.Printf("%s\n", strftime(d.format, d.when))
	return 0
}

func (d *dateCall) bad(text string) int {
	d.p.Errorf("date: %s\n%s", text, dateUsage)
	return 1
}

// isoFormats are the forms of -I.
var isoFormats = map[string]string{
	"": "%F", "date": "%F", "hours": "%FT%H", "minutes": "%FT%H:%M", "seconds": "%FT%T", "ns": "%FT%T,%N",
}

func (d *dateCall) letters(cluster string, rest []string) ([]string, int) {
	for cluster != "" {
		letter := cluster[:1]
		cluster = cluster[1:]
		if letter == "I" {
			format, ok := isoFormats[cluster]
			if !ok {
				return nil, d.bad("invalid argument '" + cluster + "' for -I")
			}
			if d.format = format; cluster != "" && cluster != "date" {
				_, offset := d.when.In(d.loc).Zone()
				d.format += time.Unix(0, 0).In(time.FixedZone("", offset)).Format("-07:00")
			}
			return rest, 0
		}
		value := ""
		if strings.Contains("frvz", letter) {
			if value, cluster = cluster, ""; value == "" {
				if len(rest) == 0 {
					d.p.Errorf("date: option requires an argument -- %s\n%s", letter, dateUsage)
					return nil, 1
				}
				value, rest = rest[0], rest[1:]
			}
		}
		switch letter {
		case "j":
			d.just = true
		case "n":
		case "u":
			d.loc = time.UTC
		case "R":
			d.format = "%a, %d %b %Y %T %z"
		case "f":
			d.input, d.hasIn = value, true
		case "v":
			d.adjusts = append(d.adjusts, value)
		case "z":
			if loc, err := time.LoadLocation(value); err == nil {
				d.loc = loc
			}
		case "r":
			if code := d.reference(value); code != 0 {
				return nil, code
			}
		default:
			d.p.Errorf("date: illegal option -- %s\n%s", letter, dateUsage)
			return nil, 1
		}
	}
	return rest, 0
}

// reference is -r: seconds since the epoch, or a file's time.
func (d *dateCall) reference(value string) int {
	if n, err := strconv.ParseInt(value, 0, 64); err == nil {
		d.when = time.Unix(n, 0)
		return 0
	}
	info, err := d.p.FS().Stat(value)
	if err != nil {
		d.p.Errorf("date: %s: %s\n%s", value, sim.ErrText(err), dateUsage)
		return 1
	}
	d.when = info.MTime
	return 0
}

// set reads the operand that gives a time; without -j the machine's clock would
// be set.
func (d *dateCall) set(text string) int {
	base := d.when.In(d.loc)
	if d.hasIn {
		when, ok := strptime(d.input, text, base)
		if !ok {
			d.p.Errorf("Failed conversion of ``%s'' using format ``%s''\n", text, d.input)
			return d.bad("illegal time format")
		}
		d.when = when
	} else {
		when, ok := operandTime(text, base)
		if !ok {
			return d.bad("illegal time format")
		}
		d.when = when
	}
	if !d.just {
		return d.p.Cannot("set the clock with date")
	}
	return 0
}

// operandTime reads [[[[[cc]yy]mm]dd]HH]MM[.SS].
func operandTime(text string, base time.Time) (time.Time, bool) {
	digits, seconds, hasSeconds := strings.Cut(text, ".")
	if len(digits)%2 != 0 || len(digits) < 2 || len(digits) > 12 || strings.Trim(digits+seconds, "0123456789") != "" {
		return base, false
	}
	full := base.Format("200601021504")
	switch {
	case len(digits) == 10 && digits[:2] >= "69":
		full = "19" + digits
	default:
		full = full[:len(full)-len(digits)] + digits
	}
	if !hasSeconds {
		seconds = "00"
	}
	t, err := time.ParseInLocation("20060102150405", full+seconds, base.Location())
	return t, err == nil
}

var adjustUnits = map[byte]time.Duration{'H': time.Hour, 'M': time.Minute, 'S': time.Second}

// adjust is date -v: a sign adds, without one a part is set.
func adjust(t time.Time, spec string) (time.Time, bool) {
	if spec == "" {
		return t, false
	}
	sign := byte(0)
	if spec[0] == '+' || spec[0] == '-' {
		sign, spec = spec[0], spec[1:]
	}
	if spec == "" {
		return t, false
	}
	unit := spec[len(spec)-1]
	n, err := strconv.Atoi(spec[:len(spec)-1])
	if err != nil {
		if n, unit = namedValue(spec); unit == 0 {
			return t, false
		}
		if sign != 0 {
			return nextNamed(t, n, unit, sign), true
		}
	}
	if sign == 0 {
		return setPart(t, n, unit)
	}
	if sign == '-' {
		n = -n
	}
	switch unit {
	case 'y':
		return addMonths(t, 12*n), true
	case 'm':
		return addMonths(t, n), true
	case 'w':
		return t.AddDate(0, 0, 7*n), true
	case 'd':
		return t.AddDate(0, 0, n), true
	}
	step, ok := adjustUnits[unit]
	return t.Add(time.Duration(n) * step), ok
}

// namedValue reads a month's or a day's name.
func namedValue(s string) (int, byte) {
	for m := time.January; m <= time.December; m++ {
		if len(s) >= 3 && strings.HasPrefix(strings.ToLower(m.String()), strings.ToLower(s)) {
			return int(m), 'm'
		}
	}
	for d := time.Sunday; d <= time.Saturday; d++ {
		if len(s) >= 3 && strings.HasPrefix(strings.ToLower(d.String()), strings.ToLower(s)) {
			return int(d), 'w'
		}
	}
	return 0, 0
}

// nextNamed goes on, or back, to a month or a day of the week; today counts.
func nextNamed(t time.Time, n int, unit, sign byte) time.Time {
	at, cycle := int(t.Weekday()), 7
	if unit == 'm' {
		at, cycle = int(t.Month()), 12
	}
	step := (n - at + cycle) % cycle
	if sign == '-' {
		step = -((at - n + cycle) % cycle)
	}
	if unit == 'm' {
		return addMonths(t, step)
	}
	return t.AddDate(0, 0, step)
}

// addMonths keeps the day within the month: a month before March 31 is the end
// of February.
func addMonths(t time.Time, n int) time.Time {
	first := time.Date(t.Year(), t.Month()+time.Month(n), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), last)-1)
}

func setPart(t time.Time, n int, unit byte) (time.Time, bool) {
	y, mo, d := t.Date()
	h, mi, s := t.Clock()
	ok := true
	switch unit {
	case 'y':
		switch {
		case n < 69:
			n += 2000
		case n < 100:
			n += 1900
		}
		y = n
	case 'm':
		ok = n >= 1 && n <= 12
		return addMonths(t, n-int(mo)), ok
	case 'd':
		ok = n >= 1 && n <= 31
		d = n
	case 'w':
		ok = n >= 0 && n <= 6
		d += n - int(t.Weekday())
	case 'H':
		ok = n >= 0 && n <= 23
		h = n
	case 'M':
		ok = n >= 0 && n <= 59
		mi = n
	case 'S':
		ok = n >= 0 && n <= 59
		s = n
	default:
		ok = false
	}
	return time.Date(y, mo, d, h, mi, s, t.Nanosecond(), t.Location()), ok
}

// timeParser is one call of strptime(3).
type timeParser struct {
	text                          string
	year, month, day              int
	hour, minute, second, yearDay int
	pm, hasPM                     bool
	century                       int
	unix                          int64
	isUnix                        bool
	offset                        int
	hasOffset, utc                bool
}

// strptime reads a time; what the format leaves out is that of base.
func strptime(format, text string, base time.Time) (time.Time, bool) {
	y, mo, d := base.Date()
	h, mi, s := base.Clock()
	tp := &timeParser{text: text, year: y, month: int(mo), day: d, hour: h, minute: mi, second: s, century: -1}
	if !tp.parse(format) || tp.text != "" {
		return base, false
	}
	if tp.isUnix {
		return time.Unix(tp.unix, 0).In(base.Location()), true
	}
	if tp.hasPM {
		tp.hour = tp.hour%12 + map[bool]int{true: 12}[tp.pm]
	}
	loc := base.Location()
	switch {
	case tp.hasOffset:
		loc = time.FixedZone("", tp.offset)
	case tp.utc:
		loc = time.UTC
	}
	if tp.yearDay > 0 {
		tp.month, tp.day = 1, tp.yearDay
	}
	t := time.Date(tp.year, time.Month(tp.month), tp.day, tp.hour, tp.minute, tp.second, 0, loc)
	return t.In(base.Location()), true
}

func (tp *timeParser) parse(format string) bool {
	for i := 0; i < len(format); i++ {
		c := format[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n':
			tp.text = strings.TrimLeft(tp.text, " \t\n")
		case c != '%' || i+1 == len(format):
			rest, ok := strings.CutPrefix(tp.text, string(c))
			if !ok {
				return false
			}
			tp.text = rest
		default:
			i++
			for (format[i] == 'E' || format[i] == 'O') && i+1 < len(format) {
				i++
			}
			if long, ok := composed[format[i]]; ok {
				if !tp.parse(long) {
					return false
				}
				continue
			}
			if !tp.field(format[i]) {
				return false
			}
		}
	}
	return true
}

func (tp *timeParser) number(digits, low, high int, to *int) bool {
	tp.text = strings.TrimLeft(tp.text, " \t\n")
	n := 0
	for n < len(tp.text) && n < digits && tp.text[n] >= '0' && tp.text[n] <= '9' {
		n++
	}
	v, err := strconv.Atoi(tp.text[:n])
	if err != nil || v < low || v > high {
		return false
	}
	*to, tp.text = v, tp.text[n:]
	return true
}

// word reads one of names, long or cut to three letters.
func (tp *timeParser) word(count int, name func(i int) string, to *int) bool {
	lower := strings.ToLower(tp.text)
	for i := range count {
		for _, w := range []string{name(i), name(i)[:3]} {
			if strings.HasPrefix(lower, strings.ToLower(w)) {
				*to, tp.text = i, tp.text[len(w):]
				return true
			}
		}
	}
	return false
}

func (tp *timeParser) field(c byte) bool {
	skip := 0
	switch c {
	case 'Y':
		return tp.number(4, 0, 9999, &tp.year)
	case 'y':
		if !tp.number(2, 0, 99, &skip) {
			return false
		}
		if tp.year = 2000 + skip; skip >= 69 {
			tp.year = 1900 + skip
		}
		return true
	case 'C':
		return tp.number(2, 0, 99, &tp.century)
	case 'm':
		return tp.number(2, 1, 12, &tp.month)
	case 'd', 'e':
		return tp.number(2, 1, 31, &tp.day)
	case 'H', 'k':
		return tp.number(2, 0, 23, &tp.hour)
	case 'I', 'l':
		return tp.number(2, 1, 12, &tp.hour)
	case 'M':
		return tp.number(2, 0, 59, &tp.minute)
	case 'S':
		return tp.number(2, 0, 60, &tp.second)
	case 'j':
		return tp.number(3, 1, 366, &tp.yearDay)
	case 'u', 'w', 'U', 'W', 'V':
		return tp.number(2, 0, 53, &skip)
	case 'b', 'B', 'h':
		if !tp.word(12, func(i int) string { return time.Month(i + 1).String() }, &tp.month) {
			return false
		}
		tp.month++
		return true
	case 'a', 'A':
		return tp.word(7, func(i int) string { return time.Weekday(i).String() }, &skip)
	case 'p':
		upper := strings.ToUpper(tp.text)
		if !strings.HasPrefix(upper, "AM") && !strings.HasPrefix(upper, "PM") {
			return false
		}
		tp.hasPM, tp.pm, tp.text = true, upper[0] == 'P', tp.text[2:]
		return true
	case 's':
		n := 0
		for n < len(tp.text) && (tp.text[n] >= '0' && tp.text[n] <= '9' || n == 0 && tp.text[n] == '-') {
			n++
		}
		v, err := strconv.ParseInt(tp.text[:n], 10, 64)
		tp.unix, tp.isUnix, tp.text = v, true, tp.text[n:]
		return err == nil
	case 'z':
		return tp.zoneOffset()
	case 'Z':
		n := 0
		for n < len(tp.text) && tp.text[n] >= 'A' && tp.text[n] <= 'Z' {
			n++
		}
		tp.utc = isOneOf(tp.text[:n], "UTC", "GMT", "Z")
		tp.text = tp.text[n:]
		return n > 0
	case 'n', 't':
		tp.text = strings.TrimLeft(tp.text, " \t\n")
		return true
	case '%':
		rest, ok := strings.CutPrefix(tp.text, "%")
		tp.text = rest
		return ok
	}
	return false
}

func (tp *timeParser) zoneOffset() bool {
	for _, form := range []string{"-0700", "-07:00", "Z0700"} {
		for n := min(len(form), len(tp.text)); n > 0; n-- {
			if t, err := time.Parse(form, tp.text[:n]); err == nil {
				_, tp.offset = t.Zone()
				tp.hasOffset, tp.text = true, tp.text[n:]
				return true
			}
		}
	}
	return false
}
