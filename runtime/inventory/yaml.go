package inventory

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// maxNodes and maxDepth bound what aliases can make of a small file.
const (
	maxNodes = 2_000_000
	maxDepth = 100
)

var (
	yamlLine = lazyregexp.New(`line ([0-9]+)(?:, column ([0-9]+))?: `)
	vaulted  = "$ANSIBLE_VAULT;"
)

// readYAML reads a YAML file as Ansible does: plain yes, no, on and off are
// truth values. Values that ansible-vault encrypted are refused.
func readYAML(name string, text []byte) (*document, error) {
	d := &document{name: name, at: map[string]place{}}
	if strings.HasPrefix(strings.TrimSpace(string(text)), vaulted) {
		return nil, vaultError(name, "the file")
	}
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		message, where := strings.TrimPrefix(err.Error(), "yaml: "), place{}
		if m := yamlLine.FindStringSubmatch(message); m != nil {
			where.line, _ = strconv.Atoi(m[1])
			where.column, _ = strconv.Atoi(m[2])
			message = strings.Replace(message, m[0], "", 1)
		}
		return nil, invalid("%s: %s", where.in(name), message)
	}
	if len(root.Content) == 0 {
		return d, nil
	}
	w := yamlWalk{document: d}
	var err error
	d.data, err = w.value(root.Content[0], nil, 0)
	return d, err
}

func vaultError(where, what string) error {
	return effect.WithHint(invalid("%s: %s is encrypted by ansible-vault, which bsdrun does not read", where, what),
		"keep it in the file of --secrets instead, and use secret(\"NAME\") in the recipe; ansible-vault decrypt shows what it is")
}

// yamlWalk turns nodes into plain data and notes where they stand.
type yamlWalk struct {
	*document
	nodes int
}

func (w *yamlWalk) value(n *yaml.Node, path []string, depth int) (any, error) {
	if w.nodes++; w.nodes > maxNodes || depth > maxDepth {
		return nil, invalid("%s: too much for an inventory: does an alias lead to itself?", place{n.Line, n.Column}.in(w.name))
	}
	if _, known := w.at[pathOf(path...)]; !known {
		w.at[pathOf(path...)] = place{n.Line, n.Column}
	}
	if n.Tag == "!vault" || n.Tag == "!vault-encrypted" {
		return nil, vaultError(place{n.Line, n.Column}.in(w.name), strings.Join(path, "."))
	}
	switch n.Kind {
	case yaml.AliasNode:
		return w.value(n.Alias, path, depth+1)
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for i, child := range n.Content {
			v, err := w.value(child, append(path[:len(path):len(path)], strconv.Itoa(i)), depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.MappingNode:
		return w.mapping(n, path, depth)
	default:
		return w.scalar(n)
	}
}

// mapping reads a table; what << merges gives way to the table's own keys.
func (w *yamlWalk) mapping(n *yaml.Node, path []string, depth int) (any, error) {
	table, merged := map[string]any{}, []*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, child := n.Content[i], n.Content[i+1]
		here := place{key.Line, key.Column}
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		switch {
		case key.Kind != yaml.ScalarNode:
			return nil, invalid("%s: a key is a word", here.in(w.name))
		case key.ShortTag() == "!!merge":
			merged = append(merged, child)
			continue
		}
		if _, twice := table[key.Value]; twice {
			return nil, invalid("%s: %s stands here twice", here.in(w.name), key.Value)
		}
		inner := append(path[:len(path):len(path)], key.Value)
		w.at[pathOf(inner...)] = here
		v, err := w.value(child, inner, depth+1)
		if err != nil {
			return nil, err
		}
		table[key.Value] = v
	}
	for _, m := range merged {
		v, err := w.value(m, path, depth+1)
		if err != nil {
			return nil, err
		}
		list, several := v.([]any)
		if !several {
			list = []any{v}
		}
		for _, one := range list {
			more, ok := one.(map[string]any)
			if !ok {
				return nil, invalid("%s: << takes a table or a list of tables", place{m.Line, m.Column}.in(w.name))
			}
			for key, v := range more {
				if _, own := table[key]; !own {
					table[key] = v
				}
			}
		}
	}
	return table, nil
}

func (w *yamlWalk) scalar(n *yaml.Node) (any, error) {
	if strings.HasPrefix(n.Value, vaulted) {
		return nil, vaultError(place{n.Line, n.Column}.in(w.name), "a value")
	}
	switch n.ShortTag() {
	case "!!null":
		return nil, nil //nolint:nilnil // null is a value
	case "!!bool":
		var b bool
		err := n.Decode(&b)
		return b, err
	case "!!int":
		var i int64
		if err := n.Decode(&i); err == nil {
			return i, nil
		}
		return n.Value, nil // beyond 64 bits
	case "!!float":
		var f float64
		if err := n.Decode(&f); err == nil {
			return f, nil
		}
		return n.Value, nil
	}
	if n.Style == 0 {
		switch strings.ToLower(n.Value) {
		case "yes", "on":
			return true, nil
		case "no", "off":
			return false, nil
		}
	}
	return n.Value, nil
}

// typeName tells a person what a value is.
func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "nothing"
	case map[string]any:
		return "a table"
	case []any:
		return "a list"
	case string:
		return "text"
	case bool:
		return "a truth value"
	case int64, float64:
		return "a number"
	default:
		return fmt.Sprintf("%T", v)
	}
}
