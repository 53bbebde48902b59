package servicefile

import (
	"fmt"
	"strconv"

	"go.yaml.in/yaml/v4"
)

// source is the tree of a service file as it was written, from which the line
// of a value is looked up after Compose has resolved it.
type source struct {
	root *yaml.Node
}

// maxAliasDepth bounds how many YAML aliases are followed for one look-up, as a
// file may hold a cycle of them.
const maxAliasDepth = 16

func parseSource(data []byte) (source, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return source{}, err
	}
	if doc.Kind == yaml.DocumentNode && len(doc.Content) > 0 {
		return source{root: doc.Content[0]}, nil
	}
	return source{}, nil
}

// line is where the value at path stands, or the nearest thing above it that
// the file holds. Elements of a list are addressed by their number.
func (s source) line(path ...string) int {
	node, line := resolve(s.root), 0
	for _, step := range path {
		key, value := child(node, step, maxAliasDepth)
		if key == nil {
			return line
		}
		line, node = key.Line, resolve(value)
	}
	return line
}

// node is the value at path, or nil.
func (s source) node(path ...string) *yaml.Node {
	node := resolve(s.root)
	for _, step := range path {
		_, value := child(node, step, maxAliasDepth)
		node = resolve(value)
	}
	return node
}

// written is how the value at path is written; false where what is there is not
// that value, as in a file of several documents.
func (s source) written(value any, path ...string) (string, bool) {
	var there any
	node := s.node(path...)
	if node == nil || node.Decode(&there) != nil || fmt.Sprint(there) != fmt.Sprint(value) {
		return "", false
	}
	return node.Value, true
}

// has tells whether the file itself holds a value at path.
func (s source) has(path ...string) bool { return s.node(path...) != nil }

// length is that of the list at path.
func (s source) length(path ...string) int {
	if node := s.node(path...); node != nil && node.Kind == yaml.SequenceNode {
		return len(node.Content)
	}
	return 0
}

// keys are those of the mapping at path, as they are written.
func (s source) keys(path ...string) []string {
	node := s.node(path...)
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	var keys []string
	for i := 0; i+1 < len(node.Content); i += 2 {
		keys = append(keys, node.Content[i].Value)
	}
	return keys
}

// child finds the entry of a mapping or list; key is where it stands.
func child(node *yaml.Node, step string, depth int) (key, value *yaml.Node) {
	if node == nil || depth == 0 {
		return nil, nil
	}
	switch node.Kind {
	case yaml.MappingNode:
		return childOfMapping(node, step, depth)
	case yaml.SequenceNode:
		if n, err := strconv.Atoi(step); err == nil && n >= 0 && n < len(node.Content) {
			return node.Content[n], node.Content[n]
		}
	}
	return nil, nil
}

func childOfMapping(node *yaml.Node, step string, depth int) (key, value *yaml.Node) {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == step {
			return node.Content[i], node.Content[i+1]
		}
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value != "<<" {
			continue
		}
		if k, v := childOfMerge(resolve(node.Content[i+1]), step, depth-1); k != nil {
			return k, v
		}
	}
	return nil, nil
}

// childOfMerge looks in what a "<<" key merges: a mapping or a list of them.
func childOfMerge(node *yaml.Node, step string, depth int) (key, value *yaml.Node) {
	if node == nil || node.Kind != yaml.SequenceNode {
		return child(node, step, depth)
	}
	for _, n := range node.Content {
		if k, v := child(resolve(n), step, depth); k != nil {
			return k, v
		}
	}
	return nil, nil
}

func resolve(node *yaml.Node) *yaml.Node {
	for range maxAliasDepth {
		if node == nil || node.Kind != yaml.AliasNode {
			return node
		}
		node = node.Alias
	}
	return nil
}
