package net

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// after is what a plan makes of variables.
func after(vars map[string]string, e bootEdit) map[string]string {
	out := maps.Clone(vars)
	for name, value := range e.set {
		out[name] = value.(string)
	}
	for _, name := range e.remove {
		delete(out, name)
	}
	return out
}

func varsOf(text string) map[string]string {
	vars := map[string]string{}
	for line := range strings.SplitSeq(text, "; ") {
		if name, value, ok := strings.Cut(line, "="); ok {
			vars[name] = value
		}
	}
	return vars
}

func textOf(vars map[string]string) string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		lines = append(lines, name+"="+vars[name])
	}
	return strings.Join(lines, "; ")
}

func TestBootPlan(t *testing.T) {
	const primary = "ifconfig_em0=inet 192.0.2.10 netmask 255.255.255.0"
	for name, c := range map[string]struct {
		vars    string
		address string
		absent  bool
		vhid    int
		major   int
		want    string // the same as vars where it is empty
	}{
		"first free number":     {primary + "; ifconfig_em0_alias0=inet 192.0.2.11/32", "192.0.2.20/32", false, 0, 14, primary + "; ifconfig_em0_alias0=inet 192.0.2.11/32; ifconfig_em0_alias1=inet 192.0.2.20/32"},
		"a gap is filled":       {primary + "; ifconfig_em0_alias1=inet 192.0.2.11/32", "192.0.2.20/32", false, 0, 14, primary + "; ifconfig_em0_alias0=inet 192.0.2.20/32; ifconfig_em0_alias1=inet 192.0.2.11/32"},
		"the style of aliases":  {primary + "; ifconfig_em0_aliases=inet 192.0.2.11/32", "192.0.2.20/32", false, 0, 14, primary + "; ifconfig_em0_aliases=inet 192.0.2.11/32 inet 192.0.2.20/32"},
		"there as primary":      {primary, "192.0.2.10/24", false, 0, 14, ""},
		"there by its mask":     {primary + "; ifconfig_em0_alias0=inet 192.0.2.20 netmask 0xffffffff", "192.0.2.20/32", false, 0, 14, ""},
		"there, no prefix said": {primary + "; ifconfig_em0_alias0=inet 192.0.2.20 netmask 0xffffff80", "192.0.2.20", false, 0, 14, ""},
		"there in aliases":      {primary + "; ifconfig_em0_aliases=inet 192.0.2.11/32 inet 192.0.2.20/32", "192.0.2.20/32", false, 0, 14, ""},
		"there in ipv4_addrs":   {primary + "; ipv4_addrs_em0=192.0.2.11/32 192.0.2.20/32", "192.0.2.20/32", false, 0, 14, ""},
		"there in a range":      {primary + "; ifconfig_em0_aliases=inet 192.0.2.18-25/24", "192.0.2.20/32", false, 0, 14, ""},
		"not in a range":        {primary + "; ipv4_addrs_em0=192.0.2.18-19/24", "192.0.2.20/32", false, 0, 14, "ifconfig_em0=inet 192.0.2.10 netmask 255.255.255.0; ifconfig_em0_alias0=inet 192.0.2.20/32; ipv4_addrs_em0=192.0.2.18-19/24"},
		"another prefix":        {primary + "; ifconfig_em0_alias0=inet 192.0.2.20 netmask 255.255.255.255 broadcast 192.0.2.20 mtu 9000", "192.0.2.20/24", false, 0, 14, primary + "; ifconfig_em0_alias0=inet 192.0.2.20/24 mtu 9000"},
		"another group":         {primary + "; ifconfig_em0_alias0=inet vhid 1 pass x 192.0.2.20/32", "192.0.2.20/32", false, 2, 14, primary + "; ifconfig_em0_alias0=inet 192.0.2.20/32 pass x vhid 2"},
		"the first of all":      {"hostname=h", "192.0.2.20/24", false, 0, 14, "hostname=h; ifconfig_em0=inet 192.0.2.20/24"},
		"DHCP for the rest":     {"ifconfig_DEFAULT=DHCP", "192.0.2.20/24", false, 0, 14, "ifconfig_DEFAULT=DHCP; ifconfig_em0_alias0=inet 192.0.2.20/24"},
		"DHCP":                  {"ifconfig_em0=DHCP", "192.0.2.20/24", false, 0, 14, "ifconfig_em0=DHCP; ifconfig_em0_alias0=inet 192.0.2.20/24"},
		"the first of IPv6":     {primary, "2001:db8::20/64", false, 0, 14, primary + "; ifconfig_em0_ipv6=inet6 2001:db8::20/64"},
		"the second of IPv6":    {primary + "; ifconfig_em0_ipv6=inet6 accept_rtadv", "2001:db8::20/64", false, 0, 14, primary + "; ifconfig_em0_alias0=inet6 2001:db8::20/64; ifconfig_em0_ipv6=inet6 accept_rtadv"},
		"IPv6 in 8":             {primary, "2001:db8::20/64", false, 0, 8, primary + "; ifconfig_em0_alias0=inet6 2001:db8::20/64"},
		"there as of 8":         {primary + "; ipv6_ifconfig_em0=2001:db8::20 prefixlen 64", "2001:db8::20/64", false, 0, 14, ""},
		"gone, gap closed": {primary + "; ifconfig_em0_alias0=inet 192.0.2.20/32; ifconfig_em0_alias1=inet 192.0.2.11/32; ifconfig_em0_alias2=inet6 2001:db8::1/64; ifconfig_em1_alias0=inet 192.0.2.20/32", "192.0.2.20/32", true, 0, 14,
			primary + "; ifconfig_em0_alias0=inet 192.0.2.11/32; ifconfig_em0_alias1=inet6 2001:db8::1/64; ifconfig_em1_alias0=inet 192.0.2.20/32"},
		"gone, the last":        {primary + "; ifconfig_em0_alias0=inet 192.0.2.11/32; ifconfig_em0_alias1=inet 192.0.2.20/32", "192.0.2.20", true, 0, 14, primary + "; ifconfig_em0_alias0=inet 192.0.2.11/32"},
		"gone, behind a gap":    {primary + "; ifconfig_em0_alias0=inet 192.0.2.11/32; ifconfig_em0_alias7=inet 192.0.2.20/32", "192.0.2.20", true, 0, 14, primary + "; ifconfig_em0_alias0=inet 192.0.2.11/32"},
		"gone, twice":           {primary + "; ifconfig_em0_alias0=inet 192.0.2.20/32; ifconfig_em0_alias1=inet 192.0.2.20/24; ifconfig_em0_alias2=inet 192.0.2.9/32", "192.0.2.20", true, 0, 14, primary + "; ifconfig_em0_alias0=inet 192.0.2.9/32"},
		"gone from the primary": {"ifconfig_em0=inet 192.0.2.20/24 mtu 9000", "192.0.2.20", true, 0, 14, "ifconfig_em0=mtu 9000"},
		"gone, the primary":     {"ifconfig_em0=inet 192.0.2.20/24", "192.0.2.20", true, 0, 14, "ifconfig_em0=up"},
		"gone from aliases":     {primary + "; ifconfig_em0_aliases=inet 192.0.2.20/32 inet 192.0.2.11/32", "192.0.2.20", true, 0, 14, primary + "; ifconfig_em0_aliases=inet 192.0.2.11/32"},
		"gone from ipv4_addrs":  {"ipv4_addrs_em0=192.0.2.20/32 192.0.2.11/32", "192.0.2.20", true, 0, 14, "ipv4_addrs_em0=192.0.2.11/32"},
		"not there":             {primary, "192.0.2.20", true, 0, 14, ""},
	} {
		w, err := wishOf("t", "em0", c.address, 0)
		if err != nil {
			t.Fatal(err)
		}
		w.absent, w.vhid = c.absent, c.vhid
		v := variables{varsOf(c.vars), "em0", c.major}
		edit, err := v.plan(w)
		want := textOf(varsOf(c.want))
		if c.want == "" {
			want = textOf(varsOf(c.vars))
		}
		got := after(v.values, edit)
		if err != nil || textOf(got) != want || c.want == "" && !edit.empty() {
			t.Errorf("%s: %v\n got  %s\n want %s", name, err, textOf(got), want)
			continue
		}
		if again, err := (variables{got, "em0", c.major}).plan(w); err != nil || !again.empty() {
			t.Errorf("%s: a second time it changes %v (%v)", name, again, err)
		}
	}
	w, _ := wishOf("t", "em0", "192.0.2.20", 0)
	w.absent = true
	if _, err := (variables{varsOf("ifconfig_em0_aliases=inet 192.0.2.18-25/24"), "em0", 14}).plan(w); err == nil {
		t.Error("an address was taken out of a range")
	}
}

