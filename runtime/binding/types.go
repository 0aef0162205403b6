package binding

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"bsdrun/runtime/effect"
)

// Shape is what sort of value a type is, as a script sees it.
type Shape int

// The shapes.
const (
	Invalid     Shape = iota
	Nothing           // a function that returns no value
	String            // string, or bytes in a result
	Boolean           //
	Integer           // a whole number
	Number            //
	Duration          // seconds
	Time              // RFC 3339
	List              // of Elem
	Map               // names to Elem
	Record            // a table with the fields Fields
	FileContent       // string, secret or local file
	LocalFile         // what local_file gives
	Secret            // what secret gives, or a string
	HostRef           // another host
	Any               // any plain data
)

// Type describes a value to documentation, editors and completion.
type Type struct {
	Shape  Shape
	Elem   *Type
	Name   string // of a Record: the Go type's name
	Handle bool   // a Record with methods
	goType reflect.Type
}

// Fields are a Record's fields.
func (t *Type) Fields() []Param {
	if t.Shape != Record {
		return nil
	}
	fields, _ := structFields(structType(t.goType))
	return fields
}

// String is the type in words, for messages: "a list of strings".
func (t *Type) String() string {
	if t.Shape == Nothing || t.Shape == FileContent {
		return t.Words()
	}
	words := t.Words()
	if strings.ContainsRune("aio", rune(words[0])) {
		return "an " + words
	}
	return "a " + words
}

// Words is the type in words without an article, for documentation.
func (t *Type) Words() string {
	switch t.Shape {
	case Nothing:
		return "nothing"
	case List:
		return "list of " + t.Elem.plural()
	case Map:
		return "table of " + t.Elem.plural()
	case FileContent:
		return "a string, a secret or a local file"
	default:
		return t.word()
	}
}

func (t *Type) plural() string {
	switch t.Shape {
	case List:
		return "lists of " + t.Elem.plural()
	case Map, Record:
		return "tables"
	case FileContent:
		return "strings, secrets or local files"
	case Any:
		return "values"
	case Duration:
		return "numbers of seconds"
	}
	return t.word() + "s"
}

func (t *Type) word() string {
	switch t.Shape {
	case String:
		return "string"
	case Boolean:
		return "boolean"
	case Integer:
		return "whole number"
	case Number:
		return "number"
	case Duration:
		return "number of seconds"
	case Time:
		return "time"
	case Record, Map:
		return "table"
	case LocalFile:
		return "local file"
	case Secret:
		return "secret"
	case HostRef:
		return "host"
	default:
		return "value"
	}
}

// isTable tells whether a Lua table may stand for a value of the type.
func (t *Type) isTable() bool {
	switch t.Shape {
	case List, Map, Record, Any:
		return true
	default:
		return false
	}
}

// Param is an argument of a function, or a field of a record.
type Param struct {
	Name       string
	Type       *Type
	Doc        string
	Default    string // as written in the declaration
	HasDefault bool
	Enum       []string
	Unit       string
	Required   bool // positional
	Positional bool // may be given positionally
	Produced   bool // what only the change makes
	OmitEmpty  bool // absent when zero

	index []int
}

var (
	typeDoer     = reflect.TypeFor[effect.Doer]()
	typeSecret   = reflect.TypeFor[effect.Secret]()
	typeContent  = reflect.TypeFor[Content]()
	typeLocal    = reflect.TypeFor[Local]()
	typeHost     = reflect.TypeFor[Host]()
	typeHandler  = reflect.TypeFor[Handler]()
	typeTime     = reflect.TypeFor[time.Time]()
	typeDuration = reflect.TypeFor[time.Duration]()
	typeBytes    = reflect.TypeFor[[]byte]()
)

// shapes are the types that stand for themselves.
var shapes = map[reflect.Type]Shape{
	typeDoer: HostRef, typeHost: HostRef, typeSecret: Secret, typeContent: FileContent, typeLocal: LocalFile,
	typeTime: Time, typeDuration: Duration, typeBytes: String,
}

