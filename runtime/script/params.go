package script

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/spelling"
)

// Params checks the values given for a recipe's parameters and fills in the
// defaults. Values are plain data, or strings as the command line gives them.
// Everything that is wrong or missing is told at once, in an error of kind
// Usage. An ad hoc script takes whatever it is given.
func (p *Program) Params(given map[string]any) (map[string]any, error) {
	out := map[string]any{}
	if p.Recipe == nil {
		for name, value := range given {
			out[name] = value
		}
		return out, nil
	}
	var problems []string
	names := make([]string, 0, len(p.Recipe.Params))
	for i := range p.Recipe.Params {
		param := &p.Recipe.Params[i]
		names = append(names, param.Name)
		value, ok := given[param.Name]
		if !ok || value == nil {
			switch {
			case param.Required:
				problems = append(problems, fmt.Sprintf("%s is missing: %s (%s)", param.Name, param.Doc, param.Type))
			case param.Default != nil:
				out[param.Name] = param.Default
			}
			continue
		}
		checked, err := param.check(value)
		if err != nil {
			problems = append(problems, param.Name+": "+err.Error())
			continue
		}
		out[param.Name] = checked
	}
	problems = append(problems, unknownParams(given, names)...)
	if len(problems) == 0 {
		return out, nil
	}
	e := effect.Errorf(effect.Usage, p.Name, "%s", strings.Join(problems, "\n"))
	e.Hint = "give parameters as -p name=value; `bsdrun doc " + p.Name + "` lists them"
	return nil, e
}

func unknownParams(given map[string]any, names []string) []string {
	var problems []string
	for _, name := range sortedNames(given) {
		known := false
		for _, n := range names {
			known = known || n == name
		}
		if known {
			continue
		}
		problems = append(problems, fmt.Sprintf("there is no parameter %q%s", name, spelling.Guess(name, names)))
	}
	return problems
}

// check converts a value to the parameter's type and checks enum and pattern.
func (p *Param) check(value any) (any, error) {
	checked, err := p.convert(value)
	if err != nil {
		return nil, err
	}
	items, isList := checked.([]any)
	if !isList {
		items = []any{checked}
	}
	for _, item := range items {
		text := fmt.Sprint(item)
		if len(p.Enum) > 0 {
			if err := oneOf(text, p.Enum); err != nil {
				return nil, err
			}
		}
		if p.pattern != nil && !p.pattern.MatchString(text) {
			return nil, fmt.Errorf("%q does not match %s", text, p.Pattern)
		}
	}
	return checked, nil
}

func oneOf(text string, words []string) error {
	for _, word := range words {
		if word == text {
			return nil
		}
	}
	problem := fmt.Sprintf("expected one of %s, got %q", strings.Join(words, ", "), text)
	return errors.New(problem + spelling.Guess(text, words))
}

func (p *Param) convert(value any) (any, error) {
	switch p.Type {
	case "integer":
		n, err := asNumber(value)
		if err != nil {
			return nil, err
		}
		if n != math.Trunc(n) || math.Abs(n) > exact {
			return nil, fmt.Errorf("expected a whole number, got %v", value)
		}
		return int64(n), nil
	case "number":
		return asNumber(value)
	case "boolean":
		return asBoolean(value)
	case "list":
		return asList(value)
	case "table":
		return asTable(value)
	case "size":
		return asSize(value)
	case "duration":
		return asDuration(value)
	case "local":
		return asLocal(value)
	default: // string, host, secret: a name
		switch value := value.(type) {
		case string:
			return value, nil
		case bool, int64, float64:
			if p.Type == "string" {
				return nil, fmt.Errorf("expected a string, got %v", value)
			}
		}
		return nil, fmt.Errorf("expected a %s", p.Type)
	}
}

// asLocal is a path on the controller, made absolute so that a resumed run finds
// it wherever it is started.
func asLocal(value any) (any, error) {
	name, ok := value.(string)
	if !ok || name == "" {
		return nil, errors.New("expected a path on this machine")
	}
	return filepath.Abs(name)
}

func asNumber(value any) (float64, error) {
	switch value := value.(type) {
	case int64:
		return float64(value), nil
	case int:
		return float64(value), nil
	case float64:
		return value, nil
	case string:
		if n, err := strconv.ParseFloat(value, 64); err == nil && !math.IsNaN(n) && !math.IsInf(n, 0) {
			return n, nil
		}
		return 0, fmt.Errorf("expected a number, got %q", value)
	}
	return 0, fmt.Errorf("expected a number, got %v", value)
}

