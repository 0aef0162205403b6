package pkg

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// AuditArgs are the arguments of Audit.
type AuditArgs struct {
	Fetch  bool `lua:"fetch" doc:"fetch the list of known vulnerabilities first (-F), which is a change"`
	Target `lua:",inline"`
}

// Vulnerable is an installed package with known vulnerabilities.
type Vulnerable struct {
	Name       string   `lua:"name" doc:"name of the package"`
	Version    string   `lua:"version" doc:"installed version"`
	Issues     []Issue  `lua:"issues" doc:"what is known"`
	RequiredBy []string `lua:"required_by" doc:"names of packages that need it, where pkg tells"`
}

// Issue is one known vulnerability.
type Issue struct {
	Description string   `lua:"description" doc:"what it is, in one line"`
	CVE         []string `lua:"cve" doc:"CVE numbers"`
	URL         string   `lua:"url" doc:"where to read more"`
	Affected    []string `lua:"affected" doc:"affected versions, where pkg tells"`
}

// Audit lists the installed packages that have known vulnerabilities.
func Audit(ctx context.Context, h effect.Doer, a AuditArgs) ([]Vulnerable, error) {
	const op = "pkg.audit"
	if err := a.check(op); err != nil {
		return nil, err
	}
	list := effect.Resource(a.scheme() + " vulnerabilities")
	if a.Fetch {
		_, err := run(ctx, h, effect.Effect{
			Op: op, Kind: effect.Change, Argv: a.command("audit", "-F", "-q"), Env: yes, Want: []int{0, 1},
			Writes: []effect.Resource{list, effect.File(strings.TrimSuffix(a.Rootdir, "/") + "/var/db/pkg/vuln.xml")},
			Diff:   &effect.Diff{Path: "known vulnerabilities", Note: "fetch the list"},
		})
		if err != nil {
			return nil, err
		}
	}
	reads := append(a.reads(), list)
	out, said, err := audit(ctx, h, op, a.command("audit", "--raw=json-compact"), reads)
	if err != nil {
		return nil, err
	}
	if json.Valid([]byte(out)) && out != "" {
		return parseAuditJSON([]byte(out))
	}
	if strings.Contains(said, "option") { // pkg before 1.14 knows no --raw
		if out, said, err = audit(ctx, h, op, a.command("audit"), reads); err != nil {
			return nil, err
		}
	}
	found := parseAuditText(out)
	if len(found) == 0 && said != "" {
		return nil, effect.WithHint(
			&effect.Error{Op: op, Kind: effect.Failed, Code: 1, Message: lastLine(said), Err: said},
			"fetch=true fetches the list of known vulnerabilities")
	}
	return found, nil
}

// audit runs pkg audit, whose exit code 1 also says that something was found.
func audit(ctx context.Context, h effect.Doer, op string, argv []string, reads []effect.Resource) (out, said string, err error) {
	res, err := run(ctx, h, effect.Effect{Op: op, Kind: effect.Read, Argv: argv, Want: []int{0, 1}, Reads: reads})
	if err != nil {
		return "", "", err
	}
	out, err = res.Text()
	if res.Code != 0 {
		said = strings.TrimSpace(string(res.Stderr.Tail(4096)))
	}
	return strings.TrimSpace(out), said, err
}

func lastLine(text string) string { return text[strings.LastIndexByte(text, '\n')+1:] }

