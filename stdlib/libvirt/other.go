package libvirt

import (
	"cmp"
	_ "embed"
	"encoding/xml"
	"strconv"
	"strings"
	"unicode/utf8"
)

// knownText lists the elements that parseDomain reads, one a line, below their
// parents. One with a * is known with all that is in it, because it tells how the
// host runs the domain and not what the guest has.
//
//go:embed known.txt
var knownText string

var known = readKnown(knownText)

// readKnown makes paths of the lines: those of elements, and those of whole trees.
func readKnown(text string) map[string]bool {
	whole := map[string]bool{}
	for line := range strings.Lines(text) {
		parent, names, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			continue
		}
		for _, name := range strings.Fields(names) {
			name, all := strings.CutSuffix(name, "*")
			whole[parent+"/"+name] = all
		}
	}
	return whole
}

// unread lists the topmost elements of a domain that parseDomain does not read.
func unread(text string) ([]Other, error) {
	var root element
	if err := xml.Unmarshal([]byte(text), &root); err != nil {
		return nil, err
	}
	list := []Other{}
	collect(&list, &root, "domain", "")
	return list, nil
}

func collect(list *[]Other, parent *element, path, device string) {
	count := map[string]int{}
	for i := range parent.Children {
		e := &parent.Children[i]
		name := qualified(e.XMLName)
		count[name]++
		at, of := path+"/"+name, device
		if path == "domain/devices" {
			of = deviceName(e, count[name])
		}
		whole, ok := known[at]
		switch {
		case whole:
		case ok:
			collect(list, e, at, of)
		default:
			*list = append(*list, Other{Path: strings.TrimPrefix(at, "domain/"), Device: of, Text: clip(e.text())})
		}
	}
}

// deviceName tells one device from the others of its kind.
func deviceName(e *element, number int) string {
	switch e.XMLName.Local {
	case "disk":
		return e.child("target").attr("dev")
	case "interface":
		return cmp.Or(strings.ToLower(e.child("mac").attr("address")), strconv.Itoa(number))
	case "controller":
		return e.attr("type") + e.attr("index")
	}
	return strconv.Itoa(number)
}

// qualified is an element's name with the last word of its name space, which is
// what its prefix mostly is: qemu:commandline.
func qualified(name xml.Name) string {
	if name.Space == "" {
		return name.Local
	}
	words := strings.FieldsFunc(name.Space, func(r rune) bool { return r == '/' || r == ':' })
	for i := len(words) - 1; i >= 0; i-- {
		if c := words[i][0]; c < '0' || c > '9' {
			return words[i] + ":" + name.Local
		}
	}
	return name.Local
}

// text is the element as people read it, without name spaces and secrets.
func (e *element) text() string {
	var b strings.Builder
	b.WriteString("<" + e.XMLName.Local)
	for _, a := range e.Attrs {
		value := a.Value
		if secretNames(a.Name.Local) {
			value = "..."
		}
		if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
			b.WriteString(" " + a.Name.Local + "='" + value + "'")
		}
	}
	inner := strings.TrimSpace(e.Text)
	if secretNames(e.XMLName.Local) && inner != "" {
		inner = "..."
	}
	for i := range e.Children {
		inner += e.Children[i].text()
	}
	if inner == "" {
		return b.String() + "/>"
	}
	return b.String() + ">" + inner + "</" + e.XMLName.Local + ">"
}

// secretNames tells which names stand for what nobody shall read.
func secretNames(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "passw") || strings.Contains(name, "secret") || strings.Contains(name, "dhcert") || name == "session"
}

func clip(text string) string {
	const most = 300
	if len(text) <= most {
		return text
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "..."
}