func asBoolean(value any) (any, error) {
	switch value := value.(type) {
	case bool:
		return value, nil
	case string:
		switch strings.ToLower(value) {
		case "true", "yes", "on", "1":
			return true, nil
		case "false", "no", "off", "0":
			return false, nil
		}
	}
	return nil, fmt.Errorf("expected true or false, got %v", value)
}

// asList takes a list, or words between commas.
func asList(value any) (any, error) {
	switch value := value.(type) {
	case []any:
		return value, nil
	case map[string]any:
		if len(value) == 0 {
			return []any{}, nil
		}
	case string:
		if strings.HasPrefix(value, "[") {
			var list []any
			if err := decodeJSONInto(value, &list); err != nil {
				return nil, fmt.Errorf("expected a list: %w", err)
			}
			return list, nil
		}
		list := []any{}
		for _, word := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' }) {
			list = append(list, word)
		}
		return list, nil
	}
	return nil, fmt.Errorf("expected a list, got %v", value)
}

// asTable takes a table, a JSON object, or name=value between commas.
func asTable(value any) (any, error) {
	switch value := value.(type) {
	case map[string]any:
		return value, nil
	case []any:
		if len(value) == 0 {
			return map[string]any{}, nil
		}
	case string:
		table := map[string]any{}
		if strings.HasPrefix(value, "{") {
			if err := decodeJSONInto(value, &table); err != nil {
				return nil, fmt.Errorf("expected a table: %w", err)
			}
			return table, nil
		}
		for _, pair := range strings.Split(value, ",") {
			name, item, ok := strings.Cut(pair, "=")
			if !ok {
				return nil, fmt.Errorf("expected name=value,..., got %q", pair)
			}
			table[strings.TrimSpace(name)] = item
		}
		return table, nil
	}
	return nil, fmt.Errorf("expected a table, got %v", value)
}

func decodeJSONInto(text string, target any) error {
	return json.Unmarshal([]byte(text), target)
}

// asSize takes bytes, or a number with one of the suffixes K, M, G, T (powers
// of 1024).
func asSize(value any) (any, error) {
	text, ok := value.(string)
	if !ok {
		n, err := asNumber(value)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("expected a size like 20G, got %v", value)
		}
		return int64(n), nil
	}
	digits := strings.TrimSuffix(strings.TrimSuffix(strings.ToUpper(text), "B"), "I")
	shift := 0
	if i := strings.IndexAny(digits, "KMGT"); i >= 0 && i == len(digits)-1 {
		shift = 10 * (strings.IndexByte("KMGT", digits[i]) + 1)
		digits = digits[:i]
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || n < 0 || n*float64(int64(1)<<shift) > exact {
		return nil, fmt.Errorf("expected a size like 20G, got %q", text)
	}
	return int64(n * float64(int64(1)<<shift)), nil
}

// asDuration takes seconds, or a duration like 1h30m.
func asDuration(value any) (any, error) {
	if text, ok := value.(string); ok {
		if d, err := time.ParseDuration(text); err == nil && d >= 0 {
			return d.Seconds(), nil
		}
	}
	n, err := asNumber(value)
	if err != nil || n < 0 {
		return nil, fmt.Errorf("expected seconds, or a duration like 90m, got %v", value)
	}
	return n, nil
}

// Synopsis is how a parameter is given, with what it may be:
// "branch=STRING (default main)".
func (p *Param) Synopsis() string {
	what := strings.ToUpper(p.Type)
	if len(p.Enum) > 0 {
		what = strings.Join(p.Enum, "|")
	}
	text := p.Name + "=" + what
	switch {
	case p.Required:
		text += " (required)"
	case p.Default != nil:
		text += fmt.Sprintf(" (default %v)", p.shownDefault())
	}
	return text
}

// shownDefault is the default as one would give it: 90m, not 5400.
func (p *Param) shownDefault() any {
	n, ok := p.Default.(float64)
	if p.Type != "duration" || !ok {
		return p.Default
	}
	text := seconds(n).String()
	for _, nothing := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, nothing) {
			text = strings.TrimSuffix(text, nothing[1:])
		}
	}
	return text
}
