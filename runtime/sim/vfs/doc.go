// Package vfs is the file tree of a simulated machine: in memory, with a shared
// base image below it that is copied on write.
package vfs

// Cred is who looks at the tree.
type Cred struct {
	UID, GID int
	Groups   []int
}

// Root is the superuser.
var Root = Cred{}
