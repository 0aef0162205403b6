package pf

import (
	"testing"

	"bsdrun/runtime/effect"
)

// The forms are those of print_state and print_status in pfctl's source.
func TestParseState(t *testing.T) {
	for line, want := range map[string]State{
		"all tcp 192.0.2.10:50123 (10.0.0.5:41234) -> 198.51.100.7:443       ESTABLISHED:ESTABLISHED": {
			"all", "tcp", "out", "10.0.0.5:41234", "192.0.2.10:50123", "198.51.100.7:443", "198.51.100.7:443", "ESTABLISHED:ESTABLISHED",
		},
		"em0 tcp 10.0.0.2:8080 (192.0.2.10:80) <- 203.0.113.9:4000       CLOSED:SYN_SENT": {
			"em0", "tcp", "in", "203.0.113.9:4000", "203.0.113.9:4000", "192.0.2.10:80", "10.0.0.2:8080", "SYN_SENT:CLOSED",
		},
		"all ipv6-icmp 2001:db8::1 -> 2001:db8::2       0:0": {
			"all", "ipv6-icmp", "out", "2001:db8::1", "2001:db8::1", "2001:db8::2", "2001:db8::2", "0:0",
		},
		"all udp 2001:db8::1[123] <- 2001:db8::2[50000]       MULTIPLE:SINGLE": {
			"all", "udp", "in", "2001:db8::2[50000]", "2001:db8::2[50000]", "2001:db8::1[123]", "2001:db8::1[123]", "SINGLE:MULTIPLE",
		},
	} {
		if got, err := parseState("x", line+"\n"); err != nil || got != want {
			t.Errorf("%s:\n%+v %v, want\n%+v", line, got, err, want)
		}
	}
	if _, err := parseState("x", "rubbish"); effect.KindOf(err) != effect.Failed {
		t.Errorf("%v", err)
	}
}

func TestParseInfo(t *testing.T) {
	const out = `Status: Enabled for 3 days 00:12:34           Debug: Urgent

State Table                          Total             Rate
  current entries                       17               
  searches                           12345            0.0/s
  inserts                               99            0.0/s
  removals                              82            0.0/s
Counters
  match                                101            0.0/s
  bad-offset                             0            0.0/s
  state-mismatch                         4            0.0/s
`
	s, counted, err := parseInfo("x", out)
	if want := (Status{true, true, 3*86400 + 12*60 + 34, "urgent", 17}); err != nil || s != want {
		t.Errorf("%+v %v", s, err)
	}
	if counted["match"] != 101 || counted["state-mismatch"] != 4 || counted["current_entries"] != 17 || len(counted) != 7 {
		t.Errorf("%v", counted)
	}
	if s, _, err := parseInfo("x", "Status: Disabled                              Debug: None\n\n"); err != nil || s.Enabled || !s.Loaded {
		t.Errorf("%+v %v", s, err)
	}
	if _, _, err := parseInfo("x", "No\n"); effect.KindOf(err) != effect.Failed {
		t.Errorf("%v", err)
	}
}

func TestParseTablesOfOldReleases(t *testing.T) {
	list, err := parseTables("x", "-pa-r-\tbad\n\tAddresses:   3\n\tCleared:     Mon Nov  3 08:00:00 2025\n\tReferences:  [ Anchors: 0                  Rules: 1                  ]\n\tEvaluations: [ NoMatch: 5                  Match: 2                  ]\n")
	if want := (Table{Name: "bad", Addresses: 3, Persist: true, Used: true, Match: 2, NoMatch: 5}); err != nil || len(list) != 1 || list[0] != want {
		t.Errorf("%+v %v", list, err)
	}
	if _, err := parseTables("x", "rubbish\n"); effect.KindOf(err) != effect.Failed {
		t.Errorf("%v", err)
	}
}

func FuzzParsePfctl(f *testing.F) {
	f.Add("all tcp 192.0.2.10:1 (10.0.0.5:2) -> 198.51.100.7:443       A:B\nx:1: syntax error\n@0 pass all\n")
	f.Fuzz(func(_ *testing.T, out string) {
		_, _ = parseState("x", out)
		_, _, _ = parseInfo("x", out)
		_, _ = parseTables("x", out)
		_ = parseCounts(out)
		_ = parseProblems(out)
		_, _ = parseRules("x", out)
	})
}
