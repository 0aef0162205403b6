package binding

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

var (
	typeContext = reflect.TypeFor[context.Context]()
	typeError   = reflect.TypeFor[error]()
)

// signature is what reflection tells of a Func's Call, read once.
type signature struct {
	host    bool         // takes a Doer
	args    reflect.Type // nil: takes no arguments
	params  []Param      // positional ones first, each group in field order
	returns *Type
	err     error
}

var signatures sync.Map // reflect.Type of Call -> *signature

func (f *Func) signature() *signature {
	if f.Call == nil {
		return &signature{err: errors.New("has no Call")}
	}
	t := reflect.TypeOf(f.Call)
	if known, ok := signatures.Load(t); ok {
		return known.(*signature)
	}
	sig := &signature{returns: &Type{Shape: Nothing}}
	sig.err = sig.read(t)
	signatures.Store(t, sig)
	return sig
}

func (s *signature) read(t reflect.Type) error {
	if t.Kind() != reflect.Func || t.NumIn() == 0 || t.In(0) != typeContext {
		return fmt.Errorf("Call is %s, not a function whose first parameter is a context", t)
	}
	next := 1
	if next < t.NumIn() && t.In(next) == typeDoer {
		s.host = true
		next++
	}
	if next < t.NumIn() {
		s.args = t.In(next)
		next++
	}
	if next != t.NumIn() {
		return fmt.Errorf("Call has too many parameters: %s", t)
	}
	if s.args != nil {
		if s.args.Kind() != reflect.Struct {
			return fmt.Errorf("Call's arguments are %s, not a struct", s.args)
		}
		fields, err := structFields(s.args)
		if err != nil {
			return err
		}
		s.params = positionalFirst(fields)
	}
	return s.readReturns(t)
}

func (s *signature) readReturns(t reflect.Type) error {
	n := t.NumOut()
	if n == 0 || n > 2 || t.Out(n-1) != typeError {
		return fmt.Errorf("Call must return a result and an error, or an error: %s", t)
	}
	if n == 1 {
		return nil
	}
	var err error
	s.returns, err = typeOf(t.Out(0))
	return err
}

func positionalFirst(fields []Param) []Param {
	params := make([]Param, 0, len(fields))
	for _, wanted := range []func(p Param) bool{
		func(p Param) bool { return p.Required },
		func(p Param) bool { return p.Positional && !p.Required },
		func(p Param) bool { return !p.Positional },
	} {
		for _, p := range fields {
			if wanted(p) {
				params = append(params, p)
			}
		}
	}
	return params
}

// Params describes the arguments: positional ones first, then the options.
func (f *Func) Params() []Param { return f.signature().params }

// Returns describes the result.
func (f *Func) Returns() *Type { return f.signature().returns }

var (
	moduleName = lazyregexp.New(`^[a-z][a-z0-9_]*$`)
	funcName   = lazyregexp.New(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$`)
)

// Validate tells what is wrong with the declarations of a module.
func (m *Module) Validate() error {
	var errs []error
	note := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("module "+m.Name+": "+format, args...))
	}
	if !moduleName.MatchString(m.Name) {
		note("a module's name is lower case letters, digits and _")
	}
	if m.Doc == "" {
		note("has no doc")
	}
	seen := map[string]bool{}
	for i := range m.Funcs {
		f := &m.Funcs[i]
		if seen[f.Name] {
			note("two functions are named %s", f.Name)
		}
		seen[f.Name] = true
		for _, err := range f.validate(m.Global) {
			note("%s: %w", f.Name, err)
		}
	}
	for _, class := range m.Classes {
		for i := range class.Funcs {
			f := &class.Funcs[i]
			for _, err := range f.validate(false) {
				note("%s:%s: %w", class.Name, f.Name, err)
			}
			if params := f.Params(); len(params) == 0 || !params[0].Required || params[0].Type.Shape != String {
				note("%s:%s: the first parameter must be the handle's id, a required string", class.Name, f.Name)
			}
		}
	}
	return errors.Join(errs...)
}

func (f *Func) validate(global bool) []error {
	var errs []error
	note := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !funcName.MatchString(f.Name) {
		note("a function's name is lower case words joined by dots")
	}
	if f.Doc == "" {
		note("has no doc")
	}
	sig := f.signature()
	if sig.err != nil {
		return append(errs, sig.err)
	}
	if sig.host == global {
		note("a function of a global module takes no host, any other takes one")
	}
	for _, p := range sig.params {
		if err := p.validate(); err != nil {
			note("%s: %w", p.Name, err)
		}
	}
	if f.Property && len(sig.params) > 0 {
		note("a property takes no arguments")
	}
	if err := validateResult(sig.returns, nil); err != nil {
		note("result: %w", err)
	}
	shape := sig.returns.Shape
	if f.Kind == effect.Change && shape != Record && shape != Nothing {
		note("a change returns a struct or nothing")
	}
	return errs
}

// validate checks one argument: documented, a default that its type takes.
func (p *Param) validate() error {
	if p.Doc == "" {
		return errors.New("has no doc")
	}
	if p.Produced || p.OmitEmpty {
		return errors.New("produced and omitempty are for results")
	}
	if p.HasDefault {
		if p.Required {
			return errors.New("is required and has a default")
		}
		v := reflect.New(p.Type.goType).Elem()
		if err := setDefault(v, p); err != nil {
			return fmt.Errorf("default: %w", err)
		}
	}
	return validateNested(p.Type, map[reflect.Type]bool{})
}

// validateNested looks into the structs that an argument is made of.
func validateNested(t *Type, seen map[reflect.Type]bool) error {
	switch t.Shape {
	case List, Map:
		return validateNested(t.Elem, seen)
	case Record:
		if seen[t.goType] {
			return nil
		}
		seen[t.goType] = true
		fields, err := structFields(structType(t.goType))
		if err != nil {
			return err
		}
		for i := range fields {
			if err := validateNested(fields[i].Type, seen); err != nil {
				return err
			}
		}
	}
	return nil
}

func structType(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// validateResult looks into a result for fields that cannot be converted.
func validateResult(t *Type, path []reflect.Type) error {
	switch t.Shape {
	case FileContent, LocalFile:
		return fmt.Errorf("%s cannot be returned", t.goType)
	case List, Map:
		return validateResult(t.Elem, path)
	case Record:
		for _, above := range path {
			if above == t.goType {
				return nil
			}
		}
		fields, err := structFields(structType(t.goType))
		if err != nil {
			return err
		}
		for i := range fields {
			p := &fields[i]
			if err := validateResult(p.Type, append(path, t.goType)); err != nil {
				return err
			}
		}
	}
	return nil
}