// parseAuditJSON reads the output of pkg audit --raw.
func parseAuditJSON(src []byte) ([]Vulnerable, error) {
	var doc struct {
		Packages map[string]struct {
			Version string `json:"version"`
			Issues  []struct {
				Affected    []string `json:"Affected versions"`
				Description string   `json:"description"`
				CVE         []string `json:"cve"`
				URL         string   `json:"url"`
			} `json:"issues"`
			RequiredBy []string `json:"reverse dependencies"`
		} `json:"packages"`
	}
	if err := json.Unmarshal(src, &doc); err != nil {
		return nil, fmt.Errorf("pkg audit: %w", err)
	}
	list := []Vulnerable{}
	for name, p := range doc.Packages {
		v := Vulnerable{Name: name, Version: p.Version, Issues: []Issue{}, RequiredBy: orEmpty(p.RequiredBy)}
		for _, i := range p.Issues {
			v.Issues = append(v.Issues, Issue{i.Description, orEmpty(i.CVE), i.URL, orEmpty(i.Affected)})
		}
		list = append(list, v)
	}
	slices.SortFunc(list, func(a, b Vulnerable) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

var vulnerableForm = lazyregexp.New(`^(\S+)-([^-\s]+) is vulnerable:?$`)

// parseAuditText reads what pkg audit prints for people. An issue begins with
// its description and ends with its address.
func parseAuditText(out string) []Vulnerable {
	list := []Vulnerable{}
	open := false
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if m := vulnerableForm.FindStringSubmatch(line); m != nil {
			list = append(list, Vulnerable{Name: m[1], Version: m[2], Issues: []Issue{}, RequiredBy: []string{}})
			open = false
			continue
		}
		if len(list) == 0 || line == "" || strings.Contains(line, " problem(s) in ") {
			continue
		}
		v := &list[len(list)-1]
		key, value, _ := strings.Cut(line, ": ")
		if key == "Packages that depend on "+v.Name {
			v.RequiredBy = append(v.RequiredBy, strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })...)
			continue
		}
		if !open {
			v.Issues = append(v.Issues, Issue{CVE: []string{}, Affected: []string{}})
			open = true
		}
		i := &v.Issues[len(v.Issues)-1]
		switch key {
		case "CVE":
			i.CVE = append(i.CVE, value)
		case "WWW":
			i.URL = value
			open = false
		case "Affected versions":
		default:
			i.Description = strings.TrimPrefix(strings.TrimSpace(i.Description+" "+line), " ")
		}
	}
	return list
}

// CheckArgs are the arguments of Check.
type CheckArgs struct {
	Names        []string `lua:"names,pos" doc:"packages; default: all"`
	Checksums    *bool    `lua:"checksums" doc:"compare the files with their recorded sums (-s)" default:"true"`
	Dependencies *bool    `lua:"dependencies" doc:"look for packages that are needed and missing (-d)" default:"true"`
	Target       `lua:",inline"`
}

// Damage is something wrong with an installed package.
type Damage struct {
	Package string `lua:"package" doc:"name of the package, with its version where pkg tells"`
	Kind    string `lua:"kind" doc:"checksum, missing_file, missing_dependency or missing_library"`
	Subject string `lua:"subject" doc:"path of the file, or name of the dependency or library"`
}

// Check looks for damaged packages: altered or lost files, missing dependencies.
func Check(ctx context.Context, h effect.Doer, a CheckArgs) ([]Damage, error) {
	const op = "pkg.check"
	if err := a.check(op); err != nil {
		return nil, err
	}
	names := []string{"-a"}
	if len(a.Names) > 0 {
		if err := checkNames(op, a.Names); err != nil {
			return nil, err
		}
		names = a.Names
	}
	damage := []Damage{}
	for _, look := range []struct {
		wanted *bool
		flags  []string
	}{{a.Checksums, []string{"-s"}}, {a.Dependencies, []string{"-d", "-n"}}} {
		if look.wanted != nil && !*look.wanted {
			continue
		}
		argv := append(append(a.command("check"), look.flags...), names...)
		res, err := run(ctx, h, effect.Effect{
			Op: op, Kind: effect.Read, Argv: argv, Want: []int{0, 1},
			Reads: append(a.files(), a.reads()...),
		})
		if err != nil {
			return nil, err
		}
		out, err := res.Text()
		if err != nil {
			return nil, err
		}
		said, err := res.Stderr.Bytes()
		if err != nil {
			return nil, err
		}
		found := parseCheck(out + "\n" + string(said))
		if res.Code != 0 && len(found) == 0 {
			return nil, explain(&effect.Error{
				Op: op, Kind: effect.Failed, Code: res.Code, Command: strings.Join(argv, " "), Out: out, Err: string(said),
			})
		}
		damage = append(damage, found...)
	}
	return damage, nil
}

var damageForms = []struct {
	kind string
	form *lazyregexp.Regexp
}{
	{"checksum", lazyregexp.New(`^(\S+): checksum mismatch for (.+)$`)},
	{"missing_file", lazyregexp.New(`^(\S+): missing file (.+)$`)},
	{"missing_dependency", lazyregexp.New(`^(\S+) (?:has a missing dependency|is missing a required dependency|has a missing requirement): (.+)$`)},
	{"missing_library", lazyregexp.New(`^(\S+) is missing a required shared library: (.+)$`)},
}

// parseCheck reads the findings of pkg check.
func parseCheck(out string) []Damage {
	var list []Damage
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\r\n")
		for _, f := range damageForms {
			if m := f.form.FindStringSubmatch(line); m != nil {
				list = append(list, Damage{m[1], f.kind, m[2]})
			}
		}
	}
	return list
}
