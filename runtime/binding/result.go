package binding

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"bsdrun/runtime/effect"
)

// Value is a result made ready for a script: nil, bool, float64, int64, string,
// ListValue, MapValue, *RecordValue, effect.Secret or Host.
type Value any

// ListValue is a list, empty or not.
type ListValue []Value

// MapValue is a table whose keys are data.
type MapValue []NamedValue

// NamedValue is an entry of a MapValue or a field of a record.
type NamedValue struct {
	Name  string
	Value Value
	// Unknown: only the change that check mode skipped would tell.
	Unknown bool
}

// RecordValue is a struct: its fields in the order of its declaration. Absent
// fields are left out.
type RecordValue struct {
	Fields []NamedValue
	Handle *Handle
}

// Convert makes a function's result ready for a script. When a change was
// skipped in the call, what the change alone produces is unknown.
func Convert(result any, skipped bool) Value {
	if result == nil {
		return nil
	}
	return convert(reflect.ValueOf(result), skipped)
}

// UnknownResult stands for the result of a change that was skipped before it
// could tell anything: it would have changed the host, the rest is unknown.
func (f *Func) UnknownResult() *RecordValue {
	record := &RecordValue{Fields: []NamedValue{{Name: "changed", Value: true}}}
	for _, p := range f.Returns().Fields() {
		if p.Name != "changed" {
			record.Fields = append(record.Fields, NamedValue{Name: p.Name, Unknown: true})
		}
	}
	return record
}

func convert(v reflect.Value, skipped bool) Value {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return nil
		}
		if v.Kind() == reflect.Pointer && v.Elem().Kind() == reflect.Struct && v.Type().Implements(typeHandler) {
			break
		}
		v = v.Elem()
	}
	switch special := v.Interface().(type) {
	case time.Time:
		if special.IsZero() {
			return nil
		}
		return special.UTC().Format(time.RFC3339)
	case time.Duration:
		return special.Seconds()
	case []byte:
		return string(special)
	case effect.Secret, Host:
		return special
	case effect.Doer:
		return Host{Doer: special}
	}
	switch v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return float64(v.Uint())
	case reflect.Float32, reflect.Float64:
		return v.Float()
	case reflect.Slice, reflect.Array:
		list := make(ListValue, v.Len())
		for i := range list {
			list[i] = convert(v.Index(i), skipped)
		}
		return list
	case reflect.Map:
		return convertMap(v, skipped)
	case reflect.Struct, reflect.Pointer:
		return convertRecord(v, skipped)
	default:
		return fmt.Sprint(v.Interface())
	}
}

func convertMap(v reflect.Value, skipped bool) MapValue {
	keys := sortedKeys(v)
	out := make(MapValue, 0, len(keys))
	for _, key := range keys {
		out = append(out, NamedValue{Name: key.String(), Value: convert(v.MapIndex(key), skipped)})
	}
	return out
}

func sortedKeys(v reflect.Value) []reflect.Value {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	return keys
}

func convertRecord(v reflect.Value, skipped bool) *RecordValue {
	record := &RecordValue{}
	if handler, ok := v.Interface().(Handler); ok {
		handle := handler.Handle()
		record.Handle = &handle
	}
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	fields, err := structFields(v.Type())
	if err != nil {
		// A declared result was validated; this one came inside an any.
		return record
	}
	for i := range fields {
		p := &fields[i]
		field := v.FieldByIndex(p.index)
		switch {
		case skipped && p.Produced:
			record.Fields = append(record.Fields, NamedValue{Name: p.Name, Unknown: true})
		case p.OmitEmpty && field.IsZero():
		default:
			record.Fields = append(record.Fields, NamedValue{Name: p.Name, Value: convert(field, skipped)})
		}
	}
	return record
}
