package state

import (
	"fmt"
	"strings"
)

// KeptAs is the name by which the tree keeps the file systems of a pool that is not
// imported: another of its own name may be.
func (p *Pool) KeptAs() string { return fmt.Sprintf("%016x%%exported", p.GUID) }

// Inherited is a property of a dataset as set on it or on the nearest one above
// that has it, and the name of that one; both empty when none has.
func (p *Pool) Inherited(name, property string) (value, from string) {
	for {
		if d := p.Find(name); d != nil {
			if v, ok := d.Properties[property]; ok {
				return v, name
			}
		}
		slash := strings.LastIndexByte(name, '/')
		if slash < 0 {
			return "", ""
		}
		name = name[:slash]
	}
}

// MountPoint is where a file system is to be mounted: a path, none or legacy. One
// that inherits it lies below the one it inherits it from.
func (p *Pool) MountPoint(name string) string {
	value, from := p.Inherited(name, "mountpoint")
	switch {
	case value == "":
		return "/" + name
	case from == name || !strings.HasPrefix(value, "/"):
		return value
	}
	return strings.TrimSuffix(value, "/") + name[len(from):]
}

// Effective are the properties in force on a dataset: its own over those of the
// ones above, which says nothing of those that are never inherited (canmount).
func (p *Pool) Effective(name string) map[string]string {
	all := map[string]string{}
	for {
		if d := p.Find(name); d != nil {
			for property, value := range d.Properties {
				if _, set := all[property]; !set {
					all[property] = value
				}
			}
		}
		slash := strings.LastIndexByte(name, '/')
		if slash < 0 {
			return all
		}
		name = name[:slash]
	}
}
