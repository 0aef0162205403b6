package cli

import (
	"fmt"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ spec, args, want string }{
		{"Hpo:", "-Hp -o a,b x -y", "H p o=a,b | x -y"},
		{"Hpo:", "-oa -o b -- -x", "o=a o=b | -x"},
		{"Hpo:", "-Q", "invalid option 'Q'"},
		{"Hpo:", "-o", "invalid option 'o'"},
		{":Hpo:", "-Ho", "missing argument for 'o' option"},
		{"H", "--json", "invalid option '-'"},
		{"jo: json=j json-int", "x --json --json-int -o a y", "j json-int o=a | x y"},
		{":t: resume=t", "--resume=a", "t=a | "},
		{":t: resume=t", "--resume b", "t=b | "},
		{":t: resume=t", "--resume", "missing argument for 't' option"},
		{"j json=j", "--jason", "invalid option '--jason'"},
		{"", "- x", "| - x"},
	} {
		var o Options
		got := o.Parse(strings.Fields(c.args), c.spec)
		if got == "" {
			var words []string
			for _, name := range []string{"H", "p", "j", "json-int"} {
				if o.Has(name) {
					words = append(words, name)
				}
			}
			for _, name := range []string{"o", "t"} {
				for _, v := range o.Values(name) {
					words = append(words, name+"="+v)
				}
			}
			got = strings.TrimSpace(fmt.Sprint(strings.Join(words, " "), " | ", strings.Join(o.Operands, " ")))
		}
		if got != strings.TrimSpace(c.want) {
			t.Errorf("%q of %q: %q, want %q", c.args, c.spec, got, c.want)
		}
	}
}

func TestTexts(t *testing.T) {
	for n, want := range map[int64]string{0: "0B", 1023: "1023B", 1024: "1K", 1536: "1.50K", 12912: "12.6K", 157644800: "150M", 1 << 60: "1E"} {
		if got := Nice(n, "B"); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
	if got := Numbered.Bytes(0, false) + OpenZFS21.Bytes(0, false) + Features.Bytes(2048, true); got != "00B2048" {
		t.Error(got)
	}
	const text = "\tget a\n\t    more\n\tset b\n\n\tsnapshot|snap c\n\tget d\n"
	if got := UsageOf(text, "get"); got != "\tget a\n\t    more\n\tget d\n" {
		t.Errorf("%q", got)
	}
	if got := UsageOf(text, "snapshot"); got != "\tsnapshot|snap c\n" {
		t.Errorf("%q", got)
	}
	json, err := Object{{"b", 1}, {"a", Object{{"<", "&"}}}}.MarshalJSON()
	if err != nil || string(json) != `{"b":1,"a":{"<":"&"}}` {
		t.Errorf("%s, %v", json, err)
	}
}
