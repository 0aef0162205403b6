// Package binding describes modules: typed Go functions as data, from which the
// Lua functions, argument checks, documentation, editor stubs and lint
// knowledge are all made. It knows nothing of Lua.
package binding

import (
	"bytes"
	"io"
	"io/fs"
	"time"

	"bsdrun/runtime/bulk"
	"bsdrun/runtime/effect"
)

// Module is one tool that a script sees as a field of its host: h.zpool.
type Module struct {
	Name  string // after the tool: "zpool"
	Doc   string // first sentence is the help line
	Funcs []Func
	// Global modules are reached without a host (version, time): their
	// functions take no Doer and the module is a global of the script.
	Global bool
	// Verbs makes the functions methods of the host itself: h:run.
	Verbs bool
	// Classes describes the handles that functions of any module return.
	Classes []Class
}

// Class is a kind of handle: a thing on the host that outlives the call, such
// as a job. Its functions become the handle's methods; the first parameter of
// each is the handle's id, which the script does not write.
type Class struct {
	Name  string // "job": the kind of its handles
	Doc   string
	Funcs []Func
}

// Handler is a result that is a handle. Its fields are shown to the script
// beside the methods of its class.
type Handler interface{ Handle() Handle }

// Handle names a thing on a host, so that a resumed run finds it again.
type Handle struct{ Kind, ID string }

// Host is a result that is a host: the same one seen as another user, or a
// jail on it. A resumed run gets it back from the verb named Kind, given ID.
type Host struct {
	Doer effect.Doer
	Name string // for people; "/www" is added to the other host's name, empty is that name
	Kind string
	ID   string
}

// Func is one function of a module.
type Func struct {
	// Name is the subcommand, dotted where the tool nests: "ports.create".
	Name string
	Doc  string // present tense; first sentence is the help line
	Kind effect.Kind
	Risk effect.Risk
	See  []string // sources: "zpool-status(8)"
	// Raises tells which failures a script may want to tell apart.
	Raises  []string
	Example string // Lua, one or a few lines
	// Property makes the function a field instead: h.facts. It takes no
	// arguments.
	Property bool

	// Call is one of
	//	func(ctx context.Context, h effect.Doer, a Args) (R, error)
	//	func(ctx context.Context, h effect.Doer, a Args) error
	//	func(ctx context.Context, h effect.Doer) (R, error)
	// (without h in a Global module). Args is a struct whose exported fields
	// are tagged
	//	`lua:"name,required" doc:"..." default:"..." enum:"a|b" unit:"seconds"`
	// Required fields are the positional arguments, in field order; fields
	// tagged `lua:"name,pos"` may be given positionally after them; all other
	// fields come in the table of options. Types of fields: string, bool,
	// *bool, int, int64, *int64, float64, time.Duration (seconds in Lua),
	// time.Time (RFC 3339), []T, map[string]T, nested structs, effect.Secret,
	// Content, Local, effect.Doer (another host), any.
	// A field tagged `lua:",inline"` is a struct whose fields count as its own.
	// R is a struct (its fields tagged alike), a slice or map of them, or a
	// plain value; a Change returns a struct, a pointer to one, or nothing. A field
	// tagged `lua:"name,produced"` is what only the change makes: in check
	// mode, after a skipped change, it is unknown. `lua:"name,omitempty"`
	// leaves a zero value out (nil in Lua).
	Call any
}

// Content is what a script puts into a file: a string, a secret, or a local
// file that the sandbox grants.
type Content struct {
	Data   []byte
	Source effect.Source // a local file; then Data is nil
	Secret bool
}

// Input is the content as standard input of a command; nil without one.
func (c Content) Input(op string) (io.Reader, error) {
	switch {
	case c.Source != nil:
		r, err := c.Source.Open()
		if err != nil {
			return nil, &effect.Error{Op: op, Kind: effect.Failed, Message: "stdin: " + err.Error(), Cause: err}
		}
		return r, nil
	case c.Data != nil:
		return bytes.NewReader(c.Data), nil
	default:
		return nil, nil
	}
}

// Local is a path on the controller that the sandbox has granted.
type Local struct {
	Path string
	// Create opens the path for writing, as far as the sandbox lets it; nil
	// where nothing may be written.
	Create func() (io.WriteCloser, error)
	// Receive begins to receive a large content into the path, or goes on with it;
	// content tells it from others. Nil where Create is.
	Receive func(size int64, content string) (*bulk.Stage, error)
	// Tree opens the path as a folder; nothing that lies outside it, and no
	// link that leads there, can be reached through it.
	Tree func() (Tree, error)
	// Fill opens the path as a folder to write into, and makes it where it is
	// missing. Nil where Create is.
	Fill func() (Filling, error)
}

// Tree is an open folder of the controller.
type Tree interface {
	fs.ReadLinkFS
	io.Closer
}

// Filling is an open folder of the controller that is written into. Nothing that
// lies outside it can be changed through it.
type Filling interface {
	Tree
	// Create begins a file that only its owner may read.
	Create(name string) (io.WriteCloser, error)
	Symlink(target, name string) error
	Link(from, name string) error
	MkdirAll(name string, mode fs.FileMode) error
	Rename(from, to string) error
	Remove(name string) error
	Chmod(name string, mode fs.FileMode) error
	Chtimes(name string, accessed, modified time.Time) error
}

// Folder is a File that may be a folder.
type Folder interface {
	Tree() (Tree, error)
}

// File is what a script holds of a local file: content for whoever takes
// Content, a path for whoever takes Local.
type File interface {
	effect.Source
	Path() string
}

// Writable is a File that the sandbox lets a script write.
type Writable interface {
	Create() (io.WriteCloser, error)
	Receive(size int64, content string) (*bulk.Stage, error)
	Fill() (Filling, error)
}
