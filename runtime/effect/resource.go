package effect

import "strings"

// Resource names a part of a host that an effect reads or writes, as
// "scheme:name": "file:/etc/rc.conf", "pkg:git", "service:sshd". A name that
// ends in a slash is a tree ("file:/usr/ports/"); a bare scheme ("pkg") is all
// of it.
type Resource string

// File is the resource of one path.
func File(path string) Resource { return Resource("file:" + path) }

// Tree is the resource of a path and all below it.
func Tree(path string) Resource {
	return Resource("file:" + strings.TrimSuffix(path, "/") + "/")
}

// Nothing declares that an effect touches nothing anybody else could name.
var Nothing = []Resource{}

// Touches tells whether two resources share anything.
func (r Resource) Touches(other Resource) bool {
	scheme, name, named := strings.Cut(string(r), ":")
	otherScheme, otherName, otherNamed := strings.Cut(string(other), ":")
	if scheme != otherScheme {
		return false
	}
	if !named || !otherNamed {
		return true
	}
	return covers(name, otherName) || covers(otherName, name)
}

// covers tells whether name is other or, being a tree, holds it.
func covers(name, other string) bool {
	if name == other {
		return true
	}
	return strings.HasSuffix(name, "/") && strings.HasPrefix(other+"/", name)
}
