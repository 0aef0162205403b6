// Package timelib is the global time: moments and durations for scripts.
package timelib

import (
	"context"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // zones, also where the controller has no files of them

	"github.com/ncruces/go-strftime"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
)

// Module is the global time.
var Module = binding.Module{
	Name:   "time",
	Doc:    "Moments and durations. A moment is a string like 2025-01-31T12:00:00Z, a duration a number of seconds.",
	Global: true,
	Funcs: []binding.Func{
		{
			Name: "now", Call: now,
			Doc:     "Returns the present moment, on the host's clock.",
			Example: `local started = time.now()`,
		},
		{
			Name: "format", Call: format, See: []string{"strftime(3)"},
			Doc:     "Writes a moment in a format of strftime(3), in UTC or the given zone.",
			Raises:  []string{`kind "invalid": a format or zone there is not`},
			Example: `local name = "backup-" .. time.format(time.now(), "%Y%m%d-%H%M")`,
		},
		{
			Name: "parse", Call: parse, See: []string{"strptime(3)"},
			Doc:     "Reads a moment written in a format of strftime(3). Without a zone in the text it is in UTC, or in the given zone.",
			Raises:  []string{`kind "invalid": a text that does not have the format`},
			Example: `local due = time.parse("31 Jan 2025 12:00", "%d %b %Y %H:%M")`,
		},
		{
			Name: "add", Call: add,
			Doc:     "Returns the moment so many seconds later, or earlier if they are negative.",
			Example: `local tomorrow = time.add(time.now(), 86400)`,
		},
		{
			Name: "between", Call: between,
			Doc:     "Returns the seconds from one moment to another; negative if the other is earlier.",
			Example: `if time.between(scan.ended, time.now()) > 30 * 86400 then log("scrub is due") end`,
		},
		{
			Name: "unix", Call: unix,
			Doc:     "Returns a moment as seconds since 1970.",
			Example: `local seconds = time.unix("2025-01-31T12:00:00Z")`,
		},
		{
			Name: "from_unix", Call: fromUnix,
			Doc:     "Returns the moment that is so many seconds after 1970 began.",
			Example: `local boot = time.from_unix(1738324800)`,
		},
		{
			Name: "duration", Call: duration,
			Doc:     "Writes a duration for people: 1h02m03s, 4d05h06m.",
			Example: `log("took %s", time.duration(result.took))`,
		},
		{
			Name: "seconds", Call: seconds,
			Doc:     "Reads a duration like 90s, 15m, 1h30m or 2d, and returns its seconds.",
			Raises:  []string{`kind "invalid": a text that is no duration`},
			Example: `local limit = time.seconds("1h30m")`,
		},
	},
}

func now(ctx context.Context) (time.Time, error) { return clock.Now(ctx), nil }

type formatArgs struct {
	Moment time.Time `lua:"moment,required" doc:"the moment"`
	Format string    `lua:"format,pos" doc:"as strftime(3) has it" default:"%Y-%m-%d %H:%M:%S"`
	Zone   string    `lua:"zone" doc:"a zone like Europe/Rome" default:"UTC"`
}

func format(_ context.Context, a formatArgs) (string, error) {
	zone, err := zone("time.format", a.Zone)
	if err != nil {
		return "", err
	}
	return strftime.Format(a.Format, a.Moment.In(zone)), nil
}

type parseArgs struct {
	Text   string `lua:"text,required" doc:"the text"`
	Format string `lua:"format,required" doc:"as strftime(3) has it"`
	Zone   string `lua:"zone" doc:"the zone of a text that names none" default:"UTC"`
}

func parse(_ context.Context, a parseArgs) (time.Time, error) {
	zone, err := zone("time.parse", a.Zone)
	if err != nil {
		return time.Time{}, err
	}
	layout, err := strftime.Layout(a.Format)
	if err != nil {
		return time.Time{}, effect.Errorf(effect.Invalid, "time.parse", "the format %q cannot be read by: %v", a.Format, err)
	}
	at, err := time.ParseInLocation(layout, a.Text, zone)
	if err != nil {
		return time.Time{}, effect.Errorf(effect.Invalid, "time.parse", "%q does not have the format %q", a.Text, a.Format)
	}
	return at, nil
}

func zone(op, name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, effect.Errorf(effect.Invalid, op, "there is no time zone %q", name)
	}
	return zone, nil
}

type addArgs struct {
	Moment  time.Time `lua:"moment,required" doc:"the moment"`
	Seconds float64   `lua:"seconds,required" doc:"how much later"`
}

func add(_ context.Context, a addArgs) (time.Time, error) {
	return a.Moment.Add(time.Duration(a.Seconds * float64(time.Second))), nil
}

type betweenArgs struct {
	From time.Time `lua:"from,required" doc:"a moment"`
	To   time.Time `lua:"to,required" doc:"another one"`
}

func between(_ context.Context, a betweenArgs) (float64, error) {
	return a.To.Sub(a.From).Seconds(), nil
}

type unixArgs struct {
	Moment time.Time `lua:"moment,required" doc:"the moment"`
}

func unix(_ context.Context, a unixArgs) (int64, error) { return a.Moment.Unix(), nil }

type fromUnixArgs struct {
	Seconds int64 `lua:"seconds,required" doc:"seconds since 1970"`
}

func fromUnix(_ context.Context, a fromUnixArgs) (time.Time, error) {
	return time.Unix(a.Seconds, 0), nil
}

type durationArgs struct {
	Length time.Duration `lua:"seconds,required" doc:"the duration"`
}

func duration(_ context.Context, a durationArgs) (string, error) { return Duration(a.Length), nil }

// Duration writes a duration for people: the three largest units at most, and
// tenths of a second below ten seconds.
func Duration(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	s := int64(d.Round(time.Second).Seconds())
	days, hours, minutes, rest := s/86400, s/3600%24, s/60%60, s%60
	switch {
	case days > 0:
		return fmt.Sprintf("%dd%02dh%02dm", days, hours, minutes)
	case hours > 0:
		return fmt.Sprintf("%dh%02dm%02ds", hours, minutes, rest)
	case minutes > 0:
		return fmt.Sprintf("%dm%02ds", minutes, rest)
	default:
		return fmt.Sprintf("%ds", rest)
	}
}

type secondsArgs struct {
	Text string `lua:"text,required" doc:"the duration"`
}

func seconds(_ context.Context, a secondsArgs) (float64, error) {
	total, text := time.Duration(0), strings.ReplaceAll(a.Text, " ", "")
	if days, rest, ok := strings.Cut(text, "d"); ok {
		n, err := time.ParseDuration(days + "h")
		if err != nil {
			return 0, effect.Errorf(effect.Invalid, "time.seconds", "%q is no duration like 1h30m", a.Text)
		}
		total, text = 24*n, rest
	}
	if text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			return 0, effect.Errorf(effect.Invalid, "time.seconds", "%q is no duration like 1h30m", a.Text)
		}
		total += d
	}
	return total.Seconds(), nil
}
