package state

import (
	"encoding/json"
	"reflect"
	"strconv"
)

func withPatch(version, branch string, patch int) string {
	text := version + "-" + branch
	if patch > 0 {
		text += "-p" + strconv.Itoa(patch)
	}
	return text
}

// Parts is the state as it is kept, by field, without what comes from the
// profile.
func (s *State) Parts() map[string]json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	parts := map[string]json.RawMessage{}
	for field, value := range reflect.ValueOf(s).Elem().Fields() {
		if !field.IsExported() {
			continue
		}
		data, err := json.Marshal(value.Interface())
		if err != nil {
			panic(err) // plain data always has a JSON form
		}
		parts[field.Name] = data
	}
	return parts
}

// FromParts is the state that its parts describe.
func FromParts(parts map[string]json.RawMessage) (*State, error) {
	data, err := json.Marshal(parts)
	if err != nil {
		return nil, err
	}
	s := New()
	return s, json.Unmarshal(data, s)
}