func TestSpans(t *testing.T) {
	for text, want := range map[string]bool{
		"192.0.2.1-5/24 192.0.2.3": true, "192.0.2.1-5 192.0.2.6": false, "192.0.1-3.2/24 192.0.2.2": true, "192.0.2.1-5 2001:db8::3": false,
		"2001:db8::1-f/64 2001:db8::a": true, "2001:db8::1-f/64 2001:db8::10": false, "2001:db8:1::1-f/64 2001:db8::a": false,
	} {
		span, address, _ := strings.Cut(text, " ")
		a, _ := parsePrefix(address)
		if !spanForm.MatchString(span) || spans(span, a.Addr()) != want {
			t.Errorf("%s: %v", text, !want)
		}
	}
}

func FuzzItems(f *testing.F) {
	f.Add("inet 192.0.2.10 netmask 255.255.255.0 mtu 9000 inet6 2001:db8::1 prefixlen 64")
	f.Add("192.0.2.1-5/24 vhid 1 192.0.2.9")
	f.Fuzz(func(t *testing.T, value string) {
		for _, implied := range []string{"", inet} {
			var words []string
			list := itemsOf(value, implied)
			for _, i := range list {
				if i.prefix.IsValid() && i.span != "" {
					t.Errorf("%q: %+v", value, i)
				}
				words = append(words, i.text())
			}
			if len(list) != 1 || slices.Contains(list[0].rest, "netmask") || slices.Contains(list[0].rest, "prefixlen") {
				continue // a mask without an address before it
			}
			if again := itemsOf(words[0], implied); list[0].family != "" && (len(again) != 1 || again[0].prefix != list[0].prefix || again[0].span != list[0].span) {
				t.Errorf("%q: %v, then %v", value, list, again)
			}
		}
	})
}
