package journal

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"sync"

	"github.com/fxamacker/cbor/v2"
)

// codec holds the two halves of the value encoding. CBOR tells integers from
// floats, lists from tables (also when empty) and keeps strings of any bytes,
// which JSON does not.
var codec = sync.OnceValue(func() (c struct {
	enc cbor.EncMode
	dec cbor.DecMode
}) {
	var err1, err2 error
	c.enc, err1 = cbor.EncOptions{Sort: cbor.SortBytewiseLexical, Time: cbor.TimeRFC3339Nano}.EncMode()
	c.dec, err2 = cbor.DecOptions{
		DefaultMapType:   reflect.TypeFor[map[string]any](),
		IntDec:           cbor.IntDecConvertSignedOrFail,
		UTF8:             cbor.UTF8DecodeInvalid,
		MaxArrayElements: math.MaxInt32,
		MaxMapPairs:      math.MaxInt32,
		MaxNestedLevels:  256,
	}.DecMode()
	if err := errors.Join(err1, err2); err != nil {
		panic(err) // the options are constants
	}
	return c
})

// EncodeValue turns plain data (nil, bool, float64, int64, string, []any,
// map[string]any) into bytes that DecodeValue turns back exactly. Anything else
// is an error that names where it lies.
func EncodeValue(v any) ([]byte, error) {
	if err := checkPlain(v, "the value", 0); err != nil {
		return nil, err
	}
	return codec().enc.Marshal(v)
}

// DecodeValue is the inverse of EncodeValue; no bytes at all are nil.
func DecodeValue(b []byte) (any, error) {
	if len(b) == 0 {
		return nil, nil
	}
	var v any
	if err := codec().dec.Unmarshal(b, &v); err != nil {
		return nil, fmt.Errorf("a recorded value cannot be read: %w", err)
	}
	return v, nil
}

// maxDepth bounds the nesting of a value; a table that holds itself hits it.
const maxDepth = 100

func checkPlain(v any, where string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%s is nested deeper than %d levels", where, maxDepth)
	}
	switch v := v.(type) {
	case nil, bool, float64, int64, string:
		return nil
	case []any:
		if v == nil {
			return fmt.Errorf("%s is a nil list", where)
		}
		for i, item := range v {
			if err := checkPlain(item, fmt.Sprintf("%s[%d]", where, i+1), depth+1); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		if v == nil {
			return fmt.Errorf("%s is a nil table", where)
		}
		for key, item := range v {
			if err := checkPlain(item, where+"."+key, depth+1); err != nil {
				return err
			}
		}
		return nil
	default:
		return fmt.Errorf("%s is %T, which cannot be recorded", where, v)
	}
}

// ForJSON makes a value fit for JSON: numbers that JSON has no name for become
// null.
func ForJSON(v any) any {
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
		return v
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = ForJSON(item)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[key] = ForJSON(item)
		}
		return out
	default:
		return v
	}
}
