package pkgsim

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/lazyregexp"
	"bsdrun/runtime/sim/state"
)

func query(i *invocation) int {
	if i.has('F') {
		return i.Cannot("pkg query -F")
	}
	return i.ask(i.installed(), false)
}

func rquery(i *invocation) int {
	if i.has('I') {
		return i.Cannot("pkg rquery -I")
	}
	if !i.noUpdate && i.Cred.UID == 0 {
		i.quiet = true
		if code := i.refresh(false); code != 0 {
			return code
		}
	}
	offered, fetched := i.available()
	if !fetched {
		i.missingCatalogue()
		return 1
	}
	return i.ask(offered, true)
}

// ask prints packages in a format, pkg-query(8).
func (i *invocation) ask(from map[string]*state.Package, remote bool) int {
	if len(i.args) == 0 {
		i.Errorf("Usage: %s\n\nFor more information see 'pkg help query'.\n", commands["query"].usage)
		return 1
	}
	format, patterns := i.args[0], i.args[1:]
	if bad := badFormat(format); bad != "" {
		i.Errorf("pkg: Invalid query: %s\n", bad)
		return 1
	}
	var condition func(*state.Package) bool
	if text, ok := i.opts['e']; ok {
		var err error
		if condition, err = parseCondition(text); err != nil {
			i.Errorf("pkg: %s\n", err)
			return 1
		}
		i.match = 'a'
	}
	if i.match != 'a' && len(patterns) == 0 {
		i.Errorf("Usage: %s\n\nFor more information see 'pkg help query'.\n", commands["query"].usage)
		return 1
	}
	if i.match == 'a' {
		patterns = []string{""}
	}
	all := i.installed()
	code := 0
	for _, pattern := range patterns {
		found := i.pick(from, pattern)
		if len(found) == 0 && i.match != 'a' {
			code = 1
		}
		for _, p := range found {
			if condition != nil && !condition(p) {
				continue
			}
			for _, line := range expand(format, p, all, remote) {
				i.Printf("%s\n", line)
			}
		}
	}
	return code
}

// listFields are the formats with a line for each element.
const listFields = "drCFOLUGBbADX"

var fieldForm = lazyregexp.New(`%(\?[drCFOLUGBbAD]|#[drCFOLUGBbAD]|s[bh]|d[nov]|r[nov]|F[ps]|O[kvdD]|A[tv]|X[n]|[a-zA-Z%])`)

// badFormat says what is wrong with a query; it may hold one list at most.
func badFormat(format string) string {
	list := byte(0)
	for _, m := range fieldForm.FindAllString(format, -1) {
		letter := m[1]
		if strings.IndexByte(listFields, letter) < 0 {
			continue
		}
		if list != 0 && list != letter {
			return "query contained multiple multiline fields"
		}
		list = letter
	}
	if i := strings.IndexByte(format, '%'); i == len(format)-1 && i >= 0 {
		return "query ends with a %"
	}
	return ""
}

