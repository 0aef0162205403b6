package cron

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/effect"
)

func TestSchedules(t *testing.T) {
	for _, good := range []string{
		"* * * * *", "*/5 0-23/2 1,15 jan,Mar 1-5", "0  3\t* * sun", "59 23 31 12 7", "5/10 * * * mon-fri", "@daily", "@reboot", "@every_minute", "@90",
	} {
		if err := checkSchedule("x", good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "*/0 * * * *", "*/ * * * *", "*/x * * * *", "5-1 * * * *",
		"1,,2 * * * *", "- * * * *", "+1 * * * *", "* * * * monday", "mon * * * *", "@dayly", "@0", "@", "@daily x", "* * * *\n* true", "1-2-3 * * * *", "*/+2 * * * *", "1/2/3 * * * *",
	} {
		if err := checkSchedule("x", bad); effect.KindOf(err) != effect.Invalid {
			t.Errorf("%q is taken: %v", bad, err)
		}
	}
}

func TestCommands(t *testing.T) {
	for _, c := range []struct{ command, stdin, text string }{
		{"true", "", "true"},
		{"date +%F", "", `date +\%F`},
		{`echo '\n' a\ b`, "", `echo '\n' a\ b`},
		{`echo \\ \% \`, "", `echo \\\ \\\% \\`},
		{"mail -s x root", "Hello,\n100%\n", `mail -s x root%Hello,%100\%`},
		{"cat", "a\n\n", "cat%a%%"},
		{"cat", "\n", "cat%%"},
	} {
		got := encode(c.command, c.stdin)
		if got != c.text {
			t.Errorf("%q %q: %q, want %q", c.command, c.stdin, got, c.text)
		}
		if command, stdin := decode(got); command != c.command || stdin != c.stdin {
			t.Errorf("%q reads as %q %q", got, command, stdin)
		}
	}
	for _, bad := range []string{"", " ", " true", "\ttrue", "a\nb", "a\x00", "-q true", "=x", strings.Repeat("x", 1000)} {
		if err := checkCommand("x", bad, ""); effect.KindOf(err) != effect.Invalid {
			t.Errorf("%.20q is taken: %v", bad, err)
		}
	}
	if err := checkCommand("x", "cat", "a\\\nb"); effect.KindOf(err) != effect.Invalid {
		t.Errorf("%v", err)
	}
}

const foreign = "# mine\n\nMAILTO=root\n\t0 1 * * *  /bin/a   # no comment\n# bsdrun: other\n@daily b"

func TestPut(t *testing.T) {
	const entry = "0 3 * * *\ttrue"
	const marked = mark + "x\n" + entry + "\n"
	for name, c := range map[string]struct{ before, after string }{
		"empty":            {"", marked},
		"at the end":       {foreign, foreign + "\n" + marked},
		"where it is":      {mark + "x\n1 1 1 1 1 old\n" + foreign, marked + foreign},
		"as it is":         {foreign + "\n" + marked + "# last\n", foreign + "\n" + marked + "# last\n"},
		"disabled":         {mark + "x\n" + off + "1 1 1 1 1 old\n# last\n", marked + "# last\n"},
		"lost":             {mark + "x\n# somebody's\nA=b\n", marked + "# somebody's\nA=b\n"},
		"lost at the end":  {"A=b\n" + mark + "x", "A=b\n" + marked},
		"twice":            {mark + "x\n1 * * * * a\n# between\n" + mark + "x\n2 * * * * b\n", marked + "# between\n"},
		"without its name": {"# why\n" + entry + "\n@daily b\n", "# why\n" + marked + "@daily b\n"},
		"of another name":  {mark + "y\n" + entry + "\n", mark + "y\n" + entry + "\n" + marked},
	} {
		after := put(c.before, "x", entry)
		if diff := cmp.Diff(c.after, after); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if again := put(after, "x", entry); again != after {
			t.Errorf("%s: a second time %q", name, again)
		}
		if left := drop(after, "x"); strings.Contains(left, mark+"x") || strings.Contains(drop(c.before, "x"), mark+"x") {
			t.Errorf("%s: dropped %q", name, left)
		}
	}
	if got := drop(foreign+"\n"+marked, "x"); got != foreign+"\n" {
		t.Errorf("dropped: %q", got)
	}
	if got := drop(foreign, "x"); got != foreign {
		t.Errorf("nothing to drop: %q", got)
	}
}

func TestParse(t *testing.T) {
	const text = header + "\n# (- installed on Thu Jan  1 00:00:00 1970)\n# (Cron version -- $FreeBSD$)\n# mine\nMAILTO = \"a b\"\n" +
		"  0 3 * *\t* /bin/a\\%b%in%put\n# bsdrun: x\n# disabled: @daily b\n# bsdrun: gone\n\n# disabled: @daily c\n'SHELL'=/bin/csh\n61 * * * * d\n@hourly\t\n@daily\n"
	env := map[string]string{"MAILTO": "a b"}
	both := map[string]string{"MAILTO": "a b", "SHELL": "/bin/csh"}
	want := []Entry{
		{User: "alice", Schedule: "0 3 * * *", Command: "/bin/a%b", Stdin: "in\nput\n", Enabled: true, Env: env, File: "f", Line: 6},
		{Name: "x", User: "alice", Schedule: "@daily", Command: "b", Env: env, File: "f", Line: 8},
		{User: "alice", Schedule: "61 * * * * d", Enabled: true, Env: both, File: "f", Line: 13, Problem: `minute "61": it takes numbers from 0 to 59`},
		{User: "alice", Schedule: "@hourly", Enabled: true, Env: both, File: "f", Line: 14, Problem: "it has no command"},
		{User: "alice", Schedule: "@daily", Enabled: true, Env: both, File: "f", Line: 15, Problem: "it has too few fields"},
	}
	if diff := cmp.Diff(want, parse(text, "f", "alice")); diff != "" {
		t.Error(diff)
	}
	system := "*/11\t*\t*\t*\t*\toperator:wheel /usr/libexec/save-entropy\n1 3 * * * root\n"
	want = []Entry{
		{User: "operator:wheel", Schedule: "*/11 * * * *", Command: "/usr/libexec/save-entropy", Enabled: true, Env: map[string]string{}, File: "f", Line: 1},
		{User: "root", Schedule: "1 3 * * *", Enabled: true, Env: map[string]string{}, File: "f", Line: 2, Problem: "it has no command"},
	}
	if diff := cmp.Diff(want, parse(system, "f", "")); diff != "" {
		t.Error(diff)
	}
}

func FuzzTable(f *testing.F) {
	f.Add(foreign, "date +%F", "in%put\n")
	f.Add("0", "=%0", "")
	f.Add(mark+"x\n"+off+"@daily y", `a\\%b\`, "\n\n")
	f.Fuzz(func(t *testing.T, table, command, stdin string) {
		parseTables(table)
		if checkCommand("x", command, stdin) != nil {
			return
		}
		got, in := decode(encode(command, stdin))
		if got != command || in != stdin && in != stdin+"\n" {
			t.Errorf("%q %q reads as %q %q", command, stdin, got, in)
		}
		entry := "@daily\t" + encode(command, stdin)
		after := put(table, "x", entry)
		if again := put(after, "x", entry); again != after {
			t.Errorf("%q, a second time %q", after, again)
		}
		// What others have written is there, in its order.
		if left := drop(after, "x"); strings.Join(strings.Split(left, "\n"), "") != strings.Join(strings.Split(drop(table, "x"), "\n"), "") && !strings.Contains(table, entry) {
			t.Errorf("%q became %q", table, left)
		}
	})
}