// typeOf describes a Go type; an unsupported one is an error.
func typeOf(t reflect.Type) (*Type, error) {
	out := &Type{goType: t, Handle: t.Implements(typeHandler)}
	if shape, ok := shapes[t]; ok {
		out.Shape = shape
		return out, nil
	}
	switch t.Kind() {
	case reflect.String:
		out.Shape = String
	case reflect.Bool:
		out.Shape = Boolean
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		out.Shape = Integer
	case reflect.Float64, reflect.Float32:
		out.Shape = Number
	case reflect.Interface:
		if t.NumMethod() > 0 {
			return nil, fmt.Errorf("unsupported type %s", t)
		}
		out.Shape = Any
	case reflect.Pointer:
		return pointerTo(out, t.Elem())
	case reflect.Slice:
		return containerOf(out, List, t.Elem())
	case reflect.Map:
		if t.Key().Kind() != reflect.String {
			return nil, fmt.Errorf("unsupported type %s: keys must be strings", t)
		}
		return containerOf(out, Map, t.Elem())
	case reflect.Struct:
		out.Shape, out.Name = Record, t.Name()
	default:
		return nil, fmt.Errorf("unsupported type %s", t)
	}
	return out, nil
}

// pointerTo is a value that may be absent.
func pointerTo(out *Type, elem reflect.Type) (*Type, error) {
	inner, err := typeOf(elem)
	if err != nil {
		return nil, err
	}
	inner.Handle = inner.Handle || out.Handle
	return inner, nil
}

func containerOf(out *Type, shape Shape, elem reflect.Type) (*Type, error) {
	inner, err := typeOf(elem)
	if err != nil {
		return nil, err
	}
	out.Shape, out.Elem = shape, inner
	return out, nil
}

// fieldSet is the description of a struct's fields with what is wrong in it.
type fieldSet struct {
	fields []Param
	err    error
}

var fieldCache sync.Map // reflect.Type -> fieldSet

// structFields describes the fields of a struct, in order.
func structFields(t reflect.Type) ([]Param, error) {
	if known, ok := fieldCache.Load(t); ok {
		set := known.(fieldSet)
		return set.fields, set.err
	}
	fields, err := readFields(t, nil)
	fieldCache.Store(t, fieldSet{fields, err})
	return fields, err
}

// inline is the tag of a struct whose fields count as the outer one's.
const inline = ",inline"

func readFields(t reflect.Type, prefix []int) ([]Param, error) {
	fields := []Param{}
	seen := map[string]bool{}
	for i := range t.NumField() {
		f := t.Field(i)
		index := append(append([]int(nil), prefix...), i)
		tag, tagged := f.Tag.Lookup("lua")
		if !f.IsExported() && !(f.Anonymous && tag == inline) {
			continue
		}
		if !tagged {
			return nil, fmt.Errorf("%s.%s has no lua tag", t.Name(), f.Name)
		}
		var more []Param
		var err error
		if tag == inline {
			more, err = readFields(f.Type, index)
		} else {
			var p Param
			p, err = readField(f, tag, index)
			more = []Param{p}
		}
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", t.Name(), f.Name, err)
		}
		for _, p := range more {
			if seen[p.Name] {
				return nil, fmt.Errorf("%s has two fields %q", t.Name(), p.Name)
			}
			seen[p.Name] = true
			fields = append(fields, p)
		}
	}
	return fields, nil
}

func readField(f reflect.StructField, tag string, index []int) (Param, error) {
	words := strings.Split(tag, ",")
	p := Param{Name: words[0], Doc: f.Tag.Get("doc"), Unit: f.Tag.Get("unit"), index: index}
	if p.Name == "" {
		return p, fmt.Errorf("the lua tag has no name")
	}
	for _, word := range words[1:] {
		switch word {
		case "required":
			p.Required, p.Positional = true, true
		case "pos":
			p.Positional = true
		case "produced":
			p.Produced = true
		case "omitempty":
			p.OmitEmpty = true
		default:
			return p, fmt.Errorf("unknown word %q in the lua tag", word)
		}
	}
	if enum := f.Tag.Get("enum"); enum != "" {
		p.Enum = strings.Split(enum, "|")
	}
	p.Default, p.HasDefault = f.Tag.Lookup("default")
	var err error
	p.Type, err = typeOf(f.Type)
	return p, err
}