// expand fills in a format: a line a package, or one for each element of the
// list it holds.
func expand(format string, p *state.Package, installed map[string]*state.Package, remote bool) []string {
	format = strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\r`, "\r", `\\`, `\`, `\"`, `"`).Replace(format)
	list := byte(0)
	for _, m := range fieldForm.FindAllString(format, -1) {
		if strings.IndexByte(listFields, m[1]) >= 0 {
			list = m[1]
		}
	}
	if list == 0 {
		return []string{fill(format, p, installed, "", "")}
	}
	var lines []string
	for _, e := range elements(list, p, installed) {
		lines = append(lines, fill(format, p, installed, e[0], e[1]))
	}
	return lines
}

// elements are a package's list of a kind: name and value.
func elements(kind byte, p *state.Package, installed map[string]*state.Package) [][2]string {
	var names []string
	switch kind {
	case 'd':
		names = p.Deps
	case 'r':
		names = requiredBy(p.Name, installed)
	case 'C':
		names = p.Categories
	case 'L':
		names = p.Licenses
	case 'F':
		names = p.Files
	case 'O':
		var list [][2]string
		for _, name := range slices.Sorted(keysOf(p.Options)) {
			list = append(list, [2]string{name, p.Options[name]})
		}
		return list
	}
	var list [][2]string
	for _, name := range names {
		list = append(list, [2]string{name, ""})
	}
	return list
}

func requiredBy(name string, installed map[string]*state.Package) []string {
	var list []string
	for _, other := range slices.Sorted(keysOf(installed)) {
		if slices.Contains(installed[other].Deps, name) {
			list = append(list, other)
		}
	}
	return list
}

func fill(format string, p *state.Package, installed map[string]*state.Package, element, value string) string {
	return fieldForm.ReplaceAllStringFunc(format, func(field string) string {
		switch field[1:] {
		case "n":
			return p.Name
		case "v":
			return p.Version
		case "o":
			return p.Origin
		case "p":
			return p.Prefix
		case "m":
			return p.Maintainer
		case "c":
			return p.Comment
		case "e":
			return p.Comment + ".\n\nWWW: " + p.WWW
		case "w":
			return p.WWW
		case "l":
			return "single"
		case "sb":
			return strconv.FormatInt(p.Size, 10)
		case "sh":
			return strings.ReplaceAll(humanize(p.Size), " ", "")
		case "a":
			return digit(p.Automatic)
		case "k":
			return digit(p.Locked)
		case "t":
			return strconv.FormatInt(max(p.Installed.Unix(), 0), 10)
		case "R":
			return p.Repository
		case "q":
			return "FreeBSD:14:amd64"
		case "M":
			return p.Message
		case "dn", "rn", "C", "L", "Fp", "Ok":
			return element
		case "dv", "rv":
			if other := installed[element]; other != nil {
				return other.Version
			}
			return ""
		case "do", "ro":
			if other := installed[element]; other != nil {
				return other.Origin
			}
			return ""
		case "Ov":
			return value
		case "%":
			return "%"
		}
		if field[1] == '?' || field[1] == '#' {
			n := len(elements(field[2], p, installed))
			if field[1] == '?' {
				return digit(n > 0)
			}
			return strconv.Itoa(n)
		}
		return ""
	})
}

func digit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

var termForm = lazyregexp.New(`^\s*%([a-zA-Z#?]+)\s*(==|=|!=|!~|<>|<=|>=|<|>|~)\s*"?'?([^"'&|]*?)'?"?\s*$`)

// parseCondition reads the conditions of pkg query -e that are joined by && or
// || alone.
func parseCondition(text string) (func(*state.Package) bool, error) {
	var any []func(*state.Package) bool
	for alternative := range strings.SplitSeq(text, "||") {
		var all []func(*state.Package) bool
		for term := range strings.SplitSeq(alternative, "&&") {
			m := termForm.FindStringSubmatch(term)
			if m == nil {
				return nil, fmt.Errorf("expected %% at beginning of condition, got '%s'", strings.TrimSpace(term))
			}
			all = append(all, comparison(m[1], m[2], m[3]))
		}
		any = append(any, func(p *state.Package) bool {
			return !slices.ContainsFunc(all, func(f func(*state.Package) bool) bool { return !f(p) })
		})
	}
	return func(p *state.Package) bool {
		return slices.ContainsFunc(any, func(f func(*state.Package) bool) bool { return f(p) })
	}, nil
}

func comparison(field, operator, want string) func(*state.Package) bool {
	return func(p *state.Package) bool {
		if field == "s" {
			field = "sb"
		}
		have := fill("%"+field, p, nil, "", "")
		if operator == "~" || operator == "!~" {
			ok, _ := path.Match(want, have)
			return ok == (operator == "~")
		}
		order := strings.Compare(have, want)
		x, errX := strconv.ParseInt(have, 10, 64)
		y, errY := strconv.ParseInt(want, 10, 64)
		if errX == nil && errY == nil {
			order = int(max(-1, min(1, x-y)))
		}
		switch operator {
		case "=", "==":
			return order == 0
		case "!=", "<>":
			return order != 0
		case "<":
			return order < 0
		case ">":
			return order > 0
		case "<=":
			return order <= 0
		default:
			return order >= 0
		}
	}
}

func info(i *invocation) int {
	have := i.installed()
	if len(i.args) == 0 {
		if len(have) == 0 {
			return 0
		}
		i.match = 'a'
		i.args = []string{""}
	}
	code := 0
	for _, pattern := range i.args {
		found := i.pick(have, pattern)
		if len(found) == 0 {
			if !i.has('e') && !i.quiet {
				i.Errorf("pkg: No package(s) matching %s\n", pattern)
			}
			code = 1
			continue
		}
		if i.has('e') {
			continue
		}
		for _, p := range found {
			i.describe(p, have)
		}
	}
	return code
}

// describe prints a package as pkg-info(8) does.
func (i *invocation) describe(p *state.Package, have map[string]*state.Package) {
	full := p.Name + "-" + p.Version
	lists := []struct {
		option byte
		title  string
		lines  []string
	}{
		{'l', "", p.Files}, {'d', " depends on", versions(p.Deps, have)}, {'r', " is required by", versions(requiredBy(p.Name, have), have)},
	}
	for _, l := range lists {
		if !i.has(l.option) {
			continue
		}
		if !i.quiet {
			i.Printf("%s%s:\n", full, l.title)
		}
		for _, line := range l.lines {
			if i.quiet {
				i.Printf("%s\n", line)
			} else {
				i.Printf("\t%s\n", line)
			}
		}
		return
	}
	switch {
	case i.quiet && i.has('o'):
		i.Printf("%s\n", p.Origin)
	case i.has('o'):
		i.Printf("%-30s %s\n", full, p.Origin)
	case i.quiet:
		i.Printf("%s\n", full)
	case i.match == 'a' && !i.has('f'):
		i.Printf("%-30s %s\n", full, p.Comment)
	default:
		i.full(p)
	}
}

func versions(names []string, have map[string]*state.Package) []string {
	var list []string
	for _, name := range names {
		if p := have[name]; p != nil {
			list = append(list, name+"-"+p.Version)
		}
	}
	return list
}

func (i *invocation) full(p *state.Package) {
	i.Printf("%s-%s\n", p.Name, p.Version)
	for _, f := range [][2]string{
		{"Name", p.Name}, {"Version", p.Version}, {"Installed on", p.Installed.UTC().Format("Mon Jan _2 15:04:05 2006 MST")},
		{"Origin", p.Origin}, {"Architecture", cmp.Or(p.ABI, abi(i.Proc))}, {"Prefix", p.Prefix}, {"Categories", strings.Join(p.Categories, " ")},
		{"Licenses", strings.Join(p.Licenses, " and ")}, {"Maintainer", p.Maintainer}, {"WWW", p.WWW}, {"Comment", p.Comment},
	} {
		if f[1] != "" {
			i.Printf("%-15s: %s\n", f[0], f[1])
		}
	}
	if len(p.Options) > 0 {
		i.Printf("Options        :\n")
		for _, name := range slices.Sorted(keysOf(p.Options)) {
			i.Printf("\t%-15s: %s\n", name, p.Options[name])
		}
	}
	i.Printf("Annotations    :\n\tFreeBSD_version: 1403000\n\trepo_type      : binary\n\trepository     : %s\n", p.Repository)
	i.Printf("Flat size      : %s\nDescription    :\n%s.\n\nWWW: %s\n", strings.ReplaceAll(humanize(p.Size), " ", ""), p.Comment, p.WWW)
}
