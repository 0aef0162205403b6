package cron

import (
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// field is one of the five of a schedule, crontab(5).
type field struct {
	name      string
	low, high int
	words     []string
}

var fields = []field{
	{name: "minute", high: 59},
	{name: "hour", high: 23},
	{name: "day of month", low: 1, high: 31},
	{name: "month", low: 1, high: 12, words: strings.Fields("jan feb mar apr may jun jul aug sep oct nov dec")},
	{name: "day of week", high: 7, words: strings.Fields("sun mon tue wed thu fri sat")},
}

// nicknames stand for a whole schedule.
var nicknames = strings.Fields("@reboot @yearly @annually @monthly @weekly @daily @midnight @hourly @every_minute @every_second")

// interval is a number of seconds from the end of one run to the next, which
// cron(8) knows since 12.
var interval = lazyregexp.New(`^@[1-9][0-9]*$`)

// checkSchedule refuses what cron(8) would not read, and what would never run.
func checkSchedule(op, schedule string) error {
	wrong := func(format string, args ...any) error {
		return effect.WithHint(effect.Errorf(effect.Invalid, op, format, args...),
			"a schedule is five fields, as in \"30 4 * * 1-5\", or one of %s; see crontab(5)", strings.Join(nicknames, " "))
	}
	if strings.ContainsAny(schedule, "\r\n\x00") {
		return wrong("the schedule holds a line end")
	}
	words := strings.Fields(schedule)
	if len(words) == 1 && words[0][0] == '@' {
		if !slices.Contains(nicknames, words[0]) && !interval.MatchString(words[0]) {
			return wrong("cron knows no %q", words[0])
		}
		return nil
	}
	if len(words) != len(fields) {
		return wrong("the schedule %q has %d fields instead of %d", schedule, len(words), len(fields))
	}
	for i, f := range fields {
		if why := f.problem(words[i]); why != "" {
			return wrong("%s %q: %s", f.name, words[i], why)
		}
	}
	return nil
}

// problem says what is wrong with a field; empty: nothing.
func (f field) problem(text string) string {
	for part := range strings.SplitSeq(text, ",") {
		span, step, stepped := strings.Cut(part, "/")
		if n, err := strconv.Atoi(step); stepped && (err != nil || n < 1 || step[0] == '+') {
			return "a step is a number above 0"
		}
		if span == "*" {
			continue
		}
		first, last, ranged := strings.Cut(span, "-")
		from, ok := f.value(first)
		to, okTo := from, true
		if ranged {
			to, okTo = f.value(last)
		}
		switch {
		case !ok || !okTo:
			return "it takes numbers from " + strconv.Itoa(f.low) + " to " + strconv.Itoa(f.high) + f.named()
		case to < from:
			return "the range is empty"
		}
	}
	return ""
}

func (f field) named() string {
	if f.words == nil {
		return ""
	}
	return ", and " + strings.Join(f.words, " ")
}

func (f field) value(text string) (int, bool) {
	if i := slices.Index(f.words, strings.ToLower(text)); i >= 0 {
		return i + f.low, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= f.low && n <= f.high && text[0] != '+' && text[0] != '-'
}

// encode writes a command as cron(8) reads it: an open % ends the command there,
// and what follows is its standard input, where % is a line end.
func encode(command, stdin string) string {
	var b strings.Builder
	for i := range len(command) {
		switch c := command[i]; {
		case c == '%':
			b.WriteString(`\%`)
		case c == '\\' && (i+1 == len(command) || command[i+1] == '\\' || command[i+1] == '%'):
			b.WriteString(`\\`)
		default:
			b.WriteByte(c)
		}
	}
	if stdin != "" {
		// The last line needs no end: cron adds one.
		if cut := strings.TrimSuffix(stdin, "\n"); cut != "" && !strings.HasSuffix(cut, "\n") {
			stdin = cut
		}
		b.WriteString("%" + strings.ReplaceAll(strings.ReplaceAll(stdin, "%", `\%`), "\n", "%"))
	}
	return b.String()
}

// decode reads a command as cron(8) does.
func decode(text string) (command, stdin string) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text) && (text[i+1] == '%' || text[i+1] == '\\'):
			i++
			b.WriteByte(text[i])
		case text[i] == '\\' && i+1 < len(text): // it stays, and hides nothing
			b.WriteString(text[i : i+2])
			i++
		case text[i] == '%':
			return b.String(), input(text[i+1:])
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String(), ""
}

// input reads what stands behind the command.
func input(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text) && text[i+1] == '%':
			i++
			b.WriteByte('%')
		case text[i] == '%':
			b.WriteByte('\n')
		default:
			b.WriteByte(text[i])
		}
	}
	if text == "" || text[len(text)-1] == '%' && !strings.HasSuffix(text, `\%`) {
		return b.String()
	}
	return b.String() + "\n"
}

// checkCommand refuses what a line of a table cannot hold.
func checkCommand(op, command, stdin string) error {
	switch {
	case strings.TrimSpace(command) == "":
		return effect.Errorf(effect.Invalid, op, "there is no command")
	case strings.ContainsAny(command, "\r\n\x00"):
		return effect.WithHint(effect.Errorf(effect.Invalid, op, "the command has several lines"), "put them into a script")
	case strings.ContainsAny(command[:1], " \t-="):
		// A - would be a flag of cron's own, and "@daily =x" sets a variable.
		return effect.Errorf(effect.Invalid, op, "the command begins with a blank, - or =")
	case strings.ContainsAny(stdin, "\r\x00") || strings.Contains(stdin, "\\\n") || strings.HasSuffix(stdin, `\`):
		return effect.Errorf(effect.Invalid, op, "cron cannot write this to standard input: it holds a \\r, or a backslash before a line end")
	case len(encode(command, stdin)) > maxCommand:
		return effect.WithHint(effect.Errorf(effect.Invalid, op, "cron takes commands of up to %d bytes", maxCommand), "put it into a script")
	}
	return nil
}

// maxCommand is MAX_COMMAND of cron(8), with its end.
const maxCommand = 999
